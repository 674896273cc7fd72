//! What this process takes from the machine: resident memory and bytes written. Linux only; `None` elsewhere.
//!
//! A test that measures its process must have one to itself, as `cargo test` runs the tests of a binary side by side:
//! [`run_alone`] starts the same test again, with nothing beside it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Resident memory by kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResidentMemory {
    /// Heap and stacks.
    pub anonymous_bytes: u64,
    /// The most that anonymous and file-backed memory together have been.
    pub peak_bytes: u64,
    /// Mapped files.
    pub file_bytes: u64,
}

/// The resident memory of this process.
#[must_use]
pub fn resident_memory() -> Option<ResidentMemory> {
    parse_status(&fs::read_to_string("/proc/self/status").ok()?)
}

/// The bytes that this process has caused to be written to devices.
#[must_use]
pub fn written_bytes() -> Option<u64> {
    field(&fs::read_to_string("/proc/self/io").ok()?, "write_bytes:")
}

/// Tells the process that [`run_alone`] started what it works on.
const ALONE: &str = "ESKER_TEST_ALONE";

/// Runs one test of the running test binary again, in a process of its own, where [`given_alone`] tells it of `folder`.
///
/// # Errors
///
/// What it printed, if it failed there or the binary has no test of this full name (`module::function`).
pub fn run_alone(test: &str, folder: &Path) -> Result<(), String> {
    let run =
        |binary| Command::new(binary).args([test, "--exact", "--nocapture"]).env(ALONE, folder).output();
    let run =
        env::current_exe().and_then(run).map_err(|error| format!("{test} cannot be started: {error}"))?;
    let (out, err) = (String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr));
    if run.status.success() && out.contains("1 passed") {
        Ok(())
    } else {
        Err(format!("{test}, alone:\n{out}{err}"))
    }
}

/// The folder that [`run_alone`] gave to this process; `None` in every other one.
#[must_use]
pub fn given_alone() -> Option<PathBuf> {
    env::var_os(ALONE).map(PathBuf::from)
}

fn parse_status(text: &str) -> Option<ResidentMemory> {
    let kib = |name| field(text, name).map(|kib| kib * 1_024);
    Some(ResidentMemory {
        anonymous_bytes: kib("RssAnon:")?,
        peak_bytes: kib("VmHWM:")?,
        file_bytes: kib("RssFile:")?,
    })
}

/// The number behind a name at the start of a line.
fn field(text: &str, name: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests;
