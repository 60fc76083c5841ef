//! Opens files safely: a link as the last part of a path is never followed, and opening never blocks on a FIFO or
//! terminal. Names are resolved in an open folder, which nobody can replace meanwhile.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, OFlags, openat};
use rustix::path::Arg;

use super::processes::FileId;

const BASE: OFlags = OFlags::NOFOLLOW.union(OFlags::CLOEXEC);
const FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(BASE);
/// Mode of new files, which only the user may read and write.
const PRIVATE: Mode = Mode::RUSR.union(Mode::WUSR);

/// Opens the folder at `path`.
///
/// # Errors
///
/// Fails if there is none, or it is a link.
pub fn folder(path: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(path, FOLDER, Mode::empty())?)
}

/// Opens the folder at `path`, following links that the user made.
///
/// # Errors
///
/// Fails if there is none.
pub fn folder_through_links(path: &Path) -> io::Result<OwnedFd> {
    let flags = FOLDER.difference(OFlags::NOFOLLOW);
    Ok(rustix::fs::open(path, flags, Mode::empty())?)
}

/// Opens the folder `name` in a folder.
///
/// # Errors
///
/// Fails like [`folder`].
pub fn folder_in(folder: impl AsFd, name: impl Arg) -> io::Result<OwnedFd> {
    Ok(openat(folder, name, FOLDER, Mode::empty())?)
}

/// Opens the regular file `name` in a folder for reading.
///
/// # Errors
///
/// Fails if there is none, or it isn't regular.
pub fn open_for_reading(folder: impl AsFd, name: impl Arg) -> io::Result<File> {
    regular(openat(
        folder,
        name,
        OFlags::RDONLY | OFlags::NONBLOCK | BASE,
        Mode::empty(),
    ))
}

/// Opens the file at `path` for reading, following links. The caller knows that it is a regular file.
///
/// # Errors
///
/// Fails if it can't be opened.
pub fn open_for_reading_through_links(path: &Path) -> io::Result<File> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    Ok(rustix::fs::open(path, flags, Mode::empty())?.into())
}

/// Creates the file `name` in a folder.
///
/// # Errors
///
/// Fails if it exists or can't be created.
pub fn new(folder: impl AsFd, name: impl Arg) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | BASE;
    Ok(openat(folder, name, flags, PRIVATE)?.into())
}

/// Opens the file `name` in a folder for writing and empties it. Creates it if missing.
///
/// # Errors
///
/// Fails if it can't be opened.
pub fn open_for_writing(folder: impl AsFd, name: impl Arg) -> io::Result<File> {
    // A FIFO in its place has no reader, and opening must not wait for one.
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NONBLOCK | BASE;
    Ok(openat(folder, name, flags, PRIVATE)?.into())
}

/// Opens the file `name` in a folder without changing it. Creates it if missing.
///
/// # Errors
///
/// Fails if it can't be opened.
pub fn open_unchanged(folder: impl AsFd, name: impl Arg) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::NONBLOCK | BASE;
    Ok(openat(folder, name, flags, PRIVATE)?.into())
}

/// Opens the regular file `name` in a folder for reading and writing. Creates it if missing.
///
/// # Errors
///
/// Fails if it can't be opened or isn't regular.
pub fn open_for_changing(folder: impl AsFd, name: impl Arg) -> io::Result<File> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NONBLOCK | BASE;
    regular(openat(folder, name, flags, PRIVATE))
}

/// Opens the regular file `name` in a folder for appending. Creates it if missing.
///
/// # Errors
///
/// Fails like [`open_for_changing`].
pub fn open_for_appending(folder: impl AsFd, name: impl Arg) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::NONBLOCK | BASE;
    regular(openat(folder, name, flags, PRIVATE))
}

/// Returns the path of an open file; `None` if the system doesn't report it.
pub fn path_of(file: impl AsFd) -> Option<PathBuf> {
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd as _;
        let number = file.as_fd().as_raw_fd();
        std::fs::read_link(format!("/proc/self/fd/{number}")).ok()
    }
    #[cfg(target_os = "macos")]
    {
        use std::os::unix::ffi::OsStringExt as _;
        let path = rustix::fs::getpath(file).ok()?;
        Some(std::ffi::OsString::from_vec(path.into_bytes()).into())
    }
    #[cfg(not(any(target_os = "linux", target_os = "macos")))]
    {
        let _ = file;
        None
    }
}

/// Whether both paths lead to the same file or folder, through links or in another case on a case-insensitive file
/// system. Paths to nothing are compared as text.
pub fn is_same(one: &Path, other: &Path) -> bool {
    one == other || FileId::of(one).is_some_and(|id| FileId::of(other) == Some(id))
}

/// Whether `path` is this folder or below it, however both are spelled.
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

    /// Simulates a case-insensitive file system by a link in another case.
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
    fn each_way_to_open_has_its_mode() {
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
