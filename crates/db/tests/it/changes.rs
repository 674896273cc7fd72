//! The change feed of a database: every operation once and in order, from the log, from tables, and from one to the other.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use esker::{
    Builder, Change, ChangeOperation, Changes, Database, Durability, Error, ErrorKind, KeyspaceOptions,
    LogMapping, Result,
};
use esker_env::fs::{Fs, OpenOptions, SharedFs};
use esker_env::memory::MemFs;
use esker_testkit::fault_fs::FaultFs;
use esker_testkit::fault_fs::crash::CrashPolicy;
use esker_testkit::fault_fs::plan::{CallKind, FaultPlan, InjectedError, Strike};

fn builder(fs: &SharedFs) -> Builder {
    Database::builder("db")
        .fs(Arc::clone(fs))
        .memory_budget(16 << 20)
        .memtable_bytes(64 << 10)
        .log_segment_bytes(16 << 10)
        .max_wal_bytes(256 << 10)
}

fn memory() -> SharedFs {
    Arc::new(MemFs::new())
}

/// What a change says, in a line.
fn line(change: &Change) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let operation = match &change.operation {
        ChangeOperation::Put { key, value } => format!("put {}={}", text(key), text(value)),
        ChangeOperation::Delete { key } => format!("delete {}", text(key)),
        ChangeOperation::SingleDelete { key } => format!("single {}", text(key)),
        other => format!("{other:?}"),
    };
    format!("{} {operation}", change.keyspace)
}

/// Everything that is there now; numbers must ascend.
fn drain(changes: &mut Changes) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    let mut next = changes.next_seqno();
    for change in changes.by_ref() {
        let change = change?;
        assert!(change.seqno >= next, "{change:?} after {next}");
        next = change.seqno + 1;
        lines.push(line(&change));
    }
    Ok(lines)
}

#[test]
fn changes_since_tells_operations_and_goes_on_with_live_commits() {
    let db = builder(&memory()).background_threads(0).open().unwrap();
    let users = db.keyspace("users", KeyspaceOptions::default()).unwrap();
    db.put("a", "1").unwrap();
    users.put("u", "x").unwrap();
    let mut changes = db.changes_since(0).unwrap();
    assert_eq!(drain(&mut changes).unwrap(), ["default put a=1", "users put u=x"]);
    assert!(changes.next().is_none());
    let mut batch = db.batch();
    batch.delete("a");
    batch.put_in(&users, "v", "y");
    batch.commit().unwrap();
    users.single_delete("u").unwrap();
    assert_eq!(drain(&mut changes).unwrap(), ["default delete a", "users put v=y", "users single u"]);
    let stored = changes.next_seqno();
    db.put("b", "2").unwrap();
    assert_eq!(drain(&mut db.changes_since(stored).unwrap()).unwrap(), ["default put b=2"]);
    assert_eq!(drain(&mut changes).unwrap(), ["default put b=2"]);
    // A number in the middle of the batch.
    let all = db.changes_since(0).unwrap().map(|change| change.unwrap().seqno).collect::<Vec<_>>();
    assert_eq!(
        drain(&mut db.changes_since(all[3]).unwrap()).unwrap(),
        ["users put v=y", "users single u", "default put b=2"]
    );
    db.close().unwrap();
    assert!(matches!(changes.next(), Some(Err(Error::Closed))));
}

fn fill(db: &Database, range: std::ops::Range<u64>) -> Vec<String> {
    let mut lines = Vec::new();
    for i in range {
        let (key, value) = (format!("key{:03}", i % 97), format!("{i:080}"));
        if i % 7 == 6 {
            db.delete(&key).unwrap();
            lines.push(format!("default delete {key}"));
        } else {
            db.put(&key, &value).unwrap();
            lines.push(format!("default put {key}={value}"));
        }
    }
    lines
}

/// INV-FEED-6: what the log has lost comes from the tables, and the log goes on where they end.
#[test]
fn changes_since_reads_tables_where_the_log_is_gone_and_resumes_from_a_stored_cursor() {
    let fs = memory();
    let db = builder(&fs).background_threads(0).open().unwrap();
    db.set_feed_horizon(Some(0)).unwrap();
    let mut lines = fill(&db, 0..3000);
    db.compact().unwrap();
    lines.extend(fill(&db, 3000..3100));
    let mut changes = db.changes_since(0).unwrap();
    let first: Vec<_> = changes.by_ref().take(1500).map(|change| line(&change.unwrap())).collect();
    assert!(first == lines[..1500]);
    let stored = changes.next_seqno();
    // Resumed while the other feed is still reading tables.
    assert!(drain(&mut db.changes_since(stored).unwrap()).unwrap() == lines[1500..]);
    lines.extend(fill(&db, 3100..4000));
    db.flush().unwrap();
    assert!(drain(&mut changes).unwrap() == lines[1500..]);
    drop(changes);
    db.close().unwrap();
    drop(db);
    let db = builder(&fs).background_threads(0).open().unwrap();
    assert_eq!(db.feed_horizon(), Some(0));
    let mut changes = db.changes_since(stored).unwrap();
    assert!(drain(&mut changes).unwrap() == lines[1500..]);
    lines.extend(fill(&db, 4000..4100));
    assert!(drain(&mut changes).unwrap() == lines[4000..]);
}

