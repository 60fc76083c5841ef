//! What the tests share.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::new_without_default,
    missing_docs,
    reason = "each test file uses another part of it, and tests read the environment they run in"
)]

pub mod claude;
pub mod messages_api;
pub mod npm_registry;
pub mod sandbox;
pub mod terminal;

/// Polls until `probe` gives something, for what sends no event: another process's file or screen.
///
/// # Panics
///
/// After a minute, with what `probe` was to show.
pub fn wait_until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    let end = std::time::Instant::now() + std::time::Duration::from_mins(1);
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(
            std::time::Instant::now() < end,
            "not within a minute: {what}"
        );
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}
