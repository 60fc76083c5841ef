//! Code that the tests share.
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

/// Polls until `probe` returns something, for things without events: another process's file or screen.
///
/// # Panics
///
/// After a minute, with the description `what`.
pub fn wait_until<T>(what: &str, mut probe: impl FnMut() -> Option<T>) -> T {
    wait_with_progress(what, || ((), probe()))
}

/// Waits until the file has text, and returns it.
///
/// # Panics
///
/// After a minute without any, with the description `what`.
pub fn wait_for_text(what: &str, file: &std::path::Path) -> String {
    wait_until(what, || {
        let text = sandbox::read(file);
        (!text.is_empty()).then_some(text)
    })
}

/// Polls as long as there is progress, which `probe` returns too.
///
/// # Panics
///
/// After a minute without progress.
pub fn wait_with_progress<P: PartialEq, T>(
    what: &str,
    mut probe: impl FnMut() -> (P, Option<T>),
) -> T {
    let minute = std::time::Duration::from_mins(1);
    let (mut last, mut since) = (None, std::time::Instant::now());
    loop {
        let (progress, found) = probe();
        if let Some(found) = found {
            return found;
        }
        if last.as_ref() != Some(&progress) {
            (last, since) = (Some(progress), std::time::Instant::now());
        }
        assert!(since.elapsed() < minute, "not within a minute: {what}");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
}

/// Writes the input of a child process, and closes it.
pub fn feed(child: &mut std::process::Child, input: &str) {
    use std::io::Write as _;
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(input.as_bytes()).unwrap();
}
