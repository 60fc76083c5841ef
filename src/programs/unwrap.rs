//! The forms of a simple command for the rules: its text, then the text of the program inside each wrapper.
//!
//! `FOO=1 timeout 60 uv run python -m pytest -x` gives `timeout 60 uv run …`, `uv run python -m …`, `python -m pytest
//! -x` and `pytest -x`. So a rule for `pytest` need not mention any wrapper.

mod arguments;

use std::time::Duration;

use self::arguments::{
    RemainingWords, command_option, duration, is_assignment, knows_all, skip_options,
    text_after_option, value_after,
};
use super::names::program_name;
use super::options::{knows_options_before, without_global_options};
use super::wrappers::{self, InnerCommand, Wrapper, WrapperTrait};
use super::{data_printers, program_kinds};
use crate::shell::word::is_one_word;
use crate::shell::{self, Script, SimpleCommand};
use crate::text::LetterSet;

/// Maximum depth of wrappers and shell texts.
const MAX_FORMS: usize = 24;

/// Maximum number of a command's words that are examined.
const MAX_WORDS: usize = 1000;

/// Maximum size in bytes of shell text inside a command that is parsed.
const MAX_TEXT: usize = 16 * 1024;

/// One form of a simple command: as called, or the command inside a wrapper.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandForm {
    /// The command as called, the program without its folder.
    pub full: Invocation,
    /// The text with the program's folder, if one is written: `bin/dev`.
    pub with_folder: Option<Invocation>,
    /// The text without the program's global options: `make test` for `make -C dir test`.
    pub bare: Option<Invocation>,
    /// Index of the form's first word among the command's words, if that is certain: the form is a tail of them, and
    /// everything before it is known.
    pub at: Option<usize>,
    /// Whether the program is searched on the `PATH` of the command itself.
    pub same_path: bool,
}

/// A program and its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The words without quotes.
    pub words: Vec<String>,
    /// The words separated by one space; white space inside a word is shown as `␣`.
    pub text: String,
    /// The letters of the text.
    pub(crate) letters: LetterSet,
}

/// All forms of a simple command, the outermost first.
#[derive(Debug, Clone, Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "independent facts of a command"
)]
pub struct CommandForms {
    /// The forms; never empty for a command with a word.
    all: Vec<CommandForm>,
    /// The shortest limit that a `timeout` among the wrappers sets.
    pub time_limit: Option<Duration>,
    /// Whether the command is in the body of a loop.
    pub in_loop: bool,
    /// Index of the Python interpreter among the command's words, if there is one.
    pub interpreter: Option<usize>,
    /// The first wrapper that hides the environment from the inner program.
    pub environment_hidden_by: Option<String>,
    /// Whether a wrapper returns at once while the inner program continues.
    pub detached: bool,
    /// The first word if it is a reserved word of zsh, which must stay first.
    pub reserved: Option<String>,
    /// Whether the innermost program is the Python interpreter or written in Python.
    pub is_python: bool,
    /// Whether one of the innermost programs that get the command's environment can run Python.
    pub can_run_python: bool,
    /// Whether a wrapper hides the environment from the form being added.
    environment_hidden: bool,
    /// Index of the first word that may expand to no words or several.
    first_open: Option<usize>,
}

/// Returns the command inside the outermost wrapper of `words`, if the wrapper takes a command as separate words.
pub(crate) fn inner_of(words: &[String]) -> Option<String> {
    let (wrapper, _) = wrappers::find(&[], words)?;
    if !matches!(
        wrapper.inner,
        InnerCommand::Words | InnerCommand::Assignments
    ) {
        return None;
    }
    let mut forms = CommandForms::default();
    forms.add(&[], words, Some(0), true);
    match forms.all.as_slice() {
        [_, .., inner] => Some(inner.full.text.clone()),
        _ => None,
    }
}

