//! Facts about programs: wrappers, programs that buffer their output, programs that can run Python.

pub(crate) mod bounded;
mod data_printers;
mod filters;
mod names;
mod options;
mod path;
mod probe;
mod program_kinds;
mod start_files;
pub mod summary;
mod tools;
mod unwrap;
mod wrappers;

pub use bounded::{output_of, output_with_input};
pub(crate) use filters::{LineBufferingEdit, WordContext, line_buffering};
pub(crate) use options::has_short_option;
pub use path::{find, is_executable_name, locate, set_working_project};
pub(crate) use path::{is_executable, own_path};
pub use probe::ToolsOnPath;
pub(crate) use program_kinds::{is_builtin, is_quick};
pub use tools::{GnuTools, Tools, Trial};
pub(crate) use unwrap::inner_of;
pub use unwrap::{CommandForm, CommandForms, Invocation};
pub use wrappers::Wrapper;
pub(crate) use wrappers::{WrapperSource, is_seen_through};
