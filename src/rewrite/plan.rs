//! Which edits to make, and why others are left out.

use std::collections::BTreeSet;

use super::{EditKind, LeftOut, PlannedEdit, Subject, VARIABLE, interpreter, tail};
use crate::policy::PermissionRules;
use crate::shell::{Edit, SimpleCommand, Sink};

const PREFIX: &str = "PYTHONUNBUFFERED=1 ";
const JOIN: &str = " 2>&1";

/// Plans the edits for the simple commands at the indices `targets`, which are in order.
pub(super) fn plan(
    subject: Subject<'_>,
    targets: &[usize],
    permissions: &PermissionRules,
) -> (Vec<PlannedEdit>, Vec<LeftOut>) {
    let mut plan = Plan {
        subject,
        permissions,
        edits: Vec::new(),
        left_out: Vec::new(),
        dropped: None,
    };
    plan.drop_tail(targets);
    for index in targets.iter().collect::<BTreeSet<_>>() {
        if let Some(command) = subject.script.simple_commands.get(*index) {
            plan.unbuffer(command);
            plan.join_stderr(command);
        }
    }
    (plan.edits, plan.left_out)
}

struct Plan<'a> {
    subject: Subject<'a>,
    permissions: &'a PermissionRules,
    edits: Vec<PlannedEdit>,
    left_out: Vec<LeftOut>,
    /// The pipeline whose last stage is taken out, and the stage before it.
    dropped: Option<(usize, usize)>,
}

impl Plan<'_> {
    fn add(&mut self, kind: EditKind, edit: Edit) {
        self.edits.push(PlannedEdit { kind, edit });
    }

    fn leave(&mut self, kind: EditKind, why: &str) {
        let left = LeftOut {
            kind,
            why: why.to_owned(),
        };
        if !self.left_out.contains(&left) {
            self.left_out.push(left);
        }
    }

    fn drop_tail(&mut self, targets: &[usize]) {
        match tail::find(self.subject, targets) {
            None => {}
            Some(Err(why)) => self.leave(EditKind::DropTail, why),
            Some(Ok(found)) if self.permissions.single_out(&found.text) => {
                self.leave(
                    EditKind::DropTail,
                    &format!("a permission rule names `{}`", found.text),
                );
            }
            Some(Ok(found)) => {
                self.dropped = Some((found.pipeline, found.stage_before));
                self.add(EditKind::DropTail, Edit::deletion(found.span));
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
        if self.permissions.mention(VARIABLE) {
            return self.leave(kind, "a permission rule names PYTHONUNBUFFERED");
        }
        let start = self.start_without_markers(command);
        match start {
            Some(start) => self.add(kind, Edit::insertion(start, PREFIX)),
            None => self.leave(kind, "the command has no words"),
        }
    }

    /// Where the command starts once its markers are out.
    fn start_without_markers(&self, command: &SimpleCommand) -> Option<usize> {
        command
            .assignments
            .iter()
            .chain(&command.words)
            .map(|word| word.span)
            .find(|span| {
                !self
                    .subject
                    .markers
                    .iter()
                    .any(|marker| marker.start == span.start)
            })
            .map(|span| span.start)
    }

    fn unbuffer_by_option(&mut self, command: &SimpleCommand) {
        let Some(interpreter) = interpreter::find(command) else {
            return;
        };
        let kind = EditKind::UnbufferedOption;
        if !command.place.editable {
            return;
        }
        let text = |with_option: bool| {
            let words = command.words.iter().enumerate().map(|(at, word)| {
                let option = if with_option && at == interpreter {
                    " -u"
                } else {
                    ""
                };
                format!("{}{option}", word.raw)
            });
            words.collect::<Vec<_>>()
        };
        let (before, after) = (text(false), text(true));
        // The client looks at the command with some wrappers taken off; which ones differs by version.
        let same = (0..=interpreter).all(|from| {
            let tail = |words: &[String]| words.get(from..).unwrap_or_default().join(" ");
            self.permissions.same_for(&tail(&before), &tail(&after))
        });
        if !same || self.permissions.mention("-u") {
            return self.leave(kind, "a permission rule would no longer match");
        }
        if let Some(word) = command.words.get(interpreter) {
            self.add(kind, Edit::insertion(word.span.end, " -u"));
        }
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
        if self.permissions.mention("2>&1") {
            return self.leave(kind, "a permission rule names `2>&1`");
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
