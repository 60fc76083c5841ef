//! Finds a final `| tail -n N`, which prints nothing until everything before it has ended.

use std::collections::BTreeSet;

use super::edits::comment_follows;
use super::input::{RewriteContext, RewriteInput};
use super::name_meaning::{self, Preserve};
use crate::programs::is_builtin;
use crate::shell::{Pipeline, Redirection, SimpleCommand, Sink, Span, Stage};

/// The removable `tail` commands at the end of a pipeline.
pub(super) struct FinalTail {
    /// Index into [`crate::shell::Script::pipelines`].
    pub(super) pipeline: usize,
    /// Index of the stage in front of it.
    pub(super) stage_before: usize,
    /// The span from the end of the previous stage to the end of the pipeline.
    pub(super) span: Span,
    /// The texts of the removed commands.
    pub(super) texts: Vec<String>,
}

/// Finds pipelines of `targets` that end in `tail`. The error is the reason why one must stay.
pub(super) fn find(
    input: RewriteInput<'_>,
    targets: &[usize],
    context: RewriteContext<'_>,
) -> Vec<Result<FinalTail, String>> {
    let commands = targets
        .iter()
        .filter_map(|&at| input.script.simple_commands.get(at));
    let written: BTreeSet<usize> = commands
        .filter_map(|command| match command.context.stdout {
            Sink::Pipe { pipeline, .. } => Some(pipeline),
            _ => None,
        })
        .collect();
    let pipelines = input.script.pipelines.iter().enumerate();
    let held = pipelines.filter(|(index, _)| written.contains(index));
    held.filter_map(|(index, pipeline)| final_tail(input, index, pipeline, context))
        .collect()
}

fn final_tail(
    input: RewriteInput<'_>,
    index: usize,
    pipeline: &Pipeline,
    context: RewriteContext<'_>,
) -> Option<Result<FinalTail, String>> {
    let tails = pipeline.stages.iter().rev().map_while(|stage| {
        let command = input.script.simple_commands.get(stage.simple_command?)?;
        (command.program().as_deref() == Some("tail")).then_some((stage, command))
    });
    let tails: Vec<_> = tails
        .take(pipeline.stages.len().saturating_sub(1))
        .collect();
    let (last, command) = tails.first()?;
    if !only_counts_lines(command) {
        return Some(Err(
            "this `tail` has other options than a number of lines".to_owned()
        ));
    }
    let gone: Vec<_> = tails
        .iter()
        .take_while(|(_, command)| only_counts_lines(command))
        .collect();
    let stage_before = pipeline.stages.len().checked_sub(gone.len() + 1)?;
    let kept = pipeline.stages.get(..=stage_before)?;
    let span = Span {
        start: kept.last()?.span.end,
        end: last.span.end,
    };
    let check_removable = check_removable(input, pipeline, kept)
        .and_then(|()| check_no_comment_after(input, kept, span))
        .map_err(str::to_owned)
        .and_then(|()| check_prints_no_data(input, kept, context))
        .and_then(|()| {
            let mut tails = gone.iter().map(|(_, command)| *command);
            tails.try_for_each(|tail| check_system_tool(input, tail, context))
        });
    if let Err(why) = check_removable {
        return Some(Err(why));
    }
    let text = |span: Span| input.source.get(span.start..span.end).map(str::to_owned);
    Some(Ok(FinalTail {
        pipeline: index,
        stage_before,
        span,
        texts: gone
            .iter()
            .filter_map(|(stage, _)| text(stage.span))
            .collect(),
    }))
}

/// Checks that `tail` is the system's own program, not a script, function or alias. The error is the reason.
fn check_system_tool(
    input: RewriteInput<'_>,
    tail: &SimpleCommand,
    context: RewriteContext<'_>,
) -> Result<(), String> {
    let word = tail.program_word().unwrap_or_default();
    if let Some(why) =
        name_meaning::reason_for_change(input, &word, Preserve::Meaning, context.tools)
    {
        return Err(format!("`tail` {why}"));
    }
    if !context.tools.is_system_tool(&word) {
        return Err(format!("`{word}` isn't known to be the system's `tail`"));
    }
    Ok(())
}

