//! Edits that depend on the exact programs: those of several systems first on the `PATH`, those of the user and of the
//! project, and names that the user's shell redefines.

mod support;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use serde_json::{Value, json};
use support::sandbox::{Sandbox, make_fifo, read};

/// Returns a sandbox in which every command is allowed.
fn permissive() -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write_settings(&json!({"permissions": {"allow": ["Bash"]}}));
    sandbox
}

/// Returns a command as the hook edits it, without the prefix.
fn edited(sandbox: &Sandbox, command: &str, variables: &[(&str, &str)]) -> String {
    let event = sandbox.event("PreToolUse", &json!({"command": command}));
    let answer = sandbox.answer(&event, variables);
    let updated = &answer["hookSpecificOutput"]["updatedInput"]["command"];
    let updated = updated.as_str().unwrap_or(command);
    updated.replace("PYTHONUNBUFFERED=1 ", "")
}

fn busybox() -> Option<std::path::PathBuf> {
    let found = bg_run::programs::find("busybox");
    if found.is_none() {
        support::claude::skip("busybox isn't installed");
    }
    found
}

const FILTERS: &[(&str, &str)] = &[
    ("grep -v PASSED", "grep --line-buffered -v PASSED"),
    ("sed s/a/b/", "sed -u s/a/b/"),
    ("cut -c1-9", "stdbuf -oL cut -c1-9"),
];

/// Alpine's programs know none of the options.
#[test]
fn busybox_first_on_the_path_leaves_the_command_unchanged() {
    let Some(busybox) = busybox() else { return };
    for (plain, with_option) in FILTERS {
        let gnu = permissive();
        let piped = |filter: &str| format!("make test | {filter}");
        assert_eq!(edited(&gnu, &piped(plain), &[]), piped(with_option));
        let alpine = permissive();
        for applet in ["grep", "sed", "awk", "stdbuf"] {
            symlink(&busybox, alpine.path("bin").join(applet)).unwrap();
        }
        assert_eq!(edited(&alpine, &piped(plain), &[]), piped(plain));
        let why = alpine.bg_run(&["explain", &piped(plain)]).stdout;
        let why = String::from_utf8(why).unwrap();
        assert!(
            why.contains("has no known option") || why.contains("no `stdbuf`"),
            "{why}"
        );
    }
}

/// A `sed` that accepts only `-l`, and a `stdbuf` called `gstdbuf`, as with Homebrew.
#[test]
fn the_program_gets_the_option_that_it_accepts() {
    let sandbox = permissive();
    sandbox.program(
        "sed",
        "case $1 in -u) echo 'illegal option' >&2; exit 1;; -l) shift;; esac; exec /bin/sed \"$@\"",
    );
    sandbox.program("stdbuf", "echo 'not here' >&2; exit 1");
    sandbox.program("gstdbuf", "exec /usr/bin/stdbuf \"$@\"");
    assert_eq!(
        edited(&sandbox, "make | sed s/a/b/", &[]),
        "make | sed -l s/a/b/"
    );
    assert_eq!(
        edited(&sandbox, "make | cut -c1", &[]),
        "make | gstdbuf -oL cut -c1"
    );
}

#[test]
fn mamba_2_stays_unchanged_and_older_ones_get_the_option() {
    for (version, option) in [
        ("2.0.5", ""),
        ("mamba 1.5.8\\nconda 23.11.0", "--no-capture-output "),
    ] {
        let sandbox = permissive();
        sandbox.program(
            "mamba",
            &format!("[ \"$1\" = --version ] && printf '{version}\\n'"),
        );
        let made = edited(&sandbox, "mamba run -n a pytest", &[]);
        assert_eq!(made, format!("mamba run {option}-n a pytest 2>&1"));
    }
}

