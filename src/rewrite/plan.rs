//! Which edits to make, and why others are left out.

mod streams;

use std::collections::BTreeSet;

use super::{EditKind, LeftOut, PlannedEdit, Subject, Tools, VARIABLE};
use super::{interpreter, tail};
use crate::policy::PermissionRules;
use crate::shell::{Edit, Redirection, SimpleCommand, Sink};

const PREFIX: &str = "PYTHONUNBUFFERED=1 ";
const JOIN: &str = " 2>&1";
const RULE_CHANGES: &str = "another permission rule would match";

/// What the plan has to know besides the command.
#[derive(Clone, Copy)]
pub struct Surroundings<'a> {
    /// The user's permission rules.
    pub permissions: &'a PermissionRules,
    /// Gives the text tools of this machine; called only where one stands behind a pipe.
    pub tools: &'a dyn Fn() -> Tools,
}

/// Plans the edits for the simple commands at the indices `targets`, which are in order.
pub(super) fn plan(
    subject: Subject<'_>,
    targets: &[usize],
    surroundings: Surroundings<'_>,
) -> (Vec<PlannedEdit>, Vec<LeftOut>) {
    let mut plan = Plan {
        subject,
        surroundings,
        edits: Vec::new(),
        left_out: Vec::new(),
        dropped: Vec::new(),
    };
    let rules = surroundings.permissions;
    if plan.has_several_parts() && rules.name_whole(subject.source) {
        for kind in [EditKind::UnbufferedVariable, EditKind::JoinStderr] {
            plan.leave(kind, "a permission rule names the whole command");
        }
        return (plan.edits, plan.left_out);
    }
    plan.drop_tail(targets);
    for &index in &targets.iter().copied().collect::<BTreeSet<_>>() {
        if let Some(command) = subject.script.simple_commands.get(index) {
            plan.unbuffer(command);
            plan.stream(index);
            plan.join_stderr(command);
        }
    }
    (plan.edits, plan.left_out)
}

struct Plan<'a> {
    subject: Subject<'a>,
    surroundings: Surroundings<'a>,
    edits: Vec<PlannedEdit>,
    left_out: Vec<LeftOut>,
    /// The pipelines whose last stages are taken out, and the stage before those.
    dropped: Vec<(usize, usize)>,
}

impl<'a> Plan<'a> {
    fn add(&mut self, kind: EditKind, edit: Edit) {
        let planned = PlannedEdit { kind, edit };
        if !self.edits.contains(&planned) {
            self.edits.push(planned);
        }
    }

    fn leave(&mut self, kind: EditKind, why: impl Into<String>) {
        let why = why.into();
        let left = LeftOut { kind, why };
        if !self.left_out.contains(&left) {
            self.left_out.push(left);
        }
    }

    /// Whether the source is more than one simple command and its redirections.
    fn has_several_parts(&self) -> bool {
        match self.subject.script.simple_commands.as_slice() {
            [command] => !self.subject.source.trim().starts_with(self.text(command)),
            _ => true,
        }
    }

