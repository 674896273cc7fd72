//! Torn tails, corruption, and crashes while recovering from crashes.

use esker_env::fs::Fs;
use esker_testkit::fault_fs::FaultFs;
use esker_testkit::fault_fs::crash::CrashPolicy;
use esker_testkit::fault_fs::plan::{CallKind, FaultPlan, InjectedError, Strike};

use super::*;
use crate::error::ErrorKind;
use crate::options::LogMapping;
use crate::wal::segment::FRAMES_START;
use crate::wal::testing::{TestLog, directory, new_disk, open, open_with, payloads, read};

const TOLERANT: RecoveryMode = RecoveryMode::TolerateTornTail;

fn segment_path(id: u32) -> PathBuf {
    directory().join(FileKind::Segment(SegmentId(id)).name())
}

/// Damages one byte of a segment.
fn damage(fs: &FaultFs, id: u32, offset: u64) {
    let mut bytes = fs.contents(&segment_path(id)).unwrap();
    bytes[usize::try_from(offset).unwrap()] ^= 0x40;
    fs.set_contents(&segment_path(id), &bytes).unwrap();
}

/// Three synced frames in one segment, each 8-aligned; gives their offsets, too.
fn three_synced() -> (TestLog, Vec<u64>) {
    let mut log = TestLog::fresh();
    let mut offsets = Vec::new();
    for payload in [b"one".as_slice(), b"two", b"three"] {
        offsets.push(FRAMES_START + log.writer.end_lsn());
        log.append_sync(payload).unwrap();
    }
    (log, offsets)
}

#[test]
fn an_unsynced_tail_may_be_lost_and_is_no_corruption() {
    // INV-RECOVER-2
    for seed in 0..200 {
        let mut log = TestLog::fresh();
        log.append_sync(b"synced").unwrap();
        for i in 0..60u32 {
            log.append(&[i as u8; 150], true).unwrap();
        }
        let disk = log.fs.crash(CrashPolicy::Random { seed });
        let (entries, _) = read(&disk, TOLERANT).unwrap();
        assert_eq!(entries[0].payload, b"synced", "seed {seed}");
        let rest = entries[1..].iter().zip(0u8..).all(|(entry, i)| entry.payload == [i; 150]);
        assert!(rest, "a prefix, seed {seed}");
    }
}

#[test]
fn damage_before_a_synced_position_is_corruption() {
    // INV-RECOVER-1: the frame behind says that this one was synced.
    let (log, offsets) = three_synced();
    damage(&log.fs, 1, offsets[1] + 20);
    let refused = read(&log.fs, TOLERANT).map(|_| ());
    let Err(Error::Corruption { path, offset, problem }) = refused else { panic!("{refused:?}") };
    assert_eq!((path, offset), (segment_path(1), offsets[1]));
    assert!(problem.contains("PointInTime"), "it says what to do: {problem}");
    assert_eq!(payloads(&read(&log.fs, RecoveryMode::PointInTime).unwrap().0), [b"one"]);
    let (skipped, end) = read(&log.fs, RecoveryMode::SkipCorrupted).unwrap();
    assert_eq!(payloads(&skipped), [b"one".as_slice(), b"three"]);
    assert!(end.damaged);
}

#[test]
fn damage_among_short_frames_is_judged_by_full_ones() {
    // INV-WAL-5, INV-RECOVER-1: 29 frames of 40 bytes, a sync, 371 more: most state nothing of their own.
    let fs = new_disk();
    let mut log = open_with(&fs, TOLERANT, 64 << 10, LogMapping::Never).unwrap();
    let mut offsets = Vec::new();
    for number in 0..400u32 {
        offsets.push(FRAMES_START + log.writer.end_lsn());
        let lsn = log.append(format!("{number:024}").as_bytes(), true).unwrap();
        if number == 28 {
            log.writer.sync().sync_to(lsn).unwrap();
        }
    }
    let payload = |number: usize| format!("{number:024}").into_bytes();
    // The first frame behind the sync claims what is before it; so does the first of each 4 KiB, if that one is gone.
    for damaged in [&[10][..], &[10, 29]] {
        damaged.iter().for_each(|number| damage(&log.fs, 1, offsets[*number] + 20));
        let refused = read(&log.fs, TOLERANT).map(|_| ());
        let Err(Error::Corruption { offset, .. }) = refused else { panic!("{refused:?}") };
        assert_eq!(offset, offsets[10]);
        let (entries, _) = read(&log.fs, RecoveryMode::PointInTime).unwrap();
        assert_eq!(entries.len(), 10);
        // What can be read and given its numbers: from the next full frame on.
        let (entries, end) = read(&log.fs, RecoveryMode::SkipCorrupted).unwrap();
        let resumes = if damaged == [10] { 29 } else { offsets.iter().position(|at| *at >= 4096).unwrap() };
        let expected: Vec<_> = (0..10).chain(resumes..400).map(payload).collect();
        assert_eq!(payloads(&entries), expected);
        assert!(entries.iter().all(|entry| payload(entry.seqno as usize - 1) == entry.payload));
        assert!(end.damaged);
        damaged.iter().for_each(|number| damage(&log.fs, 1, offsets[*number] + 20));
    }
    // Behind the sync nobody claims anything: a torn tail.
    damage(&log.fs, 1, offsets[300] + 20);
    assert_eq!(read(&log.fs, TOLERANT).unwrap().0.len(), 300);
}

