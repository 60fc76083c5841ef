//! Types of the settings that make the client ignore the whole file if their value is wrong.

use serde_json::Value;

use crate::text;

/// A type of value that the client requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Type {
    Text,
    Flag,
    Number,
    PositiveInteger,
    List,
    Object,
    ObjectOrFlag,
    Choice(&'static [&'static str]),
}

impl Type {
    fn fits(self, value: &Value) -> bool {
        match self {
            Self::Text => value.is_string(),
            Self::Flag => value.is_boolean(),
            Self::Number => value.is_number(),
            Self::PositiveInteger => value
                .as_f64()
                .is_some_and(|number| number >= 1.0 && number.fract() == 0.0),
            Self::List => value.is_array(),
            Self::Object => value.is_object(),
            Self::ObjectOrFlag => value.is_object() || value.is_boolean(),
            Self::Choice(words) => value.as_str().is_some_and(|text| words.contains(&text)),
        }
    }

    fn description(self) -> String {
        match self {
            Self::Text => "a text in quotes".to_owned(),
            Self::Flag => "true or false, without quotes".to_owned(),
            Self::Number => "a number, without quotes".to_owned(),
            Self::PositiveInteger => "a whole number, 1 or greater, without quotes".to_owned(),
            Self::List => "a list: [ … ]".to_owned(),
            Self::Object => "an object: { … }".to_owned(),
            Self::ObjectOrFlag => "an object: { … }, true or false".to_owned(),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
        }
    }
}

/// The settings by type, measured with one wrong value each: on 2.1.332 all of them, on 2.1.200 those that it has, on
/// 2.1.20 the most common ones. A wrong value of any other setting leaves the rest in force.
const TYPES: &[(Type, &[&str])] = &[
    (
        Type::Text,
        &[
            "$schema",
            "apiKeyHelper",
            "proxyAuthHelper",
            "awsCredentialExport",
            "awsAuthRefresh",
            "gcpAuthRefresh",
            "processWrapper",
            "attributionProject",
            "model",
            "modelCatalogUrl",
            "modelCatalogPublicKey",
            "prUrlTemplate",
            "otelHeadersHelper",
            "outputStyle",
            "language",
        ],
    ),
    (
        Type::Flag,
        &[
            "respectGitignore",
            "syncClaudeAiSkills",
            "syncClaudeAiPlugins",
            "wslInheritsWindowsSettings",
            "includeCoAuthoredBy",
            "includeGitInstructions",
            "enforceAvailableModels",
            "enableAllProjectMcpServers",
            "disableClaudeAiConnectors",
            "disableBundledSkills",
            "disableDirectMcpSkills",
            "disableAllHooks",
            "disableReplyCheck",
            "disableAgentView",
            "disableRemoteControl",
            "disableWorkflows",
            "disableArtifact",
            "enableArtifact",
            "enableWorkflows",
            "workflowKeywordTriggerEnabled",
            "disableSkillShellExecution",
            "disableWindowsBashCommandSplit",
            "bashEditDiffEnabled",
            "respondToBashCommands",
            "allowManagedHooksOnly",
            "allowManagedPermissionRulesOnly",
            "allowManagedMcpServersOnly",
            "allowAllClaudeAiMcps",
            "allowClaudeInChromeWithManagedMcp",
            "disableCommandPluginSources",
            "disableSideloadFlags",
            "allowNestedModelAccessUnderForceLogin",
            "forceRemoteSettingsRefresh",
            "skipWebFetchPreflight",
            "spinnerTipsEnabled",
            "clawdFileProgressEnabled",
            "syntaxHighlightingDisabled",
            "terminalTitleFromRename",
            "alwaysThinkingEnabled",
            "fastMode",
            "fastModePerSessionOptIn",
            "promptSuggestionEnabled",
            "emojiCompletionEnabled",
        ],
    ),
    (
        Type::Number,
        &[
            "desktopSessionCleanupPeriodDays",
            "skillListingMaxDescChars",
            "skillListingBudgetFraction",
        ],
    ),
    (Type::PositiveInteger, &["cleanupPeriodDays"]),
    (
        Type::List,
        &[
            "permissions.allow",
            "permissions.ask",
            "permissions.deny",
            "permissions.additionalDirectories",
            "fallbackModel",
            "availableModels",
            "allowedHttpHookUrls",
            "httpHookAllowedEnvVars",
            "strictKnownMarketplaces",
            "blockedMarketplaces",
            "pluginSuggestionMarketplaces",
        ],
    ),
    (
        Type::Object,
        &[
            "env",
            "permissions",
            "fileSuggestion",
            "breakReminder",
            "quietHours",
            "modelOverrides",
            "skillOverrides",
            "worktree",
            "statusLine",
            "enabledPlugins",
            "sandbox",
            "spinnerVerbs",
        ],
    ),
    (Type::ObjectOrFlag, &["attribution"]),
    (
        Type::Choice(&[
            "acceptEdits",
            "auto",
            "bypassPermissions",
            "default",
            "delegate",
            "dontAsk",
            "manual",
            "plan",
        ]),
        &["permissions.defaultMode"],
    ),
    (
        Type::Choice(&["disable"]),
        &[
            "permissions.disableBypassPermissionsMode",
            "permissions.disableAutoMode",
        ],
    ),
];

