use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use esker_mem::slice::Slice;
use esker_tree::MergeError;

use crate::error::Error;

/// One of each.
fn all() -> Vec<Error> {
    let path = || PathBuf::from("there");
    let name = || "name".to_owned();
    let failure: fn() -> io::Error = || io::ErrorKind::PermissionDenied.into();
    vec![
        Error::KeyTooLong { len: 70_000 },
        Error::ValueTooLong { len: 1 << 40 },
        Error::ZeroTtl,
        Error::InvertedRange,
        Error::NoPrefixRange { comparator: name() },
        Error::BatchTooLarge { len_bytes: 2, limit_bytes: 1 },
        Error::InvalidOption { option: "memory_budget", problem: "there is none" },
        Error::InvalidKeyspaceName { name: String::new() },
        Error::KeyspaceNotFound { name: name() },
        Error::KeyspaceDropped { name: name() },
        Error::ForeignHandle { name: name() },
        Error::WrongComparator { keyspace: name(), stored: name(), given: name() },
        Error::WrongPrefixExtractor { keyspace: name(), stored: None, given: Some(name()) },
        Error::WrongMergeOperator { keyspace: name(), stored: Some(name()), given: None },
        Error::NoMergeOperator { keyspace: name() },
        Error::MergeFailed {
            keyspace: name(),
            key: Slice::new(b"key"),
            operator: name(),
            source: MergeError::new("no number"),
        },
        Error::Tree { keyspace: name(), source: esker_tree::Error::Cancelled },
        Error::DatabaseNotFound { path: path() },
        Error::NotADatabase { path: path(), found: path() },
        Error::AlreadyExists { path: path() },
        Error::Locked { path: path() },
        Error::io("read", Path::new("there"), failure()),
        Error::corruption(Path::new("there"), 7, "it is no table"),
        Error::Unsupported { path: path(), problem: "version 9".to_owned() },
        Error::StorageFull { keyspace: name(), used: 8, limit: 9 },
        Error::InvalidRoute { keyspace: name(), path: path(), problem: "it leads nowhere" },
        Error::MissingRoute { keyspace: name(), level: 6, path: path() },
        Error::Closed,
        Error::Indeterminate { source: Arc::new(failure()) },
        Error::ReadOnly { reason: Arc::new(Error::Closed), can_resume: true },
        Error::ReadOnly { reason: Arc::new(Error::Closed), can_resume: false },
        Error::HistoryGone { oldest: 4 },
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
