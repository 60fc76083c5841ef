//! Compiles the built-in rules into the program, with words as static slices and regular expressions as automata, so
//! that a call needn't do it. Packs the VS Code extension. Requests a static link where possible.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::{env, fs};

#[path = "../src/rules/automaton.rs"]
#[expect(dead_code, reason = "the program searches, this script only builds")]
mod automaton;
#[path = "../src/rules/file.rs"]
#[expect(unreachable_pub, dead_code, reason = "the program uses more of it")]
mod file;
mod static_link;
mod vsix;

use regex_automata::dfa::{StartKind, dense};

use file::{Action, RuleEntry, RulesFile, TextOrList};

#[expect(
    clippy::disallowed_methods,
    reason = "cargo passes values to a build script in variables"
)]
fn variable(name: &str) -> Result<String> {
    env::var(name).map_err(|_| format!("cargo sets no {name}").into())
}

/// The variable for a build without system-specific code, so that this code can be tested on any machine.
const PORTABLE: &str = "BG_RUN_BUILD_PORTABLE";

/// Returns the system whose specific code is built in.
fn system() -> Result<&'static str> {
    println!("cargo::rerun-if-env-changed={PORTABLE}");
    if variable(PORTABLE).is_ok() {
        return Ok("portable");
    }
    Ok(match variable("CARGO_CFG_TARGET_OS")?.as_str() {
        "linux" => "linux",
        "macos" => "macos",
        _ => "portable",
    })
}

const RULES: &str = "src/rules/default_rules.toml";

type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

fn main() -> Result<()> {
    for file in [
        RULES,
        "src/rules/automaton.rs",
        "src/rules/file.rs",
        "build",
        vsix::FOLDER,
    ] {
        println!("cargo::rerun-if-changed={file}");
    }
    let system = system()?;
    println!("cargo::rustc-check-cfg=cfg(system, values(\"linux\", \"macos\", \"portable\"))");
    println!("cargo::rustc-cfg=system=\"{system}\"");
    let out = PathBuf::from(variable("OUT_DIR")?);
    let rules_file: RulesFile = toml::from_str(&fs::read_to_string(RULES)?)?;
    if !rules_file.off.is_empty() || !rules_file.wrappers.is_empty() {
        return Err("built-in rules are taken out, not switched off".into());
    }
    let vsix_out = out.join("bg-run.vsix");
    let mut code = Code {
        out: out.clone(),
        ..Code::default()
    };
    for rule in &rules_file.rules {
        code.rule(rule)?;
    }
    let text = format!(
        "{}pub(super) static RULES: [Rule; {}] = [\n{}];\n",
        code.items,
        rules_file.rules.len(),
        code.rules
    );
    fs::write(out.join("built_in_rules.rs"), text)?;
    vsix::pack(&vsix_out, &variable("CARGO_PKG_VERSION")?)?;
    static_link::ask()?;
    Ok(())
}

/// The generated code so far. A static can refer to another static, but not to a temporary.
#[derive(Default)]
struct Code {
    out: PathBuf,
    items: String,
    rules: String,
    count: usize,
}

impl Code {
    fn rule(&mut self, rule: &RuleEntry) -> Result<()> {
        let action = match rule.action.unwrap_or_default() {
            Action::Background => "Background",
            Action::Foreground => "Foreground",
        };
        let commands = self.commands(rule.commands.as_ref())?;
        let arguments = self.texts(rule.arguments.as_ref())?;
        let patterns = self.patterns(rule.r#match.as_ref())?;
        let without = self.texts(rule.without.as_ref())?;
        let unless = self.patterns(rule.unless.as_ref())?;
        writeln!(
            self.rules,
            "Rule {{ name: {}, layer: Layer::BuiltIn, over: Vec::new(), action: Action::{action}, enabled: {}, commands: {commands}, \
             arguments: {arguments}, patterns: {patterns}, without: {without}, unless: {unless}, in_loop: {}, time_limit_from: {:?}, endless: {}, reason: {} }},",
            text(rule.name.get_ref()),
            rule.enabled.unwrap_or(true),
            rule.in_loop.unwrap_or_default(),
            rule.time_limit_from,
            rule.endless.unwrap_or_default(),
            text(
                rule.reason
                    .as_deref()
                    .ok_or("a built-in rule gives its reason")?
            ),
        )?;
        Ok(())
    }

    /// Adds a static slice of these values, and returns the code that refers to it.
    fn slice(&mut self, kind: &str, values: &[String]) -> Result<String> {
        self.count += 1;
        let name = format!("{}_{}", kind.to_uppercase(), self.count);
        writeln!(
            self.items,
            "static {name}: [{kind}; {}] = [{}];",
            values.len(),
            values.join(", ")
        )?;
        Ok(format!("Cow::Borrowed(&{name})"))
    }

    fn commands(&mut self, texts: Option<&TextOrList>) -> Result<String> {
        let entries = texts.map(|texts| texts.0.as_slice()).unwrap_or_default();
        let beginnings = automaton::beginnings(entries);
        let entries = self.texts(texts)?;
        Ok(format!(
            "Commands {{ entries: {entries}, beginnings: {beginnings:#x} }}"
        ))
    }

    fn texts(&mut self, texts: Option<&TextOrList>) -> Result<String> {
        let values: Vec<String> = texts
            .into_iter()
            .flat_map(|texts| &texts.0)
            .map(|t| text(t))
            .collect();
        self.slice("Text", &values)
    }

    fn patterns(&mut self, sources: Option<&TextOrList>) -> Result<String> {
        let mut values = Vec::new();
        for source in sources.into_iter().flat_map(|texts| &texts.0) {
            let facts = automaton::ExpressionFacts::of(source)?;
            self.count += 1;
            let file = self.out.join(format!("pattern_{}", self.count));
            fs::write(&file, built(source, facts.anchored)?)?;
            let literals: Vec<String> =
                facts.literals.iter().map(|literal| text(literal)).collect();
            let literals = self.slice("Text", &literals)?;
            values.push(format!(
                "Pattern {{ source: {}, matcher: Matcher::BuiltIn {{ literals: {literals}, anchored: {}, first: {:#x}, automaton: include_bytes!({:?}) }} }}",
                text(source),
                facts.anchored,
                facts.first,
                file.to_str().ok_or("OUT_DIR is no UTF-8")?,
            ));
        }
        self.slice("Pattern", &values)
    }
}

/// Maximum size of an automaton in bytes. Loading a larger one takes longer than compiling its expression.
const MAX_BYTES: usize = 128 * 1024;

/// Builds the sparse automaton of an expression. It only tells whether a text matches, so repetitions stop as early as
/// possible, which leaves fewer states. Minimization leaves the fewest.
fn built(source: &str, anchored: bool) -> Result<Vec<u8>> {
    let start = if anchored {
        StartKind::Anchored
    } else {
        StartKind::Unanchored
    };
    let dense = dense::Builder::new()
        .syntax(automaton::bytes().swap_greed(true))
        .configure(dense::Config::new().start_kind(start).minimize(true))
        .build(source)?;
    let bytes = dense.to_sparse()?.to_bytes_native_endian();
    if bytes.len() > MAX_BYTES {
        return Err(format!("`{source}` makes too large an automaton; split it").into());
    }
    Ok(bytes)
}

fn text(text: &str) -> String {
    format!("Cow::Borrowed({text:?})")
}
