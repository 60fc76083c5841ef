//! Facts about programs: wrappers, programs that buffer their output, programs that can run Python.

pub(crate) mod bounded;
mod data_printers;
mod filters;
mod options;
mod path;
mod probe;
mod program_kinds;
mod start_files;
pub mod summary;
mod tools;
mod unwrap;
mod wrappers;

pub(crate) use filters::{LineBufferingEdit, WordContext, line_buffering};
pub(crate) use options::has_short_option;
pub use path::{ask, ask_with, find, is_there, locate, work_in};
pub(crate) use path::{is_executable, own_path, product_of};
pub use probe::ToolsOnPath;
pub(crate) use program_kinds::{is_builtin, is_quick};
pub use tools::{GnuTools, Tools, Trial};
pub(crate) use unwrap::inner_of;
pub use unwrap::{Line, View, Views};
pub use wrappers::Wrapper;
pub(crate) use wrappers::{Source as WrapperSource, is_seen_through};
