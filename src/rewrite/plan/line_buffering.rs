//! Makes filters after a pipe print line by line.

use super::Plan;
use crate::programs::{LineBufferingEdit, WordContext, line_buffering};
use crate::rewrite::EditKind;
use crate::rewrite::name_meaning::{self, Preserve};
use crate::shell::{Edit, SimpleCommand, Sink, Word};

impl Plan<'_> {
    /// Makes the command and everything after its pipe print line by line: either all of them or, if one can't, none.
    pub(super) fn buffer_by_line(&mut self, target: usize) {
        let kind = EditKind::LineBuffered;
        let mut wanted = Vec::new();
        for index in self.chain(target) {
            let command = self.input.script.simple_commands.get(index);
            let Some((command, forms)) = command.zip(self.context.forms.get(index)) else {
                continue;
            };
            let program = command.program().unwrap_or_default();
            if self.input.script.functions.contains(&program) {
                return;
            }
            let around = WordContext {
                word_at: &|at| command.words.get(at).map(Word::text),
                reason_for_change: &|word| {
                    name_meaning::reason_for_change(
                        self.input,
                        word,
                        Preserve::Program,
                        self.context.tools,
                    )
                },
            };
            match line_buffering(forms, around, self.context.tools) {
                None => {}
                Some(Ok(line_buffering)) => wanted.push((command, line_buffering)),
                Some(Err(why)) => return self.omit(kind, why.to_string()),
            }
        }
        for (command, line_buffering) in wanted {
            self.buffer_command_by_line(command, line_buffering);
        }
    }

    fn buffer_command_by_line(
        &mut self,
        command: &SimpleCommand,
        line_buffering: LineBufferingEdit,
    ) {
        let words = line_buffering.words;
        let kind = if line_buffering.behind {
            EditKind::LineBuffered
        } else {
            EditKind::Stdbuf
        };
        let at = line_buffering.at;
        let (Some(word), Some(end)) = (command.words.get(at), command.words_end()) else {
            return;
        };
        let edit = if line_buffering.behind {
            Edit::insertion(word.span.end, format!(" {words}"))
        } else {
            Edit::insertion(word.span.start, format!("{words} "))
        };
        let program = command.program().unwrap_or_default();
        if !self.same_rules(command, at, &edit) {
            return self.omit(
                kind,
                format!("`{program}`: a permission rule would no longer match"),
            );
        }
        let start = self
            .start_without_markers(command)
            .unwrap_or(word.span.start);
        let after = self.edited(start, end, Some(&edit)).unwrap_or_default();
        if line_buffering.needs_permission && !self.comparison.surely_allow(&after) {
            return self.omit(
                kind,
                format!("Claude Code may ask about `{program}` with `{words}`"),
            );
        }
        self.add(kind, edit);
    }

    /// Returns the simple commands through which the output of `target` goes, starting with itself, as far as known.
    fn chain(&self, target: usize) -> Vec<usize> {
        let script = self.input.script;
        let mut chain = Vec::new();
        let Some(command) = script
            .simple_commands
            .get(target)
            .filter(|c| c.context.editable)
        else {
            return chain;
        };
        chain.push(target);
        let mut sink = command.stdout;
        while let Sink::Pipe { pipeline, stage } = sink {
            if self.dropped.contains(&(pipeline, stage)) {
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
}
