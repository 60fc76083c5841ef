//! What the user has set: `config.toml`, and the rules of all layers.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::time::Duration;

use jiff::SpanRelativeTo;
use serde::Deserialize;

use crate::environment;
use crate::folders::{self, CallSite};
use crate::rules::cache::{self, Built, FileState};
use crate::rules::{CompiledLayer, Layer, Origin, Problem, Rules};

/// What is done with a kind of session in which the client ends background tasks early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Treatment {
    /// Its calls are left as they are.
    #[default]
    Leave,
    /// Its calls are treated like all others.
    Background,
}

/// Whether something is done, or only said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// It is done.
    Real,
    /// It is only said.
    Dry,
}

/// When a task's output is opened in the editor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Open {
    /// Never; the path is told.
    Never,
    /// For the first task of a session.
    First,
    /// Whenever a task starts.
    #[default]
    Always,
}

/// What a tab with a task's output is called by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TabNames {
    /// What runs, and the id.
    #[default]
    Name,
    /// The id alone: the file itself is opened.
    Id,
}

/// A span of time as people write it: `10m`, `30d`.
fn duration<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    use serde::de::Error as _;
    let text = String::deserialize(deserializer)?;
    let span = text.parse::<jiff::Span>().ok();
    let span = span.and_then(|span| span.to_duration(SpanRelativeTo::days_are_24_hours()).ok());
    span.and_then(|span| Duration::try_from(span).ok())
        .ok_or_else(|| {
            D::Error::custom(format!(
                "`{text}` is no span of time; write it like \"10m\" or \"30d\""
            ))
        })
}

/// `config.toml`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Say what would be done, and do nothing.
    pub dry_run: bool,
    /// `claude -p` and SDK sessions.
    pub headless: Treatment,
    /// Subagents.
    pub subagents: Treatment,
    /// When to open outputs.
    pub open: Open,
    /// The editor, instead of the one around or on the `PATH`.
    pub editor: Option<EditorChoice>,
    /// So many outputs of a session are open while their tasks run.
    pub max_tabs: usize,
    /// What the tabs are called by.
    pub tab_names: TabNames,
    /// How long notes of tasks are kept.
    #[serde(deserialize_with = "duration")]
    pub keep: Duration,
    /// Where no editor opens the file: follow it in a pane of tmux, zellij, kitty or `WezTerm`.
    pub pane: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dry_run: false,
            headless: Treatment::default(),
            subagents: Treatment::default(),
            open: Open::default(),
            editor: None,
            max_tabs: 5,
            tab_names: TabNames::default(),
            keep: Duration::from_hours(24 * 30),
            pane: false,
        }
    }
}

/// An editor as the user names it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum EditorChoice {
    /// One that is known: `cursor`.
    Name(String),
    /// Any, by its command, one word per element; `{file}` and `{line}` are put in.
    Command(Vec<String>),
}

/// Everything that was set, and what was wrong with it.
#[derive(Debug, Default)]
pub struct Configuration {
    /// Of `config.toml` and the environment.
    pub settings: Config,
    /// Of all layers that have no fault.
    pub rules: Rules,
    /// Of the files that have one.
    pub problems: Vec<Problem>,
    /// One of them wasn't reported before.
    pub news: bool,
    mode: Option<Mode>,
}

