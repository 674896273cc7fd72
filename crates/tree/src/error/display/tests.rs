use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use esker_format::error::DecodeError;
use esker_mem::slice::Slice;

use crate::error::{Error, MergeError};

/// One of each.
fn all() -> Vec<Error> {
    let path = || PathBuf::from("there");
    let name = || "name".to_owned();
    vec![
        Error::io("read", Path::new("there"), io::ErrorKind::PermissionDenied.into()),
        Error::corrupt(Path::new("there"), DecodeError::invalid("table", 7, "a rule")),
        Error::MissingFile { path: path() },
        Error::NotATree { path: path() },
        Error::Locked { path: path() },
        Error::NotIngestible { path: path(), reason: "it is empty" },
        Error::OverlappingFiles { first: path(), second: path() },
        Error::AlreadyExists { path: path() },
        Error::InvalidRoute { path: path(), problem: "it leads nowhere" },
        Error::MissingRoute { level: 6, path: path() },
        Error::Unsupported { path: path(), what: "magic" },
        Error::KeyTooLong { len: 70_000 },
        Error::ValueTooLong { len: 1 << 40 },
        Error::ZeroTtl,
        Error::NoPrefixRange { comparator: name() },
        Error::BatchTooLarge { bytes: 2, limit: 1 },
        Error::DuplicateKey { key: Slice::new(b"key") },
        Error::StorageFull { used: 2, limit: 1 },
        Error::InvertedRange,
        Error::KeysNotAscending { previous: Slice::new(b"b"), given: Slice::new(b"a") },
        Error::SeqnoTooHigh { seqno: u64::MAX },
        Error::SeqnoTooOld { seqno: 1, watermark: 2 },
        Error::SnapshotTooOld { bound: 1, watermark: 2 },
        Error::SnapshotsHeld { count: 3 },
        Error::HistoryGone { oldest: 4 },
        Error::WrongComparator { stored: name(), given: name() },
        Error::WrongMergeOperator { stored: name(), given: Some(name()) },
        Error::WrongMergeOperator { stored: name(), given: None },
        Error::InvalidName { what: "comparator", len: 0 },
        Error::NoMergeOperator,
        Error::MergeFailed {
            key: Slice::new(b"key"),
            operator: name(),
            source: MergeError::new("no number"),
        },
        Error::FilterValueTooLong { filter: name(), key: Slice::new(b"key"), len: 1 << 40 },
        Error::ForeignLock,
        Error::Cancelled,
    ]
}

#[test]
fn every_error_reads_as_a_line_of_its_own() {
    let lines: Vec<String> = all().iter().map(ToString::to_string).collect();
    for (line, error) in lines.iter().zip(all()) {
        assert!(line.len() > 8 && !line.contains('\n'), "{error:?}: {line:?}");
    }
    let different: HashSet<&String> = lines.iter().collect();
    assert_eq!(different.len(), lines.len(), "{lines:#?}");
}
