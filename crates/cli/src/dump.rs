//! `dump`: one file, printed by its specification.
//!
//! The kind of the file is told by its first and last bytes, and by its name where those are damaged. What can be read is
//! printed; what cannot is named where it stands, in a line that begins with `!!`, and the dump goes on behind it where the
//! format allows.
//!
//! Not here: judging one file by another ([`crate::verify`]).

use std::io::{self, Write};

pub(crate) mod kind;
pub(crate) mod log;
pub(crate) mod table;

use crate::text::Notation;

/// The output of a dump, and whether damage was seen.
pub(crate) struct Page<'a> {
    output: &'a mut dyn Write,
    /// Whether single entries and operations are wanted.
    pub(crate) entries: bool,
    /// How keys and values are shown.
    pub(crate) notation: Notation,
    /// How many places are damaged.
    pub(crate) damaged: u64,
}

impl<'a> Page<'a> {
    /// An empty page.
    pub(crate) fn new(output: &'a mut dyn Write, entries: bool, notation: Notation) -> Self {
        Self { output, entries, notation, damaged: 0 }
    }

    /// A line.
    pub(crate) fn line(&mut self, line: impl std::fmt::Display) -> io::Result<()> {
        writeln!(self.output, "{line}")
    }

    /// A line of a name and what it stands for.
    pub(crate) fn field(&mut self, name: &str, value: impl std::fmt::Display) -> io::Result<()> {
        writeln!(self.output, "  {name:<22} {value}")
    }

    /// Damage, where it stands.
    pub(crate) fn damage(&mut self, problem: impl std::fmt::Display) -> io::Result<()> {
        self.damaged += 1;
        writeln!(self.output, "!! {problem}")
    }

    /// A key or value, cut to what a line holds unless every byte is wanted.
    pub(crate) fn show(&self, bytes: &[u8]) -> String {
        const LINE_BYTES: usize = 120;
        match bytes.get(..LINE_BYTES) {
            Some(head) if bytes.len() > LINE_BYTES => {
                format!("{}… ({} bytes)", self.notation.show(head), bytes.len())
            }
            _ => self.notation.show(bytes),
        }
    }
}
