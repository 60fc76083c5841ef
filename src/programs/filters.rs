//! Programs that hold their output back where it isn't a terminal, and what makes them print line by line.
//!
//! A table: a new program is a line. What isn't in it is taken to print as it goes.

use std::fmt;

use super::unwrap::Views;

/// What the text tools of this machine are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tools {
    /// `stdbuf` (GNU coreutils) can be called. It works by preloading a library, on Linux.
    pub stdbuf: bool,
    /// What answers to `awk`.
    pub awk: Awk,
    /// What answers to `sed`.
    pub sed: Sed,
}

/// The kinds of `awk`, by how they are made to print line by line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Awk {
    /// GNU awk: writes by the C library, so that `stdbuf` reaches it.
    Gnu,
    /// mawk: reads and writes in blocks of its own, unless `-W interactive`.
    Mawk,
    /// Any other.
    Other,
}

/// The kinds of `sed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sed {
    /// GNU and busybox: `-u`.
    Gnu,
    /// BSD and macOS: `-l`.
    Bsd,
}

impl Tools {
    /// Those of a Linux machine with the GNU tools.
    pub const GNU: Self = Self {
        stdbuf: true,
        awk: Awk::Gnu,
        sed: Sed::Gnu,
    };
}

/// How a program is made to print line by line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Means {
    /// By an option right behind its name.
    Option(&'static str),
    /// By `stdbuf -oL` in front of it.
    Stdbuf,
    /// As this machine's `sed` has it.
    Sed,
    /// As this machine's `awk` has it.
    Awk,
    /// As mawk has it.
    Mawk,
    /// By itself, and so does what it runs.
    Streams,
    /// Not at all: it waits for the end of its input, or nothing exact can be done.
    Not(&'static str),
}

/// What the client does with a call of the program that no rule names (measured on 2.1.20 to 2.1.330 behind an
/// allowed `pytest |`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unasked {
    /// The same with and without the edit.
    Same,
    /// It runs the unedited call, and asks about the edited one.
    OnlyPlain,
}

struct Filter {
    /// The program, with a subcommand where only that holds back.
    name: &'static str,
    means: Means,
    unasked: Unasked,
    /// Options by which it prints line by line already; a short one counts within a cluster too.
    already: &'static str,
}

const fn filter(
    name: &'static str,
    means: Means,
    unasked: Unasked,
    already: &'static str,
) -> Filter {
    Filter {
        name,
        means,
        unasked,
        already,
    }
}

const AT_THE_END: &str = "shows nothing before its input ends";

