//! What goes to stdout and stderr.
//!
//! Stdout carries results only, through one buffer; when its reader goes away the command ends quietly
//! ([`crate::failure::Failure::PipeClosed`]). Stderr carries complaints, one line each.

use std::io::{self, BufWriter, StdoutLock, Write};

/// Stdout, buffered and locked for the whole command.
pub(crate) fn stdout() -> BufWriter<StdoutLock<'static>> {
    BufWriter::with_capacity(64 << 10, io::stdout().lock())
}

/// One line on stderr. If nobody listens there, there is nobody to tell.
pub(crate) fn complain(line: &str) {
    let _ = writeln!(io::stderr().lock(), "esker: {line}");
}