    /// The command from its first assignment or word to its last word, as it stands in the source.
    fn text(&self, command: &SimpleCommand) -> &'a str {
        let span = self.start_without_markers(command).zip(command.words_end());
        span.and_then(|(start, end)| self.subject.source.get(start..end))
            .unwrap_or_default()
    }

    /// Whether a rule would match one of `after` that doesn't match the command.
    fn gains(&self, command: &SimpleCommand, after: &[String]) -> bool {
        let rules = self.surroundings.permissions;
        rules.gain(self.text(command), after)
    }

    fn drop_tail(&mut self, targets: &[usize]) {
        let kind = EditKind::DropTail;
        for found in tail::find(self.subject, targets) {
            let found = match found {
                Ok(found) => found,
                Err(why) => {
                    self.leave(kind, why);
                    continue;
                }
            };
            let rules = self.surroundings.permissions;
            if let Some(text) = found.texts.iter().find(|text| rules.single_out(text)) {
                self.leave(kind, format!("a permission rule names `{text}`"));
                continue;
            }
            let before = self.pipeline_commands(found.pipeline);
            if before
                .iter()
                .any(|command| rules.may_restrict(self.text(command)))
            {
                // 2.1.90 heeds such a rule only where the command stands alone.
                self.leave(kind, "an ask or a deny rule names what stands before it");
                continue;
            }
            self.dropped.push((found.pipeline, found.stage_before));
            self.add(kind, Edit::deletion(found.span));
        }
    }

    fn pipeline_commands(&self, pipeline: usize) -> Vec<&'a SimpleCommand> {
        let script = self.subject.script;
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

    fn unbuffer(&mut self, command: &SimpleCommand) {
        self.unbuffer_by_option(command);
        let kind = EditKind::UnbufferedVariable;
        if self.subject.source.contains(VARIABLE) {
            return self.leave(kind, "the command speaks of PYTHONUNBUFFERED itself");
        }
        if !command.place.editable {
            return self.leave(kind, "the command stands inside a substitution");
        }
        if command.place.timed {
            return self.leave(
                kind,
                "after `time` the client can't check the command, and asks",
            );
        }
        if self.gains(command, &[format!("{PREFIX}{}", self.text(command))]) {
            return self.leave(kind, RULE_CHANGES);
        }
        match self.start_without_markers(command) {
            Some(start) => self.add(kind, Edit::insertion(start, PREFIX)),
            None => self.leave(kind, "the command has no words"),
        }
    }

    /// Where the command starts once its markers are out.
    fn start_without_markers(&self, command: &SimpleCommand) -> Option<usize> {
        let markers = self.subject.markers;
        let mut spans = command
            .assignments
            .iter()
            .chain(&command.words)
            .map(|word| word.span);
        spans
            .find(|span| !markers.iter().any(|marker| marker.start == span.start))
            .map(|span| span.start)
    }

    fn unbuffer_by_option(&mut self, command: &SimpleCommand) {
        let kind = EditKind::UnbufferedOption;
        let interpreter = match interpreter::find(command) {
            interpreter::Found::Nothing => return,
            interpreter::Found::OutOfReach { wrapper } => {
                return self.leave(
                    kind,
                    format!("PYTHONUNBUFFERED doesn't get through `{wrapper}`, and no option can be put in"),
                );
            }
            interpreter::Found::At(index) => index,
        };
        let Some(word) = command
            .words
            .get(interpreter)
            .filter(|_| command.place.editable)
        else {
            return;
        };
        let (at, insert) = (word.span.end, " -u");
        if !self.same_rules(command, interpreter, at, insert) {
            return self.leave(kind, "a permission rule would no longer match");
        }
        self.add(kind, Edit::insertion(at, insert));
    }

    /// Whether the same rules match with `insert` at the byte `at`, behind the word `last` or in front of it. The
    /// client looks at a command with some wrappers taken off, and which ones differs by version.
    fn same_rules(&self, command: &SimpleCommand, last: usize, at: usize, insert: &str) -> bool {
        let Some(end) = command.words_end() else {
            return false;
        };
        let starts = command
            .words
            .iter()
            .take(last + 1)
            .map(|word| word.span.start);
        self.start_without_markers(command)
            .into_iter()
            .chain(starts)
            .all(|start| {
                let (before, after) = (
                    self.slice(start, end),
                    self.slice_with(start, at, insert, end),
                );
                self.surroundings.permissions.same_for(before, &after)
            })
    }

    fn slice(&self, start: usize, end: usize) -> &'a str {
        self.subject.source.get(start..end).unwrap_or_default()
    }

    fn slice_with(&self, start: usize, at: usize, insert: &str, end: usize) -> String {
        format!("{}{insert}{}", self.slice(start, at), self.slice(at, end))
    }

    fn join_stderr(&mut self, command: &SimpleCommand) {
        let kind = EditKind::JoinStderr;
        let place = command.place;
        if !place.editable || place.function.is_some() {
            return self.leave(kind, "the output is used where the command stands");
        }
        let Some(end) = command.words_end() else {
            return;
        };
        if !command
            .redirections
            .iter()
            .all(|redirection| redirection.feeds_stdin)
        {
            return self.leave(kind, "the command redirects its output itself");
        }
        let stdout = match place.stdout {
            Sink::Pipe { pipeline, stage } if self.dropped.contains(&(pipeline, stage)) => {
                self.outer_stdout(pipeline)
            }
            sink => sink,
        };
        match (stdout, place.stderr) {
            (Sink::Stdout, Sink::Stderr) => {}
            (Sink::Pipe { .. }, _) => {
                return self.leave(kind, "it would put errors into the pipe");
            }
            (Sink::Stdout, Sink::Stdout) | (Sink::Stderr, Sink::Stderr) => return,
            _ => return self.leave(kind, "the output goes elsewhere"),
        }
        if comment_follows(self.subject.source, end) {
            return self.leave(kind, "the client asks about `2>&1` before a comment");
        }
        if command
            .redirections
            .iter()
            .any(Redirection::is_here_document)
            && self.may_run(command)
        {
            return self.leave(kind, "the client may ask about `2>&1` with a here-document");
        }
        let text = self.text(command);
        let mut after = vec![format!("{text}{JOIN}")];
        if self.edits.iter().any(|planned| {
            planned.kind == EditKind::UnbufferedVariable
                && Some(planned.edit.span.start) == self.start_without_markers(command)
        }) {
            after.push(format!("{PREFIX}{text}{JOIN}"));
        }
        if self.gains(command, &after) {
            return self.leave(kind, RULE_CHANGES);
        }
        self.add(kind, Edit::insertion(end, JOIN));
    }

    /// Whether an allow rule may let the command run, with some wrappers taken off.
    fn may_run(&self, command: &SimpleCommand) -> bool {
        let Some(end) = command.words_end() else {
            return false;
        };
        let starts = command.words.iter().map(|word| word.span.start);
        let rules = self.surroundings.permissions;
        self.start_without_markers(command)
            .into_iter()
            .chain(starts)
            .any(|start| rules.may_allow(self.slice(start, end)))
    }

    fn outer_stdout(&self, pipeline: usize) -> Sink {
        let outer = self.subject.script.pipelines.get(pipeline);
        outer.map_or(Sink::Elsewhere, |pipeline| pipeline.place.stdout)
    }
}

/// Whether a comment is the next thing on the line: 2.1.200 and 2.1.330 ask about `2>&1 # …`.
fn comment_follows(source: &str, end: usize) -> bool {
    let rest = source.get(end..).unwrap_or_default();
    rest.trim_start_matches([' ', '\t']).starts_with('#')
}
