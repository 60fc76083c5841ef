//! Converts the parser's tree to [`Script`]: flat, with byte spans, and with the context of each command.

mod command;
mod shell_redirects;

use rable::{ListItem, ListOperator, Node, NodeKind, PipeSep};

use super::parse_error::ParseError;
use super::redirection;
use super::status::ScriptStatus;
use super::syntax::{CommandContext, OutputFile, Pipeline, Script, Sink, Span, Stage};

/// Converts the nodes that the parser made of `source`.
pub(super) fn lower(source: &str, nodes: &[Node]) -> Result<Script, ParseError> {
    let mut lowering = Lowering {
        source,
        byte_of: (!source.is_ascii()).then(|| byte_offsets(source)),
        script: Script {
            directories: vec![String::new()],
            ..Script::default()
        },
        directory: Some(0),
        failed: false,
    };
    let outermost = LoweringScope {
        context: CommandContext {
            editable: true,
            asynchronous: false,
            timed: false,
            in_loop: false,
            function: None,
            status_used: false,
            directory: Some(0),
            stdout: Sink::Stdout,
            stderr: Sink::Stderr,
        },
        holder: Span { start: 0, end: 0 },
        is_last: false,
        is_top_level: true,
    };
    for (index, node) in nodes.iter().enumerate() {
        let is_last = index + 1 == nodes.len();
        lowering.node(
            node,
            LoweringScope {
                is_last,
                ..outermost
            },
        );
    }
    if lowering.failed {
        return Err(ParseError::Span);
    }
    let changes_folder = lowering.directory != Some(0);
    let status = ScriptStatus::of(nodes, source, &|node| lowering.span(node));
    let mut script = lowering.script;
    script.status = status;
    script.changes_folder = changes_folder;
    if script.redirects_the_shell() {
        shell_redirects::forget_redirected_sinks(&mut script);
    }
    Ok(script)
}

/// Returns the byte offset of each character and of the end, because the parser counts characters.
fn byte_offsets(source: &str) -> Vec<usize> {
    source
        .char_indices()
        .map(|(byte, _)| byte)
        .chain([source.len()])
        .collect()
}

#[derive(Clone, Copy)]
struct LoweringScope {
    context: CommandContext,
    /// The word that contains the current substitution.
    holder: Span,
    /// Whether its node is the last thing that the script runs, apart from a `|| true`.
    is_last: bool,
    /// Whether its node runs once, in the order of the text.
    is_top_level: bool,
}

impl LoweringScope {
    fn with(self, change: impl FnOnce(&mut CommandContext)) -> Self {
        let mut scope = self;
        scope.context.timed = false;
        scope.is_last = false;
        scope.is_top_level = false;
        change(&mut scope.context);
        scope
    }

    fn with_directory(self, directory: Option<usize>) -> Self {
        let mut scope = self;
        scope.context.directory = directory;
        scope
    }
}

struct Lowering<'a> {
    source: &'a str,
    byte_of: Option<Vec<usize>>,
    script: Script,
    /// The shell's folder at this point of the text; see [`CommandContext::directory`].
    directory: Option<usize>,
    failed: bool,
}