impl CommandForm {
    fn new(words: &[String], at: Option<usize>, same_path: bool) -> Self {
        let mut named = words.to_vec();
        let mut with_folder = None;
        if let Some(first) = named.first_mut() {
            let name = program_name(first).to_owned();
            if name != *first {
                with_folder = Some(Invocation::new(words.to_vec()));
            }
            *first = name;
        }
        Self {
            full: Invocation::new(named),
            with_folder,
            bare: without_global_options(words).map(Invocation::new),
            at,
            same_path,
        }
    }

    /// Returns all spellings of the form.
    pub fn invocations(&self) -> impl Iterator<Item = &Invocation> {
        [&self.full]
            .into_iter()
            .chain(&self.with_folder)
            .chain(&self.bare)
    }
}

impl Invocation {
    fn new(words: Vec<String>) -> Self {
        let mut text = words.join(" ");
        if words.iter().any(|word| word.contains(char::is_whitespace)) {
            let shown = words
                .iter()
                .map(|word| word.replace(char::is_whitespace, "␣"));
            text = shown.collect::<Vec<_>>().join(" ");
        }
        Self {
            letters: LetterSet::of(&text),
            text,
            words,
        }
    }
}

impl CommandForms {
    /// Returns the forms of `command`, without its assignments, using the built-in wrappers and the user's `own`.
    pub fn of(command: &SimpleCommand, own: &[Wrapper]) -> Self {
        let words = command.words.iter().take(MAX_WORDS);
        let words: Vec<String> = words.map(shell::Word::text).collect();
        let mut forms = Self {
            in_loop: command.context.in_loop,
            first_open: command
                .words
                .iter()
                .take(words.len())
                .position(|word| !is_one_word(&word.raw)),
            ..Self::default()
        };
        forms.add(own, &words, Some(0), true);
        forms
    }

    /// Returns the forms of each simple command of a script.
    pub fn of_all(script: &Script, own: &[Wrapper]) -> Vec<Self> {
        let commands = script.simple_commands.iter();
        commands.map(|command| Self::of(command, own)).collect()
    }

    /// Returns the forms, the outermost first.
    pub fn iter(&self) -> impl Iterator<Item = &CommandForm> {
        self.all.iter()
    }

    /// Returns the program among the forms that prints data rather than a report, such as a database dump.
    pub(crate) fn prints_data(&self) -> Option<&str> {
        let mut invocations = self.all.iter().flat_map(CommandForm::invocations);
        let invocation =
            invocations.find(|invocation| data_printers::prints_data(&invocation.words))?;
        invocation.words.first().map(String::as_str)
    }

    /// Adds a form. `at` is the index of its first word among the command's words if it is a tail of them.
    fn add(&mut self, own: &[Wrapper], words: &[String], at: Option<usize>, same_path: bool) {
        if words.is_empty() || self.all.len() >= MAX_FORMS {
            return;
        }
        let at = at.filter(|at| self.first_open.is_none_or(|open| *at <= open));
        self.all.push(CommandForm::new(words, at, same_path));
        self.is_python |= program_kinds::is_python(words);
        let was_hidden = self.environment_hidden;
        if let Some((wrapper, named)) = wrappers::find(own, words) {
            let arguments = words.get(named..).unwrap_or_default();
            if wrapper.ends_environment(arguments) {
                let name = || wrapper.name().to_owned();
                self.environment_hidden_by =
                    self.environment_hidden_by.take().or_else(|| Some(name()));
                // `python -E` ignores the variable itself but passes it on.
                self.environment_hidden |= !wrapper.has(WrapperTrait::Interpreter);
            }
            self.detached |= wrapper.detaches(arguments);
            if wrapper.has(WrapperTrait::Reserved) && at == Some(0) {
                self.reserved = Some(wrapper.name().to_owned());
            }
            if wrapper.has(WrapperTrait::Interpreter)
                && !words.iter().take(1).any(|word| word.contains('$'))
            {
                self.interpreter = self.interpreter.or(at);
            }
            let is_sure = wrapper.may_be_edited()
                && knows_options_before(words.get(..named).unwrap_or_default());
            let rest = RemainingWords {
                words: arguments,
                own,
                at: if is_sure {
                    at.map(|at| at + named)
                } else {
                    None
                },
                same_path: same_path
                    && wrapper.has(WrapperTrait::SamePath)
                    && !wrapper.ends_environment(arguments),
            };
            if !wrapper.may_be_edited() {
                self.can_run_python |=
                    !self.environment_hidden && program_kinds::can_run_python(words);
                self.environment_hidden = true;
            }
            let before = self.all.len();
            self.unwrap(wrapper, rest);
            if self.all.len() > before {
                self.environment_hidden = was_hidden;
                return;
            }
        }
        self.can_run_python |= !self.environment_hidden && program_kinds::can_run_python(words);
        self.environment_hidden = was_hidden;
    }

