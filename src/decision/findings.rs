//! Results of the rules for each simple command of a script.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::path::Path;

use crate::foreground_limit::LIMIT;
use crate::history::long_or_all;
use crate::programs::{CommandForm, CommandForms, is_quick};
use crate::rules::{Action, Layer, Rule, Rules};
use crate::shell::{self, Script, SimpleCommand, Word, logs_with_stderr};
use crate::text::{MAX_COMMAND_LENGTH, one_line};

/// Results of the rules for all simple commands.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// The forms of each simple command.
    pub forms: Vec<CommandForms>,
    /// Indices of the long-running simple commands.
    pub long: Vec<usize>,
    /// The first rule that requests the background.
    pub background: Option<Match>,
    /// The first rule that requests the foreground.
    pub foreground: Option<Match>,
    /// The reason why a command that matches a background rule stays in the foreground.
    pub short: Option<&'static str>,
}

/// A rule that matched.
#[derive(Debug)]
pub(super) struct Match {
    /// The rule's name.
    pub rule: String,
    /// Whether the user or the project defined or changed it.
    pub is_own: bool,
    /// Whether the command never ends by itself.
    pub endless: bool,
    /// The reason, as shown to the user.
    pub reason: String,
}

impl Match {
    fn by(rule: &Rule, form: &CommandForm) -> Self {
        let text = one_line(&form.full.text, MAX_COMMAND_LENGTH);
        let reason = match &*rule.reason {
            "" => String::new(),
            reason => format!(" ({reason})"),
        };
        Self {
            rule: rule.name.clone().into_owned(),
            endless: rule.endless,
            is_own: rule.layer != Layer::BuiltIn,
            reason: format!("rule {} matches `{text}`{reason}", rule.name),
        }
    }
}

impl Findings {
    /// Matches every simple command against the rules.
    pub(super) fn of(script: &Script, rules: &Rules) -> Self {
        let mut findings = Self::default();
        let waits = script
            .simple_commands
            .iter()
            .any(|command| command.program().as_deref() == Some("wait"));
        let all_forms = CommandForms::of_all(script, &rules.wrappers);
        for ((index, command), forms) in script.simple_commands.iter().enumerate().zip(&all_forms) {
            let Some((rule, form)) = rules.winner(forms) else {
                continue;
            };
            if rule.action == Action::Foreground {
                findings
                    .foreground
                    .get_or_insert_with(|| Match::by(rule, form));
            } else if forms.detached {
                findings.short = Some("it detaches itself and returns at once");
            } else if command.context.asynchronous && !waits {
                findings.short = Some("`&` already sends the long command to the background");
            } else if forms.time_limit.is_some_and(|limit| limit <= LIMIT) {
                findings.short = Some("its own time limit ends it within 30 s");
            } else if command.context.function.is_some() && !is_called(script, index) {
                findings.short = Some("the long command is in a function that isn't called");
            } else {
                findings.long.push(index);
                let by_user = findings
                    .background
                    .as_ref()
                    .is_some_and(|found| found.is_own);
                if !by_user && (rule.layer != Layer::BuiltIn || findings.background.is_none()) {
                    findings.background = Some(Match::by(rule, form));
                }
            }
        }
        findings.forms = all_forms;
        findings
    }

    /// Returns the first foreground rule if each long command matches one, for example `./run --help`. Call it
    /// only for scripts that no background rule matched.
    pub(super) fn foreground_rule(&self, rules: &Rules) -> Option<Match> {
        let unknown = long_or_all(&self.forms, &self.long);
        let forms = unknown.iter().filter_map(|index| self.forms.get(*index));
        let mut found = forms.map(|forms| rules.first(Action::Foreground, forms));
        let (rule, form) = found.next()??;
        found
            .all(|found| found.is_some())
            .then(|| Match::by(rule, form))
    }

