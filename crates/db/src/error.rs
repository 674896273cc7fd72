//! What can go wrong in a database, and what the caller can do about it.
//!
//! [`Error`] is precise inside: it names the file, the keyspace, the limit. [`Error::kind`] is the answer to "and
//! now?": fix the call, make room, reopen, restore from a backup.
//!
//! Errors are cheap to clone: one failed append is reported to every writer of its group, one background failure to
//! every later write.
//!
//! Not here: how errors read ([`display`]); damage inside one structure ([`esker_format::error::DecodeError`]) and failures of one tree
//! ([`esker_tree::Error`]); both are carried as sources.

mod display;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use esker_mem::slice::UserKey;
use esker_tree::MergeError;

/// The result of an operation on a database.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an operation on a database failed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// A key is longer than 65,535 bytes. Nothing was written.
    KeyTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// A value is longer than 4,294,967,295 bytes, or too large for the memory budget. Nothing was written.
    ValueTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// A value was to live for no time at all. Nothing was written.
    ZeroTtl,
    /// A range ends before it begins, in the order of the keyspace. Nothing was written.
    InvertedRange,
    /// Keys with a common prefix need not be neighbours in the order of the keyspace, so they cannot be deleted as a range.
    /// Nothing was written.
    NoPrefixRange {
        /// The keyspace's comparator.
        comparator: String,
    },
    /// A batch is over the limit. Nothing was written.
    BatchTooLarge {
        /// Its encoded size in bytes.
        len_bytes: usize,
        /// The limit in bytes.
        limit_bytes: usize,
    },
    /// A name that no keyspace may have: empty, longer than 255 bytes, or with control characters.
    InvalidKeyspaceName {
        /// The name.
        name: String,
    },
    /// There is no keyspace of this name.
    KeyspaceNotFound {
        /// The name.
        name: String,
    },
    /// The handle's keyspace has been dropped.
    KeyspaceDropped {
        /// Its name.
        name: String,
    },
    /// The handle or snapshot belongs to another database.
    ForeignHandle {
        /// The name of its keyspace.
        name: String,
    },
    /// A keyspace was written under another comparator; opening it under this one would scramble it.
    WrongComparator {
        /// The keyspace.
        keyspace: String,
        /// The comparator's name in the catalog.
        stored: String,
        /// The name of the one that the caller gave.
        given: String,
    },
    /// A keyspace has another prefix extractor; tables written under this one would be no help to the other.
    WrongPrefixExtractor {
        /// The keyspace.
        keyspace: String,
        /// The extractor's name in the catalog; none if it has none, which only opening the database can change.
        stored: Option<String>,
        /// The name of the one that the caller gave, if any.
        given: Option<String>,
    },
    /// A keyspace has another merge operator, or one and none was given: its operands mean nothing to another.
    WrongMergeOperator {
        /// The keyspace.
        keyspace: String,
        /// The operator's name in the catalog; none if it has none, which only opening the database can change.
        stored: Option<String>,
        /// The name of the one that the caller gave, if any.
        given: Option<String>,
    },
    /// A merge in a keyspace without a merge operator. Nothing was written.
    NoMergeOperator {
        /// The keyspace.
        keyspace: String,
    },
    /// The merge operator could not fold the operands of a key. They are all still there.
    MergeFailed {
        /// The keyspace.
        keyspace: String,
        /// The key.
        key: UserKey,
        /// The operator's name.
        operator: String,
        /// What the operator says.
        source: MergeError,
    },
    /// An option has a value that cannot work.
    InvalidOption {
        /// The option.
        option: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A keyspace has reached its storage limit, or the write would exceed it. Nothing was written.
    StorageFull {
        /// The keyspace.
        keyspace: String,
        /// Bytes in use.
        used: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A level route that makes no sense, or leads where another keyspace's tables lie.
    InvalidRoute {
        /// The keyspace.
        keyspace: String,
        /// The folder.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Tables lie in a folder that is not there, or that no level route given at this open leads to.
    MissingRoute {
        /// The keyspace.
        keyspace: String,
        /// The level.
        level: u8,
        /// The folder.
        path: PathBuf,
    },
    /// The database was closed.
    Closed,
    /// There is no database here, and none may be created.
    DatabaseNotFound {
        /// The directory.
        path: PathBuf,
    },
    /// The directory holds files that are not ours, and no database. It was left as it was.
    NotADatabase {
        /// The directory.
        path: PathBuf,
        /// One of the files in the way.
        found: PathBuf,
    },
    /// Something is where a file or folder was to be made. It was left as it was.
    AlreadyExists {
        /// Its path.
        path: PathBuf,
    },
    /// Another process, or another handle of this process, has the database open.
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// The operating system refused an operation on a file.
    Io {
        /// What was being done, as a verb.
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The operating system's answer.
        source: Arc<io::Error>,
    },
    /// A file does not hold what its format promises.
    Corruption {
        /// The damaged file.
        path: PathBuf,
        /// Where in the file, in bytes.
        offset: u64,
        /// What is wrong, and what to do about it.
        problem: String,
    },
    /// A file was written by a later version.
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What this version cannot read.
        problem: String,
    },
    /// The write may or may not survive a power loss: its sync failed. The database refuses writes until reopened.
    Indeterminate {
        /// Why the sync failed.
        source: Arc<io::Error>,
    },
    /// The database refuses writes since an earlier failure.
    ReadOnly {
        /// That failure.
        reason: Arc<Error>,
        /// Whether [`crate::database::Database::resume`] can lift it; if not, only reopening does.
        can_resume: bool,
    },
    /// A change feed asked for numbers whose history may not be complete any more.
    HistoryGone {
        /// The least number from which on it is complete.
        oldest: u64,
    },
    /// The tree of one keyspace failed.
    Tree {
        /// The keyspace.
        keyspace: String,
        /// The failure.
        source: esker_tree::Error,
    },
}

/// What the caller can do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The call was wrong: change its arguments.
    InvalidInput,
    /// It is not there: create it, or look elsewhere.
    NotFound,
    /// Someone else has the database open: close it there, or try again later.
    Locked,
    /// Data on disk is damaged: restore it, repair it, or open in a more tolerant recovery mode.
    Corruption,
    /// The operating system failed: look at the source.
    Io,
    /// The disk is full: make room and try again. Nothing acknowledged was lost.
    NoSpace,
    /// Writes are refused since an earlier failure: see to its reason, then resume or reopen.
    ReadOnly,
    /// The database was closed: open it again.
    Closed,
    /// Whether the write will survive a power loss is unknown: reopen and look.
    Indeterminate,
    /// Written by a later version, or with a feature that this build lacks: use that version.
    Unsupported,
    /// Overtaken by newer events or cancelled: try again.
    Busy,
    /// The point in time is gone: take a newer one.
    Outdated,
}