    fn add_from(&mut self, rest: RemainingWords<'_>, skip: usize) {
        let words = rest.words.get(skip..).unwrap_or_default();
        self.add(rest.own, words, rest.at.map(|at| at + skip), rest.same_path);
    }

    fn unwrap(&mut self, wrapper: &Wrapper, rest: RemainingWords<'_>) {
        match wrapper.inner {
            InnerCommand::Words | InnerCommand::Assignments => self.words(wrapper, rest),
            InnerCommand::AfterDashes => {
                let at = value_after(rest.words, &["--"]);
                self.add_from(rest, at.unwrap_or(rest.words.len()));
            }
            InnerCommand::AfterCommand => {
                let at = value_after(rest.words, &["-c", "--command"]);
                self.add_from(rest, at.unwrap_or(rest.words.len()));
            }
            InnerCommand::Exec => self.exec(rest),
            InnerCommand::Text => {
                if let Some(text) = text_after_option(wrapper, rest.words) {
                    self.shell_text(rest.own, text);
                }
            }
            InnerCommand::Script => self.script(wrapper, rest),
            InnerCommand::ShellText => {
                let at = skip_options(wrapper, rest.words) + wrapper.operands;
                self.shell_text(
                    rest.own,
                    &rest.words.get(at..).unwrap_or_default().join(" "),
                );
            }
        }
    }

    fn words(&mut self, wrapper: &Wrapper, rest: RemainingWords<'_>) {
        if let Some(text) = command_option(wrapper, rest.words) {
            return self.shell_text(rest.own, text);
        }
        if wrapper.has(WrapperTrait::NoOptions)
            && rest.words.first().is_some_and(|word| word.starts_with('-'))
        {
            return;
        }
        if wrapper.has(WrapperTrait::ModuleAfterM)
            && let Some(module) = value_after(rest.words, &["-m", "--module"])
            && module <= skip_options(wrapper, rest.words)
        {
            return self.add_from(rest.out_of_reach(), module);
        }
        let mut at = skip_options(wrapper, rest.words);
        let options = rest.words.iter().take(at);
        let rest = RemainingWords {
            at: match rest.at {
                Some(at) if knows_all(wrapper, options) && !wrapper.names_program(rest.words) => {
                    Some(at)
                }
                _ => None,
            },
            ..rest
        };
        if wrapper.has(WrapperTrait::TimeLimit)
            && let Some(limit) = rest.words.get(at).and_then(|word| duration(word))
        {
            self.time_limit = Some(self.time_limit.map_or(limit, |other| other.min(limit)));
        }
        at += wrapper.operands;
        if wrapper.inner == InnerCommand::Assignments {
            let after = rest.words.iter().skip(at);
            at += after.take_while(|word| is_assignment(word)).count();
        }
        self.add_from(rest, at);
    }

    fn exec(&mut self, rest: RemainingWords<'_>) {
        let starts = [
            "-exec",
            "-execdir",
            "-ok",
            "-okdir",
            "-x",
            "-X",
            "--exec",
            "--exec-batch",
        ];
        if let Some(at) = value_after(rest.words, &starts) {
            let inner = rest
                .words
                .get(at..)
                .unwrap_or_default()
                .iter()
                .take_while(|word| !matches!(word.as_str(), ";" | "+"));
            let inner: Vec<String> = inner.cloned().collect();
            match inner.first() {
                // `git rebase -x 'make test'`
                Some(text) if text.contains(' ') => self.shell_text(rest.own, text),
                _ => self.add(rest.own, &inner, None, false),
            }
        }
    }

