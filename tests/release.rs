//! Release artefacts: archives with checksums, and the script that installs from them.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Arc;
use std::thread;

use support::sandbox::{BG_RUN, Sandbox, read};
use tiny_http::{Response, Server};

const TARGETS: [&str; 4] = [
    "x86_64-unknown-linux-musl",
    "aarch64-unknown-linux-musl",
    "x86_64-apple-darwin",
    "aarch64-apple-darwin",
];

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn write_program(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

/// Creates a folder with the manual pages.
fn manual(sandbox: &Sandbox) -> PathBuf {
    let folder = sandbox.path("manual");
    fs::create_dir_all(&folder).unwrap();
    clap_mangen::generate_to(bg_run::cli::command(), &folder).unwrap();
    folder
}

/// Creates a release whose programs print their names.
fn release(sandbox: &Sandbox, name: &str) -> PathBuf {
    let folder = sandbox.path(name);
    for target in TARGETS {
        let program = folder.join(format!("programs/bg-run-{target}"));
        write_program(&program, &format!("#!/bin/sh\necho bg-run for {target}\n"));
    }
    let packed = sandbox
        .command(script("scripts/pack").to_str().unwrap())
        .args([
            folder.as_os_str(),
            BG_RUN.as_ref(),
            manual(sandbox).as_os_str(),
        ])
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .output()
        .unwrap();
    assert!(packed.status.success(), "{packed:?}");
    folder
}

#[test]
fn an_archive_holds_the_program_its_manual_and_completions() {
    let sandbox = Sandbox::new();
    let folder = release(&sandbox, "release");
    let name = format!("bg-run-{}", TARGETS[0]);
    let listed = Command::new("tar")
        .arg("-tzvf")
        .arg(folder.join(format!("{name}.tar.gz")))
        .output()
        .unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    for file in [
        "bg-run",
        "README.md",
        "LICENSE-MIT",
        "LICENSE-APACHE",
        "man/bg-run.1",
        "man/bg-run-explain.1",
        "completions/bg-run.bash",
        "completions/bg-run.zsh",
        "completions/bg-run.fish",
    ] {
        let line = listed
            .lines()
            .find(|line| line.ends_with(&format!(" {name}/{file}")));
        let line = line.unwrap_or_else(|| panic!("{file} isn't in {listed}"));
        assert_eq!(line.starts_with("-rwxr-xr-x"), file == "bg-run", "{line}");
        assert!(
            line.contains(" 0/0 ") || line.contains(" 0      0 "),
            "{line}"
        );
    }
}

#[test]
fn the_same_files_give_the_same_archives() {
    let sandbox = Sandbox::new();
    let sums = ["one", "two"].map(|name| read(&release(&sandbox, name).join("SHA256SUMS")));
    assert_eq!(sums[0].lines().count(), TARGETS.len());
    assert_eq!(sums[0], sums[1]);
}

/// All lists of platforms are equal.
#[test]
fn all_lists_have_the_same_platforms() {
    for file in ["bin/bg-run", "install.sh"] {
        let text = read(&script(file));
        let named: Vec<&str> = text
            .lines()
            .filter_map(|line| line.split_once(") target=")?.1.split_once(" ;;"))
            .map(|(target, _)| target)
            .filter(|target| *target != "none")
            .collect();
        assert_eq!(named, TARGETS, "{file}");
    }
    let release = read(&script("scripts/release"));
    assert!(release.contains(&format!("all='{}'", TARGETS.join(" "))));
}

/// `cargo binstall` looks for archives that exist.
#[test]
fn binstall_finds_the_archives() {
    let sandbox = Sandbox::new();
    let folder = release(&sandbox, "release");
    let manifest: toml::Table = toml::from_str(include_str!("../Cargo.toml")).unwrap();
    let metadata = &manifest["package"]["metadata"]["binstall"];
    let overrides = metadata["overrides"].as_table().unwrap();
    let hosts: BTreeSet<&str> = TARGETS
        .into_iter()
        .chain(overrides.keys().map(String::as_str))
        .collect();
    assert_eq!(hosts.len(), 6);
    for host in hosts {
        let filled = |key: &str| {
            let value = overrides.get(host).and_then(|table| table.get(key));
            value
                .unwrap_or(&metadata[key])
                .as_str()
                .unwrap()
                .replace("{ name }", "bg-run")
                .replace("{ bin }", "bg-run")
                .replace("{ target }", host)
        };
        let url = filled("pkg-url");
        let archive = folder.join(url.rsplit('/').next().unwrap());
        let unpacked = sandbox.path(host);
        fs::create_dir(&unpacked).unwrap();
        let tar = Command::new("tar")
            .arg("-xzf")
            .arg(&archive)
            .arg("-C")
            .arg(&unpacked)
            .status();
        assert!(tar.unwrap().success(), "{archive:?}");
        assert!(unpacked.join(filled("bin-dir")).is_file(), "{host}");
    }
}

/// Serves a folder on loopback until dropped.
struct Served {
    server: Arc<Server>,
}

impl Served {
    fn start(folder: PathBuf) -> Self {
        let server = Arc::new(Server::http("127.0.0.1:0").unwrap());
        let serving = Arc::clone(&server);
        thread::spawn(move || {
            for request in serving.incoming_requests() {
                let file = folder.join(request.url().trim_start_matches('/'));
                let _ = match fs::read(file) {
                    Ok(bytes) => request.respond(Response::from_data(bytes)),
                    Err(_) => request.respond(Response::from_string("no").with_status_code(404)),
                };
            }
        });
        Self { server }
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.server.unblock();
    }
}

/// A machine to which the release is served, from a folder that can be corrupted.
struct Machine {
    sandbox: Sandbox,
    release: PathBuf,
    served: Served,
}

impl Machine {
    fn new(name: &str) -> Self {
        let sandbox = Sandbox::new();
        let release = release(&sandbox, "release");
        sandbox.program("uname", &format!("echo '{name}'"));
        let served = Served::start(release.clone());
        Self {
            sandbox,
            release,
            served,
        }
    }

    fn install(&self, variables: &[(&str, &str)]) -> Output {
        let address = format!("http://{}", self.served.server.server_addr());
        let mut command = self.sandbox.command("sh");
        command
            .arg(script("install.sh"))
            .env("BG_RUN_RELEASES", address)
            .envs(variables.iter().copied());
        command.output().unwrap()
    }

    fn program(&self) -> PathBuf {
        self.sandbox.home().join(".local/bin/bg-run")
    }

    /// Checks that it fails with these words and changes nothing.
    fn refuses(&self, words: &str, variables: &[(&str, &str)]) {
        write_program(&self.program(), "before");
        let said = self.install(variables);
        assert_eq!(said.status.code(), Some(1), "{said:?}");
        let told = String::from_utf8(said.stderr).unwrap();
        assert!(told.contains(words), "{words}: {told}");
        assert_eq!(read(&self.program()), "before");
        let left = fs::read_dir(self.program().parent().unwrap()).unwrap();
        assert_eq!(left.count(), 1);
    }
}

#[test]
fn each_machine_gets_its_program() {
    for (name, target) in [
        ("Linux x86_64", TARGETS[0]),
        ("Linux aarch64", TARGETS[1]),
        ("Darwin x86_64", TARGETS[2]),
        ("Darwin arm64", TARGETS[3]),
    ] {
        let machine = Machine::new(name);
        for _ in 0..2 {
            let said = machine.install(&[]);
            let told = String::from_utf8(said.stdout.clone()).unwrap();
            assert!(said.status.success() && said.stderr.is_empty(), "{said:?}");
            assert!(
                told.contains(target) && told.contains("bg-run install"),
                "{told}"
            );
            let mode = fs::metadata(machine.program())
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o755);
        }
        assert!(read(&machine.program()).contains(target));
    }
}

