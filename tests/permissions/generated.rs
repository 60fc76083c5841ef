//! Generated rules and commands: the client decides the same about the edited and the original command, and reads a
//! rule as bg-run does. `BG_RUN_PERMISSION_PAIRS` sets the number of pairs per client (120).

use std::collections::BTreeMap;

use bg_run::claude::permissions::PermissionRules;
use bg_run::decision::{Call, Context, decide};
use bg_run::rules::Rules as LongRules;
use proptest::test_runner::{RngAlgorithm, TestRng};
use rand_like::Random;
use serde_json::json;

use crate::support::claude::Client;
use crate::{Fate, fates, user};

/// Number of commands per set of rules.
const COMMANDS: usize = 12;

/// Parts of commands.
const STARTS: &[&str] = &[
    "",
    "",
    "",
    "",
    "",
    "CI=true ",
    "NODE_ENV=production ",
    "NODE_ENV=test RUST_LOG=debug ",
    "PYTHONPATH=src ",
    "PYTHONPATH=\"/a b\" ",
    "FOO=1 ",
    "timeout 300 ",
    "timeout -k 5 600 ",
    "nohup ",
    "nice -n 5 ",
    "nice ",
    "stdbuf -oL ",
    "env A=1 ",
    "FORCE_COLOR=0 timeout 60 ",
    "KEY=\"x!\" ",
    "DEBUG=pw:api ",
];
const PROGRAMS: &[&str] = &[
    "pytest -x",
    "pytest -k \"a and (b or c)\"",
    "pytest -m \"slow\" tests",
    "python train.py",
    "python -m pytest -q",
    "python train.py --name \"x (a)\"",
    "python train.py --glob \"a*b\"",
    "npm run build",
    "npm test -- --ci",
    "make -j4 all",
    "uv run pytest -x",
    "uv run python -m pkg.train --epochs 3",
    "cargo test --workspace",
    "npx jest --ci",
    "npx vitest run",
    "pnpm build",
    "\"./node_modules/.bin/vite\" build",
    "docker exec c pytest",
];
const ENDS: &[&str] = &[
    "",
    "",
    "",
    "",
    " 2>&1",
    " 2>/dev/null",
    " | tail -20",
    " 2>&1 | tail -5",
    " | grep FAILED",
    " | grep -E \"a|b\"",
    " | head -3",
    "; echo done",
    " && npm test",
    " || true",
    " # note",
    " > out.log 2>&1",
    " | tee out.log",
    " 2>&1 | grep -v warn | tail -5",
];
const FRAMES: &[(&str, &str)] = &[
    ("", ""),
    ("", ""),
    ("", ""),
    ("cd sub && ", ""),
    ("cd app; ", ""),
    ("(", ")"),
    ("for i in 1 2; do ", "; done"),
];

/// A small random generator that is reproducible by its seed.
pub(crate) mod rand_like {
    use proptest::prelude::Rng;
    use proptest::test_runner::TestRng;

    pub(crate) trait Random {
        fn below(&mut self, end: usize) -> usize;
        fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
            &of[self.below(of.len())]
        }
    }

    impl Random for TestRng {
        fn below(&mut self, end: usize) -> usize {
            usize::try_from(self.next_u64() % u64::try_from(end).unwrap()).unwrap()
        }
    }
}

pub(crate) fn command(random: &mut TestRng) -> String {
    let (before, after) = random.one(FRAMES);
    let body = format!(
        "{}{}{}",
        random.one(STARTS),
        random.one(PROGRAMS),
        random.one(ENDS)
    );
    // A comment would swallow the end of the frame.
    let after = if body.contains('#') && !after.is_empty() {
        format!("\n{}", after.trim_start_matches("; "))
    } else {
        (*after).to_owned()
    };
    format!("{before}{body}{after}")
}

/// Returns a rule made from a command, as people and the client's prompt write them.
pub(crate) fn rule(random: &mut TestRng, command: &str) -> String {
    let simple = command
        .split(['|', ';', '\n', '>'])
        .next()
        .unwrap_or_default()
        .trim_end_matches(" 2")
        .trim_start_matches("cd sub && ")
        .trim_start_matches('(')
        .trim_end_matches(')')
        .trim();
    let of = if random.below(5) == 0 {
        command
    } else {
        simple
    };
    let words: Vec<&str> = of.split(' ').collect();
    let kept = words[..=random.below(words.len())].join(" ");
    let text = match random.below(8) {
        0 | 1 => format!("{kept}:*"),
        2 | 3 => format!("{kept} *"),
        4 => of.to_owned(),
        5 => format!("*{}*", words[random.below(words.len())]),
        6 => format!("{}*", of.get(..of.len() / 2).unwrap_or(of)),
        _ => format!("* {}", words[random.below(words.len())]),
    };
    let escaped = text.replace('(', "\\(").replace(')', "\\)");
    format!("Bash({escaped})")
}