/// A program is tried once, and again when its file changes. A hanging or flooding one is stopped.
#[test]
fn a_program_is_tried_once() {
    let sandbox = permissive();
    let script = |reply: &str| format!("echo x >>\"$HOME/tries\"; {reply}exec /bin/grep \"$@\"");
    sandbox.program("grep", &script(""));
    for _ in 0..3 {
        assert_eq!(
            edited(&sandbox, "make | grep E", &[]),
            "make | grep --line-buffered E"
        );
    }
    assert_eq!(read(&sandbox.home().join("tries")), "x\n");
    for reply in ["sleep 600; ", "cat /dev/zero; ", "exit 1; ", "echo y; "] {
        sandbox.program("grep", &script(reply));
        let started = std::time::Instant::now();
        for _ in 0..2 {
            assert_eq!(
                edited(&sandbox, "make | grep E", &[]),
                "make | grep E",
                "{reply}"
            );
        }
        assert!(started.elapsed().as_secs() < 300, "{reply}");
    }
    assert_eq!(read(&sandbox.home().join("tries")), "x\n".repeat(5));
}

/// A call that isn't rewritten asks about no program.
#[test]
fn an_unmoved_call_tries_no_program() {
    let sandbox = permissive();
    sandbox.program("grep", "echo x >>\"$HOME/tries\"");
    sandbox.program("tail", "echo x >>\"$HOME/tries\"");
    for command in [
        "ls | grep x",
        "git log | tail -5",
        "BG_RUN=off make | grep E",
    ] {
        assert!(
            !edited(&sandbox, command, &[]).contains("--line"),
            "{command}"
        );
    }
    assert_eq!(read(&sandbox.home().join("tries")), "");
}

/// A repository's programs are never started, whatever the `PATH` says.
#[test]
fn a_program_of_the_project_is_never_started() {
    let sandbox = permissive();
    let folder = sandbox.project().join("node_modules/.bin");
    fs::create_dir_all(&folder).unwrap();
    for name in ["grep", "tail", "stdbuf", "jq"] {
        let program = sandbox.program("new", "echo x >>\"$HOME/started\"; exec /bin/grep \"$@\"");
        fs::rename(program, folder.join(name)).unwrap();
    }
    let linked = sandbox.path("linked");
    symlink(&folder, &linked).unwrap();
    let environment = sandbox.environment();
    let (_, old) = environment.iter().find(|(name, _)| name == "PATH").unwrap();
    for first in [
        folder.to_str().unwrap(),
        linked.to_str().unwrap(),
        "node_modules/.bin",
    ] {
        let path = format!("{first}:{old}");
        let variables = [("PATH", &*path)];
        for command in [
            "make | grep E",
            "make | jq .",
            "make | tail -5",
            "make | cut -c1",
        ] {
            assert_eq!(edited(&sandbox, command, &variables), command, "{first}");
        }
    }
    assert!(!sandbox.home().join("started").exists());
}