#[test]
fn a_program_that_runs_is_replaced() {
    let machine = Machine::new("Linux x86_64");
    fs::create_dir_all(machine.program().parent().unwrap()).unwrap();
    fs::copy(BG_RUN, machine.program()).unwrap();
    let mut running = machine.sandbox.command(machine.program().to_str().unwrap());
    let mut running = running
        .arg("hook")
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let said = machine.install(&[]);
    assert!(said.status.success(), "{said:?}");
    assert!(read(&machine.program()).contains(TARGETS[0]));
    assert!(running.wait().unwrap().success());
}

#[test]
fn an_unverified_program_is_not_installed() {
    let archive = format!("bg-run-{}.tar.gz", TARGETS[0]);
    let machine = Machine::new("Linux x86_64");
    let file = machine.release.join(&archive);
    let good = fs::read(&file).unwrap();

    let other = machine
        .release
        .join(format!("bg-run-{}.tar.gz", TARGETS[1]));
    fs::copy(&other, &file).unwrap();
    machine.refuses("isn't the one of the release", &[]);
    fs::write(&file, &good[..good.len() / 2]).unwrap();
    machine.refuses("isn't the one of the release", &[]);
    fs::remove_file(&file).unwrap();
    machine.refuses("can't be fetched", &[]);
    fs::write(&file, &good).unwrap();

    let sums = machine.release.join("SHA256SUMS");
    let text = read(&sums);
    let without: String = text
        .split_inclusive('\n')
        .filter(|line| !line.contains(&archive))
        .collect();
    fs::write(&sums, without).unwrap();
    machine.refuses("doesn't name", &[]);
    // Another file's name with the same ending.
    fs::write(&sums, text.replace(&archive, &format!("x{archive}"))).unwrap();
    machine.refuses("doesn't name", &[]);
    fs::remove_file(&sums).unwrap();
    machine.refuses("can't be fetched", &[]);
    fs::write(&sums, &text).unwrap();

    machine.refuses("say where the release is", &[("BG_RUN_RELEASES", "")]);
    assert!(machine.install(&[]).status.success());
}

