//! The view in the real client: under the call and above the prompt, at several widths, with one, three and eight
//! tasks whose output has colours. With `BG_RUN_SCREENS=docs`, it writes the page of screens.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test")]

mod support;

use std::fs;
use std::ops::RangeInclusive;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use serde_json::{Value, json};
use support::claude::{Client, DRAWING, is_there, screens, skip};
use support::messages_api::{MessagesApi, Turn};
use support::sandbox::Sandbox;
use support::terminal::Terminal;
use support::wait_until;

/// High enough for the whole conversation.
const ROWS: &str = "100";
const WIDTHS: [&str; 4] = ["60", "80", "100", "200"];

/// The client draws its own screen instead of printing into the terminal's scrollback.
const FULLSCREEN: &str = "CLAUDE_CODE_DISABLE_ALTERNATE_SCREEN=0";
const MAIN_SCREEN: &str = "CLAUDE_CODE_DISABLE_ALTERNATE_SCREEN=1";

/// Output of pytest 9.2.0 with `--color=yes`.
const PYTEST_SAID: &str = include_str!("corpus/pytest.txt");

/// The same output with a bell, a title and a progress bar, and a last line on request.
const PYTEST: &str = r#"
cat "$HOME/said"
printf '\007\033]0;title\007 50%% of %s\r\033[32m100%%\033[0m of %s\n' "$1" "$1"
until [ -e "$HOME/end-$1" ]; do sleep 0.2; done
printf '\033[31mstopped\033[0m at the sign\n'
exit "$2"
"#;

/// Prints a line twice a second until told to stop, and exits with this status.
const TICKER: &str = r#"
tick=0
until [ -e "$HOME/end-$1" ]; do tick=$((tick + 1)); echo "tick $tick of $1"; sleep 0.5; done
exit "$2"
"#;

struct Session {
    sandbox: Sandbox,
    terminal: Terminal,
    api: MessagesApi,
}

impl Session {
    /// Starts a session with this many running tasks, the first of which will fail.
    fn start(client: &Client, name: &str, layout: &str, count: usize, size: (&str, &str)) -> Self {
        let call = |number: usize| {
            let status = if number == 1 { 3 } else { 0 };
            Turn::Bash(json!({
                "command": format!("pytest t{number} {status}"),
                "description": format!("Run suite {number}"),
                "run_in_background": true,
            }))
        };
        let mut turns: Vec<Turn> = (1..=count).map(call).collect();
        turns.push(Turn::Say("All of it is running.".to_owned()));
        turns.push(Turn::Say("I see.".to_owned()));
        let session = Self::start_with(client, name, layout, turns, size);
        session.terminal.wait_for("All of it is running.");
        session
    }

    /// Starts a session in which the model gets "go" and takes these turns.
    fn start_with(
        client: &Client,
        name: &str,
        layout: &str,
        turns: Vec<Turn>,
        size: (&str, &str),
    ) -> Self {
        let sandbox = Sandbox::new();
        sandbox.write_settings(&json!({"permissions": {"allow": ["Bash"]}}));
        sandbox.write("home/said", PYTEST_SAID);
        sandbox.program("pytest", PYTEST);
        sandbox.program("ticker", TICKER);
        sandbox.fake_editor();
        assert!(sandbox.bg_run(&["install"]).status.success());
        let api = MessagesApi::start(turns);
        let mut words = client.interactive(&sandbox, &api);
        words.insert(2, layout.to_owned());
        let terminal = Terminal::start_sized(name, &words, &sandbox.project(), size);
        terminal.wait_for("? for shortcuts");
        terminal.submit("go", || !api.requests().is_empty());
        Self {
            sandbox,
            terminal,
            api,
        }
    }

    /// Ends the client, and continues its session in another one.
    fn resumed(self, client: &Client, name: &str, layout: &str, size: (&str, &str)) -> Self {
        let Self {
            sandbox,
            terminal,
            api,
        } = self;
        drop(terminal);
        let mut words = client.interactive(&sandbox, &api);
        words.insert(2, layout.to_owned());
        words.push("--continue".to_owned());
        let terminal = Terminal::start_sized(name, &words, &sandbox.project(), size);
        Self {
            sandbox,
            terminal,
            api,
        }
    }