#[test]
fn generated_rules_decide_the_same_about_edited_commands() {
    let wanted = number("BG_RUN_PERMISSION_PAIRS").unwrap_or(120);
    let seed = number("BG_RUN_PERMISSION_SEED").unwrap_or(7_u8);
    let (mut pairs, mut edited, mut readings) = (0, 0, 0);
    let mut wrong = Vec::new();
    let mut outcomes: BTreeMap<String, usize> = BTreeMap::new();
    for version in ["2.1.90", "2.1.200", "2.1.331"] {
        let Some(client) = Client::find(version) else {
            continue;
        };
        let mut random = TestRng::from_seed(RngAlgorithm::ChaCha, &[seed; 32]);
        let sessions: Vec<Session> = (0..usize::div_ceil(wanted, COMMANDS))
            .map(|_| Session::new(&mut random))
            .collect();
        for (session, fates) in play(&client, &sessions) {
            for (pair, fates) in session.pairs.iter().zip(fates.chunks(2)) {
                let (first, second) = (fates[0], fates[1]);
                pairs += 1;
                edited += usize::from(pair.edited != pair.command);
                *outcomes.entry(format!("{first:?}")).or_default() += 1;
                if first != second {
                    wrong.push(format!(
                        "{version}: {first:?} became {second:?}: {:?} as {:?} with {}",
                        pair.command, pair.edited, session.rules
                    ));
                }
                if let Some(fault) = session.misread(&pair.command, first) {
                    wrong.push(format!(
                        "{version}: {fault}: {:?} with {}",
                        pair.command, session.rules
                    ));
                }
                readings += usize::from(is_simple(&pair.command));
            }
        }
    }
    println!(
        "generated rules: {pairs} pairs, {edited} of them edited, {outcomes:?}; {readings} readings of rules; {} differences",
        wrong.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[expect(
    clippy::disallowed_methods,
    reason = "a test reads the environment it runs in"
)]
pub(crate) fn number<T: std::str::FromStr>(variable: &str) -> Option<T> {
    std::env::var(variable).ok()?.parse().ok()
}

/// Runs two sessions at once.
fn play<'a>(client: &Client, sessions: &'a [Session]) -> Vec<(&'a Session, Vec<Fate>)> {
    let mut played = Vec::new();
    for two in sessions.chunks(2) {
        let fates: Vec<Vec<Fate>> = std::thread::scope(|scope| {
            let started: Vec<_> = two
                .iter()
                .map(|session| scope.spawn(|| session.fates(client)))
                .collect();
            started.into_iter().map(|one| one.join().unwrap()).collect()
        });
        played.extend(two.iter().zip(fates));
    }
    played
}

struct Pair {
    command: String,
    edited: String,
}

struct Session {
    rules: serde_json::Value,
    known: PermissionRules,
    pairs: Vec<Pair>,
}

impl Session {
    fn new(random: &mut TestRng) -> Self {
        let commands: Vec<String> = (0..COMMANDS).map(|_| command(random)).collect();
        let kind = random.below(3);
        let mut made = |count: usize| -> Vec<String> {
            let mut rules = Vec::new();
            for _ in 0..count {
                let of = random.below(commands.len());
                rules.push(rule(random, &commands[of]));
            }
            rules
        };
        let rules = match kind {
            0 => json!({"allow": made(7)}),
            1 => json!({"allow": ["Bash"], "deny": made(5), "ask": made(1)}),
            _ => json!({"allow": made(7), "ask": made(1), "deny": made(1)}),
        };
        let mut known = PermissionRules::default();
        known.add_settings(&json!({"permissions": rules}));
        let pairs = commands
            .into_iter()
            .map(|command| Pair {
                edited: edited(&command, &known),
                command,
            })
            .collect();
        Self {
            rules,
            known,
            pairs,
        }
    }

    fn fates(&self, client: &Client) -> Vec<Fate> {
        let commands: Vec<&str> = self
            .pairs
            .iter()
            .flat_map(|pair| [pair.command.as_str(), pair.edited.as_str()])
            .collect();
        fates(client, &user(self.rules.clone()), &commands, &[], false)
    }

    /// Returns a description of a command for which the client saw more rules than bg-run, or asked although bg-run
    /// considers it allowed.
    fn misread(&self, command: &str, fate: Fate) -> Option<&'static str> {
        if !is_simple(command) {
            return None;
        }
        let restricted = !self.rules["deny"].is_null() || !self.rules["ask"].is_null();
        match fate {
            Fate::Runs if !self.known.comparison().may_allow(command) => {
                Some("it runs, by no rule of ours")
            }
            Fate::Denied if !self.known.comparison().may_restrict(command) => {
                Some("it is denied, by no rule of ours")
            }
            Fate::Asks if !restricted && self.known.comparison().surely_allow(command) => {
                Some("it asks, and we take it for allowed")
            }
            _ => None,
        }
    }
}

/// Whether it has no wrapper that a client ignores, no redirection, and no comment.
fn is_simple(command: &str) -> bool {
    PROGRAMS.contains(&command)
}

fn edited(command: &str, rules: &PermissionRules) -> String {
    let permissions = || rules.clone();
    let call = Call {
        command,
        run_in_background: true,
        ..Call::default()
    };
    let decision = decide(
        call,
        &LongRules::built_in(),
        &Context::ordinary(&permissions),
    );
    decision.rewrite.command
}
