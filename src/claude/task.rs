//! Background tasks of the client: their ids and the locations of their outputs. [`Footer`] describes how they end.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStringExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::readlinkat;

pub use super::footer::{Footer, MAX_FOOTER_LENGTH, read_end};
use crate::environment;
use crate::platform::{files, regular_file};
use crate::state::is_id;

/// A task's id: `ed52a0`, `b0aa5ca`, `bxatg1f4y`. It comes from outside and becomes part of a path, so it is
/// validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskId(String);

impl TaskId {
    /// Parses an id; `None` unless `text` is 1 to 64 characters of `A-Z a-z 0-9 _ -`.
    pub fn new(text: &str) -> Option<Self> {
        (is_id(text) && text.len() <= 64).then(|| Self(text.to_owned()))
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Locations of a task's output, newest client first (measured, 2.0.76 to 2.1.331).
const LAYOUTS: &[&str] = &[
    "{notes}/../tasks/{id}.output",
    "{tmp}/claude-{uid}/{slug}/{session}/tasks/{id}.output",
    "{tmp}/claude/{slug}/tasks/{id}.output",
];

/// The layouts as patterns for VS Code's settings.
pub const PATTERNS: [&str; 2] = [
    "**/claude-*/*/*/tasks/*.output",
    "**/claude/*/tasks/*.output",
];

/// A client session, as far as the paths of its outputs depend on it.
#[derive(Debug, Clone, Default)]
pub struct ClientSession {
    /// The `session_id` of the hook's input.
    pub id: String,
    /// The name of the project's folder in the client's `projects`.
    pub slug: String,
    /// The client's possible folders for temporary files, the likeliest first.
    pub tmp: Vec<PathBuf>,
    /// The value of `CLAUDE_CODE_CHILD_NOTES_DIR`.
    pub notes: Option<PathBuf>,
}

impl ClientSession {
    /// Returns the session of a hook's input. The slug comes from the transcript's path, because the client shortens
    /// long slugs with a hash.
    pub fn new(id: &str, transcript: &Path) -> Self {
        let mut parts = transcript.components().map(Component::as_os_str);
        let mut slug = None;
        while let Some(part) = parts.next() {
            if part == "projects" {
                slug = parts.clone().next();
            }
        }
        let slug = slug.or_else(|| transcript.parent()?.file_name());
        Self {
            id: id.to_owned(),
            slug: slug
                .map(|slug| slug.to_string_lossy().into_owned())
                .unwrap_or_default(),
            tmp: environment::claude_tmp_dirs(),
            notes: environment::claude_notes_dir(),
        }
    }

    /// Finds the output file of a task: the first possible path at which this user has a file.
    pub fn output_of(&self, task: &TaskId) -> Option<PathBuf> {
        let mut places = LAYOUTS.iter().flat_map(|layout| self.fill(layout, task));
        let roots = roots_in(&self.tmp, self.notes.as_deref());
        places.find_map(|path| Some(open_below(&roots, &path).ok()?.1))
    }

    /// Returns the path of `task`'s output in the newest layout whose parts are all known.
    pub fn new_output(&self, task: &TaskId) -> Option<PathBuf> {
        LAYOUTS
            .iter()
            .find_map(|layout| self.fill(layout, task).into_iter().next())
    }

    /// Returns the layout's path below each folder for temporary files.
    fn fill(&self, layout: &str, task: &TaskId) -> Vec<PathBuf> {
        let fill = |tmp: &Path| {
            let mut path = PathBuf::new();
            for part in layout.split('/') {
                match part {
                    "{tmp}" => path.push(tmp),
                    "{notes}" => path.push(self.notes.as_ref()?),
                    ".." => {
                        path.pop();
                    }
                    "{slug}" if is_file_name(&self.slug) => path.push(&self.slug),
                    "{session}" if is_id(&self.id) => path.push(&self.id),
                    "{slug}" | "{session}" => return None,
                    _ => path.push(with_user(part).replace("{id}", task.as_str())),
                }
            }
            Some(path)
        };
        let mut paths: Vec<PathBuf> = Vec::new();
        let real = |tmp: &PathBuf| fs::canonicalize(tmp).unwrap_or_else(|_| tmp.clone());
        for path in self.tmp.iter().filter_map(|tmp| fill(&real(tmp))) {
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        paths
    }
}

fn with_user(part: &str) -> String {
    part.replace("{uid}", &user_id().to_string())
}

fn is_file_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\0'])
}

fn user_id() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// A folder below which the client keeps outputs, and the names between it and an output; `{…}` is any name.
#[derive(PartialEq, Eq)]
struct Root {
    /// The canonical path. Links may lead there (`/tmp` is one on macOS).
    folder: PathBuf,
    /// The path as the environment spells it, which the client uses.
    spelled: PathBuf,
    below: Vec<&'static str>,
}

/// Resolves links above the folder. The folder itself may be missing, and must not be a link.
fn real_folder(folder: &Path) -> PathBuf {
    let real = folder
        .parent()
        .and_then(|above| fs::canonicalize(above).ok());
    let real = real
        .zip(folder.file_name())
        .map(|(above, name)| above.join(name));
    real.unwrap_or_else(|| folder.to_owned())
}

/// Returns the roots of all layouts on this machine.
fn roots() -> Vec<Root> {
    roots_in(
        &environment::claude_tmp_dirs(),
        environment::claude_notes_dir().as_deref(),
    )
}

/// Returns the folders that contain outputs, whether they exist or not.
pub fn root_folders() -> Vec<PathBuf> {
    let mut folders: Vec<PathBuf> = roots().into_iter().map(|root| root.folder).collect();
    folders.sort();
    folders.dedup();
    folders
}

fn roots_in(tmp: &[PathBuf], notes: Option<&Path>) -> Vec<Root> {
    let mut roots: Vec<Root> = Vec::new();
    for layout in LAYOUTS {
        let parts: Vec<&'static str> = layout.split('/').collect();
        let folders: Vec<(PathBuf, usize)> = match parts.as_slice() {
            ["{tmp}", root, ..] => tmp
                .iter()
                .map(|tmp| (tmp.join(with_user(root)), 2))
                .collect(),
            ["{notes}", "..", ..] => notes
                .and_then(|notes| Some((notes.parent()?.to_owned(), 2)))
                .into_iter()
                .collect(),
            _ => Vec::new(),
        };
        for (spelled, used) in folders {
            let root = Root {
                folder: real_folder(&spelled),
                spelled,
                below: parts.get(used..).unwrap_or_default().to_vec(),
            };
            if !roots.contains(&root) {
                roots.push(root);
            }
        }
    }
    roots
}

impl Root {
    /// Returns the names between the root and `path`, if that is an output of this layout.
    fn names<'a>(&self, path: &'a Path) -> Option<Vec<&'a std::ffi::OsStr>> {
        let below = path.strip_prefix(&self.folder);
        let below = below.or_else(|_| path.strip_prefix(&self.spelled)).ok()?;
        let names: Option<Vec<_>> = below
            .components()
            .map(|part| match part {
                Component::Normal(name) => Some(name),
                _ => None,
            })
            .collect();
        let names = names?;
        let fits = names.len() == self.below.len()
            && names
                .iter()
                .zip(&self.below)
                .all(|(name, part)| match *part {
                    "{id}.output" => is_output_name(Path::new(name)),
                    part if part.starts_with('{') => true,
                    part => *name == part,
                });
        fits.then_some(names)
    }
}

