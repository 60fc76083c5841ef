//! The tasks that a shell offers where one is to be named.

use clap_complete::engine::CompletionCandidate;

use crate::tasks::list::{self, Task};
use crate::tasks::status::Status;

/// This project's tasks, else all.
pub(super) fn tasks() -> Vec<CompletionCandidate> {
    candidates(|_| true)
}

/// This project's running tasks, else all running ones.
pub(super) fn running() -> Vec<CompletionCandidate> {
    candidates(|task| task.status == Status::Running)
}

fn candidates(is_wanted: impl Fn(&Task) -> bool) -> Vec<CompletionCandidate> {
    let project = list::project();
    let tasks: Vec<Task> = list::all().into_iter().filter(is_wanted).collect();
    let any_here = tasks.iter().any(|task| task.is_of(&project));
    tasks
        .iter()
        .filter(|task| !any_here || task.is_of(&project))
        .enumerate()
        .map(|(at, task)| {
            let name = task.name().unwrap_or_default();
            let help = format!("{name} ({})", task.words());
            let candidate = CompletionCandidate::new(&task.id).help(Some(help.into()));
            candidate.display_order(Some(at))
        })
        .collect()
}
