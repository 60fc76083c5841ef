//! The store of durations under many writers, kills, full disks and corruption.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test, which is its own child by the environment"
)]

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use bg_run::history::store::{Key, Run, Store};
use bg_run::history::{Observation, PastRuns, RunEnd};
use tempfile::TempDir;

const JOB: &str = "BG_RUN_TEST_JOB";
const REPOSITORY: u64 = 0x1234;

fn key(number: u64) -> Key {
    Key {
        repository: REPOSITORY,
        level: u8::try_from(number % 5).unwrap(),
        hash: number,
        text: format!("make part-{number}"),
    }
}

/// Returns the call with this number, in which each of these keys took a second.
fn run_of(call: u32, keys: &[Key]) -> Run {
    Run {
        keys: keys.to_vec(),
        observation: Observation::success(1.0),
        at: call,
        call,
    }
}

fn known(store: &Store, number: u64) -> PastRuns {
    store.known(&[key(number)]).unwrap().remove(0)
}

fn add(store: &Store, number: u64) {
    let call = u32::try_from(number).unwrap();
    store.record(&run_of(call, &[key(number)])).unwrap();
}

/// Returns the folder of the state, its store, and the repository's file.
fn state() -> (TempDir, PathBuf, PathBuf) {
    let state = tempfile::tempdir().unwrap();
    let folder = state.path().join("history");
    let file = folder.join(format!("{REPOSITORY:016x}"));
    (state, folder, file)
}

/// Runs this program itself for a job with the store in `state`.
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

/// Returns the numbers after a word, one per line, as a job prints them.
fn numbers(text: &str, word: &str) -> Vec<u64> {
    let lines = text.lines().filter_map(|line| line.strip_prefix(word));
    lines.map(|number| number.trim().parse().unwrap()).collect()
}

/// Number of its own keys that each of many processes records.
const OWN: u64 = 8;

#[test]
#[ignore = "a part of others"]
fn child() {
    let job = std::env::var(JOB).unwrap();
    let (what, number) = job.split_once(' ').unwrap_or((&job, "0"));
    let number: u64 = number.parse().unwrap();
    let store = Store::own().unwrap();
    match what {
        // It begins when its input ends.
        "many" => {
            println!("\nready 1");
            std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
            for own in number * OWN..(number + 1) * OWN {
                // Each opens the store anew, like calls do.
                let store = Store::own().unwrap();
                let keys = [key(1_000_000), key(own)];
                assert_eq!(store.known(&keys).unwrap()[1].runs, 0);
                let call = u32::try_from(own).unwrap();
                record_at_last(&store, &run_of(call, &keys));
            }
        }
        "endless" => endless(&store),
        "record" => add(&store, number),
        other => unreachable!("{other}"),
    }
}

/// Records despite other writers. On a busy machine, the lock may be held longer than a call would wait.
fn record_at_last(store: &Store, run: &Run) {
    while let Err(error) = store.record(run) {
        assert_eq!(error.kind(), std::io::ErrorKind::TimedOut, "{error}");
    }
}

/// Records one key after the other and prints each, until it is killed or the disk is full.
fn endless(store: &Store) {
    let mut out = std::io::stdout();
    writeln!(out).unwrap();
    for next in 0..2000_u32 {
        let run = run_of(next, &[key(u64::from(next))]);
        if let Err(error) = store.record(&run) {
            writeln!(out, "error {error}").unwrap();
            break;
        }
        writeln!(out, "done {next}").unwrap();
    }
}

/// Starts this many processes at once, each with keys of its own and a shared one.
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
    assert_eq!(u64::from(known(&store, 1_000_000).runs), 64 * OWN);
    assert!((0..64 * OWN).all(|number| known(&store, number).runs == 1));
    assert_eq!(store.check().unwrap(), Some(64 * 8 + 1));
}

#[test]
fn a_kill_in_the_middle_loses_nothing_that_was_recorded() {
    for round in 0..12_u64 {
        let (state, folder, _) = state();
        let mut child = job(state.path(), "endless").spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        // Each kill comes at another moment.
        let mut text = String::new();
        while numbers(&text, "done").len() < usize::try_from(1 + round * 37).unwrap() {
            assert_ne!(output.read_line(&mut text).unwrap(), 0);
        }
        child.kill().unwrap();
        output.read_to_string(&mut text).unwrap();
        child.wait().unwrap();
        // Its last line may be incomplete.
        let whole = &text[..=text.rfind('\n').unwrap()];
        let store = Store::in_folder(&folder).unwrap();
        let done = numbers(whole, "done");
        assert!(done.iter().all(|number| known(&store, *number).runs == 1));
        let keys = store.check().unwrap().unwrap();
        assert!((done.len()..=done.len() + 2).contains(&keys), "{keys}");
        add(&store, 9999);
        assert_eq!(known(&store, 9999).runs, 1);
    }
}

