//! Programs that run another program, and how to find that other program among their arguments.
//!
//! A table: a new wrapper is a line, and no code names one. What isn't in it is taken as a program of its own.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use super::options::{has_word, interpreter_name, named_by, program_name};
use super::table::is_builtin;
use Inner::{AfterCommand, AfterDashes, Assignments, Exec, Script, ShellText, Words};
use Trait::{
    Detaches, Environment, Interpreter, ModuleAfterM, NoOptions, Reserved, SeenThrough, Shell,
    TextAfter, TimeLimit,
};

/// Where a wrapper's inner command is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Inner {
    /// The words after the options and operands.
    Words,
    /// The same, after `NAME=value` words.
    Assignments,
    /// The words after `--`, wherever it stands.
    AfterDashes,
    /// The words after `-c` or `--command`, wherever it stands.
    AfterCommand,
    /// The words after `-exec` or a sibling, up to `;` or `+`.
    Exec,
    /// A script file and its arguments; after `-m` a module, after `-c` a program text.
    Script,
    /// All remaining words, joined, as shell text.
    ShellText,
}

/// What else matters of a wrapper.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trait {
    /// Some client version sees through it when it compares a rule with a command (measured, 2.1.20 to 2.1.331, for
    /// `timeout`, `time`, `nice`, `nohup` and `stdbuf`; the others to be on the safe side). A rule that begins with it
    /// matches the command only as it stands.
    SeenThrough,
    /// Its first operand is a duration that it ends the program after.
    TimeLimit,
    /// Shell text stands behind one of these options, one space between them.
    TextAfter(&'static str),
    /// With an option in front it asks about a program and runs none: `command -v`.
    NoOptions,
    /// `-m` names a Python module to run.
    ModuleAfterM,
    /// It is the Python interpreter.
    Interpreter,
    /// It is a reserved word of zsh.
    Reserved,
    /// It is a shell: `-c` is followed by text, `-n` runs nothing.
    Shell,
    /// When its environment doesn't get to the program inside.
    Environment(Ends),
    /// With one of these options, one space between, it returns at once and the program goes on by itself; with none in
    /// the list always.
    Detaches(&'static str),
}

/// When the environment of a wrapper ends at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ends {
    Always,
    /// With one of these options, one space between.
    With(&'static str),
    /// Without all of these options.
    Without(&'static str),
}

/// One line of the table.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Wrapper {
    /// Program and subcommands, one space between.
    name: Cow<'static, str>,
    /// Options that take the next word as their value, one space between.
    values: Cow<'static, str>,
    /// How many words follow the options before the inner command.
    pub(super) operands: usize,
    pub(super) inner: Inner,
    #[serde(skip)]
    traits: &'static [Trait],
}

const fn wrapper(
    name: &'static str,
    values: &'static str,
    operands: usize,
    inner: Inner,
) -> Wrapper {
    Wrapper {
        name: Cow::Borrowed(name),
        values: Cow::Borrowed(values),
        operands,
        inner,
        traits: &[],
    }
}

#[rustfmt::skip]
const WRAPPERS: &[Wrapper] = &[
    // Scheduling, limits, environment.
    wrapper("timeout", "-k --kill-after -s --signal", 1, Words).with(&[SeenThrough, TimeLimit]),
    wrapper("gtimeout", "-k --kill-after -s --signal", 1, Words).with(&[SeenThrough, TimeLimit]),
    wrapper("time", "-f --format -o --output", 0, Words).with(&[SeenThrough]),
    wrapper("nice", "-n --adjustment", 0, Words).with(&[SeenThrough]),
    wrapper("ionice", "-c --class -n --classdata", 0, Words).with(&[SeenThrough]),
    wrapper("chrt", "-T -P -D", 1, Words).with(&[SeenThrough]),
    wrapper("taskset", "", 1, Words).with(&[SeenThrough]),
    wrapper("numactl", "-N -m -C -p -i -l", 0, Words).with(&[SeenThrough]),
    wrapper("nohup", "", 0, Words).with(&[SeenThrough]),
    wrapper("setsid", "", 0, Words).with(&[SeenThrough, Detaches("-f --fork")]),
    wrapper("stdbuf", "-i -o -e --input --output --error", 0, Words).with(&[SeenThrough]),
    wrapper("unbuffer", "", 0, Words).with(&[SeenThrough]),
    wrapper("command", "", 0, Words).with(&[SeenThrough, NoOptions]),
    wrapper("builtin", "", 0, Words).with(&[SeenThrough]),
    wrapper("exec", "-a", 0, Words).with(&[SeenThrough]),
    wrapper("env", "-u --unset -C --chdir -S --split-string", 0, Assignments).with(&[SeenThrough, Environment(Ends::With("-i - --ignore-environment"))]),
    wrapper("sudo", "-u --user -g --group -h --host -p --prompt -C -D -R -T -U -r -t", 0, Assignments).with(&[SeenThrough, Environment(Ends::Without("-E --preserve-env"))]),
    wrapper("doas", "-u -C", 0, Words).with(&[SeenThrough, Environment(Ends::Always)]),
    wrapper("xvfb-run", "-n -e -f -p -s -w --server-num --server-args --error-file --auth-file --wait --xauth-protocol", 0, Words),
    wrapper("caffeinate", "-t -w", 0, Words),
    wrapper("systemd-inhibit", "--what --who --why --mode", 0, Words),
    wrapper("systemd-run", "-u --unit -p --property -E --setenv --uid --gid --slice", 0, Words).with(&[Environment(Ends::Always), Detaches("")]),
    wrapper("flock", "-w --timeout -E", 1, Words),
    wrapper("chronic", "", 0, Words),
    wrapper("strace", "-e -o -p -s -u -E", 0, Words),
    wrapper("valgrind", "", 0, Words),
    wrapper("ltrace", "-e -o", 0, Words),
    wrapper("perf stat", "-e -o -r --event --output --repeat", 0, Words),
    wrapper("perf record", "-e -o -F -c --event --output --freq", 0, Words),
    wrapper("dotenv", "-f --file -e -v -c", 0, Words),
    wrapper("dotenv run", "-f --file", 0, Words),
    wrapper("dotenvx run", "-f --env-file -e", 0, Words),
    wrapper("direnv exec", "", 1, Words),
    wrapper("op run", "--env-file --account", 0, Words),
    wrapper("doppler run", "-p -c --project --config --command", 0, Words).with(&[TextAfter("-c --call --command")]),
    wrapper("infisical run", "--env --path --projectId", 0, Words),
    wrapper("aws-vault exec", "-d --duration", 1, Words),
    wrapper("mise exec", "-C", 0, AfterDashes),
    wrapper("mise x", "-C", 0, AfterDashes),
    wrapper("asdf exec", "", 0, Words),
    wrapper("devbox run", "-c --config -e --env", 0, Words),
    wrapper("nix develop", "", 0, AfterCommand).with(&[Environment(Ends::With("-i --ignore-environment"))]),
    wrapper("nix shell", "", 0, AfterCommand),
    wrapper("nix-shell", "-p -A -E --packages", 0, Words).with(&[Environment(Ends::With("--pure"))]),
    wrapper("script", "-c --command", 0, Words).with(&[TextAfter("-c --call --command")]),
    wrapper("noglob", "", 0, Words).with(&[SeenThrough]),
    wrapper("nocorrect", "", 0, Words).with(&[Reserved]),
    wrapper("repeat", "", 1, Words).with(&[Reserved]),
    wrapper("foreach", "", 1, Words).with(&[Reserved]),
    wrapper("rtk", "", 0, Words),
    wrapper("tokf err", "", 0, Words),
    wrapper("tokf run", "", 0, Words),
    wrapper("tokf summary", "", 0, Words),
    wrapper("tokf test", "", 0, Words),
    wrapper("eval", "", 0, ShellText),
    wrapper("daemonize", "-a -c -e -E -o -p -l -u", 0, Words).with(&[Detaches("")]),
    // Python.
    wrapper("uv run", "--with --with-requirements --with-editable --extra --group --python -p --project --directory --env-file --package --index -m --module", 0, Words).with(&[ModuleAfterM]),
    wrapper("uvx", "--with --from --python -p --index", 0, Words),
    wrapper("uv tool run", "--with --from --python -p", 0, Words),
    wrapper("pipx run", "--spec --python --pip-args", 0, Words),
    wrapper("poetry run", "-C -P --directory --project", 0, Words),
    wrapper("pipenv run", "--python", 0, Words),
    wrapper("pdm run", "-p --project --venv", 0, Words),
    wrapper("hatch run", "-e --env", 0, Words),
    wrapper("hatch -e", "", 0, Words),
    wrapper("rye run", "", 0, Words),
    wrapper("pixi run", "-e --environment --manifest-path", 0, Words),
    wrapper("conda run", "-n --name -p --prefix --cwd", 0, Words),
    wrapper("mamba run", "-n --name -p --prefix --cwd", 0, Words),
    wrapper("micromamba run", "-n --name -p --prefix --cwd", 0, Words),
    wrapper("ddtrace-run", "", 0, Words),
    wrapper("opentelemetry-instrument", "", 0, Words),
    wrapper("kernprof", "-o -p", 0, Words),
    wrapper("py-spy record", "-o -r -d -f --output --rate --duration --format", 0, Words),
    wrapper("memray run", "-o --output", 0, Words),
    // Node.
    wrapper("npx", "-p --package -c --call", 0, Words).with(&[TextAfter("-c --call --command")]),
    wrapper("npm exec", "-p --package -c --call -w --workspace", 0, Words).with(&[TextAfter("-c --call --command")]),
    wrapper("npm x", "-p --package -c --call -w --workspace", 0, Words).with(&[TextAfter("-c --call --command")]),
    wrapper("pnpm exec", "--filter -F -C --dir", 0, Words),
    wrapper("pnpm dlx", "--package", 0, Words),
    wrapper("yarn exec", "", 0, Words),
    wrapper("git rebase", "-s --strategy -X", 0, Exec),
    wrapper("yarn dlx", "-p --package", 0, Words),
    wrapper("bunx", "", 0, Words),
    wrapper("bun x", "", 0, Words),
    wrapper("cross-env", "", 0, Assignments),
    wrapper("env-cmd", "-f --file -e", 0, Words),
    wrapper("dotenv-cli", "-e -v", 0, Words),
    wrapper("nyc", "", 0, Words),
    wrapper("c8", "", 0, Words),
    // Ruby, PHP, Elixir, Haskell.
    wrapper("bundle exec", "", 0, Words),
    wrapper("stack exec", "", 0, Words),
    wrapper("cabal exec", "", 0, Words),
    wrapper("opam exec", "--switch", 0, Words),
    wrapper("rustup run", "", 1, Words),
    // Containers and other machines.
    wrapper("docker compose run", "-e --env -v --volume -w --workdir -u --user -p --publish --name --entrypoint -f --file", 1, Words).with(&[Environment(Ends::Always), Detaches("-d --detach")]),
    wrapper("docker compose exec", "-e --env -w --workdir -u --user --index -f --file", 1, Words).with(&[Environment(Ends::Always), Detaches("-d --detach")]),
    wrapper("docker-compose run", "-e --env -v --volume -w --workdir -u --user -p --publish --name --entrypoint -f --file", 1, Words).with(&[Environment(Ends::Always), Detaches("-d --detach")]),
    wrapper("docker-compose exec", "-e --env -w --workdir -u --user --index -f --file", 1, Words).with(&[Environment(Ends::Always), Detaches("-d --detach")]),
    wrapper("docker exec", "-e --env --env-file -w --workdir -u --user --detach-keys", 1, Words).with(&[Environment(Ends::Always), Detaches("-d --detach")]),
    wrapper("docker run", "-a --attach -c --cpu-shares --cpus -e --env --env-file --entrypoint -h --hostname -l --label -m --memory --mount --name --network --platform -p --publish --shm-size -u --user --ulimit -v --volume -w --workdir --gpus --ipc --rm-after --add-host --cap-add --device", 1, Words).with(&[Environment(Ends::Always), Detaches("-d --detach")]),
    wrapper("podman exec", "-e --env -w --workdir -u --user", 1, Words).with(&[Environment(Ends::Always), Detaches("-d --detach")]),
    wrapper("podman run", "-e --env --env-file --entrypoint -h --hostname -m --memory --mount --name --network -p --publish -u --user -v --volume -w --workdir", 1, Words).with(&[Environment(Ends::Always), Detaches("-d --detach")]),
    wrapper("kubectl exec", "-n --namespace -c --container", 0, AfterDashes).with(&[Environment(Ends::Always)]),
    wrapper("kubectl run", "-n --namespace --image", 0, AfterDashes).with(&[Environment(Ends::Always)]),
    wrapper("oc exec", "-n --namespace -c --container", 0, AfterDashes).with(&[Environment(Ends::Always)]),
    wrapper("apptainer exec", "-B --bind --env --pwd", 1, Words),
    wrapper("singularity exec", "-B --bind --env --pwd", 1, Words),
    wrapper("git bisect run", "", 0, Words),
    wrapper("watch", "-n --interval", 0, ShellText),
    wrapper("ssh", "-b -c -D -E -e -F -I -i -J -L -l -m -O -o -p -Q -R -S -W -w", 1, ShellText).with(&[Environment(Ends::Always), Detaches("-f")]),
    wrapper("salloc", "-N -n -t -p -c -G -A -J --nodes --ntasks --time --partition --gres --account", 0, Words),
    wrapper("wsl", "-d --distribution -u --user", 0, Words).with(&[Environment(Ends::Always)]),
    // One command for many inputs.
    wrapper("xargs", "-a -d -E -I -L -n -P -s --arg-file --delimiter --max-args --max-procs --max-lines --replace", 0, Words).with(&[SeenThrough]),
    wrapper("parallel", "-j --jobs -a --arg-file -N -n --delay --timeout --joblog --results -S", 0, Words),
    wrapper("find", "", 0, Exec),
    wrapper("fd", "", 0, Exec),
    // Interpreters.
    wrapper("python", "-W -X --check-hash-based-pycs", 0, Script).with(&[Interpreter, Environment(Ends::With("-E -I"))]),
    wrapper("bash", "-o -O +o +O --rcfile --init-file", 0, Script).with(&[Shell]),
    wrapper("sh", "-o +o", 0, Script).with(&[Shell]),
    wrapper("zsh", "-o +o", 0, Script).with(&[Shell]),
    wrapper("dash", "-o +o", 0, Script).with(&[Shell]),
    wrapper("fish", "-C --init-command -d -o", 0, Script).with(&[Shell]),
    wrapper("ksh", "-o +o", 0, Script).with(&[Shell]),
    wrapper("ash", "-o +o", 0, Script).with(&[Shell]),
    wrapper("pwsh", "-ExecutionPolicy -WorkingDirectory -ConfigurationName -ep", 0, Words).with(&[TextAfter("-c -Command -command")]),
    wrapper("powershell", "-ExecutionPolicy -WorkingDirectory -ep", 0, Words).with(&[TextAfter("-c -Command -command")]),
    wrapper("cmd", "", 1, ShellText),
    wrapper("node", "-r --require --import --loader --env-file -C --conditions", 0, Script),
    wrapper("tsx", "--tsconfig", 0, Script),
    wrapper("ts-node", "-P --project -r --require", 0, Script),
    wrapper("deno run", "-c --config --import-map", 0, Script),
    wrapper("bun", "-r --preload", 0, Script),
    wrapper("bun run", "-r --preload", 0, Script),
    wrapper("ruby", "-r -I", 0, Script),
    wrapper("perl", "-I", 0, Script),
    wrapper("php", "-d -c", 0, Script),
    wrapper("Rscript", "", 0, Script),
    wrapper("julia", "-p -t --threads -L", 0, Script),
    wrapper("ipython", "", 0, Script),
    wrapper("source", "", 0, Script),
    wrapper(".", "", 0, Script),
];

impl Wrapper {
    /// One that a user adds: the program that it runs follows its options and `operands` words more.
    pub(crate) fn of_user(name: String, values: &[String], operands: usize) -> Self {
        Self {
            name: name.into(),
            values: values.join(" ").into(),
            operands,
            inner: Words,
            traits: &[],
        }
    }

    const fn with(mut self, traits: &'static [Trait]) -> Self {
        self.traits = traits;
        self
    }

    /// Program and subcommands, one space between.
    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// Whether the option `word` takes the next word as its value.
    pub(super) fn takes_value(&self, word: &str) -> bool {
        has_word(&self.values, word)
    }

    pub(super) fn has(&self, wanted: Trait) -> bool {
        self.traits.contains(&wanted)
    }

    /// The options that shell text stands behind.
    pub(super) fn text_options(&self) -> Option<&'static str> {
        self.traits.iter().find_map(|found| match found {
            TextAfter(options) => Some(*options),
            _ => None,
        })
    }

    /// Whether the environment ends at it. `rest`: the words after its name.
    pub(super) fn ends_environment(&self, rest: &[String]) -> bool {
        let mut options = options_of(rest);
        self.traits.iter().any(|found| match found {
            Environment(Ends::Always) => true,
            Environment(Ends::With(list)) => options.any(|option| has_word(list, option)),
            Environment(Ends::Without(list)) => !options.any(|option| has_word(list, option)),
            _ => false,
        })
    }

    /// Whether it returns at once and the program inside goes on by itself.
    pub(super) fn detaches(&self, rest: &[String]) -> bool {
        let with = |list: &str| {
            list.is_empty()
                || options_of(rest).any(|option| {
                    let cluster = option
                        .strip_prefix('-')
                        .filter(|rest| !rest.starts_with('-'));
                    list.split(' ').any(|wanted| {
                        let letter = wanted.strip_prefix('-').filter(|rest| rest.len() == 1);
                        wanted == option
                            || letter.is_some_and(|letter| {
                                cluster.is_some_and(|cluster| cluster.contains(letter))
                            })
                    })
                })
        };
        self.traits
            .iter()
            .any(|found| matches!(found, Detaches(list) if with(list)))
    }
}

