//! A terminal: a separate tmux server that ends with the test.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use super::wait_until;

pub struct Terminal {
    socket: String,
}

impl Terminal {
    /// Starts `words` in `folder`, in a terminal of 150 columns and 40 rows.
    pub fn start(name: &str, words: &[String], folder: &Path) -> Self {
        Self::start_sized(name, words, folder, ("150", "40"))
    }

    /// Starts `words` in a terminal of this size: columns and rows.
    pub fn start_sized(name: &str, words: &[String], folder: &Path, size: (&str, &str)) -> Self {
        let terminal = Self {
            socket: format!("bg-run-{}-{name}", std::process::id()),
        };
        let folder = folder.to_str().unwrap();
        let mut arguments = vec![
            "-f",
            "/dev/null",
            "new-session",
            "-d",
            "-x",
            size.0,
            "-y",
            size.1,
            "-c",
            folder,
        ];
        arguments.extend(words.iter().map(String::as_str));
        let output = terminal.tmux(&arguments);
        assert!(output.status.success(), "{output:?}");
        terminal
    }

    fn tmux(&self, arguments: &[&str]) -> Output {
        Command::new("tmux")
            .args(["-L", &self.socket])
            .args(arguments)
            .output()
            .unwrap()
    }

    pub fn keys(&self, keys: &[&str]) {
        let mut arguments = vec!["send-keys"];
        arguments.extend(keys);
        assert!(self.tmux(&arguments).status.success());
    }

    /// Changes the size, columns and rows, like a user who drags the window's edge.
    pub fn resize(&self, columns: &str, rows: &str) {
        let output = self.tmux(&["resize-window", "-x", columns, "-y", rows]);
        assert!(output.status.success(), "{output:?}");
    }

    /// Types a line, and sends it once it shows, because text that arrives at once counts as a paste. A client that is
    /// still starting can lose either, so this repeats until `is_sent`.
    pub fn submit(&self, line: &str, is_sent: impl Fn() -> bool) {
        for _ in 0..6 {
            self.keys(&[line]);
            if !holds_soon(|| is_on(&self.screen(), line)) {
                self.keys(&["C-u"]);
                continue;
            }
            self.keys(&["Enter"]);
            if holds_soon(&is_sent) {
                return;
            }
        }
        panic!("`{line}` isn't sent:\n{}", self.screen());
    }

    /// Presses a key until the screen no longer shows `text`, because a question that has just appeared can miss it.
    pub fn press_until_gone(&self, key: &str, text: &str) {
        wait_until(text, || {
            if !self.screen().contains(text) {
                return Some(());
            }
            self.keys(&[key]);
            std::thread::sleep(Duration::from_millis(500));
            None
        });
    }

    /// Presses a key until the screen shows `text`. A second press too early would answer a question that is about to
    /// appear.
    pub fn press_until_shown(&self, key: &str, text: &str) {
        wait_until(text, || {
            self.keys(&[key]);
            let end = Instant::now() + Duration::from_secs(10);
            while Instant::now() < end {
                if self.screen().contains(text) {
                    return Some(());
                }
                std::thread::sleep(Duration::from_millis(50));
            }
            None
        });
    }

    /// The process that runs in it.
    pub fn process(&self) -> u32 {
        let listed = self.tmux(&["list-panes", "-F", "#{pane_pid}"]).stdout;
        String::from_utf8(listed).unwrap().trim().parse().unwrap()
    }

    /// Closes it, as a window or a connection is.
    pub fn close(&self) {
        self.tmux(&["kill-server"]);
    }

    /// Returns the screen's text.
    pub fn screen(&self) -> String {
        String::from_utf8_lossy(&self.tmux(&["capture-pane", "-p"]).stdout).into_owned()
    }

    /// Waits until the screen shows `text`, and returns the screen.
    pub fn wait_for(&self, text: &str) -> String {
        let mut last = String::new();
        let shown = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_until(text, || {
                last = self.screen();
                is_on(&last, text).then(|| last.clone())
            })
        }));
        shown.unwrap_or_else(|_| panic!("`{text}` isn't on the screen:\n{last}"))
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.close();
    }
}

/// Whether the screen shows the text. A long line may be broken anywhere.
fn is_on(screen: &str, text: &str) -> bool {
    let unbroken: String = screen.lines().map(str::trim).collect();
    screen.contains(text) || unbroken.contains(text)
}

/// Waits at most ten seconds until `probe` is true, and returns whether it is.
fn holds_soon(probe: impl Fn() -> bool) -> bool {
    let end = Instant::now() + Duration::from_secs(10);
    while Instant::now() < end {
        if probe() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    false
}