/// INV-FEED-6: history goes while a feed still reads it from tables; the log from there on was held, and nothing is missing.
#[test]
fn changes_since_holds_the_log_from_where_tables_end() {
    let db = builder(&memory()).background_threads(0).open().unwrap();
    db.set_feed_horizon(Some(0)).unwrap();
    let mut lines = fill(&db, 0..3000);
    db.compact().unwrap();
    let mut changes = db.changes_since(0).unwrap();
    let first = changes.next().unwrap().unwrap();
    assert_eq!(line(&first), lines[0]);
    db.set_feed_horizon(None).unwrap();
    lines.extend(fill(&db, 3000..3400));
    db.persist(Durability::Sync).unwrap();
    db.compact().unwrap();
    assert!(matches!(db.changes_since(first.seqno), Err(Error::HistoryGone { .. })));
    assert!(drain(&mut changes).unwrap() == lines[1..]);
}

#[test]
fn changes_since_refuses_what_may_be_gone() {
    let db = builder(&memory()).background_threads(0).open().unwrap();
    fill(&db, 0..3000);
    db.persist(Durability::Sync).unwrap();
    db.compact().unwrap();
    let error = db.changes_since(0).unwrap_err();
    let Error::HistoryGone { oldest } = error else { panic!("{error}") };
    assert_eq!(error.kind(), ErrorKind::Outdated);
    assert!(matches!(db.set_feed_horizon(Some(oldest - 1)), Err(Error::HistoryGone { .. })));
    db.set_feed_horizon(Some(oldest)).unwrap();
    let mut changes = db.changes_since(oldest).unwrap();
    drain(&mut changes).unwrap();
    let lines = fill(&db, 3000..3200);
    assert!(drain(&mut changes).unwrap() == lines);
    // A keyspace that is made later takes the horizon over.
    let later = db.keyspace("later", KeyspaceOptions::default()).unwrap();
    later.put("k", "v").unwrap();
    later.put("k", "w").unwrap();
    db.compact().unwrap();
    drop(changes);
    let told = drain(&mut db.changes_since(oldest).unwrap()).unwrap();
    assert_eq!(told[told.len() - 2..], ["later put k=v", "later put k=w"]);
    db.set_feed_horizon(None).unwrap();
    assert_eq!(db.feed_horizon(), None);
}

/// The log is not kept for ever for a feed that does not get on: then it goes on from the tables.
#[test]
fn changes_since_that_falls_behind_holds_the_log_up_to_a_size_only() {
    let db = builder(&memory()).background_threads(0).open().unwrap();
    db.set_feed_horizon(Some(0)).unwrap();
    let mut changes = db.changes_since(0).unwrap();
    let mut lines = fill(&db, 0..10);
    assert!(drain(&mut changes).unwrap() == lines);
    lines.extend(fill(&db, 10..500));
    db.flush().unwrap();
    assert!(db.stats().log_bytes > 30_000, "held for the feed: {}", db.stats().log_bytes);
    lines.extend(fill(&db, 500..8000));
    db.flush().unwrap();
    fill(&db, 8000..8001).into_iter().for_each(|line| lines.push(line));
    assert!(db.stats().log_bytes <= (256 << 10), "{}", db.stats().log_bytes);
    assert!(drain(&mut changes).unwrap() == lines[10..]);
}

/// Writers, flushes and compactions in the background, a feed from the beginning and one from the middle.
#[test]
fn changes_since_has_no_gap_and_no_repeat_while_threads_write() {
    let fs = memory();
    let db = builder(&fs).background_threads(2).open().unwrap();
    db.set_feed_horizon(Some(0)).unwrap();
    fill(&db, 0..1000);
    db.compact().unwrap();
    let (done, written) = (AtomicBool::new(false), AtomicU64::new(1000));
    std::thread::scope(|scope| {
        for thread in 0..3u64 {
            let (db, written) = (&db, &written);
            scope.spawn(move || {
                for i in 0..2000u64 {
                    let mut batch = db.batch();
                    for part in 0..1 + i % 3 {
                        batch.put(format!("t{thread} {:03}", (i + part) % 50), format!("{i} {part}"));
                    }
                    written.fetch_add(1 + i % 3, Ordering::Relaxed);
                    batch.commit().unwrap();
                }
            });
        }
        let follow = || {
            let mut changes = db.changes_since(0).unwrap();
            let mut told = Vec::new();
            loop {
                let is_done = done.load(Ordering::SeqCst);
                for change in changes.by_ref() {
                    let change = change.unwrap();
                    told.push((change.seqno, line(&change)));
                }
                if is_done {
                    return told;
                }
                std::thread::yield_now();
            }
        };
        let followers: Vec<_> = (0..2).map(|_| scope.spawn(follow)).collect();
        while written.load(Ordering::Relaxed) < 1000 + 3 * 3999 {
            std::thread::yield_now();
        }
        // All were counted before they were committed: what is visible says when they were.
        let all = 1000 + 3 * 3999;
        let seen = || db.changes_since(0).map(Iterator::count).unwrap_or(0);
        while seen() < all {
            std::thread::yield_now();
        }
        done.store(true, Ordering::SeqCst);
        let told: Vec<_> = followers.into_iter().map(|follower| follower.join().unwrap()).collect();
        for told in &told {
            assert_eq!(told.len(), all);
            assert!(told.windows(2).all(|pair| pair[0].0 < pair[1].0));
        }
        assert!(told[0] == told[1]);
    });
}

