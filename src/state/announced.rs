//! Claims on one-time announcements and actions for a task or session.

use super::folder::Folder;
use super::kind::{Announcement, Kind};
use super::name::is_id;

/// Claims an announcement about the task or session with this id; `false` if another process has claimed it. If the
/// state folder fails, the claim succeeds.
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
