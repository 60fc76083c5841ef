//! The hooks' registration in a settings.json: added and taken out through a concrete syntax tree, so that
//! everything else in the file stays as it is.

use std::fs::{self, File, Permissions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, bail};
use jsonc_parser::ast::Value;
use jsonc_parser::common::Ranged;
use jsonc_parser::cst::{CstArray, CstInputValue, CstNode, CstObject, CstRootNode};
use jsonc_parser::json;
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};
use serde::{Deserialize, Serialize};

use crate::{editor_settings, folders};

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
    /// `None`: there shall be none.
    pub after: Option<String>,
}

/// The registration of `program` in the file at `path`. Nothing is written.
fn install(path: &Path, program: &Path) -> Result<Change> {
    let program = program.to_str().with_context(|| {
        format!(
            "{} is no UTF-8, which settings.json needs; move bg-run",
            program.display()
        )
    })?;
    edited(path, |path, text, root| {
        let hooks = hooks_of(path, text, root)?;
        for (event, matcher) in EVENTS {
            let entries = hooks
                .array_value_or_create(event)
                .with_context(|| wrong_shape(path, text, &["hooks", event], "an array"))?;
            if is_registered(&entries, matcher, program) {
                continue;
            }
            remove_ours(&entries);
            entries.ensure_multiline();
            entries.append(entry(matcher, program));
        }
        Ok(())
    })
}

/// The file at `path`, or an empty one, after `edit`, which gets the path, the text and the tree. Nothing is written.
fn edited(
    path: &Path,
    edit: impl FnOnce(&Path, &str, &CstRootNode) -> Result<()>,
) -> Result<Change> {
    let (path, before) = read(path)?;
    let given = before.as_deref().unwrap_or_default();
    let (mark, text) = split_mark(given);
    let text = if text.trim().is_empty() { "{}\n" } else { text };
    let root = parse(&path, text)?;
    edit(&path, text, &root)?;
    let after = Some(format!("{mark}{root}"));
    Ok(Change {
        path,
        before,
        after,
    })
}

/// The file at `path` without any registration of ours: as it was before `install`, where nothing else has changed
/// since. Nothing is written.
fn uninstall(path: &Path) -> Result<Change> {
    let (path, before) = read(path)?;
    let Some(given) = &before else {
        return Ok(Change {
            path,
            before: None,
            after: None,
        });
    };
    let journal = Journal::load(&path);
    if let Some(journal) = journal.as_ref().filter(|journal| journal.after == *given) {
        return Ok(Change {
            path,
            after: journal.before.clone(),
            before,
        });
    }
    let (mark, text) = split_mark(given);
    let root = parse(&path, text)?;
    let earlier = journal.as_ref().and_then(|journal| journal.before.clone());
    take_out(&root, &own_empties(earlier.as_deref()));
    let mut taken_out = format!("{mark}{root}");
    if journal
        .as_ref()
        .is_some_and(|journal| journal.laid_out(given))
    {
        taken_out = on_one_line(&taken_out);
    }
    let undone = journal.and_then(|journal| journal.undo(given));
    let after = undone
        .filter(|undone| says_the_same(undone, &taken_out))
        .unwrap_or(taken_out);
    Ok(Change {
        path,
        before,
        after: Some(after),
    })
}

/// The settings for task outputs in the editor's file at `path`. Nothing is written.
fn add_to_editor(path: &Path) -> Result<Change> {
    edited(path, |path, _, root| {
        editor_settings::add(root).map_err(|what| {
            anyhow!(
                "{}: {what} is not an object; nothing was changed, mend it and try again",
                path.display()
            )
        })
    })
}

/// The editor's file without them: as it was, where nothing else has changed since. Nothing is written.
fn take_from_editor(path: &Path) -> Result<Change> {
    let (path, before) = read(path)?;
    let Some(given) = before.clone() else {
        return Ok(Change {
            path,
            before: None,
            after: None,
        });
    };
    let journal = Journal::load(&path).filter(|journal| journal.after == given);
    let after = if let Some(journal) = journal {
        journal.before
    } else {
        let (mark, text) = split_mark(&given);
        let root = parse(&path, text)?;
        editor_settings::take_out(&root);
        Some(format!("{mark}{root}"))
    };
    Ok(Change {
        path,
        before,
        after,
    })
}

