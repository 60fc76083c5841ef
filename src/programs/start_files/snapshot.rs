//! The client's snapshot of the user's shell: functions, aliases and the `PATH`, as they were at the session's start.

use std::fs;
use std::path::PathBuf;

use crate::folders;
use crate::shell::word::unquote;

/// Maximum number of snapshots that are examined.
const MAX_SNAPSHOTS: usize = 10_000;

/// The texts before and after a bash function in base64, as snapshots of older clients contain it (seen in 2.1.20 to
/// 2.1.200).
const ENCODED: (&str, &str) = ("$(echo '", "' | base64 -d)");

/// Returns the newest snapshot, `snapshot-bash-1790000000000-x1y2z3.sh`. It is this session's, or one from the same start
/// files.
pub(super) fn newest() -> Option<PathBuf> {
    let folder = folders::claude_dir()?.join("shell-snapshots");
    let entries = fs::read_dir(folder).ok()?.take(MAX_SNAPSHOTS).flatten();
    let dated = entries.filter_map(|entry| {
        let time = entry.metadata().ok()?.modified().ok()?;
        let is_one = entry.file_name().to_string_lossy().starts_with("snapshot-");
        is_one.then(|| (time, entry.path()))
    });
    Some(dated.max()?.1)
}

/// Returns the value of the last `export PATH=…`.
pub(super) fn path_of(snapshot: &str) -> Option<String> {
    let mut lines = snapshot.lines().rev();
    let value = lines.find_map(|line| line.strip_prefix("export PATH="))?;
    (!value.contains('$')).then(|| unquote(value))
}

/// Decodes the functions that a snapshot contains in base64.
pub(super) fn decoded(snapshot: &str) -> String {
    let (start, end) = ENCODED;
    let parts = snapshot.split(start).skip(1);
    let texts = parts.filter_map(|part| Some(from_base64(part.split_once(end)?.0)));
    texts.collect::<Vec<_>>().join("\n")
}

/// Decodes base64 (RFC 4648) up to the first invalid byte, ignoring white space.
fn from_base64(text: &str) -> String {
    let digits = text.bytes().filter(|byte| !byte.is_ascii_whitespace());
    let digits = digits.map_while(|byte| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    });
    let digits: Vec<u8> = digits.collect();
    let mut bytes = Vec::with_capacity(digits.len());
    for four in digits.chunks(4) {
        let whole = four
            .iter()
            .chain([&0; 4])
            .take(4)
            .fold(0_u32, |whole, digit| whole << 6 | u32::from(*digit));
        let [_, three @ ..] = whole.to_be_bytes();
        bytes.extend(three.iter().take(four.len().saturating_sub(1)));
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_read() {
        for (text, path) in [
            ("export PATH=/a:/b\n", Some("/a:/b")),
            ("export PATH='/a b:/c'\n", Some("/a b:/c")),
            ("export PATH=/a\\ b\n", Some("/a b")),
            ("export PATH=\"$PATH:/x\"\n", None),
            ("", None),
        ] {
            assert_eq!(path_of(text).as_deref(), path, "{text}");
        }
    }

    #[test]
    fn base64_is_decoded() {
        for (text, expected) in [
            (
                "dGFpbCAoKSAKeyAKICAgIGNhdAp9Cg==",
                "tail () \n{ \n    cat\n}\n",
            ),
            (
                "dGFpbCAoKSAK\neyAKICAgIGNhdAp9Cg==",
                "tail () \n{ \n    cat\n}\n",
            ),
            ("YWI=", "ab"),
            ("YWJj", "abc"),
            ("", ""),
        ] {
            let line = format!("eval \"$(echo '{text}' | base64 -d)\" > /dev/null 2>&1\n");
            assert_eq!(decoded(&line), expected);
        }
        assert_eq!(decoded("echo '$(echo '"), "");
    }
}
