//! Programs that buffer their output unless it goes to a terminal, and ways to make them print line by line.
//!
//! A new program is one more row of the table. Any other program is assumed to print at once.

use std::fmt;

use super::options::has_option;
use super::tools::{Tools, Trial, TrialOutput};
use super::unwrap::CommandForms;

/// A way to make a program print line by line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LineBuffering {
    /// The first of these options that the program accepts, right after its name.
    Options(&'static [OptionTrial]),
    /// `stdbuf -oL` in front of it.
    Stdbuf,
    /// An option for mawk, or `stdbuf` for GNU awk.
    Awk,
    /// The program prints line by line, and so do the programs that it runs.
    Unneeded,
    /// There is no way, for this reason: the program waits for the end of its input, or no exact edit exists.
    Impossible(&'static str),
}

/// An option, and a trial that shows whether a program accepts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct OptionTrial {
    words: &'static str,
    trial: Trial,
}

const fn option_trial(
    words: &'static str,
    arguments: &'static [&'static str],
    input: &'static str,
    output: &'static str,
) -> OptionTrial {
    OptionTrial {
        words,
        trial: Trial {
            arguments,
            input,
            output: TrialOutput::Exactly(output),
        },
    }
}

const BY_LINE: &[OptionTrial] = &[option_trial(
    "--line-buffered",
    &["--line-buffered", "b", "-"],
    "a\nb\n",
    "b\n",
)];
const JQ: &[OptionTrial] = &[option_trial(
    "--unbuffered",
    &["--unbuffered", "."],
    "1\n",
    "1\n",
)];
/// The options for sed, GNU's first. BSD and macOS have both; GNU sed has another meaning for `-l`.
const SED: &[OptionTrial] = &[
    option_trial("-u", &["-u", "s/a/b/"], "a\n", "b\n"),
    option_trial("-l", &["-l", "s/a/b/"], "a\n", "b\n"),
];
const MAWK: OptionTrial = option_trial(
    "-W interactive",
    &["-W", "interactive", "{print $2}"],
    "a b\n",
    "b\n",
);
/// A trial that only GNU awk passes, because only it has the array. Only GNU awk uses the C library's buffer.
const IS_GNU_AWK: Trial = Trial {
    arguments: &["BEGIN { print (PROCINFO[\"version\"] != \"\") }"],
    input: "",
    output: TrialOutput::Exactly("1\n"),
};
const CONDA: &[OptionTrial] = &[OptionTrial {
    words: "--no-capture-output",
    trial: Trial {
        arguments: &["run", "--help"],
        input: "",
        output: TrialOutput::With("--no-capture-output"),
    },
}];
/// The option for mamba before version 2, which runs commands through conda and prints conda's version beside its own.
const MAMBA: &[OptionTrial] = &[OptionTrial {
    words: "--no-capture-output",
    trial: Trial {
        arguments: &["--version"],
        input: "",
        output: TrialOutput::With("conda "),
    },
}];

/// The edit's effect on the client's permission check if no rule names the program (measured on 2.1.20 to 2.1.330
/// behind an allowed `pytest |`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PermissionEffect {
    /// The outcome is the same with and without the edit.
    Same,
    /// The client runs the unedited call but asks about the edited one.
    AsksAboutEdit,
}

struct Filter {
    /// The program, with a subcommand if only that buffers.
    name: &'static str,
    buffering: LineBuffering,
    permission_effect: PermissionEffect,
    /// Options with which the program prints line by line anyway. A short one in a bundle counts too.
    satisfied_by: &'static str,
}

const fn filter(
    name: &'static str,
    buffering: LineBuffering,
    permission_effect: PermissionEffect,
    satisfied_by: &'static str,
) -> Filter {
    Filter {
        name,
        buffering,
        permission_effect,
        satisfied_by,
    }
}

const AT_THE_END: &str = "shows nothing before its input ends";