/// `./tail`, one that is first on the `PATH`, and one that the user's shell defines.
#[test]
fn only_the_system_s_tail_is_removed() {
    let dropped = "make 2>&1";
    let command = "make | tail -5";
    assert_eq!(edited(&permissive(), command, &[]), dropped);
    let sandbox = permissive();
    sandbox.program("tail", "tee last | /usr/bin/tail \"$@\"");
    assert_eq!(edited(&sandbox, command, &[]), command);
    for (target, expected) in [("/usr/bin/tail", dropped), ("/usr/bin/head", command)] {
        let sandbox = permissive();
        let link = sandbox.path("bin/tail");
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(target, link).unwrap();
        assert_eq!(edited(&sandbox, command, &[]), expected, "{target}");
    }
    for first in ["tail() { cat; }; ", "PATH=.:$PATH; ", "alias tail=cat; "] {
        let command = format!("{first}{command}");
        assert_eq!(edited(&permissive(), &command, &[]), command);
    }
    for (file, text, stays) in [
        (".bashrc", "tail() { command tail -n 50; }", true),
        (".bash_aliases", "alias tail='tail -n 50'", true),
        (".zshrc", "function tail { multitail }", true),
        (".zshenv", "alias tail=cat", true),
        (
            ".claude/shell-snapshots/snapshot-bash-1-a.sh",
            "eval $'tail () \\n{ \\n cat\\n}'",
            true,
        ),
        (
            ".claude/shell-snapshots/snapshot-zsh-1-a.sh",
            "alias -- tail=cat",
            true,
        ),
        (".bashrc", "alias t='tail -f'\nalias ll='ls -l'", false),
    ] {
        let sandbox = permissive();
        sandbox.write(&format!("home/{file}"), text);
        let expected = if stays { command } else { dropped };
        assert_eq!(edited(&sandbox, command, &[]), expected, "{file}: {text}");
    }
    // The newest of several snapshots counts. It also sets the PATH.
    let sandbox = permissive();
    let old = sandbox.write(
        "home/.claude/shell-snapshots/snapshot-bash-1-a.sh",
        "alias tail=x",
    );
    let past = std::time::SystemTime::now() - std::time::Duration::from_hours(1);
    fs::File::options()
        .write(true)
        .open(old)
        .unwrap()
        .set_modified(past)
        .unwrap();
    let others = sandbox.search_path();
    let path = |first: &Path| format!("export PATH={}:{others}\n", first.display());
    let newest = "home/.claude/shell-snapshots/snapshot-bash-2-b.sh";
    sandbox.write(newest, &path(Path::new("/nowhere")));
    assert_eq!(edited(&sandbox, command, &[]), dropped);
    let other = sandbox.path("other");
    fs::create_dir(&other).unwrap();
    fs::copy("/bin/cat", other.join("tail")).unwrap();
    sandbox.write(newest, &path(&other));
    assert_eq!(edited(&sandbox, command, &[]), command);
}

/// Other sources of functions and aliases: files that the start files read, a snapshot of an older client, the environment,
/// and the session's environment file.
#[test]
fn what_the_start_files_read_counts_too() {
    let command = "make | tail -5";
    let define = "tail() { cat; }\n";
    let base64 =
        "eval \"$(echo 'dGFpbCAoKSAK\neyAKICAgIGNhdAp9Cg==' | base64 -d)\" > /dev/null 2>&1\n";
    for files in [
        &[
            ("home/.bashrc", "[ -f ~/.fn ] && . ~/.fn\n"),
            ("home/.fn", define),
        ][..],
        &[
            ("home/.zshrc", "source \"$HOME/.a/fn\"\n"),
            ("home/.a/fn", "alias tail=x\n"),
        ],
        &[
            ("home/.profile", ". ~/.a\n"),
            ("home/.a", ". ~/.b\n"),
            ("home/.b", define),
        ],
        &[
            ("home/.bashrc", "for f in ~/.d/*.sh; do . \"$f\"; done\n"),
            ("home/.d/x.sh", define),
        ],
        &[(
            "home/.bashrc",
            "for c in head tail; do alias $c=\"g$c\"; done\n",
        )],
        &[("home/.claude/shell-snapshots/snapshot-bash-1-a.sh", base64)],
    ] {
        let sandbox = permissive();
        for (name, text) in files {
            sandbox.write(name, text);
        }
        assert_eq!(edited(&sandbox, command, &[]), command, "{files:?}");
    }
    let exported = [("BASH_FUNC_tail%%", "() { cat; }")];
    assert_eq!(edited(&permissive(), command, &exported), command);
    // Files that read each other are read once, and a file that defines nothing has no effect.
    let sandbox = permissive();
    sandbox.write("home/.bashrc", ". ~/.a\n. ~/.none\n");
    sandbox.write("home/.a", ". ~/.bashrc\nalias t='tail -f'\n");
    assert_eq!(edited(&sandbox, command, &[]), "make 2>&1");
}

