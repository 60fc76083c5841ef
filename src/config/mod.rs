//! The user's settings: `config.toml`, and the rules of all layers.

mod keys;

use std::fs;
use std::path::Path;

use crate::environment;
use crate::folders::{self, CallSite};
use crate::platform::regular_file;
use crate::rules::{Expressions, FaultOrigin, Layer, Problem, Rules};
use crate::state::file_checks::{self, FileState};

pub use keys::{
    Config, DurationSetting, EditorChoice, KEYS, Open, SettingKey, SettingType, TabNames,
    Treatment, ValueKind, View,
};

/// Whether to do something or only report it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Does it.
    Real,
    /// Only reports it.
    Dry,
}

/// All settings and rules, with the faults in them.
#[derive(Debug, Default)]
pub struct Configuration {
    /// The settings from `config.toml` and the environment.
    pub settings: Config,
    /// The valid rules of all layers.
    pub rules: Rules,
    /// Faults in the files.
    pub problems: Vec<Problem>,
    /// Whether a fault hasn't been reported before.
    pub has_unreported: bool,
    mode: Option<Mode>,
}

impl Configuration {
    /// Reads the settings without the rules.
    pub fn without_rules(mode: Mode) -> Self {
        let mut configuration = Self {
            mode: Some(mode),
            ..Self::default()
        };
        if let Some(path) = folders::config_file() {
            configuration.read_config(&path);
        }
        configuration.settings.dry_run |= environment::dry_run() || mode == Mode::Dry;
        match environment::headless().as_deref() {
            Some("background") => configuration.settings.headless = Treatment::Background,
            Some("leave") => configuration.settings.headless = Treatment::Leave,
            Some(other) => {
                configuration.has_unreported = true;
                configuration.problems.push(Problem {
                    origin: FaultOrigin::Environment,
                    position: None,
                    message: format!(
                        "BG_RUN_HEADLESS is `{other}`; set it to `leave` or `background`"
                    ),
                });
            }
            None => {}
        }
        configuration
    }

    /// Reads the settings and the rules of all layers, for a call made at `site`.
    ///
    /// A dry run stores nothing.
    pub fn load(site: &CallSite, mode: Mode) -> Self {
        let mut configuration = Self::without_rules(mode);
        configuration.rules = Rules::built_in();
        if let Some(path) = folders::user_rules_file() {
            configuration.add_layer(&Layer::User(path));
        }
        let project = folders::project_rules_file(&site.project);
        configuration.add_layer(&Layer::Project(project));
        configuration
    }

    /// Applies `config.toml`. A faulty one counts as a dry run, because it may have requested one.
    fn read_config(&mut self, path: &Path) {
        let Some((state, text)) = Self::read(path, MAX_OWN) else {
            return;
        };
        match text.and_then(|text| Config::parse(&text)) {
            Ok(config) => self.settings = config,
            Err(fault) => {
                self.settings.dry_run = true;
                self.report(path, state.as_ref(), vec![fault]);
            }
        }
    }

    fn add_layer(&mut self, layer: &Layer) {
        let Some(path) = layer.path() else { return };
        let limit = match layer {
            Layer::Project(_) => MAX_PROJECT,
            Layer::User(_) | Layer::BuiltIn => MAX_OWN,
        };
        let Some((state, text)) = Self::read(path, limit) else {
            return;
        };
        let added = text.map_err(|fault| vec![fault]).and_then(|text| {
            let known = state.as_ref().is_some_and(file_checks::is_valid);
            let expressions = if known {
                Expressions::Known
            } else {
                Expressions::Checked
            };
            self.rules.lay_over(&text, layer, expressions)?;
            if let Some(state) = &state
                && !known
                && !self.settings.dry_run
            {
                file_checks::mark_valid(state);
            }
            Ok(())
        });
        if let Err(problems) = added {
            self.report(path, state.as_ref(), problems);
        }
    }

    fn report(&mut self, path: &Path, state: Option<&FileState>, problems: Vec<Problem>) {
        let is_new = self.stores_nothing() || state.is_none_or(file_checks::claim_fault_report);
        self.has_unreported |= is_new;
        self.problems
            .extend(problems.into_iter().map(|problem| Problem {
                origin: FaultOrigin::File(path.to_owned()),
                ..problem
            }));
    }