/// Whether two settings files differ in layout, comments and empty hooks at most.
fn says_the_same(one: &str, other: &str) -> bool {
    let value = |text: &str| {
        let root = CstRootNode::parse(split_mark(text).1, &ParseOptions::default()).ok()?;
        let mut value = root.to_serde_value()?;
        let settings = value.as_object_mut()?;
        if let Some(hooks) = settings
            .get_mut("hooks")
            .and_then(serde_json::Value::as_object_mut)
        {
            hooks.retain(|_, entries| entries.as_array().is_none_or(|entries| !entries.is_empty()));
            if hooks.is_empty() {
                settings.remove("hooks");
            }
        }
        Some(value)
    };
    value(one).is_some_and(|one| Some(one) == value(other))
}

/// A byte order mark, and the rest.
fn split_mark(text: &str) -> (&str, &str) {
    text.strip_prefix('\u{feff}')
        .map_or(("", text), |rest| ("\u{feff}", rest))
}

/// What the user had of `hooks` before the registration, whatever it held: `hooks` itself, and the names in it.
#[derive(Debug, Default)]
struct OwnHooks {
    is_there: bool,
    events: Vec<String>,
}

fn own_empties(before: Option<&str>) -> OwnHooks {
    let root = before
        .and_then(|before| CstRootNode::parse(split_mark(before).1, &ParseOptions::default()).ok());
    let hooks = root
        .and_then(|root| root.object_value())
        .and_then(|settings| settings.get("hooks"));
    let Some(hooks) = hooks else {
        return OwnHooks::default();
    };
    let events = hooks
        .object_value()
        .map(|hooks| hooks.properties())
        .unwrap_or_default();
    OwnHooks {
        is_there: true,
        events: events
            .iter()
            .filter_map(jsonc_parser::cst::CstObjectProp::decoded_name)
            .collect(),
    }
}

/// The text on one line, but for a newline at its end: other white space outside strings becomes one blank at most.
fn on_one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    let (mut in_string, mut escaped, mut pending) = (false, false, false);
    for c in text.trim_end().chars() {
        if !in_string && c.is_whitespace() {
            pending = true;
            continue;
        }
        let opened = line.ends_with(['{', '[']) || line.is_empty();
        if std::mem::take(&mut pending) && !in_string && !opened && !matches!(c, '}' | ']' | ',') {
            line.push(' ');
        }
        line.push(c);
        match c {
            '"' if !escaped => in_string = !in_string,
            _ => {}
        }
        escaped = in_string && c == '\\' && !escaped;
    }
    if text.ends_with('\n') {
        line.push('\n');
    }
    line
}

/// Takes our hooks out, and what they leave empty, but for what was there before.
fn take_out(root: &CstRootNode, own: &OwnHooks) {
    let property = root
        .object_value()
        .and_then(|settings| settings.get("hooks"));
    let Some(property) = property else { return };
    let Some(hooks) = property.object_value() else {
        return;
    };
    let mut removed = false;
    for event in hooks.properties() {
        if let Some(entries) = event.array_value()
            && remove_ours(&entries)
        {
            removed = true;
            let is_own = event
                .decoded_name()
                .is_some_and(|name| own.events.contains(&name));
            if entries.elements().is_empty() && !is_own {
                event.remove();
            }
        }
    }
    if removed && !own.is_there && hooks.properties().is_empty() {
        property.remove();
    }
}

/// What is to be done to a settings file.
#[derive(Debug, Clone, Copy)]
pub enum Act<'a> {
    /// Register this program.
    Install(&'a Path),
    /// Take the registration out.
    Uninstall,
    /// Add the settings for task outputs to an editor's file.
    AddToEditor,
    /// Take them out of it.
    TakeFromEditor,
}

