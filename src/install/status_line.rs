//! The settings' `statusLine`, in which Claude Code shows the output of `bg-run statusline`.

use std::path::Path;

use anyhow::{Context as _, Result};
use jsonc_parser::cst::{CstObjectProp, CstRootNode};
use jsonc_parser::json;
use serde_json::Value;

use super::file::wrong_shape;

const NAME: &str = "statusLine";

/// Seconds between two runs while nothing else happens.
const REFRESH: u32 = 5;

/// Returns the shell command that prints the line; `None` if the path isn't UTF-8.
pub fn command(program: &Path) -> Option<String> {
    let program = program.to_str()?;
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._+-".contains(c);
    let word = if program.chars().all(is_plain) {
        program.to_owned()
    } else {
        format!("'{}'", program.replace('\'', r"'\''"))
    };
    Some(format!("{word} statusline"))
}

/// Returns the command of the status line in `settings`; `None` if none is set.
pub fn command_in(settings: &Value) -> Option<&str> {
    settings.get(NAME)?.get("command")?.as_str()
}

/// Sets `wanted` if there is no status line and `adds` is true, and updates `ours` from an earlier installation.
/// Returns bg-run's current command.
pub(super) fn add(
    (path, text): (&Path, &str),
    root: &CstRootNode,
    (wanted, adds): (&str, bool),
    ours: Option<&str>,
) -> Result<Option<String>> {
    let settings = root.object_value_or_create();
    let settings = settings.with_context(|| wrong_shape(path, text, &[], "an object"))?;
    let value = || json!({"type": "command", "command": wanted, "refreshInterval": REFRESH});
    match settings.get(NAME) {
        Some(set) if is_ours(&set, ours) => {
            if ours != Some(wanted) {
                set.set_value(value());
            }
        }
        None if adds => {
            settings.append(NAME, value());
        }
        _ => return Ok(None),
    }
    Ok(Some(wanted.to_owned()))
}

/// Removes the command if it is still bg-run's.
pub(super) fn take_out(root: &CstRootNode, ours: Option<&str>) {
    let set = root.object_value().and_then(|settings| settings.get(NAME));
    if let Some(set) = set.filter(|set| is_ours(set, ours)) {
        set.remove();
    }
}

fn is_ours(set: &CstObjectProp, ours: Option<&str>) -> bool {
    let value = set.value().and_then(|value| value.to_serde_value());
    let command = value.as_ref().and_then(|value| value.get("command"));
    ours.is_some() && command.and_then(Value::as_str) == ours
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_finds_the_program() {
        for (path, is) in [
            ("/usr/local/bin/bg-run", "/usr/local/bin/bg-run statusline"),
            (
                "/home/me/my tools/bg-run",
                "'/home/me/my tools/bg-run' statusline",
            ),
            (
                "/home/o'neil/bg-run",
                r"'/home/o'\''neil/bg-run' statusline",
            ),
        ] {
            assert_eq!(command(Path::new(path)).as_deref(), Some(is));
        }
    }
}