/// Checks that none of the `kept` commands prints data, such as a dump. Without `tail`, all of it would go into the
/// task's output.
fn check_prints_no_data(
    input: RewriteInput<'_>,
    kept: &[Stage],
    context: RewriteContext<'_>,
) -> Result<(), String> {
    let spans = || kept.iter().map(|stage| stage.span);
    let commands = input.script.simple_commands.iter().zip(context.forms);
    let mut inside = commands.filter(|(command, _)| {
        let start = command.start().unwrap_or_default();
        spans().any(|span| (span.start..span.end).contains(&start))
    });
    inside.try_for_each(|(_, forms)| match forms.prints_data() {
        Some(program) => Err(format!(
            "`{program}` prints data, and without `tail` all of it would be shown"
        )),
        None => Ok(()),
    })
}

/// Checks that removing the `tail` changes nothing else. Without the pipe, the shell itself runs the preceding command,
/// the command's status is visible, and zsh treats its redirections differently.
fn check_removable(
    input: RewriteInput<'_>,
    pipeline: &Pipeline,
    kept: &[Stage],
) -> Result<(), &'static str> {
    let around = pipeline.context;
    if !around.editable || around.function.is_some() || around.stdout != Sink::Stdout {
        return Err("the pipeline's output is used by the command");
    }
    if around.status_used || reads_status(input) {
        return Err("the command uses the pipeline's exit status");
    }
    if pipeline.stages.iter().any(|stage| stage.joins_stderr) {
        return Err("`|&` also pipes errors into it");
    }
    let command = |stage: &Stage| input.script.simple_commands.get(stage.simple_command?);
    match kept {
        // A subshell stays one without the pipe, and this one is in no loop or branch.
        [only] if only.is_subshell && pipeline.is_top_level && !input.source.contains("status") => {
            return Ok(());
        }
        [only] if command(only).is_some_and(|command| is_external(input, command)) => {}
        [first, tee]
            if command(first).is_some_and(|command| is_external(input, command))
                && command(tee).is_some_and(is_tee) => {}
        _ => return Err("more than one program is left without it"),
    }
    if pipeline.is_last {
        Ok(())
    } else {
        Err("other commands follow it")
    }
}

/// Whether `command` is an external program whose only redirections are `2>&1` and of standard input.
fn is_external(input: RewriteInput<'_>, command: &SimpleCommand) -> bool {
    let program = command.program_word().unwrap_or_default();
    let only_joins =
        |redirection: &Redirection| redirection.feeds_stdin || redirection.joins_stderr();
    !command.words.is_empty()
        && !is_builtin(&program)
        && !input.script.functions.contains(&program)
        && command.redirections.iter().all(only_joins)
}

fn is_tee(command: &SimpleCommand) -> bool {
    command.program().as_deref() == Some("tee") && command.redirections.is_empty()
}

/// Checks that the rest doesn't end in a redirection right before a comment, about which the client would ask.
fn check_no_comment_after(
    input: RewriteInput<'_>,
    kept: &[Stage],
    span: Span,
) -> Result<(), &'static str> {
    let command = kept.last().and_then(|stage| stage.simple_command);
    let command = command.and_then(|at| input.script.simple_commands.get(at));
    let redirects = command
        .and_then(SimpleCommand::words_end)
        .is_none_or(|end| end < span.start);
    if redirects && comment_follows(input.source, span.end) {
        return Err("Claude Code asks about a redirection before a comment");
    }
    Ok(())
}

/// Whether the command has the form `tail`, `tail -20`, `tail -n 20`, `tail -n20` or `tail --lines=20`, without a file,
/// `-f`, `+N` or a redirection.
fn only_counts_lines(tail: &SimpleCommand) -> bool {
    let count = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let words: Vec<String> = tail
        .words
        .iter()
        .skip(1)
        .map(crate::shell::Word::text)
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let only_a_count = match words.as_slice() {
        [] => true,
        ["-n" | "--lines", value] => count(value.strip_prefix('-').unwrap_or(value)),
        [word] => ["--lines=", "-n", "-"]
            .iter()
            .find_map(|option| word.strip_prefix(option))
            .is_some_and(count),
        _ => false,
    };
    only_a_count && tail.redirections.is_empty() && tail.assignments.is_empty()
}

fn reads_status(input: RewriteInput<'_>) -> bool {
    [
        "$?",
        "${?",
        "PIPESTATUS",
        "pipestatus",
        "pipefail",
        "errexit",
    ]
    .iter()
    .any(|text| input.source.contains(text))
        || input.script.simple_commands.iter().any(|command| {
            matches!(
                command.program().as_deref(),
                Some("set" | "trap" | "shopt" | "setopt" | "wait")
            )
        })
}
