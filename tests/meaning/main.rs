//! Checks that a rewritten command has the original's meaning by running both under real bash and real zsh. Every
//! program is a stub that records its arguments, its environment and its input, and chooses its status by a rule.
//!
//! 1,000 generated commands in each shell (`BG_RUN_MEANING_SHELL`: only in this one); with `BG_RUN_E2E=require` 20,000, and the commands of `../shared/corpus` where they are.
//! `BG_RUN_MEANING_CASES` sets the number of generated commands, and `BG_RUN_MEANING_SEED` selects others.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test"
)]

mod compare;
mod corpus;
mod generator;
mod run;
mod stub;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use bg_run::claude::permissions::PermissionRules;
use bg_run::decision::{Call, Context, Decision, decide};
use bg_run::folders::CallSite;
use bg_run::programs::{GnuTools, Tools, ToolsOnPath, Trial};
use bg_run::rules::Rules;
use proptest::sample::select;
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::json;

use compare::Verdict;
use run::{Sandbox, Shell, System};

/// Numbers of generated commands; the second applies if everything has to run.
const CASES: [usize; 2] = [1_000, 20_000];
const THREADS: u8 = 2;

fn main() {
    if std::env::var_os(stub::LOG).is_some() {
        stub::run();
    }
    let mut arguments = std::env::args().skip(1);
    match arguments.next().as_deref() {
        // Test runners request this list from a test without a harness.
        Some("--list") => return println!("meaning: test"),
        Some(corpus::WORKER) => return corpus::work(&arguments.collect::<Vec<_>>()),
        _ => {}
    }
    let required = std::env::var("BG_RUN_E2E").is_ok_and(|value| value == "require");
    let only = std::env::var("BG_RUN_MEANING_SHELL").ok();
    for shell in [Shell::Bash, Shell::Zsh] {
        if only.as_deref().is_some_and(|only| only != shell.name()) {
            continue;
        }
        if bg_run::programs::find(shell.name()).is_none() {
            assert!(
                !required,
                "BG_RUN_E2E=require, but there is no {}",
                shell.name()
            );
            println!("skipped: {} isn't installed", shell.name());
            continue;
        }
        let cases = number("BG_RUN_MEANING_CASES").map(|cases| usize::try_from(cases).unwrap());
        generated(shell, cases.unwrap_or(CASES[usize::from(required)]));
        if required {
            corpus::run(shell);
        }
    }
}

/// Returns the number in the variable, if it is set.
fn number(variable: &str) -> Option<u64> {
    Some(std::env::var(variable).ok()?.parse().unwrap())
}

/// Decides as for a call that asks for the background, so that as much as possible is edited.
fn decided(command: &str, rules: &Rules, tools: &dyn Tools) -> Decision {
    let permissions = || {
        let mut permissions = PermissionRules::default();
        permissions.add_settings(&json!({"permissions": {"allow": ["Bash"]}}));
        permissions
    };
    let call = Call {
        command,
        run_in_background: true,
        ..Call::default()
    };
    let context = Context {
        tools,
        ..Context::ordinary(&permissions)
    };
    decide(call, rules, &context)
}

/// The tools of a sandbox's folder, each tried once.
struct Tried<'a> {
    tools: ToolsOnPath<'a>,
    known: RefCell<BTreeMap<String, bool>>,
}

impl Tools for Tried<'_> {
    fn passes(&self, word: &str, trial: Trial) -> bool {
        let key = format!("{word} {trial:?}");
        let known = self.known.borrow().get(&key).copied();
        known.unwrap_or_else(|| {
            let passes = self.tools.passes(word, trial);
            self.known.borrow_mut().insert(key, passes);
            passes
        })
    }

    fn stdbuf(&self, word: &str) -> Option<&'static str> {
        let key = format!("stdbuf {word}");
        let known = self.known.borrow().get(&key).copied();
        let works = known.unwrap_or_else(|| self.tools.stdbuf(word).is_some());
        self.known.borrow_mut().insert(key, works);
        works.then_some("stdbuf")
    }

    fn is_system_tool(&self, word: &str) -> bool {
        !word.contains('/')
    }

    fn is_of_user(&self, _word: &str) -> bool {
        false
    }
}

fn generated(shell: Shell, cases: usize) {
    let (edited, skipped) = (AtomicUsize::new(0), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (edited, skipped) = (&edited, &skipped);
            scope.spawn(move || {
                generate(shell, thread, cases / usize::from(THREADS), edited, skipped);
            });
        }
    });
    // zsh rejects some commands that bash accepts.
    let rejects = match shell {
        Shell::Bash => 50,
        Shell::Zsh => 20,
    };
    println!(
        "meaning: {}: {cases} generated commands, {} of them edited, 0 differences, {} not comparable",
        shell.name(),
        edited.load(Ordering::Relaxed),
        skipped.load(Ordering::Relaxed)
    );
    assert!(edited.into_inner() > cases / 2, "too few were edited");
    assert!(
        skipped.into_inner() < cases / rejects,
        "too many can't be compared"
    );
}

fn generate(shell: Shell, thread: u8, cases: usize, edited: &AtomicUsize, skipped: &AtomicUsize) {
    let rules = Rules::built_in();
    let sandbox = Sandbox::new(shell);
    let mut seed = [thread; 32];
    if let Some(number) = number("BG_RUN_MEANING_SEED") {
        seed[..8].copy_from_slice(&number.to_le_bytes());
    }
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &seed);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = (select(System::all()), generator::script());
    let site = CallSite::new(Path::new("/nowhere"));
    let tried = |system: System| Tried {
        tools: ToolsOnPath::in_folders(&site, vec![sandbox.path(system.folder())]),
        known: RefCell::default(),
    };
    let (own, busybox) = (tried(System::Own), tried(System::Busybox));
    for _ in 0..cases {
        let mut tree = strategy.new_tree(&mut runner).unwrap();
        let check = |(system, command): &(System, String)| {
            let tools: &dyn Tools = match system {
                System::Stubs => &GnuTools,
                System::Own => &own,
                System::Busybox => &busybox,
            };
            sandbox.compare(command, &decided(command, &rules, tools), *system)
        };
        match check(&tree.current()) {
            Verdict::NotEdited => {}
            Verdict::Same => {
                edited.fetch_add(1, Ordering::Relaxed);
            }
            Verdict::NotComparable => {
                skipped.fetch_add(1, Ordering::Relaxed);
            }
            Verdict::Different(_) => {
                let mut smallest = tree.current();
                let mut more = tree.simplify();
                while more {
                    if matches!(check(&tree.current()), Verdict::Different(_)) {
                        smallest = tree.current();
                        more = tree.simplify();
                    } else {
                        more = tree.complicate();
                    }
                }
                match check(&smallest) {
                    Verdict::Different(how) => panic!("{how}"),
                    _ => skipped.fetch_add(1, Ordering::Relaxed),
                };
            }
        }
    }
}
