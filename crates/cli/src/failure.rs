//! How a command fails: one line for a person, one exit code for a script.
//!
//! | code | meaning |
//! |--:|---|
//! | 0 | done (also when the reader of our output went away) |
//! | 1 | the key is not there, or a check found something |
//! | 2 | the command line is wrong: unknown option, oversized key, unknown keyspace |
//! | 3 | the database or the operating system refused: missing, in use, unwritable, disk full |
//! | 4 | damage, or a format that this version cannot read |
//! | 5 | the data to import is wrong: a row that does not parse |
//!
//! Not here: the printing, which is `main`'s.

use std::fmt::Display;
use std::io;
use std::path::Path;

use esker::{Error, ErrorKind};

/// The result of a command.
pub(crate) type Outcome<T = ()> = Result<T, Failure>;

/// Why a command ended early.
#[derive(Debug)]
pub(crate) enum Failure {
    /// What to say on stderr, and the exit code.
    Said {
        /// The exit code.
        code: u8,
        /// One line.
        message: String,
    },
    /// Whoever read our output went away: nothing to say, and nothing wrong.
    PipeClosed,
    /// The command has said what it found; only the exit code is left.
    Found,
}

impl Failure {
    /// Exit code 1: not there.
    pub(crate) fn absent(message: impl Into<String>) -> Self {
        Self::Said { code: 1, message: message.into() }
    }

    /// Exit code 2: the call is wrong.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::Said { code: 2, message: message.into() }
    }

    /// Exit code 3: the operating system or the database refused.
    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::Said { code: 3, message: message.into() }
    }

    /// Exit code 4: damage.
    pub(crate) fn damage(message: impl Into<String>) -> Self {
        Self::Said { code: 4, message: message.into() }
    }

    /// Exit code 5: bad data to import.
    pub(crate) fn bad_data(message: impl Into<String>) -> Self {
        Self::Said { code: 5, message: message.into() }
    }

    /// Exit code 3: `operation` on `path` failed.
    pub(crate) fn io(operation: &str, path: &Path, error: &io::Error) -> Self {
        Self::refused(format!("cannot {operation} {}: {}", path.display(), reason(error)))
    }

    /// Exit code 2, 3 or 4, by the kind of the database's error.
    pub(crate) fn database(error: &Error) -> Self {
        let code = match error.kind() {
            ErrorKind::InvalidInput if matches!(error, Error::NotADatabase { .. }) => 3,
            ErrorKind::InvalidInput => 2,
            ErrorKind::NotFound if matches!(error, Error::KeyspaceNotFound { .. }) => 2,
            ErrorKind::Corruption | ErrorKind::Unsupported => 4,
            _ => 3,
        };
        Self::Said { code, message: one_line(error) }
    }

    /// The same failure with `more` at the end of its line.
    pub(crate) fn and(self, more: impl Display) -> Self {
        match self {
            Self::Said { code, message } => Self::Said { code, message: format!("{message}; {more}") },
            other => other,
        }
    }

    /// The exit code.
    pub(crate) fn code(&self) -> u8 {
        match self {
            Self::Said { code, .. } => *code,
            Self::PipeClosed => 0,
            Self::Found => 1,
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::database(&error)
    }
}

/// The only bare I/O errors are those of writing our own output; files say which they are with [`Failure::io`].
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::PipeClosed,
            _ => Self::refused(format!("cannot write the output: {}", reason(&error))),
        }
    }
}

/// The operating system's answer.
pub(crate) fn reason(error: &io::Error) -> String {
    one_line(error)
}

/// A message as one line, without the numbers of operating systems, which help nobody.
fn one_line(message: impl Display) -> String {
    let text = message.to_string();
    let mut line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    while let Some(start) = line.find(" (os error ")
        && let Some(len) = line.get(start..).and_then(|rest| rest.find(')'))
    {
        line.replace_range(start..=start + len, "");
    }
    line
}

#[cfg(test)]
mod tests;
