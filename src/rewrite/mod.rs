//! Edits that make a call's output visible at once: unbuffered, with both streams in one file, and without filters
//! that delay it. Each edit is an insertion or a deletion at an exact span. An edit is left out, with the reason, if
//! it would change the command's meaning or the user's permissions.

mod check;
mod edits;
mod input;
mod marker;
mod name_meaning;
mod plan;
mod python_option;
mod tail;
mod zsh_differences;

pub use edits::{EditKind, LeftOut, PlannedEdit};
pub use input::{EditSet, RewriteContext, RewriteInput};

use crate::claude::permissions::PermissionRules;
use crate::shell::{self, Edit, own_logs};

/// A command after its edits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rewrite {
    /// The command to run.
    pub command: String,
    /// The edits, in the order of the text.
    pub edits: Vec<PlannedEdit>,
    /// Possible edits that aren't made.
    pub left_out: Vec<LeftOut>,
    /// The removed `| tail …`.
    pub dropped_tails: Vec<String>,
    /// The logs that the command writes itself; see [`own_logs`].
    pub own_logs: Vec<String>,
}

/// Removes the markers unless a rule concerns them, and changes nothing else.
pub fn without_markers(input: RewriteInput<'_>, permissions: &PermissionRules) -> Rewrite {
    match marker::reason_to_keep(input, permissions) {
        Some(left) => unchanged(input, vec![left]),
        None => finish(input, marker_edits(input), Vec::new()),
    }
}

fn unchanged(input: RewriteInput<'_>, left_out: Vec<LeftOut>) -> Rewrite {
    Rewrite {
        command: input.source.to_owned(),
        left_out,
        ..Rewrite::default()
    }
}

fn marker_edits(input: RewriteInput<'_>) -> Vec<PlannedEdit> {
    let edits = input.markers.iter().map(|span| PlannedEdit {
        kind: EditKind::TakeOutMarker,
        edit: Edit::deletion(*span),
    });
    edits.collect()
}

/// Plans and makes the edits for the simple commands at the indices `targets`.
pub fn rewrite(input: RewriteInput<'_>, targets: &[usize], context: RewriteContext<'_>) -> Rewrite {
    let rewrite = if let Some(left) = marker::reason_to_keep(input, context.permissions) {
        unchanged(input, vec![left])
    } else {
        let (mut edits, left_out) = plan::plan(input, targets, context);
        edits.extend(marker_edits(input));
        finish(input, edits, left_out)
    };
    Rewrite {
        own_logs: own_logs(input.script, targets),
        ..rewrite
    }
}

