//! Files opened for what they are: a link in the last place of a path is never followed, and no FIFO or terminal holds
//! the caller up. A name is looked for in an open folder, which nobody can exchange meanwhile.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags, openat};
use rustix::path::Arg;

use super::processes::FileId;

const BASE: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC);
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(BASE);
/// The user alone may read and write what is made.
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

/// The folder at `path`.
///
/// # Errors
///
/// When there is none, or a link.
pub fn folder(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(path, FOLDER, Mode::empty())?)
}

/// The folder at `path`, which may be reached by a link that the user made.
///
/// # Errors
///
/// When there is none.
pub fn folder_through_links(path: &Path) -> io::Result<OwnedFd> {
    let flags = FOLDER.difference(OFlags::NOFOLLOW);
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

/// The folder `name` in a folder.
///
/// # Errors
///
/// As [`folder`].
pub fn folder_in(folder: impl AsFd, name: impl Arg) -> io::Result<OwnedFd> {
    Ok(openat(folder, name, FOLDER, Mode::empty())?)
}

/// The file `name` in a folder, to read; only a regular one.
///
/// # Errors
///
/// When it isn't there, or is no such file.
pub fn open_for_reading(folder: impl AsFd, name: impl Arg) -> io::Result<File> {
    regular(openat(
        folder,
        name,
        OFlags::RDONLY | OFlags::NONBLOCK | BASE,
        Mode::empty(),
    ))
}

/// The file at `path`, to read. Links are followed; the caller knows that it is a regular file.
///
/// # Errors
///
/// When it can't be opened.
pub fn open_for_reading_through_links(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

/// A new file `name` in a folder.
///
/// # Errors
///
/// When it is there, or can't be made.
pub fn new(folder: impl AsFd, name: impl Arg) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | BASE;
    Ok(openat(folder, name, flags, PRIVATE)?.into())
}

/// The file `name` in a folder, empty and to be written; made where it isn't there yet.
///
/// # Errors
///
/// When it can't be opened.
pub fn open_for_writing(folder: impl AsFd, name: impl Arg) -> io::Result<File> {
    // A FIFO in its place has no reader, and nobody waits for one.
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NONBLOCK | BASE;
    Ok(openat(folder, name, flags, PRIVATE)?.into())
}

/// The file `name` in a folder, as it is; made where it isn't there yet.
///
/// # Errors
///
/// When it can't be opened.
pub fn open_unchanged(folder: impl AsFd, name: impl Arg) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NONBLOCK | BASE;
    Ok(openat(folder, name, flags, PRIVATE)?.into())
}

/// The file `name` in a folder, to read and to change; made where it isn't there yet. Only a regular one.
///
/// # Errors
///
/// When it can't be opened, or is no such file.
pub fn open_for_changing(folder: impl AsFd, name: impl Arg) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NONBLOCK | BASE;
    regular(openat(folder, name, flags, PRIVATE))
}

/// The file `name` in a folder, to append to; made where it isn't there yet. Only a regular one.
///
/// # Errors
///
/// As [`open_for_changing`].
pub fn open_for_appending(folder: impl AsFd, name: impl Arg) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NONBLOCK | BASE;
    regular(openat(folder, name, flags, PRIVATE))
}

/// Whether both paths lead to the same file or folder, however they are spelled: by links, or in another case where the
/// file system makes no difference. Paths to nothing are the same by their text alone.
pub fn is_same(one: &Path, other: &Path) -> bool {
    one == other || FileId::of(one).is_some_and(|id| FileId::of(other) == Some(id))
}

/// Whether `path` is this folder or lies below it, however both are spelled.
pub fn is_below(path: &Path, folder: &Path) -> bool {
    if path.starts_with(folder) {
        return true;
    }
    let Some(id) = FileId::of(folder) else {
        return false;
    };
    let real = std::fs::canonicalize(path);
    let paths = [Some(path), real.as_deref().ok()].into_iter().flatten();
    let mut above = paths.flat_map(Path::ancestors);
    above.any(|above| FileId::of(above) == Some(id))
}

