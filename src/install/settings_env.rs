//! The values that `install` sets in the settings' `env`: the limit, `PYTHONUNBUFFERED`, and the variable that keeps tasks
//! when memory is short.

use std::path::Path;

use anyhow::{Context as _, Result};
use jsonc_parser::cst::{CstInputValue, CstObject, CstRootNode};

use super::file::wrong_shape;
use super::file_change::EnvValues;
use crate::environment::{AUTO_BACKGROUND, NO_PRESSURE_REAP, PYTHON_UNBUFFERED};

/// Returns the values that an installation sets. `limit` is in seconds; `None` sets no limit. `keeps_tasks` keeps the
/// client from stopping tasks when memory is short.
pub fn wanted(limit: Option<u64>, keeps_tasks: bool) -> EnvValues {
    let mut values = EnvValues::new();
    values.insert(PYTHON_UNBUFFERED.to_owned(), "1".to_owned());
    if keeps_tasks {
        values.insert(NO_PRESSURE_REAP.to_owned(), "1".to_owned());
    }
    if let Some(seconds) = limit {
        values.insert(AUTO_BACKGROUND.to_owned(), (seconds * 1000).to_string());
    }
    values
}

/// Adds `wanted` and returns bg-run's values. Other people's values stay. Values in `ours`, from an earlier installation,
/// are removed unless they are still wanted.
pub(super) fn add(
    path: &Path,
    text: &str,
    root: &CstRootNode,
    wanted: &EnvValues,
    ours: &EnvValues,
) -> Result<EnvValues> {
    if wanted.is_empty() && ours.is_empty() {
        return Ok(EnvValues::new());
    }
    let settings = root.object_value_or_create();
    let settings = settings.with_context(|| wrong_shape(path, text, &[], "an object"))?;
    let env = settings
        .object_value_or_create("env")
        .with_context(|| wrong_shape(path, text, &["env"], "an object"))?;
    remove(&env, ours);
    let mut put = EnvValues::new();
    for (name, value) in wanted {
        if env.get(name).is_none() {
            env.append(name, CstInputValue::String(value.clone()));
            put.insert(name.clone(), value.clone());
        }
    }
    Ok(put)
}

/// Removes `ours`, bg-run's values, if they are unchanged, and an empty `env` if `made` says that there was none.
pub(super) fn take_out(root: &CstRootNode, ours: &EnvValues, made: bool) {
    let property = root.object_value().and_then(|settings| settings.get("env"));
    let Some(property) = property else { return };
    let Some(env) = property.object_value() else {
        return;
    };
    let removed = remove(&env, ours);
    if removed && made && env.properties().is_empty() {
        property.remove();
    }
}

fn remove(env: &CstObject, ours: &EnvValues) -> bool {
    let mut removed = false;
    for (name, value) in ours {
        let Some(property) = env.get(name) else {
            continue;
        };
        let now = property.value().and_then(|value| value.to_serde_value());
        if now == Some(serde_json::Value::from(value.as_str())) {
            property.remove();
            removed = true;
        }
    }
    removed
}
