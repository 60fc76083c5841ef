//! `bg-run open`: by id, by path, the newest task; and its errors.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::process::Output;

use support::sandbox::{BG_RUN, Sandbox, read};

fn open(sandbox: &Sandbox, arguments: &[&str]) -> Output {
    let tmp = sandbox.path("tmp");
    sandbox
        .command(BG_RUN)
        .arg("open")
        .args(arguments)
        .env("CLAUDE_CODE_TMPDIR", tmp)
        .output()
        .unwrap()
}

fn with_task(sandbox: &Sandbox, id: &str) -> String {
    let uid = rustix::process::geteuid().as_raw();
    // The client's name for the project.
    let project = sandbox.project().display().to_string();
    let slug = project.replace(|c: char| !c.is_ascii_alphanumeric(), "-");
    let path = sandbox.write(
        &format!("tmp/claude-{uid}/{slug}/5e55/tasks/{id}.output"),
        "x\n",
    );
    path.display().to_string()
}

#[test]
fn a_task_is_opened_by_its_id_and_a_file_by_its_path() {
    let sandbox = Sandbox::new();
    let said = sandbox.fake_editor();
    let output = with_task(&sandbox, "only1here");
    for target in ["only1here", &output] {
        let opened = open(&sandbox, &[target]);
        assert!(opened.status.success(), "{opened:?}");
        assert_eq!(read(&said), format!("-r\n-g\n{output}:999999\n"));
        std::fs::remove_file(&said).unwrap();
    }
}

#[test]
fn the_newest_is_opened_without_an_argument() {
    let sandbox = Sandbox::new();
    let said = sandbox.fake_editor();
    let output = with_task(&sandbox, "newest");
    let in_the_future = std::time::SystemTime::now() + std::time::Duration::from_hours(1);
    std::fs::File::options()
        .append(true)
        .open(&output)
        .unwrap()
        .set_modified(in_the_future)
        .unwrap();
    let opened = open(&sandbox, &[]);
    assert!(opened.status.success(), "{opened:?}");
    assert!(read(&said).contains(&output));
}

#[test]
fn failures_name_the_cause_the_place_and_the_fix() {
    let sandbox = Sandbox::new();
    let output = with_task(&sandbox, "only2here");
    let said = |output: Output| {
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(said(open(&sandbox, &["no-such-task"])).contains("no task has \"no-such-task\""));
    assert!(said(open(&sandbox, &["no/such"])).contains("neither a file nor a task's id"));

    let nothing = sandbox
        .command(BG_RUN)
        .args(["open", &output])
        .env("PATH", "/nowhere")
        .output()
        .unwrap();
    let nothing = said(nothing);
    assert!(
        nothing.contains(&output) && nothing.contains("set `editor` in config.toml"),
        "{nothing}"
    );

    sandbox.program(
        "code",
        "echo 'Command is only available in WSL or inside a Visual Studio Code terminal.'",
    );
    assert!(said(open(&sandbox, &["only2here"])).contains("opened nothing"));
    sandbox.program("code", "echo 'Unable to connect' >&2; exit 1");
    assert!(said(open(&sandbox, &["only2here"])).contains("Unable to connect"));
}
