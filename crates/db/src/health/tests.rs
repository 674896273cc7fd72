//! The three states and the ways between them.

use std::io;

use super::*;
use crate::error::ErrorKind;

fn full_disk() -> Error {
    Error::io("write", std::path::Path::new("x"), io::ErrorKind::StorageFull.into())
}

fn failed_sync() -> Error {
    Error::Indeterminate { source: Arc::new(io::Error::other("sync")) }
}

#[test]
fn a_failure_refuses_writes_with_its_reason_until_resumed() {
    let health = Health::default();
    assert!(health.check_writable().is_ok());
    health.fail(full_disk());
    let refusal = health.check_writable().map_err(|error| (error.kind(), error.to_string()));
    assert!(matches!(refusal, Err((ErrorKind::ReadOnly, text)) if text.contains("cannot write x")));
    assert!(health.check_open().is_ok(), "reads go on");
    assert!(health.resume().is_ok());
    assert!(health.check_writable().is_ok());
}

#[test]
fn a_failed_sync_is_final() {
    // INV-LIFE-2
    let health = Health::default();
    health.fail(full_disk());
    health.fail(failed_sync());
    health.fail(full_disk());
    assert!(matches!(health.resume(), Err(Error::ReadOnly { can_resume: false, .. })));
    assert!(health.check_writable().is_err());
}

#[test]
fn closed_stays_closed() {
    let health = Health::default();
    assert!(health.close());
    assert!(!health.close());
    health.fail(full_disk());
    assert!(matches!(health.check_writable(), Err(Error::Closed)));
    assert!(matches!(health.check_open(), Err(Error::Closed)));
    assert!(matches!(health.resume(), Err(Error::Closed)));
}

#[test]
fn what_the_log_has_and_the_tables_have_not_is_final() {
    let health = Health::default();
    health.fail_finally(full_disk());
    assert!(matches!(health.resume(), Err(Error::ReadOnly { can_resume: false, .. })));
    let kind = health.check_writable().map_err(|error| error.kind());
    assert_eq!(kind, Err(ErrorKind::ReadOnly));
}
