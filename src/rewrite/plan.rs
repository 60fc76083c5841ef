//! Plans the edits, and records reasons for leaving others out.

mod line_buffering;
mod permission_outcome;
mod unbuffer;

use std::collections::BTreeSet;

use super::edits::{EditKind, LeftOut, PlannedEdit, TOO_MUCH, comment_follows};
use super::input::{EditSet, RewriteContext, RewriteInput};
use super::{tail, zsh_differences};
use crate::claude::permissions::{Comparison, UNBUFFERED};
use crate::shell::{Edit, Redirection, SimpleCommand, Sink};

const JOIN: &str = " 2>&1";
const RULE_CHANGES: &str = "another permission rule would match";
const WHOLE_CHANGES: &str = "a permission rule names the whole command";

/// Plans the edits for the simple commands at the sorted indices `targets`.
pub(super) fn plan(
    input: RewriteInput<'_>,
    targets: &[usize],
    context: RewriteContext<'_>,
) -> (Vec<PlannedEdit>, Vec<LeftOut>) {
    let mut plan = Plan {
        input,
        context,
        comparison: context.permissions.comparison(),
        whole: String::new(),
        edits: Vec::new(),
        left_out: Vec::new(),
        dropped: Vec::new(),
    };
    if let Some(text) = zsh_differences::difference(input.source) {
        let why = format!("zsh and bash read `{text}` differently");
        plan.omit(EditKind::UnbufferedVariable, why);
        return (plan.edits, plan.left_out);
    }
    // Any edit could change whether a hidden rule matches.
    if let Some(why) = context.permissions.unknown() {
        plan.omit_all(&format!("permission rules may be hidden: {why}"));
        return (plan.edits, plan.left_out);
    }
    plan.whole = plan.applied(None).unwrap_or_default();
    if context.wanted == EditSet::All {
        plan.drop_tail(targets);
    }
    for &index in &targets.iter().copied().collect::<BTreeSet<_>>() {
        let command = input.script.simple_commands.get(index);
        if let Some((command, forms)) = command.zip(context.forms.get(index)) {
            if !zsh_differences::names_a_program(command) {
                let why = "its first word may name no program, or another in zsh";
                plan.omit(EditKind::UnbufferedVariable, why);
                continue;
            }
            if let Some(word) = &forms.reserved {
                let why = format!("zsh takes `{word}` for a reserved word");
                plan.omit(EditKind::UnbufferedVariable, why);
                continue;
            }
            plan.unbuffer_by_option(command, forms);
            plan.buffer_by_line(index);
            plan.unbuffer(command, forms);
            if context.wanted == EditSet::All {
                plan.join_stderr(command);
            }
        }
    }
    if plan.comparison.is_exhausted() {
        plan.omit_all(TOO_MUCH);
    }
    (plan.edits, plan.left_out)
}

struct Plan<'a> {
    input: RewriteInput<'a>,
    context: RewriteContext<'a>,
    comparison: Comparison<'a>,
    /// The source without its markers, with which the client compares rules.
    whole: String,
    edits: Vec<PlannedEdit>,
    left_out: Vec<LeftOut>,
    /// The pipelines whose last stages are removed, each with the stage before those.
    dropped: Vec<(usize, usize)>,
}

impl<'a> Plan<'a> {
    /// Adds the edit to the plan if the same rules match the whole text; otherwise records the reason.
    fn add(&mut self, kind: EditKind, edit: Edit) -> bool {
        let planned = PlannedEdit { kind, edit };
        if self.edits.contains(&planned) {
            return true;
        }
        if self.changes_the_whole(&planned) {
            self.omit(kind, WHOLE_CHANGES);
            return false;
        }
        self.edits.push(planned);
        true
    }

    fn omit(&mut self, kind: EditKind, why: impl Into<String>) {
        let why = why.into();
        let left = LeftOut { kind, why };
        if !self.left_out.contains(&left) {
            self.left_out.push(left);
        }
    }

    /// Makes no edit at all, for this reason.
    fn omit_all(&mut self, why: &str) {
        self.edits.clear();
        self.left_out.clear();
        self.omit(EditKind::UnbufferedVariable, why);
        if self.context.wanted == EditSet::All {
            self.omit(EditKind::JoinStderr, why);
        }
    }

