//! The command line as data: `tests/cmd/*.trycmd`. `TRYCMD=overwrite cargo test --test command_line` writes what
//! it says now.

mod support;

use support::sandbox::Sandbox;

#[test]
fn the_command_line_says_what_it_said() {
    let sandbox = Sandbox::new();
    let cases = trycmd::TestCases::new();
    cases.register_bin("bg-run", std::path::Path::new(support::sandbox::BG_RUN));
    for (name, value) in sandbox.environment() {
        cases.env(name, value);
    }
    cases.env(
        "BG_RUN_CONFIG_DIR",
        sandbox.path("config").display().to_string(),
    );
    cases.env(
        "CLAUDE_CODE_TMPDIR",
        sandbox.path("tmp").display().to_string(),
    );
    for variable in [
        "CLAUDE_CODE_ENTRYPOINT",
        "CLAUDE_PID",
        "PYTHONUNBUFFERED",
        "CLAUDE_CODE_SESSION_ATTENDED",
        "BG_RUN",
        "BG_RUN_DRY_RUN",
        "BG_RUN_HEADLESS",
        "CLAUDE_CODE_DISABLE_BACKGROUND_TASKS",
    ] {
        cases.env(variable, "");
    }
    cases.case("tests/cmd/*.trycmd");
}