#[test]
fn a_missing_tool_is_reported() {
    Machine::new("FreeBSD amd64").refuses("no program for this machine (FreeBSD amd64)", &[]);
    let machine = Machine::new("Linux x86_64");
    let only = machine.sandbox.path("only");
    fs::create_dir(&only).unwrap();
    let link = |name: &str| {
        let program = bg_run::programs::find(name).unwrap();
        std::os::unix::fs::symlink(program, only.join(name)).unwrap();
    };
    std::os::unix::fs::symlink(machine.sandbox.path("bin/uname"), only.join("uname")).unwrap();
    for name in [
        "sh", "mktemp", "rm", "awk", "tar", "gzip", "mkdir", "cat", "chmod", "mv",
    ] {
        link(name);
    }
    let path = [("PATH", only.to_str().unwrap())];
    machine.refuses("neither curl nor wget", &path);
    link("curl");
    machine.refuses("neither sha256sum nor shasum", &path);
    link("sha256sum");
    assert!(machine.install(&path).status.success());
}

#[test]
fn a_program_that_doesn_t_start_is_not_installed() {
    let machine = Machine::new("Linux x86_64");
    let program = machine
        .release
        .join(format!("programs/bg-run-{}", TARGETS[0]));
    write_program(&program, "#!/bin/sh\nexit 1\n");
    let packed = machine
        .sandbox
        .command(script("scripts/pack").to_str().unwrap())
        .args([
            machine.release.as_os_str(),
            BG_RUN.as_ref(),
            manual(&machine.sandbox).as_os_str(),
        ])
        .status();
    assert!(packed.unwrap().success());
    machine.refuses("doesn't start here", &[]);
}

/// The scripts that the workflows call exist.
#[test]
fn the_workflows_call_existing_scripts() {
    let mut called = 0;
    for workflow in ["ci", "release"] {
        let text = read(&script(&format!(".github/workflows/{workflow}.yml")));
        for word in text.split_whitespace() {
            let word = word.trim_matches(['"', '\'', '`', '(', ')']);
            if let Some(name) = ["scripts/", ".ci/"]
                .iter()
                .find_map(|start| word.strip_prefix(start).map(|_| word))
            {
                assert!(script(name).is_file(), "{workflow}.yml calls {name}");
                called += 1;
            }
        }
    }
    assert!(called >= 5, "{called}");
    let manifest: toml::Table = toml::from_str(include_str!("../fuzz/Cargo.toml")).unwrap();
    let targets = manifest["bin"].as_array().unwrap().iter();
    let targets: Vec<&str> = targets.map(|bin| bin["name"].as_str().unwrap()).collect();
    let ci = read(&script(".github/workflows/ci.yml"));
    assert!(
        ci.contains(&format!("target: [{}]", targets.join(", "))),
        "{targets:?}"
    );
}

/// Maximum number of crates in a build for Linux, including this one.
const MAX_CRATES: usize = 75;

#[test]
fn few_crates_are_needed() {
    let output = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--edges", "normal"])
        .args(["--target", "x86_64-unknown-linux-gnu", "--prefix", "none"])
        .args(["--no-dedupe", "--format", "{p}"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let crates: std::collections::BTreeSet<&str> = said.lines().collect();
    println!("{} crates", crates.len());
    assert!(crates.len() <= MAX_CRATES, "{crates:#?}");
}
