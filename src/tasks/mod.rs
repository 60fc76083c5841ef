//! Background tasks: the records of them, whether and how they ended, and the words for it.

pub mod durations;
pub mod end_messages;
pub mod ended_or_lost;
pub mod last_output;
pub mod list;
pub mod on_end;
pub mod output;
pub mod output_size;
pub mod record;
pub mod status;
pub mod wait;
