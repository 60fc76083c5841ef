//! Background tasks: their records, the detection of their ends, and messages about them.

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
pub mod supervised;
pub mod wait;
