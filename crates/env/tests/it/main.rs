//! The conformance suite against the file systems of this crate.

#![allow(clippy::unwrap_used, reason = "tests")]

mod seams;

use std::path::Path;

use esker_env::memory::MemFs;
use esker_env::os::OsFs;
use esker_testkit::conformance;

#[test]
fn the_system_conforms() {
    let dir = tempfile::tempdir().unwrap();
    conformance::run_all(&OsFs::new(), dir.path());
}

/// A file system in memory takes other code paths in the kernel than one on a disk.
#[test]
#[cfg(target_os = "linux")]
fn the_system_conforms_on_tmpfs() {
    let Ok(dir) = tempfile::tempdir_in("/dev/shm") else { return };
    conformance::run_all(&OsFs::new(), dir.path());
}

#[test]
fn memory_conforms() {
    conformance::run_all(&MemFs::new(), Path::new("/"));
}
