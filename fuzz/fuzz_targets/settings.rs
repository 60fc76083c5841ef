//! Any text as a settings.json: an installation keeps everything of others, and an uninstallation restores the exact
//! text.
//!
//! `cargo +nightly fuzz run settings -- -timeout=5`

#![no_main]

use std::path::Path;
use std::sync::LazyLock;

use bg_run::install::{SettingsChange, Registration};
use libfuzzer_sys::fuzz_target;

static FOLDER: LazyLock<tempfile::TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));

fuzz_target!(|text: &str| {
    let path = FOLDER.path().join("settings.json");
    std::fs::write(&path, text).expect("it can be written");
    let program = Path::new("/opt/bg-run");
    let values = bg_run::install::Values::new();
    let wanted = Registration {
        program: Some(program),
        env: &values,
        status_line: Some("/opt/bg-run statusline"),
        adds_status_line: true,
    };
    let Ok(change) = SettingsChange::Install(wanted).plan(&path) else { return };
    let after = change.after.expect("an install leaves a file");
    std::fs::write(&path, &after).expect("it can be written");
    // A second installation changes nothing.
    let again = SettingsChange::Install(wanted).plan(&path).expect("it is a settings file");
    assert_eq!(again.after.as_deref(), Some(after.as_str()), "{text:?}");
    let back = SettingsChange::Uninstall(program).plan(&path).expect("it is a settings file");
    let back = back.after.expect("nobody noted that there was none");
    let value = |text: &str| -> Option<serde_json::Value> {
        let options = Default::default();
        jsonc_parser::parse_to_serde_value(text.trim_start_matches('\u{feff}'), &options).ok()
    };
    let Some(mut before) = value(text) else { return };
    // An empty file counts as empty settings.
    if before.is_null() {
        before = serde_json::json!({});
    }
    let mut back = value(&back).expect("it parses");
    for settings in [&mut before, &mut back] {
        without_ours(settings);
    }
    assert_eq!(before, back, "{text:?}");
});

/// Removes our earlier hooks and empty objects.
fn without_ours(settings: &mut serde_json::Value) {
    let Some(hooks) = settings.get_mut("hooks").and_then(|hooks| hooks.as_object_mut()) else { return };
    for entries in hooks.values_mut().filter_map(|entries| entries.as_array_mut()) {
        entries.retain_mut(|entry| {
            let Some(hooks) = entry.get_mut("hooks").and_then(|hooks| hooks.as_array_mut()) else { return true };
            let before = hooks.len();
            hooks.retain(|hook| !hook.to_string().contains("bg-run"));
            before == 0 || before == hooks.len() || !hooks.is_empty()
        });
    }
    hooks.retain(|_, entries| entries.as_array().is_none_or(|entries| !entries.is_empty()));
    if hooks.is_empty() {
        settings.as_object_mut().map(|settings| settings.remove("hooks"));
    }
}
