//! Background tasks of the client: their ids, and where their output lies.

use std::fs;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::environment;

/// A task's id: `ed52a0`, `b0aa5ca`, `bxatg1f4y`. It comes from outside and becomes part of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TaskId(String);

impl TaskId {
    /// `None` where `text` isn't 1 to 64 of `A-Z a-z 0-9 _ -`.
    pub fn new(text: &str) -> Option<Self> {
        is_plain(text).then(|| Self(text.to_owned()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether `text`, which comes from outside, can be part of a path: 1 to 64 of `A-Z a-z 0-9 _ -`.
pub(crate) fn is_plain(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    (1..=64).contains(&text.len()) && text.bytes().all(allowed)
}

/// Where the client puts a task's output, newest client first (measured, 2.0.76 to 2.1.330). A new layout is a line.
const LAYOUTS: &[&str] = &[
    "{notes}/../tasks/{id}.output",
    "{tmp}/claude-{uid}/{slug}/{session}/tasks/{id}.output",
    "/tmp/claude-{uid}/{slug}/{session}/tasks/{id}.output",
    "/tmp/claude/{slug}/tasks/{id}.output",
];

/// What a path is made of.
#[derive(Debug, Clone, Default)]
pub struct ClientSession {
    /// `session_id` of the hook's input.
    pub id: String,
    /// The name of the project's folder in the client's `projects`.
    pub slug: String,
    /// `CLAUDE_CODE_TMPDIR`, else `/tmp`.
    pub tmp: PathBuf,
    /// `CLAUDE_CODE_CHILD_NOTES_DIR`.
    pub notes: Option<PathBuf>,
}

impl ClientSession {
    /// The session that a hook's input speaks of. The slug is taken from the transcript's path, because the
    /// client shortens long ones by a hash.
    pub fn new(id: &str, transcript: &Path) -> Self {
        let mut parts = transcript.components().map(std::path::Component::as_os_str);
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
            tmp: environment::claude_tmp_dir().unwrap_or_else(|| PathBuf::from("/tmp")),
            notes: environment::claude_notes_dir(),
        }
    }

    /// The output file of a task: the first place where a regular file of this user's lies.
    pub fn output_of(&self, task: &TaskId) -> Option<PathBuf> {
        LAYOUTS
            .iter()
            .filter_map(|layout| self.fill(layout, task))
            .find(|path| is_own_file(path))
    }

    fn fill(&self, layout: &str, task: &TaskId) -> Option<PathBuf> {
        let mut path = PathBuf::new();
        for part in layout.split('/') {
            match part {
                "" => path.push("/"),
                "{tmp}" => path.push(&self.tmp),
                "{notes}" => path.push(self.notes.as_ref()?),
                ".." => {
                    path.pop();
                }
                "{slug}" if is_file_name(&self.slug) => path.push(&self.slug),
                "{session}" if is_plain(&self.id) => path.push(&self.id),
                "{slug}" | "{session}" => return None,
                _ => path.push(
                    part.replace("{id}", task.as_str())
                        .replace("{uid}", &user_id().to_string()),
                ),
            }
        }
        Some(path)
    }
}

fn is_file_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['/', '\0'])
}

fn user_id() -> u32 {
    rustix::process::geteuid().as_raw()
}

/// Whether a regular file, no link, lies there that belongs to this user.
pub fn is_own_file(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    fs::symlink_metadata(path)
        .is_ok_and(|metadata| metadata.is_file() && metadata.uid() == user_id())
}

/// The line by which the client ends a task's output (measured, 2.1.90 to 2.1.330).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Footer {
    /// `[exited with code N]`
    Exited(i32),
    /// `[killed]`
    Killed,
}

/// A footer is shorter than this, in bytes.
pub const FOOTER_WITHIN: usize = 200;

