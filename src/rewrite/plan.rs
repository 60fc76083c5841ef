//! Which edits to make, and why others are left out.

use std::collections::BTreeSet;

use super::{EditKind, LeftOut, PlannedEdit, Subject, Tools, VARIABLE};
use super::{interpreter, streaming, tail};
use crate::policy::PermissionRules;
use crate::shell::{Edit, SimpleCommand, Sink};

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
        dropped: None,
    };
    let rules = surroundings.permissions;
    if subject.script.simple_commands.len() > 1 && rules.name_whole(subject.source) {
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
    /// The pipeline whose last stage is taken out, and the stage before it.
    dropped: Option<(usize, usize)>,
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
        match tail::find(self.subject, targets) {
            None => {}
            Some(Err(why)) => self.leave(kind, why),
            Some(Ok(found)) if self.surroundings.permissions.single_out(&found.text) => {
                self.leave(kind, format!("a permission rule names `{}`", found.text));
            }
            Some(Ok(found)) => {
                self.dropped = Some((found.pipeline, found.stage_before));
                self.add(kind, Edit::deletion(found.span));
            }
        }
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

    /// The command and what it is piped into, made to print line by line: all of them, or none where one of them
    /// can't.
    fn stream(&mut self, target: usize) {
        let kind = EditKind::LineBuffered;
        let mut wanted = Vec::new();
        for index in self.chain(target) {
            let Some(command) = self.subject.script.simple_commands.get(index) else {
                continue;
            };
            let program = command.program().unwrap_or_default();
            if self.subject.script.functions.contains(&program) {
                return;
            }
            match streaming::of(command, self.surroundings.tools) {
                None => {}
                Some(Ok(streaming)) => wanted.push((command, streaming)),
                Some(Err(why)) => return self.leave(kind, why.to_string()),
            }
        }
        for (command, streaming) in wanted {
            self.stream_one(command, streaming);
        }
    }

    fn stream_one(&mut self, command: &SimpleCommand, streaming: streaming::Streaming) {
        let words = streaming.words;
        let (kind, at, insert) = match streaming.behind {
            Some(at) => (EditKind::LineBuffered, at, format!(" {words}")),
            None => (EditKind::Stdbuf, 0, format!("{words} ")),
        };
        let (Some(word), Some(end)) = (command.words.get(at), command.words_end()) else {
            return;
        };
        let span = word.span;
        let position = if streaming.behind.is_some() {
            span.end
        } else {
            span.start
        };
        let program = command.program().unwrap_or_default();
        if !self.same_rules(command, at, position, &insert) {
            return self.leave(
                kind,
                format!("`{program}`: a permission rule would no longer match"),
            );
        }
        let start = self.start_without_markers(command).unwrap_or(span.start);
        let after = self.slice_with(start, position, &insert, end);
        if streaming.needs_permission && !self.surroundings.permissions.surely_allow(&after) {
            return self.leave(
                kind,
                format!("the client may ask about `{program}` with `{words}`"),
            );
        }
        self.add(kind, Edit::insertion(position, insert));
    }

    /// The simple commands that the output of `target` goes through, itself first, as far as they are known.
    fn chain(&self, target: usize) -> Vec<usize> {
        let script = self.subject.script;
        let mut chain = Vec::new();
        let Some(command) = script
            .simple_commands
            .get(target)
            .filter(|c| c.place.editable)
        else {
            return chain;
        };
        chain.push(target);
        let mut sink = command.stdout;
        while let Sink::Pipe { pipeline, stage } = sink {
            if self.dropped == Some((pipeline, stage)) {
                break;
            }
            let stages = script
                .pipelines
                .get(pipeline)
                .map(|line| line.stages.as_slice());
            let next = stages.and_then(|stages| stages.get(stage + 1)?.simple_command);
            let Some(command) = next.and_then(|next| script.simple_commands.get(next)) else {
                break;
            };
            chain.extend(next);
            sink = command.stdout;
        }
        chain
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
            Sink::Pipe { pipeline, stage } if self.dropped == Some((pipeline, stage)) => {
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
