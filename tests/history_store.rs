//! The store of durations, with what happens to files: many writers, kills, full disks, spoilt bytes.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test, which is its own child by the environment"
)]

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bg_run::history::store::{Key, Known, Observation, Store};
use tempfile::TempDir;

const JOB: &str = "BG_RUN_TEST_JOB";
const PAGE: u64 = 4096;
const SLOT: u64 = 192;

fn key(number: u64) -> Key {
    Key {
        repository: number % 3,
        level: u8::try_from(number % 5).unwrap(),
        // As a hash is: spread over all bits.
        hash: number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15),
        text: format!("make part-{number}"),
    }
}

fn took(seconds: f32) -> Observation {
    Observation {
        seconds,
        at_least: false,
    }
}

fn known(store: &Store, number: u64) -> Known {
    store.known(&[key(number)]).unwrap().remove(0)
}

fn add(store: &Store, number: u64) {
    store.record(&[key(number)], took(1.0), 1).unwrap();
}

/// Where a store lies: the folder of the state, its store, and the file.
fn state() -> (TempDir, PathBuf, PathBuf) {
    let state = tempfile::tempdir().unwrap();
    let folder = state.path().join("history");
    let file = folder.join("durations");
    (state, folder, file)
}

/// This very program, doing a job with the store in `state`.
fn job(state: &Path, job: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "child", "--ignored", "--nocapture"]);
    command.env("BG_RUN_STATE_DIR", state).env(JOB, job);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command
}

fn run(mut command: Command) -> String {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The numbers behind a word, a line each, as a job prints them.
fn numbers(text: &str, word: &str) -> Vec<u64> {
    let lines = text.lines().filter_map(|line| line.strip_prefix(word));
    lines.map(|number| number.trim().parse().unwrap()).collect()
}

#[test]
#[ignore = "a part of others"]
fn child() {
    let job = std::env::var(JOB).unwrap();
    let (what, number) = job.split_once(' ').unwrap_or((&job, "0"));
    let number: u64 = number.parse().unwrap();
    let store = Store::own().unwrap();
    match what {
        // Begins when its input ends.
        "many" => {
            println!("\nready 1");
            std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
            for own in 0..50 {
                // As calls do it: each opens the store anew.
                let store = Store::own().unwrap();
                let keys = [key(1_000_000), key(number * 50 + own)];
                assert_eq!(store.known(&keys).unwrap()[1].runs, 0);
                store.record(&keys, took(1.0), 1).unwrap();
            }
        }
        "endless" => endless(&store),
        "known" => {
            assert_eq!(store.known(&[key(1)]).unwrap(), [Known::default()]);
        }
        "record" => add(&store, number),
        other => unreachable!("{other}"),
    }
}

/// Records one key after the other and says each, until it is killed or there is no room.
fn endless(store: &Store) {
    let mut out = std::io::stdout();
    writeln!(out).unwrap();
    for next in 0..100_000 {
        if let Err(error) = store.record(&[key(next)], took(1.0), 1) {
            writeln!(out, "error {error}").unwrap();
            break;
        }
        writeln!(out, "done {next}").unwrap();
    }
    // What is there can still be changed.
    store.record(&[key(0)], took(2.0), 2).unwrap();
}

/// So many processes that all begin at once, each with 50 keys of its own and one that all have.
fn many(state: &Path, number: u64) {
    let mut children: Vec<Child> = (0..number)
        .map(|number| job(state, &format!("many {number}")).spawn().unwrap())
        .collect();
    let mut outputs: Vec<_> = children
        .iter_mut()
        .map(|child| BufReader::new(child.stdout.take().unwrap()))
        .collect();
    for output in &mut outputs {
        let mut line = String::new();
        while !line.starts_with("ready") {
            line.clear();
            assert_ne!(output.read_line(&mut line).unwrap(), 0);
        }
    }
    for child in &mut children {
        drop(child.stdin.take());
    }
    for (child, mut output) in children.iter_mut().zip(outputs) {
        output.read_to_end(&mut Vec::new()).unwrap();
        assert!(child.wait().unwrap().success());
    }
}

#[test]
fn sixty_four_processes_at_once_lose_nothing() {
    let (state, folder, _) = state();
    many(state.path(), 64);
    let store = Store::in_folder(&folder).unwrap();
    assert_eq!(known(&store, 1_000_000).runs, 64 * 50);
    assert!((0..64 * 50).all(|number| known(&store, number).runs == 1));
    assert_eq!(store.check().unwrap(), Some(64 * 50 + 1));
}

#[test]
fn a_kill_in_the_middle_loses_nothing_that_was_recorded() {
    for round in 0..12_u64 {
        let (state, folder, _) = state();
        let mut child = job(state.path(), "endless").spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        // Its own moment each time, while the table grows.
        let mut text = String::new();
        while numbers(&text, "done").len() < usize::try_from(1 + round * 37).unwrap() {
            assert_ne!(output.read_line(&mut text).unwrap(), 0);
        }
        child.kill().unwrap();
        output.read_to_string(&mut text).unwrap();
        child.wait().unwrap();
        // Its last line may be cut off.
        let whole = &text[..=text.rfind('\n').unwrap()];
        let store = Store::in_folder(&folder).unwrap();
        let done = numbers(whole, "done");
        let lost: Vec<_> = done
            .iter()
            .filter(|&&number| known(&store, number).runs != 1)
            .collect();
        assert!(lost.is_empty(), "{lost:?}");
        let keys = store.check().unwrap().unwrap();
        assert!(
            keys >= done.len() && keys <= done.len() + 2,
            "{keys} {}",
            done.len()
        );
        add(&store, 9999);
        assert_eq!(known(&store, 9999).runs, 1);
    }
}

#[test]
fn a_full_disk_loses_what_has_no_room_only() {
    // Less than the first pages, and some more.
    for blocks in [1, 9, 20, 100, 333] {
        let (state, folder, _) = state();
        Store::in_folder(&folder).unwrap();
        let child = job(state.path(), "endless");
        let mut shell = Command::new("sh");
        // Beyond the limit a write fails as on a full disk. The harness writes to pipes only.
        shell
            .arg("-c")
            .arg(format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\""));
        shell
            .arg("sh")
            .arg(child.get_program())
            .args(child.get_args());
        for (name, value) in child.get_envs() {
            shell.env(name, value.unwrap());
        }
        shell.stdout(Stdio::piped());
        let output = shell.output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let done = numbers(&text, "done");
        assert!(text.contains("error "), "{blocks}: {text}");
        assert!(
            done.len() >= if blocks < 10 { 0 } else { 21 },
            "{blocks}: {}",
            done.len()
        );
        let store = Store::in_folder(&folder).unwrap();
        for number in done.iter().skip(1) {
            assert_eq!(known(&store, *number).runs, 1, "{blocks}: {number}");
        }
        if !done.is_empty() {
            assert!(output.status.success(), "{blocks}: {text}");
            assert_eq!(known(&store, 0).runs, 2, "{blocks}");
        }
        // With room again it goes on.
        add(&store, 700_000);
        assert_eq!(known(&store, 700_000).runs, 1);
        store.check().unwrap();
    }
}

