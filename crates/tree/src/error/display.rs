//! Errors in words: one line each, which names the file, the key or the limit.
//!
//! By what an error is about, as one list of all would not fit on a screen.
//!
//! Not here: what the errors mean and what to do about them ([`crate::error`]).

use std::fmt;

use crate::error::Error;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { .. }
            | Self::Corrupt { .. }
            | Self::MissingFile { .. }
            | Self::NotATree { .. }
            | Self::Locked { .. }
            | Self::NotIngestible { .. }
            | Self::OverlappingFiles { .. }
            | Self::AlreadyExists { .. }
            | Self::InvalidRoute { .. }
            | Self::MissingRoute { .. }
            | Self::Unsupported { .. } => of_files(self, f),
            Self::KeyTooLong { .. }
            | Self::ValueTooLong { .. }
            | Self::ZeroTtl
            | Self::NoPrefixRange { .. }
            | Self::BatchTooLarge { .. }
            | Self::DuplicateKey { .. }
            | Self::StorageFull { .. }
            | Self::InvertedRange
            | Self::KeysNotAscending { .. } => of_writes(self, f),
            Self::SeqnoTooHigh { .. }
            | Self::SeqnoTooOld { .. }
            | Self::SnapshotTooOld { .. }
            | Self::SnapshotsHeld { .. }
            | Self::HistoryGone { .. } => of_time(self, f),
            Self::WrongComparator { .. }
            | Self::WrongMergeOperator { .. }
            | Self::InvalidName { .. }
            | Self::NoMergeOperator
            | Self::MergeFailed { .. }
            | Self::FilterValueTooLong { .. } => of_extensions(self, f),
            Self::ForeignLock => f.write_str("the flush lock is that of another tree"),
            Self::Cancelled => f.write_str("cancelled"),
        }
    }
}

/// Of files and folders.
fn of_files(error: &Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match error {
        Error::Io { operation, path, source } => write!(f, "cannot {operation} {}: {source}", path.display()),
        Error::Corrupt { path, source } => write!(f, "{} is damaged: {source}", path.display()),
        Error::MissingFile { path } => write!(f, "{} is missing", path.display()),
        Error::NotATree { path } => write!(f, "{} is not empty and holds no tree", path.display()),
        Error::Locked { path } => write!(f, "{} is held by another opener", path.display()),
        Error::NotIngestible { path, reason } => {
            write!(f, "{} cannot be ingested: {reason}", path.display())
        }
        Error::OverlappingFiles { first, second } => {
            write!(f, "the key ranges of {} and {} overlap", first.display(), second.display())
        }
        Error::AlreadyExists { path } => write!(f, "{} exists already", path.display()),
        Error::InvalidRoute { path, problem } => {
            write!(f, "the level route to {}: {problem}", path.display())
        }
        Error::MissingRoute { level, path } => {
            write!(f, "tables of level {level} lie in {}: no level route leads there", path.display())
        }
        Error::Unsupported { path, what } => {
            write!(f, "{} uses {what}, which this build cannot read", path.display())
        }
        _ => Ok(()),
    }
}

/// Of what was to be written.
fn of_writes(error: &Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match error {
        Error::ZeroTtl => f.write_str("a time to live of zero: delete the key, or give it some time"),
        Error::KeyTooLong { len } => write!(f, "a key of {len} bytes is over the limit of 65,535"),
        Error::ValueTooLong { len } => {
            write!(f, "a value of {len} bytes is over the limit of a value or of memory")
        }
        Error::NoPrefixRange { comparator } => {
            write!(f, "comparator {comparator:?} does not keep keys with a common prefix together")
        }
        Error::BatchTooLarge { bytes, limit } => {
            write!(f, "a batch of {bytes} bytes is over the limit of {limit}")
        }
        Error::DuplicateKey { key } => write!(f, "the batch writes key {} twice", key.escape_ascii()),
        Error::StorageFull { used, limit } => {
            write!(f, "the tree uses {used} bytes of {limit}, and there is no room for the write")
        }
        Error::InvertedRange => f.write_str("the range begins behind its end"),
        Error::KeysNotAscending { previous, given } => {
            write!(f, "keys must ascend: {given:?} does not come after {previous:?}")
        }
        _ => Ok(()),
    }
}

/// Of sequence numbers, snapshots and history.
fn of_time(error: &Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match error {
        Error::SeqnoTooHigh { seqno } => write!(f, "sequence number {seqno} is over the maximum"),
        Error::SeqnoTooOld { seqno, watermark } => {
            write!(f, "a write at {seqno} is below the watermark {watermark}")
        }
        Error::SnapshotTooOld { bound, watermark } => {
            write!(f, "a read at {bound} is below the watermark {watermark}")
        }
        Error::SnapshotsHeld { count } => {
            write!(f, "live snapshots at {count} points in time see what would be erased")
        }
        Error::HistoryGone { oldest } => {
            write!(f, "the history below {oldest} may be gone: read the tree, and its feed from there")
        }
        _ => Ok(()),
    }
}

/// Of comparators, merge operators, extractors and filters.
fn of_extensions(error: &Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match error {
        Error::WrongComparator { stored, given } => {
            write!(f, "the tree is ordered by comparator {stored:?}, not {given:?}")
        }
        Error::WrongMergeOperator { stored, given: Some(given) } => {
            write!(f, "the tree merges by operator {stored:?}, not {given:?}")
        }
        Error::WrongMergeOperator { stored, given: None } => {
            write!(f, "the tree merges by operator {stored:?}, and none was given")
        }
        Error::InvalidName { what, len } => {
            write!(f, "the name of the {what} has {len} bytes, where 1 to 1,024 are needed")
        }
        Error::NoMergeOperator => f.write_str("the tree has no merge operator"),
        Error::MergeFailed { key, operator, source } => {
            write!(f, "operator {operator:?} cannot fold key \"{}\": {source}", key.escape_ascii())
        }
        Error::FilterValueTooLong { filter, key, len } => {
            write!(f, "filter {filter:?} gave key \"{}\" a value of {len} bytes", key.escape_ascii())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
