//! INV-ENV-1: the engine's crates reach the operating system through this crate only.

use std::fs;
use std::path::{Path, PathBuf};

/// What goes around a seam.
const FORBIDDEN: [&str; 7] = [
    "std::fs",
    "Instant::now",
    "SystemTime::now",
    "thread::spawn",
    "thread::sleep",
    "thread::Builder",
    "RandomState::new",
];

fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("tests") {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

#[test]
fn nothing_goes_around_the_seams() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    for name in ["mem", "format", "tree", "db"] {
        // Absent in a published package, where there is nothing to check.
        let dir = crates.join(name).join("src");
        if dir.is_dir() {
            sources(&dir, &mut files);
        }
    }
    let mut offences = Vec::new();
    for path in files {
        for (index, line) in fs::read_to_string(&path).unwrap().lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            if FORBIDDEN.iter().any(|forbidden| code.contains(forbidden)) {
                offences.push(format!("{}:{}: {}", path.display(), index + 1, line.trim()));
            }
        }
    }
    assert!(offences.is_empty(), "around the seams of esker-env:\n{}", offences.join("\n"));
}