#[test]
fn damage_behind_the_last_synced_position_reads_as_a_torn_tail() {
    // The limit that docs/DURABILITY.md names: nothing behind the last frame says that it was synced.
    let (log, offsets) = three_synced();
    damage(&log.fs, 1, offsets[2] + 20);
    assert_eq!(payloads(&read(&log.fs, TOLERANT).unwrap().0), [b"one".as_slice(), b"two"]);
    let strict = read(&log.fs, RecoveryMode::AbsoluteConsistency).map(|_| ());
    assert_eq!(strict.map_err(|error| error.kind()), Err(ErrorKind::Corruption));
}

#[test]
fn damage_before_a_recorded_end_is_corruption() {
    // INV-RECOVER-1, INV-RECOVER-3: reopening recorded the end, after making the segment durable.
    let (log, offsets) = three_synced();
    let reopened = open(&log.fs, TOLERANT).unwrap();
    drop(reopened);
    damage(&log.fs, 1, offsets[2] + 20);
    let refused = read(&log.fs, TOLERANT).map(|_| ());
    assert_eq!(refused.map_err(|error| error.kind()), Err(ErrorKind::Corruption));
}

#[test]
fn what_a_failed_sync_left_in_memory_is_written_again() {
    // INV-RECOVER-3: after a failed sync a later one succeeds and proves nothing. The recovery reads a complete log; a
    // power loss after it once took what it had recorded as durable, which then counted as corruption.
    let mut log = TestLog::fresh();
    log.append_sync(b"one").unwrap();
    let lsn = log.append(b"two", true).unwrap();
    log.fs.set_plan(FaultPlan::error(Strike::NthOf(CallKind::Sync, 1), InjectedError::DeviceFailed));
    assert!(log.writer.sync().sync_to(lsn).is_err());
    log.fs.set_plan(FaultPlan::default());
    assert_eq!(payloads(&open(&log.fs, TOLERANT).unwrap().found), [b"one".as_slice(), b"two"]);
    let disk = log.fs.crash(CrashPolicy::LoseUnsynced);
    assert_eq!(payloads(&read(&disk, TOLERANT).unwrap().0), [b"one".as_slice(), b"two"]);
}

#[test]
fn what_stands_behind_a_recorded_end_is_ignored() {
    // INV-RECOVER-3: the second frame is torn at the first recovery and whole again later (the sector was late).
    let mut log = TestLog::fresh();
    log.append_sync(b"one").unwrap();
    let offset = FRAMES_START + log.writer.end_lsn();
    log.append(b"late", true).unwrap();
    damage(&log.fs, 1, offset + 20);
    let mut reopened = open(&log.fs, TOLERANT).unwrap();
    assert_eq!(payloads(&reopened.found), [b"one"]);
    reopened.append_sync(b"two").unwrap();
    damage(&log.fs, 1, offset + 20);
    assert_eq!(payloads(&read(&log.fs, TOLERANT).unwrap().0), [b"one".as_slice(), b"two"]);
}