fn regular(opened: rustix::io::Result<OwnedFd>) -> io::Result<File> {
    let file = File::from(opened?);
    if file.metadata()?.is_file() {
        Ok(file)
    } else {
        Err(io::Error::other("not a regular file"))
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::{Read as _, Write as _};

    use super::*;

    #[test]
    fn no_link_is_followed_and_no_fifo_waited_for() {
        let own = tempfile::tempdir().unwrap();
        let at = |name: &str| own.path().join(name);
        fs::write(at("file"), "text").unwrap();
        fs::create_dir(at("inner")).unwrap();
        for (target, link) in [("file", "to-file"), ("inner", "to-inner"), ("none", "lost")] {
            std::os::unix::fs::symlink(at(target), at(link)).unwrap();
        }
        let made = std::process::Command::new("mkfifo")
            .arg(at("fifo"))
            .status();
        assert!(made.unwrap().success());
        let top = folder(own.path()).unwrap();
        assert!(folder(&at("to-inner")).is_err() && folder_in(&top, "to-inner").is_err());
        assert!(folder(&at("inner")).is_ok() && folder_in(&top, "inner").is_ok());
        assert!(folder_through_links(&at("to-inner")).is_ok());
        for name in ["to-file", "lost", "fifo", "inner"] {
            assert!(open_for_reading(&top, name).is_err(), "{name}");
            assert!(open_for_changing(&top, name).is_err(), "{name}");
            assert!(open_for_appending(&top, name).is_err(), "{name}");
        }
        for name in ["to-file", "lost"] {
            assert!(new(&top, name).is_err() && open_for_writing(&top, name).is_err());
            assert!(open_unchanged(&top, name).is_err(), "{name}");
        }
        assert!(!at("none").exists());
    }

    /// A link in another case plays a file system that makes no difference between cases: both names lead to one folder.
    #[test]
    fn a_folder_is_the_same_in_another_case() {
        let own = tempfile::tempdir().unwrap();
        let at = |name: &str| own.path().join(name);
        fs::create_dir_all(at("Project/sub")).unwrap();
        fs::create_dir(at("other")).unwrap();
        std::os::unix::fs::symlink(at("Project"), at("project")).unwrap();
        for (one, other, same) in [
            ("Project", "project", true),
            ("project/sub", "Project/sub", true),
            ("Project", "Project/sub", false),
            ("Project", "other", false),
            ("none", "none", true),
            ("none", "None", false),
        ] {
            assert_eq!(is_same(&at(one), &at(other)), same, "{one} {other}");
        }
        for (path, folder, below) in [
            ("project/sub", "Project", true),
            ("Project/sub", "project", true),
            ("Project/none/deep", "project", true),
            ("project", "Project", true),
            ("Project", "project/sub", false),
            ("other", "project", false),
            ("other", "none", false),
        ] {
            assert_eq!(is_below(&at(path), &at(folder)), below, "{path} {folder}");
        }
    }

    #[test]
    fn each_way_to_open_does_what_it_says() {
        let own = tempfile::tempdir().unwrap();
        let top = folder(own.path()).unwrap();
        let text = || {
            let mut text = String::new();
            let file = open_for_reading(&top, "file");
            file.unwrap().read_to_string(&mut text).unwrap();
            text
        };
        new(&top, "file").unwrap().write_all(b"one").unwrap();
        assert!(new(&top, "file").is_err());
        open_unchanged(&top, "file").unwrap();
        assert_eq!(text(), "one");
        open_for_appending(&top, "file")
            .unwrap()
            .write_all(b"two")
            .unwrap();
        assert_eq!(text(), "onetwo");
        open_for_changing(&top, "file")
            .unwrap()
            .write_all(b"ONE")
            .unwrap();
        assert_eq!(text(), "ONEtwo");
        open_for_writing(&top, "file").unwrap();
        assert_eq!(text(), "");
    }
}
