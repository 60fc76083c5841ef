//! Claims on things that are told or done once about a task or a session.

use super::{Folder, Kind, News, is_id};

/// Claims the news about the task or session with this id for this process; `false` where another one has it. Where that
/// can't be found out, it is this one's.
pub fn claim(news: News, id: &str) -> bool {
    if !is_id(id) {
        return true;
    }
    Folder::claim(Kind::Told, &name_of(news, id), b"").unwrap_or(true)
}

/// Whether a process has claimed it.
pub fn is_claimed(news: News, id: &str) -> bool {
    is_id(id) && Folder::is_claimed(Kind::Told, &name_of(news, id))
}

fn name_of(news: News, id: &str) -> String {
    format!("{id}.{}", news.name())
}