#[rustfmt::skip]
const FILTERS: &[Filter] = &[
    filter("grep", LineBuffering::Options(BY_LINE), PermissionEffect::Same, "--line-buffered"),
    filter("egrep", LineBuffering::Options(BY_LINE), PermissionEffect::Same, "--line-buffered"),
    filter("fgrep", LineBuffering::Options(BY_LINE), PermissionEffect::Same, "--line-buffered"),
    filter("ggrep", LineBuffering::Options(BY_LINE), PermissionEffect::AsksAboutEdit, "--line-buffered"),
    filter("rg", LineBuffering::Options(BY_LINE), PermissionEffect::AsksAboutEdit, "--line-buffered"),
    filter("jq", LineBuffering::Options(JQ), PermissionEffect::Same, "--unbuffered"),
    filter("sed", LineBuffering::Options(SED), PermissionEffect::AsksAboutEdit, "-u -l --unbuffered --line-buffered"),
    filter("gsed", LineBuffering::Options(SED), PermissionEffect::AsksAboutEdit, "-u --unbuffered --line-buffered"),
    filter("awk", LineBuffering::Awk, PermissionEffect::AsksAboutEdit, "interactive -Winteractive"),
    filter("gawk", LineBuffering::Awk, PermissionEffect::AsksAboutEdit, ""),
    filter("mawk", LineBuffering::Awk, PermissionEffect::AsksAboutEdit, "interactive -Winteractive"),
    filter("cut", LineBuffering::Stdbuf, PermissionEffect::AsksAboutEdit, ""),
    filter("tr", LineBuffering::Stdbuf, PermissionEffect::AsksAboutEdit, ""),
    filter("uniq", LineBuffering::Stdbuf, PermissionEffect::AsksAboutEdit, ""),
    filter("fold", LineBuffering::Stdbuf, PermissionEffect::AsksAboutEdit, ""),
    filter("nl", LineBuffering::Stdbuf, PermissionEffect::AsksAboutEdit, ""),
    filter("paste", LineBuffering::Stdbuf, PermissionEffect::AsksAboutEdit, ""),
    filter("rev", LineBuffering::Stdbuf, PermissionEffect::AsksAboutEdit, ""),
    filter("expand", LineBuffering::Stdbuf, PermissionEffect::AsksAboutEdit, ""),
    filter("sort", LineBuffering::Impossible(AT_THE_END), PermissionEffect::Same, ""),
    filter("wc", LineBuffering::Impossible(AT_THE_END), PermissionEffect::Same, ""),
    filter("tail", LineBuffering::Impossible(AT_THE_END), PermissionEffect::Same, "-f -F --follow --retry"),
    filter("tac", LineBuffering::Impossible(AT_THE_END), PermissionEffect::Same, ""),
    filter("column", LineBuffering::Impossible(AT_THE_END), PermissionEffect::Same, ""),
    filter("shuf", LineBuffering::Impossible(AT_THE_END), PermissionEffect::Same, ""),
    filter("sponge", LineBuffering::Impossible(AT_THE_END), PermissionEffect::Same, ""),
    filter("head", LineBuffering::Impossible("shows nothing before it has all its lines, and then ends the command"), PermissionEffect::Same, ""),
    filter("perl", LineBuffering::Impossible("decides itself when it prints"), PermissionEffect::Same, ""),
    filter("ruby", LineBuffering::Impossible("decides itself when it prints"), PermissionEffect::Same, ""),
    // Wrappers that set the buffers of the inner program.
    filter("stdbuf", LineBuffering::Unneeded, PermissionEffect::Same, ""),
    filter("unbuffer", LineBuffering::Unneeded, PermissionEffect::Same, ""),
    // Wrappers that buffer the output of the inner program.
    filter("conda run", LineBuffering::Options(CONDA), PermissionEffect::Same, "--no-capture-output --live-stream -s"),
    filter("mamba run", LineBuffering::Options(MAMBA), PermissionEffect::Same, "--no-capture-output --live-stream -s"),
];

/// An edit that makes a command print line by line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LineBufferingEdit {
    /// Index of the word next to which the words go.
    pub(crate) at: usize,
    /// Whether the words go after that word instead of before it.
    pub(crate) behind: bool,
    /// The inserted words.
    pub(crate) words: &'static str,
    /// Whether the client runs the unedited call but asks about the edited one.
    pub(crate) needs_permission: bool,
}

