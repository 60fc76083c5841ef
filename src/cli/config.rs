//! `bg-run config`: shows the settings in force and changes `config.toml`, using the table of its keys.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, anyhow, bail};
use serde::Serialize;
use toml_edit::{DocumentMut, Item};
use unicode_width::UnicodeWidthStr as _;

use super::args::ConfigCommand;
use super::print;
use crate::config::{Config, Configuration, KEYS, Mode, SettingKey, ValueKind};
use crate::environment;
use crate::folders;
use crate::install;
use crate::platform::regular_file;
use crate::rules::{FaultOrigin, Problem};
use crate::tasks::on_end;
use crate::text::{columns, nearest};
use crate::viewer::Editor;

/// Runs one of the subcommands.
pub(super) fn run(command: Option<ConfigCommand>) -> Result<ExitCode> {
    let all_as_text = ConfigCommand::Get {
        key: None,
        json: false,
    };
    match command.unwrap_or(all_as_text) {
        ConfigCommand::Get { key: None, json } => print_all(json),
        ConfigCommand::Get {
            key: Some(name),
            json,
        } => print_one(&name, json),
        ConfigCommand::Set { key, value } => set(&key, &value),
        ConfigCommand::Path => {
            println!("{}", file()?.display());
            Ok(ExitCode::SUCCESS)
        }
        ConfigCommand::Check => check(),
    }
}

/// Returns the path of the user's `config.toml` after creating its folder.
pub(super) fn file_to_write() -> Result<PathBuf> {
    let file = file()?;
    if let Some(folder) = file.parent() {
        let why = || format!("{} can't be written", folder.display());
        folders::make_own(folder, 0o777).with_context(why)?;
    }
    Ok(file)
}

pub(super) fn file() -> Result<PathBuf> {
    folders::config_file().context("there is no home folder; set HOME or BG_RUN_CONFIG_DIR")
}

fn key(name: &str) -> Result<&'static SettingKey> {
    if let Some(key) = KEYS.iter().find(|key| key.name() == name) {
        return Ok(key);
    }
    let names: Vec<String> = KEYS.iter().map(SettingKey::name).collect();
    let meant = nearest(name, names.iter().map(String::as_str));
    Err(match meant {
        Some(meant) => anyhow!("there is no key `{name}`; did you mean `{meant}`?"),
        None => anyhow!(
            "there is no key `{name}`; known ones are {}",
            names.join(", ")
        ),
    })
}

/// The source of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum ValueSource {
    Default,
    File,
    Environment,
}

/// A key with its value in force.
#[derive(Serialize)]
struct Setting {
    key: String,
    value: Option<toml::Value>,
    #[serde(rename = "from")]
    source: ValueSource,
    #[serde(rename = "takes")]
    values: String,
    #[serde(rename = "says")]
    description: &'static str,
}

/// Maximum size in bytes of a file that is read.
const MAX_FILE: u64 = 1024 * 1024;

/// Returns all keys with their values in force, and prints faults.
fn settings() -> Result<(Vec<Setting>, bool)> {
    let configuration = Configuration::without_rules(Mode::Real);
    print::problems(&configuration.problems);
    let text = regular_file::read(&file()?, MAX_FILE).unwrap_or_default();
    let written = Config::parse(&text).unwrap_or_default();
    let table: toml::Table = toml::from_str(&text).unwrap_or_default();
    let is_whole = configuration.problems.is_empty();
    let setting = |key: &'static SettingKey| {
        let value = key.value(&configuration.settings);
        Setting {
            source: if is_whole && value != key.value(&written) {
                ValueSource::Environment
            } else if is_whole && table.contains_key(&key.name()) {
                ValueSource::File
            } else {
                ValueSource::Default
            },
            key: key.name(),
            value,
            values: values_of(key.kind),
            description: key.description(),
        }
    };
    Ok((KEYS.iter().map(setting).collect(), is_whole))
}

/// Describes the values of a key of this kind.
fn values_of(kind: ValueKind) -> String {
    match kind {
        ValueKind::Editor => {
            let known: Vec<&str> = Editor::names().collect();
            format!("{kind}; known ones are {}", known.join(", "))
        }
        _ => kind.to_string(),
    }
}

fn shown(value: Option<&toml::Value>) -> String {
    value.map_or_else(|| "-".to_owned(), toml::Value::to_string)
}

fn print_all(json: bool) -> Result<ExitCode> {
    let (settings, is_whole) = settings()?;
    if json {
        println!("{}", serde_json::to_string_pretty(&settings)?);
        return Ok(print::exit_code(is_whole));
    }
    let rows = settings.iter().map(|setting| {
        let source = match setting.source {
            ValueSource::Default => "default",
            ValueSource::File => "config.toml",
            ValueSource::Environment => "the environment",
        };
        vec![
            setting.key.clone(),
            print::outside(shown(setting.value.as_ref())),
            source.to_owned(),
            setting.description.to_owned(),
        ]
    });
    print!("{}", table(&rows.collect::<Vec<_>>(), environment::width()));
    Ok(print::exit_code(is_whole))
}

