//! Programs that run another program, and how to find that other program among their arguments.
//!
//! A table: a new wrapper is a line. What isn't in it is taken as a program of its own.

use Inner::{AfterCommand, AfterDashes, Assignments, Exec, Script, ShellText, Words};

/// Where a wrapper's inner command is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Inner {
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

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wrapper {
    /// Program and subcommands, one space between.
    pub(super) name: &'static str,
    /// Options that take the next word as their value, one space between.
    pub(super) values: &'static str,
    /// How many words follow the options before the inner command.
    pub(super) operands: usize,
    pub(super) inner: Inner,
}

const fn wrapper(
    name: &'static str,
    values: &'static str,
    operands: usize,
    inner: Inner,
) -> Wrapper {
    Wrapper {
        name,
        values,
        operands,
        inner,
    }
}

#[rustfmt::skip]
const WRAPPERS: &[Wrapper] = &[
    // Scheduling, limits, environment.
    wrapper("timeout", "-k --kill-after -s --signal", 1, Words),
    wrapper("gtimeout", "-k --kill-after -s --signal", 1, Words),
    wrapper("time", "-f --format -o --output", 0, Words),
    wrapper("nice", "-n --adjustment", 0, Words),
    wrapper("ionice", "-c --class -n --classdata", 0, Words),
    wrapper("chrt", "-T -P -D", 1, Words),
    wrapper("taskset", "", 1, Words),
    wrapper("numactl", "-N -m -C -p -i -l", 0, Words),
    wrapper("nohup", "", 0, Words),
    wrapper("setsid", "", 0, Words),
    wrapper("stdbuf", "-i -o -e --input --output --error", 0, Words),
    wrapper("unbuffer", "", 0, Words),
    wrapper("command", "", 0, Words),
    wrapper("builtin", "", 0, Words),
    wrapper("exec", "-a", 0, Words),
    wrapper("env", "-u --unset -C --chdir -S --split-string", 0, Assignments),
    wrapper("sudo", "-u --user -g --group -h --host -p --prompt -C -D -R -T -U -r -t", 0, Assignments),
    wrapper("doas", "-u -C", 0, Words),
    wrapper("xvfb-run", "-n -e -f -p -s -w --server-num --server-args --error-file --auth-file --wait --xauth-protocol", 0, Words),
    wrapper("caffeinate", "-t -w", 0, Words),
    wrapper("systemd-inhibit", "--what --who --why --mode", 0, Words),
    wrapper("systemd-run", "-u --unit -p --property -E --setenv --uid --gid --slice", 0, Words),
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
    wrapper("doppler run", "-p -c --project --config --command", 0, Words),
    wrapper("infisical run", "--env --path --projectId", 0, Words),
    wrapper("aws-vault exec", "-d --duration", 1, Words),
    wrapper("mise exec", "-C", 0, AfterDashes),
    wrapper("mise x", "-C", 0, AfterDashes),
    wrapper("asdf exec", "", 0, Words),
    wrapper("devbox run", "-c --config -e --env", 0, Words),
    wrapper("nix develop", "", 0, AfterCommand),
    wrapper("nix shell", "", 0, AfterCommand),
    wrapper("nix-shell", "-p -A -E --packages", 0, Words),
    wrapper("script", "-c --command", 0, Words),
    // Python.
    wrapper("uv run", "--with --with-requirements --with-editable --extra --group --python -p --project --directory --env-file --package --index -m --module", 0, Words),
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
    wrapper("npx", "-p --package -c --call", 0, Words),
    wrapper("npm exec", "-p --package -c --call -w --workspace", 0, Words),
    wrapper("npm x", "-p --package -c --call -w --workspace", 0, Words),
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
    wrapper("docker compose run", "-e --env -v --volume -w --workdir -u --user -p --publish --name --entrypoint -f --file", 1, Words),
    wrapper("docker compose exec", "-e --env -w --workdir -u --user --index -f --file", 1, Words),
    wrapper("docker-compose run", "-e --env -v --volume -w --workdir -u --user -p --publish --name --entrypoint -f --file", 1, Words),
    wrapper("docker-compose exec", "-e --env -w --workdir -u --user --index -f --file", 1, Words),
    wrapper("docker exec", "-e --env --env-file -w --workdir -u --user --detach-keys", 1, Words),
    wrapper("docker run", "-a --attach -c --cpu-shares --cpus -e --env --env-file --entrypoint -h --hostname -l --label -m --memory --mount --name --network --platform -p --publish --shm-size -u --user --ulimit -v --volume -w --workdir --gpus --ipc --rm-after --add-host --cap-add --device", 1, Words),
    wrapper("podman exec", "-e --env -w --workdir -u --user", 1, Words),
    wrapper("podman run", "-e --env --env-file --entrypoint -h --hostname -m --memory --mount --name --network -p --publish -u --user -v --volume -w --workdir", 1, Words),
    wrapper("kubectl exec", "-n --namespace -c --container", 0, AfterDashes),
    wrapper("kubectl run", "-n --namespace --image", 0, AfterDashes),
    wrapper("oc exec", "-n --namespace -c --container", 0, AfterDashes),
    wrapper("apptainer exec", "-B --bind --env --pwd", 1, Words),
    wrapper("singularity exec", "-B --bind --env --pwd", 1, Words),
    wrapper("git bisect run", "", 0, Words),
    wrapper("watch", "-n --interval", 0, ShellText),
    wrapper("ssh", "-b -c -D -E -e -F -I -i -J -L -l -m -O -o -p -Q -R -S -W -w", 1, ShellText),
    wrapper("salloc", "-N -n -t -p -c -G -A -J --nodes --ntasks --time --partition --gres --account", 0, Words),
    wrapper("wsl", "-d --distribution -u --user", 0, Words),
    // One command for many inputs.
    wrapper("xargs", "-a -d -E -I -L -n -P -s --arg-file --delimiter --max-args --max-procs --max-lines --replace", 0, Words),
    wrapper("parallel", "-j --jobs -a --arg-file -N -n --delay --timeout --joblog --results -S", 0, Words),
    wrapper("find", "", 0, Exec),
    wrapper("fd", "", 0, Exec),
    // Interpreters.
    wrapper("python", "-W -X --check-hash-based-pycs", 0, Script),
    wrapper("bash", "-o -O +o +O --rcfile --init-file", 0, Script),
    wrapper("sh", "-o +o", 0, Script),
    wrapper("zsh", "-o +o", 0, Script),
    wrapper("dash", "-o +o", 0, Script),
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

/// Options before the subcommand that take the next word: `make -C dir test` means `make test`.
#[rustfmt::skip]
const GLOBAL_OPTIONS: &[(&str, &str)] = &[
    ("make", "-C --directory -f --file -I -W -o"),
    ("gmake", "-C --directory -f --file -I -W -o"),
    ("ninja", "-C -f -l -k -d -w"),
    ("npm", "--prefix -C -w --workspace"),
    ("pnpm", "-C --dir --filter -F"),
    ("yarn", "--cwd"),
    ("bun", "--cwd"),
    ("git", "-C -c --git-dir --work-tree"),
    ("cargo", "--config -Z -C --color --manifest-path"),
    ("go", "-C"),
    ("docker", "-H --host -c --context --config -l --log-level"),
    ("docker compose", "-f --file -p --project-name --profile --env-file --project-directory"),
    ("docker-compose", "-f --file -p --project-name --profile --env-file --project-directory"),
    ("kubectl", "-n --namespace --context --kubeconfig"),
    ("helm", "-n --namespace --kube-context --kubeconfig"),
    ("terraform", ""),
    ("aws", "--profile --region --output --endpoint-url"),
    ("gcloud", "--project --account"),
    ("uv", "--project --directory --config-file"),
    ("poetry", "-C -P --directory --project"),
    ("gradle", "-p --project-dir -b --build-file -g -I"),
    ("gradlew", "-p --project-dir -b --build-file -g -I"),
    ("mvn", "-f --file -pl --projects -s --settings -P --activate-profiles -T --threads"),
    ("mvnw", "-f --file -pl --projects -s --settings -P --activate-profiles -T --threads"),
    ("just", "-f --justfile -d --working-directory"),
    ("task", "-d --dir -t --taskfile"),
    ("bazel", ""),
    ("turbo", "--cwd"),
    ("nx", ""),
    ("dotnet", ""),
    ("rake", "-f --rakefile -C --directory"),
    ("composer", "-d --working-dir"),
    ("flutter", "-d --device-id"),
    ("celery", "-A --app -b --broker --workdir"),
    ("flask", "-A --app -e --env-file"),
    ("airflow", ""),
    ("dbt", "--project-dir --profiles-dir --profile --target"),
    ("vagrant", ""),
    ("nix", ""),
    ("stack", "--stack-yaml --resolver"),
    ("swift", "--package-path"),
    ("conda", ""),
    ("gsutil", "-o -h"),
    ("rails", ""),
    ("dotenv", "-f --file -q -e --export"),
];

/// When the environment of a wrapper doesn't get to the program inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ends {
    Always,
    /// With one of these options, one space between.
    With(&'static str),
    /// Without all of these options.
    Without(&'static str),
}

#[rustfmt::skip]
const ENVIRONMENT_ENDS: &[(&str, Ends)] = &[
    ("env", Ends::With("-i - --ignore-environment")),
    ("sudo", Ends::Without("-E --preserve-env")),
    ("doas", Ends::Always),
    ("docker compose run", Ends::Always),
    ("docker compose exec", Ends::Always),
    ("docker-compose run", Ends::Always),
    ("docker-compose exec", Ends::Always),
    ("docker exec", Ends::Always),
    ("docker run", Ends::Always),
    ("podman exec", Ends::Always),
    ("podman run", Ends::Always),
    ("kubectl exec", Ends::Always),
    ("kubectl run", Ends::Always),
    ("oc exec", Ends::Always),
    ("ssh", Ends::Always),
    ("wsl", Ends::Always),
    ("systemd-run", Ends::Always),
    ("nix develop", Ends::With("-i --ignore-environment")),
    ("nix-shell", Ends::With("--pure")),
    ("python", Ends::With("-E -I")),
];

/// The wrapper's name, where the environment ends at it. `rest`: the words after its name.
pub(super) fn ends_environment(wrapper: &Wrapper, rest: &[String]) -> Option<&'static str> {
    let (name, ends) = ENVIRONMENT_ENDS
        .iter()
        .find(|(name, _)| *name == wrapper.name)?;
    let options = rest.iter().take_while(|word| word.starts_with('-'));
    let mut options = options.map(|word| word.split('=').next().unwrap_or(word));
    let ended = match ends {
        Ends::Always => true,
        Ends::With(list) => options.any(|option| has_word(list, option)),
        Ends::Without(list) => !options.any(|option| has_word(list, option)),
    };
    ended.then_some(name)
}

/// Wrappers that some client version sees through when it compares a rule with a command (measured, 2.1.20 to
/// 2.1.331, for the first half; the others to be on the safe side). A rule that begins with one of them matches the
/// command only as it stands.
#[rustfmt::skip]
const SEEN_THROUGH: &[&str] = &[
    "timeout", "time", "nice", "nohup", "stdbuf",
    "builtin", "chrt", "command", "doas", "env", "exec", "gtimeout", "ionice", "noglob", "numactl", "setsid", "sudo",
    "taskset", "unbuffer", "xargs",
];

/// Whether some client version sees through `program`.
pub(crate) fn is_seen_through(program: &str) -> bool {
    SEEN_THROUGH.contains(&program)
}

fn has_word(list: &str, word: &str) -> bool {
    !word.is_empty() && list.split(' ').any(|entry| entry == word)
}

impl Wrapper {
    /// Whether the option `word` takes the next word as its value.
    pub(super) fn takes_value(&self, word: &str) -> bool {
        has_word(self.values, word)
    }
}

/// The wrapper that `words` calls, and how many of the words name it.
/// The longest name wins: `docker compose run` before `docker run`.
pub(super) fn find(words: &[String]) -> Option<(&'static Wrapper, usize)> {
    let program = interpreter_name(crate::shell::word::base_name(words.first()?));
    WRAPPERS
        .iter()
        .filter_map(|wrapper| Some((wrapper, named_by(wrapper.name, program, words)?)))
        .max_by_key(|(wrapper, _)| wrapper.name.split(' ').count())
}

/// `python` for `python3.12`, `pypy3` and `$PYTHON`, else the name itself.
pub(super) fn interpreter_name(program: &str) -> &str {
    // `$PYTHON`, `${PY}`, `$(which python3)`
    if program.starts_with('$') && program.to_ascii_lowercase().contains("py") {
        return "python";
    }
    let bare = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
    match bare {
        "python" | "pypy" | "pythonw" => "python",
        _ => program,
    }
}

/// How many of `words` it takes to spell `name`, global options between its parts allowed.
fn named_by(name: &str, program: &str, words: &[String]) -> Option<usize> {
    let mut parts = name.split(' ');
    if parts.next()? != program {
        return None;
    }
    let mut said = program.to_owned();
    let mut at = 1;
    for part in parts {
        at = skip_global_options(&said, words, at);
        if words.get(at)? != part {
            return None;
        }
        said = format!("{said} {part}");
        at += 1;
    }
    Some(at)
}

/// The index of the first word from `at` on that isn't a global option of `program` or its value.
fn skip_global_options(program: &str, words: &[String], mut at: usize) -> usize {
    let Some((_, values)) = GLOBAL_OPTIONS.iter().find(|(name, _)| *name == program) else {
        return at;
    };
    while let Some(word) = words.get(at) {
        let toolchain = program == "cargo" && word.starts_with('+');
        if !toolchain && (!word.starts_with('-') || word == "-" || word == "--") {
            break;
        }
        at += if has_word(values, word) { 2 } else { 1 };
    }
    at
}

/// The words without the program's global options, where there are any: `npm --prefix web run build` gives
/// `npm run build`.
pub(super) fn without_global_options(words: &[String]) -> Option<Vec<String>> {
    let program = crate::shell::word::base_name(words.first()?);
    if interpreter_name(program) == "python" {
        return without_interpreter_options(program, words);
    }
    let mut kept = vec![program.to_owned()];
    let mut said = program.to_owned();
    let mut at = 1;
    let mut skipped = false;
    loop {
        let next = skip_global_options(&said, words, at);
        skipped |= next > at;
        at = next;
        let Some(word) = words.get(at) else { break };
        said = format!("{said} {word}");
        if !GLOBAL_OPTIONS.iter().any(|(name, _)| *name == said) {
            break;
        }
        kept.push(word.clone());
        at += 1;
    }
    kept.extend(words.get(at..).unwrap_or_default().iter().cloned());
    skipped.then_some(kept)
}

/// `python -m x` for `python -u -X dev -m x`.
fn without_interpreter_options(program: &str, words: &[String]) -> Option<Vec<String>> {
    let mut at = 1;
    while let Some(word) = words.get(at) {
        let changes_nothing = word.strip_prefix('-').is_some_and(|letters| {
            !letters.is_empty()
                && letters
                    .bytes()
                    .all(|letter| b"bBdEIiOPqRsSuvx".contains(&letter))
        });
        match word.as_str() {
            "-W" | "-X" => at += 2,
            _ if changes_nothing || word.starts_with("-W") || word.starts_with("-X") => at += 1,
            _ => break,
        }
    }
    let rest = words.get(at..).unwrap_or_default().iter().cloned();
    (at > 1).then(|| std::iter::once(program.to_owned()).chain(rest).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn the_longest_name_wins() {
        let (wrapper, named) = find(&words("docker compose -f x.yml run --rm web pytest")).unwrap();
        assert_eq!((wrapper.name, named), ("docker compose run", 5));
        assert_eq!(find(&words("python3.12 x.py")).unwrap().0.name, "python");
        assert_eq!(find(&words("$PYTHON x.py")).unwrap().0.name, "python");
        assert!(find(&words("pytest -x")).is_none());
    }

    #[test]
    fn global_options_go() {
        for (from, to) in [
            ("make -C sub -j8 test", Some("make test")),
            ("npm --prefix web run build", Some("npm run build")),
            ("cargo +nightly test", Some("cargo test")),
            ("docker compose -f a.yml up", Some("docker compose up")),
            (
                "docker --context x compose -f a.yml up",
                Some("docker compose up"),
            ),
            ("go -C x test ./...", Some("go test ./...")),
            (
                "python -u -W ignore -X dev -m a.cli train",
                Some("python -m a.cli train"),
            ),
            ("/usr/bin/python3 -uB x.py", Some("python3 x.py")),
            ("python -c x", None),
            ("python -m x", None),
            ("cargo test", None),
            ("pytest -x", None),
        ] {
            let stripped = without_global_options(&words(from)).map(|words| words.join(" "));
            assert_eq!(stripped.as_deref(), to, "{from}");
        }
    }
}
