//! Appending, rotating, and going on after failed writes.

use std::sync::Arc;

use esker_env::fs::Fs;
use esker_testkit::fault_fs::crash::CrashPolicy;
use esker_testkit::fault_fs::plan::{CallKind, FaultPlan, InjectedError, Strike};

use crate::error::ErrorKind;
use crate::options::{LOG_BUFFER_BYTES, LogMapping, RecoveryMode};
use crate::wal::testing::{SEGMENT_BYTES, TestLog, directory, new_disk, open, open_with, payloads, read};

fn failing(kind: CallKind, nth: u64) -> FaultPlan {
    FaultPlan::error(Strike::NthOf(kind, nth), InjectedError::StorageFull)
}

#[test]
fn what_is_written_is_read() {
    let mut log = TestLog::fresh();
    for i in 0..600u32 {
        log.append(format!("payload {i}").as_bytes(), i % 3 == 0).unwrap();
    }
    log.writer.drain().unwrap();
    let (entries, end) = read(&log.fs, RecoveryMode::AbsoluteConsistency).unwrap();
    assert_eq!(entries.len(), 600);
    assert!(end.kept.len() > 2, "several segments: {}", end.kept.len());
    assert!(entries.iter().zip(1..).all(|(entry, seqno)| entry.seqno == seqno));
    assert_eq!(end.next_seqno, 601);
}

#[test]
fn buffered_frames_wait_and_written_ones_do_not() {
    let mut log = TestLog::fresh();
    log.append(b"buffered", false).unwrap();
    assert!(read(&log.fs, RecoveryMode::default()).unwrap().0.is_empty());
    log.append(b"os", true).unwrap();
    let (entries, _) = read(&log.fs, RecoveryMode::default()).unwrap();
    assert_eq!(payloads(&entries), [b"buffered".as_slice(), b"os"], "order is kept");
}

#[test]
fn a_frame_larger_than_a_segment_gets_one_of_its_own() {
    let mut log = TestLog::fresh();
    let large = vec![7; SEGMENT_BYTES as usize * 3];
    log.append(b"before", true).unwrap();
    log.append(&large, true).unwrap();
    log.append(b"after", true).unwrap();
    let (entries, _) = read(&log.fs, RecoveryMode::default()).unwrap();
    assert_eq!(payloads(&entries), [b"before".as_slice(), &large, b"after"]);
}

#[test]
fn rotation_uses_the_prepared_segment_and_syncs_nothing() {
    // INV-WAL-1, INV-WAL-5
    let mut log = TestLog::fresh();
    let mut prepared = 0;
    for i in 0..300u32 {
        log.append(&[1; 100], true).unwrap();
        if log.writer.take_wish() {
            log.folder.prepare().unwrap();
            prepared += 1;
            log.fs.set_plan(FaultPlan::default());
        }
        if prepared > 0 {
            assert_eq!(log.fs.calls(CallKind::Sync) + log.fs.calls(CallKind::Create), 0, "at {i}");
        }
    }
    assert!(prepared >= 5);
}

#[test]
fn a_failed_write_fails_its_group_and_no_other() {
    // INV-WAL-2: with the write of each kind of durability failing, half of the bytes on the disk.
    for write_through in [true, false] {
        let mut log = TestLog::fresh();
        log.append(b"first", true).unwrap();
        log.append(b"buffered and acknowledged", false).unwrap();
        log.fs.set_plan(failing(CallKind::Write, 1));
        let failed = if write_through {
            log.append(b"failed", true).map(|_| ())
        } else {
            log.writer.drain().map(|_| ())
        };
        assert_eq!(failed.map_err(|error| error.kind()), Err(ErrorKind::NoSpace));
        log.append(b"next", true).unwrap();
        let expected = [b"first".as_slice(), b"buffered and acknowledged", b"next"];
        let (entries, _) = read(&log.fs, RecoveryMode::AbsoluteConsistency).unwrap();
        assert_eq!(payloads(&entries), expected);
        // And after a power loss once synced.
        let lsn = log.writer.end_lsn();
        log.writer.sync().sync_to(lsn).unwrap();
        for policy in [CrashPolicy::LoseUnsynced, CrashPolicy::KeepAll, CrashPolicy::NamesOnly] {
            let (entries, _) = read(&log.fs.crash(policy), RecoveryMode::default()).unwrap();
            assert_eq!(payloads(&entries), expected, "{policy}");
        }
    }
}