/// The events whose hooks may guard permissions. One malformed entry makes the client ignore the whole file (measured:
/// 2.1.200, 2.1.332).
const GUARDING_EVENTS: &[&str] = &["PreToolUse", "PermissionRequest"];

/// The parts of a hook, and their types (measured: 2.1.332).
const HOOK_FIELDS: &[(&str, Type)] = &[
    ("timeout", Type::Number),
    ("args", Type::List),
    ("async", Type::Flag),
    ("once", Type::Flag),
    ("if", Type::Text),
    ("statusMessage", Type::Text),
];

/// The keys that lead to the value, the fault, and its fix.
type WrongType = (Vec<String>, String, String);

/// Returns the first value that makes the client ignore these settings.
pub(super) fn fault(settings: &Value) -> Option<WrongType> {
    if !settings.is_object() {
        let fix = "Write the settings between { and }.";
        return Some((Vec::new(), "no object".to_owned(), fix.to_owned()));
    }
    let rows = TYPES
        .iter()
        .flat_map(|(kind, names)| names.iter().map(move |name| (*kind, *name)));
    let mut wrong = rows.filter_map(|(kind, name)| {
        let keys: Vec<&str> = name.split('.').collect();
        let value = keys
            .iter()
            .try_fold(settings, |value, key| value.get(key))?;
        (!kind.fits(value)).then(|| wrong_type(&keys, value, &kind.description()))
    });
    wrong.next().or_else(|| guards(settings))
}

fn wrong_type(keys: &[&str], value: &Value, wanted: &str) -> WrongType {
    let shown = keys
        .iter()
        .fold(String::new(), |shown, key| match key.parse::<usize>() {
            Ok(index) => format!("{shown}[{index}]"),
            Err(_) if shown.is_empty() => (*key).to_owned(),
            Err(_) => format!("{shown}.{key}"),
        });
    (
        keys.iter().map(|key| (*key).to_owned()).collect(),
        format!("`{shown}` is {} instead of {wanted}", shown_value(value)),
        format!("Write {wanted}."),
    )
}

/// Maximum width of a value in a message, in columns.
const MAX_SHOWN: usize = 40;

fn shown_value(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        scalar => text::one_line(&scalar.to_string(), MAX_SHOWN),
    }
}

fn guards(settings: &Value) -> Option<WrongType> {
    let hooks = settings.get("hooks")?.as_object()?;
    GUARDING_EVENTS.iter().find_map(|event| {
        let entries = hooks.get(*event).filter(|entries| !entries.is_null())?;
        let Some(entries) = entries.as_array() else {
            return Some(wrong_type(
                &["hooks", event],
                entries,
                &Type::List.description(),
            ));
        };
        let mut entries = entries.iter().enumerate();
        entries.find_map(|(index, entry)| {
            let index = index.to_string();
            entry_fault(&["hooks", event, &index], entry)
        })
    })
}

fn entry_fault(keys: &[&str], entry: &Value) -> Option<WrongType> {
    let below = |more: &[&str], value: &Value, wanted: &str| {
        let keys: Vec<&str> = keys.iter().chain(more).copied().collect();
        Some(wrong_type(&keys, value, wanted))
    };
    let whole =
        "an object with `hooks`: {\"hooks\": [{\"type\": \"command\", \"command\": \"…\"}]}";
    if let Some(matcher) = entry.get("matcher").filter(|matcher| !matcher.is_string()) {
        return below(&["matcher"], matcher, &Type::Text.description());
    }
    let Some(hooks) = entry.get("hooks").and_then(Value::as_array) else {
        return below(&[], entry, whole);
    };
    hooks.iter().enumerate().find_map(|(index, hook)| {
        let index = index.to_string();
        let Some(kind) = hook.get("type").and_then(Value::as_str) else {
            return below(
                &["hooks", &index],
                hook,
                "an object with a `type`: \"command\"",
            );
        };
        if kind == "command" && !hook.get("command").is_some_and(Value::is_string) {
            return below(&["hooks", &index], hook, "a `command`, a text in quotes");
        }
        HOOK_FIELDS.iter().find_map(|(name, wanted)| {
            let value = hook.get(name).filter(|value| !wanted.fits(value))?;
            below(&["hooks", &index, name], value, &wanted.description())
        })
    })
}