    /// Changes bg-run's record so that this task began two minutes earlier. A test can't wait that long.
    fn age(&self, description: &str) {
        let of_it = |record: &Value| record["description"] == description;
        let folder = self.sandbox.state().join("tasks");
        let (path, mut record) = wait_until("its record", || {
            let files = fs::read_dir(&folder)
                .ok()?
                .flatten()
                .map(|entry| entry.path());
            let read = |path: PathBuf| {
                let record: Value = serde_json::from_str(&fs::read_to_string(&path).ok()?).ok()?;
                Some((path, record))
            };
            files.filter_map(read).find(|(_, record)| of_it(record))
        });
        let started: jiff::Timestamp = record["started"].as_str().unwrap().parse().unwrap();
        record["started"] = json!(started - jiff::SignedDuration::from_mins(2));
        let part = path.with_extension("part");
        fs::write(&part, record.to_string()).unwrap();
        fs::rename(part, path).unwrap();
    }

    /// Waits until the screen satisfies `is`, and returns it.
    fn wait(&self, what: &str, is: impl Fn(&str) -> bool) -> String {
        let mut last = String::new();
        let found = catch_unwind(AssertUnwindSafe(|| {
            wait_until(what, || {
                last = self.terminal.screen();
                is(&last).then_some(())
            });
        }));
        found.unwrap_or_else(|_| panic!("not on the screen: {what}\n{last}"));
        last
    }

    /// Opens or closes the pane. A key that arrives together with text would count as part of it.
    fn toggle_pane(&self) {
        self.terminal.keys(&["/bg-run-view"]);
        self.wait("the command in the prompt", |screen| {
            prompt(screen).contains("/bg-run-view")
        });
        self.terminal.keys(&["Enter"]);
    }

    fn end(&self, numbers: RangeInclusive<usize>) {
        for number in numbers {
            fs::write(self.sandbox.home().join(format!("end-t{number}")), "").unwrap();
        }
    }

    /// Waits until, at every width, this many tasks have a complete row above the prompt, and this many more are
    /// counted.
    fn has_band(&self, shown: usize, more: usize) {
        let counted = (more > 0).then(|| format!("and {more} more"));
        for width in WIDTHS {
            self.terminal.resize(width, ROWS);
            let what = format!("{shown} tasks and {more} more at {width} columns");
            self.wait(&what, |screen| {
                let (tasks, others) = band(screen);
                tasks.len() == shown && tasks.iter().all(|row| is_whole(row)) && others == counted
            });
        }
    }
}

/// Returns the rows above the prompt: those that name a running task, and the one that counts the others.
fn band(screen: &str) -> (Vec<&str>, Option<String>) {
    let is_task = |row: &&str| row.starts_with("Run suite ");
    let tasks = screen.lines().filter(is_task).collect();
    let others = screen
        .lines()
        .find(|row| row.starts_with("and ") && row.contains(" more"));
    let others = others.map(|row| row.split("  ").next().unwrap_or(row).trim_end().to_owned());
    (tasks, others)
}

/// Whether a task's row contains its name, its duration and its last line, cleaned.
fn is_whole(row: &str) -> bool {
    let mut parts = row.split("  ");
    let [name, time, last] =
        [parts.next(), parts.next(), parts.next()].map(Option::unwrap_or_default);
    let number = name.trim_start_matches("Run suite ");
    time.starts_with(|first: char| first.is_ascii_digit())
        && last.trim() == format!("100% of t{number}")
}

/// Returns the text in the prompt.
fn prompt(screen: &str) -> &str {
    screen
        .lines()
        .rfind(|row| row.starts_with('❯'))
        .unwrap_or_default()
}

/// Whether any escape sequence is left.
fn has_codes(screen: &str) -> bool {
    ["[0m", "[1m", "[31m", "[32m", "[39;", "]0;"]
        .iter()
        .any(|code| screen.contains(code))
}

fn eight_tasks(version: &str, name: &str, layout: &str) {
    if !is_there("tmux") {
        return skip("tmux isn't installed");
    }
    let Some(client) = Client::find(version) else {
        return;
    };
    let session = Session::start(&client, name, layout, 8, ("100", ROWS));
    let screen = session.wait("the last lines of each task under its call", |screen| {
        (1..=8).all(|number| screen.contains(&format!("100% of t{number}")))
    });
    assert!(
        screen.contains("FAILED tests/test_login.py::test_two_factor"),
        "{screen}"
    );
    assert!(!has_codes(&screen), "{screen}");
    // The keyboard still belongs to the prompt.
    session.terminal.keys(&["still mine"]);
    session.has_band(3, 5);
    session.end(1..=5);
    session.wait("the ends under their calls", |screen| {
        screen.contains("✗ exit 3, ") && screen.matches("✓ ").count() >= 4
    });
    session.has_band(3, 0);
    session.end(6..=7);
    session.has_band(1, 0);
    session.end(8..=8);
    // A screen can be captured while the client draws it.
    session.wait("no band, and the keys in the prompt", |screen| {
        band(screen) == (Vec::new(), None) && prompt(screen).contains("still mine")
    });
}