impl Error {
    /// An [`Error::Io`] for `operation` on `path`.
    pub(crate) fn io(operation: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { operation, path: path.to_path_buf(), source: Arc::new(source) }
    }

    /// An [`Error::Corruption`] of `path` at `offset`.
    pub(crate) fn corruption(path: &Path, offset: u64, problem: impl Into<String>) -> Self {
        Self::Corruption { path: path.to_path_buf(), offset, problem: problem.into() }
    }

    /// An [`Error::Tree`] of `keyspace`; errors that mean the same to a user of the database lose the wrapping.
    pub(crate) fn tree(keyspace: &str, source: esker_tree::Error) -> Self {
        match source {
            esker_tree::Error::KeyTooLong { len } => Self::KeyTooLong { len },
            esker_tree::Error::ValueTooLong { len } => Self::ValueTooLong { len },
            esker_tree::Error::ZeroTtl => Self::ZeroTtl,
            esker_tree::Error::InvertedRange => Self::InvertedRange,
            esker_tree::Error::NoPrefixRange { comparator } => Self::NoPrefixRange { comparator },
            esker_tree::Error::WrongComparator { stored, given } => {
                Self::WrongComparator { keyspace: keyspace.to_owned(), stored, given }
            }
            esker_tree::Error::HistoryGone { oldest } => Self::HistoryGone { oldest },
            esker_tree::Error::WrongMergeOperator { stored, given } => {
                Self::WrongMergeOperator { keyspace: keyspace.to_owned(), stored: Some(stored), given }
            }
            esker_tree::Error::NoMergeOperator => Self::NoMergeOperator { keyspace: keyspace.to_owned() },
            esker_tree::Error::MergeFailed { key, operator, source } => {
                Self::MergeFailed { keyspace: keyspace.to_owned(), key, operator, source }
            }
            esker_tree::Error::AlreadyExists { path } => Self::AlreadyExists { path },
            esker_tree::Error::StorageFull { used, limit } => {
                Self::StorageFull { keyspace: keyspace.to_owned(), used, limit }
            }
            esker_tree::Error::InvalidRoute { path, problem } => {
                Self::InvalidRoute { keyspace: keyspace.to_owned(), path, problem }
            }
            esker_tree::Error::MissingRoute { level, path } => {
                Self::MissingRoute { keyspace: keyspace.to_owned(), level, path }
            }
            source => Self::Tree { keyspace: keyspace.to_owned(), source },
        }
    }