/// INV-FEED-5: a write that failed is not told, though the file may hold its frame.
#[test]
fn changes_since_never_tells_a_write_that_failed() {
    let fs = FaultFs::new();
    fs.create_dir_all(Path::new("db")).unwrap();
    fs.settle();
    let shared: SharedFs = Arc::new(fs.clone());
    let db = builder(&shared).background_threads(0).log_mapping(LogMapping::Never).open().unwrap();
    let mut changes = db.changes_since(0).unwrap();
    let (mut expected, mut failed) = (Vec::new(), 0);
    for round in 0..40 {
        if round % 4 == 3 {
            fs.set_plan(FaultPlan::error(Strike::NthOf(CallKind::Write, 1), InjectedError::DeviceFailed));
        }
        match db.put_with("key", round.to_string(), Durability::Os) {
            Ok(()) => expected.push(format!("default put key={round}")),
            Err(_) => failed += 1,
        }
        fs.set_plan(FaultPlan::default());
    }
    assert!(failed > 5, "{failed} writes failed");
    assert_eq!(drain(&mut changes).unwrap(), expected);
    assert_eq!(drain(&mut db.changes_since(0).unwrap()).unwrap(), expected);
}

/// What `durable_only` has told is there after a power loss.
#[test]
fn changes_since_durable_only_tells_nothing_that_a_power_loss_takes_back() {
    let fs = FaultFs::new();
    fs.create_dir_all(Path::new("db")).unwrap();
    fs.settle();
    let shared: SharedFs = Arc::new(fs.clone());
    let db = builder(&shared).background_threads(0).open().unwrap();
    let mut changes = db.changes_since(0).unwrap().durable_only();
    db.put_with("a", "1", Durability::Os).unwrap();
    assert!(drain(&mut changes).unwrap().is_empty());
    db.put_with("b", "2", Durability::Sync).unwrap();
    db.put_with("c", "3", Durability::Os).unwrap();
    assert_eq!(drain(&mut changes).unwrap(), ["default put a=1", "default put b=2"]);
    let survived: SharedFs = Arc::new(fs.crash(CrashPolicy::LoseUnsynced));
    drop((changes, db));
    let db = builder(&survived).background_threads(0).open().unwrap();
    assert_eq!(drain(&mut db.changes_since(0).unwrap()).unwrap(), ["default put a=1", "default put b=2"]);
}

#[test]
fn changes_since_tells_range_deletes_from_log_and_tables() {
    let db = builder(&memory()).background_threads(0).open().unwrap();
    db.set_feed_horizon(Some(0)).unwrap();
    fill(&db, 0..2000);
    db.delete_range("key010", "key050").unwrap();
    fill(&db, 2000..2010);
    let deletes = || -> Vec<String> {
        let lines = drain(&mut db.changes_since(0).unwrap()).unwrap();
        assert_eq!(lines.len(), 2011);
        lines.into_iter().filter(|line| line.contains("DeleteRange")).collect()
    };
    let from_log = deletes();
    assert_eq!(from_log.len(), 1);
    db.persist(Durability::Sync).unwrap();
    db.compact().unwrap();
    assert_eq!(deletes(), from_log);
}

/// It asked trees and log in turn for ever: the log was begun anew, and its only segment did not say from which number on.
#[test]
fn changes_since_follows_a_log_that_was_begun_anew() {
    let fs = memory();
    let db = builder(&fs).background_threads(0).open().unwrap();
    db.set_feed_horizon(Some(0)).unwrap();
    let mut lines = fill(&db, 0..100);
    db.flush().unwrap();
    drop(db);
    // As after a crash that left the segments' names and nothing in them.
    for entry in fs.read_dir(Path::new("db")).unwrap() {
        let name = entry.name.to_str().unwrap().to_owned();
        if name.ends_with(".log") {
            let path = Path::new("db").join(name);
            fs.remove_file(&path).unwrap();
            drop(fs.open(&path, &OpenOptions::create_new()).unwrap());
        }
    }
    let db = builder(&fs).background_threads(0).open().unwrap();
    let mut changes = db.changes_since(0).unwrap();
    assert!(drain(&mut changes).unwrap() == lines);
    lines.extend(fill(&db, 100..200));
    assert!(drain(&mut changes).unwrap() == lines[100..]);
    assert!(drain(&mut db.changes_since(0).unwrap()).unwrap() == lines);
}