#[test]
fn what_cannot_be_a_store_is_set_aside_and_said_once() {
    let real = {
        let (_state, folder, file) = state();
        add(&Store::in_folder(&folder).unwrap(), 7);
        fs::read(file).unwrap()
    };
    let mut version = real.clone();
    version[24] = b'9';
    let mut torn = real.clone();
    torn[30..4096].fill(0);
    for (name, bytes) in [
        ("another version", version),
        ("a torn header", torn),
        ("garbage", vec![0xa5; 20_000]),
        ("a text", b"{}\n".to_vec()),
        ("zeros", vec![0; 8192]),
    ] {
        for first in ["known", "record 1"] {
            let (state, folder, file) = state();
            Store::in_folder(&folder).unwrap();
            fs::write(&file, &bytes).unwrap();
            let error = Store::in_folder(&folder).unwrap().check().unwrap_err();
            assert!(
                error.to_string().contains("bg-run history --clear"),
                "{error}"
            );
            run(job(state.path(), first));
            run(job(state.path(), "record 2"));
            let store = Store::in_folder(&folder).unwrap();
            assert_eq!(known(&store, 2).runs, 1, "{name}");
            assert_eq!(known(&store, 1).runs, u32::from(first != "known"), "{name}");
            assert_eq!(fs::read(folder.join("durations.damaged")).unwrap(), bytes);
            let log = fs::read_to_string(state.path().join("bg-run.log")).unwrap();
            assert_eq!(log.matches("set aside").count(), 1, "{name}: {log}");
            store.clear().unwrap();
            assert_eq!(fs::read_dir(&folder).unwrap().count(), 0);
        }
    }
}