#[test]
fn a_missing_segment_in_the_middle_is_corruption_once_synced() {
    let mut log = TestLog::fresh();
    for _ in 0..100 {
        log.append_sync(&[5; 100]).unwrap();
    }
    log.fs.remove_file(&segment_path(2)).unwrap();
    let refused = read(&log.fs, TOLERANT).map(|_| ());
    assert_eq!(refused.map_err(|error| error.kind()), Err(ErrorKind::Corruption));
    assert!(!read(&log.fs, RecoveryMode::PointInTime).unwrap().0.is_empty());
}

#[test]
fn a_damaged_header_is_corruption() {
    let (log, _) = three_synced();
    damage(&log.fs, 1, 12);
    let refused = read(&log.fs, TOLERANT).map(|_| ());
    assert_eq!(refused.map_err(|error| error.kind()), Err(ErrorKind::Corruption));
}

#[test]
fn removed_segments_are_not_missed() {
    let mut log = TestLog::fresh();
    for _ in 0..100 {
        log.append(&[5; 100], true).unwrap();
    }
    log.folder.retire(60).unwrap();
    let (entries, _) = read(&log.fs, RecoveryMode::AbsoluteConsistency).unwrap();
    assert!(entries.len() < 100 && entries.first().is_some_and(|entry| entry.seqno <= 60));
    assert_eq!(entries.last().map(|entry| entry.seqno), Some(100));
}

#[test]
fn truncation_at_every_length_is_a_torn_tail_or_named() {
    let (log, offsets) = three_synced();
    let whole = log.fs.contents(&segment_path(1)).unwrap();
    for len in 0..usize::try_from(offsets[2] + 64).unwrap() {
        log.fs.set_contents(&segment_path(1), &whole[..len]).unwrap();
        let (entries, _) = read(&log.fs, TOLERANT).unwrap();
        let expected = offsets.iter().filter(|offset| (**offset as usize) < len).count();
        assert!(entries.len() <= expected && entries.len() + 1 >= expected, "{len}");
    }
}

#[test]
fn every_flipped_bit_is_noticed_or_harmless() {
    let (log, offsets) = three_synced();
    let end = offsets[2] + 64;
    for offset in FRAMES_START..end {
        damage(&log.fs, 1, offset);
        let read = read(&log.fs, TOLERANT);
        damage(&log.fs, 1, offset);
        match read {
            Err(error) => assert_eq!(error.kind(), ErrorKind::Corruption),
            Ok((entries, _)) => {
                let all = [b"one".as_slice(), b"two", b"three"];
                assert!(entries.len() >= 2 && payloads(&entries) == all[..entries.len()], "{offset}");
            }
        }
    }
}

#[test]
fn crashes_during_recovery_obey_the_same_rules() {
    // INV-RECOVER-3: double and triple crashes, at each call of the recovery, with any subset of it on the disk.
    for seed in 0..60 {
        let mut log = TestLog::fresh();
        let mut synced = Vec::new();
        for i in 0..40u8 {
            if i % 8 == 0 {
                log.append_sync(&[i; 90]).unwrap();
                synced = vec![i; 90];
            } else {
                log.append(&[i; 90], true).unwrap();
            }
        }
        let mut disk = log.fs.crash(CrashPolicy::Random { seed });
        let mut most = read(&disk, TOLERANT).unwrap().0;
        assert!(most.iter().any(|entry| entry.payload == synced), "seed {seed}");
        for round in 0..3u64 {
            let calls = {
                let trial = disk.crash(CrashPolicy::KeepAll);
                open(&trial, TOLERANT).unwrap();
                trial.mutating_calls()
            };
            let crash_at = (seed * 7 + round) % calls + 1;
            disk.set_plan(FaultPlan::crash_at(crash_at));
            let _ = open(&disk, TOLERANT);
            disk = disk.crash(CrashPolicy::Random { seed: seed ^ (round << 32) });
            let again = read(&disk, TOLERANT).unwrap().0;
            assert!(again.len() <= most.len() && most.starts_with(&again), "a prefix, seed {seed}");
            assert!(again.iter().any(|entry| entry.payload == synced), "seed {seed}, round {round}");
            most = again;
        }
        let mut reopened = open(&disk, TOLERANT).unwrap();
        reopened.append_sync(b"after").unwrap();
        let last = read(&disk.crash(CrashPolicy::LoseUnsynced), TOLERANT).unwrap().0;
        assert_eq!(last.last().map(|entry| entry.payload.as_slice()), Some(b"after".as_slice()));
        assert_eq!(last.len(), most.len() + 1);
    }
}
