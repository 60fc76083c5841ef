//! The hooks' registration in a settings.json: added and taken out through a concrete syntax tree, so that
//! everything else in the file stays as it is.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use jsonc_parser::ParseOptions;
use jsonc_parser::cst::{CstArray, CstInputValue, CstNode, CstObject, CstRootNode};
use jsonc_parser::json;

/// The events that bg-run answers, each for the tools that match.
const EVENTS: &[(&str, &str)] = &[("PreToolUse", "Bash"), ("PostToolUse", "Bash")];

/// Seconds after which the client gives a hook up.
const TIMEOUT: u32 = 10;

/// The name by which a registration of ours is known, whatever folder the binary lies in.
const PROGRAM: &str = "bg-run";

/// A settings file before and after.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The file, links resolved.
    pub path: PathBuf,
    /// `None`: there is no file.
    pub before: Option<String>,
    /// `None`: no file is needed.
    pub after: Option<String>,
}

/// The registration of `program` in the file at `path`. Nothing is written.
///
/// # Errors
///
/// When the file can't be read or is no settings file.
pub fn install(path: &Path, program: &Path) -> Result<Change> {
    let program = program.to_str().with_context(|| {
        format!(
            "{} is no UTF-8, which settings.json needs; move bg-run",
            program.display()
        )
    })?;
    let (path, before) = read(path)?;
    let root = parse(
        &path,
        before
            .as_deref()
            .filter(|text| !text.trim().is_empty())
            .unwrap_or("{}\n"),
    )?;
    let hooks = hooks_of(&path, &root)?;
    for (event, matcher) in EVENTS {
        let entries = hooks
            .array_value_or_create(event)
            .with_context(|| wrong_shape(&path, &format!("hooks.{event}"), "an array"))?;
        if is_registered(&entries, matcher, program) {
            continue;
        }
        remove_ours(&entries);
        entries.ensure_multiline();
        entries.append(entry(matcher, program));
    }
    let after = Some(root.to_string());
    Ok(Change {
        path,
        before,
        after,
    })
}

/// The file at `path` without any registration of ours. Nothing is written.
///
/// # Errors
///
/// When the file can't be read or is no settings file.
pub fn uninstall(path: &Path) -> Result<Change> {
    let (path, before) = read(path)?;
    let Some(text) = &before else {
        return Ok(Change {
            path,
            before: None,
            after: None,
        });
    };
    let root = parse(&path, text)?;
    let hooks = root
        .object_value()
        .and_then(|settings| settings.get("hooks"));
    if let Some(property) = hooks
        && let Some(hooks) = property.object_value()
    {
        let mut removed = false;
        for event in hooks.properties() {
            if let Some(entries) = event.array_value()
                && remove_ours(&entries)
            {
                removed = true;
                if entries.elements().is_empty() {
                    event.remove();
                }
            }
        }
        if removed && hooks.properties().is_empty() {
            property.remove();
        }
    }
    let after = Some(root.to_string());
    Ok(Change {
        path,
        before,
        after,
    })
}

/// Puts the new text in the file's place: a temporary file beside it, then a rename, so that the file is always
/// whole. Mode and links stay.
///
/// # Errors
///
/// When the folder can't be written.
pub fn write(change: &Change) -> Result<()> {
    let path = &change.path;
    let text = change.after.as_deref().unwrap_or_default();
    let folder = path
        .parent()
        .with_context(|| format!("{} has no folder", path.display()))?;
    let why = || format!("{} can't be written", path.display());
    fs::create_dir_all(folder).with_context(why)?;
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(why)?;
    if let Ok(metadata) = fs::metadata(path) {
        file.as_file()
            .set_permissions(metadata.permissions())
            .with_context(why)?;
    }
    file.write_all(text.as_bytes()).with_context(why)?;
    file.as_file().sync_all().with_context(why)?;
    file.persist(path).with_context(why)?;
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .with_context(why)
}

/// The path behind links, and the text; a missing file is no fault.
fn read(path: &Path) -> Result<(PathBuf, Option<String>)> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    match fs::read_to_string(&path) {
        Ok(text) => Ok((path, Some(text))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok((path, None)),
        Err(error) => Err(error).with_context(|| format!("{} can't be read", path.display())),
    }
}

fn parse(path: &Path, text: &str) -> Result<CstRootNode> {
    CstRootNode::parse(text, &ParseOptions::default()).map_err(|error| {
        anyhow::anyhow!("{}: {error}; mend the file, then try again", path.display())
    })
}

fn hooks_of(path: &Path, root: &CstRootNode) -> Result<CstObject> {
    let Some(settings) = root.object_value_or_create() else {
        bail!(wrong_shape(path, "the file", "an object"));
    };
    settings
        .object_value_or_create("hooks")
        .with_context(|| wrong_shape(path, "hooks", "an object"))
}

