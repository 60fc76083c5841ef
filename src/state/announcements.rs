//! Claims on one-time announcements: messages and actions for a task or session, and messages for the user.

use std::path::Path;

use super::folder::Folder;
use super::kind::{Announcement, Kind};
use super::name::{hashed_name, is_id};

/// Claims an announcement about the task or session with this id; `false` if another process has claimed it. If the
/// state folder fails, the claim succeeds.
pub fn claim(announcement: Announcement, id: &str) -> bool {
    if !is_id(id) {
        return true;
    }
    Folder::claim(Kind::Announced, &file_name(announcement, id), b"").unwrap_or(true)
}

/// Whether a process has claimed this announcement.
pub fn is_claimed(announcement: Announcement, id: &str) -> bool {
    is_id(id) && Folder::is_claimed(Kind::Announced, &file_name(announcement, id))
}

fn file_name(announcement: Announcement, id: &str) -> String {
    format!("{id}.{}", announcement.name())
}

/// Whether a process has claimed this message for the user.
pub fn is_message_claimed(message: &str) -> bool {
    Folder::is_claimed(Kind::Reported, &hashed_name(Path::new(message)))
}

/// Claims a message that the user gets once; `false` if a process has claimed it or the claim can't be recorded.
pub fn claim_message(message: &str) -> bool {
    let name = hashed_name(Path::new(message));
    Folder::claim(Kind::Reported, &name, b"").unwrap_or(false)
}
