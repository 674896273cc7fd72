//! `cargo xtask bench`: builds `bench/`, a workspace of its own, with the engines that are asked for, and runs it.
//!
//! All options are its own and are handed on. Here they only decide which engines to build: those named, the ones without
//! C for `--quick` and for what runs nothing, the fast ones for `--scaling`, otherwise all.

use std::path::Path;
use std::process::Command;

/// Where results go below the repository, unless the command line says so.
const DEFAULTS: [(&str, &str); 2] = [("--dir", "bench/results/tmp"), ("--out", "bench/results/latest.jsonl")];

/// Builds and runs it with these options.
pub(crate) fn run(root: &Path, words: &[String]) -> Result<(), String> {
    let manifest = root.join("bench/Cargo.toml");
    let declared =
        std::fs::read_to_string(&manifest).map_err(|error| format!("{}: {error}", manifest.display()))?;
    let features = features(words);
    refuse_unknown(&features, &declared)?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command.args(["run", "--release", "--no-default-features", "--features", &features]);
    command.arg("--manifest-path").arg(manifest).arg("--").args(words);
    for (name, path) in DEFAULTS {
        if value_of(words, name).is_none() {
            command.arg(name).arg(root.join(path));
        }
    }
    let status = command.status().map_err(|error| format!("cannot start cargo: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("bench: {status}")) }
}

/// The Cargo features of `bench/` that these options need.
fn features(words: &[String]) -> String {
    let idle = ["--quick", "--list", "--help", "-h", "--report"];
    match value_of(words, "--engines") {
        Some(engines) => engines.to_owned(),
        None if idle.iter().any(|word| has(words, word)) => "quick".to_owned(),
        None if has(words, "--scaling") => "esker,rocksdb,heed,fjall".to_owned(),
        None => "all".to_owned(),
    }
}

/// Refuses an engine that `bench/Cargo.toml` declares no feature for, before cargo does so in its own words.
fn refuse_unknown(features: &str, manifest: &str) -> Result<(), String> {
    let manifest: toml::Table =
        toml::from_str(manifest).map_err(|error| format!("bench/Cargo.toml: {error}"))?;
    let declared = manifest.get("features").and_then(toml::Value::as_table);
    let known: Vec<&str> = declared.into_iter().flat_map(toml::Table::keys).map(String::as_str).collect();
    let sets = ["default", "quick", "all"];
    match features.split(',').find(|name| !known.contains(name)) {
        Some(unknown) => {
            let engines: Vec<&str> = known.into_iter().filter(|name| !sets.contains(name)).collect();
            Err(format!("no engine is called {unknown}; there are {}", engines.join(", ")))
        }
        None => Ok(()),
    }
}

fn has(words: &[String], name: &str) -> bool {
    words.iter().any(|word| word == name || word.split_once('=').is_some_and(|(before, _)| before == name))
}

/// The word after `name`, or what stands behind `name=`.
fn value_of<'a>(words: &'a [String], name: &str) -> Option<&'a str> {
    let at = words.iter().position(|word| word == name).and_then(|at| words.get(at + 1));
    let joined = || words.iter().find_map(|word| word.split_once('=').filter(|(before, _)| *before == name));
    at.map(String::as_str).or_else(|| joined().map(|(_, value)| value))
}

#[cfg(test)]
mod tests;