#[rustfmt::skip]
const FILTERS: &[Filter] = &[
    filter("grep", Means::Option("--line-buffered"), Unasked::Same, "--line-buffered"),
    filter("egrep", Means::Option("--line-buffered"), Unasked::Same, "--line-buffered"),
    filter("fgrep", Means::Option("--line-buffered"), Unasked::Same, "--line-buffered"),
    filter("ggrep", Means::Option("--line-buffered"), Unasked::OnlyPlain, "--line-buffered"),
    filter("rg", Means::Option("--line-buffered"), Unasked::OnlyPlain, "--line-buffered"),
    filter("jq", Means::Option("--unbuffered"), Unasked::Same, "--unbuffered"),
    filter("sed", Means::Sed, Unasked::OnlyPlain, "-u -l --unbuffered --line-buffered"),
    filter("gsed", Means::Option("-u"), Unasked::OnlyPlain, "-u --unbuffered --line-buffered"),
    filter("awk", Means::Awk, Unasked::OnlyPlain, "interactive -Winteractive"),
    filter("gawk", Means::Stdbuf, Unasked::OnlyPlain, ""),
    filter("mawk", Means::Mawk, Unasked::OnlyPlain, "interactive -Winteractive"),
    filter("cut", Means::Stdbuf, Unasked::OnlyPlain, ""),
    filter("tr", Means::Stdbuf, Unasked::OnlyPlain, ""),
    filter("uniq", Means::Stdbuf, Unasked::OnlyPlain, ""),
    filter("fold", Means::Stdbuf, Unasked::OnlyPlain, ""),
    filter("nl", Means::Stdbuf, Unasked::OnlyPlain, ""),
    filter("paste", Means::Stdbuf, Unasked::OnlyPlain, ""),
    filter("rev", Means::Stdbuf, Unasked::OnlyPlain, ""),
    filter("expand", Means::Stdbuf, Unasked::OnlyPlain, ""),
    filter("sort", Means::Not(AT_THE_END), Unasked::Same, ""),
    filter("wc", Means::Not(AT_THE_END), Unasked::Same, ""),
    filter("tail", Means::Not(AT_THE_END), Unasked::Same, "-f -F --follow --retry"),
    filter("tac", Means::Not(AT_THE_END), Unasked::Same, ""),
    filter("column", Means::Not(AT_THE_END), Unasked::Same, ""),
    filter("shuf", Means::Not(AT_THE_END), Unasked::Same, ""),
    filter("sponge", Means::Not(AT_THE_END), Unasked::Same, ""),
    filter("head", Means::Not("shows nothing before it has all its lines, and then ends the command"), Unasked::Same, ""),
    filter("perl", Means::Not("decides itself when it prints"), Unasked::Same, ""),
    filter("ruby", Means::Not("decides itself when it prints"), Unasked::Same, ""),
    // Set the buffers of the program inside.
    filter("stdbuf", Means::Streams, Unasked::Same, ""),
    filter("unbuffer", Means::Streams, Unasked::Same, ""),
    // Hold back what the program inside prints.
    filter("conda run", Means::Option("--no-capture-output"), Unasked::Same, "--no-capture-output --live-stream -s"),
    filter("mamba run", Means::Option("--no-capture-output"), Unasked::Same, "--no-capture-output --live-stream -s"),
];

/// What is to be done so that a command prints line by line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Streaming {
    /// The index of the word that they go to.
    pub(crate) at: usize,
    /// They go behind that word, else in front of it.
    pub(crate) behind: bool,
    /// The words to put there.
    pub(crate) words: &'static str,
    /// The client runs the unedited call by itself, and asks about the edited one.
    pub(crate) needs_permission: bool,
}

/// Why a command can't print line by line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HoldsBack {
    program: &'static str,
    why: &'static str,
}

impl fmt::Display for HoldsBack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.program, self.why)
    }
}

/// Whether the command with these views holds its output back, and what helps. `None`: it doesn't, or it is told not to
/// already. A wrapper is looked through as the rules do.
pub(crate) fn streaming(
    views: &Views,
    tools: &dyn Fn() -> Tools,
) -> Option<Result<Streaming, HoldsBack>> {
    let mut in_reach = views.iter().filter_map(|view| Some((view, view.at?)));
    let (found, words, at) = in_reach.find_map(|(view, at)| {
        let words = view.full.words.as_slice();
        Some((filter_of(words)?, words, at))
    })?;
    streaming_of(found, words, at, tools)
}

fn filter_of(words: &[String]) -> Option<&'static Filter> {
    let program = words.first()?;
    FILTERS.iter().find(|filter| {
        let (name, subcommand) = filter.name.split_once(' ').unwrap_or((filter.name, ""));
        name == program
            && (subcommand.is_empty() || words.get(1).is_some_and(|word| word == subcommand))
    })
}

