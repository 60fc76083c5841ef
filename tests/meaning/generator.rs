//! Generates random commands like those of people and agents, and unusual syntax.

use proptest::prelude::*;
use proptest::sample::select;

#[rustfmt::skip]
const PROGRAMS: &[&str] = &[
    "pytest", "pytest -x", "python train.py", "python3 -m x.train", "python -E a.py", "make -j2", "cargo test", "npm test",
    "uv run pytest", "timeout 60 pytest", "timeout -k 5 60 nice -n 5 make", "env A=1 pytest", "env -i A=1 python a.py",
    "sudo pytest", "sudo python a.py", "FOO=1 pytest", "FOO=$X BAR='a b' pytest", "conda run -n a python x.py",
    "docker exec c python x.py", "bash -c 'pytest -x'", "./run.sh", "BG_RUN=on ./run.sh", "BG_RUN=on FOO=1 make",
    "command pytest", "\\pytest", "'pytest'", "py\"test\"", "$T -x", "\"$T\"", "! pytest", "time pytest", "time -p make",
    "exec pytest", "PYTHONUNBUFFERED=1 pytest", "PYTHONUNBUFFERED= pytest",
    // Images and values with an interpreter's name.
    "docker run --rm --net host python pytest", "docker run --rm --net host python python a.py",
    "docker run --new-option x python a.py", "docker run $X python a.py", "docker run -it -e A=1 img python a.py",
    "docker exec -u python c python a.py", "sudo -u python python a.py", "env -u python python a.py",
    "timeout -s python 60 python a.py", "timeout --new-option python 60 python a.py", "nice -n 5 python a.py",
    "uv run --with python python a.py", "uv run --new-option python a.py", "timeout $X python a.py",
];

#[rustfmt::skip]
const QUICK: &[&str] = &[
    "echo hi", "cat in", "ls", "true", "false", "cd sub", "X=5", "X=$(pytest)", "arr=(a \"b c\" $X)", "read X <in",
    "export Y=1", "printf '%s\\n' a b", "[[ -n $X ]]", "((X++))", "test -f log", "set -e", "set -o pipefail", "echo $?",
    "echo \"${PIPESTATUS[@]}\"", "trap 'echo bye' EXIT", "wait", ":", "X=1 Y=2", "unset X", "declare -A m=([a]=1)",
    "echo \"$(pytest -q)\"", "echo `make`", "return 3", "exit 3", "local z=1", "shift",
];

#[rustfmt::skip]
const WORDS: &[&str] = &[
    "", "", "", " -q", " \"a b\"", " 'é ü'", " $X", " \"$X\"", " $(date)", " `date`", " \"${arr[@]}\"", " *.txt", " ~",
    " a\\ b", " $'t\\tb'", " {1,2}", " $((1+2))", " \"$(pytest -q)\"", " <(make)", " \\\n  -k x", " \"it's\"", " '#no'",
    " a#b", " \"x > y\"", " '2>&1'", " ''", " \"\"", " \"$(echo \"a )\")\"", " ${X:-y z}", " --", " -", " \"\\\"\"",
];

#[rustfmt::skip]
const REDIRECTIONS: &[&str] = &[
    "", "", "", "", " 2>&1", " >log@", " >log@ 2>&1", " 2>&1 >log@", " 2>err@", " &>all@", " &>>all@", " >>log", " <in",
    " 2>/dev/null", " <<<x", " 3>&1", " >&2", " 1>&2", " >|log", " {fd}>x", " <<<\"$(make)\"", " 3<in", " 2>&1 2>err@",
    " >'a b'",
];

#[rustfmt::skip]
const HEREDOCS: &[&str] = &[
    "pytest <<'E'\na $X `b`\nE\n", "pytest -x <<E 2>&1\na $X\nE\n", "cat <<-E | pytest\n\tx\n\tE\n",
    "pytest <<E && make\nx\nE\n", "python train.py <<A <<B\n1\nA\n2\nB\n", "pytest <<'E' | tail -3\nx\nE\n",
    "pytest <<E # note\nx\nE\n", "cat >out.sh <<'E'\npytest\nE\n",
];

#[rustfmt::skip]
const FILTERS: &[&str] = &[
    "grep E", "grep -v 'a b'", "rg E", "sed s/a/b/", "sed -n 1,5p", "cut -c1-9", "tr a b", "uniq -c", "sort", "wc -l",
    "tee log@", "tee -a log@", "tail -5", "tail -n 3", "tail", "tail -n +2", "tail -f", "head -3", "jq .a",
    "awk '{print $1}'", "LC_ALL=C grep E", "cat", "while read -r l; do echo \"$l\"; done", "{ cat; }", "(grep E)",
    "python - 2>&1", "grep E >log@", "grep E 2>err@", "tail -5 >log@", "grep -v PASSED", "grep s", "sed -n '/says/p'",
    "awk '{print $2}'", "sub/tail -5", "./tail -5", "PATH=$PWD/sub:$PATH tail -5", "timeout 5 grep s", "nice sed s/s/t/",
    "sudo grep s", "docker exec c grep s", "xargs grep s <in",
];