impl Act<'_> {
    /// What it would change. Nothing is written.
    ///
    /// # Errors
    ///
    /// When the file can't be read or is no settings file.
    pub fn plan(self, path: &Path) -> Result<Change> {
        match self {
            Self::Install(program) => install(path, program),
            Self::Uninstall => uninstall(path),
            Self::AddToEditor => add_to_editor(path),
            Self::TakeFromEditor => take_from_editor(path),
        }
    }

    /// Whether it puts something in.
    fn adds(self) -> bool {
        matches!(self, Self::Install(_) | Self::AddToEditor)
    }

    /// Does it, under a lock on the folder, so that two at once don't lose one.
    ///
    /// # Errors
    ///
    /// When the change can't be worked out or written, or the file changed meanwhile.
    pub fn carry_out(self, path: &Path) -> Result<Change> {
        let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        let why = || format!("{} can't be written", path.display());
        let folder = path.parent().with_context(why)?;
        let made_folder = !folder.exists();
        if made_folder && !self.adds() {
            return self.plan(&path);
        }
        fs::create_dir_all(folder).with_context(why)?;
        let lock = File::open(folder).with_context(why)?;
        lock.lock()
            .with_context(|| format!("{} can't be locked", folder.display()))?;
        let done = self.carry_out_locked(&path, made_folder);
        if made_folder && done.is_err() {
            // It is empty but for what others put there.
            let _ = fs::remove_dir(folder);
        }
        done
    }

    fn carry_out_locked(self, path: &Path, made_folder: bool) -> Result<Change> {
        let change = self.plan(path)?;
        let journal = Journal::load(path);
        if change.before != change.after {
            if self.adds() {
                let editor = matches!(self, Self::AddToEditor);
                Journal::note(&change, journal.as_ref(), made_folder, editor)?;
            }
            write(&change)?;
        }
        if !self.adds() {
            Journal::forget(path, journal.is_some_and(|journal| journal.made_folder));
        }
        Ok(change)
    }
}

/// Puts the new text in the file's place: a temporary file beside it, then a rename, so that the file is always
/// whole. Mode, owner and links stay.
fn write(change: &Change) -> Result<()> {
    let path = &change.path;
    let why = || format!("{} can't be written", path.display());
    let folder = path.parent().with_context(why)?;
    let Some(text) = &change.after else {
        return fs::remove_file(path).with_context(why);
    };
    let mut file = tempfile::NamedTempFile::new_in(folder).with_context(why)?;
    let permissions = match fs::metadata(path) {
        Ok(metadata) => {
            let own = file.as_file().metadata().with_context(why)?;
            if (own.uid(), own.gid()) != (metadata.uid(), metadata.gid()) {
                fchown(file.as_file(), Some(metadata.uid()), Some(metadata.gid()))
                    .with_context(why)?;
            }
            metadata.permissions()
        }
        Err(_) => Permissions::from_mode(0o644),
    };
    file.as_file()
        .set_permissions(permissions)
        .with_context(why)?;
    file.write_all(text.as_bytes()).with_context(why)?;
    file.as_file().sync_all().with_context(why)?;
    if read(path)?.1 != change.before {
        bail!(
            "{} changed meanwhile; nothing was written, try again",
            path.display()
        );
    }
    file.persist(path).with_context(why)?;
    File::open(folder)
        .and_then(|folder| folder.sync_all())
        .with_context(why)
}

/// What a settings file was before its registration: where nothing else changed since, `uninstall` puts just that
/// back.
#[derive(Debug, Serialize, Deserialize)]
struct Journal {
    before: Option<String>,
    after: String,
    made_folder: bool,
    /// The file, where it is an editor's.
    #[serde(default)]
    editor: Option<PathBuf>,
}

/// The editors' settings files that bg-run added something to.
pub fn editor_files() -> Vec<PathBuf> {
    let folder = folders::state_dir().map(|dir| dir.join("registrations"));
    let entries = folder.and_then(|folder| fs::read_dir(folder).ok());
    let journals =
        entries.into_iter().flatten().flatten().filter_map(|entry| {
            serde_json::from_slice::<Journal>(&fs::read(entry.path()).ok()?).ok()
        });
    journals.filter_map(|journal| journal.editor).collect()
}

impl Journal {
    fn path(settings: &Path) -> Option<PathBuf> {
        let name: String = settings.display().to_string().replace(['/', '\\'], "%");
        Some(folders::state_dir()?.join("registrations").join(name))
    }