    /// Returns the commands to edit: the long ones and those with a marker, or if there are none, all that aren't
    /// quick.
    pub(super) fn targets(&self, script: &Script, marked: &[usize]) -> Vec<usize> {
        let ends_at_once = |index: &usize| {
            let command = script.simple_commands.get(*index);
            let program = command.and_then(SimpleCommand::program_word);
            match program.as_deref() {
                None => true,
                // A rewrite puts `stdbuf` in front of quick programs.
                Some("stdbuf") => command.is_some_and(|command| {
                    let inner = command.words.iter().skip(1).map(Word::text);
                    let mut inner = inner.filter(|word| !word.starts_with('-'));
                    inner.next().is_none_or(|word| is_quick(&word))
                }),
                Some(program) => is_quick(program),
            }
        };
        let named = self.long.iter().chain(marked).copied();
        let mut targets: BTreeSet<usize> = named.filter(|index| !ends_at_once(index)).collect();
        if targets.is_empty() && self.long.is_empty() {
            targets.extend((0..script.simple_commands.len()).filter(|index| !ends_at_once(index)));
        }
        targets.into_iter().collect()
    }
}

/// Returns a script's main command: the last one that isn't quick.
pub fn main_command(script: &Script) -> Option<&SimpleCommand> {
    let targets = Findings::default().targets(script, &[]);
    let commands = targets
        .iter()
        .rev()
        .filter_map(|&at| script.simple_commands.get(at));
    let mut commands = commands.filter(|command| command.context.editable);
    commands.next()
}

/// Returns the first log that a command of the script, quick ones excepted, writes itself. It must be text and contain
/// standard error.
pub fn own_log(script: &Script) -> Option<String> {
    let mut targets = Findings::default().targets(script, &[]);
    targets.retain(|&at| {
        let command = script.simple_commands.get(at);
        command.is_some_and(|command| CommandForms::of(command, &[]).prints_data().is_none())
    });
    let mut logs = logs_with_stderr(script, &targets).into_iter();
    logs.find(|log| is_text(Path::new(log)))
}

/// Endings of the names of text files. Any other file may contain data.
const TEXTS: &[&str] = &[
    "log", "txt", "out", "output", "err", "error", "stdout", "stderr", "text", "trace", "report",
    "md",
];

/// Whether the name has a text file's ending; `train.log.1` has one too.
fn is_text(file: &Path) -> bool {
    let ending = file.extension().and_then(OsStr::to_str);
    match ending {
        None => true,
        Some(number) if number.bytes().all(|byte| byte.is_ascii_digit()) => file
            .file_stem()
            .is_some_and(|stem| is_text(Path::new(stem))),
        Some(ending) => TEXTS.contains(&ending.to_lowercase().as_str()),
    }
}

/// Returns the program whose exit status hides the status of the script's own commands, quick ones excepted.
pub fn status_of(script: &Script) -> Option<String> {
    let targets = Findings::default().targets(script, &[]);
    shell::status_of(script, &targets)
}

/// Whether the script calls the function around the command at `index`. A definition alone runs nothing.
fn is_called(script: &Script, index: usize) -> bool {
    let name = script
        .simple_commands
        .get(index)
        .and_then(|command| command.context.function);
    let name = name.and_then(|at| script.functions.get(at));
    name.is_some_and(|name| {
        script
            .simple_commands
            .iter()
            .any(|command| command.program().as_ref() == Some(name))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_text_with_the_errors_in_it_is_a_log() {
        for (source, log) in [
            ("python train.py > train.log 2>&1", Some("train.log")),
            ("make &> build", Some("build")),
            ("make 2>&1 | tee build.log.1", Some("build.log.1")),
            ("python train.py | tee train.log", None),
            ("docker save app > app.tar 2>&1", None),
            ("docker save app > app 2>&1", None),
            ("mysqldump db | gzip > d.sql.gz", None),
            ("samtools sort a.bam > out.bam 2>&1", None),
            ("pg_dump db &> backup.sql", None),
            ("pg_dump db &> backup.txt", None),
            ("curl -v https://x.org/y > y.iso 2>&1", None),
            ("jest --json &> r.json", None),
        ] {
            let script = shell::parse(source).unwrap();
            assert_eq!(own_log(&script).as_deref(), log, "{source}");
        }
    }
}
