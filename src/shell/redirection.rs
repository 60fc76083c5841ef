//! The effect of redirections on the sinks of the commands inside.

use rable::{Node, NodeKind};

use super::syntax::{Place, Redirection, Sink};

/// Changes the sinks according to a redirection (POSIX XCU 2.7). `file` returns the sink for a target.
pub(super) fn apply(place: &mut Place, node: &Node, file: &mut impl FnMut(&str) -> Sink) {
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
        (">&", 2) if value == "1" => place.stderr = place.stdout,
        (">&", -1 | 1) if value == "2" => place.stdout = place.stderr,
        (">&", 2) if is_descriptor => place.stderr = Sink::Elsewhere,
        (">&", -1 | 1) if is_descriptor => place.stdout = Sink::Elsewhere,
        (">&", -1 | 1) | ("&>" | "&>>", _) => {
            let sink = file(value);
            place.stdout = sink;
            place.stderr = sink;
        }
        (">" | ">>" | ">|", 2) => place.stderr = file(value),
        (">" | ">>" | ">|", -1 | 1) => place.stdout = file(value),
        (_, 2) => place.stderr = Sink::Elsewhere,
        (_, -1 | 1) => place.stdout = Sink::Elsewhere,
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