#[test]
fn the_first_client_with_a_view_shows_one_three_and_eight_tasks_at_every_width() {
    eight_tasks(DRAWING[0], "view-first", FULLSCREEN);
}

#[test]
fn the_newest_client_shows_one_three_and_eight_tasks_at_every_width() {
    eight_tasks(DRAWING[1], "view-newest", FULLSCREEN);
}

#[test]
fn the_newest_client_shows_them_on_the_main_screen() {
    eight_tasks(DRAWING[1], "view-main", MAIN_SCREEN);
}

/// Whether each line of a task appears once under its call, five lines at most.
fn is_drawn_once(screen: &str) -> bool {
    let rows = screen.lines().filter(|row| row.starts_with("     "));
    let mut rows: Vec<&str> = rows
        .map(str::trim)
        .filter(|row| row.starts_with("tick "))
        .collect();
    let count = rows.len();
    rows.sort_unstable();
    rows.dedup();
    rows.len() == count && (1..=5).contains(&count)
}

fn a_whole_life(version: &str, name: &str) {
    if !is_there("tmux") {
        return skip("tmux isn't installed");
    }
    let Some(client) = Client::find(version) else {
        return;
    };
    let call = |name: &str, status: u8| {
        Turn::Bash(json!({
            "command": format!("ticker {name} {status}"),
            "description": format!("Run suite {name}"),
            "run_in_background": true,
        }))
    };
    let rows: Vec<String> = (1..=60).map(|row| format!("- row {row}")).collect();
    let turns = vec![
        Turn::Say(rows.join("\n")),
        call("t1", 3),
        Turn::Say("It is running.".to_owned()),
        Turn::Say("I see.".to_owned()),
        call("t2", 0),
        Turn::Say("Another is running.".to_owned()),
    ];
    let size = ("100", "36");
    let session = Session::start_with(&client, name, FULLSCREEN, turns, size);
    session.terminal.wait_for("row 60");
    session
        .terminal
        .submit("on", || session.api.requests().len() > 1);
    session.wait("the lines under the call", is_drawn_once);
    session.terminal.wait_for("It is running.");
    session.age("Run suite t1");
    session.wait("the line above the prompt", |screen| tick(screen).is_some());

    // When scrolled up, the conversation stays in place while the line above the prompt continues.
    session.terminal.keys(&["PageUp", "PageUp"]);
    let talk = |screen: &str| {
        let rows = screen.lines().filter(|row| row.contains("- row "));
        rows.map(|row| row.trim_end().to_owned())
            .collect::<Vec<String>>()
    };
    let is_up = |screen: &str| talk(screen).len() > 10 && !screen.contains("It is running.");
    session.wait("the rows above", is_up);
    // A key may still be on its way.
    std::thread::sleep(std::time::Duration::from_secs(1));
    let before = session.terminal.screen();
    let later = session.wait("three more lines", |screen| {
        tick(screen) >= tick(&before).map(|tick| tick + 6)
    });
    assert_eq!(talk(&later), talk(&before));
    assert!(tick(&before).is_some(), "{before}");
    session.terminal.keys(&["PageDown", "PageDown", "PageDown"]);
    session.wait("the end again", is_drawn_once);

    // The transcript contains each line once, and everything after it.
    session.terminal.keys(&["C-o"]);
    let transcript = session.wait("the transcript", |screen| {
        screen.contains("Showing detailed transcript") && is_drawn_once(screen)
    });
    assert!(!has_codes(&transcript), "{transcript}");
    session.terminal.keys(&["C-o"]);
    session.wait("the conversation", |screen| {
        !screen.contains("Showing detailed transcript") && is_drawn_once(screen)
    });

    // Text typed while the pane opens arrives in the prompt.
    session.toggle_pane();
    session.terminal.keys(&["still mine"]);
    session.wait("the pane, and the keys in the prompt", |screen| {
        screen
            .lines()
            .any(|row| row.starts_with('│') && row.contains("tick "))
            && prompt(screen).contains("still mine")
    });
    session.terminal.keys(&["C-u"]);
    session.wait("an empty prompt", |screen| {
        !prompt(screen).contains("still mine")
    });
    session.toggle_pane();
    session.wait("the line above the prompt again", |screen| {
        tick(screen).is_some()
    });

    fs::write(session.sandbox.home().join("end-t1"), "").unwrap();
    session.wait("a toast", |screen| {
        screen.contains("Run suite t1: ✗ exit 3, 2 min")
    });
    session.wait("the end under the call", |screen| {
        screen.contains("     ✗ exit 3, 2 min")
            && screen.contains("I see.")
            && band(screen).0.is_empty()
    });

    another_client_goes_on(&client, session, name, size);
}