fn wrong_shape(path: &Path, what: &str, expected: &str) -> String {
    format!(
        "{}: {what} is not {expected}, which Claude Code expects; nothing was changed",
        path.display()
    )
}

fn entry(matcher: &str, program: &str) -> CstInputValue {
    json!({
        "matcher": matcher,
        "hooks": [{ "type": "command", "command": program, "args": ["hook"], "timeout": TIMEOUT }]
    })
}

fn is_registered(entries: &CstArray, matcher: &str, program: &str) -> bool {
    let wanted = serde_json::json!({
        "matcher": matcher,
        "hooks": [{ "type": "command", "command": program, "args": ["hook"], "timeout": TIMEOUT }]
    });
    let elements = entries.elements();
    let ours = elements
        .iter()
        .filter(|element| !our_hooks(element).is_empty());
    let ours: Vec<_> = ours.filter_map(CstNode::to_serde_value).collect();
    ours == [wanted]
}

/// Whether there were any.
fn remove_ours(entries: &CstArray) -> bool {
    let mut removed = false;
    for element in entries.elements() {
        let ours = our_hooks(&element);
        removed |= !ours.is_empty();
        for hook in ours {
            hook.remove();
        }
        let hooks = element
            .as_object()
            .and_then(|entry| entry.array_value("hooks"));
        if removed && hooks.is_some_and(|hooks| hooks.elements().is_empty()) {
            element.remove();
        }
    }
    removed
}

/// The hooks of an entry that call bg-run.
fn our_hooks(entry: &CstNode) -> Vec<CstNode> {
    let hooks = entry
        .as_object()
        .and_then(|entry| entry.array_value("hooks"));
    let hooks = hooks.map(|hooks| hooks.elements()).unwrap_or_default();
    let is_ours = |hook: &CstNode| {
        let hook = hook.to_serde_value().unwrap_or_default();
        let command = hook
            .get("command")
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default();
        let program = command
            .strip_suffix(" hook")
            .unwrap_or(command)
            .trim_matches(['"', '\'']);
        Path::new(program)
            .file_name()
            .is_some_and(|name| name == PROGRAM)
    };
    hooks.into_iter().filter(is_ours).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn installed(text: Option<&str>) -> Result<(Change, tempfile::TempDir)> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("settings.json");
        if let Some(text) = text {
            fs::write(&path, text)?;
        }
        let change = install(&path, Path::new("/opt/bg-run"))?;
        write(&change)?;
        Ok((change, dir))
    }

    #[test]
    fn what_was_there_stays() {
        for text in [
            "{\n  // mine\n  \"model\": \"x\",\n  \"hooks\": {\n    \"PreToolUse\": [\n      {\"matcher\": \"Bash\", \"hooks\": [{\"type\": \"command\", \"command\": \"mine\"}]}\n    ]\n  }\n}\n",
            "{}\n",
        ] {
            let (change, _dir) = installed(Some(text)).unwrap();
            let value: serde_json::Value = jsonc_parser::parse_to_serde_value(
                change.after.as_deref().unwrap(),
                &ParseOptions::default(),
            )
            .unwrap();
            assert!(
                value
                    .pointer("/hooks/PostToolUse/0/hooks/0/args/0")
                    .is_some(),
                "{text}"
            );
            let path = &change.path;
            assert_eq!(
                install(path, Path::new("/opt/bg-run")).unwrap().before,
                install(path, Path::new("/opt/bg-run")).unwrap().after
            );
            let gone = uninstall(path).unwrap();
            assert_eq!(
                gone.after.as_deref(),
                Some(text),
                "{}",
                change.after.unwrap()
            );
        }
    }

    #[test]
    fn an_older_registration_is_replaced() {
        let (change, _dir) = installed(Some("{\"hooks\": {\"PreToolUse\": [{\"matcher\": \"Bash\", \"hooks\": [{\"type\": \"command\", \"command\": \"/old/bg-run hook\"}]}]}}")).unwrap();
        let after = change.after.unwrap();
        assert!(!after.contains("/old/"), "{after}");
        assert_eq!(after.matches("/opt/bg-run").count(), 2, "{after}");
    }

    #[test]
    fn a_file_of_another_shape_is_refused() {
        for text in [
            "[]",
            "{\"hooks\": []}",
            "{\"hooks\": {\"PreToolUse\": {}}}",
            "{",
        ] {
            let error = installed(Some(text)).unwrap_err();
            assert!(format!("{error:#}").contains("settings.json"), "{error:#}");
        }
    }
}
