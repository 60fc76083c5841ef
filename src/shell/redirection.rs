//! Redirections: what they do to the sinks of what stands inside, and what is kept of them.

use rable::{Node, NodeKind};

use super::syntax::{Place, Redirection, Sink};

/// Moves the sinks of a compound command as its redirections say (POSIX XCU 2.7).
pub(super) fn apply(place: &mut Place, node: &Node) {
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
    match (op.as_str(), *fd, value) {
        ("<" | "<<<" | "<>" | "<&", -1 | 0, _) => {}
        (">&", 2, "1") => place.stderr = place.stdout,
        (">&", -1 | 1, "2") => place.stdout = place.stderr,
        (_, 2, _) => place.stderr = Sink::Elsewhere,
        (">&" | "&>" | "&>>", ..) => {
            place.stdout = Sink::Elsewhere;
            place.stderr = Sink::Elsewhere;
        }
        (_, -1 | 1, _) => place.stdout = Sink::Elsewhere,
        _ => {}
    }
}

/// `None` for what `|&` stands for.
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