impl Configuration {
    /// Reads the settings, without the rules.
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
                configuration.news = true;
                configuration.problems.push(Problem {
                    origin: Origin::Environment,
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
    /// In a dry run nothing is stored.
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

    /// With a fault, nothing of it counts, and nothing is done but said: it may have asked for a dry run.
    fn read_config(&mut self, path: &Path) {
        let Some((state, text)) = Self::read(path, MAX_OWN) else {
            return;
        };
        match text.and_then(|text| parse_config(&text)) {
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
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == ErrorKind::NotFound => return,
            Err(_) => {
                // Why it can't be looked at is a problem, which reading reports.
                if let Some((state, Err(fault))) = Self::read(path, limit) {
                    self.report(path, state.as_ref(), vec![fault]);
                }
                return;
            }
        };
        let state = FileState::new(path, &metadata);
        let built = cache::load(&state).unwrap_or_else(|| {
            let built = match Self::read(path, limit) {
                None => Built::Layer(CompiledLayer::default()),
                Some((_, Ok(text))) => built(&text),
                Some((_, Err(fault))) => Built::Faulty(vec![(fault.position, fault.message)]),
            };
            if self.settings.dry_run {
                return built;
            }
            cache::store(state.clone(), built);
            // The next call reads it from there, and so does this one.
            cache::load(&state).unwrap_or_else(|| match Self::read(path, limit) {
                Some((_, Ok(text))) => self::built(&text),
                _ => Built::Layer(CompiledLayer::default()),
            })
        });
        let problems = match built {
            Built::Layer(compiled) => self.rules.add_compiled(compiled, layer).err(),
            Built::Faulty(faults) => {
                let faults = faults.into_iter().map(|(position, message)| Problem {
                    origin: Origin::BuiltIn,
                    position,
                    message,
                });
                Some(faults.collect())
            }
        };
        if let Some(problems) = problems {
            self.report(path, Some(&state), problems);
        }
    }

    fn report(&mut self, path: &Path, state: Option<&FileState>, problems: Vec<Problem>) {
        let is_new = self.stores_nothing() || state.is_none_or(cache::claim_report);
        self.news |= is_new;
        self.problems
            .extend(problems.into_iter().map(|problem| Problem {
                origin: Origin::File(path.to_owned()),
                ..problem
            }));
    }

    /// In a dry run that was asked for.
    fn stores_nothing(&self) -> bool {
        self.mode == Some(Mode::Dry)
    }

    /// `None` where there is no such file.
    fn read(path: &Path, limit: u64) -> Option<(Option<FileState>, Result<String, Problem>)> {
        match folders::read_regular(path, limit) {
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                None
            }
            text => {
                let metadata = fs::metadata(path).ok();
                let state = metadata.map(|metadata| FileState::new(path, &metadata));
                let text = text.map_err(|error| Problem {
                    origin: Origin::File(path.to_owned()),
                    position: None,
                    message: format!("can't be read: {error}"),
                });
                Some((state, text))
            }
        }
    }
}

/// Of a rules file or `config.toml` of the user's own, in bytes.
const MAX_OWN: u64 = 1024 * 1024;

/// Of a project's rules file, which comes with a cloned repository.
const MAX_PROJECT: u64 = 256 * 1024;

fn built(text: &str) -> Built {
    let (layer, problems) = CompiledLayer::new(text);
    if problems.is_empty() {
        return Built::Layer(layer);
    }
    let faults = problems.into_iter();
    Built::Faulty(
        faults
            .map(|fault| (fault.position, fault.message))
            .collect(),
    )
}

fn parse_config(text: &str) -> Result<Config, Problem> {
    let problem = |position, message: &str| Problem {
        origin: Origin::BuiltIn,
        position,
        message: message.to_owned(),
    };
    let config: Config = toml::from_str(text).map_err(|error| Problem::from_toml(text, &error))?;
    if let Some(EditorChoice::Command(editor)) = &config.editor
        && !editor.iter().any(|word| word.contains("{file}"))
    {
        let mend = "`editor` names no `{file}`; write it like [\"code\", \"-r\", \"-g\", \"{file}:{line}\"]";
        return Err(problem(None, mend));
    }
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_read_and_faults_located() {
        let config =
            parse_config("dry-run = true\nheadless = 'background'\neditor = ['vi', '{file}']\n")
                .unwrap();
        assert!(config.dry_run);
        assert_eq!(config.max_tabs, 5);
        assert!(parse_config("editor = 'cursor'\nopen = 'first'\npane = true").is_ok());
        assert_eq!(config.headless, Treatment::Background);
        assert_eq!(
            parse_config("keep = '2d'").unwrap().keep,
            Duration::from_hours(48)
        );
        for (text, position) in [
            ("dryrun = true", Some((1, 1))),
            ("\nheadless = 'maybe'", Some((2, 12))),
            ("editor = ['vi']", None),
            ("keep = 'long'", Some((1, 8))),
            ("keep = '-3d'", Some((1, 8))),
        ] {
            assert_eq!(parse_config(text).unwrap_err().position, position, "{text}");
        }
    }
}
