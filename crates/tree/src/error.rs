//! What can go wrong in a tree, and what the caller can do about it.
//!
//! [`Error`] is precise: it names the file and the operation. [`Error::kind`] is for the code that has to
//! react: it says whether the call was wrong, the disk is full, the data is damaged, and so on.
//!
//! Errors are cheap to clone, so that a background failure can be reported to every later caller.
//!
//! Not here: how errors read ([`display`]); damage inside one structure ([`esker_format::error::DecodeError`]).

mod display;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use esker_format::error::DecodeError;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::{Slice, UserKey};

/// The result of an operation on a tree.
pub type Result<T> = std::result::Result<T, Error>;

/// Why an operation on a tree failed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused an operation on a file.
    Io {
        /// What was being done, as a verb: "read", "write", "sync", ...
        operation: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The operating system's answer.
        source: Arc<io::Error>,
    },
    /// A file does not hold what its format promises.
    Corrupt {
        /// The damaged file.
        path: PathBuf,
        /// The structure, the offset and the problem.
        source: DecodeError,
    },
    /// A file that the manifest names is not there.
    MissingFile {
        /// The file that should exist.
        path: PathBuf,
    },
    /// The directory holds files, but no tree.
    NotATree {
        /// The directory.
        path: PathBuf,
    },
    /// Another process, or another handle of this process, has the tree open.
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// A key is longer than 65,535 bytes.
    KeyTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// A value is longer than 4,294,967,295 bytes, or too large for a memtable.
    ValueTooLong {
        /// Its length in bytes.
        len: usize,
    },
    /// A value was to live for no time at all.
    ZeroTtl,
    /// Keys with a common prefix need not be neighbours in the order of the tree, so they cannot be deleted as a range.
    NoPrefixRange {
        /// The name of the tree's comparator.
        comparator: String,
    },
    /// A batch of more than one operation is larger than what is applied as a whole.
    BatchTooLarge {
        /// Bytes of its keys and values.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// A batch writes a key twice: its operations have one sequence number, and so no order.
    DuplicateKey {
        /// The key.
        key: UserKey,
    },
    /// A write that asks for room was refused: the storage limit is reached, or would be exceeded.
    StorageFull {
        /// Bytes in use.
        used: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A write carried a sequence number at or above [`esker_mem::seqno::MAX_SEQNO`].
    SeqnoTooHigh {
        /// The sequence number.
        seqno: SeqNo,
    },
    /// A write carried a sequence number below the watermark: history there may already be collected.
    SeqnoTooOld {
        /// The sequence number of the write.
        seqno: SeqNo,
        /// The watermark of the tree.
        watermark: SeqNo,
    },
    /// A read asked for a point in time whose versions may already be collected.
    SnapshotTooOld {
        /// The bound of the read.
        bound: SeqNo,
        /// The watermark of the tree.
        watermark: SeqNo,
    },
    /// A range that begins behind its end.
    InvertedRange,
    /// Live snapshots see what the call would erase.
    SnapshotsHeld {
        /// How many bounds they hold.
        count: usize,
    },
    /// Keys were to ascend, and one is not behind the one before.
    KeysNotAscending {
        /// The key before.
        previous: Slice,
        /// The key that was left out.
        given: Slice,
    },
    /// A file that cannot be ingested.
    NotIngestible {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: &'static str,
    },
    /// Two files that were to be ingested together share a part of their key ranges.
    OverlappingFiles {
        /// One file.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// Something is where a file or folder was to be made.
    AlreadyExists {
        /// Its path.
        path: PathBuf,
    },
    /// A change feed asked for numbers whose history may not be complete any more.
    HistoryGone {
        /// The least number from which on it is complete.
        oldest: SeqNo,
    },
    /// The tree was written under another comparator.
    WrongComparator {
        /// The name stored with the tree.
        stored: String,
        /// The name of the comparator that the caller gave.
        given: String,
    },
    /// The tree was written with a merge operator, and opened with another one or none.
    WrongMergeOperator {
        /// The name stored with the tree.
        stored: String,
        /// The name of the operator that the caller gave.
        given: Option<String>,
    },
    /// A comparator, merge operator or prefix extractor whose name is empty or longer than 1,024 bytes.
    InvalidName {
        /// What it is: "comparator", "merge operator", "prefix extractor".
        what: &'static str,
        /// The length of its name in bytes.
        len: usize,
    },
    /// A merge on a tree without a merge operator.
    NoMergeOperator,
    /// The merge operator could not fold the operands of a key. They are all still there.
    MergeFailed {
        /// The key.
        key: UserKey,
        /// The operator's name.
        operator: String,
        /// What the operator says.
        source: MergeError,
    },
    /// A level route that makes no sense, or leads where another tree's tables lie.
    InvalidRoute {
        /// The folder that it leads to.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Tables lie in a folder that is not there, or that no level route given at this open leads to.
    MissingRoute {
        /// The first level whose tables are missing.
        level: u8,
        /// The folder, as the tree remembers it.
        path: PathBuf,
    },
    /// A compaction filter gave a value that is longer than 4,294,967,295 bytes. The compaction changed nothing.
    FilterValueTooLong {
        /// The name of the filter's factory.
        filter: String,
        /// The key whose value it replaced.
        key: UserKey,
        /// The length of the value in bytes.
        len: usize,
    },
    /// The file holds an entry that this version of the crate cannot interpret.
    Unsupported {
        /// The file.
        path: PathBuf,
        /// What is not supported.
        what: &'static str,
    },
    /// A flush was asked for under the flush lock of another tree.
    ForeignLock,
    /// The operation was cancelled, for example because the tree is being closed.
    Cancelled,
}

/// Why a merge operator could not fold operands, in its own words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergeError(Arc<str>);

impl MergeError {
    /// An error that reads `problem`.
    pub fn new(problem: impl AsRef<str>) -> Self {
        Self(problem.as_ref().into())
    }
}

impl fmt::Display for MergeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for MergeError {}

/// What the caller can do about an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The call was wrong: change the arguments.
    InvalidInput,
    /// Someone else has the tree open: close it there, or try again later.
    Locked,
    /// The disk is full: make space and try again. Nothing acknowledged was lost.
    NoSpace,
    /// The operating system failed: look at the source.
    Io,
    /// Data on disk is damaged: restore it, or repair the tree.
    Corruption,
    /// Written by a later version or with a feature that this build lacks.
    Unsupported,
    /// The point in time is gone: take a newer one.
    Outdated,
    /// The operation was stopped on request.
    Cancelled,
    /// Something else uses what the call needs: end it, or try again later.
    Busy,
}

impl Error {
    /// An [`Error::Io`] for `operation` on `path`.
    pub fn io(operation: &'static str, path: &Path, source: io::Error) -> Self {
        if source.kind() == io::ErrorKind::NotFound && operation == "open" {
            return Self::MissingFile { path: path.to_path_buf() };
        }
        Self::Io { operation, path: path.to_path_buf(), source: Arc::new(source) }
    }

    /// An [`Error::Corrupt`] in `path`.
    #[must_use]
    pub fn corrupt(path: &Path, source: DecodeError) -> Self {
        Self::Corrupt { path: path.to_path_buf(), source }
    }

    /// What the caller can do about it.
    ///
    /// ```
    /// use esker_tree::{Error, ErrorKind};
    /// assert_eq!(Error::KeyTooLong { len: 70_000 }.kind(), ErrorKind::InvalidInput);
    /// ```
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { source, .. } => match source.kind() {
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::NoSpace,
                _ => ErrorKind::Io,
            },
            Self::StorageFull { .. } => ErrorKind::NoSpace,
            Self::Corrupt { source, .. } if source.is_unsupported() => ErrorKind::Unsupported,
            Self::Corrupt { .. } | Self::MissingFile { .. } => ErrorKind::Corruption,
            Self::Unsupported { .. } => ErrorKind::Unsupported,
            Self::Locked { .. } => ErrorKind::Locked,
            Self::SeqnoTooOld { .. } | Self::SnapshotTooOld { .. } | Self::HistoryGone { .. } => {
                ErrorKind::Outdated
            }
            Self::Cancelled => ErrorKind::Cancelled,
            Self::SnapshotsHeld { .. } => ErrorKind::Busy,
            Self::NotATree { .. }
            | Self::KeyTooLong { .. }
            | Self::ValueTooLong { .. }
            | Self::ZeroTtl
            | Self::BatchTooLarge { .. }
            | Self::ForeignLock
            | Self::DuplicateKey { .. }
            | Self::SeqnoTooHigh { .. }
            | Self::WrongMergeOperator { .. }
            | Self::NoMergeOperator
            | Self::MergeFailed { .. }
            | Self::FilterValueTooLong { .. }
            | Self::InvertedRange
            | Self::KeysNotAscending { .. }
            | Self::NotIngestible { .. }
            | Self::OverlappingFiles { .. }
            | Self::AlreadyExists { .. }
            | Self::InvalidName { .. }
            | Self::InvalidRoute { .. }
            | Self::MissingRoute { .. }
            | Self::NoPrefixRange { .. }
            | Self::WrongComparator { .. } => ErrorKind::InvalidInput,
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(&**source),
            Self::Corrupt { source, .. } => Some(source),
            Self::MergeFailed { source, .. } => Some(source),
            _ => None,
        }
    }
}
