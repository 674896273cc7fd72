//! What a verification found, printed as it is found, and what it looked at.

use std::io::{self, Write};
use std::path::Path;

use crate::human::{bytes, count, plural};

/// Collects findings and prints them.
pub(crate) struct Findings<'a> {
    output: &'a mut dyn Write,
    is_quiet: bool,
    problems: u64,
    /// Whether a line could not be printed; reported at the end.
    broken: Option<io::Error>,
    /// What was looked at.
    pub(crate) seen: Seen,
}

/// What a verification looked at.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// Table files.
    pub(crate) tables: u64,
    /// Data blocks in them.
    pub(crate) blocks: u64,
    /// Entries in them.
    pub(crate) entries: u64,
    /// Segments of the write-ahead log.
    pub(crate) segments: u64,
    /// Operations in them.
    pub(crate) operations: u64,
    /// Manifests, the catalog included.
    pub(crate) manifests: u64,
    /// Bytes of all these files.
    pub(crate) bytes: u64,
}

impl<'a> Findings<'a> {
    /// Nothing found yet; a quiet one prints problems only.
    pub(crate) fn new(output: &'a mut dyn Write, is_quiet: bool) -> Self {
        Self { output, is_quiet, problems: 0, broken: None, seen: Seen::default() }
    }

    /// Something is wrong with `path`; the problem says where.
    pub(crate) fn problem(&mut self, path: &Path, problem: impl std::fmt::Display) {
        self.problems += 1;
        self.say(&format!("{}: {problem}", path.display()));
    }

    /// Something worth knowing that is no damage.
    pub(crate) fn note(&mut self, path: &Path, note: impl std::fmt::Display) {
        if !self.is_quiet {
            self.say(&format!("{}: note: {note}", path.display()));
        }
    }

    fn say(&mut self, line: &str) {
        if self.broken.is_none() {
            self.broken = writeln!(self.output, "{line}").err();
        }
    }

    /// How many problems there are.
    ///
    /// # Errors
    /// A line could not be printed.
    pub(crate) fn finish(self) -> io::Result<(u64, Seen)> {
        self.broken.map_or(Ok((self.problems, self.seen)), Err)
    }
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} with {} in {}; {} with {}; {}; {} in all",
            plural(self.tables, "table"),
            if self.entries == 1 { "1 entry".to_owned() } else { format!("{} entries", count(self.entries)) },
            plural(self.blocks, "block"),
            plural(self.segments, "log segment"),
            plural(self.operations, "operation"),
            plural(self.manifests, "manifest"),
            bytes(self.bytes),
        )
    }
}
