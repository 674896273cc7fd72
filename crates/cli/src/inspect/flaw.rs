//! What may be wrong with a part of a file.

use std::fmt;
use std::io;

use esker_format::error::DecodeError;

use crate::failure::reason;

/// Why a part of a file has no content to show.
#[derive(Debug)]
pub(crate) enum Flaw {
    /// The operating system does not hand it out.
    Unreadable(io::Error),
    /// It does not hold what its format promises; the offset is in the file.
    Damaged(DecodeError),
}

impl From<io::Error> for Flaw {
    fn from(error: io::Error) -> Self {
        Self::Unreadable(error)
    }
}

impl From<DecodeError> for Flaw {
    fn from(error: DecodeError) -> Self {
        Self::Damaged(error)
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(error) => write!(f, "cannot be read: {}", reason(error)),
            Self::Damaged(error) => error.fmt(f),
        }
    }
}