#[test]
fn what_the_session_s_environment_file_says_counts_too() {
    for (text, tail, grep) in [
        ("export A=1\n", "make 2>&1", "make | grep --line-buffered E"),
        (
            "tail() { cat; }\n",
            "make | tail -5",
            "make | grep --line-buffered E",
        ),
        ("export PATH=/x:$PATH\n", "make | tail -5", "make | grep E"),
        (". /x/env.sh\n", "make | tail -5", "make | grep E"),
    ] {
        let sandbox = permissive();
        let name = "home/.claude/session-env/5e551014/sessionstart-hook-0.sh";
        sandbox.write(name, text);
        assert_eq!(edited(&sandbox, "make | tail -5", &[]), tail, "{text}");
        assert_eq!(edited(&sandbox, "make | grep E", &[]), grep, "{text}");
    }
}

/// A function of the user that runs first may change the `PATH`. A relative folder on it means another one after `cd`.
#[test]
fn what_may_change_the_path_first_keeps_the_text() {
    let with_option = |first: &str| format!("{first}make | grep --line-buffered E");
    let without = |first: &str| format!("{first}make | grep E");
    for (text, first, made) in [
        (
            "work() { export PATH=/x:$PATH; }",
            "work; ",
            without("work; "),
        ),
        (
            "cd() { builtin cd \"$@\" && . ./.env; }",
            "cd . && ",
            without("cd . && "),
        ),
        ("alias ls='ls --color'", "ls; ", with_option("ls; ")),
        ("", "export $(cat .env); ", without("export $(cat .env); ")),
    ] {
        let sandbox = permissive();
        sandbox.write("home/.bashrc", text);
        assert_eq!(edited(&sandbox, &without(first), &[]), made, "{text}");
    }
    let sandbox = permissive();
    let relative = [("PATH", "tools:/usr/bin:/bin")];
    assert_eq!(
        edited(&sandbox, &without("cd sub; "), &relative),
        without("cd sub; ")
    );
}

/// Unreadable start files may define anything, and must not delay the call.
#[test]
fn special_start_files_delay_no_call() {
    let command = "make | tail -5";
    let sandbox = permissive();
    let file = sandbox.home().join(".bashrc");
    make_fifo(&file);
    assert_eq!(edited(&sandbox, command, &[]), command);
    fs::remove_file(&file).unwrap();
    fs::File::create(&file).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(edited(&sandbox, command, &[]), command);
}

/// An alias that adds options, as in Debian's and Ubuntu's start files, and the client's own `grep`.
#[test]
fn the_same_program_by_another_way_gets_its_option() {
    let with_option = "make | grep --line-buffered E";
    for (file, text, expected) in [
        (".bashrc", "alias grep='grep --color=auto'", with_option),
        (".bashrc", "alias grep=rg", "make | grep E"),
        (".bashrc", "grep() { rg \"$@\"; }", "make | grep E"),
        (
            ".claude/shell-snapshots/snapshot-bash-1-a.sh",
            "function grep {\n  ARGV0=ugrep \"$_cc_bin\" -G --ignore-files \"$@\"\n}",
            with_option,
        ),
    ] {
        let sandbox = permissive();
        sandbox.write(&format!("home/{file}"), text);
        assert_eq!(edited(&sandbox, "make | grep E", &[]), expected, "{text}");
    }
}

/// Data isn't shown whole, and a wrapper that a repository defines gets no edit.
#[test]
fn data_and_a_project_s_wrappers_stay_unchanged() {
    let sandbox = permissive();
    sandbox.write(
        "project/.claude/bg-run.toml",
        "[[rule]]\nname = 'd'\ncommands = ['pg_dump', 'mysqldump', 'pg_dumpall', 'docker save', 'tar', 'tcpdump', 'ffmpeg', 'git push']\n\
         [[wrapper]]\nname = 'git push'\n[[wrapper]]\nname = 'tee'\n",
    );
    for command in [
        "pg_dump mydb | tail -3",
        "mysqldump --all-databases | tail -3",
        "pg_dumpall | tail -3",
        "docker save app | tail -3",
        "tar czf - . | tail -3",
        "tcpdump -A | tail -3",
        "ffmpeg -i a.mp4 -f mp3 - | tail -3",
        "sudo pg_dump mydb | tail -3",
        "docker exec db pg_dump mydb | tail -3",
        "pg_dump mydb | tee dump.sql | tail -3",
    ] {
        assert_eq!(edited(&sandbox, command, &[]), command);
    }
    assert_eq!(
        edited(&sandbox, "git push python main", &[]),
        "git push python main 2>&1"
    );
    let command = "make | tee grep log";
    assert_eq!(edited(&sandbox, command, &[]), command);
}