#[test]
fn a_full_disk_loses_only_the_unwritable_record() {
    for blocks in [1, 9, 20, 33] {
        let (state, folder, _) = state();
        Store::in_folder(&folder).unwrap();
        let child = job(state.path(), "endless");
        let mut shell = Command::new("sh");
        // Above the limit, a write fails as on a full disk. The harness writes only to pipes.
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
        assert!(done.len() > 4, "{blocks}: {}", done.len());
        let store = Store::in_folder(&folder).unwrap();
        assert!(done.iter().all(|number| known(&store, *number).runs == 1));
        // No partial file remains, and with free space it works again.
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2, "{blocks}");
        add(&store, 7000);
        assert_eq!(known(&store, 7000).runs, 1);
        store.check().unwrap();
    }
}

#[test]
fn damage_costs_one_repository_and_is_reported() {
    let real = {
        let (_state, folder, file) = state();
        add(&Store::in_folder(&folder).unwrap(), 7);
        fs::read(file).unwrap()
    };
    let mut version = real.clone();
    version[17] = b'9';
    let half = real[..real.len() / 2].to_vec();
    for (name, bytes) in [
        ("another version", version),
        ("half a file", half),
        ("garbage", vec![0xa5; 20_000]),
        ("a text", b"{}\n".to_vec()),
        ("zeros", vec![0; 8192]),
    ] {
        let (state, folder, file) = state();
        let store = Store::in_folder(&folder).unwrap();
        let other = Key {
            repository: 99,
            ..key(5)
        };
        store
            .record(&run_of(1, std::slice::from_ref(&other)))
            .unwrap();
        fs::write(&file, &bytes).unwrap();
        let error = store.check().unwrap_err().to_string();
        assert!(
            error.starts_with(&format!("{REPOSITORY:016x}: the file is damaged")),
            "{error}"
        );
        store.known(&[key(1)]).unwrap_err();
        run(job(state.path(), "record 1"));
        run(job(state.path(), "record 2"));
        assert_eq!(known(&store, 1).runs, 1, "{name}");
        assert_eq!(known(&store, 2).runs, 1, "{name}");
        assert_eq!(store.known(&[other]).unwrap()[0].runs, 1);
        let log = fs::read_to_string(state.path().join("bg-run.log")).unwrap();
        assert_eq!(log.matches("are reset").count(), 1, "{name}: {log}");
    }
}

/// A wrong byte is detected, or taken for an incomplete record.
#[test]
fn no_corrupted_byte_is_accepted() {
    let (_state, folder, file) = state();
    let store = Store::in_folder(&folder).unwrap();
    let keys = [key(1), key(2)];
    store.record(&run_of(1, &keys)).unwrap();
    let first = fs::read(&file).unwrap().len();
    store.record(&run_of(2, &keys)).unwrap();
    let real = fs::read(&file).unwrap();
    for at in 0..real.len() {
        for bits in [1, 0x80, 0xff] {
            let mut spoilt = real.clone();
            spoilt[at] ^= bits;
            fs::write(&file, &spoilt).unwrap();
            let known = store.known(&keys);
            let is_first = |known: &Vec<PastRuns>| known.iter().all(|known| known.runs == 1);
            let is_left_out = at >= first && known.as_ref().is_ok_and(is_first);
            assert!(known.is_err() || is_left_out, "{at}: {known:?}");
            assert_eq!(store.check().is_err(), known.is_err(), "{at}");
        }
    }
    store.record(&run_of(3, &keys)).unwrap();
    assert_eq!(store.check().unwrap(), Some(2));
}

