//! Claims on things that are told or done once about a task or a session.

use super::{Announcement, Folder, Kind, is_id};

/// Claims the news about the task or session with this id for this process; `false` where another one has it. Where that
/// can't be found out, it is this one's.
pub fn claim(announcement: Announcement, id: &str) -> bool {
    if !is_id(id) {
        return true;
    }
    Folder::claim(Kind::Announced, &name_of(announcement, id), b"").unwrap_or(true)
}

/// Whether a process has claimed it.
pub fn is_claimed(announcement: Announcement, id: &str) -> bool {
    is_id(id) && Folder::is_claimed(Kind::Announced, &name_of(announcement, id))
}

fn name_of(announcement: Announcement, id: &str) -> String {
    format!("{id}.{}", announcement.name())
}