fn is_output_name(name: &Path) -> bool {
    name.extension().is_some_and(|kind| kind == "output")
        && name
            .file_stem()
            .and_then(|stem| stem.to_str())
            .is_some_and(|stem| TaskId::new(stem).is_some())
}

/// Whether `path` is a possible location of a task's output.
pub fn is_output(path: &Path) -> bool {
    roots().iter().any(|root| root.names(path).is_some())
}

/// Opens a task's output to read it and to set its time. The file must be regular and belong to this user, like every
/// folder below the root. The only links allowed lead to another task's output.
///
/// # Errors
///
/// Fails if there is no such file.
pub fn open(path: &Path) -> io::Result<File> {
    open_below(&roots(), path).map(|(file, _)| file)
}

/// Opens a task's output like [`open`], or another regular file, such as a command's own log.
///
/// # Errors
///
/// Fails if there is no such file.
pub fn open_output_or_log(path: &Path) -> io::Result<File> {
    if is_output(path) {
        open(path)
    } else {
        Ok(regular_file::open(path)?.0)
    }
}

/// Resolves the path of an output. A session that continues the tasks of an earlier one has links to their outputs
/// (measured, 2.1.331, after "Move to background and exit").
///
/// # Errors
///
/// Fails like [`open`].
pub fn real_path(path: &Path) -> io::Result<PathBuf> {
    open_below(&roots(), path).map(|(_, path)| path)
}

/// Maximum number of links that are followed, one for each session that continued the task.
const MAX_LINKS: usize = 8;

fn open_below(roots: &[Root], path: &Path) -> io::Result<(File, PathBuf)> {
    let mut path = path.to_owned();
    for _ in 0..=MAX_LINKS {
        match open_or_link(roots, &path)? {
            FileOrLink::File(file, path) => return Ok((file, path)),
            FileOrLink::Link(target) => path = target,
        }
    }
    Err(io::Error::other("too many links"))
}