#[test]
fn one_of_many_sets_it_aside_and_all_go_on() {
    for _ in 0..10 {
        let (state, folder, file) = state();
        Store::in_folder(&folder).unwrap();
        let garbage = vec![0xa5; 20_000];
        fs::write(&file, &garbage).unwrap();
        many(state.path(), 16);
        let store = Store::in_folder(&folder).unwrap();
        assert_eq!(known(&store, 1_000_000).runs, 16 * 50);
        let damaged = fs::read(folder.join("durations.damaged")).unwrap();
        assert!(damaged == garbage);
        let log = fs::read_to_string(state.path().join("bg-run.log")).unwrap();
        assert_eq!(log.matches("set aside").count(), 1, "{log}");
    }
}

#[test]
fn a_header_that_is_not_yet_whole_is_made_again() {
    let (_state, folder, file) = state();
    let store = Store::in_folder(&folder).unwrap();
    add(&store, 1);
    let real = fs::read(&file).unwrap();
    for length in [0, 20, 63, 64, 4096, 5000] {
        fs::write(&file, &real[..length]).unwrap();
        let kept = u32::from(length == 5000);
        let store = Store::in_folder(&folder).unwrap();
        assert_eq!(store.check().unwrap(), Some(kept as usize), "{length}");
        assert_eq!(known(&store, 1).runs, kept, "{length}");
        (10..110).for_each(|number| add(&store, number));
        assert!(
            (10..110).all(|number| known(&store, number).runs == 1),
            "{length}"
        );
        assert_eq!(known(&store, 1).runs, kept, "{length}");
        assert!(!folder.join("durations.damaged").exists());
    }
}

#[test]
fn a_spoilt_entry_is_as_none_and_the_others_stay() {
    let (_state, folder, file) = state();
    let store = Store::in_folder(&folder).unwrap();
    (0..10).for_each(|number| add(&store, number));
    let bytes = File::options().write(true).open(&file).unwrap();
    // Each part of the third one: half of it was written.
    for at in [0, 4, 33, 100, 191] {
        let place = PAGE + 2 * SLOT + at;
        let mut old = [0];
        File::open(&file)
            .unwrap()
            .read_exact_at(&mut old, place)
            .unwrap();
        bytes.write_all_at(&[old[0] ^ 0x10], place).unwrap();
        let runs: Vec<u32> = (0..10).map(|number| known(&store, number).runs).collect();
        assert_eq!(runs, [1, 1, 0, 1, 1, 1, 1, 1, 1, 1], "{at}");
        let error = store.check().unwrap_err().to_string();
        assert!(
            error.contains("1 damaged") && error.contains("--clear"),
            "{error}"
        );
        assert_eq!(store.rows(None).unwrap().len(), 9);
        bytes.write_all_at(&old, place).unwrap();
    }
    bytes.write_all_at(&[9], PAGE + 2 * SLOT + 100).unwrap();
    add(&store, 2);
    assert_eq!(known(&store, 2).runs, 1);
    assert_eq!(store.check().unwrap(), Some(10));
}

#[test]
fn it_grows_and_keeps_the_newest_eight() {
    let (_state, folder, file) = state();
    let store = Store::in_folder(&folder).unwrap();
    assert_eq!(store.check().unwrap(), None);
    for number in 0..20_000 {
        add(&store, number);
    }
    assert!((0..20_000).all(|number| known(&store, number).runs == 1));
    assert_eq!(store.check().unwrap(), Some(20_000));
    let size = fs::metadata(&file).unwrap().len();
    assert!(size < 20_000 * 2 * SLOT, "{size}");
    for run in 0_u8..11 {
        let observation = Observation {
            seconds: f32::from(run),
            at_least: run % 3 == 0,
        };
        store
            .record(&[key(5), key(6)], observation, u32::from(run))
            .unwrap();
    }
    let expected: Vec<_> = (3_u8..11)
        .rev()
        .map(|run| (f32::from(run), run % 3 == 0))
        .collect();
    let of_five = known(&store, 5);
    let seen: Vec<_> = of_five
        .observations
        .iter()
        .map(|one| (one.seconds, one.at_least))
        .collect();
    assert_eq!(seen, expected);
    assert_eq!(of_five.runs, 12);
    assert_eq!(known(&store, 6), of_five);
}

#[test]
fn impossible_durations_and_clocks_are_no_fault() {
    let (_state, folder, _) = state();
    let store = Store::in_folder(&folder).unwrap();
    let given = [0.0, -3.0, f32::NAN, 1e9, f32::INFINITY, f32::NEG_INFINITY];
    for (now, seconds) in [9, 8, u32::MAX, 0, 3, 2].into_iter().zip(given) {
        store.record(&[key(1)], took(seconds), now).unwrap();
    }
    let seen: Vec<_> = known(&store, 1)
        .observations
        .iter()
        .map(|one| one.seconds)
        .collect();
    let week = 604_800.0;
    assert_eq!(seen, [0.0, week, week, 0.0, 0.0, 0.0]);
    assert_eq!(store.rows(None).unwrap()[0].last, 2);
}

