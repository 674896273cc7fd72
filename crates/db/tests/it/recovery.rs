//! The log over the life of a database: replayed, freed, bounded, resumed.

use std::sync::Arc;

use esker::{Database, Durability, ErrorKind, KeyspaceOptions};
use esker_env::fs::Fs;
use esker_testkit::fault_fs::FaultFs;
use esker_testkit::fault_fs::crash::CrashPolicy;
use esker_testkit::fault_fs::plan::{CallKind, FaultPlan, InjectedError, Strike};

fn builder(fs: &FaultFs) -> esker::Builder {
    Database::builder("/db")
        .fs(Arc::new(fs.clone()) as Arc<dyn Fs>)
        .background_threads(0)
        .memory_budget(4 << 20)
        .memtable_bytes(64 << 10)
        .log_segment_bytes(16 << 10)
        .max_wal_bytes(128 << 10)
}

fn log_files(fs: &FaultFs) -> usize {
    let entries = fs.read_dir(std::path::Path::new("/db")).unwrap();
    entries.iter().filter(|entry| entry.name.to_string_lossy().ends_with(".log")).count()
}

#[test]
fn an_idle_keyspace_does_not_hold_the_log() {
    // INV-WAL-7
    let fs = FaultFs::new();
    let db = builder(&fs).open().unwrap();
    let idle = db.keyspace("idle", KeyspaceOptions::new()).unwrap();
    idle.put("k", "v").unwrap();
    for i in 0..4000u32 {
        db.put(i.to_be_bytes(), vec![7; 200]).unwrap();
        assert!(db.stats().log_bytes <= 256 << 10, "at {i}: {}", db.stats().log_bytes);
    }
    assert!(log_files(&fs) < 18, "{}", log_files(&fs));
    drop((idle, db));
    let db = builder(&fs).open().unwrap();
    assert_eq!(db.len().unwrap(), 4000);
    let idle = db.keyspace("idle", KeyspaceOptions::new()).unwrap();
    assert_eq!(idle.get("k").unwrap().as_deref(), Some(b"v".as_slice()));
}

#[test]
fn what_is_flushed_is_not_replayed_and_numbers_go_on() {
    // INV-RECOVER-5
    let fs = FaultFs::new();
    let db = builder(&fs).open().unwrap();
    db.put("a", "1").unwrap();
    db.flush().unwrap();
    db.put("b", "2").unwrap();
    let before = db.stats().visible_seqno;
    drop(db);
    let db = builder(&fs).open().unwrap();
    assert!(db.stats().visible_seqno >= before);
    assert_eq!(db.stats().keyspaces[0].memtables.active_entries, 1, "only b was replayed");
    db.flush().unwrap();
    drop(db);
    let db = builder(&fs).open().unwrap();
    assert!(db.stats().visible_seqno >= before);
    assert_eq!(db.stats().keyspaces[0].memtables.active_entries, 0);
    assert_eq!(db.len().unwrap(), 2);
}

#[test]
fn no_table_runs_ahead_of_the_log() {
    // INV-RECOVER-4: a flush of one keyspace must not survive a power loss that takes the other's earlier write.
    let fs = FaultFs::new();
    let db = builder(&fs).open().unwrap();
    let other = db.keyspace("other", KeyspaceOptions::new()).unwrap();
    other.put("first", "1").unwrap();
    db.put("second", "2").unwrap();
    db.flush().unwrap();
    let db = builder(&fs.crash(CrashPolicy::LoseUnsynced)).open().unwrap();
    let other = db.keyspace("other", KeyspaceOptions::new()).unwrap();
    assert!(db.contains("second").unwrap() && other.contains("first").unwrap());
}

#[test]
fn a_large_log_is_replayed_within_a_small_budget() {
    let fs = FaultFs::new();
    let roomy = builder(&fs).memory_budget(64 << 20).memtable_bytes(8 << 20).max_wal_bytes(64 << 20);
    let db = roomy.open().unwrap();
    for i in 0..8000u32 {
        db.put(i.to_be_bytes(), vec![i as u8; 500]).unwrap();
    }
    drop(db);
    let db = builder(&fs).open().unwrap();
    let memtables = db.stats().keyspaces[0].memtables;
    assert!(memtables.active_bytes + memtables.sealed_bytes < 2 << 20, "{memtables:?}");
    assert_eq!(db.len().unwrap(), 8000);
}