enum FileOrLink {
    /// The file, and its canonical path.
    File(File, PathBuf),
    Link(PathBuf),
}

fn open_or_link(roots: &[Root], path: &Path) -> io::Result<FileOrLink> {
    let mut found = roots
        .iter()
        .filter_map(|root| Some((root, root.names(path)?)));
    let (root, names) = found
        .next()
        .ok_or_else(|| io::Error::other("not the path of a task's output"))?;
    let mut fd = File::from(files::folder(&root.folder)?);
    check_owner(&fd)?;
    let (last, folders) = names.split_last().ok_or(io::ErrorKind::NotFound)?;
    for name in folders {
        fd = File::from(files::folder_in(&fd, *name)?);
        check_owner(&fd)?;
    }
    if let Ok(target) = readlinkat(&fd, *last, Vec::new()) {
        let target = PathBuf::from(OsString::from_vec(target.into_bytes()));
        return Ok(FileOrLink::Link(path.with_file_name(target)));
    }
    let file = files::open_for_reading(&fd, *last)?;
    check_owner(&file)?;
    let path = names
        .iter()
        .fold(root.folder.clone(), |path, name| path.join(name));
    Ok(FileOrLink::File(file, path))
}

fn check_owner(file: &File) -> io::Result<()> {
    if file.metadata()?.uid() == user_id() {
        Ok(())
    } else {
        Err(io::Error::other("it belongs to another user"))
    }
}

/// A task output on this machine.
#[derive(Debug, Clone)]
pub struct TaskOutput {
    /// The file.
    pub path: PathBuf,
    /// Time of its last change.
    pub modified: SystemTime,
}

impl TaskOutput {
    /// Returns the task's id.
    pub fn id(&self) -> &str {
        let stem = self.path.file_stem().and_then(|stem| stem.to_str());
        stem.unwrap_or_default()
    }
}

/// Returns all task outputs of this user, newest first.
pub fn outputs() -> Vec<TaskOutput> {
    let (mut outputs, mut seen) = (Vec::new(), BTreeSet::new());
    let all = roots();
    for root in once_each(&all) {
        let mut paths = vec![root.folder.clone()];
        for part in &root.below {
            paths = paths
                .iter()
                .flat_map(|folder| match *part {
                    part if part.starts_with('{') => entries(folder),
                    part => vec![folder.join(part)],
                })
                .collect();
        }
        for path in paths {
            let Ok((file, path)) = open_below(&all, &path) else {
                continue;
            };
            let modified = file.metadata().and_then(|metadata| metadata.modified());
            if seen.insert(path.clone())
                && let Ok(modified) = modified
            {
                outputs.push(TaskOutput { path, modified });
            }
        }
    }
    outputs.sort_by_key(|output| std::cmp::Reverse(output.modified));
    outputs
}