#[test]
fn frames_that_are_kept_fit_the_fresh_segment_under_their_numbers() {
    // INV-WAL-2: they leave out what frames before them said which are not kept, and at another place others are full.
    for (before, payload) in [(0, 40), (1, 1), (5, 100), (20, 124), (3, 700)] {
        let fs = new_disk();
        let mut log = open_with(&fs, RecoveryMode::default(), 64 << 10, LogMapping::Never).unwrap();
        for i in 0..before {
            log.append(&[i; 30], true).unwrap();
        }
        while log.writer.buffer.len() + payload + 40 < LOG_BUFFER_BYTES / 2 {
            log.append(&vec![9; payload], false).unwrap();
        }
        let written = log.next_seqno;
        log.fs.set_plan(failing(CallKind::Write, 1));
        assert!(log.append(b"failed", true).is_err());
        log.append(b"next", true).unwrap();
        let (entries, _) = read(&log.fs, RecoveryMode::AbsoluteConsistency).unwrap();
        let seqnos: Vec<_> = entries.iter().map(|entry| entry.seqno).collect();
        assert_eq!(seqnos, (1..written).chain([written + 1]).collect::<Vec<_>>());
        let segment = log.writer.active.as_ref().map(|active| active.segment.capacity_bytes).unwrap();
        assert!(log.writer.drained.position.offset <= segment, "within what was allocated");
    }
}

#[test]
fn a_frame_that_was_refused_does_not_come_back() {
    // INV-WAL-2: the whole frame reached the disk before the error was reported; the new segment ends the old one
    // before it.
    let mut log = TestLog::fresh();
    log.append(b"first", true).unwrap();
    let end = log.writer.end_lsn();
    log.append(b"refused", true).unwrap();
    log.writer.drained.lsn = end;
    log.writer.drained.position.offset = crate::wal::segment::FRAMES_START + end;
    log.writer.buffer.clear();
    log.writer.sync.wrote(log.writer.drained);
    log.writer.abandon_segment(2);
    log.append(b"next", true).unwrap();
    let (entries, _) = read(&log.fs, RecoveryMode::AbsoluteConsistency).unwrap();
    assert_eq!(payloads(&entries), [b"first".as_slice(), b"next"]);
}

#[test]
fn a_full_disk_fails_writes_until_there_is_room() {
    let mut log = TestLog::fresh();
    log.append(b"first", true).unwrap();
    log.append(b"kept", false).unwrap();
    let full = [CallKind::Write, CallKind::Preallocate, CallKind::Create];
    let errors = full.map(|kind| (Strike::FromNthOf(kind, 1), InjectedError::StorageFull)).to_vec();
    log.fs.set_plan(FaultPlan { errors, ..FaultPlan::default() });
    for _ in 0..5 {
        let refused = log.append(b"refused", true).map_err(|error| error.kind());
        assert_eq!(refused, Err(ErrorKind::NoSpace));
    }
    log.fs.set_plan(FaultPlan::default());
    log.append(b"room again", true).unwrap();
    let (entries, _) = read(&log.fs, RecoveryMode::AbsoluteConsistency).unwrap();
    assert_eq!(payloads(&entries), [b"first".as_slice(), b"kept", b"room again"]);
}

#[test]
fn every_write_and_creation_may_fail_once() {
    for kind in [CallKind::Write, CallKind::Create, CallKind::Preallocate, CallKind::SyncDir] {
        for nth in 1..40 {
            let mut log = TestLog::fresh();
            log.fs.set_plan(failing(kind, nth));
            let mut acknowledged = Vec::new();
            for i in 0..60u32 {
                let payload = format!("{i:0200}");
                if log.append(payload.as_bytes(), i % 2 == 0).is_ok() {
                    acknowledged.push(payload.into_bytes());
                }
            }
            log.fs.set_plan(FaultPlan::default());
            log.writer.drain().unwrap();
            assert!(acknowledged.len() >= 58, "{kind:?} {nth}: one group fails, or two");
            let (entries, _) = read(&log.fs, RecoveryMode::AbsoluteConsistency).unwrap();
            assert_eq!(payloads(&entries), acknowledged, "{kind:?} {nth}");
        }
    }
}

#[test]
fn an_unused_segment_is_removed_at_the_next_open() {
    let mut log = TestLog::fresh();
    log.append(b"one", true).unwrap();
    log.folder.prepare().unwrap();
    let fs = log.fs.clone();
    drop(log);
    let reopened = open(&fs, RecoveryMode::AbsoluteConsistency).unwrap();
    assert_eq!(payloads(&reopened.found), [b"one"]);
    assert_eq!(fs.read_dir(&directory()).unwrap().len(), 2, "the old segment and the new one");
}

