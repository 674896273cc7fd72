//! Making ahead, removing in order.

use esker_env::fs::Fs;
use esker_testkit::fault_fs::crash::CrashPolicy;

use super::*;
use crate::options::RecoveryMode;
use crate::wal::testing::{TestLog, directory, new_disk, open_with, read};

#[test]
fn a_segment_is_durable_before_it_is_used() {
    // INV-WAL-1
    let log = TestLog::fresh();
    let segment = log.folder.take(0).unwrap();
    let disk = log.fs.crash(CrashPolicy::LoseUnsynced);
    let bytes = disk.contents(&segment.path).unwrap();
    assert_eq!(bytes.len() as u64, segment.capacity_bytes);
}

#[test]
fn ids_rise_even_if_a_prepared_segment_is_overtaken() {
    let log = TestLog::fresh();
    let first = log.folder.take(0).unwrap();
    log.folder.prepare().unwrap();
    let second = log.folder.take(0).unwrap();
    let large = log.folder.take(1 << 20).unwrap();
    log.folder.prepare().unwrap();
    let third = log.folder.take(0).unwrap();
    assert!(first.id < second.id && second.id < large.id && large.id < third.id);
    assert!(large.capacity_bytes >= 1 << 20);
}

#[test]
fn removal_leaves_no_gap_whatever_a_crash_undoes() {
    // INV-WAL-6: removals are undone by a power loss in any subset, unless each is durable before the next.
    for seed in 0..50 {
        let mut log = TestLog::fresh();
        for _ in 0..150 {
            log.append_sync(&[5; 100]).unwrap();
        }
        log.folder.retire(120).unwrap();
        let disk = log.fs.crash(CrashPolicy::Random { seed });
        let (entries, _) = read(&disk, RecoveryMode::default()).unwrap();
        assert_eq!(entries.last().map(|entry| entry.seqno), Some(150), "seed {seed}");
    }
}

#[test]
fn only_what_nobody_needs_is_removed() {
    let mut log = TestLog::fresh();
    for _ in 0..100 {
        log.append(&[5; 100], true).unwrap();
    }
    let before = log.folder.closed_bytes();
    log.folder.retire(0).unwrap();
    assert_eq!(log.folder.closed_bytes(), before);
    log.folder.retire(SeqNo::MAX).unwrap();
    assert_eq!((log.folder.closed_bytes(), log.folder.closed_count()), (0, 0));
    assert_eq!(log.fs.read_dir(&directory()).unwrap().len(), 1, "the one being written");
}

/// A database of some kilobytes sat on 64 MiB of log.
#[test]
fn a_log_begins_small_grows_and_begins_small_again() {
    let log = open_with(&new_disk(), RecoveryMode::default(), 8 << 20, LogMapping::Auto).unwrap();
    assert!(!log.folder.has_grown());
    let mib = |log: &TestLog| log.folder.take(0).unwrap().capacity_bytes >> 20;
    assert_eq!([mib(&log), mib(&log), mib(&log)], [4, 8, 8], "behind the first, of one");
    log.folder.prepare().unwrap();
    log.folder.begin_small().unwrap();
    assert_eq!([mib(&log), mib(&log)], [1, 4]);
    let small = open_with(&new_disk(), RecoveryMode::default(), 4096, LogMapping::Auto).unwrap();
    assert_eq!(small.folder.take(0).unwrap().capacity_bytes, 4096, "never larger than asked for");
}