#[test]
fn a_full_disk_refuses_writes_and_nothing_else() {
    let fs = FaultFs::new();
    let db = builder(&fs).open().unwrap();
    db.put("before", "1").unwrap();
    let full = [CallKind::Write, CallKind::Preallocate, CallKind::Create];
    let errors = full.map(|kind| (Strike::FromNthOf(kind, 1), InjectedError::StorageFull)).to_vec();
    fs.set_plan(FaultPlan { errors, ..FaultPlan::default() });
    for _ in 0..10 {
        assert_eq!(db.put("refused", "1").map_err(|error| error.kind()), Err(ErrorKind::NoSpace));
    }
    assert!(db.contains("before").unwrap() && !db.contains("refused").unwrap());
    assert!(db.flush().is_err());
    assert_eq!(db.put("k", "v").map_err(|error| error.kind()), Err(ErrorKind::ReadOnly), "a flush failed");
    assert!(db.stats().read_only.is_some());
    fs.set_plan(FaultPlan::default());
    db.resume().unwrap();
    db.put("after", "1").unwrap();
    db.flush().unwrap();
    drop(db);
    let db = builder(&fs).open().unwrap();
    assert!(db.contains("before").unwrap() && db.contains("after").unwrap());
    assert!(!db.contains("refused").unwrap());
}

#[test]
fn a_failed_sync_is_final_until_reopened() {
    // INV-LIFE-2
    let fs = FaultFs::new();
    let db = builder(&fs).open().unwrap();
    fs.set_plan(FaultPlan::error(Strike::NthOf(CallKind::Sync, 1), InjectedError::DeviceFailed));
    let failed = db.put_with("k", "v", Durability::Sync).map_err(|error| error.kind());
    assert_eq!(failed, Err(ErrorKind::Indeterminate));
    assert_eq!(db.put("l", "v").map_err(|error| error.kind()), Err(ErrorKind::ReadOnly));
    assert_eq!(db.resume().map_err(|error| error.kind()), Err(ErrorKind::ReadOnly));
    assert!(db.get("k").is_ok(), "reads go on");
    drop(db);
    let db = builder(&fs).open().unwrap();
    db.put("m", "v").unwrap();
}

#[test]
fn buffered_writes_reach_the_system_with_persist_and_close() {
    let fs = FaultFs::new();
    let db = builder(&fs).default_durability(Durability::Buffered).open().unwrap();
    db.put("a", "1").unwrap();
    let killed = fs.crash(CrashPolicy::KeepAll);
    assert!(!builder(&killed).open().unwrap().contains("a").unwrap(), "still in the buffer");
    db.persist(Durability::Os).unwrap();
    let killed = fs.crash(CrashPolicy::KeepAll);
    assert!(builder(&killed).open().unwrap().contains("a").unwrap());
    db.put("b", "1").unwrap();
    db.close().unwrap();
    assert!(builder(&fs).open().unwrap().contains("b").unwrap());
}

#[test]
fn a_first_open_that_failed_leaves_nothing_undurable_behind() {
    // INV-RECOVER-6: the enumeration found a directory whose name was never synced, as the second attempt found it there.
    for call in 1..45 {
        let fs = FaultFs::new();
        fs.set_plan(FaultPlan::error(Strike::At(call), InjectedError::StorageFull));
        let _ = builder(&fs).open();
        fs.set_plan(FaultPlan::default());
        let db = builder(&fs).open().unwrap();
        db.put_with("k", "v", Durability::Sync).unwrap();
        let db = builder(&fs.crash(CrashPolicy::LoseUnsynced)).open().unwrap();
        assert!(db.contains("k").unwrap(), "call {call}");
    }
}

#[test]
fn a_header_that_was_written_by_half_is_no_damage() {
    // INV-RECOVER-1: the enumeration found an open that failed in the middle of a header and could not be tried again.
    for call in 1..60 {
        let fs = FaultFs::new();
        builder(&fs).open().unwrap().put("k", "v").unwrap();
        fs.set_plan(FaultPlan::error(Strike::From(call), InjectedError::StorageFull));
        let _ = builder(&fs).open();
        fs.set_plan(FaultPlan::default());
        assert!(builder(&fs).open().unwrap().contains("k").unwrap(), "call {call}");
    }
}