/// Returns the roots without other spellings of the same folder.
fn once_each(roots: &[Root]) -> impl Iterator<Item = &Root> {
    let is_new = |&(index, root): &(usize, &Root)| {
        let mut before = roots.iter().take(index);
        !before.any(|before| (&before.folder, &before.below) == (&root.folder, &root.below))
    };
    roots
        .iter()
        .enumerate()
        .filter(is_new)
        .map(|(_, root)| root)
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(tmp: &Path) -> ClientSession {
        ClientSession {
            id: "5e55-10n".to_owned(),
            slug: "-home-u-proj".to_owned(),
            tmp: vec![tmp.to_owned()],
            notes: None,
        }
    }

    #[test]
    fn ids_that_could_leave_the_folder_are_refused() {
        for id in ["b0aa5ca", "bxatg1f4y", "A_-9"] {
            assert!(TaskId::new(id).is_some(), "{id}");
        }
        for id in ["", "../x", "a/b", "a.b", "a b", "é", &"x".repeat(65)] {
            assert!(TaskId::new(id).is_none(), "{id}");
        }
    }

    #[test]
    fn every_layout_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let task = TaskId::new("b1").unwrap();
        let session = session(dir.path());
        assert_eq!(session.output_of(&task), None);

        let uid = user_id();
        let tasks = dir
            .path()
            .join(format!("claude-{uid}/-home-u-proj/5e55-10n/tasks"));
        fs::create_dir_all(&tasks).unwrap();
        let output = tasks.join("b1.output");
        fs::write(&output, "").unwrap();
        assert_eq!(session.output_of(&task), Some(output));

        let noted = dir.path().join("noted/tasks");
        fs::create_dir_all(&noted).unwrap();
        fs::write(noted.join("b1.output"), "").unwrap();
        let session = ClientSession {
            notes: Some(dir.path().join("noted/started")),
            ..session
        };
        assert_eq!(session.output_of(&task), Some(noted.join("b1.output")));
    }

    #[test]
    fn an_output_has_one_path_for_every_spelling_of_its_folder() {
        let dir = tempfile::tempdir().unwrap();
        let real = fs::canonicalize(dir.path()).unwrap().join("private");
        let tasks = format!("claude-{}/-home-u-proj/5e55-10n/tasks", user_id());
        fs::create_dir_all(real.join(&tasks)).unwrap();
        let linked = dir.path().join("tmp");
        std::os::unix::fs::symlink(&real, &linked).unwrap();
        let output = real.join(&tasks).join("b1.output");
        fs::write(&output, "").unwrap();
        // A session in the linked folder passes it on like this.
        let handed = linked.join(&tasks).join("b1.output");
        std::os::unix::fs::symlink(&handed, real.join(&tasks).join("b2.output")).unwrap();
        let session = ClientSession {
            tmp: vec![linked.clone(), real.clone()],
            ..session(&linked)
        };
        for id in ["b1", "b2"] {
            let found = session.output_of(&TaskId::new(id).unwrap());
            assert_eq!(found.as_ref(), Some(&output), "{id}");
        }
        let new = session.new_output(&TaskId::new("b9").unwrap());
        assert_eq!(new, Some(real.join(&tasks).join("b9.output")));
        let roots = roots_in(&session.tmp, None);
        for path in [&output, &handed] {
            assert_eq!(open_below(&roots, path).unwrap().1, output);
        }
        let folders: BTreeSet<&Path> = once_each(&roots)
            .map(|root| root.folder.as_path())
            .collect();
        assert_eq!(once_each(&roots).count(), LAYOUTS.len() - 1);
        assert!(
            folders.iter().all(|folder| folder.starts_with(&real)),
            "{folders:?}"
        );
    }

    #[test]
    fn links_and_folders_are_no_outputs() {
        let dir = tempfile::tempdir().unwrap();
        let tasks = dir
            .path()
            .join(format!("claude-{}/-home-u-proj/5e55-10n/tasks", user_id()));
        fs::create_dir_all(tasks.join("b2.output")).unwrap();
        let secret = dir.path().join("secret");
        fs::write(&secret, "").unwrap();
        std::os::unix::fs::symlink(&secret, tasks.join("b1.output")).unwrap();
        for id in ["b1", "b2"] {
            assert_eq!(
                session(dir.path()).output_of(&TaskId::new(id).unwrap()),
                None,
                "{id}"
            );
        }
    }

    #[test]
    fn only_a_link_to_another_task_s_output_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let tasks = |session: &str| {
            let tasks = format!("claude-{}/-home-u-proj/{session}/tasks", user_id());
            fs::create_dir_all(dir.path().join(&tasks)).unwrap();
            dir.path().join(tasks)
        };
        let (new, old) = (tasks("5e55-10n"), tasks("01d"));
        let of = |id: &str| session(dir.path()).output_of(&TaskId::new(id).unwrap());
        let link = |to: &Path, id: &str| {
            std::os::unix::fs::symlink(to, new.join(format!("{id}.output"))).unwrap();
        };
        let real = old.join("b1.output");
        fs::write(&real, "").unwrap();
        link(&real, "b1");
        link(Path::new("../../01d/tasks/b1.output"), "b2");
        link(&new.join("b3.output"), "b3");
        link(&new.join("b1.output"), "b4");
        assert_eq!(of("b1"), Some(real.clone()));
        // The spelling must be exactly the client's.
        assert_eq!(of("b2"), None);
        assert_eq!(of("b3"), None, "a circle");
        assert_eq!(of("b4"), Some(real), "handed on twice");
    }

    #[test]
    fn the_slug_is_the_folder_after_projects() {
        for (transcript, slug) in [
            ("/h/.claude/projects/-a-b/5e55.jsonl", "-a-b"),
            ("/projects/x/.claude/projects/-a-b/5e55.jsonl", "-a-b"),
            (
                "/h/.claude/projects/-a-b/5e55/subagents/agent-1.jsonl",
                "-a-b",
            ),
            ("/odd/-a-b/5e55.jsonl", "-a-b"),
        ] {
            assert_eq!(
                ClientSession::new("x", Path::new(transcript)).slug,
                slug,
                "{transcript}"
            );
        }
    }

    #[test]
    fn malformed_session_parts_give_no_path() {
        let dir = tempfile::tempdir().unwrap();
        for (id, slug) in [("../..", "-a"), ("x", ".."), ("x", "")] {
            let session = ClientSession {
                id: id.to_owned(),
                slug: slug.to_owned(),
                ..session(dir.path())
            };
            let path = session.fill("{tmp}/{slug}/{session}/{id}", &TaskId::new("b").unwrap());
            assert!(path.is_empty(), "{id} {slug}");
        }
    }
}
