//! The program: the hook first, because it stands before every call; then the command line.

use std::io::IsTerminal;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let first = arguments.next();
    match (first, arguments.next()) {
        (Some(first), None) if first == "hook" => bg_run::hook::run(false),
        // Clients before the exec form (2.1.90 and older) leave out the arguments of a registered hook.
        (None, _) if !std::io::stdin().is_terminal() => bg_run::hook::run(false),
        _ => bg_run::cli::run(),
    }
}
