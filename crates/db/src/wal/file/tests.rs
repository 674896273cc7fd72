//! Copying or writing, and syncing a range.

use std::path::Path;

use esker_env::fs::{Fs, OpenOptions};
use esker_testkit::fault_fs::FaultFs;
use esker_testkit::fault_fs::crash::CrashPolicy;
use esker_testkit::fault_fs::plan::{CallKind, FaultPlan};

use super::*;

const CAPACITY: u64 = 64 << 10;

fn log_file(fs: &FaultFs, mapping: LogMapping) -> LogFile {
    log_file_of(fs, mapping, SyncMode::Normal)
}

fn log_file_of(fs: &FaultFs, mapping: LogMapping, sync_mode: SyncMode) -> LogFile {
    let file = fs.open(Path::new("log"), &OpenOptions::create()).unwrap();
    file.preallocate(0, CAPACITY).unwrap();
    fs.settle();
    LogFile::new(file, CAPACITY, mapping, sync_mode)
}

fn calls(fs: &FaultFs) -> (u64, u64) {
    (fs.calls(CallKind::Write), fs.calls(CallKind::Copy))
}

#[test]
fn what_is_not_ready_is_written_and_so_is_the_first_page() {
    // INV-WAL-9
    let fs = FaultFs::new();
    let file = log_file(&fs, LogMapping::Auto);
    file.write(&[1; 8], 8192).unwrap();
    assert_eq!(calls(&fs), (1, 0), "nobody asked");
    file.ask_ready(8192);
    assert!(file.wants_pages());
    file.make_ready();
    assert!(!file.wants_pages());
    file.write(&[2; 8], 8192).unwrap();
    file.write(&[3; 16], 4088).unwrap();
    assert_eq!(calls(&fs).1, 1, "a copy where pages are ready, and none into the first");
    file.write(&[4; 8], 4096).unwrap();
    file.write(&[5; 16], CAPACITY - 8).unwrap();
    assert_eq!(calls(&fs), (3, 2));
    let bytes = fs.contents(Path::new("log")).unwrap();
    assert_eq!((bytes[8192], bytes[4095], bytes[4096], bytes.len()), (2, 3, 4, 65_544));
}

#[test]
fn the_sync_of_a_range_syncs_that_range_only() {
    // INV-WAL-8: a sync of the whole file would write every page that was made ready ahead.
    let fs = FaultFs::new();
    let file = log_file(&fs, LogMapping::Always);
    file.ask_ready(u64::MAX);
    file.make_ready();
    file.write(&[1; 64], 0).unwrap();
    file.write(&[1; 64], 8192).unwrap();
    file.write(&[1; 64], 16_384).unwrap();
    file.sync(0..8256).unwrap();
    let bytes = fs.crash(CrashPolicy::LoseUnsynced).contents(Path::new("log")).unwrap();
    assert_eq!((bytes[63], bytes[8255], bytes[16_384]), (1, 1, 0));
}

#[test]
fn without_a_map_everything_is_written_and_nothing_asked_for() {
    for (mapping, maps_logs) in [(LogMapping::Never, true), (LogMapping::Always, false)] {
        let fs = FaultFs::with_plan(FaultPlan::default());
        fs.set_maps_logs(maps_logs);
        let file = log_file(&fs, mapping);
        assert!(!file.is_mapped());
        file.ask_ready(u64::MAX);
        file.make_ready();
        assert!(!file.wants_pages() && file.asked_to() == 0);
        file.write(&[1; 64], 8192).unwrap();
        file.sync(8192..8256).unwrap();
        assert_eq!(calls(&fs), (1, 0));
        assert_eq!(fs.crash(CrashPolicy::LoseUnsynced).contents(Path::new("log")).unwrap()[8255], 1);
    }
}

/// Through a map a full sync is of the range, and then of all that there is of the file.
#[test]
fn a_full_sync_is_of_the_whole_file() {
    for mapping in [LogMapping::Never, LogMapping::Always] {
        let fs = FaultFs::new();
        let file = log_file_of(&fs, mapping, SyncMode::Full);
        file.ask_ready(u64::MAX);
        file.make_ready();
        file.write(&[1; 64], 8192).unwrap();
        file.sync(0..8256).unwrap();
        let last = fs.trace().pop().unwrap();
        assert!(last.contains("sync") && last.contains("(all)"), "{last}");
        assert_eq!(fs.crash(CrashPolicy::LoseUnsynced).contents(Path::new("log")).unwrap()[8255], 1);
    }
}
