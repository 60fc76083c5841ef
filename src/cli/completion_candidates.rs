//! Tasks that a shell offers as completions.

use clap_complete::engine::CompletionCandidate;

use crate::tasks::list::{self, Task};
use crate::tasks::status::Status;

/// Returns this project's tasks, or all if it has none.
pub(super) fn tasks() -> Vec<CompletionCandidate> {
    candidates(|_| true)
}

/// Returns this project's running tasks, or all running ones if it has none.
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
            let help = format!("{name} ({})", task.label());
            let candidate = CompletionCandidate::new(&task.id).help(Some(help.into()));
            candidate.display_order(Some(at))
        })
        .collect()
}
