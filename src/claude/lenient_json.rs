//! Reads as much of a settings file as possible where a strict parser fails and the client's `JSON.parse` doesn't.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::Value;
use serde_json::value::RawValue;

/// Maximum depth; rules are at depth three. Each level is parsed again, so deeper values count as `null`.
const MAX_DEPTH: usize = 6;

/// Returns the settings in `text`, which must be syntactically valid JSON. A number out of range becomes `null`, and a
/// lone surrogate a replacement character.
pub(super) fn settings(text: &str) -> Value {
    let text = without_lone_surrogates(text);
    serde_json::from_str(&text).map_or(Value::Null, |raw| value(raw, MAX_DEPTH))
}

fn value(raw: &RawValue, depth: usize) -> Value {
    let text = raw.get();
    let Some(below) = depth.checked_sub(1) else {
        return Value::Null;
    };
    if let Ok(entries) = serde_json::from_str::<BTreeMap<String, &RawValue>>(text) {
        let entries = entries.into_iter();
        return entries
            .map(|(name, raw)| (name, value(raw, below)))
            .collect();
    }
    if let Ok(items) = serde_json::from_str::<Vec<&RawValue>>(text) {
        return items.into_iter().map(|raw| value(raw, below)).collect();
    }
    serde_json::from_str(text).unwrap_or_default()
}

/// Replaces each escaped lone surrogate by `\ufffd`.
fn without_lone_surrogates(text: &str) -> Cow<'_, str> {
    const REPLACEMENT: &str = "\\ufffd";
    let (mut sound, mut copied) = (String::new(), 0);
    let mut at = 0;
    while let Some(found) = memchr::memchr(b'\\', &text.as_bytes()[at..]) {
        let start = at + found;
        let unit = |start: usize| {
            let digits = text.get(start..start + 6)?.strip_prefix("\\u")?;
            u16::from_str_radix(digits, 16).ok()
        };
        let end = match unit(start) {
            Some(0xd800..=0xdbff) if matches!(unit(start + 6), Some(0xdc00..=0xdfff)) => start + 12,
            Some(0xd800..=0xdfff) => {
                sound.push_str(&text[copied..start]);
                sound.push_str(REPLACEMENT);
                copied = start + 6;
                copied
            }
            _ => start + 2,
        };
        at = end.min(text.len());
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    sound.push_str(&text[copied..]);
    Cow::Owned(sound)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_beside_an_unusual_one_are_read() {
        let nested = format!("{}{}", "[".repeat(600), "]".repeat(600));
        for odd in [
            r#""\ud83d""#,
            "1e999",
            "-1e999",
            &nested,
            r#"{"\udc00": 1}"#,
        ] {
            let text =
                format!(r#"{{"note": {odd}, "permissions": {{"deny": ["Bash(\u0061)", {odd}]}}}}"#);
            assert_eq!(serde_json::from_str::<Value>(&text).ok(), None, "{odd}");
            let found = settings(&text);
            let deny = &found["permissions"]["deny"];
            assert_eq!(deny[0], json!("Bash(a)"), "{odd}");
        }
    }

    #[test]
    fn the_last_of_duplicate_keys_counts() {
        let found = settings(r#"{"a": 1e999, "b": {"c": 1}, "b": [2]}"#);
        assert_eq!(found, json!({"a": null, "b": [2]}));
    }

    #[test]
    fn only_lone_surrogates_are_replaced() {
        for (text, expected) in [
            (r"\ud83d", r"\ufffd"),
            (r"a\udc00\ud83db", r"a\ufffd\ufffdb"),
            (r"\ud83d\ude00", r"\ud83d\ude00"),
            (r"\ud83d\ud83d\ude00", r"\ufffd\ud83d\ude00"),
            (r"\\ud83d", r"\\ud83d"),
            (r"\u0042\n", r"\u0042\n"),
            (r"ä\ud83dß", r"ä\ufffdß"),
            (r"\ud83", r"\ud83"),
            ("\\ä", "\\ä"),
        ] {
            assert_eq!(without_lone_surrogates(text), expected, "{text}");
        }
    }
}
