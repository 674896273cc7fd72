//! `cargo xtask ci`: runs `.ci/run`, so that there is one list of what a change must pass.

use std::path::Path;
use std::process::Command;

/// Runs `.ci/run` in `root`.
pub(crate) fn run(root: &Path) -> Result<(), String> {
    let script = root.join(".ci/run");
    let status = Command::new(&script)
        .current_dir(root)
        .status()
        .map_err(|error| format!("cannot start {}: {error}", script.display()))?;
    if status.success() { Ok(()) } else { Err(format!(".ci/run: {status}")) }
}
