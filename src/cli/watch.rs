//! `bg-run watch`: prints changes of tasks for the view.

use std::io::IsTerminal as _;
use std::os::fd::{AsFd as _, BorrowedFd};
use std::process::ExitCode;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::args::WatchArgs;
use crate::config::{Configuration, Mode, View};
use crate::live::stream::{self, Stream};
use crate::tasks::list::project;

/// Watches the tasks until the reader has gone.
pub(super) fn run(wanted: WatchArgs) -> ExitCode {
    let view = Configuration::without_rules(Mode::Real).settings.view;
    if view == View::Off && wanted.until_idle {
        return ExitCode::SUCCESS;
    }
    let scope = stream::scope(wanted.session, &project());
    let stream = Stream::new(scope, view);
    let (input, output) = (std::io::stdin(), std::io::stdout());
    let mut ends = vec![output.as_fd()];
    if !input.is_terminal() && is_open(input.as_fd()) {
        ends.push(input.as_fd());
    }
    // A reader that has gone is no error.
    let _ = stream.write_to(&mut output.lock(), &ends, wanted.until_idle);
    ExitCode::SUCCESS
}

/// Whether the other end of this pipe is open.
fn is_open(input: BorrowedFd<'_>) -> bool {
    let mut polled = [PollFd::from_borrowed_fd(input, PollFlags::IN)];
    let at_once = Timespec::default();
    poll(&mut polled, Some(&at_once)).is_ok_and(|ready| ready == 0)
}
