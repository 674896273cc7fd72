//! Errors in words: one line each, which names the file, the keyspace or the limit, and what to do where that is not plain.
//!
//! By what an error is about, as one list of all would not fit on a screen.
//!
//! Not here: what the errors mean ([`crate::error`]).

use std::fmt;

use crate::error::Error;

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::KeyTooLong { .. }
            | Self::ValueTooLong { .. }
            | Self::ZeroTtl
            | Self::InvertedRange
            | Self::NoPrefixRange { .. }
            | Self::BatchTooLarge { .. }
            | Self::InvalidOption { .. } => of_calls(self, f),
            Self::InvalidKeyspaceName { .. }
            | Self::KeyspaceNotFound { .. }
            | Self::KeyspaceDropped { .. }
            | Self::ForeignHandle { .. }
            | Self::WrongComparator { .. }
            | Self::WrongPrefixExtractor { .. }
            | Self::WrongMergeOperator { .. }
            | Self::NoMergeOperator { .. }
            | Self::MergeFailed { .. }
            | Self::Tree { .. } => of_keyspaces(self, f),
            Self::DatabaseNotFound { .. }
            | Self::NotADatabase { .. }
            | Self::AlreadyExists { .. }
            | Self::Locked { .. }
            | Self::Io { .. }
            | Self::Corruption { .. }
            | Self::Unsupported { .. } => of_files(self, f),
            Self::StorageFull { .. } | Self::InvalidRoute { .. } | Self::MissingRoute { .. } => {
                of_storage(self, f)
            }
            Self::Closed | Self::Indeterminate { .. } | Self::ReadOnly { .. } | Self::HistoryGone { .. } => {
                of_states(self, f)
            }
        }
    }
}

/// Of what a call was given.
fn of_calls(error: &Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match error {
        Error::ZeroTtl => f.write_str("a time to live of zero: delete the key, or give it some time"),
        Error::KeyTooLong { len } => write!(f, "a key of {len} bytes is over the limit of 65,535"),
        Error::ValueTooLong { len } => {
            write!(f, "a value of {len} bytes is over the limit of 4,294,967,295 or of the memory budget")
        }
        Error::InvertedRange => f.write_str("the range ends before it begins"),
        Error::NoPrefixRange { comparator } => {
            write!(f, "comparator {comparator:?} does not keep keys with a common prefix together")
        }
        Error::BatchTooLarge { len_bytes, limit_bytes } => {
            write!(f, "a batch of {len_bytes} bytes is over the limit of {limit_bytes}")
        }
        Error::InvalidOption { option, problem } => write!(f, "option {option}: {problem}"),
        _ => Ok(()),
    }
}

/// Of keyspaces, and of what they are opened with.
fn of_keyspaces(error: &Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let name_it = "name it with its options on the builder";
    match error {
        Error::InvalidKeyspaceName { name } => {
            write!(f, "{name:?} cannot name a keyspace: 1 to 255 bytes without control characters are needed")
        }
        Error::KeyspaceNotFound { name } => write!(f, "there is no keyspace {name:?}"),
        Error::KeyspaceDropped { name } => write!(f, "keyspace {name:?} was dropped"),
        Error::ForeignHandle { name } => {
            write!(f, "the handle of keyspace {name:?} belongs to another database")
        }
        Error::WrongComparator { keyspace, stored, given } => {
            write!(f, "keyspace {keyspace:?} is ordered by comparator {stored:?}, not {given:?}: {name_it}")
        }
        Error::WrongPrefixExtractor { keyspace, stored, given } => {
            let (stored, given) = (or_none(stored), or_none(given));
            write!(f, "keyspace {keyspace:?} has prefix extractor {stored}, not {given}: {name_it}")
        }
        Error::WrongMergeOperator { keyspace, stored, given } => {
            let (stored, given) = (or_none(stored), or_none(given));
            write!(f, "keyspace {keyspace:?} merges by operator {stored}, not {given}: {name_it}")
        }
        Error::NoMergeOperator { keyspace } => write!(f, "keyspace {keyspace:?} has no merge operator"),
        Error::MergeFailed { keyspace, key, operator, source } => write!(
            f,
            "keyspace {keyspace:?}: operator {operator:?} cannot fold key \"{}\": {source}",
            key.escape_ascii()
        ),
        Error::Tree { keyspace, source } => write!(f, "keyspace {keyspace:?}: {source}"),
        _ => Ok(()),
    }
}

fn or_none(name: &Option<String>) -> &str {
    name.as_deref().unwrap_or("none")
}

/// Of files and folders.
fn of_files(error: &Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match error {
        Error::DatabaseNotFound { path } => write!(f, "there is no database at {}", path.display()),
        Error::NotADatabase { path, found } => {
            write!(f, "{} holds {} and no database; it was left alone", path.display(), found.display())
        }
        Error::AlreadyExists { path } => write!(f, "{} exists already", path.display()),
        Error::Locked { path } => write!(f, "{} is held by another opener", path.display()),
        Error::Io { operation, path, source } => write!(f, "cannot {operation} {}: {source}", path.display()),
        Error::Corruption { path, offset, problem } => {
            write!(f, "{} is damaged at byte {offset}: {problem}", path.display())
        }
        Error::Unsupported { path, problem } => {
            write!(f, "{} cannot be read by this version: {problem}", path.display())
        }
        _ => Ok(()),
    }
}

/// Of limits and places of a keyspace's tables.
fn of_storage(error: &Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match error {
        Error::StorageFull { keyspace, used, limit } => {
            write!(f, "keyspace {keyspace:?} uses {used} bytes of a limit of {limit}: the write was refused")
        }
        Error::InvalidRoute { keyspace, path, problem } => {
            write!(f, "keyspace {keyspace:?}: the level route to {}: {problem}", path.display())
        }
        Error::MissingRoute { keyspace, level, path } => write!(
            f,
            "keyspace {keyspace:?}: tables of level {level} lie in {}, where no level route leads: \
             name it with its options on the builder, and see that the folder is there",
            path.display()
        ),
        _ => Ok(()),
    }
}

/// Of the state that a database is in.
fn of_states(error: &Error, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match error {
        Error::Closed => f.write_str("the database is closed"),
        Error::Indeterminate { source } => write!(
            f,
            "the log could not be synced ({source}): whether the write survives a power loss is unknown; \
             reopen the database"
        ),
        Error::ReadOnly { reason, can_resume } => {
            let cure = if *can_resume { "resume() after seeing to it" } else { "reopen the database" };
            write!(f, "writes are refused since: {reason}; {cure}")
        }
        Error::HistoryGone { oldest } => {
            write!(f, "the history below {oldest} may be gone: read the database, and its changes from there")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
