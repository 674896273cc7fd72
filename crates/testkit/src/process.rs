//! What this process takes from the machine: resident memory and bytes written. Linux only; `None` elsewhere.

use std::fs;

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
