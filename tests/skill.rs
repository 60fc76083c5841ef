//! The folder with the skill and the view: written, updated, left alone if it isn't ours, and accepted by the clients.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use support::claude::{Client, DRAWING};
use support::messages_api::MessagesApi;
use support::sandbox::{BG_RUN, Sandbox, read, tree};

const FOLDER: &str = "home/.claude/skills/bg-run";

fn says(sandbox: &Sandbox, arguments: &[&str]) -> String {
    let output = sandbox.bg_run(arguments);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap()
}

#[test]
fn install_writes_the_skill_and_uninstall_restores_home() {
    for before in [&[][..], &["home/.claude/skills/other/SKILL.md"]] {
        let sandbox = Sandbox::new();
        for file in before {
            sandbox.write(file, "theirs");
        }
        let home = tree(&sandbox.home());
        assert!(!says(&sandbox, &["install", "--dry-run"]).is_empty());
        assert_eq!(tree(&sandbox.home()), home, "a dry run");
        assert!(says(&sandbox, &["install"]).contains("The skill and the view"));
        let program = fs::canonicalize(BG_RUN).unwrap();
        let module = read(&sandbox.path(FOLDER).join("hooks/program.ts"));
        assert!(
            module.contains(&format!("'{0}'", program.display()).replace('\'', "\"")),
            "{module}"
        );
        assert!(says(&sandbox, &["install"]).contains("are already in"));
        let said = says(&sandbox, &["uninstall", "--dry-run"]);
        assert!(said.contains("would be removed"), "{said}");
        assert!(sandbox.path(FOLDER).exists());
        says(&sandbox, &["uninstall"]);
        assert_eq!(tree(&sandbox.home()), home);
        assert!(!sandbox.state().exists(), "{:?}", tree(&sandbox.state()));
    }
}

#[test]
fn only_the_user_s_registration_writes_the_skill() {
    for arguments in [
        &["install", "--no-view"][..],
        &["install", "--limit-only"],
        &["install", "--scope", "project"],
        &["install", "--scope", "local"],
    ] {
        let sandbox = Sandbox::new();
        says(&sandbox, arguments);
        assert!(!sandbox.path(FOLDER).exists(), "{arguments:?}");
    }
}

#[test]
fn a_folder_of_somebody_else_stays() {
    let sandbox = Sandbox::new();
    sandbox.write(&format!("{FOLDER}/SKILL.md"), "mine");
    let home = tree(&sandbox.home());
    assert!(says(&sandbox, &["install"]).contains("bg-run didn't create "));
    let doctor = sandbox.bg_run(&["doctor"]).stdout;
    let doctor = String::from_utf8_lossy(&doctor).into_owned();
    assert!(
        doctor.contains("! ") && doctor.contains("bg-run didn't create "),
        "{doctor}"
    );
    assert!(says(&sandbox, &["uninstall"]).contains("bg-run didn't create "));
    assert_eq!(tree(&sandbox.home()), home);

    // A link leads to a checkout of the user's own.
    let sandbox = Sandbox::new();
    fs::create_dir_all(sandbox.path("home/.claude/skills")).unwrap();
    let skill = concat!(env!("CARGO_MANIFEST_DIR"), "/skills/bg-run");
    symlink(skill, sandbox.path(FOLDER)).unwrap();
    assert!(says(&sandbox, &["install"]).contains("bg-run didn't create "));
    says(&sandbox, &["uninstall", "--purge"]);
    assert!(sandbox.path(FOLDER).is_symlink());
}