    /// Returns the source from the command's first assignment or word to its last word.
    fn text(&self, command: &SimpleCommand) -> &'a str {
        let span = self.start_without_markers(command).zip(command.words_end());
        span.map(|(start, end)| self.slice(start, end))
            .unwrap_or_default()
    }

    fn drop_tail(&mut self, targets: &[usize]) {
        let kind = EditKind::DropTail;
        for found in tail::find(self.input, targets, self.context) {
            let found = match found {
                Ok(found) => found,
                Err(why) => {
                    self.omit(kind, why);
                    continue;
                }
            };
            let rules = &self.comparison;
            if let Some(text) = found
                .texts
                .iter()
                .find(|text| rules.has_specific_match(text))
            {
                self.omit(kind, format!("a permission rule names `{text}`"));
                continue;
            }
            let before = self.pipeline_commands(found.pipeline);
            if before
                .iter()
                .any(|command| rules.may_restrict(self.text(command)))
            {
                // 2.1.90 applies such a rule only to a command that stands alone.
                self.omit(kind, "an ask or deny rule names a command before it");
                continue;
            }
            if self.add(kind, Edit::deletion(found.span)) {
                self.dropped.push((found.pipeline, found.stage_before));
            }
        }
    }

    fn pipeline_commands(&self, pipeline: usize) -> Vec<&'a SimpleCommand> {
        let script = self.input.script;
        let stages = script
            .pipelines
            .get(pipeline)
            .map(|pipeline| pipeline.stages.as_slice());
        let simple = stages
            .unwrap_or_default()
            .iter()
            .filter_map(|stage| stage.simple_command);
        simple
            .filter_map(|at| script.simple_commands.get(at))
            .collect()
    }

    /// Returns the start of the command without its markers.
    fn start_without_markers(&self, command: &SimpleCommand) -> Option<usize> {
        let markers = self.input.markers;
        let mut spans = command
            .assignments
            .iter()
            .chain(&command.words)
            .map(|word| word.span);
        spans
            .find(|span| !markers.iter().any(|marker| marker.start == span.start))
            .map(|span| span.start)
    }

    fn slice(&self, start: usize, end: usize) -> &'a str {
        self.input.source.get(start..end).unwrap_or_default()
    }

    fn join_stderr(&mut self, command: &SimpleCommand) {
        let kind = EditKind::JoinStderr;
        let around = command.context;
        if !around.editable || around.function.is_some() {
            return self.omit(kind, "the script itself uses this output");
        }
        let Some(end) = command.words_end() else {
            return;
        };
        if !command
            .redirections
            .iter()
            .all(|redirection| redirection.feeds_stdin)
        {
            return self.omit(kind, "the command redirects its output itself");
        }
        if !command
            .redirections
            .iter()
            .all(Redirection::is_here_document)
        {
            // Before `<file`, it would also redirect zsh's message about a missing file.
            return self.omit(kind, "the command redirects its input");
        }
        let stdout = match around.stdout {
            Sink::Pipe { pipeline, stage } if self.dropped.contains(&(pipeline, stage)) => {
                self.outer_stdout(pipeline)
            }
            sink => sink,
        };
        match (stdout, around.stderr) {
            (Sink::Stdout, Sink::Stderr) => {}
            (Sink::Pipe { .. }, _) => {
                return self.omit(kind, "it would put errors into the pipe");
            }
            (Sink::Stdout, Sink::Stdout) | (Sink::Stderr, Sink::Stderr) => return,
            _ => return self.omit(kind, "its output doesn't go to the task"),
        }
        if comment_follows(self.input.source, self.behind(end)) {
            return self.omit(kind, "Claude Code asks about `2>&1` before a comment");
        }
        if command
            .redirections
            .iter()
            .any(Redirection::is_here_document)
            && self.may_run(command)
        {
            return self.omit(
                kind,
                "Claude Code may ask about `2>&1` with a here-document",
            );
        }
        let start = self.start_without_markers(command);
        let prefixed = self.edits.iter().any(|planned| {
            planned.kind == EditKind::UnbufferedVariable && Some(planned.edit.span.start) == start
        });
        let prefix = if prefixed { UNBUFFERED } else { "" };
        if !self.same_around(command, prefix, JOIN) {
            return self.omit(kind, RULE_CHANGES);
        }
        self.add(kind, Edit::insertion(end, JOIN));
    }

    /// Returns the end of the dropped stages after `end`.
    fn behind(&self, end: usize) -> usize {
        let dropped = self
            .edits
            .iter()
            .find(|planned| planned.kind == EditKind::DropTail && planned.edit.span.start == end);
        dropped.map_or(end, |planned| planned.edit.span.end)
    }

    /// Whether an allow rule may match the command, ignoring some wrappers.
    fn may_run(&self, command: &SimpleCommand) -> bool {
        let Some(end) = command.words_end() else {
            return false;
        };
        let starts = command.words.iter().map(|word| word.span.start);
        let rules = &self.comparison;
        self.start_without_markers(command)
            .into_iter()
            .chain(starts)
            .any(|start| rules.may_allow(self.slice(start, end)))
    }

    fn outer_stdout(&self, pipeline: usize) -> Sink {
        let outer = self.input.script.pipelines.get(pipeline);
        outer.map_or(Sink::Elsewhere, |pipeline| pipeline.context.stdout)
    }
}
