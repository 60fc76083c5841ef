//! Options in front of a subcommand, and bundles of short options.

use super::names::{interpreter_name, program_name};

/// Whether `word` is in `list`, whose words are separated by one space.
pub(super) fn has_word(list: &str, word: &str) -> bool {
    !word.is_empty() && list.split(' ').any(|entry| entry == word)
}

/// Whether `word` is one of the options in `list`, separated by one space, or a bundle that contains a short one.
pub(super) fn has_option(list: &str, word: &str) -> bool {
    let cluster = word.strip_prefix('-').filter(|rest| !rest.starts_with('-'));
    has_word(list, word)
        || list.split(' ').any(|option| {
            let letter = option.strip_prefix('-').filter(|rest| rest.len() == 1);
            letter.is_some_and(|letter| cluster.is_some_and(|cluster| cluster.contains(letter)))
        })
}

/// Options before the subcommand that take the next word as their value: `make -C dir test` means `make test`.
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
    ("cargo", "+ --config -Z -C --color --manifest-path"),
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

/// Short options with a value, for programs that allow bundles: `rsync -avn` is `rsync -a -v -n`.
#[rustfmt::skip]
const SHORT_OPTIONS_WITH_VALUE: &[(&str, &str)] = &[
    ("make", "CEfIjlOoW"),
    ("gmake", "CEfIjlOoW"),
    ("ninja", "Cdfjklw"),
    ("snakemake", "cCdjOPRsUw"),
    ("rsync", "BefMT@"),
    ("just", "dfS"),
    ("rake", "CDefIjprRTWE"),
    ("scons", "CfIjY"),
];

/// Whether these words contain the option with this letter, alone or in a bundle; `None` if the program's options are
/// unknown.
pub(crate) fn has_short_option(words: &[String], letter: char) -> Option<bool> {
    let (program, words) = words.split_first()?;
    let mut rows = SHORT_OPTIONS_WITH_VALUE.iter();
    let (_, with_value) = rows.find(|(name, _)| name == program)?;
    let mut words = words.iter();
    while let Some(word) = words.next() {
        if word == "--" {
            return Some(false);
        }
        let Some(bundle) = word.strip_prefix('-').filter(|rest| !rest.starts_with('-')) else {
            continue;
        };
        // The value is the rest of the word, or the next word.
        let value = bundle.find(|one| with_value.contains(one));
        let flags = bundle
            .get(..value.unwrap_or(bundle.len()))
            .unwrap_or_default();
        if flags.contains(letter)
            || value.is_some_and(|at| {
                bundle
                    .get(at..)
                    .is_some_and(|rest| rest.starts_with(letter))
            })
        {
            return Some(true);
        }
        if value.is_some_and(|at| at + 1 == bundle.len()) && !is_optional(program, bundle) {
            words.next();
        }
    }
    Some(false)
}

/// Whether the option at the end of this bundle has an optional value, so that the next word may be another option.
fn is_optional(program: &str, bundle: &str) -> bool {
    bundle.ends_with(['j', 'l', 'O', 'c'])
        && matches!(program, "make" | "gmake" | "rake" | "snakemake")
}

/// Returns the number of `words` that spell `name`, including global options between its parts.
pub(super) fn named_by(name: &str, program: &str, words: &[String]) -> Option<usize> {
    let rest = name.strip_prefix(program)?;
    if !rest.is_empty() && !rest.starts_with(' ') {
        return None;
    }
    let parts = rest.split(' ').skip(1);
    let mut name_so_far = program.to_owned();
    let mut at = 1;
    for part in parts {
        at = skip_global_options(&name_so_far, words, at);
        if words.get(at)? != part {
            return None;
        }
        name_so_far = format!("{name_so_far} {part}");
        at += 1;
    }
    Some(at)
}

/// Options without a value that programs commonly accept before a subcommand.
const GLOBAL_FLAGS: &str = "-q --quiet -v --verbose --silent";

/// Whether all options among the words of a name are known, so that the subcommand isn't an option's value.
pub(super) fn knows_options_before(words: &[String]) -> bool {
    let Some((first, rest)) = words.split_first() else {
        return true;
    };
    let program = program_name(first);
    let of_program = |name: &str| name.split(' ').next() == Some(program);
    rest.iter()
        .filter(|word| word.starts_with('-'))
        .all(|word| {
            let mut rows = GLOBAL_OPTIONS.iter().filter(|(name, _)| of_program(name));
            word.contains('=')
                || has_word(GLOBAL_FLAGS, word)
                || rows.any(|(_, values)| has_word(values, word))
        })
}

/// Returns the index of the first word from `at` on that is neither a global option of `program` nor its value.
fn skip_global_options(program: &str, words: &[String], mut at: usize) -> usize {
    let Some((_, values)) = GLOBAL_OPTIONS.iter().find(|(name, _)| *name == program) else {
        return at;
    };
    while let Some(word) = words.get(at) {
        let toolchain = has_word(values, "+") && word.starts_with('+');
        if !toolchain && (!word.starts_with('-') || word == "-" || word == "--") {
            break;
        }
        at += if has_word(values, word) { 2 } else { 1 };
    }
    at
}

/// Returns the words without the program's global options, if there are any: `npm --prefix web run build` becomes `npm
/// run build`.
pub(super) fn without_global_options(words: &[String]) -> Option<Vec<String>> {
    let program = program_name(words.first()?);
    if interpreter_name(program) == "python" {
        return without_interpreter_options(program, words);
    }
    let mut kept = vec![program.to_owned()];
    let mut name_so_far = program.to_owned();
    let mut at = 1;
    let mut skipped = false;
    loop {
        let next = skip_global_options(&name_so_far, words, at);
        skipped |= next > at;
        at = next;
        let Some(word) = words.get(at) else { break };
        name_so_far = format!("{name_so_far} {word}");
        if !GLOBAL_OPTIONS.iter().any(|(name, _)| *name == name_so_far) {
            break;
        }
        kept.push(word.clone());
        at += 1;
    }
    kept.extend(words.get(at..).unwrap_or_default().iter().cloned());
    skipped.then_some(kept)
}

/// Turns `python -u -X dev -m x` into `python -m x`.
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

    #[test]
    fn short_options_are_read_as_the_program_reads_them() {
        for (command, letter, expected) in [
            ("snakemake -np", 'n', Some(true)),
            ("snakemake -npr", 'n', Some(true)),
            ("snakemake -j -n", 'n', Some(true)),
            ("rsync -navz a b", 'n', Some(true)),
            ("rsync -avz a b", 'n', Some(false)),
            ("rsync -Tn a b", 'n', Some(false)),
            ("rsync -e -n a b", 'n', Some(false)),
            ("rsync a b -- -n", 'n', Some(false)),
            ("make -kn", 'n', Some(true)),
            ("make -Cn all", 'n', Some(false)),
            ("make -C n all", 'n', Some(false)),
            ("make -j -n", 'n', Some(true)),
            ("make -j4n", 'n', Some(false)),
            ("make --no-print-directory all", 'n', Some(false)),
            ("ninja -t clean", 't', Some(true)),
            ("go -n", 'n', None),
        ] {
            let words: Vec<String> = command.split(' ').map(ToOwned::to_owned).collect();
            assert_eq!(has_short_option(&words, letter), expected, "{command}");
        }
    }

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn global_options_are_removed() {
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
