//! Links a release for Linux with glibc statically, because loading shared libraries would take longer than the rest
//! of a hook call.
//!
//! rustc does this (`-C target-feature=+crt-static`) only for an explicit `--target`, which a build script can't set
//! and `cargo install --path .` doesn't. So the linker gets the static libraries under the names that rustc asks for.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{fs, io};

use super::variable;

/// Names of the libraries that rustc requests for this target. Each becomes a linker script for all of [`STATIC`].
const ASKED_FOR: [&str; 7] = ["c", "dl", "gcc_s", "m", "pthread", "rt", "util"];

/// The static libraries of glibc and gcc. Some distributions package the first two separately.
const STATIC: [&str; 4] = ["libm.a", "libc.a", "libgcc_eh.a", "libgcc.a"];

/// Keeps Rust's runtime from searching for the main thread's guard page, for which glibc reads `/proc/self/maps`: 41,000
/// instructions, a tenth of a hook call. The call gets a result that isn't 0, which counts as an error. An overflow of the
/// stack then ends the program by SIGSEGV without Rust's message.
const NO_GUARD: &str = "-Wl,--defsym=pthread_getattr_np=getpid";

/// Tells cargo to link statically if the target is this machine and its static libraries link and run.
pub(crate) fn ask() -> io::Result<()> {
    let is = |name: &str, value: &str| variable(name).is_ok_and(|is| is == value);
    let is_glibc = is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu");
    let is_host = variable("HOST").is_ok_and(|host| is("TARGET", &host));
    // With the target's own feature, rustc itself links statically.
    let is_asked_of_rustc = variable("CARGO_CFG_TARGET_FEATURE")
        .is_ok_and(|features| features.split(',').any(|feature| feature == "crt-static"));
    if !is_glibc || !is_host || is_asked_of_rustc || !is("PROFILE", "release") {
        return Ok(());
    }
    let Ok(out) = variable("OUT_DIR").map(PathBuf::from) else {
        return Ok(());
    };
    let linker = variable("RUSTC_LINKER").unwrap_or_else(|_| "cc".to_owned());
    let Some(libraries) = libraries(&linker) else {
        return Ok(());
    };
    if !links_and_runs(&linker, &out) {
        return Ok(());
    }
    for name in ASKED_FOR {
        let script = format!("GROUP({})\n", libraries.join(" "));
        fs::write(out.join(format!("lib{name}.a")), script)?;
    }
    for argument in [
        &format!("-L{}", out.display()),
        "-static",
        "-no-pie",
        NO_GUARD,
    ] {
        println!("cargo::rustc-link-arg-bins={argument}");
    }
    Ok(())
}

/// Returns the paths of [`STATIC`]; `None` if one is missing.
fn libraries(linker: &str) -> Option<Vec<String>> {
    let path = |name: &&str| {
        let argument = format!("-print-file-name={name}");
        let said = Command::new(linker).arg(argument).output().ok()?;
        let path = String::from_utf8(said.stdout).ok()?.trim().to_owned();
        Path::new(&path).is_absolute().then_some(path)
    };
    STATIC.iter().map(path).collect()
}

/// Whether a program linked this way starts.
fn links_and_runs(linker: &str, out: &Path) -> bool {
    let (source, program) = (out.join("probe.c"), out.join("probe"));
    let runs = |command: &mut Command| {
        let quiet = command.stdout(Stdio::null()).stderr(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    };
    fs::write(&source, "int main(void) { return 0; }\n").is_ok()
        && runs(
            Command::new(linker)
                .args(["-static", "-no-pie", NO_GUARD, "-o"])
                .args([&program, &source]),
        )
        && runs(&mut Command::new(&program))
}