impl Footer {
    /// The footer at the end of `text`.
    pub fn of(text: &str) -> Option<Self> {
        let line = text.trim_end_matches('\n').rsplit('\n').next()?;
        if line.ends_with("[killed]") {
            return Some(Self::Killed);
        }
        let (_, code) = line.strip_suffix(']')?.rsplit_once("[exited with code ")?;
        code.parse().ok().map(Self::Exited)
    }

    /// The footer of the output at `path`; only the end of the file is read.
    ///
    /// # Errors
    ///
    /// When the file can't be read.
    pub fn of_file(path: &Path) -> io::Result<Option<Self>> {
        let mut file = fs::File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(FOOTER_WITHIN as u64)))?;
        let mut end = Vec::new();
        file.read_to_end(&mut end)?;
        Ok(Self::of(&String::from_utf8_lossy(&end)))
    }
}

/// A task output on this machine.
#[derive(Debug, Clone)]
pub struct Output {
    /// The file.
    pub path: PathBuf,
    /// When it last grew.
    pub modified: SystemTime,
}

/// All task outputs of this user's, the newest first.
pub fn outputs() -> Vec<Output> {
    let tmp = environment::claude_tmp_dir().unwrap_or_else(|| PathBuf::from("/tmp"));
    let uid = user_id();
    let mut roots = vec![
        (tmp.join(format!("claude-{uid}")), 2),
        (PathBuf::from("/tmp/claude"), 1),
    ];
    if tmp != Path::new("/tmp") {
        roots.push((PathBuf::from(format!("/tmp/claude-{uid}")), 2));
    }
    let mut outputs: Vec<Output> = roots
        .iter()
        .flat_map(|(root, depth)| folders_at(root, *depth))
        .flat_map(|folder| entries(&folder.join("tasks")))
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "output")
        })
        .filter(|path| is_own_file(path))
        .filter_map(|path| {
            let modified = fs::metadata(&path)
                .and_then(|metadata| metadata.modified())
                .ok()?;
            Some(Output { path, modified })
        })
        .collect();
    outputs.sort_by_key(|output| std::cmp::Reverse(output.modified));
    outputs
}

/// The output of the task whose id is `id` or starts with it, the newest of several; a whole id wins.
pub fn find(id: &TaskId) -> Option<Output> {
    let named = |output: &Output, whole: bool| {
        let stem = output
            .path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        if whole {
            stem == id.as_str()
        } else {
            stem.starts_with(id.as_str())
        }
    };
    let outputs = outputs();
    let whole = outputs.iter().find(|output| named(output, true));
    whole
        .or_else(|| outputs.iter().find(|output| named(output, false)))
        .cloned()
}

fn folders_at(root: &Path, depth: usize) -> Vec<PathBuf> {
    let mut folders = vec![root.to_owned()];
    for _ in 0..depth {
        folders = folders.iter().flat_map(|folder| entries(folder)).collect();
    }
    folders
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
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
            tmp: tmp.to_owned(),
            notes: None,
        }
    }

    #[test]
    fn the_last_line_tells_the_end() {
        for (text, footer) in [
            ("a\n[exited with code 0]\n", Some(Footer::Exited(0))),
            (
                "no newline[exited with code 130]",
                Some(Footer::Exited(130)),
            ),
            ("[killed]\n", Some(Footer::Killed)),
            ("[exited with code 0]\nmore\n", None),
            ("[exited with code x]", None),
            ("", None),
        ] {
            assert_eq!(Footer::of(text), footer, "{text}");
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
    fn odd_session_parts_give_no_path() {
        let dir = tempfile::tempdir().unwrap();
        for (id, slug) in [("../..", "-a"), ("x", ".."), ("x", "")] {
            let session = ClientSession {
                id: id.to_owned(),
                slug: slug.to_owned(),
                ..session(dir.path())
            };
            let path = session.fill("{tmp}/{slug}/{session}/{id}", &TaskId::new("b").unwrap());
            assert_eq!(path, None, "{id} {slug}");
        }
    }
}
