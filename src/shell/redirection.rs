//! Applies redirections to the sinks of the commands that they enclose.

use rable::{Node, NodeKind};

use super::syntax::{CommandContext, Redirection, Sink};

/// Changes the sinks according to a redirection (POSIX XCU 2.7). `file` returns the sink for a target.
pub(super) fn apply(
    context: &mut CommandContext,
    node: &Node,
    file: &mut impl FnMut(&str) -> Sink,
) {
    let NodeKind::Redirect {
        op,
        target,
        fd,
        varfd,
    } = &node.kind
    else {
        return;
    };
    if varfd.is_some() {
        return;
    }
    let value = match &target.kind {
        NodeKind::Word { value, .. } => value.as_str(),
        _ => "",
    };
    let is_descriptor = value == "-" || value.bytes().all(|b| b.is_ascii_digit());
    match (op.as_str(), *fd) {
        ("<" | "<<<" | "<>" | "<&", -1 | 0) => {}
        (">&", 2) if value == "1" => context.stderr = context.stdout,
        (">&", -1 | 1) if value == "2" => context.stdout = context.stderr,
        (">&", 2) if is_descriptor => context.stderr = Sink::Elsewhere,
        (">&", -1 | 1) if is_descriptor => context.stdout = Sink::Elsewhere,
        (">&", -1 | 1) | ("&>" | "&>>", _) => {
            let sink = file(value);
            context.stdout = sink;
            context.stderr = sink;
        }
        (">" | ">>" | ">|", 2) => context.stderr = file(value),
        (">" | ">>" | ">|", -1 | 1) => context.stdout = file(value),
        (_, 2) => context.stderr = Sink::Elsewhere,
        (_, -1 | 1) => context.stdout = Sink::Elsewhere,
        _ => {}
    }
}

/// Converts a redirection; `None` for the one that `|&` implies.
pub(super) fn lower(node: &Node) -> Option<Redirection> {
    match &node.kind {
        NodeKind::Redirect {
            op,
            target,
            fd,
            varfd,
        } => {
            if node.span.is_empty() {
                return None;
            }
            let value = match &target.kind {
                NodeKind::Word { value, .. } => value.as_str(),
                _ => "",
            };
            Some(Redirection {
                feeds_stdin: varfd.is_none()
                    && matches!(op.as_str(), "<" | "<<<")
                    && matches!(fd, -1 | 0),
                shape: format!("{}{fd}{op}{value}", varfd.as_deref().unwrap_or_default()),
            })
        }
        NodeKind::HereDoc {
            delimiter,
            content,
            fd,
            ..
        } => Some(Redirection {
            feeds_stdin: matches!(fd, -1 | 0),
            shape: format!("{fd}<<{delimiter}\n{content}"),
        }),
        _ => None,
    }
}