    /// Adds the forms of an interpreter's command: `python -m module args`, `bash -c 'text'`, `python script.py args`.
    fn script(&mut self, wrapper: &Wrapper, rest: RemainingWords<'_>) {
        let is_shell = wrapper.has(WrapperTrait::Shell);
        // The next word names a file or a module, even if a program has the same name.
        let rest = rest.out_of_reach();
        let mut at = 0;
        while let Some(word) = rest
            .words
            .get(at)
            .filter(|word| word.starts_with(['-', '+']))
        {
            let short = !word.starts_with("--");
            match word.as_str() {
                "-m" if wrapper.has(WrapperTrait::Interpreter) => {
                    return self.add_from(rest, at + 1);
                }
                _ if is_shell && short && word.contains('c') => {
                    if let Some(text) = rest.words.get(at + 1) {
                        self.shell_text(rest.own, text);
                    }
                    return;
                }
                // `bash -n` reads a script without running it.
                _ if is_shell && short && word.contains('n') => return,
                _ if wrapper.takes_value(word) => at += 1,
                "-" | "-c" | "-e" | "--eval" | "-p" | "--print" | "--check" | "-s" => return,
                _ => {}
            }
            at += 1;
        }
        self.add_from(rest, at);
    }

    fn shell_text(&mut self, own: &[Wrapper], text: &str) {
        if text.len() > MAX_TEXT || self.all.len() >= MAX_FORMS {
            return;
        }
        let Ok(script) = shell::parse(text) else {
            return;
        };
        for command in &script.simple_commands {
            if !command.context.asynchronous {
                let words: Vec<String> = command.words.iter().map(shell::Word::text).collect();
                self.add(own, &words, None, false);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn innermost(source: &str) -> String {
        let script = shell::parse(source).expect(source);
        let forms = CommandForms::of(&script.simple_commands[0], &[]);
        forms
            .all
            .last()
            .map(|form| form.bare.as_ref().unwrap_or(&form.full).text.clone())
            .unwrap_or_default()
    }

    #[test]
    fn the_environment_reaches_only_some_programs() {
        for (source, gets_there) in [
            ("docker exec c pytest", false),
            ("docker exec c python x.py", false),
            ("docker exec c make test", false),
            ("ssh host 'cd a && python x.py'", false),
            ("sudo pytest", false),
            ("sudo -E pytest", true),
            ("env -i pytest", false),
            ("env -u A -i pytest", false),
            ("env -vi pytest", false),
            ("sudo -u me -E pytest", true),
            ("python -E x.py", true),
            ("uv run bash -c 'pytest; ssh host pytest'", true),
            ("uv run bash -c 'ssh host pytest; pytest'", true),
        ] {
            let script = shell::parse(source).unwrap();
            let forms = CommandForms::of(&script.simple_commands[0], &[]);
            assert_eq!(forms.can_run_python, gets_there, "{source}");
        }
    }

    #[test]
    fn the_inner_command_of_wrappers_is_found() {
        for (source, inner) in [
            ("pytest -x", "pytest -x"),
            ("/usr/bin/pytest -x", "pytest -x"),
            ("FOO=1 BAR=$(ls) pytest", "pytest"),
            ("timeout -s KILL -k 5 60 pytest", "pytest"),
            ("timeout --signal=KILL 60 pytest", "pytest"),
            ("nice -n 5 ionice -c2 nohup pytest", "pytest"),
            ("env -i -- A=1 pytest", "pytest"),
            ("env -u X A=1 pytest -q", "pytest -q"),
            ("sudo -E -u me PYTHONPATH=. pytest", "pytest"),
            ("uv run --with x --extra y pytest", "pytest"),
            ("uv --project a run -m pytest -x", "pytest -x"),
            ("poetry run python3.11 -u -W ignore -m pytest", "pytest"),
            (
                "conda run -n env --no-capture-output python train.py --x",
                "train.py --x",
            ),
            ("npx -y jest --ci", "jest --ci"),
            ("bundle exec rspec", "rspec"),
            (
                "docker compose -f a run --rm -e A=1 web pytest -x",
                "pytest -x",
            ),
            ("docker exec -it c pytest", "pytest"),
            ("kubectl exec pod -c x -- pytest", "pytest"),
            ("ssh -p 22 host 'cd x && pytest -x'", "pytest -x"),
            ("bash -c 'pytest -x'", "pytest -x"),
            ("bash -lc \"pytest -x\"", "pytest -x"),
            ("bash -eux ./run.sh a", "run.sh a"),
            ("bash -n train.sh", "bash -n train.sh"),
            ("python - x", "python - x"),
            ("python -c 'import pytest'", "python -c import␣pytest"),
            ("xargs -n 1 -P 4 pytest", "pytest"),
            ("find . -name '*.py' -exec pytest {} +", "pytest {}"),
            ("direnv exec . pytest", "pytest"),
            ("op run -- pytest", "pytest"),
            ("nix-shell -p gcc python3 --run 'pytest -x'", "pytest -x"),
            ("su - postgres -c 'pytest -x'", "pytest -x"),
            ("su postgres", "su postgres"),
            ("runuser -u me -- pytest", "pytest"),
            ("gosu me pytest", "pytest"),
            ("chroot --userspec=a /x pytest", "pytest"),
            ("nix-shell -p gcc pytest", "nix-shell -p gcc pytest"),
            ("script -q log pytest", "pytest"),
            ("nix develop -c pytest", "pytest"),
            ("make -C sub test", "make test"),
            ("command -v pytest", "command -v pytest"),
            ("command pytest", "pytest"),
            ("git commit -m 'fix  pytest'", "git commit -m fix␣␣pytest"),
            ("\"$PYTHON\" -m pytest", "pytest"),
            ("npx --yes -- vitest run", "vitest run"),
            ("stdbuf -oL -e 0 exec pytest", "pytest"),
            (
                "/usr/bin/time -f %e xvfb-run -a -s '-screen 0' caffeinate -i pytest",
                "pytest",
            ),
            (
                "pipenv run pdm run -p x hatch run -e ci rye run pixi run -e dev pytest",
                "pytest",
            ),
            ("micromamba run -n x pytest", "pytest"),
            ("pnpm exec jest", "jest"),
            ("pnpm dlx jest", "jest"),
            ("yarn exec jest", "jest"),
            ("yarn dlx jest", "jest"),
            ("bunx --bun vitest", "vitest"),
            ("docker compose exec -T -e A=1 web pytest", "pytest"),
            ("dotenv -f .env.test run pytest", "pytest"),
            ("dotenv -f .env.test pytest", "pytest"),
            ("dotenv run -- pytest", "pytest"),
            ("nix develop .#ci -c pytest", "pytest"),
            ("nix develop --command bash -c 'pytest -x'", "pytest -x"),
            ("parallel -j 4 pytest ::: a b", "pytest ::: a b"),
            ("watch -n 5 pytest", "pytest"),
            ("git -C x bisect run pytest", "pytest"),
            ("npm --prefix web run build", "npm run build"),
            ("go -C x test ./...", "go test ./..."),
            ("cargo +nightly test", "cargo test"),
        ] {
            assert_eq!(innermost(source), inner, "{source}");
        }
    }

    #[test]
    fn a_timeout_gives_the_limit() {
        let limit = |source: &str| {
            let script = shell::parse(source).unwrap();
            CommandForms::of(&script.simple_commands[0], &[]).time_limit
        };
        assert_eq!(limit("timeout 20 pytest"), Some(Duration::from_secs(20)));
        assert_eq!(
            limit("timeout 2m timeout 1.5 pytest"),
            Some(Duration::from_millis(1500))
        );
        assert_eq!(
            limit("timeout -k 5 1h pytest"),
            Some(Duration::from_hours(1))
        );
        assert_eq!(limit("timeout 0 pytest"), None);
        assert_eq!(limit("timeout $T pytest"), None);
        assert_eq!(limit("pytest"), None);
    }

    /// Returns the words from the interpreter on, if its position is certain.
    fn interpreter(source: &str, own: &[Wrapper]) -> Option<String> {
        let script = shell::parse(source).expect(source);
        let command = &script.simple_commands[0];
        let at = CommandForms::of(command, own).interpreter?;
        let words: Vec<String> = command.words[at..].iter().map(shell::Word::text).collect();
        Some(words.join(" "))
    }

    #[test]
    fn an_option_that_no_table_has_ends_the_search() {
        for (source, is_certain) in [
            ("docker run --rm --net host img @", true),
            ("docker run --rm --net=host img @", true),
            ("docker run -it -e A=1 img @", true),
            (
                "docker run --pull always --shm-size 1g --tmpfs /t img @",
                true,
            ),
            (
                "docker run --security-opt a=b --runtime r --dns 1 img @",
                true,
            ),
            ("docker run --group-add g --label l --device /d i @", true),
            ("docker run -itv /a:/b img @", false),
            ("docker run --new-option host @", false),
            ("docker run --rm -Z host @", false),
            ("docker run --rm $OPTIONS @", false),
            ("docker --unknown x run img @", false),
            ("docker exec \"$C\" @", true),
            ("docker exec $C @", false),
            ("timeout -k 5 60 @", true),
            ("timeout -k5 --foreground 60 @", true),
            ("timeout --unknown 60 @", false),
            ("timeout \"$T\" @", true),
            ("timeout $T @", false),
            ("uv run --frozen @", true),
            ("uv run --new-option @", false),
            ("sudo -X @", false),
            ("conda run -n a --no-capture-output @", true),
            // Another program gets the words, or none does.
            ("docker run --entrypoint echo img @", false),
            ("podman run --rm --entrypoint=echo img @", false),
            ("docker compose run -e A=1 --entrypoint echo web @", false),
            ("env -S pytest @", false),
            ("env -u A -Spytest @", false),
            ("env --split-string=pytest @", false),
            ("nix-shell -p gcc @", false),
            ("bash @", false),
            ("node @", false),
            ("uv run -m @", false),
            ("uv run --script @", false),
            ("kernprof -l @", false),
            // Options whose value can only stand in the same word.
            ("xargs --replace echo @", false),
            ("xargs --replace=R @", true),
            ("numactl -l echo @", false),
            ("numactl -l @", true),
            ("strace -z echo @", false),
        ] {
            let source = source.replace('@', "python x.py");
            let found = interpreter(&source, &[]);
            let found = found.is_some_and(|text| text == "python x.py");
            assert_eq!(found, is_certain, "{source}");
        }
    }

    #[test]
    fn a_wrapper_of_the_project_is_for_matching_only() {
        use super::wrappers::WrapperSource::{Project, User};
        let source = "git push python main";
        for (from, place) in [(User, Some("python main")), (Project, None)] {
            let own = [Wrapper::of_file("git push".to_owned(), &[], 0, from)];
            assert_eq!(interpreter(source, &own).as_deref(), place);
            let script = shell::parse("curl pytest").unwrap();
            let curl = [Wrapper::of_file("curl".to_owned(), &[], 0, from)];
            let forms = CommandForms::of(&script.simple_commands[0], &curl);
            assert_eq!(forms.can_run_python, from == User);
            let script = shell::parse(source).unwrap();
            let forms = CommandForms::of(&script.simple_commands[0], &own);
            assert!(forms.all.iter().any(|form| form.full.text == "python main"));
        }
    }

    #[test]
    fn endless_wrapping_ends() {
        let source = format!("{}pytest", "nice ".repeat(5000));
        let script = shell::parse(&source).unwrap();
        assert!(CommandForms::of(&script.simple_commands[0], &[]).all.len() <= MAX_FORMS + 1);
    }
}