#[test]
fn a_changed_folder_stays_as_it_is() {
    let sandbox = Sandbox::new();
    says(&sandbox, &["install"]);
    let skill = sandbox.path(FOLDER).join("SKILL.md");
    let changed = read(&skill) + "And one more thing.\n";
    fs::write(&skill, &changed).unwrap();
    assert!(says(&sandbox, &["install"]).contains("was changed since"));
    let doctor = sandbox.bg_run(&["doctor"]);
    assert!(String::from_utf8_lossy(&doctor.stdout).contains("was changed since bg-run wrote it"));
    let said = says(&sandbox, &["uninstall"]);
    assert!(said.contains("SKILL.md"), "{said}");
    assert_eq!(read(&skill), changed);
    assert!(sandbox.path(FOLDER).join("hooks/view.tsx").exists());
}

#[test]
fn files_beside_ours_stay() {
    let sandbox = Sandbox::new();
    says(&sandbox, &["install"]);
    let theirs = sandbox.write(&format!("{FOLDER}/notes/mine.md"), "mine");
    assert!(says(&sandbox, &["uninstall"]).contains("so it stays"));
    let left: Vec<PathBuf> = tree(&sandbox.path(FOLDER)).into_keys().collect();
    assert_eq!(left, [theirs.parent().unwrap().to_owned(), theirs]);
}

#[test]
fn a_moved_program_updates_the_skill() {
    let sandbox = Sandbox::new();
    let elsewhere = sandbox.path("bin/bg-run");
    fs::copy(BG_RUN, &elsewhere).unwrap();
    let installed = sandbox
        .command(elsewhere.to_str().unwrap())
        .arg("install")
        .output()
        .unwrap();
    assert!(installed.status.success(), "{installed:?}");
    let module = sandbox.path(FOLDER).join("hooks/program.ts");
    assert!(read(&module).contains("/bin/bg-run"));
    says(&sandbox, &["install"]);
    assert!(!read(&module).contains(elsewhere.to_str().unwrap()));
    // The other folder may be removed first; the journal knows its files.
    says(&sandbox, &["uninstall"]);
    assert!(!sandbox.path(FOLDER).exists());
}

#[test]
fn an_unwritable_skill_is_reported_and_stops_nothing() {
    if rustix::process::geteuid().is_root() {
        return;
    }
    let sandbox = Sandbox::new();
    let skills = sandbox.path("home/.claude/skills");
    fs::create_dir_all(&skills).unwrap();
    fs::set_permissions(&skills, fs::Permissions::from_mode(0o500)).unwrap();
    let said = says(&sandbox, &["install"]);
    assert!(said.contains("aren't installed"), "{said}");
}

#[test]
fn a_file_instead_of_the_folder_is_reported_and_stops_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write("home/.claude/skills", "a file");
    let said = says(&sandbox, &["install"]);
    assert!(said.contains("aren't installed"), "{said}");
    says(&sandbox, &["uninstall"]);
}

#[test]
fn the_clients_accept_the_skill_and_its_tests_pass() {
    for version in DRAWING {
        let Some(client) = Client::find(version) else {
            return;
        };
        let sandbox = Sandbox::new();
        says(&sandbox, &["install"]);
        let api = MessagesApi::start(Vec::new());
        let installed = sandbox.path(FOLDER).display().to_string();
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/skills/bg-run");
        let mut calls = vec![
            vec!["plugin", "validate", "--strict", &installed],
            vec!["plugin", "test", source],
        ];
        let directory = ["plugin", "validate", "--profile", "directory"];
        if Some(version) == DRAWING.last() {
            calls.push([&directory[..], &[&installed]].concat());
            calls.push([&directory[..], &[source]].concat());
        }
        for arguments in calls {
            let output = client.run(&sandbox, &api, &arguments);
            assert!(
                output.status.success(),
                "{version}: {arguments:?}: {output:?}"
            );
            // The folder has nothing that a plugin directory would warn about.
            let said = String::from_utf8_lossy(&output.stdout);
            let is_given = arguments.ends_with(&[source]);
            assert!(!is_given || !said.contains("warning"), "{version}: {said}");
        }
        assert!(
            says(&sandbox, &["uninstall"]).contains("is removed"),
            "{version}"
        );
    }
}
