//! Simple commands and their words.

use rable::{Node, NodeKind};

use super::{Lowering, LoweringScope, in_substitution};
use crate::folders::MAX_PATH;
use crate::shell::directory::{self, DirectoryChange};
use crate::shell::redirection;
use crate::shell::syntax::{SimpleCommand, Span, Word};

impl Lowering<'_> {
    pub(super) fn simple_command(
        &mut self,
        assignments: &[Node],
        words: &[Node],
        redirects: &[Node],
        scope: LoweringScope,
    ) {
        let scope = scope.with_directory(self.directory);
        let mut redirected = scope.context;
        self.redirect(&mut redirected, redirects);
        let command = SimpleCommand {
            assignments: self.words(assignments, scope),
            words: self.words(words, scope),
            redirections: redirects.iter().filter_map(redirection::lower).collect(),
            context: scope.context,
            stdout: redirected.stdout,
            stderr: redirected.stderr,
        };
        let target = command.words.get(1).map(Word::text);
        let moved = directory::directory_change(&command, target.as_deref());
        self.script.simple_commands.push(command);
        for word in assignments.iter().chain(words) {
            self.substitutions(word, self.span(word), scope);
        }
        for redirect in redirects {
            if let NodeKind::Redirect { target, .. } = &redirect.kind {
                self.substitutions(target, self.span(redirect), scope);
            }
        }
        self.follow(moved);
    }

    fn follow(&mut self, moved: DirectoryChange<'_>) {
        self.directory = match moved {
            DirectoryChange::No => self.directory,
            DirectoryChange::Unknown => None,
            DirectoryChange::To(path) => {
                let from = self
                    .directory
                    .and_then(|at| self.script.directories.get(at));
                let from = from
                    .map(String::as_str)
                    .or(path.starts_with(['/', '~']).then_some(""));
                let to = from.map(|from| directory::join(from, path));
                let to = to.filter(|to| to.len() <= MAX_PATH);
                to.map(|to| {
                    self.script.directories.push(to);
                    self.script.directories.len() - 1
                })
            }
        };
    }

    fn words(&mut self, nodes: &[Node], scope: LoweringScope) -> Vec<Word> {
        nodes.iter().map(|node| self.word(node, scope)).collect()
    }

    fn word(&mut self, node: &Node, scope: LoweringScope) -> Word {
        let value = match &node.kind {
            NodeKind::Word { value, .. } => value.clone(),
            _ => String::new(),
        };
        if !scope.context.editable {
            return Word {
                raw: value,
                span: scope.holder,
            };
        }
        let span = self.span(node);
        match self.source.get(span.start..span.end) {
            Some(raw) if !raw.is_empty() => Word {
                raw: raw.to_owned(),
                span,
            },
            _ => {
                self.failed = true;
                Word { raw: value, span }
            }
        }
    }

    /// Converts the commands in a word's `$(…)`, backquotes and `<(…)`. Their spans have another origin, so these
    /// commands are examined but never edited.
    pub(super) fn substitutions(&mut self, word: &Node, holder: Span, scope: LoweringScope) {
        let holder = if scope.context.editable {
            holder
        } else {
            scope.holder
        };
        let NodeKind::Word { parts, .. } = &word.kind else {
            return;
        };
        for part in parts {
            if let NodeKind::CommandSubstitution { command, .. }
            | NodeKind::ProcessSubstitution { command, .. } = &part.kind
            {
                let inner = LoweringScope {
                    holder,
                    ..scope.with(in_substitution)
                };
                self.in_a_subshell(|this| this.node(command, inner));
            }
        }
    }

    pub(super) fn span(&self, node: &Node) -> Span {
        let byte = |character: usize| match &self.byte_of {
            None => character,
            Some(offsets) => offsets.get(character).copied().unwrap_or(usize::MAX),
        };
        Span {
            start: byte(node.span.start),
            end: byte(node.span.end),
        }
    }
}