/// In the background, the command would read its own output too.
#[test]
fn a_command_that_reads_the_tasks_folder_is_not_moved() {
    let sandbox = permissive();
    let reads = "make; for f in /tmp/claude-1000/-p/5e55/tasks/*.output; do while read -r l; do echo $l; done <$f; done";
    for command in [reads.to_owned(), format!("BG_RUN=on {reads}")] {
        let event = sandbox.event("PreToolUse", &json!({"command": command}));
        let updated = &sandbox.answer(&event, &[])["hookSpecificOutput"]["updatedInput"];
        assert_eq!(updated["run_in_background"], Value::Null, "{command}");
    }
}

/// A repository's own `code` isn't started as an editor: from the command line, in the hook, or in the process that
/// opens files.
#[test]
fn a_repository_s_code_is_never_started() {
    let sandbox = Sandbox::new();
    let folder = sandbox.project().join("node_modules/.bin");
    fs::create_dir_all(&folder).unwrap();
    let program = sandbox.program("new", "echo x >>\"$HOME/started\"");
    for name in ["code", "cursor", "tmux"] {
        fs::copy(&program, folder.join(name)).unwrap();
    }
    // A relative folder is another one in another place.
    let relative = sandbox.path("relative");
    fs::create_dir(&relative).unwrap();
    fs::copy(&program, relative.join("code")).unwrap();
    let tmp = sandbox.path("tmp").display().to_string();
    let linked = sandbox.path("linked");
    symlink(&folder, &linked).unwrap();
    for first in [
        folder.to_str().unwrap(),
        linked.to_str().unwrap(),
        "node_modules/.bin",
        "../relative",
    ] {
        let path = format!("{first}:{}", sandbox.search_path());
        let variables = [
            ("PATH", &*path),
            ("TERM_PROGRAM", "vscode"),
            ("TMUX", "x"),
            ("XDG_RUNTIME_DIR", &*tmp),
            ("TMPDIR", &*tmp),
        ];
        let file = sandbox.write("project/a.log", "x\n");
        let said = sandbox.open(&file, &variables);
        assert!(!said.status.success(), "{said:?}");
        let (event, _) = sandbox.launched("b1", &json!({"command": "make"}));
        let said = sandbox.answer(&event, &variables).to_string();
        assert!(!said.contains("open in"), "{said}");
        for text in ["editor = ['code', '{file}']\n", "pane = true\n"] {
            sandbox.config(text);
            let said = sandbox.open(&file, &variables);
            assert!(!said.status.success(), "{said:?}");
        }
        fs::remove_file(sandbox.home().join(".config/bg-run/config.toml")).unwrap();
    }
    assert!(!sandbox.home().join("started").exists());
    // Outside of the project, it belongs to the user.
    let path = format!("{}:{}", folder.display(), sandbox.search_path());
    let mut open = sandbox.command(support::sandbox::BG_RUN);
    let elsewhere = sandbox.path("elsewhere");
    fs::create_dir(&elsewhere).unwrap();
    let file = sandbox.write("elsewhere/a.log", "x\n");
    open.current_dir(&elsewhere)
        .arg("open")
        .arg(&file)
        .env("PATH", path);
    assert!(open.status().unwrap().success());
}

