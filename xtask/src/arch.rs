//! `cargo xtask arch`: the house rules that a compiler does not know.
//!
//! [`check`] takes the workspace's files and gives findings: floors and circles inside each crate, dependencies between
//! crates, fences of unsafe code, the operating system behind `esker-env`, panics, stubs, ignored tests, sizes, module
//! docs, invariant ids. What is allowed is declared in `architecture.toml`; the rules are in the files below. It reads
//! text only, so it runs in a second and on code that does not compile.
//!
//! Not here: what rustc and clippy check.

pub(crate) mod code;
pub(crate) mod declaration;
pub(crate) mod finding;
pub(crate) mod floors;
pub(crate) mod imports;
pub(crate) mod invariants;
pub(crate) mod lexer;
pub(crate) mod manifest;
pub(crate) mod source;
#[cfg(test)]
mod tests;
pub(crate) mod workspace;

use std::path::Path;

use crate::arch::declaration::{Architecture, CrateRules};
use crate::arch::finding::Finding;
use crate::arch::imports::Modules;
use crate::arch::source::Source;
use crate::arch::workspace::Workspace;

/// Checks the repository at `root` and prints what it finds; the error says how many breaches there are.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let workspace = Workspace::load(root).map_err(|error| format!("cannot read the workspace: {error}"))?;
    let findings = check(&workspace)?;
    for finding in &findings {
        println!("{finding}");
    }
    let breaches = findings.iter().filter(|finding| !finding.warning).count();
    let warnings = findings.len() - breaches;
    println!("arch: {} files, {breaches} breaches, {warnings} warnings", workspace.files.len());
    if breaches == 0 { Ok(()) } else { Err(format!("{breaches} breaches of the house rules")) }
}

/// Prints, for the crate `name`, the floors that its imports imply, in the form of `architecture.toml`.
pub(crate) fn print_floors(root: &Path, name: &str) -> Result<(), String> {
    let workspace = Workspace::load(root).map_err(|error| format!("cannot read the workspace: {error}"))?;
    let text = workspace.files.get("architecture.toml").map_or("", String::as_str);
    let architecture = Architecture::parse(text)?;
    let rules = architecture.crates.iter().find(|rules| rules.name == name);
    let rules = rules.ok_or_else(|| format!("no [[crate]] {name} in architecture.toml"))?;
    let src = format!("{}/src", rules.path);
    for floor in floors::implied(rules, &Modules::new(workspace.rust_under(&src))) {
        println!("[[crate.floor]]\nname = \"\"\nfiles = {floor:?}\n");
    }
    Ok(())
}

/// Applies every rule; findings come sorted by file and line.
pub(crate) fn check(workspace: &Workspace) -> Result<Vec<Finding>, String> {
    let text = workspace.files.get("architecture.toml").map_or("", String::as_str);
    let architecture = Architecture::parse(text)?;
    let mut findings = Vec::new();
    manifest::check(&architecture, workspace, &mut findings);
    for rules in &architecture.crates {
        let src = format!("{}/src", rules.path);
        let modules = Modules::new(workspace.rust_under(&src));
        floors::check(rules, &modules, &mut findings);
        for (file, text) in workspace.rust_under(&rules.path) {
            let below_src = file.strip_prefix("src/");
            match below_src.and_then(|below| modules.files.get(below)) {
                Some(source) => check_code(rules, file, false, source, &mut findings),
                None => check_code(rules, file, true, &Source::read(text), &mut findings),
            }
        }
    }
    invariants::check(workspace, &mut findings);
    findings.sort();
    Ok(findings)
}

fn check_code(rules: &CrateRules, file: &str, is_test: bool, source: &Source, findings: &mut Vec<Finding>) {
    code::check(&code::Subject { rules, file, is_test, source }, findings);
}
