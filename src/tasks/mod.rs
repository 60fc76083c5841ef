//! Background tasks: their records, the detection of their ends, and messages about them.

pub mod durations;
pub mod ended_or_lost;
pub mod list;
pub mod on_end;
pub mod output_cache;
pub mod output_size;
pub mod output_summary;
pub mod record;
pub mod silence;
pub mod status;
pub mod supervised;
pub mod user_messages;
pub mod wait;