fn streaming_of(
    found: &Filter,
    words: &[String],
    at: usize,
    tools: &dyn Fn() -> Tools,
) -> Option<Result<Streaming, HoldsBack>> {
    let last_name = found.name.split(' ').count() - 1;
    let arguments = words.get(last_name + 1..).unwrap_or_default();
    if arguments.iter().any(|word| is_among(found.already, word)) {
        return None;
    }
    let no = |why| {
        Some(Err(HoldsBack {
            program: found.name,
            why,
        }))
    };
    let option = |words| {
        Some(Ok(Streaming {
            at: at + last_name,
            behind: true,
            words,
            needs_permission: found.unasked == Unasked::OnlyPlain,
        }))
    };
    let tools = tools();
    match (found.means, tools.awk, tools.sed) {
        (Means::Streams, ..) => None,
        (Means::Not(why), ..) => no(why),
        (Means::Option(words), ..) => option(words),
        (Means::Sed, _, Sed::Gnu) => option("-u"),
        (Means::Sed, _, Sed::Bsd) => option("-l"),
        (Means::Mawk, ..) | (Means::Awk, Awk::Mawk, _) => {
            // Interactive, it reads lines whatever `RS` says.
            if arguments.iter().any(|word| word.contains("RS")) {
                return no("would read other records if it were interactive");
            }
            option("-W interactive")
        }
        (Means::Awk, Awk::Other, _) => no("has no option here to print line by line"),
        (Means::Stdbuf | Means::Awk, ..) if !tools.stdbuf => {
            no("prints in blocks, and `stdbuf` isn't there")
        }
        (Means::Stdbuf | Means::Awk, ..) => Some(Ok(Streaming {
            at,
            behind: false,
            words: "stdbuf -oL",
            needs_permission: true,
        })),
    }
}

/// Whether `word` is one of the options in `list`, short ones within a cluster too.
fn is_among(list: &str, word: &str) -> bool {
    let cluster = word.strip_prefix('-').filter(|rest| !rest.starts_with('-'));
    list.split(' ')
        .filter(|option| !option.is_empty())
        .any(|option| {
            let letter = option.strip_prefix('-').filter(|rest| rest.len() == 1);
            option == word
                || letter
                    .is_some_and(|letter| cluster.is_some_and(|cluster| cluster.contains(letter)))
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::shell::parse;

    fn made_to_stream(source: &str, tools: Tools) -> String {
        let script = parse(source).expect(source);
        let command = &script.simple_commands[0];
        match super::streaming(&Views::of(command, &[]), &|| tools) {
            None => "streams".to_owned(),
            Some(Err(why)) => why.to_string(),
            Some(Ok(streaming)) => {
                let mut words: Vec<&str> = command.words.iter().map(|w| w.raw.as_str()).collect();
                words.insert(
                    streaming.at + usize::from(streaming.behind),
                    streaming.words,
                );
                words.join(" ")
            }
        }
    }

    #[test]
    fn each_program_by_its_own_means() {
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
                "`mawk` would read other records if it were interactive",
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
            assert_eq!(made_to_stream(source, Tools::GNU), expected, "{source}");
        }
        let named: std::collections::BTreeSet<&str> = FILTERS.iter().map(|f| f.name).collect();
        assert_eq!(named.len(), FILTERS.len(), "a program stands there twice");
    }

    #[test]
    fn what_streams_already_is_left() {
        for source in [
            "grep -v --line-buffered x",
            "jq --unbuffered .",
            "sed -un s/a/b/p",
            "sed --unbuffered s/a/b/",
            "mawk -W interactive 1",
            "stdbuf -oL cut -c1",
            "conda run --live-stream -n x a",
        ] {
            assert_eq!(made_to_stream(source, Tools::GNU), "streams", "{source}");
        }
    }

    #[test]
    fn the_machine_decides_what_there_is() {
        let bsd = Tools {
            stdbuf: false,
            awk: Awk::Other,
            sed: Sed::Bsd,
        };
        for (source, expected) in [
            ("sed s/a/b/", "sed -l s/a/b/"),
            ("awk 1", "`awk` has no option here to print line by line"),
            (
                "cut -c1",
                "`cut` prints in blocks, and `stdbuf` isn't there",
            ),
            ("grep x", "grep --line-buffered x"),
        ] {
            assert_eq!(made_to_stream(source, bsd), expected, "{source}");
        }
        let mawk = Tools {
            awk: Awk::Mawk,
            ..Tools::GNU
        };
        assert_eq!(made_to_stream("awk 1", mawk), "awk -W interactive 1");
    }
}