    /// Whether a file that should be opened is not there.
    pub(crate) fn is_missing_file(&self) -> bool {
        matches!(self, Self::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }

    /// What the caller can do about it.
    ///
    /// ```
    /// use esker::{Error, ErrorKind};
    /// assert_eq!(Error::Closed.kind(), ErrorKind::Closed);
    /// ```
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::KeyTooLong { .. }
            | Self::ValueTooLong { .. }
            | Self::BatchTooLarge { .. }
            | Self::ZeroTtl
            | Self::InvertedRange
            | Self::NoPrefixRange { .. }
            | Self::InvalidKeyspaceName { .. }
            | Self::ForeignHandle { .. }
            | Self::WrongComparator { .. }
            | Self::WrongPrefixExtractor { .. }
            | Self::WrongMergeOperator { .. }
            | Self::NoMergeOperator { .. }
            | Self::MergeFailed { .. }
            | Self::InvalidOption { .. }
            | Self::AlreadyExists { .. }
            | Self::InvalidRoute { .. }
            | Self::MissingRoute { .. }
            | Self::NotADatabase { .. } => ErrorKind::InvalidInput,
            Self::StorageFull { .. } => ErrorKind::NoSpace,
            Self::KeyspaceNotFound { .. } | Self::KeyspaceDropped { .. } | Self::DatabaseNotFound { .. } => {
                ErrorKind::NotFound
            }
            Self::HistoryGone { .. } => ErrorKind::Outdated,
            Self::Closed => ErrorKind::Closed,
            Self::Locked { .. } => ErrorKind::Locked,
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::NoSpace,
                _ => ErrorKind::Io,
            },
            Self::Corruption { .. } => ErrorKind::Corruption,
            Self::Unsupported { .. } => ErrorKind::Unsupported,
            Self::Indeterminate { .. } => ErrorKind::Indeterminate,
            Self::ReadOnly { .. } => ErrorKind::ReadOnly,
            Self::Tree { source, .. } => tree_kind(source),
        }
    }
}

/// The kind of a tree's failure, in the database's words.
fn tree_kind(source: &esker_tree::Error) -> ErrorKind {
    match source.kind() {
        esker_tree::ErrorKind::InvalidInput => ErrorKind::InvalidInput,
        esker_tree::ErrorKind::Locked => ErrorKind::Locked,
        esker_tree::ErrorKind::NoSpace => ErrorKind::NoSpace,
        esker_tree::ErrorKind::Corruption => ErrorKind::Corruption,
        esker_tree::ErrorKind::Unsupported => ErrorKind::Unsupported,
        esker_tree::ErrorKind::Outdated | esker_tree::ErrorKind::Cancelled | esker_tree::ErrorKind::Busy => {
            ErrorKind::Busy
        }
        _ => ErrorKind::Io,
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } | Self::Indeterminate { source } => Some(&**source),
            Self::ReadOnly { reason, .. } => Some(&**reason),
            Self::Tree { source, .. } => Some(source),
            Self::MergeFailed { source, .. } => Some(source),
            _ => None,
        }
    }
}