impl Lowering<'_> {
    /// Returns the scope inside a compound command with these redirections.
    fn redirected(&mut self, scope: LoweringScope, redirects: &[Node]) -> LoweringScope {
        let mut scope = scope.with(|_| {});
        self.redirect(&mut scope.context, redirects);
        scope
    }

    fn redirect(&mut self, context: &mut CommandContext, redirects: &[Node]) {
        let (files, directory) = (&mut self.script.output_files, self.directory);
        for redirect in redirects {
            redirection::apply(context, redirect, &mut |raw| {
                let raw = raw.to_owned();
                files.push(OutputFile { raw, directory });
                Sink::File(files.len() - 1)
            });
        }
    }

    /// Converts a part that runs in a subshell. Its `cd` has no effect outside.
    fn in_a_subshell(&mut self, run: impl FnOnce(&mut Self)) {
        let directory = self.directory;
        run(self);
        self.directory = directory;
    }

    /// Converts a part that may run any number of times. If it contains a `cd`, the shell's folder is unknown
    /// afterwards.
    fn run_conditionally(&mut self, run: impl FnOnce(&mut Self)) {
        let directory = self.directory;
        run(self);
        if self.directory != directory {
            self.directory = None;
        }
    }

    fn node(&mut self, node: &Node, scope: LoweringScope) {
        match &node.kind {
            NodeKind::Command {
                assignments,
                words,
                redirects,
            } => self.simple_command(assignments, words, redirects, scope),
            NodeKind::Pipeline {
                commands,
                separators,
            } => self.pipeline(commands, separators, scope),
            NodeKind::List { items } => self.list(items, scope),
            NodeKind::Negation { pipeline } => {
                self.node(pipeline, scope.with(|context| context.status_used = true));
            }
            NodeKind::Time { pipeline, .. } => {
                let timed = LoweringScope {
                    is_last: scope.is_last,
                    is_top_level: scope.is_top_level,
                    ..scope.with(|context| context.timed = true)
                };
                self.node(pipeline, timed);
            }
            NodeKind::Function { name, body } => {
                let index = self.script.functions.len();
                self.script.functions.push(name.clone());
                let outer = scope.context.function.unwrap_or(index);
                let directory = self.directory.take();
                self.node(body, scope.with(|context| in_function(context, outer)));
                self.directory = directory;
            }
            NodeKind::Coproc { command, .. } => {
                let held = LoweringScope {
                    holder: self.span(node),
                    ..scope.with(|context| {
                        context.asynchronous = true;
                        in_substitution(context);
                    })
                };
                self.in_a_subshell(|this| this.node(command, held));
            }
            NodeKind::Subshell { body, redirects } => {
                let inner = self.redirected(scope, redirects);
                self.in_a_subshell(|this| this.node(body, inner));
            }
            NodeKind::BraceGroup { body, redirects } => {
                let inner = self.redirected(scope, redirects);
                self.node(body, inner);
            }
            _ => self.run_conditionally(|this| this.compound(node, scope)),
        }
    }

    fn compound(&mut self, node: &Node, scope: LoweringScope) {
        let used = |scope: LoweringScope| scope.with(|context| context.status_used = true);
        let looped = |scope: LoweringScope| scope.with(|context| context.in_loop = true);
        match &node.kind {
            NodeKind::If {
                condition,
                then_body,
                else_body,
                redirects,
            } => {
                let scope = self.redirected(scope, redirects);
                self.node(condition, used(scope));
                self.node(then_body, scope);
                if let Some(body) = else_body {
                    self.node(body, scope);
                }
            }
            NodeKind::While {
                condition,
                body,
                redirects,
            }
            | NodeKind::Until {
                condition,
                body,
                redirects,
            } => {
                let scope = looped(self.redirected(scope, redirects));
                self.node(condition, used(scope));
                self.node(body, scope);
            }
            NodeKind::For {
                words,
                body,
                redirects,
                ..
            }
            | NodeKind::Select {
                words,
                body,
                redirects,
                ..
            } => {
                let scope = self.redirected(scope, redirects);
                for word in words.iter().flatten() {
                    self.substitutions(word, self.span(node), scope);
                }
                self.node(body, looped(scope));
            }
            NodeKind::ForArith {
                body, redirects, ..
            } => {
                let scope = looped(self.redirected(scope, redirects));
                self.node(body, scope);
            }
            NodeKind::Case {
                word,
                patterns,
                redirects,
            } => {
                let scope = self.redirected(scope, redirects);
                self.substitutions(word, self.span(node), scope);
                for body in patterns.iter().filter_map(|pattern| pattern.body.as_ref()) {
                    self.node(body, scope.with(|_| {}));
                }
            }
            _ => {}
        }
    }

    fn list(&mut self, items: &[ListItem], scope: LoweringScope) {
        let last = items.len().saturating_sub(1);
        let succeeds_anyway = items.last().is_some_and(|item| is_true(&item.command));
        for (index, item) in items.iter().enumerate() {
            let is_or_true = succeeds_anyway
                && index + 1 == last
                && matches!(item.operator, Some(ListOperator::Or));
            let is_last = scope.is_last && (index == last && !asynchronous(item) || is_or_true);
            let is_top_level = scope.is_top_level && !asynchronous(item);
            let mut scope = scope.with(|context| match item.operator {
                Some(ListOperator::Or) if is_or_true => {}
                Some(ListOperator::And | ListOperator::Or) => context.status_used = true,
                Some(ListOperator::Background) => {
                    context.asynchronous = true;
                    context.status_used = false;
                }
                Some(ListOperator::Semi) | None if index < last => context.status_used = false,
                Some(ListOperator::Semi) | None => {}
            });
            scope.is_last = is_last;
            scope.is_top_level = is_top_level;
            let before = index.checked_sub(1).and_then(|at| items.get(at));
            match (
                before.and_then(|item| item.operator.as_ref()),
                &item.operator,
            ) {
                (_, Some(ListOperator::Background)) => {
                    self.in_a_subshell(|this| this.node(&item.command, scope));
                }
                (Some(ListOperator::Or), _) => {
                    self.run_conditionally(|this| this.node(&item.command, scope));
                }
                _ => self.node(&item.command, scope),
            }
        }
    }

    fn pipeline(&mut self, commands: &[Node], separators: &[PipeSep], scope: LoweringScope) {
        let index = self.script.pipelines.len();
        self.script.pipelines.push(Pipeline {
            stages: Vec::new(),
            context: scope.context,
            is_last: scope.is_last,
            is_top_level: scope.is_top_level,
        });
        let last = commands.len().saturating_sub(1);
        let mut stages = Vec::with_capacity(commands.len());
        for (position, command) in commands.iter().enumerate() {
            let joins_stderr = separators.get(position) == Some(&PipeSep::PipeBoth);
            let stage_scope = scope.with(|context| {
                context.timed = scope.context.timed && position == 0;
                if position < last {
                    context.status_used = false;
                    context.stdout = Sink::Pipe {
                        pipeline: index,
                        stage: position,
                    };
                    if joins_stderr {
                        context.stderr = context.stdout;
                    }
                }
            });
            let before = self.script.simple_commands.len();
            self.in_a_subshell(|this| this.node(command, stage_scope));
            stages.push(Stage {
                span: self.span(command),
                simple_command: matches!(command.kind, NodeKind::Command { .. }).then_some(before),
                joins_stderr,
                is_subshell: matches!(command.kind, NodeKind::Subshell { .. }),
            });
        }
        if let Some(pipeline) = self.script.pipelines.get_mut(index) {
            pipeline.stages = stages;
        }
    }
}