#[test]
fn a_log_that_runs_ahead_of_its_syncs_is_copied_and_one_that_does_not_is_written() {
    let mut log = TestLog::mapped(LogMapping::Auto);
    for i in 0..1000 {
        log.append_sync(&[1; 100]).unwrap();
        if log.writer.take_wish() {
            log.folder.keep_up().unwrap();
        }
        assert_eq!(log.fs.calls(CallKind::Copy), 0, "at {i}");
    }
    let before = log.fs.calls(CallKind::Write);
    for _ in 0..1000 {
        log.append(&[2; 136], true).unwrap();
        if log.writer.take_wish() {
            log.folder.keep_up().unwrap();
        }
    }
    let written = log.fs.calls(CallKind::Write) - before;
    assert!((30..150).contains(&written), "until it runs ahead, first pages and headers: {written}");
    assert!(log.fs.calls(CallKind::Copy) > 800);
    let (entries, end) = read(&log.fs, RecoveryMode::AbsoluteConsistency).unwrap();
    assert_eq!(entries.len(), 2000);
    assert!(end.kept.len() > 4, "several segments: {}", end.kept.len());
}

#[test]
fn a_frame_that_can_be_copied_is_not_held_back() {
    let mut log = TestLog::mapped(LogMapping::Always);
    log.append(&[1; 4096], true).unwrap();
    log.append(b"buffered", false).unwrap();
    let (entries, _) = read(&log.fs, RecoveryMode::default()).unwrap();
    assert_eq!(payloads(&entries), [[1; 4096].as_slice(), b"buffered"]);
}

#[test]
fn synced_frames_survive_a_power_loss_however_they_were_written() {
    // INV-WAL-8: copied and written frames take turns in each segment, and so do syncs; any word of a copied frame may
    // be lost that was not synced.
    for seed in 0..30 {
        let mut log = TestLog::mapped(LogMapping::Auto);
        let mut synced = 0;
        for i in 1..=700u64 {
            log.append(&[7; 136], i % 3 != 0).unwrap();
            if log.writer.take_wish() && i > 300 {
                log.folder.keep_up().unwrap();
            }
            if i % (90 + seed) == 0 {
                let point = log.writer.drain().unwrap();
                log.writer.sync().sync_to(point.lsn).unwrap();
                synced = i;
            }
        }
        assert!(log.fs.calls(CallKind::Copy) > 100);
        for policy in [CrashPolicy::LoseUnsynced, CrashPolicy::Random { seed }] {
            let disk = log.fs.crash(policy);
            let (entries, _) = read(&disk, RecoveryMode::default()).unwrap();
            assert!(entries.len() as u64 >= synced, "{policy}: {} of {synced}", entries.len());
            assert!(entries.iter().zip(1..).all(|(entry, seqno)| entry.seqno == seqno));
            let reopened = open(&disk, RecoveryMode::default()).unwrap();
            assert_eq!(reopened.found, entries);
        }
    }
}

#[test]
fn a_disk_that_is_full_when_the_next_segment_is_prepared_is_an_error_and_no_loss() {
    let mut log = TestLog::mapped(LogMapping::Always);
    let mut acknowledged = 0;
    log.fs.set_plan(FaultPlan {
        errors: vec![(Strike::FromNthOf(CallKind::Preallocate, 1), InjectedError::StorageFull)],
        ..FaultPlan::default()
    });
    let mut refused = 0;
    for i in 0..1000u32 {
        if i == 900 {
            log.fs.set_plan(FaultPlan::default());
        }
        match log.append(&[3; 100], true) {
            Ok(_) => acknowledged += 1,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::NoSpace);
                refused += 1;
            }
        }
        if log.writer.take_wish()
            && let Err(error) = log.folder.keep_up()
        {
            assert_eq!(error.kind(), ErrorKind::NoSpace);
        }
    }
    assert!(acknowledged > 400 && refused > 100, "{acknowledged} {refused}");
    let (entries, _) = read(&log.fs, RecoveryMode::AbsoluteConsistency).unwrap();
    assert_eq!(entries.len(), acknowledged);
}

#[test]
fn a_segment_that_is_left_early_loses_nothing_and_is_let_go() {
    let disk = new_disk();
    let mut log = open_with(&disk, RecoveryMode::default(), 4 << 20, LogMapping::Auto).unwrap();
    log.append_sync(b"before").unwrap();
    let left = log.writer.active.as_ref().map(|active| Arc::downgrade(&active.segment.file)).unwrap();
    log.folder.begin_small().unwrap();
    log.writer.leave_segment().unwrap();
    assert!(left.upgrade().is_none(), "nothing waits for a sync, so nothing holds the file");
    // INV-WAL-4: the device lacks the header of the one between, and what follows needs it.
    log.writer.leave_segment().unwrap();
    log.append_sync(b"after").unwrap();
    for policy in [CrashPolicy::LoseUnsynced, CrashPolicy::Random { seed: 7 }] {
        let (entries, _) = read(&log.fs.crash(policy), RecoveryMode::default()).unwrap();
        assert_eq!(payloads(&entries), [b"before".as_slice(), b"after"]);
    }
}