/// Formats the rows as columns. If they are wider than the terminal, the last cell goes on separate lines below.
fn table(rows: &[Vec<String>], width: Option<usize>) -> String {
    const INDENT: usize = 4;
    let whole = columns(rows);
    let Some(width) = width.filter(|&width| whole.lines().any(|line| line.width() > width)) else {
        return whole;
    };
    let split = rows.iter().filter_map(|row| row.split_last());
    let (descriptions, others): (Vec<&String>, Vec<Vec<String>>) = split
        .map(|(description, others)| (description, others.to_vec()))
        .unzip();
    let others = columns(&others);
    let rows = others.lines().zip(descriptions);
    let rows = rows.map(|(row, description)| {
        let description = print::wrapped(description, INDENT, width);
        format!("{row}\n{:INDENT$}{description}\n", "")
    });
    rows.collect::<Vec<_>>().concat()
}

fn print_one(name: &str, json: bool) -> Result<ExitCode> {
    let name = key(name)?.name();
    let (settings, is_whole) = settings()?;
    let setting = settings.into_iter().find(|setting| setting.key == name);
    let setting = setting.context("the key has no value")?;
    if json {
        println!("{}", serde_json::to_string_pretty(&setting)?);
    } else {
        println!("{}", print::outside(shown(setting.value.as_ref())));
    }
    Ok(print::exit_code(is_whole))
}

/// Writes a value to the file, keeping comments and order.
fn set(name: &str, value: &str) -> Result<ExitCode> {
    let key = key(name)?;
    let change = install::edit_text(&file_to_write()?, |path, text| {
        with_value(path, text, key, value).map(Some)
    })?;
    let written = Config::parse(change.after.as_deref().unwrap_or_default());
    let value = written.ok().and_then(|config| key.value(&config));
    let value = print::outside(shown(value.as_ref()));
    let verb = if change.before == change.after {
        "already in"
    } else {
        "in"
    };
    println!("{name} = {value} {verb} {}", change.path.display());
    Ok(ExitCode::SUCCESS)
}

/// Returns `text` with this value: as TOML if the key accepts that, otherwise as a string, so that `cursor` becomes
/// `"cursor"`.
fn with_value(path: &Path, text: &str, key: &SettingKey, value: &str) -> Result<String> {
    let faulty = |problem: Problem| {
        let problem = Problem {
            origin: FaultOrigin::File(path.to_owned()),
            ..problem
        };
        anyhow!("{problem}; nothing was changed. Fix the file and try again")
    };
    Config::parse(text).map_err(faulty)?;
    let document: DocumentMut = text
        .parse()
        .map_err(|error: toml_edit::TomlError| anyhow!("{}: {error}", path.display()))?;
    let as_toml = value.parse::<toml_edit::Value>().ok();
    let values = as_toml.into_iter().chain([value.into()]);
    let mut candidates = values.map(|value| {
        let mut document = document.clone();
        replace_value(&mut document, &key.name(), value);
        document.to_string()
    });
    match candidates.find(|text| Config::parse(text).is_ok_and(|config| is_known(key, &config))) {
        Some(text) => Ok(text),
        None => bail!(
            "`{}` takes {}; `{value}` isn't valid",
            key.name(),
            values_of(key.kind)
        ),
    }
}

/// Whether an editor is known. An unknown one could be written, but would open nothing.
fn is_known(key: &SettingKey, config: &Config) -> bool {
    let value = key.value(config);
    let name = value.as_ref().and_then(toml::Value::as_str);
    key.kind != ValueKind::Editor || name.is_none_or(|name| Editor::named(name).is_some())
}

/// Replaces a value, keeping blanks and a comment around it.
fn replace_value(document: &mut DocumentMut, name: &str, mut value: toml_edit::Value) {
    let old = document.get(name).and_then(Item::as_value);
    *value.decor_mut() = old.map(|old| old.decor().clone()).unwrap_or_default();
    document[name] = Item::Value(value);
}

fn check() -> Result<ExitCode> {
    let configuration = Configuration::without_rules(Mode::Real);
    let path = file()?;
    for problem in &configuration.problems {
        eprintln!("{}", print::outside(problem));
    }
    let mut faults = configuration.problems.len();
    if let Some(crate::config::EditorChoice::Name(name)) = &configuration.settings.editor
        && Editor::named(name).is_none()
    {
        faults += 1;
        eprintln!(
            "{}: `editor` is `{}`; it takes {}",
            path.display(),
            print::outside(name),
            values_of(ValueKind::Editor)
        );
    }
    let on_end = &configuration.settings.on_end;
    if let Some(code) = on_end::code_with_placeholder(on_end) {
        faults += 1;
        eprintln!(
            "{}: `on-end` puts a task's text into `{}`, which is run as code; read it there from a variable like \
             $BG_RUN_TASK_NAME, or hand it over as an argument",
            path.display(),
            print::outside(code)
        );
    }
    if faults == 0 && path.exists() {
        println!("{}: no errors", path.display());
    } else if faults == 0 {
        println!(
            "There is no {}; `bg-run config get` shows the defaults.",
            path.display()
        );
    }
    Ok(print::exit_code(faults == 0))
}