/// Returns the number in the line above the prompt.
fn tick(screen: &str) -> Option<u32> {
    let (rows, _) = band(screen);
    let tick = rows.first()?.split("tick ").nth(1)?.split(' ').next()?;
    tick.parse().ok()
}

/// The view shows the records of the earlier client's task, and of its own after a compaction and `/clear`.
fn another_client_goes_on(client: &Client, session: Session, name: &str, size: (&str, &str)) {
    let session = session.resumed(client, &format!("{name}-on"), FULLSCREEN, size);
    session.wait("the end under the call", |screen| {
        screen.contains("     ✗ exit 3, 2 min")
    });
    session.terminal.wait_for("? for shortcuts");
    let so_far = session.api.requests().len();
    session
        .terminal
        .submit("again", || session.api.requests().len() > so_far);
    session.terminal.wait_for("Another is running.");
    session.age("Run suite t2");
    session.wait("the line above the prompt", |screen| tick(screen).is_some());
    session
        .terminal
        .submit("/compact", || session.terminal.screen().contains("Compact"));
    session.wait("the line after a compaction", |screen| {
        screen.contains("Compacted") && tick(screen).is_some()
    });
    session.terminal.keys(&["/clear"]);
    session.wait("the command in the prompt", |screen| {
        prompt(screen).contains("/clear")
    });
    session.terminal.keys(&["Enter"]);
    let cleared = session.wait("the line after /clear", |screen| {
        !screen.contains("Compacted") && tick(screen).is_some()
    });
    session.wait("it goes on", |screen| tick(screen) > tick(&cleared));
    fs::write(session.sandbox.home().join("end-t2"), "").unwrap();
    session.wait("no line", |screen| band(screen).0.is_empty());
}

#[test]
fn the_first_client_with_a_view_shows_it_through_a_session() {
    a_whole_life(DRAWING[0], "life-first");
}

#[test]
fn the_newest_client_shows_it_through_a_session() {
    a_whole_life(DRAWING[1], "life-newest");
}

const PAGE: &str = "# What the view shows

These screens show Claude Code 2.1.332 in a terminal of 90 columns, with one task: just after its start, after half a minute, in
a pane, and at its end. The model is scripted, and the command prints a recorded, coloured output of pytest. Consecutive empty
rows are shortened to one. `BG_RUN_SCREENS=docs cargo test --test view` makes this page.
";

/// Returns the screen's conversation with the prompt; consecutive empty rows are merged.
fn talk(screen: &str) -> String {
    let rows = screen.lines().map(str::trim_end);
    let rows = rows.skip_while(|row| !row.starts_with("❯ go"));
    let mut rows: Vec<&str> = rows.collect();
    rows.dedup_by(|row, before| row.is_empty() && before.is_empty());
    rows.join("\n").trim_end().to_owned()
}

#[test]
fn a_task_is_drawn_from_its_start_to_its_end() {
    if !is_there("tmux") {
        return skip("tmux isn't installed");
    }
    let Some(client) = Client::find(DRAWING[1]) else {
        return;
    };
    let session = Session::start(&client, "view-one", FULLSCREEN, 1, ("90", "34"));
    let under = session.wait("the last lines under the call", |screen| {
        screen.contains("     100% of t1") && !screen.contains("esc to interrupt")
    });
    let above = session.wait("the line above the prompt", |screen| {
        band(screen).0.len() == 1
    });
    session.toggle_pane();
    let pane = session.wait("the pane, and the line above the prompt in it", |screen| {
        let mut rows = screen.lines().filter(|row| row.starts_with('│'));
        rows.any(|row| row.contains("100% of t1")) && band(screen).0.is_empty()
    });
    session.toggle_pane();
    session.wait("the line above the prompt again", |screen| {
        band(screen).0.len() == 1
    });
    session.end(1..=1);
    let ended = session.wait("the end, and no band", |screen| {
        screen.contains("✗ exit 3, ")
            && screen.contains("I see.")
            && !screen.contains("esc to interrupt")
            && band(screen).0.is_empty()
    });
    let mut written = PAGE.to_owned();
    for (title, screen) in [
        ("Under the call", under),
        ("Above the prompt, from 30 seconds on", above),
        ("In a pane, on `/bg-run-view`", pane),
        ("At its end", ended),
    ] {
        written += &["\n## ", title, "\n\n```text\n", &talk(&screen), "\n```\n"].concat();
    }
    if let Some(folder) = screens() {
        fs::write(folder.join("view-screens.md"), written).unwrap();
    }
}