/// An incomplete record of a killed writer or a full disk.
#[test]
fn an_incomplete_record_is_ignored_and_replaced() {
    let (_state, folder, file) = state();
    let store = Store::in_folder(&folder).unwrap();
    let record = |call| {
        store.record(&run_of(call, &[key(1), key(2)])).unwrap();
        fs::metadata(&file).unwrap().len()
    };
    let (_, before, after) = (record(1), record(2), record(3));
    let whole = fs::read(&file).unwrap();
    for left in before..after {
        fs::write(&file, &whole[..usize::try_from(left).unwrap()]).unwrap();
        assert_eq!(known(&store, 1).runs, 2, "{left}");
        assert_eq!(record(4), after);
        assert_eq!((known(&store, 1).runs, known(&store, 2).runs), (3, 3));
        assert_eq!(store.check().unwrap(), Some(2));
    }
}

#[test]
fn a_file_stays_small() {
    let (_state, folder, file) = state();
    let store = Store::in_folder(&folder).unwrap();
    let mut longest = 0;
    for call in 0..3000 {
        let keys = [key(1), key(2), key(3 + u64::from(call % 100)), key(200)];
        store.record(&run_of(call, &keys)).unwrap();
        longest = longest.max(fs::metadata(&file).unwrap().len());
    }
    assert!(longest < 60_000, "{longest}");
    assert_eq!((known(&store, 1).runs, known(&store, 3).runs), (3000, 30));
    assert_eq!(known(&store, 200).observations.len(), 8);
    assert_eq!(store.check().unwrap(), Some(103));
}

/// An empty file, as a power cut may leave it because it was never synced.
#[test]
fn an_empty_file_has_no_history() {
    let (_state, folder, file) = state();
    let store = Store::in_folder(&folder).unwrap();
    assert_eq!(store.check().unwrap(), None);
    fs::write(&file, "").unwrap();
    assert_eq!(store.check().unwrap(), Some(0));
    assert_eq!(known(&store, 1), PastRuns::default());
    add(&store, 1);
    assert_eq!(known(&store, 1).runs, 1);
}

#[test]
fn the_newest_eight_are_kept_and_weightless_ones_go_first() {
    let (_state, folder, _) = state();
    let store = Store::in_folder(&folder).unwrap();
    let record = |call: u32, end| {
        #[expect(clippy::cast_precision_loss, reason = "a small number")]
        let seconds = call as f32;
        store
            .record(&Run {
                observation: Observation { seconds, end },
                ..run_of(call, &[key(5)])
            })
            .unwrap();
    };
    let seen = || -> Vec<f32> {
        let seen = known(&store, 5).observations;
        seen.iter().map(|one| one.seconds).collect()
    };
    for call in 0..11 {
        let end = if call == 4 {
            RunEnd::CutOff
        } else {
            RunEnd::Success
        };
        record(call, end);
    }
    assert_eq!(seen(), [10.0, 9.0, 8.0, 7.0, 6.0, 5.0, 3.0, 2.0]);
    assert_eq!(known(&store, 5).runs, 11);
    // Two registrations report the same call.
    record(10, RunEnd::Success);
    assert_eq!(known(&store, 5).runs, 11);
}

#[test]
fn the_least_recently_recorded_key_goes_first() {
    let (_state, folder, file) = state();
    let store = Store::in_folder(&folder).unwrap();
    let all: Vec<Run> = (0..2100)
        .map(|call| run_of(call, &[key(u64::from(call))]))
        .collect();
    store.learn(&all).unwrap();
    assert_eq!(store.check().unwrap(), Some(2000));
    assert_eq!((known(&store, 99).runs, known(&store, 100).runs), (0, 1));
    store.record(&run_of(3000, &[key(100)])).unwrap();
    store.record(&run_of(3001, &[key(9000)])).unwrap();
    assert_eq!((known(&store, 100).runs, known(&store, 101).runs), (2, 0));
    assert!(fs::metadata(file).unwrap().len() < 400_000);
}

#[test]
fn learned_runs_do_not_replace_newer_ones() {
    let (_state, folder, _) = state();
    let store = Store::in_folder(&folder).unwrap();
    store.record(&run_of(50, &[key(1)])).unwrap();
    let old = run_of(40, &[key(1), key(2)]);
    store.learn(&[old]).unwrap();
    assert_eq!((known(&store, 1).runs, known(&store, 2).runs), (1, 1));
}