    /// Whether the user asked for a dry run, which stores nothing.
    fn stores_nothing(&self) -> bool {
        self.mode == Some(Mode::Dry)
    }

    /// Reads a file; `None` if it doesn't exist.
    fn read(path: &Path, limit: u64) -> Option<(Option<FileState>, Result<String, Problem>)> {
        match regular_file::read(path, limit) {
            Err(error) if regular_file::is_missing(&error) => None,
            text => {
                let metadata = fs::metadata(path).ok();
                let state = metadata.map(|metadata| FileState::new(path, &metadata));
                let text = text.map_err(|error| Problem {
                    origin: FaultOrigin::File(path.to_owned()),
                    position: None,
                    message: format!("can't be read: {error}"),
                });
                Some((state, text))
            }
        }
    }
}

/// Maximum size in bytes of the user's own rules file and `config.toml`.
const MAX_OWN: u64 = 1024 * 1024;

/// Maximum size in bytes of a project's rules file, which comes with a cloned repository.
const MAX_PROJECT: u64 = 256 * 1024;

impl Config {
    /// Parses the text of a `config.toml`.
    ///
    /// # Errors
    ///
    /// Returns the fault, without the file's path.
    pub fn parse(text: &str) -> Result<Self, Problem> {
        let config: Self = toml::from_str(text)
            .map_err(|error| with_key_name(text, Problem::from_toml(text, &error)))?;
        let without_file = |editor: &EditorChoice| match editor {
            EditorChoice::Command(words) => !words.iter().any(|word| word.contains("{file}")),
            EditorChoice::Name(_) => false,
        };
        let message = if config.editor.as_ref().is_some_and(without_file) {
            "`editor` names no `{file}`; write it like [\"code\", \"-r\", \"-g\", \"{file}:{line}\"]"
        } else if config.on_end.first().is_some_and(String::is_empty) {
            "`on-end` names no program; write it like [\"ntfy\", \"publish\", \"TOPIC\", \"{name}: {status}\"]"
        } else if config.chain.iter().any(Vec::is_empty) {
            "`chain` contains a command without words; write it like [[\"rtk\", \"hook\", \"claude\"]]"
        } else {
            return Ok(config);
        };
        Err(Problem {
            origin: FaultOrigin::BuiltIn,
            position: None,
            message: message.to_owned(),
        })
    }
}

/// Adds the key whose value is faulty, if it is on that line.
fn with_key_name(text: &str, problem: Problem) -> Problem {
    let line = problem
        .position
        .and_then(|(line, _)| text.lines().nth(line - 1));
    let name = line
        .and_then(|line| line.split_once('='))
        .map(|(name, _)| name.trim());
    let key = KEYS.iter().find(|key| Some(key.name().as_str()) == name);
    match key {
        Some(key) => Problem {
            message: format!("`{}` takes {}: {}", key.name(), key.kind, problem.message),
            ..problem
        },
        None => problem,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_faults_located() {
        let config =
            Config::parse("dry-run = true\nheadless = 'background'\neditor = ['vi', '{file}']\n")
                .unwrap();
        assert!(config.dry_run);
        assert_eq!(config.max_tabs, 5);
        assert!(Config::parse("editor = 'cursor'\nopen = 'first'\npane = true").is_ok());
        assert_eq!(config.headless, Treatment::Background);
        assert_eq!(
            Config::parse("keep = '2d'").unwrap().keep,
            DurationSetting::days(2)
        );
        for (text, position) in [
            ("dryrun = true", Some((1, 1))),
            ("\nheadless = 'maybe'", Some((2, 12))),
            ("editor = ['vi']", None),
            ("chain = [[]]", None),
            ("on-end = ['']", None),
            ("on-end = 'ntfy'", Some((1, 10))),
            ("keep = 'long'", Some((1, 8))),
            ("keep = '-3d'", Some((1, 8))),
        ] {
            assert_eq!(
                Config::parse(text).unwrap_err().position,
                position,
                "{text}"
            );
        }
    }
}
