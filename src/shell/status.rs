//! The command that determines a script's exit status.

use rable::{ListItem, ListOperator, Node, NodeKind};

use super::syntax::{Script, SimpleCommand, Span};

/// The commands that influence a script's exit status.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScriptStatus {
    /// Commands whose failure makes the script fail; `None` if the text doesn't show that.
    decisive: Option<Vec<Span>>,
    /// The command that runs last.
    last: Option<Span>,
}

impl ScriptStatus {
    /// Determines the status of a script with these nodes and this `source`.
    pub(super) fn of(nodes: &[Node], source: &str, span: &dyn Fn(&Node) -> Span) -> Self {
        let reading = StatusReader {
            span,
            pipes_fail: source.contains("pipefail"),
            stops_at_errors: stops_at_errors(source),
        };
        let mut status = Self {
            decisive: Some(Vec::new()),
            last: None,
        };
        for node in nodes {
            status = reading.after(status, reading.node(node));
        }
        status
    }
}

/// Whether the script contains `set -e`, `set -euo pipefail` or `set -o errexit`.
fn stops_at_errors(source: &str) -> bool {
    // This search is fast even in a large script.
    if !source.contains("set ") {
        return false;
    }
    let lines = source.split(['\n', ';', '&']).map(str::trim);
    let mut sets = lines.filter_map(|line| line.strip_prefix("set "));
    sets.any(|options| {
        options.contains("errexit")
            || options
                .split_whitespace()
                .any(|word| word.starts_with('-') && word.contains('e'))
    })
}

struct StatusReader<'a> {
    span: &'a dyn Fn(&Node) -> Span,
    pipes_fail: bool,
    stops_at_errors: bool,
}

impl StatusReader<'_> {
    /// Combines two consecutive lists. The second one's status counts; the first one's counts only if errors stop the
    /// script.
    fn after(&self, first: ScriptStatus, second: ScriptStatus) -> ScriptStatus {
        if self.stops_at_errors {
            return both(first, second);
        }
        second
    }

    fn node(&self, node: &Node) -> ScriptStatus {
        match &node.kind {
            NodeKind::Command { .. } => {
                let span = (self.span)(node);
                ScriptStatus {
                    decisive: Some(vec![span]),
                    last: Some(span),
                }
            }
            NodeKind::Pipeline { commands, .. } => {
                let mut stages = commands.iter().map(|command| self.node(command));
                let status = if self.pipes_fail {
                    stages.reduce(both)
                } else {
                    stages.next_back()
                };
                status.unwrap_or_default()
            }
            NodeKind::List { items } => self.list(items),
            NodeKind::Time { pipeline, .. } => self.node(pipeline),
            NodeKind::Subshell { body, .. } | NodeKind::BraceGroup { body, .. } => self.node(body),
            _ => ScriptStatus::default(),
        }
    }

    fn list(&self, items: &[ListItem]) -> ScriptStatus {
        let mut before: Option<ListOperator> = None;
        let mut status = ScriptStatus::default();
        for item in items {
            let own = self.node(&item.command);
            status = match before {
                None | Some(ListOperator::Or) => own,
                Some(ListOperator::And) => both(status, own),
                _ => self.after(status, own),
            };
            if matches!(item.operator, Some(ListOperator::Background)) {
                status = ScriptStatus::default();
            }
            before = item.operator;
        }
        status
    }
}

fn both(first: ScriptStatus, second: ScriptStatus) -> ScriptStatus {
    let decisive = first.decisive.zip(second.decisive);
    ScriptStatus {
        decisive: decisive.map(|(first, second)| [first, second].concat()),
        last: second.last,
    }
}

/// Returns the program whose exit status hides that of one of the commands at the indices `targets`: after a pipe, `||
/// true`, or another command.
pub fn status_of(script: &Script, targets: &[usize]) -> Option<String> {
    let decisive = script.status.decisive.as_ref()?;
    if !script.functions.is_empty() {
        return None;
    }
    let is_at = |command: &SimpleCommand, span: Span| {
        let start = command.start();
        start.is_some_and(|start| (span.start..span.end).contains(&start))
    };
    let is_decisive = |command: &SimpleCommand| decisive.iter().any(|span| is_at(command, *span));
    let mut commands = targets
        .iter()
        .filter_map(|&at| script.simple_commands.get(at))
        .filter(|command| command.context.editable && !command.context.asynchronous);
    if commands.all(is_decisive) {
        return None;
    }
    let span = script.status.last?;
    let mut all = script.simple_commands.iter();
    let last = all.find(|command| is_at(command, span))?;
    let program = last.program()?;
    // These return another program's status.
    let hands_on = match program.as_str() {
        "wait" | "exec" | "fg" => true,
        "exit" | "return" => last.words.iter().any(|word| word.raw.contains('$')),
        _ => false,
    };
    (!hands_on).then_some(program)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_program_s_status_is_detected() {
        for (source, of) in [
            ("pytest", None),
            ("pytest -x 2>&1 | tee out.log", Some("tee")),
            ("pytest | grep -v x | tail -5", Some("tail")),
            ("set -o pipefail; pytest | tee log", None),
            ("set -euo pipefail\npytest | tee log\necho done", None),
            ("pytest || true", Some("true")),
            ("pytest || :", Some(":")),
            ("pytest; echo $?", Some("echo")),
            ("pytest\necho done", Some("echo")),
            ("set -e\npytest\necho done", None),
            ("pytest && echo done", None),
            ("pytest && echo ok || echo no", Some("echo")),
            ("cd x && pytest", None),
            ("cd x; pytest", None),
            ("(cd x && pytest) | tee log", Some("tee")),
            ("(pytest; echo $?)", Some("echo")),
            ("{ pytest; } && ls", None),
            ("time pytest", None),
            ("pytest; exit $?", None),
            ("pytest | tee log; exit ${PIPESTATUS[0]}", None),
            ("pytest; exit 0", Some("exit")),
            ("pytest & wait $!", None),
            ("for i in 1 2; do pytest; done", None),
            ("if pytest; then echo ok; fi", None),
            ("! pytest", None),
            ("é=1; pytest; echo é", Some("echo")),
        ] {
            let script = crate::shell::parse(source).expect(source);
            let targets: Vec<usize> = (0..script.simple_commands.len())
                .filter(|&at| script.simple_commands[at].program().as_deref() == Some("pytest"))
                .collect();
            assert_eq!(status_of(&script, &targets).as_deref(), of, "{source}");
        }
    }
}