fn asynchronous(item: &ListItem) -> bool {
    matches!(item.operator, Some(ListOperator::Background))
}

/// Whether `node` is the command `true` or `:`.
fn is_true(node: &Node) -> bool {
    let NodeKind::Command {
        assignments,
        words,
        redirects,
    } = &node.kind
    else {
        return false;
    };
    let word = match words.as_slice() {
        [word] => &word.kind,
        _ => return false,
    };
    assignments.is_empty()
        && redirects.is_empty()
        && matches!(word, NodeKind::Word { value, .. } if value == "true" || value == ":")
}

fn in_function(context: &mut CommandContext, index: usize) {
    context.function = Some(index);
    context.status_used = true;
    context.stdout = Sink::Elsewhere;
    context.stderr = Sink::Elsewhere;
}

fn in_substitution(context: &mut CommandContext) {
    context.editable = false;
    context.status_used = true;
    context.stdout = Sink::Elsewhere;
    context.stderr = Sink::Elsewhere;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::parse;

    fn context_of(source: &str, program: &str) -> CommandContext {
        let script = parse(source).expect(source);
        script
            .simple_commands
            .iter()
            .find(|command| command.program().as_deref() == Some(program))
            .unwrap_or_else(|| panic!("no {program} in {source}"))
            .context
    }

    #[test]
    fn spans_are_bytes_of_the_source() {
        let source = "écho ü && FOO=é pytest -k 'ö' 2>/dev/null # ß";
        let script = parse(source).unwrap();
        let pytest = &script.simple_commands[1];
        assert_eq!(
            &source[pytest.start().unwrap()..pytest.words_end().unwrap()],
            "FOO=é pytest -k 'ö'"
        );
    }

    #[test]
    fn sinks_follow_pipes_and_redirections() {
        use Sink::{Elsewhere, File, Stderr, Stdout};
        const PIPE: Sink = Sink::Pipe {
            pipeline: 0,
            stage: 0,
        };
        for (source, stdout, stderr) in [
            ("pytest", Stdout, Stderr),
            ("pytest | tee log", PIPE, Stderr),
            ("pytest |& tee log", PIPE, PIPE),
            ("a | pytest", Stdout, Stderr),
            ("(pytest) 2>&1", Stdout, Stdout),
            ("{ pytest; } >f", File(0), Stderr),
            ("{ pytest; } >f 2>&1", File(0), File(0)),
            ("{ pytest; } &>f", File(0), File(0)),
            ("{ pytest; } >f 2>e", File(0), File(1)),
            ("{ pytest; } >&-", Elsewhere, Stderr),
            ("for i in 1; do pytest; done 2>&1 | tee x", PIPE, PIPE),
            ("x=$(pytest)", Elsewhere, Elsewhere),
            ("f() { pytest; }", Elsewhere, Elsewhere),
            ("exec >log; pytest", Elsewhere, Elsewhere),
            ("command exec 2>err; pytest", Elsewhere, Elsewhere),
            ("builtin exec 2>err; pytest", Elsewhere, Elsewhere),
            ("command -- exec 2>err; pytest", Elsewhere, Elsewhere),
            ("eval \"exec 2>err.txt\"; pytest", Elsewhere, Elsewhere),
            ("eval exec '2>err.txt'; pytest", Elsewhere, Elsewhere),
            ("E=exec; $E 2>err; pytest", Elsewhere, Elsewhere),
            ("command ls 2>err; pytest", Stdout, Stderr),
            ("eval \"$(x)\"; pytest", Stdout, Stderr),
            ("exec 3>&1; pytest", Elsewhere, Elsewhere),
            ("while pytest; do x; done <in", Stdout, Stderr),
        ] {
            let context = context_of(source, "pytest");
            assert_eq!(
                (context.stdout, context.stderr),
                (stdout, stderr),
                "{source}"
            );
        }
    }

    #[test]
    fn the_folder_is_tracked_as_far_as_the_text_shows_it() {
        for (source, directory) in [
            ("pytest", Some("")),
            ("cd a && pytest", Some("a")),
            ("cd a; cd 'b c' && pytest", Some("a/b c")),
            ("cd a && cd /b/ && cd c && pytest", Some("/b/c")),
            ("cd ~/a && pytest", Some("~/a")),
            ("cd a || exit 1; pytest", Some("a")),
            ("(cd a && make); pytest", Some("")),
            ("(cd a && pytest)", Some("a")),
            ("cd a | b; pytest", Some("")),
            ("x=$(cd a && pwd); pytest", Some("")),
            ("cd a & pytest", Some("")),
            ("{ cd a; }; pytest", Some("a")),
            ("a || cd b; pytest", None),
            ("if a; then cd b; fi; pytest", None),
            ("if cd b; then pytest; fi", Some("b")),
            ("for d in a b; do cd $d; pytest; done", None),
            ("cd $A; pytest", None),
            ("cd $A; cd /b; pytest", Some("/b")),
            ("cd; pytest", None),
            ("cd -; pytest", None),
            ("pushd a; popd; pytest", None),
            ("f() { pytest; }", None),
        ] {
            let script = parse(source).expect(source);
            let found = context_of(source, "pytest").directory;
            let found = found.map(|at| script.directories[at].as_str());
            assert_eq!(found, directory, "{source}");
        }
    }

    #[test]
    fn uses_of_the_exit_status_are_found() {
        for (source, used) in [
            ("pytest", false),
            ("pytest; a", false),
            ("pytest && a", true),
            ("a && pytest", false),
            ("a && pytest || b", true),
            ("a && pytest; b", false),
            ("! pytest", true),
            ("if pytest; then a; fi", true),
            ("if a; then pytest; fi", false),
            ("if a; then pytest; fi && b", true),
            ("until pytest; do a; done", true),
            ("(a; pytest) || b", true),
            ("pytest &", false),
        ] {
            assert_eq!(context_of(source, "pytest").status_used, used, "{source}");
        }
    }

    #[test]
    fn asynchronous_commands_are_found() {
        for (source, asynchronous) in [
            ("pytest & b", true),
            ("a && pytest & b", true),
            ("pytest; b & c", false),
            ("(a; pytest) & c", true),
            ("a & pytest", false),
            ("coproc pytest", true),
        ] {
            assert_eq!(
                context_of(source, "pytest").asynchronous,
                asynchronous,
                "{source}"
            );
        }
    }

    #[test]
    fn time_marks_the_command_right_after_it() {
        assert!(context_of("time pytest", "pytest").timed);
        assert!(context_of("time -p pytest | a", "pytest").timed);
        assert!(!context_of("time a | pytest", "pytest").timed);
        assert!(!context_of("time (pytest)", "pytest").timed);
    }

    #[test]
    fn substitutions_are_seen_but_not_editable() {
        for source in [
            "x=$(pytest)",
            "echo `pytest`",
            "cat <(pytest)",
            "a >\"$(pytest)\"",
            "for x in $(pytest); do y; done",
        ] {
            assert!(!context_of(source, "pytest").editable, "{source}");
        }
    }
}