#[test]
fn impossible_durations_and_clocks_cause_no_error() {
    let (_state, folder, _) = state();
    let store = Store::in_folder(&folder).unwrap();
    let given = [0.0, -3.0, f32::NAN, 1e9, f32::INFINITY, f32::NEG_INFINITY];
    let times = [9, 8, u32::MAX, 0, 3, 2];
    for ((call, at), seconds) in (0..).zip(times).zip(given) {
        let run = Run {
            observation: Observation::success(seconds),
            at,
            ..run_of(call, &[key(1)])
        };
        store.record(&run).unwrap();
    }
    let seen = known(&store, 1).observations;
    let seen: Vec<_> = seen.iter().map(|one| one.seconds).collect();
    let week = 604_800.0;
    assert_eq!(seen, [0.0, week, week, 0.0, 0.0, 0.0]);
    assert_eq!(store.rows(None).unwrap()[0].last, 2);
}

#[test]
fn a_run_is_forgotten_at_every_level() {
    let (_state, folder, file) = state();
    let store = Store::in_folder(&folder).unwrap();
    assert_eq!(store.forget(None, |_| true).unwrap(), 0);
    let named = |level: u8, hash: u64, text: &str| Key {
        repository: REPOSITORY,
        level,
        hash,
        text: text.to_owned(),
    };
    let program = named(1, 1, "npm");
    let (test, build) = (named(4, 2, "npm test"), named(4, 3, "npm run build"));
    for call in 0..3 {
        store
            .record(&run_of(call, &[program.clone(), test.clone()]))
            .unwrap();
    }
    store
        .record(&run_of(7, &[program.clone(), build.clone()]))
        .unwrap();
    let elsewhere = Key {
        repository: 99,
        ..test.clone()
    };
    store
        .record(&run_of(8, std::slice::from_ref(&elsewhere)))
        .unwrap();
    let gone = store.forget(Some(REPOSITORY), |row| row.text == "npm test");
    assert_eq!(gone.unwrap(), 1);
    let runs = |key: &Key| store.known(std::slice::from_ref(key)).unwrap()[0].runs;
    assert_eq!((runs(&program), runs(&test), runs(&build)), (1, 0, 1));
    assert_eq!(runs(&elsewhere), 1);
    let bytes = fs::read(&file).unwrap();
    assert!(!bytes.windows(8).any(|part| part == b"npm test"));
    assert_eq!(store.rows(Some(REPOSITORY)).unwrap().len(), 2);
    store.clear(Some(REPOSITORY)).unwrap();
    assert!(!file.exists());
    assert_eq!(runs(&elsewhere), 1);
    store.clear(None).unwrap();
    assert_eq!(store.check().unwrap(), None);
}

#[test]
fn a_long_text_is_cut_between_characters() {
    let (_state, folder, _) = state();
    let store = Store::in_folder(&folder).unwrap();
    let long = Key {
        text: "ä".repeat(100),
        ..key(1)
    };
    store.record(&run_of(1, &[long])).unwrap();
    assert_eq!(store.rows(None).unwrap()[0].text, "ä".repeat(62));
}

#[test]
fn a_held_lock_delays_writing_briefly_and_reading_not_at_all() {
    let (_state, folder, _) = state();
    let store = Store::in_folder(&folder).unwrap();
    add(&store, 1);
    let holder = File::open(folder.join("lock")).unwrap();
    holder.lock().unwrap();
    let start = Instant::now();
    assert_eq!(known(&store, 1).runs, 1);
    let error = store.record(&run_of(2, &[key(1)])).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::TimedOut);
    assert!((Duration::from_secs(1)..Duration::from_mins(1)).contains(&start.elapsed()));
    holder.unlock().unwrap();
    store.record(&run_of(3, &[key(1)])).unwrap();
    assert_eq!(known(&store, 1).runs, 2);
}

#[test]
fn only_the_user_may_read_it_and_no_link_is_followed() {
    let (state, folder, file) = state();
    run(job(state.path(), "record 1"));
    let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
    assert_eq!((mode(&folder), mode(&file)), (0o700, 0o600));
    assert_eq!(mode(&folder.join("lock")), 0o600);
    let elsewhere = state.path().join("elsewhere");
    fs::write(&elsewhere, "").unwrap();
    fs::remove_file(&file).unwrap();
    symlink(&elsewhere, &file).unwrap();
    let store = Store::in_folder(&folder).unwrap();
    store.record(&run_of(1, &[key(1)])).unwrap_err();
    store.known(&[key(1)]).unwrap_err();
    assert_eq!(fs::read(&elsewhere).unwrap(), b"");
    let linked = state.path().join("linked");
    symlink(&folder, &linked).unwrap();
    Store::in_folder(&linked).unwrap_err();
}
