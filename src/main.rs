//! The program: the hook first, because it runs before every call, then the command line.

use std::io::IsTerminal;
use std::process::ExitCode;

use bg_run::config::Mode;

/// The allocator for musl, whose own takes more than twice as long for a large command.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    match arguments.next() {
        // Further arguments are ignored. A usage error would exit with 2, and the client would block every call.
        Some(first) if first == "hook" => {
            let dry = arguments.any(|argument| argument == "--dry-run");
            bg_run::hook::run(if dry { Mode::Dry } else { Mode::Real })
        }
        // Clients before the exec form (2.1.90 and older) omit the arguments of a registered hook.
        None if !std::io::stdin().is_terminal() => bg_run::hook::run(Mode::Real),
        _ => bg_run::cli::run(),
    }
}