/// The repository may be around the project, be its main worktree, or be reached through a link. Settings may name a
/// program without its folder.
#[test]
fn no_command_starts_a_program_of_the_repository() {
    let sandbox = permissive();
    let project = sandbox.project().display().to_string();
    sandbox.write("project/packages/a/.claude/settings.json", "{}");
    sandbox.write("project/.git/worktrees/fix/commondir", "../..\n");
    let worktree = format!("gitdir: {project}/.git/worktrees/fix\n");
    sandbox.write("project/.worktrees/fix/.git", &worktree);
    symlink(&project, sandbox.path("linked")).unwrap();
    let program = sandbox.program("new", "echo \"$0\" >>\"$HOME/started\"");
    let (inside, linked) = (sandbox.path("project/bin"), sandbox.path("home/bin"));
    for folder in [&inside, &linked] {
        fs::create_dir_all(folder).unwrap();
    }
    for name in ["code", "claude", "grep", "tail", "tmux"] {
        fs::copy(&program, inside.join(name)).unwrap();
        symlink(inside.join(name), linked.join(name)).unwrap();
    }
    let config = "chain = [['code', 'hook']]\neditor = ['code', '{file}']\n";
    sandbox.write("home/.config/bg-run/config.toml", config);
    let file = sandbox.write("project/a.log", "x\n").display().to_string();
    for cwd in [
        "project",
        "project/packages/a",
        "project/.worktrees/fix",
        "linked",
    ] {
        let cwd = sandbox.path(cwd);
        for first in [&inside, &sandbox.path("linked/bin"), &linked] {
            let path = format!("{}:{}", first.display(), sandbox.search_path());
            let run = |arguments: &[&str], input: &str| {
                let mut command = sandbox.command(support::sandbox::BG_RUN);
                let input = sandbox.write("input.json", input);
                let input = fs::File::open(input).unwrap();
                command.args(arguments).current_dir(&cwd).env("PATH", &path);
                command.env("TMUX", "x").stdin(input).output().unwrap()
            };
            let mut event =
                sandbox.event("PreToolUse", &json!({"command": "make | grep E | tail"}));
            event["cwd"] = cwd.to_str().unwrap().into();
            run(&["hook"], &event.to_string());
            for arguments in [
                &["doctor"][..],
                &["open", &file],
                &["install"],
                &["uninstall"],
            ] {
                run(arguments, "");
            }
            assert_eq!(read(&sandbox.home().join("started")), "", "{path} {cwd:?}");
        }
    }
    // Elsewhere, they are the user's.
    let mut open = sandbox.command(support::sandbox::BG_RUN);
    open.current_dir(sandbox.path("")).arg("open").arg(&file);
    let path = format!("{}:{}", linked.display(), sandbox.search_path());
    assert!(open.env("PATH", path).status().unwrap().success());
}

/// Sparse files of a terabyte instead of what the commands read, and a FIFO.
#[test]
fn a_terabyte_file_delays_nothing() {
    let sandbox = Sandbox::new();
    let huge = |name: &str| {
        let path = sandbox.write(name, "");
        fs::File::options()
            .write(true)
            .open(&path)
            .unwrap()
            .set_len(1 << 40)
            .unwrap();
        path
    };
    huge("state/bg-run.log.old");
    huge("state/tasks/b1.json");
    huge("home/.claude/projects/-p/x.jsonl");
    huge("state/history/learnt.json");
    let fifo = sandbox.path("state/bg-run.log");
    make_fifo(&fifo);
    let output = huge("project/a.output");
    for arguments in [
        &["doctor"][..],
        &["tasks"],
        &["tasks", "--json"],
        &["logs", "-n", "1", output.to_str().unwrap()],
        &["history"],
        &["learn"],
        &["history", "--clear"],
    ] {
        let started = std::time::Instant::now();
        let output = sandbox.bg_run(arguments);
        let said = String::from_utf8(output.stderr).unwrap();
        let is_skipped = said.contains("x.jsonl: the first 1.0 TB are skipped");
        assert_eq!(is_skipped, arguments == ["learn"], "{said}");
        assert!(
            started.elapsed().as_secs() < 60,
            "{arguments:?}: {:?}",
            started.elapsed()
        );
    }
}