/// The options in front, without their values.
fn options_of(rest: &[String]) -> impl Iterator<Item = &str> {
    let options = rest.iter().take_while(|word| word.starts_with('-'));
    options.map(|word| word.split('=').next().unwrap_or(word))
}

/// Whether some client version sees through `program`.
pub(crate) fn is_seen_through(program: &str) -> bool {
    let mut wrappers = WRAPPERS.iter();
    wrappers.any(|wrapper| wrapper.name == program && wrapper.has(SeenThrough))
}

/// The wrapper that `words` calls, the user's before ours, and how many of the words name it. The longest name wins:
/// `docker compose run` before `docker run`.
pub(super) fn find<'a>(own: &'a [Wrapper], words: &[String]) -> Option<(&'a Wrapper, usize)> {
    let all: &'static [Wrapper] = WRAPPERS;
    let word = words.first()?;
    let program = interpreter_name(program_name(word));
    let first = program.bytes().next();
    all.iter()
        .chain(own)
        // Nearly all of them differ there.
        .filter(|wrapper| wrapper.name.bytes().next() == first)
        // What has a folder is no builtin: `./eval` is a script.
        .filter(|wrapper| !word.contains('/') || !is_builtin(&wrapper.name))
        .filter_map(|wrapper| Some((wrapper, named_by(&wrapper.name, program, words)?)))
        .max_by_key(|(wrapper, _)| wrapper.name.split(' ').count())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn the_longest_name_wins() {
        let found = |text: &str| {
            let words = words(text);
            find(&[], &words).map(|(wrapper, named)| (wrapper.name().to_owned(), named))
        };
        let compose = ("docker compose run".to_owned(), 5);
        assert_eq!(
            found("docker compose -f x.yml run --rm web pytest"),
            Some(compose)
        );
        let tokf = Some(("tokf run".to_owned(), 2));
        assert_eq!(found("tokf run cargo test"), tokf);
        assert_eq!(found("tokf ls"), None);
        let python = Some(("python".to_owned(), 1));
        assert_eq!(found("python3.12 x.py"), python);
        assert_eq!(found("$PYTHON x.py"), python);
        assert_eq!(found(".venv/Scripts/python.exe x.py"), python);
        assert_eq!(found("pytest -x"), None);
        for builtin in ["eval", "exec", "command"] {
            assert!(found(&format!("{builtin} x")).is_some());
            assert_eq!(found(&format!("./{builtin} x")), None);
        }
    }

    #[test]
    fn what_detaches_itself() {
        for (text, detaches) in [
            ("setsid -f npm run dev", true),
            ("setsid --fork npm run dev", true),
            ("setsid npm run dev", false),
            ("ssh -fN host", true),
            ("ssh -N host", false),
            ("docker run --rm -d image", true),
            ("systemd-run --user x", true),
        ] {
            let words = words(text);
            let (wrapper, named) = find(&[], &words).unwrap();
            assert_eq!(wrapper.detaches(&words[named..]), detaches, "{text}");
        }
    }
}
