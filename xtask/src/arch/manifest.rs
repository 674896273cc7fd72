//! What a crate's `Cargo.toml` may name: workspace crates that `architecture.toml` allows, and third-party crates that
//! `docs/DEPENDENCIES.md` gives a reason for.

use crate::arch::declaration::{Architecture, CrateRules};
use crate::arch::finding::Finding;
use crate::arch::workspace::Workspace;

/// Checks every crate's manifest, and that every workspace member is declared.
pub(crate) fn check(architecture: &Architecture, workspace: &Workspace, findings: &mut Vec<Finding>) {
    let reasons = workspace.files.get("docs/DEPENDENCIES.md").map_or("", String::as_str);
    members(architecture, workspace, findings);
    for rules in &architecture.crates {
        let file = format!("{}/Cargo.toml", rules.path);
        let Some(text) = workspace.files.get(&file) else {
            let advice = format!("{file} does not exist; mend the path of {}", rules.name);
            findings.push(Finding::breach("architecture.toml", 1, "missing-file", advice));
            continue;
        };
        let Ok(table) = text.parse::<toml::Table>() else {
            findings.push(Finding::breach(&file, 1, "crate-dependency", "not valid TOML".to_owned()));
            continue;
        };
        for (name, for_tests) in named_crates(&table) {
            if let Some(advice) = refuse(architecture, rules, reasons, &name, for_tests) {
                findings.push(Finding::breach(&file, line_of(text, &name), "crate-dependency", advice));
            }
        }
    }
}

fn members(architecture: &Architecture, workspace: &Workspace, findings: &mut Vec<Finding>) {
    let text = workspace.files.get("Cargo.toml").map_or("", String::as_str);
    let table = text.parse::<toml::Table>().unwrap_or_default();
    let members = table.get("workspace").and_then(|workspace| workspace.get("members"));
    for member in members.and_then(toml::Value::as_array).into_iter().flatten() {
        let Some(path) = member.as_str() else { continue };
        if !architecture.crates.iter().any(|rules| rules.path == path) {
            let advice = format!("workspace member {path} has no [[crate]] in architecture.toml");
            findings.push(Finding::breach("Cargo.toml", line_of(text, path), "undeclared", advice));
        }
    }
}

fn refuse(
    architecture: &Architecture,
    rules: &CrateRules,
    reasons: &str,
    name: &str,
    for_tests: bool,
) -> Option<String> {
    let ours = architecture.crates.iter().any(|other| other.name == name);
    if !ours {
        let row = format!("| `{name}` |");
        let missing = !reasons.contains(&row);
        return missing.then(|| format!("`{name}` has no row in docs/DEPENDENCIES.md; say why it is needed"));
    }
    let allowed = |list: &[String]| list.iter().any(|other| other == name);
    if allowed(&rules.depends) || (for_tests && allowed(&rules.dev_depends)) {
        return None;
    }
    Some(format!("{} may not depend on {name} (see `depends` in architecture.toml)", rules.name))
}

/// Crates named by the manifest, and whether only tests get them.
fn named_crates(table: &toml::Table) -> Vec<(String, bool)> {
    let mut named = Vec::new();
    let targets = table.get("target").and_then(toml::Value::as_table);
    let tables = targets.into_iter().flat_map(|targets| targets.values()).filter_map(toml::Value::as_table);
    for table in std::iter::once(table).chain(tables) {
        for section in ["dependencies", "build-dependencies", "dev-dependencies"] {
            let entries = table.get(section).and_then(toml::Value::as_table);
            for (name, value) in entries.into_iter().flatten() {
                let renamed = value.get("package").and_then(toml::Value::as_str);
                named.push((renamed.unwrap_or(name).to_owned(), section == "dev-dependencies"));
            }
        }
    }
    named
}

fn line_of(text: &str, needle: &str) -> usize {
    text.lines().position(|line| line.contains(needle)).map_or(1, |line| line + 1)
}
