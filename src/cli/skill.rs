//! Writes and removes the folder with the skill and the view for `install` and `uninstall`, and reports that.

use std::path::Path;

use super::print;
use crate::config::Mode;
use crate::install::skill::{SkillFolder, SkillState};

/// Writes the folder, or explains why it stays unchanged. A failure doesn't stop the rest of the installation.
pub(super) fn install(program: &Path, mode: Mode) {
    let Some(folder) = SkillFolder::new(program) else {
        return;
    };
    let path = folder.path().display();
    let state = match mode {
        Mode::Dry => folder.state(),
        Mode::Real => match folder.write() {
            Ok(state) => state,
            Err(error) => {
                print::warning(format_args!(
                    "the skill and the view aren't installed: {error:#}"
                ));
                return;
            }
        },
    };
    match (state, mode) {
        (SkillState::Missing | SkillState::Outdated, Mode::Dry) => {
            print::line(format_args!(
                "The skill and the view would be written to {path}"
            ));
        }
        (SkillState::Missing | SkillState::Outdated, Mode::Real) => {
            print::line(format_args!(
                "The skill and the view (Claude Code 2.1.286 and newer) are in {path}"
            ));
        }
        (SkillState::Current, _) => {
            print::line(format_args!("The skill and the view are already in {path}"));
        }
        (SkillState::Changed(_), _) => print::line(format_args!(
            "{path} was changed since bg-run wrote it; left unchanged. Move it away and run `bg-run install` again for this version's"
        )),
        (SkillState::Foreign, _) => print::line(format_args!(
            "bg-run didn't create {path}; left unchanged, so the skill and the view aren't installed"
        )),
    }
}

/// Removes the folder if bg-run wrote it and nobody has changed it since.
pub(super) fn remove(program: &Path, mode: Mode) {
    let Some(folder) = SkillFolder::new(program) else {
        return;
    };
    let path = folder.path().display();
    let state = match mode {
        Mode::Dry => folder.state(),
        Mode::Real => match folder.remove() {
            Ok(state) => state,
            Err(error) => {
                print::warning(format_args!("{error:#}"));
                return;
            }
        },
    };
    match (state, mode) {
        (SkillState::Current | SkillState::Outdated, Mode::Dry) => {
            print::line(format_args!("{path} would be removed"));
        }
        (SkillState::Current | SkillState::Outdated, Mode::Real) if folder.path().exists() => {
            print::line(format_args!("{path} contains other files, so it stays"));
        }
        (SkillState::Current | SkillState::Outdated, Mode::Real) => {
            print::line(format_args!("{path} is removed"));
        }
        (SkillState::Changed(files), _) => {
            let files: Vec<String> = files
                .iter()
                .map(|file| file.display().to_string())
                .collect();
            print::line(format_args!(
                "{path} stays: changed since bg-run wrote it: {}",
                files.join(", ")
            ));
        }
        (SkillState::Foreign, _) => {
            print::line(format_args!("bg-run didn't create {path}, so it stays"));
        }
        (SkillState::Missing, _) => {}
    }
}
