//! `cargo xtask footprint`: what a program takes on that takes on esker.
//!
//! Builds a program that opens a database, puts and gets, in a package of its own and from nothing, once with the default
//! features and once with none: third-party crates, seconds, bytes stripped. A second program loads a database and opens
//! it again: resident memory per million keys before anything is read, which is indexes and filters.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

/// What the smallest user does.
const OPEN_PUT_GET: &str = r#"
fn main() -> Result<(), esker::Error> {
    let folder = std::env::args_os().nth(1).expect("a folder");
    let db = esker::Database::open(folder)?;
    db.put("key", "value")?;
    assert_eq!(db.get("key")?.as_deref(), Some(b"value".as_slice()));
    Ok(())
}
"#;

/// Loads the keys that it is told, or opens what is there and prints its anonymous memory before and after.
const RESIDENT: &str = r#"
fn anonymous_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

fn main() -> Result<(), esker::Error> {
    let mut words = std::env::args().skip(1);
    let folder = words.next().expect("a folder");
    match words.next() {
        Some(keys) => {
            let db = esker::Database::open(folder)?;
            for i in 0..keys.parse::<u64>().expect("a number") {
                db.put(format!("user{:020}", i.wrapping_mul(0x9E37_79B9_7F4A_7C15)), [b'v'; 100])?;
            }
            db.flush()?;
            db.wait_until_idle()
        }
        None => {
            let before = anonymous_kib();
            let db = esker::Database::open(folder)?;
            println!("{}", anonymous_kib().saturating_sub(before));
            drop(db);
            Ok(())
        }
    }
}
"#;

/// One set of features to measure.
struct Build {
    name: &'static str,
    dependency: &'static str,
}

const BUILDS: [Build; 2] = [
    Build { name: "default", dependency: "" },
    Build { name: "smallest", dependency: ", default-features = false" },
];

/// Measures both sets of features and prints a table.
pub(crate) fn run(root: &Path, keys: u64) -> Result<(), String> {
    let folder = root.join("target/footprint");
    if folder.exists() {
        fs::remove_dir_all(&folder).map_err(|error| format!("cannot empty {}: {error}", folder.display()))?;
    }
    println!("| features | third-party crates | build, s | stripped, KiB | resident, KiB per million keys |");
    println!("|---|--:|--:|--:|--:|");
    for build in BUILDS {
        let package = lay(root, &folder.join(build.name), &build)?;
        let crates = third_party(&cargo(&package, &["tree", "-e", "normal", "--prefix", "none"])?);
        let started = Instant::now();
        cargo(&package, &["build", "--release", "--bin", "open_put_get"])?;
        let seconds = started.elapsed().as_secs();
        cargo(&package, &["build", "--release", "--bin", "resident"])?;
        let program = |name: &str| package.join("target/release").join(name);
        let binary = program("open_put_get");
        let bytes = fs::metadata(&binary).map_err(|error| format!("{}: {error}", binary.display()))?.len();
        said(Command::new(&binary).arg(package.join("one.db")))?;
        let loaded = package.join("loaded.db");
        said(Command::new(program("resident")).arg(&loaded).arg(keys.to_string()))?;
        let resident = said(Command::new(program("resident")).arg(&loaded))?;
        let kib: u64 = resident.trim().parse().map_err(|error| format!("{resident:?}: {error}"))?;
        let per_million = kib * 1_000_000 / keys.max(1);
        println!("| {} | {crates} | {seconds} | {} | {per_million} |", build.name, bytes / 1024);
    }
    Ok(())
}

/// Writes the package of the two programs.
fn lay(root: &Path, package: &Path, build: &Build) -> Result<PathBuf, String> {
    let manifest = format!(
        "[package]\nname = \"footprint\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
         [dependencies]\nesker = {{ path = {:?}{} }}\n\n[profile.release]\nstrip = true\n\n[workspace]\n",
        root.join("crates/db"),
        build.dependency
    );
    let files = [
        ("Cargo.toml", manifest.as_str()),
        ("src/bin/open_put_get.rs", OPEN_PUT_GET),
        ("src/bin/resident.rs", RESIDENT),
    ];
    for (name, text) in files {
        let path = package.join(name);
        let parent = path.parent().unwrap_or(package);
        fs::create_dir_all(parent)
            .and_then(|()| fs::write(&path, text))
            .map_err(|error| format!("cannot write {}: {error}", path.display()))?;
    }
    Ok(package.to_path_buf())
}

/// Runs cargo in a package, with its own target folder, so that nothing was built before.
fn cargo(package: &Path, words: &[&str]) -> Result<String, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    said(Command::new(cargo).args(words).current_dir(package).env("CARGO_TARGET_DIR", package.join("target")))
}

/// What a command prints; an error if it fails.
fn said(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| format!("cannot start {command:?}: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("{command:?}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr)))
    }
}

/// How many crates of others a `cargo tree` without its lines names.
fn third_party(tree: &str) -> usize {
    let names = tree.lines().filter_map(|line| line.split_whitespace().next());
    let mut others: Vec<&str> = names
        .filter(|name| *name != "footprint" && *name != "esker" && !name.starts_with("esker-"))
        .collect();
    others.sort_unstable();
    others.dedup();
    others.len()
}

#[cfg(test)]
mod tests;
