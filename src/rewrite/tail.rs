//! A final `| tail -n N`, which shows nothing until everything before it has ended.

use super::Subject;
use crate::shell::{Pipeline, SimpleCommand, Sink, Span};

/// A `tail` that can go.
pub(super) struct FinalTail {
    /// Index into [`crate::shell::Script::pipelines`].
    pub(super) pipeline: usize,
    /// Index of the stage that writes into it.
    pub(super) stage_before: usize,
    /// From the end of the stage before it to its own end.
    pub(super) span: Span,
    /// The simple command.
    pub(super) text: String,
}

/// Looks for a pipeline of one of `targets` that ends in `tail`. `Err` says why it has to stay.
pub(super) fn find(
    subject: Subject<'_>,
    targets: &[usize],
) -> Option<Result<FinalTail, &'static str>> {
    subject
        .script
        .pipelines
        .iter()
        .enumerate()
        .find_map(|(index, pipeline)| {
            let holds_target = pipeline.stages.iter().any(|stage| {
                stage
                    .simple_command
                    .is_some_and(|simple| targets.contains(&simple))
            });
            let (_, tail) = last_stage(subject, pipeline).filter(|_| holds_target)?;
            if tail.program().as_deref() != Some("tail") {
                return None;
            }
            Some(may_go(subject, pipeline, tail).and_then(|()| {
                found(subject, index, pipeline).ok_or("its place in the command isn't known")
            }))
        })
}

fn last_stage<'a>(subject: Subject<'a>, pipeline: &Pipeline) -> Option<(usize, &'a SimpleCommand)> {
    let index = pipeline.stages.last()?.simple_command?;
    Some((index, subject.script.simple_commands.get(index)?))
}

fn found(subject: Subject<'_>, index: usize, pipeline: &Pipeline) -> Option<FinalTail> {
    let [.., before, last] = pipeline.stages.as_slice() else {
        return None;
    };
    let span = Span {
        start: before.span.end,
        end: last.span.end,
    };
    Some(FinalTail {
        pipeline: index,
        stage_before: pipeline.stages.len().saturating_sub(2),
        span,
        text: subject
            .source
            .get(last.span.start..last.span.end)?
            .to_owned(),
    })
}

fn may_go(
    subject: Subject<'_>,
    pipeline: &Pipeline,
    tail: &SimpleCommand,
) -> Result<(), &'static str> {
    let place = pipeline.place;
    if !only_counts_lines(tail) {
        return Err("this `tail` does more than cut the output");
    }
    if !place.editable || place.function.is_some() || place.stdout != Sink::Stdout {
        return Err("the pipeline's output is used by the command");
    }
    if place.status_used || reads_status(subject) {
        return Err("the command uses the pipeline's exit status");
    }
    if pipeline.stages.iter().any(|stage| stage.joins_stderr) {
        return Err("`|&` joins errors to it");
    }
    Ok(())
}

/// `tail`, `tail -20`, `tail -n 20`, `tail -n20`, `tail --lines=20`: no file, no `-f`, no `+N`, no redirection.
fn only_counts_lines(tail: &SimpleCommand) -> bool {
    let count = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let words: Vec<String> = tail
        .words
        .iter()
        .skip(1)
        .map(crate::shell::Word::text)
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let plain = match words.as_slice() {
        [] => true,
        ["-n" | "--lines", value] => count(value.strip_prefix('-').unwrap_or(value)),
        [word] => ["--lines=", "-n", "-"]
            .iter()
            .find_map(|option| word.strip_prefix(option))
            .is_some_and(count),
        _ => false,
    };
    plain && tail.redirections.is_empty() && tail.assignments.is_empty()
}

fn reads_status(subject: Subject<'_>) -> bool {
    ["$?", "PIPESTATUS", "pipestatus", "pipefail", "errexit"]
        .iter()
        .any(|text| subject.source.contains(text))
        || subject.script.simple_commands.iter().any(|command| {
            matches!(
                command.program().as_deref(),
                Some("set" | "trap" | "shopt" | "setopt" | "wait")
            )
        })
}
