//! What is wrong with bytes that were meant to be one of our structures.
//!
//! A decoder returns [`DecodeError`]: which structure, at which byte of the input it was given (or of the file, where the
//! caller told the decoder its place), and a typed [`Problem`]. Nothing here knows files or operations: the layers above
//! add those. A decoder never panics, never loops without progress and never allocates more than a stated multiple of
//! the bytes it was given (INV-FMT-1).
//!
//! Not here: what to do about damage; that is decided by whoever asked for the bytes.

use std::error::Error;
use std::fmt;

/// Bytes that do not decode.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecodeError {
    /// The structure that was expected, for example `"data block"`.
    pub structure: &'static str,
    /// Where the problem was met: a byte offset into the input, or into the file where the decoder knew its place there.
    pub offset: u64,
    /// What is wrong.
    pub problem: Problem,
}

/// What is wrong with the bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// The input ends before the structure does.
    Truncated {
        /// Bytes that the structure needs at this place.
        needed: u64,
        /// Bytes that are there.
        available: u64,
    },
    /// The stored checksum is not the checksum of the bytes.
    ChecksumMismatch {
        /// What the structure says.
        stored: u64,
        /// What the bytes say.
        computed: u64,
    },
    /// The file does not begin or end with the mark of this structure.
    BadMagic {
        /// The eight bytes found, as a little-endian number.
        found: u64,
    },
    /// Written by a later version of the format.
    UnsupportedVersion {
        /// The version of the bytes.
        found: u32,
        /// The highest version that this build reads.
        supported: u32,
    },
    /// A feature that the format reserves and this build does not have.
    Unsupported {
        /// The feature, for example `"encryption epoch"`.
        what: &'static str,
        /// The id or the flags found.
        id: u64,
    },
    /// A codec of the format that this build was compiled without.
    CodecNotCompiledIn {
        /// The codec's name, which is also the name of the cargo feature.
        codec: &'static str,
    },
    /// A size or a count above its limit.
    LimitExceeded {
        /// What is too large.
        what: &'static str,
        /// The value found.
        found: u64,
        /// The highest value allowed.
        limit: u64,
    },
    /// A well-formed block of another type.
    WrongType {
        /// The type id expected.
        expected: u8,
        /// The type id found.
        found: u8,
    },
    /// A required field is absent.
    Missing {
        /// The field.
        field: &'static str,
    },
    /// A rule of the structure is broken.
    Invalid {
        /// The rule, as a short phrase.
        rule: &'static str,
    },
}

impl DecodeError {
    /// An error of `structure` at `offset`.
    #[must_use]
    pub const fn new(structure: &'static str, offset: u64, problem: Problem) -> Self {
        Self { structure, offset, problem }
    }

    /// A broken rule of `structure` at `offset`.
    #[must_use]
    pub const fn invalid(structure: &'static str, offset: u64, rule: &'static str) -> Self {
        Self::new(structure, offset, Problem::Invalid { rule })
    }

    /// Whether a newer build, or one with more features, could read the bytes: they are not damaged.
    #[must_use]
    pub const fn is_unsupported(&self) -> bool {
        matches!(
            self.problem,
            Problem::UnsupportedVersion { .. }
                | Problem::Unsupported { .. }
                | Problem::CodecNotCompiledIn { .. }
        )
    }

    /// The same error, its offset moved by `base`: from a place in a part to a place in the whole.
    #[must_use]
    pub const fn shifted(mut self, base: u64) -> Self {
        self.offset = self.offset.saturating_add(base);
        self
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}: {}", self.structure, self.offset, self.problem)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated { needed, available } => {
                write!(f, "truncated: {needed} bytes needed, {available} there")
            }
            Self::ChecksumMismatch { stored, computed } => {
                write!(f, "checksum mismatch: stored {stored:016x}, computed {computed:016x}")
            }
            Self::BadMagic { found } => write!(f, "unknown magic number {found:016x}"),
            Self::UnsupportedVersion { found, supported } => {
                write!(f, "format version {found}, this build reads up to {supported}")
            }
            Self::Unsupported { what, id } => write!(f, "{what} {id} is not supported by this build"),
            Self::CodecNotCompiledIn { codec } => {
                write!(f, "compressed with {codec}, which this build was compiled without")
            }
            Self::LimitExceeded { what, found, limit } => write!(f, "{what} of {found} exceeds {limit}"),
            Self::WrongType { expected, found } => {
                write!(f, "block of type {found} where type {expected} was expected")
            }
            Self::Missing { field } => write!(f, "{field} is missing"),
            Self::Invalid { rule } => write!(f, "broken rule: {rule}"),
        }
    }
}

impl Error for DecodeError {}