/// The reason why a command can't print line by line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CannotLineBuffer {
    program: &'static str,
    why: &'static str,
}

impl fmt::Display for CannotLineBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.program, self.why)
    }
}

/// Facts about a command's words from the script around it.
#[derive(Clone, Copy)]
pub(crate) struct WordContext<'a> {
    /// Returns the command's word with this index, without quotes.
    pub(crate) word_at: &'a dyn Fn(usize) -> Option<String>,
    /// Returns the reason why a name may have another meaning inside the script than outside.
    pub(crate) reason_for_change: &'a dyn Fn(&str) -> Option<&'static str>,
}

/// Returns the edit for a command with these forms if it buffers its output; `None` if it doesn't or already has such
/// an option. Wrappers are resolved as for rules.
pub(crate) fn line_buffering(
    forms: &CommandForms,
    around: WordContext<'_>,
    tools: &dyn Tools,
) -> Option<Result<LineBufferingEdit, CannotLineBuffer>> {
    let mut in_reach = forms.iter().filter_map(|form| Some((form, form.at?)));
    let (found, form, at) =
        in_reach.find_map(|(form, at)| Some((filter_of(&form.full.words)?, form, at)))?;
    let word = (around.word_at)(at).unwrap_or_default();
    FilterCall {
        found,
        words: &form.full.words,
        at,
        // The word is a path or the name itself, not another program with the same name.
        word: (form.same_path
            && (word.contains('/') || found.name.split(' ').next() == Some(&*word)))
        .then_some(word),
        reason_for_change: around.reason_for_change,
    }
    .line_buffering(tools)
}

/// A filter among a command's words.
struct FilterCall<'a> {
    found: &'static Filter,
    words: &'a [String],
    /// Index of its name among the command's words.
    at: usize,
    /// The word that calls it; `None` if that names no program of this machine.
    word: Option<String>,
    /// Returns the reason why a name may have another meaning inside the script than outside.
    reason_for_change: &'a dyn Fn(&str) -> Option<&'static str>,
}

fn filter_of(words: &[String]) -> Option<&'static Filter> {
    let program = words.first()?;
    FILTERS.iter().find(|filter| {
        let (name, subcommand) = filter.name.split_once(' ').unwrap_or((filter.name, ""));
        name == program
            && (subcommand.is_empty() || words.get(1).is_some_and(|word| word == subcommand))
    })
}

impl FilterCall<'_> {
    fn line_buffering(
        &self,
        tools: &dyn Tools,
    ) -> Option<Result<LineBufferingEdit, CannotLineBuffer>> {
        let arguments = self.arguments();
        let is_satisfied = self.found.buffering == LineBuffering::Unneeded
            || arguments
                .iter()
                .any(|word| has_option(self.found.satisfied_by, word));
        (!is_satisfied).then(|| self.line_buffering_edit(tools))
    }

    /// Returns the index of the last word of the filter's name.
    fn last_name(&self) -> usize {
        self.found.name.split(' ').count() - 1
    }

    fn arguments(&self) -> &[String] {
        self.words.get(self.last_name() + 1..).unwrap_or_default()
    }

    fn line_buffering_edit(
        &self,
        tools: &dyn Tools,
    ) -> Result<LineBufferingEdit, CannotLineBuffer> {
        if let LineBuffering::Impossible(why) = self.found.buffering {
            return Err(self.no(why));
        }
        let word = self.word.as_deref();
        if let Some(why) = word.and_then(self.reason_for_change) {
            return Err(self.no(why));
        }
        let passes = |trial| word.is_some_and(|word| tools.passes(word, trial));
        match self.found.buffering {
            LineBuffering::Options(ways) => {
                match ways.iter().find(|option_trial| passes(option_trial.trial)) {
                    Some(option_trial) => Ok(self.option(option_trial.words)),
                    None => Err(self.no(UNKNOWN)),
                }
            }
            LineBuffering::Awk if passes(MAWK.trial) => {
                // In interactive mode, mawk reads lines regardless of `RS`.
                if self.arguments().iter().any(|word| word.contains("RS")) {
                    return Err(self.no("would split records differently with `-W interactive`"));
                }
                Ok(self.option(MAWK.words))
            }
            LineBuffering::Awk if !passes(IS_GNU_AWK) => Err(self.no(UNKNOWN)),
            _ => self.by_stdbuf(tools),
        }
    }

    fn no(&self, why: &'static str) -> CannotLineBuffer {
        CannotLineBuffer {
            program: self.found.name,
            why,
        }
    }

    fn option(&self, words: &'static str) -> LineBufferingEdit {
        LineBufferingEdit {
            at: self.at + self.last_name(),
            behind: true,
            words,
            needs_permission: self.found.permission_effect == PermissionEffect::AsksAboutEdit,
        }
    }

    fn by_stdbuf(&self, tools: &dyn Tools) -> Result<LineBufferingEdit, CannotLineBuffer> {
        if let Some(why) = (self.reason_for_change)("stdbuf") {
            return Err(self.no(why));
        }
        let word = self.word.as_deref();
        let words = match word.and_then(|word| tools.stdbuf(word)) {
            Some("stdbuf") => "stdbuf -oL",
            Some(_) => "gstdbuf -oL",
            None => {
                return Err(self.no("prints in blocks, and no `stdbuf` is known to work for it"));
            }
        };
        Ok(LineBufferingEdit {
            at: self.at,
            behind: false,
            words,
            needs_permission: true,
        })
    }
}