/// Applies the edits and compares the result with the plan.
fn finish(
    input: RewriteInput<'_>,
    mut edits: Vec<PlannedEdit>,
    mut left_out: Vec<LeftOut>,
) -> Rewrite {
    edits.sort_by_key(|planned| planned.edit.span);
    let apply = |edits: &[PlannedEdit]| {
        let bare: Vec<Edit> = edits.iter().map(|planned| planned.edit.clone()).collect();
        shell::apply(input.source, &bare).filter(|text| check::is_as_planned(input, edits, text))
    };
    let mut command = apply(&edits);
    if command.is_none() {
        let (markers, others): (Vec<_>, Vec<_>) = edits
            .into_iter()
            .partition(|planned| planned.kind == EditKind::TakeOutMarker);
        left_out.extend(others.into_iter().map(|planned| LeftOut {
            kind: planned.kind,
            why: "the edited command would not parse as expected".to_owned(),
        }));
        command = apply(&markers);
        edits = markers;
    }
    let Some(command) = command else {
        return unchanged(input, left_out);
    };
    let dropped_tails = edits
        .iter()
        .filter(|planned| planned.kind == EditKind::DropTail)
        .filter_map(|planned| {
            input
                .source
                .get(planned.edit.span.start..planned.edit.span.end)
        })
        .map(|text| text.trim().to_owned())
        .collect();
    Rewrite {
        command,
        edits,
        left_out,
        dropped_tails,
        own_logs: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::edits::TOO_MUCH;
    use super::*;
    use crate::programs::{CommandForms, GnuTools};
    use serde_json::json;

    /// Rewrites a source; the target is the first command whose program is `pytest`, `python` or a wrapper of it.
    fn rewritten(source: &str) -> String {
        rewritten_with(source, &[]).command
    }

    fn rewritten_with(source: &str, allow: &[&str]) -> Rewrite {
        let mut permissions = PermissionRules::default();
        let allow: Vec<String> = allow.iter().map(|rule| format!("Bash({rule})")).collect();
        permissions.add_settings(&json!({"permissions": {"allow": allow}}));
        rewritten_under(source, &permissions)
    }

    fn rewritten_under(source: &str, permissions: &PermissionRules) -> Rewrite {
        let script = shell::parse(source).expect(source);
        let targets: Vec<usize> = (0..script.simple_commands.len())
            .filter(|&index| {
                let words = &script.simple_commands[index].words;
                words.iter().any(|word| {
                    matches!(
                        word.text().as_str(),
                        "pytest" | "./pytest" | "python" | "make"
                    )
                })
            })
            .collect();
        let input = RewriteInput {
            source,
            script: &script,
            markers: &[],
        };
        let context = RewriteContext {
            wanted: EditSet::All,
            permissions,
            python_unbuffered: None,
            forms: &CommandForms::of_all(&script, &[]),
            tools: &GnuTools,
        };
        rewrite(input, &targets, context)
    }

    #[test]
    fn hidden_rules_prevent_all_edits() {
        let mut permissions = PermissionRules::default();
        permissions.record_hidden_rules("there may be more".to_owned());
        for source in ["pytest -x", "cd prod && pytest", "A=1 pytest | tail -5"] {
            let rewrite = rewritten_under(source, &permissions);
            assert_eq!(rewrite.command, source);
            let why = "permission rules may be hidden: there may be more";
            assert!(rewrite.left_out.iter().all(|left| left.why == why));
            assert_eq!(rewrite.left_out.len(), 2, "{:?}", rewrite.left_out);
        }
    }

    #[test]
    fn too_many_rules_prevent_all_edits() {
        let mut permissions = PermissionRules::default();
        for number in 0..5000 {
            let rule = format!("Bash(*t*t*t*{number}*t*t*t)");
            permissions.add(crate::claude::permissions::List::Allow, &rule);
        }
        let source = "timeout 9 pytest -x tests/test_a.py; ".repeat(20);
        let rewrite = rewritten_under(&source, &permissions);
        assert_eq!(rewrite.command, source);
        assert!(rewrite.left_out.iter().all(|left| left.why == TOO_MUCH));
        let short = rewritten_under("pytest -x", &permissions);
        assert_ne!(short.command, "pytest -x");
    }

    #[test]
    fn an_expansion_is_compared_literally() {
        for (source, allow, expected) in [
            ("pytest -k $A", "pytest -k $A", "pytest -k $A"),
            (
                "pytest \"${A:-1}\"",
                "pytest \"${A:-1}\"",
                "pytest \"${A:-1}\"",
            ),
            (
                "python x.py {1,2}",
                "python x.py {1,2}",
                "python x.py {1,2}",
            ),
            ("cd a && pytest $A", "pytest $A", "cd a && pytest $A"),
            (
                "P=\"/p\" pytest \"$P\" -q",
                "P=\"/p\" pytest \"$P\" -q",
                "P=\"/p\" pytest \"$P\" -q",
            ),
            (
                "pytest -k $A",
                "npm:*",
                "PYTHONUNBUFFERED=1 pytest -k $A 2>&1",
            ),
            ("pytest -k $A", "pytest:*", "pytest -k $A 2>&1"),
        ] {
            let rewrite = rewritten_with(source, &[allow]);
            assert_eq!(rewrite.command, expected, "{source} with {allow}");
        }
    }

    #[test]
    fn edits_go_to_the_exact_command() {
        for (source, expected) in [
            ("pytest", "PYTHONUNBUFFERED=1 pytest 2>&1"),
            (
                "cd src && pytest -x",
                "cd src && PYTHONUNBUFFERED=1 pytest -x 2>&1",
            ),
            (
                "cd src && pytest -x | tee log",
                "cd src && PYTHONUNBUFFERED=1 pytest -x | tee log",
            ),
            (
                "for i in 1 2; do pytest; done",
                "for i in 1 2; do PYTHONUNBUFFERED=1 pytest 2>&1; done",
            ),
            (
                "python -m train <<'EOF'\nx\nEOF\n",
                "PYTHONUNBUFFERED=1 python -u -m train 2>&1 <<'EOF'\nx\nEOF\n",
            ),
            ("pytest # note", "PYTHONUNBUFFERED=1 pytest # note"),
            (
                "timeout 600 uv run python -m a.train --epochs 10",
                "PYTHONUNBUFFERED=1 timeout 600 uv run python -u -m a.train --epochs 10 2>&1",
            ),
            ("FOO=1 pytest <in", "PYTHONUNBUFFERED=1 FOO=1 pytest <in"),
            ("pytest 2>&1", "PYTHONUNBUFFERED=1 pytest 2>&1"),
            (
                "pytest 2>/dev/null",
                "PYTHONUNBUFFERED=1 pytest 2>/dev/null",
            ),
            ("pytest > log", "PYTHONUNBUFFERED=1 pytest > log"),
            ("(pytest) 2>&1", "(PYTHONUNBUFFERED=1 pytest) 2>&1"),
            ("time pytest", "time pytest 2>&1"),
            ("! pytest", "! PYTHONUNBUFFERED=1 pytest 2>&1"),
            ("x=$(pytest)", "x=$(pytest)"),
            (
                "f() { pytest; }; f",
                "f() { PYTHONUNBUFFERED=1 pytest; }; f",
            ),
            (
                "pytest \\\n  -x \\\n  tests",
                "PYTHONUNBUFFERED=1 pytest \\\n  -x \\\n  tests 2>&1",
            ),
            (
                "PYTHONUNBUFFERED=0 pytest",
                "PYTHONUNBUFFERED=0 pytest 2>&1",
            ),
            // zsh reads these differently.
            ("pytest >&|a", "pytest >&|a"),
            ("coproc name pytest", "coproc name pytest"),
            (
                "echo é && pytest 'ü'",
                "echo é && PYTHONUNBUFFERED=1 pytest 'ü' 2>&1",
            ),
            (">log pytest", ">log PYTHONUNBUFFERED=1 pytest"),
            (
                "pytest;pytest -x",
                "PYTHONUNBUFFERED=1 pytest 2>&1;PYTHONUNBUFFERED=1 pytest -x 2>&1",
            ),
        ] {
            assert_eq!(rewritten(source), expected, "{source}");
        }
    }

    const TAILS: &[(&str, &str)] = &[
        ("pytest | tail -20", "PYTHONUNBUFFERED=1 pytest 2>&1"),
        ("pytest 2>&1 | tail -n 20", "PYTHONUNBUFFERED=1 pytest 2>&1"),
        (
            "cd a && pytest -x 2>&1 | tail -20",
            "cd a && PYTHONUNBUFFERED=1 pytest -x 2>&1",
        ),
        ("pytest | tail", "PYTHONUNBUFFERED=1 pytest 2>&1"),
        (
            "pytest | tail -20; echo done",
            "PYTHONUNBUFFERED=1 pytest | tail -20; echo done",
        ),
        (
            "pytest | grep -v x | tail -5",
            "PYTHONUNBUFFERED=1 pytest | grep -v x | tail -5",
        ),
        (
            "echo a; cd b || exit; pytest -x | tail -5",
            "echo a; cd b || exit; PYTHONUNBUFFERED=1 pytest -x 2>&1",
        ),
        (
            "pytest 2>&1 | tee log | tail -5",
            "PYTHONUNBUFFERED=1 pytest 2>&1 | tee log",
        ),
        (
            "pytest 2>&1 | tail -5 || true",
            "PYTHONUNBUFFERED=1 pytest 2>&1 || true",
        ),
        (
            "pytest | tail -5 || :",
            "PYTHONUNBUFFERED=1 pytest 2>&1 || :",
        ),
        (
            "pytest | tail -5 || x",
            "PYTHONUNBUFFERED=1 pytest | tail -5 || x",
        ),
        (
            "pytest | tail -5 &",
            "PYTHONUNBUFFERED=1 pytest | tail -5 &",
        ),
        (
            "pytest <<'E' 2>&1 | tail -5\nx\nE",
            "PYTHONUNBUFFERED=1 pytest <<'E' 2>&1\nx\nE",
        ),
        // A subshell stays one.
        (
            "(cd a && pytest) 2>&1 | tail -5; touch m",
            "(cd a && PYTHONUNBUFFERED=1 pytest) 2>&1; touch m",
        ),
        (
            "(cd a && pytest) 2>&1 | tail -5; echo $status",
            "(cd a && PYTHONUNBUFFERED=1 pytest) 2>&1 | tail -5; echo $status",
        ),
        // Commands that the shell itself would run without the pipe.
        (
            "{ cd a; pytest; } | tail -5",
            "{ cd a; PYTHONUNBUFFERED=1 pytest; } | tail -5",
        ),
        (
            "for d in a b; do cd $d; pytest; done | tail -5",
            "for d in a b; do cd $d; PYTHONUNBUFFERED=1 pytest; done | tail -5",
        ),
        (
            "for d in a b; do pytest | tail -5; done",
            "for d in a b; do PYTHONUNBUFFERED=1 pytest | tail -5; done",
        ),
        (
            "if a; then pytest | tail -5; fi",
            "if a; then PYTHONUNBUFFERED=1 pytest | tail -5; fi",
        ),
        (
            "pytest() { x; }; pytest | tail -5",
            "pytest() { x; }; PYTHONUNBUFFERED=1 pytest | tail -5",
        ),
        (
            "command pytest | tail -5",
            "PYTHONUNBUFFERED=1 command pytest | tail -5",
        ),
        // zsh writes to both the file and the pipe.
        (
            "pytest > log 2>&1 | tail -5",
            "PYTHONUNBUFFERED=1 pytest > log 2>&1 | tail -5",
        ),
        (
            "pytest 2>&1 >/dev/null | tail -2",
            "PYTHONUNBUFFERED=1 pytest 2>&1 >/dev/null | tail -2",
        ),
        // No redirection may end up right before a comment.
        (
            "pytest -x | tail -5 # last",
            "PYTHONUNBUFFERED=1 pytest -x # last",
        ),
        (
            "pytest -x 2>&1 | tail -5 # last",
            "PYTHONUNBUFFERED=1 pytest -x 2>&1 | tail -5 # last",
        ),
        (
            "pytest | tail -20 && deploy",
            "PYTHONUNBUFFERED=1 pytest | tail -20 && deploy",
        ),
        (
            "pytest | tail -20; echo $?",
            "PYTHONUNBUFFERED=1 pytest | tail -20; echo $?",
        ),
        (
            "set -e; pytest | tail -20",
            "set -e; PYTHONUNBUFFERED=1 pytest | tail -20",
        ),
        (
            "pytest | tail -20 > log",
            "PYTHONUNBUFFERED=1 pytest | tail -20 > log",
        ),
        ("pytest | tail -f", "PYTHONUNBUFFERED=1 pytest | tail -f"),
        (
            "pytest | tail -n +5",
            "PYTHONUNBUFFERED=1 pytest | tail -n +5",
        ),
        (
            "pytest | tail -5 file",
            "PYTHONUNBUFFERED=1 pytest | tail -5 file",
        ),
        ("pytest | head -20", "PYTHONUNBUFFERED=1 pytest | head -20"),
        ("x=$(pytest | tail -1)", "x=$(pytest | tail -1)"),
        (
            "(pytest | tail -5) | wc",
            "(PYTHONUNBUFFERED=1 pytest | tail -5) | wc",
        ),
        (
            "if pytest | tail -5; then a; fi",
            "if PYTHONUNBUFFERED=1 pytest | tail -5; then a; fi",
        ),
        (
            "pytest |& tail -20",
            "PYTHONUNBUFFERED=1 pytest |& tail -20",
        ),
        // A `tail` that isn't the system's.
        (
            "pytest | ./tail -5",
            "PYTHONUNBUFFERED=1 pytest | ./tail -5",
        ),
        (
            "pytest | /home/me/bin/tail -5",
            "PYTHONUNBUFFERED=1 pytest | /home/me/bin/tail -5",
        ),
        (
            "pytest | /usr/bin/tail -5",
            "PYTHONUNBUFFERED=1 pytest 2>&1",
        ),
        (
            "tail() { cat; }; pytest | tail -5",
            "tail() { cat; }; PYTHONUNBUFFERED=1 pytest | tail -5",
        ),
        (
            "PATH=$PWD/bin:$PATH; pytest | tail -5",
            "PATH=$PWD/bin:$PATH; PYTHONUNBUFFERED=1 pytest | tail -5",
        ),
        (
            "alias tail=cat; pytest | tail -5",
            "alias tail=cat; PYTHONUNBUFFERED=1 pytest | tail -5",
        ),
        (
            ". ./env.sh; pytest | tail -5",
            ". ./env.sh; PYTHONUNBUFFERED=1 pytest | tail -5",
        ),
        // Data, wrapped or not.
        ("make dump | tail -5", "PYTHONUNBUFFERED=1 make dump 2>&1"),
        (
            "(make && pg_dump db) | tail -3",
            "(PYTHONUNBUFFERED=1 make && pg_dump db) | tail -3",
        ),
        (
            "docker exec db sh -c 'python x.py; pg_dump db' | tail -3",
            "docker exec db sh -c 'python x.py; pg_dump db' | tail -3",
        ),
        (
            "sudo make - | tee x.sql | tail -3",
            "sudo make - | tee x.sql | tail -3",
        ),
    ];

    #[test]
    fn a_final_tail_is_dropped_when_nothing_depends_on_it() {
        for (source, expected) in TAILS {
            assert_eq!(rewritten(source), *expected, "{source}");
        }
    }

    #[test]
    fn permission_rules_that_name_the_text_prevent_an_edit() {
        for (source, allow, expected) in [
            // Rules saved from a prompt that showed the edited command.
            (
                "pytest",
                "PYTHONUNBUFFERED=1 pytest:*",
                "PYTHONUNBUFFERED=1 pytest 2>&1",
            ),
            ("pytest", "*=1 pytest*", "pytest 2>&1"),
            ("NODE_ENV=x make", "NODE_ENV=x *", "NODE_ENV=x make 2>&1"),
            ("timeout 9 pytest", "timeout:*", "timeout 9 pytest 2>&1"),
            (
                "timeout 9 pytest",
                "pytest:*",
                "PYTHONUNBUFFERED=1 timeout 9 pytest 2>&1",
            ),
            ("\"./pytest\" -x", "\"./pytest\" -x", "\"./pytest\" -x 2>&1"),
            (
                "pytest -k \"f(x)\"",
                "pytest -k \"f\\(x\\)\"",
                "PYTHONUNBUFFERED=1 pytest -k \"f(x)\" 2>&1",
            ),
            ("pytest", "pytest 2>&1", "PYTHONUNBUFFERED=1 pytest"),
            (
                "python -m a",
                "python -m a:*",
                "PYTHONUNBUFFERED=1 python -m a 2>&1",
            ),
            (
                "timeout 5 python -m a",
                "python -m a:*",
                "PYTHONUNBUFFERED=1 timeout 5 python -m a 2>&1",
            ),
            // The second command still contains it, but no longer at its start.
            (
                "python -m a && python -m a",
                "python -m a",
                "PYTHONUNBUFFERED=1 python -m a 2>&1 && PYTHONUNBUFFERED=1 python -m a 2>&1",
            ),
            (
                "python -m a",
                "python:*",
                "PYTHONUNBUFFERED=1 python -u -m a 2>&1",
            ),
            (
                "pytest | tail -5",
                "tail:*",
                "PYTHONUNBUFFERED=1 pytest | tail -5",
            ),
        ] {
            assert_eq!(
                rewritten_with(source, &[allow]).command,
                expected,
                "{source} with {allow}"
            );
        }
    }

    #[test]
    fn rules_for_a_whole_command_prevent_edits_that_they_would_miss() {
        const BOTH: &str = "cd a && PYTHONUNBUFFERED=1 pytest -x 2>&1";
        for (source, rule, expected) in [
            (
                "cd a && pytest -x",
                "cd a && pytest -x",
                "cd a && pytest -x",
            ),
            ("cd a && pytest -x", "pytest -x", BOTH),
            ("cd a && pytest -x", "cd a && *", BOTH),
            ("cd a && pytest -x", "cd b && *", BOTH),
            (
                "cd a && pytest -x",
                "cd a && pytest:*",
                "cd a && pytest -x 2>&1",
            ),
            (
                "cd a && pytest -k '(q)'",
                "cd a && pytest -k '\\(q\\)'",
                "cd a && pytest -k '(q)'",
            ),
            (
                "cd a && pytest -x <<'E'\nx\nE",
                "cd a && pytest -x",
                "cd a && pytest -x 2>&1 <<'E'\nx\nE",
            ),
            (
                "pytest -x | grep E",
                "pytest -x | grep E",
                "PYTHONUNBUFFERED=1 pytest -x | grep E",
            ),
            (
                "pytest -x | tail -5",
                "* | *",
                "PYTHONUNBUFFERED=1 pytest -x | tail -5",
            ),
            (
                "pytest -x",
                "pytest -x",
                "PYTHONUNBUFFERED=1 pytest -x 2>&1",
            ),
            (
                "make; cd a && pytest -x",
                "cd a && pytest:*",
                "PYTHONUNBUFFERED=1 make 2>&1; cd a && pytest -x 2>&1",
            ),
        ] {
            let rewrite = rewritten_with(source, &[rule]);
            assert_eq!(rewrite.command, expected, "{source} with {rule}");
        }
    }

    #[test]
    fn filters_after_a_command_print_line_by_line() {
        const ALL: &[&str] = &["*"];
        for (source, allow, expected) in [
            (
                "pytest | grep E",
                &[][..],
                "pytest | grep --line-buffered E",
            ),
            (
                "pytest | grep E | grep -v x",
                &[],
                "pytest | grep --line-buffered E | grep --line-buffered -v x",
            ),
            (
                "pytest | LC_ALL=C grep E",
                &[],
                "pytest | LC_ALL=C grep --line-buffered E",
            ),
            (
                "pytest | grep E > log",
                &[],
                "pytest | grep --line-buffered E > log",
            ),
            (
                "pytest | tee log | grep E",
                &[],
                "pytest | tee log | grep --line-buffered E",
            ),
            (
                "(cd a; pytest) | grep E",
                &[],
                "(cd a; pytest) | grep --line-buffered E",
            ),
            ("pytest | grep E | sort", &[], "pytest | grep E | sort"),
            (
                "pytest | grep E | head -3",
                &[],
                "pytest | grep E | head -3",
            ),
            (
                "pytest | grep E | (cat)",
                &[],
                "pytest | grep --line-buffered E | (cat)",
            ),
            ("pytest | grep E", &["grep E"], "pytest | grep E"),
            (
                "pytest | grep E",
                &["grep:*"],
                "pytest | grep --line-buffered E",
            ),
            ("pytest | sed s/a/b/", &[], "pytest | sed s/a/b/"),
            ("pytest | sed s/a/b/", &["sed:*"], "pytest | sed -u s/a/b/"),
            (
                "pytest | sed s/a/b/ | cut -c1-9",
                ALL,
                "pytest | sed -u s/a/b/ | stdbuf -oL cut -c1-9",
            ),
            ("pytest | cut -c1-9", &["cut:*"], "pytest | cut -c1-9"),
            (
                "pytest | LC_ALL=C cut -c1-9",
                ALL,
                "pytest | LC_ALL=C stdbuf -oL cut -c1-9",
            ),
            (
                "pytest | jq .a && b",
                &[],
                "pytest | jq --unbuffered .a && b",
            ),
            ("x=$(pytest | grep E)", &[], "x=$(pytest | grep E)"),
        ] {
            let rewrite = rewritten_with(source, allow).command;
            assert_eq!(
                rewrite.replace("PYTHONUNBUFFERED=1 ", ""),
                expected,
                "{source} with {allow:?}"
            );
        }
        let left = rewritten_with("pytest | sort", &[]).left_out;
        assert!(
            left.iter()
                .any(|left| left.why == "`sort` shows nothing before its input ends"),
            "{left:?}"
        );
    }

    #[test]
    fn an_option_replaces_the_variable_out_of_its_reach() {
        for (source, expected, left) in [
            ("python -E x.py", "python -u -E x.py 2>&1", None),
            ("python -I x.py", "python -u -I x.py 2>&1", None),
            ("sudo python x.py", "sudo python -u x.py 2>&1", None),
            (
                "env -i A=1 python x.py",
                "env -i A=1 python -u x.py 2>&1",
                None,
            ),
            (
                "docker exec -it c python x.py",
                "docker exec -it c python -u x.py 2>&1",
                None,
            ),
            (
                "docker run --rm i python x.py",
                "docker run --rm i python -u x.py 2>&1",
                None,
            ),
            (
                "docker compose exec web python x.py",
                "docker compose exec web python -u x.py 2>&1",
                None,
            ),
            (
                "ssh host python x.py",
                "ssh host python x.py 2>&1",
                Some("ssh"),
            ),
            (
                "ssh host 'cd a && python x.py'; pytest",
                "ssh host 'cd a && python x.py'; pytest 2>&1",
                None,
            ),
            ("sudo pytest", "sudo pytest 2>&1", Some("sudo")),
            ("sudo -E pytest", "sudo -E pytest 2>&1", None),
            (
                "docker exec c pytest",
                "docker exec c pytest 2>&1",
                Some("docker exec"),
            ),
            (
                "conda run -n a python x.py",
                "conda run --no-capture-output -n a python -u x.py 2>&1",
                None,
            ),
        ] {
            let rewrite = rewritten_with(source, &[]);
            let command = rewrite.command.replace("PYTHONUNBUFFERED=1 ", "");
            assert_eq!(command, expected, "{source}");
            // It isn't inserted where it is reported as impossible.
            assert!(left.is_none() || command == rewrite.command, "{source}");
            let why = left.map(|wrapper: &str| {
                format!(
                    "PYTHONUNBUFFERED doesn't get through `{wrapper}`, and no option can be put in"
                )
            });
            let found = rewrite
                .left_out
                .iter()
                .find(|left| left.kind == EditKind::UnbufferedOption);
            assert_eq!(found.map(|left| left.why.clone()), why, "{source}");
        }
    }

    #[test]
    fn a_second_rewrite_changes_nothing() {
        for source in [
            "pytest",
            "cd a && pytest | tail -3",
            "python train.py <<E\nE",
            "time pytest",
            "pytest # x",
        ] {
            let once = rewritten(source);
            assert_eq!(rewritten(&once), once);
        }
    }
}
