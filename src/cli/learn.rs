//! `bg-run learn`: learns durations from earlier sessions, so that bg-run predicts well from the first day.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use super::{history, print};
use crate::claude::permissions::PermissionRules;
use crate::config::{Configuration, Mode};
use crate::decision::{self, Call, Context, History, Outcome, decide};
use crate::folders::{self, CallSite};
use crate::history::learn::{self, LearnedCall};
use crate::history::store::{Key, Run, Store};
use crate::history::{Limit, Observation, repository_of};
use crate::platform::regular_file;
use crate::rules::Rules;
use crate::state::{self, Folder, Kind, LEARNT};
use crate::tasks::output_size;
use crate::text::{columns, one_line};

/// Number of commands that are shown: those with the longest total time.
const MAX_ROWS: usize = 25;

/// Maximum length of a command or a project's name, in characters.
const WIDTH: usize = 60;
const PROJECT_WIDTH: usize = 20;

/// Maximum number of commands that are counted, and of durations for each.
const MAX_COMMANDS: usize = 20_000;
const MAX_DURATIONS: usize = 100;

/// Maximum number of folders whose rules are kept in memory.
const MAX_FOLDERS: usize = 200;

/// Maximum size of the file with the lengths that were read, in bytes.
const MAX_LENGTHS_FILE: u64 = 64 * 1024 * 1024;

fn to_read(length: u64) -> u64 {
    length.min(learn::MAX_TRANSCRIPT)
}

/// Length of each transcript when it was last read, in bytes.
#[derive(Debug, Default, Serialize, Deserialize)]
struct ReadLengths(HashMap<PathBuf, u64>);

/// Reads the transcripts. With `dry`, it only shows what it would learn.
pub(super) fn run(dry: bool) -> Result<ExitCode> {
    let files = learn::transcripts();
    if files.is_empty() {
        let projects = folders::claude_dir().map(|dir| dir.join("projects"));
        let projects = projects.unwrap_or_default();
        println!("There are no transcripts in {}.", projects.display());
        return Ok(ExitCode::SUCCESS);
    }
    // A dry run learns too, but in a temporary store.
    let folder = tempfile::tempdir().context("there is no folder for a store")?;
    let (store, mut read_lengths) = if dry {
        (Store::in_folder(folder.path())?, ReadLengths::default())
    } else {
        (Store::own()?, ReadLengths::load())
    };
    let mut learner = Learner::new(store);
    let mut display = ProgressDisplay::new(files.iter().map(|(_, length)| to_read(*length)).sum());
    let mut before = 0;
    for (path, length) in &files {
        if read_lengths.0.get(path) != Some(length) {
            let read = learn::read(
                path,
                |one| learner.take(one),
                |so_far| display.show(before + so_far),
            );
            if let Err(error) = read {
                print::error(&anyhow::anyhow!(
                    "{} can't be read: {error}",
                    path.display()
                ));
            }
            let skipped = length - to_read(*length);
            if skipped > 0 {
                print::warning(format_args!(
                    "{}: the first {} are skipped; only the end is read",
                    path.display(),
                    output_size::shown(skipped)
                ));
            }
            learner
                .store_runs()
                .context("the history can't be written")?;
            read_lengths.0.insert(path.clone(), *length);
            if !dry {
                read_lengths.save()?;
            }
        }
        before += to_read(*length);
        display.show(before);
    }
    display.clear();
    println!(
        "{} calls of {} commands in {} transcripts",
        learner.calls.len(),
        learner.commands.len(),
        files.len()
    );
    print!("{}", learner.table());
    if dry {
        println!("Nothing was stored, because this is a dry run.");
    }
    Ok(ExitCode::SUCCESS)
}

/// Progress in percent on standard error, if that is a terminal.
struct ProgressDisplay {
    /// Total number of bytes; 0 if nothing is shown.
    total: u64,
    shown: Option<u64>,
}

impl ProgressDisplay {
    fn new(bytes: u64) -> Self {
        let is_shown = std::io::stderr().is_terminal();
        Self {
            total: if is_shown { bytes } else { 0 },
            shown: None,
        }
    }

    /// Shows the progress; `read` is in bytes.
    fn show(&mut self, read: u64) {
        let percent = (read * 100).checked_div(self.total);
        if percent.is_some() && percent != self.shown {
            eprint!("\rreading transcripts: {} %", percent.unwrap_or_default());
            self.shown = percent;
        }
    }

    fn clear(&self) {
        if self.shown.is_some() {
            eprint!("\r{:40}\r", "");
        }
    }
}

/// Learned durations of a command.
struct CommandRuns {
    example: String,
    repository: u64,
    runs: u32,
    durations: Vec<Observation>,
}

/// A folder in which commands ran.
struct ProjectFolder {
    rules: Rules,
    repository: u64,
    /// The name of the project.
    project: String,
}