const UNKNOWN: &str = "has no known option for printing line by line";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::programs::tools::GnuTools;
    use crate::shell::parse;

    fn line_buffering_edit(source: &str, tools: &dyn Tools) -> String {
        let script = parse(source).expect(source);
        let command = &script.simple_commands[0];
        let around = WordContext {
            word_at: &|at| command.words.get(at).map(crate::shell::Word::text),
            reason_for_change: &|_| None,
        };
        match super::line_buffering(&CommandForms::of(command, &[]), around, tools) {
            None => "streams".to_owned(),
            Some(Err(why)) => why.to_string(),
            Some(Ok(line_buffering)) => {
                let mut words: Vec<&str> = command.words.iter().map(|w| w.raw.as_str()).collect();
                words.insert(
                    line_buffering.at + usize::from(line_buffering.behind),
                    line_buffering.words,
                );
                words.join(" ")
            }
        }
    }

    #[test]
    fn each_program_gets_its_own_option() {
        for (source, expected) in [
            ("grep ERR", "grep --line-buffered ERR"),
            ("egrep 'a|b'", "egrep --line-buffered 'a|b'"),
            ("fgrep x", "fgrep --line-buffered x"),
            ("ggrep x", "ggrep --line-buffered x"),
            ("/usr/bin/grep -v x", "/usr/bin/grep --line-buffered -v x"),
            ("rg x", "rg --line-buffered x"),
            ("jq -c .", "jq --unbuffered -c ."),
            ("sed s/a/b/", "sed -u s/a/b/"),
            ("gsed s/a/b/", "gsed -u s/a/b/"),
            ("awk '{print $1}'", "stdbuf -oL awk '{print $1}'"),
            ("gawk 1", "stdbuf -oL gawk 1"),
            ("mawk 1", "mawk -W interactive 1"),
            (
                "mawk -v RS=x 1",
                "`mawk` would split records differently with `-W interactive`",
            ),
            ("cut -c1-80", "stdbuf -oL cut -c1-80"),
            ("tr a b", "stdbuf -oL tr a b"),
            ("uniq", "stdbuf -oL uniq"),
            ("fold", "stdbuf -oL fold"),
            ("nl", "stdbuf -oL nl"),
            ("paste -", "stdbuf -oL paste -"),
            ("rev", "stdbuf -oL rev"),
            ("expand", "stdbuf -oL expand"),
            ("sort -u", "`sort` shows nothing before its input ends"),
            ("wc -l", "`wc` shows nothing before its input ends"),
            ("tac", "`tac` shows nothing before its input ends"),
            ("column -t", "`column` shows nothing before its input ends"),
            ("shuf", "`shuf` shows nothing before its input ends"),
            ("sponge x", "`sponge` shows nothing before its input ends"),
            (
                "head -5",
                "`head` shows nothing before it has all its lines, and then ends the command",
            ),
            ("perl -pe 1", "`perl` decides itself when it prints"),
            ("ruby -pe 1", "`ruby` decides itself when it prints"),
            (
                "conda run -n x python a.py",
                "conda run --no-capture-output -n x python a.py",
            ),
            (
                "mamba run python a.py",
                "mamba run --no-capture-output python a.py",
            ),
            ("timeout 60 grep x", "timeout 60 grep --line-buffered x"),
            ("nice cut -c1", "nice stdbuf -oL cut -c1"),
            (
                "timeout 60 conda run -n x python a.py",
                "timeout 60 conda run --no-capture-output -n x python a.py",
            ),
            ("tee log", "streams"),
            ("cat", "streams"),
            ("conda list", "streams"),
        ] {
            assert_eq!(line_buffering_edit(source, &GnuTools), expected, "{source}");
        }
        let named: std::collections::BTreeSet<&str> = FILTERS.iter().map(|f| f.name).collect();
        assert_eq!(named.len(), FILTERS.len(), "a program stands there twice");
    }

    #[test]
    fn line_buffered_programs_stay_unchanged() {
        for source in [
            "grep -v --line-buffered x",
            "jq --unbuffered .",
            "sed -un s/a/b/p",
            "sed --unbuffered s/a/b/",
            "mawk -W interactive 1",
            "stdbuf -oL cut -c1",
            "conda run --live-stream -n x a",
        ] {
            assert_eq!(
                line_buffering_edit(source, &GnuTools),
                "streams",
                "{source}"
            );
        }
    }

    /// Accepts options whose trial has its first argument in the list, and has a `stdbuf` with this name.
    struct Machine(&'static [&'static str], Option<&'static str>);

    impl Tools for Machine {
        fn passes(&self, _word: &str, trial: Trial) -> bool {
            self.0.contains(&trial.arguments[0])
        }

        fn stdbuf(&self, _word: &str) -> Option<&'static str> {
            self.1
        }

        fn is_system_tool(&self, _word: &str) -> bool {
            true
        }

        fn is_of_user(&self, _word: &str) -> bool {
            false
        }
    }

    #[test]
    fn the_installed_program_decides() {
        const UNKNOWN: &str = "has no known option for printing line by line";
        let bsd = Machine(&["-l", "--line-buffered"], None);
        let homebrew = Machine(&["-u", "--line-buffered"], Some("gstdbuf"));
        let busybox = Machine(&[], None);
        let mawk = Machine(&["-W"], None);
        for (machine, source, expected) in [
            (&bsd, "sed s/a/b/", "sed -l s/a/b/"),
            (&bsd, "grep x", "grep --line-buffered x"),
            (&bsd, "awk 1", &*format!("`awk` {UNKNOWN}")),
            (
                &bsd,
                "cut -c1",
                "`cut` prints in blocks, and no `stdbuf` is known to work for it",
            ),
            (&homebrew, "sed s/a/b/", "sed -u s/a/b/"),
            (&homebrew, "cut -c1", "gstdbuf -oL cut -c1"),
            (&busybox, "sed s/a/b/", &*format!("`sed` {UNKNOWN}")),
            (&busybox, "grep x", &*format!("`grep` {UNKNOWN}")),
            (&busybox, "mamba run a", &*format!("`mamba run` {UNKNOWN}")),
            (&mawk, "awk 1", "awk -W interactive 1"),
        ] {
            assert_eq!(line_buffering_edit(source, machine), expected, "{source}");
        }
    }

    /// With another `PATH`, the program is unknown.
    #[test]
    fn a_program_elsewhere_gets_no_option() {
        for source in [
            "docker exec c grep x",
            "sudo grep x",
            "sudo -E sed s/a/b/",
            "conda run --no-capture-output -n a grep x",
            "env -i grep x",
            "nix develop -c grep x",
            "npx grep x",
            "bash grep x",
        ] {
            let made = line_buffering_edit(source, &GnuTools);
            assert!(!made.contains("--line-buffered"), "{source}: {made}");
        }
    }
}
