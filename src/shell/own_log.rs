//! The log that a command writes itself: `> train.log 2>&1`, `&> log`, `>> log`, `| tee log`. The task's own output is
//! empty then or shows the same text, so the log is the file to open.

use super::{Script, SimpleCommand, Sink, Stage, Word, directory};

/// Returns the logs of the simple commands at the indices `targets`, in their order: absolute paths, paths with a
/// leading `~/`, or paths relative to the script's initial folder. A log whose name is known only at run time is
/// skipped.
pub fn own_logs(script: &Script, targets: &[usize]) -> Vec<String> {
    let mut logs = Vec::new();
    for command in targets
        .iter()
        .filter_map(|&at| script.simple_commands.get(at))
    {
        let log = follow(script, command.stdout, 0);
        if let Some(log) = log.filter(|log| !logs.contains(log)) {
            logs.push(log);
        }
    }
    logs
}

/// Returns the logs of [`own_logs`] that also contain standard error.
pub fn logs_with_stderr(script: &Script, targets: &[usize]) -> Vec<String> {
    let commands = targets
        .iter()
        .filter_map(|&at| script.simple_commands.get(at));
    let log = |command: &SimpleCommand| {
        let log = follow(script, command.stdout, 0)?;
        (follow(script, command.stderr, 0).as_ref() == Some(&log)).then_some(log)
    };
    commands.filter_map(log).collect()
}

/// Maximum nesting of pipelines, which the parser already limits.
const MAX_STEPS: usize = 200;

fn follow(script: &Script, sink: Sink, steps: usize) -> Option<String> {
    match sink {
        Sink::File(at) => {
            let file = script.output_files.get(at)?;
            path(
                script,
                &super::word::unquote(&file.raw),
                &file.raw,
                file.directory,
            )
        }
        Sink::Pipe { pipeline, stage } if steps < MAX_STEPS => {
            let pipeline = script.pipelines.get(pipeline)?;
            let mut later = pipeline.stages.get(stage + 1..)?.iter();
            let simple = |stage: &Stage| script.simple_commands.get(stage.simple_command?);
            let tee = later
                .clone()
                .filter_map(simple)
                .find_map(|command| tee_file(script, command));
            tee.or_else(|| {
                let last = later.next_back();
                let last = last
                    .and_then(simple)
                    .map_or(pipeline.context.stdout, |last| last.stdout);
                follow(script, last, steps + 1)
            })
        }
        _ => None,
    }
}

/// Returns the first file that `tee` writes.
fn tee_file(script: &Script, command: &SimpleCommand) -> Option<String> {
    if command.program().as_deref() != Some("tee") {
        return None;
    }
    let file = command
        .words
        .iter()
        .skip(1)
        .find(|word| !word.raw.starts_with('-'))?;
    path(
        script,
        &Word::text(file),
        &file.raw,
        command.context.directory,
    )
}

fn path(script: &Script, text: &str, raw: &str, at: Option<usize>) -> Option<String> {
    let quoted_tilde = text.starts_with('~') && !raw.starts_with('~');
    if !directory::is_literal(text) || quoted_tilde || text.starts_with("/dev/") {
        return None;
    }
    if text.starts_with(['/', '~']) {
        return Some(text.to_owned());
    }
    Some(directory::join(script.directories.get(at?)?, text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn logs(source: &str) -> String {
        let script = crate::shell::parse(source).expect(source);
        let targets: Vec<usize> = (0..script.simple_commands.len())
            .filter(|&at| script.simple_commands[at].program().as_deref() == Some("pytest"))
            .collect();
        own_logs(&script, &targets).join(" ")
    }

    #[test]
    fn a_log_without_the_errors_is_not_whole() {
        for (source, expected) in [
            ("pytest > log", None),
            ("pytest > log 2>&1", Some("log")),
            ("pytest &> log", Some("log")),
            ("pytest > log 2> log", Some("log")),
            ("pytest > log 2> errors", None),
            ("pytest 2>&1 > log", None),
            ("pytest | tee log", None),
            ("pytest 2>&1 | tee log", Some("log")),
            ("pytest |& tee log", Some("log")),
            ("{ make; pytest; } > log 2>&1", Some("log")),
            ("{ make; pytest; } > log", None),
            ("(pytest) 2>&1 | tee log", Some("log")),
        ] {
            let script = crate::shell::parse(source).expect(source);
            let targets: Vec<usize> = (0..script.simple_commands.len())
                .filter(|&at| script.simple_commands[at].program().as_deref() == Some("pytest"))
                .collect();
            let logs = logs_with_stderr(&script, &targets);
            assert_eq!(logs.first().map(String::as_str), expected, "{source}");
        }
    }

    #[test]
    fn a_command_s_own_log_is_found() {
        for (source, expected) in [
            ("pytest", ""),
            ("pytest > log 2>&1", "log"),
            ("pytest 2>&1 > log", "log"),
            ("pytest &> log", "log"),
            ("pytest >& log", "log"),
            ("pytest &>> log", "log"),
            ("pytest >> 'my log'", "my log"),
            ("pytest >| log", "log"),
            ("pytest 2> log", ""),
            ("pytest > /dev/null 2>&1", ""),
            ("pytest >&2", ""),
            ("pytest > /tmp/x.log", "/tmp/x.log"),
            ("pytest > ~/x.log", "~/x.log"),
            ("pytest > '~/x.log'", ""),
            ("pytest > \"$LOG\"", ""),
            ("pytest > log_{a,b}", ""),
            ("pytest | tee log", "log"),
            ("pytest 2>&1 | tee -a log", "log"),
            ("pytest | grep x | tee log | tail -3", "log"),
            ("pytest | grep x > log", "log"),
            ("pytest | tee \"$LOG\"", ""),
            ("pytest | tee", ""),
            ("cd sub && pytest > log 2>&1", "sub/log"),
            ("(cd sub && pytest | tee log)", "sub/log"),
            ("cd sub && { make; pytest; } > log", "sub/log"),
            ("{ cd sub; pytest; } > log", "log"),
            ("cd $X && pytest > log", ""),
            ("cd $X && pytest > /tmp/log", "/tmp/log"),
            ("for i in 1 2; do pytest; done > log 2>&1", "log"),
            ("(pytest; make) | tee log", "log"),
            ("pytest > a; pytest > b; pytest > a", "a b"),
            ("make > log; pytest", ""),
            ("exec > log; pytest", ""),
        ] {
            assert_eq!(logs(source), expected, "{source}");
        }
    }
}