/// Collects what was learned.
struct Learner {
    store: Store,
    folders_seen: HashMap<PathBuf, ProjectFolder>,
    /// Rows by project and displayed command.
    commands: BTreeMap<(String, String), CommandRuns>,
    /// Calls that were counted. A resumed session has them in two transcripts.
    calls: HashSet<u32>,
    /// Runs that aren't stored yet, by repository.
    runs: HashMap<u64, Vec<Run>>,
}

impl Learner {
    fn new(store: Store) -> Self {
        Self {
            store,
            folders_seen: HashMap::new(),
            commands: BTreeMap::new(),
            calls: HashSet::new(),
            runs: HashMap::new(),
        }
    }

    fn take(&mut self, learnt: LearnedCall) {
        if self.folders_seen.len() > MAX_FOLDERS {
            self.folders_seen.clear();
        }
        let place = self.folders_seen.entry(learnt.cwd);
        let place = place.or_insert_with_key(|cwd| ProjectFolder::of(cwd));
        let keys = decision::kind_of(&learnt.command, &place.rules, place.repository).keys;
        let Some(core) = keys.last() else { return };
        if !self.calls.insert(learnt.call) {
            return;
        }
        let name = (place.project.clone(), one_line(&core.text, WIDTH));
        if self.commands.len() < MAX_COMMANDS || self.commands.contains_key(&name) {
            let command = self.commands.entry(name).or_insert_with(|| CommandRuns {
                example: learnt.command,
                repository: place.repository,
                runs: 0,
                durations: Vec::new(),
            });
            command.runs += 1;
            if command.durations.len() < MAX_DURATIONS {
                command.durations.push(learnt.observation);
            }
        }
        self.runs.entry(place.repository).or_default().push(Run {
            keys,
            observation: learnt.observation,
            at: learnt.at,
            call: learnt.call,
        });
    }

    /// Stores the collected runs.
    fn store_runs(&mut self) -> io::Result<()> {
        let mut runs = self.runs.drain();
        runs.try_for_each(|(_, runs)| self.store.learn(&runs))
    }

    fn table(&self) -> String {
        let mut commands: Vec<_> = self.commands.iter().collect();
        let whole = |command: &CommandRuns| -> f32 {
            command.durations.iter().map(|seen| seen.seconds).sum()
        };
        commands.sort_by(|(_, one), (_, other)| whole(other).total_cmp(&whole(one)));
        let title = [
            "PROJECT", "COMMAND", "RUNS", "MEDIAN", "90 %", "BEFORE", "AFTER",
        ];
        let rows = commands.into_iter().take(MAX_ROWS);
        let rows = rows.map(|((project, shown), command)| {
            vec![
                one_line(project, PROJECT_WIDTH),
                shown.clone(),
                command.runs.to_string(),
                quantile(&command.durations, 0.5),
                quantile(&command.durations, 0.9),
                self.decision(command, false),
                self.decision(command, true),
            ]
        });
        let title = title.map(ToOwned::to_owned).to_vec();
        columns(&[title].into_iter().chain(rows).collect::<Vec<_>>())
    }

    /// Returns the decision by the built-in rules, alone or with the learned durations.
    fn decision(&self, command: &CommandRuns, by_history: bool) -> String {
        let known = |keys: &[Key]| self.store.known(keys).unwrap_or_default();
        let repository = || command.repository;
        let permissions = PermissionRules::default;
        let context = Context {
            history: by_history.then_some(History {
                repository: &repository,
                known: &known,
                limit: Limit::InForce,
            }),
            ..Context::ordinary(&permissions)
        };
        let call = Call {
            command: &command.example,
            ..Call::default()
        };
        match decide(call, &Rules::built_in(), &context).outcome {
            Outcome::Background => "background".to_owned(),
            Outcome::Foreground | Outcome::Pass => "stays".to_owned(),
        }
    }
}

impl ProjectFolder {
    fn of(cwd: &Path) -> Self {
        let site = CallSite::new(cwd);
        let name = site.project.file_name().unwrap_or(site.project.as_os_str());
        Self {
            rules: Configuration::load(&site, Mode::Real).rules,
            repository: repository_of(&site),
            project: name.to_string_lossy().into_owned(),
        }
    }
}

/// Formats a quantile; empty if no run counts.
fn quantile(seen: &[Observation], share: f64) -> String {
    history::quantile(seen, share).map_or_else(|| "-".to_owned(), |seen| seen.to_string())
}

impl ReadLengths {
    fn load() -> Self {
        let path = state::dir().map(|dir| dir.join(Kind::History.name()).join(LEARNT));
        let text = path.and_then(|path| regular_file::read_bytes(&path, MAX_LENGTHS_FILE).ok());
        let read_lengths = text.and_then(|text| serde_json::from_slice(&text).ok());
        read_lengths.unwrap_or_default()
    }

    fn save(&self) -> Result<()> {
        let text = serde_json::to_vec(self)?;
        let saved = Folder::make(Kind::History).and_then(|folder| folder.replace(LEARNT, &[&text]));
        saved.context("the state folder can't be written")
    }
}