#[test]
fn rows_are_shown_and_forgotten() {
    let (_state, folder, file) = state();
    let store = Store::in_folder(&folder).unwrap();
    assert_eq!(store.forget(|_| true).unwrap(), 0);
    assert!(!file.exists());
    (0..300).for_each(|number| add(&store, number));
    let long = Key {
        text: "ä".repeat(100),
        ..key(900)
    };
    store.record(&[long], took(5.0), 77).unwrap();
    assert_eq!(store.rows(Some(1)).unwrap().len(), 100);
    let rows = store.rows(Some(0)).unwrap();
    assert_eq!(rows.len(), 101);
    let row = rows.iter().find(|row| row.last == 77).unwrap();
    assert_eq!(
        (row.text.as_str(), row.runs, row.level),
        ("ä".repeat(62).as_str(), 1, 0)
    );
    let gone = store.forget(|row| row.text.starts_with("make part-2"));
    assert_eq!(gone.unwrap(), 111);
    assert_eq!((known(&store, 27).runs, known(&store, 37).runs), (0, 1));
    // Nor does a copy stay where a key once lay.
    let bytes = fs::read(&file).unwrap();
    let stands = |text: &[u8]| bytes.windows(text.len()).any(|part| part == text);
    assert!(!stands(b"make part-2") && stands(b"make part-3"));
    assert_eq!(store.check().unwrap(), Some(190));
    store.clear().unwrap();
    assert_eq!(store.check().unwrap(), None);
}

#[test]
fn one_that_stays_open_sees_that_others_took_the_file_away() {
    let (_state, folder, _) = state();
    let (one, other) = (
        Store::in_folder(&folder).unwrap(),
        Store::in_folder(&folder).unwrap(),
    );
    add(&one, 1);
    assert_eq!(known(&other, 1).runs, 1);
    other.clear().unwrap();
    assert_eq!(known(&one, 1).runs, 0);
    add(&other, 2);
    add(&one, 3);
    assert_eq!((known(&other, 3).runs, known(&one, 2).runs), (1, 1));
    fs::remove_dir_all(&folder).unwrap();
    add(&one, 4);
    assert_eq!(known(&other, 4).runs, 1);
}

#[test]
fn a_lock_that_stays_is_waited_for_a_moment_only_and_reading_goes_on() {
    let (_state, folder, file) = state();
    let store = Store::in_folder(&folder).unwrap();
    add(&store, 1);
    let holder = File::open(&file).unwrap();
    holder.lock().unwrap();
    let start = Instant::now();
    assert_eq!(known(&store, 1).runs, 1);
    let error = store.record(&[key(1)], took(1.0), 1).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    assert!(start.elapsed() < Duration::from_secs(20));
    holder.unlock().unwrap();
    // Who waited in vain doesn't hold it.
    for _ in 0..100 {
        let other = Store::in_folder(&folder).unwrap();
        other.record(&[key(1)], took(1.0), 1).unwrap();
    }
    assert_eq!(known(&store, 1).runs, 101);
}

#[test]
fn who_reads_while_it_grows_misses_nothing() {
    let (_state, folder, _) = state();
    let store = Store::in_folder(&folder).unwrap();
    (0..200).for_each(|number| add(&store, number));
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let store = Store::in_folder(&folder).unwrap();
            (200..12_000).for_each(|number| {
                add(&store, number);
                add(&store, number % 200);
            });
        });
        let store = Store::in_folder(&folder).unwrap();
        let keys: Vec<Key> = (0..200).map(key).collect();
        while !writer.is_finished() {
            for (number, known) in store.known(&keys).unwrap().iter().enumerate() {
                assert!(known.runs > 0, "{number}");
            }
        }
    });
}

#[test]
fn only_the_user_may_read_it_and_no_link_is_followed() {
    let (state, folder, file) = state();
    run(job(state.path(), "record 1"));
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
    let elsewhere = state.path().join("elsewhere");
    fs::write(&elsewhere, "").unwrap();
    fs::remove_file(&file).unwrap();
    symlink(&elsewhere, &file).unwrap();
    let store = Store::in_folder(&folder).unwrap();
    store.record(&[key(1)], took(1.0), 1).unwrap_err();
    store.known(&[key(1)]).unwrap_err();
    assert_eq!(fs::read(&elsewhere).unwrap(), b"");
    let linked = state.path().join("linked");
    symlink(&folder, &linked).unwrap();
    Store::in_folder(&linked).unwrap_err();
}