    fn load(settings: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(Self::path(settings)?).ok()?).ok()
    }

    /// The text without what the registration put in, where that stands in it just as it was put in: what others
    /// changed around it stays to the letter.
    fn undo(&self, text: &str) -> Option<String> {
        let before = self.before.as_deref()?;
        let same = |(one, other): &(char, char)| one == other;
        let head: usize = before
            .chars()
            .zip(self.after.chars())
            .take_while(same)
            .map(|(c, _)| c.len_utf8())
            .sum();
        let (old, new) = (before.get(head..)?, self.after.get(head..)?);
        let tail: usize = old
            .chars()
            .rev()
            .zip(new.chars().rev())
            .take_while(same)
            .map(|(c, _)| c.len_utf8())
            .sum();
        let (old, new) = (old.get(..old.len() - tail)?, new.get(..new.len() - tail)?);
        (text.matches(new).count() == 1).then(|| text.replacen(new, old, 1))
    }

    /// Whether the file was on one line before, and `text` still has the lines that the registration made of it: others
    /// who write the file anew lay it out in their own way. A comment can't be put on one line with others.
    fn laid_out(&self, text: &str) -> bool {
        let was_one_line = self
            .before
            .as_ref()
            .is_some_and(|before| !before.trim_end().contains('\n'));
        let mut ours = self.after.lines().filter(|line| line.contains("\"args\""));
        let has_comments = text.contains("//") || text.contains("/*");
        was_one_line && !has_comments && ours.all(|line| text.lines().any(|other| other == line))
    }

    /// Before the change itself: a registration that nobody noted couldn't be undone to the letter.
    fn note(
        change: &Change,
        earlier: Option<&Self>,
        made_folder: bool,
        editor: bool,
    ) -> Result<()> {
        let (Some(after), Some(path)) = (&change.after, Self::path(&change.path)) else {
            return Ok(());
        };
        let untouched = earlier.filter(|earlier| change.before.as_ref() == Some(&earlier.after));
        let journal = Self {
            before: untouched.map_or(change.before.clone(), |earlier| earlier.before.clone()),
            after: after.clone(),
            made_folder: untouched.map_or(made_folder, |earlier| earlier.made_folder),
            editor: editor.then(|| change.path.clone()),
        };
        let why = || format!("{} can't be written", path.display());
        let folder = path.parent().with_context(why)?;
        fs::create_dir_all(folder).with_context(why)?;
        let mut file = tempfile::NamedTempFile::new_in(folder).with_context(why)?;
        file.write_all(&serde_json::to_vec(&journal)?)
            .with_context(why)?;
        file.persist(&path).with_context(why)?;
        Ok(())
    }

    /// With the folders that are empty now. What can't be removed does no harm.
    fn forget(settings: &Path, made_folder: bool) {
        let Some(path) = Self::path(settings) else {
            return;
        };
        let _ = fs::remove_file(&path);
        if made_folder && let Some(folder) = settings.parent() {
            let _ = fs::remove_dir(folder);
        }
        for folder in path.ancestors().skip(1).take(2) {
            let _ = fs::remove_dir(folder);
        }
    }
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
        anyhow!(
            "{}: {error}; nothing was changed, mend the file and try again",
            path.display()
        )
    })
}

fn hooks_of(path: &Path, text: &str, root: &CstRootNode) -> Result<CstObject> {
    let Some(settings) = root.object_value_or_create() else {
        bail!(wrong_shape(path, text, &[], "an object"));
    };
    let named = settings
        .properties()
        .into_iter()
        .filter(|property| property.decoded_name().as_deref() == Some("hooks"));
    if named.count() > 1 {
        bail!(
            "{}: `hooks` is there twice; nothing was changed, take one out and try again",
            path.display()
        );
    }
    settings
        .object_value_or_create("hooks")
        .with_context(|| wrong_shape(path, text, &["hooks"], "an object"))
}

/// Line and column, from 1, of the value at these keys.
fn locate(text: &str, keys: &[&str]) -> Option<(usize, usize)> {
    let parsed = parse_to_ast(text, &CollectOptions::default(), &ParseOptions::default()).ok()?;
    let mut value = parsed.value?;
    for key in keys {
        let Value::Object(object) = value else {
            return None;
        };
        value = object
            .properties
            .into_iter()
            .find(|property| property.name.as_str() == *key)?
            .value;
    }
    let before = text.get(..value.range().start)?;
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    Some((
        before.matches('\n').count() + 1,
        before.get(line_start..)?.chars().count() + 1,
    ))
}

fn wrong_shape(path: &Path, text: &str, keys: &[&str], expected: &str) -> String {
    let place = locate(text, keys)
        .map(|(line, column)| format!(":{line}:{column}"))
        .unwrap_or_default();
    let what = if keys.is_empty() {
        "the file".to_owned()
    } else {
        format!("`{}`", keys.join("."))
    };
    format!(
        "{}{place}: {what} is not {expected}, as Claude Code expects; nothing was changed, mend it and try again",
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