fn simple() -> impl Strategy<Value = String> {
    let long = (
        select(PROGRAMS),
        select(WORDS),
        select(WORDS),
        select(REDIRECTIONS),
    )
        .prop_map(|(program, a, b, redirection)| format!("{program}{a}{b}{redirection}"));
    prop_oneof![
        6 => long,
        2 => select(QUICK).prop_map(str::to_owned),
        1 => select(HEREDOCS).prop_map(str::to_owned),
    ]
}

fn piped(inner: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    let joints = select(&[" | ", " | ", " |& ", " |\n", " | # note\n"][..]);
    (
        inner,
        prop::collection::vec((joints, select(FILTERS)), 1..3),
    )
        .prop_map(|(first, filters)| {
            // A heredoc's body and a comment end with the line, so any continuation must come before.
            if first.contains('\n') || first.contains(" #") {
                return first;
            }
            let filters = filters
                .into_iter()
                .map(|(joint, filter)| format!("{joint}{filter}"));
            format!("{first}{}", filters.collect::<String>())
        })
}

fn join(a: &str, joint: &str, b: &str) -> String {
    if a.ends_with('\n') || a.contains('#') {
        format!("{}\n{b}", a.trim_end_matches('\n'))
    } else {
        format!("{a}{joint}{b}")
    }
}

/// Generates a script that ends with `wait`, so that processes started by `&` have ended.
pub(crate) fn script() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![3 => simple(), 2 => piped(simple())];
    let script = leaf.prop_recursive(4, 16, 3, |inner| {
        let joints = select(&[" && ", " && ", " || ", "; ", "\n", " &&\n", " & ", " # note\n", "\n# a comment\n"][..]);
        let frames = select(
            &[
                ("(", ")"),
                ("(cd sub; ", ")"),
                ("{ ", "}"),
                ("if ", "then echo yes; else echo no; fi"),
                ("if true; then ", "fi"),
                ("for i in 1 2; do ", "done"),
                ("for i in \"${arr[@]}\" $X a; do ", "done"),
                ("n=0; while ((n++ < 2)); do ", "done"),
                ("while read -r l; do ", "done <in"),
                ("until true; do ", "done"),
                ("f() {\n", "}\nf a"),
                ("function g {\n", "}"),
                ("x=$(", ")"),
                ("echo \"$(", ")\""),
                ("(", ") 2>&1"),
                ("{ ", "} >all@ 2>&1"),
                ("case $X in 5) ", ";; *) echo no;; esac"),
                ("case a in a|b) ", ";; esac"),
                ("(", ") | tail -3"),
                ("{ ", "} | tee log@"),
                ("! { ", "}"),
                ("time { ", "}"),
                ("eval '", "'"),
                ("( ", ") &"),
                ("coproc { ", "} <in"),
            ][..],
        );
        prop_oneof![
            3 => (inner.clone(), joints, inner.clone()).prop_map(|(a, joint, b)| join(&a, joint, &b)),
            2 => (frames, inner.clone()).prop_map(|((open, close), inner)| {
                if open.starts_with("eval") && inner.contains('\'') {
                    return inner;
                }
                format!("{open}{inner}\n{close}")
            }),
            1 => piped(inner),
        ]
    });
    (
        select(
            &[
                "",
                "",
                "T=pytest X=5; ",
                "set -e; ",
                "set -o pipefail\n",
                "# first\n",
                "tail() { cat >kept; }; ",
                "grep() { cat >kept; }; ",
                "PATH=$PWD/sub:$PATH; ",
                "export PATH=$PWD/sub:$PATH\n",
                "alias tail=cat; ",
                "command exec 2>moved; ",
                "eval 'exec 2>moved'; ",
                ". ./start; ",
            ][..],
        ),
        script,
    )
        .prop_map(|(start, script)| own_files(&format!("{start}{script}\nwait")))
}

/// Numbers the files, because two commands of a pipeline write the same file in any order.
fn own_files(script: &str) -> String {
    let mut parts = script.split('@');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.enumerate().fold(first, |text, (at, part)| {
        // `"${arr[@]}"` is no file.
        let kept = if text.ends_with('[') {
            "@".to_owned()
        } else {
            at.to_string()
        };
        text + &kept + part
    })
}
