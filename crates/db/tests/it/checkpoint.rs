//! Checkpoints: all keyspaces at one commit, opened as a database of their own.

use std::sync::atomic::{AtomicBool, Ordering};

use esker::{Database, Durability, Error, ErrorKind, KeyspaceOptions};
use esker_testkit::fault_fs::FaultFs;

use crate::states::{Contents, Steps, both, contents, crash_everywhere, open, open_at};

#[test]
fn checkpoint_holds_all_keyspaces_at_one_commit() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let db = Database::open(path("db")).unwrap();
    let users = db.keyspace("users", KeyspaceOptions::new()).unwrap();
    users.put("1", "in a table").unwrap();
    db.flush().unwrap();
    users.put("2", "in the log").unwrap();
    db.put_with("3", "in the log's buffer", Durability::Buffered).unwrap();
    let info = db.checkpoint(path("copy")).unwrap();
    assert_eq!((info.keyspaces, info.table_files), (2, 1));
    assert!(info.log_segments >= 1 && info.total_bytes > 0);
    assert_eq!(info.seqno, db.snapshot().unwrap().seqno());
    assert_eq!(db.checkpoint(path("copy")).unwrap_err().kind(), ErrorKind::InvalidInput);
    users.put("1", "changed").unwrap();
    db.delete("3").unwrap();
    db.compact().unwrap();

    let copy = Database::open(path("copy")).unwrap();
    assert_eq!(copy.keyspaces(), ["default", "users"]);
    let copied = copy.keyspace("users", KeyspaceOptions::new()).unwrap();
    assert_eq!(copied.get("1").unwrap().as_deref(), Some(b"in a table".as_slice()));
    assert_eq!(copied.len().unwrap(), 2);
    assert_eq!(copy.len().unwrap(), 1);
    copied.put("4", "of its own").unwrap();
    copy.compact().unwrap();
    assert_eq!(users.get("4").unwrap(), None);
    drop((users, db));
    let db = Database::open(path("db")).unwrap();
    assert_eq!(db.keyspace("users", KeyspaceOptions::new()).unwrap().len().unwrap(), 2);
    drop((copied, copy));
    assert_eq!(Database::open(path("copy")).unwrap().len().unwrap(), 1);
}

/// Says that it is done when it goes.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// INV-CHECKPOINT-2: pairs that are written in one batch are never torn apart, while everything goes on.
#[test]
fn checkpoint_is_consistent_while_writes_and_compactions_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::builder(folder.path().join("db"))
        .memtable_bytes(256 << 10)
        .log_segment_bytes(64 << 10)
        .max_wal_bytes(1 << 20)
        .open()
        .unwrap();
    let other = db.keyspace("other", KeyspaceOptions::new()).unwrap();
    let done = AtomicBool::new(false);
    let mut acknowledged = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0u64.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                let mut batch = db.batch();
                batch.put(format!("{:03}", number % 500), number.to_string());
                batch.put_in(&other, format!("{:03}", number % 500), number.to_string());
                batch.commit().unwrap();
            }
        });
        // Whatever fails here, the writer ends.
        let _stop = Stop(&done);
        for round in 0..8 {
            let target = folder.path().join(format!("copy {round}"));
            db.checkpoint(&target).unwrap();
            let copy = Database::open(&target).unwrap();
            let pairs: Vec<_> = copy.iter().map(|entry| entry.unwrap()).collect();
            let others = copy.keyspace("other", KeyspaceOptions::new()).unwrap();
            assert_eq!(others.iter().map(|entry| entry.unwrap()).collect::<Vec<_>>(), pairs, "round {round}");
            let newest =
                pairs.iter().map(|(_, value)| std::str::from_utf8(value).unwrap().parse::<u64>().unwrap());
            let newest = newest.max().unwrap_or(0);
            assert!(newest >= acknowledged, "what was there before is in it");
            acknowledged = newest;
        }
    });
}

fn script(fs: &FaultFs, durability: Durability, steps: &mut Steps) -> Result<(), Error> {
    let db = open(fs)?;
    let keyspaces = both(&db)?;
    steps.begin(|_| ());
    for round in ["1", "2"] {
        for at in [0, 1] {
            for key in ["a", "b"] {
                steps.put(at, key, round);
                keyspaces[at].put_with(key, round, durability)?;
            }
        }
        if round == "1" {
            db.flush()?;
        }
    }
    db.checkpoint("/copy")?;
    steps.put(0, "a", "later");
    keyspaces[0].put_with("a", "later", durability)
}

/// INV-CHECKPOINT-1: at whichever call the machine goes down, what is at the target is all of the checkpoint, or refused.
#[test]
fn checkpoint_is_whole_or_no_database_after_a_crash_at_any_call() {
    let whole: Contents = [(); 2].map(|()| ["a", "b"].map(|key| (key.to_owned(), "2".to_owned())).into());
    for durability in [Durability::Sync, Durability::Os] {
        crash_everywhere(
            durability,
            |fs, steps| script(fs, durability, steps),
            |disk, steps, what| {
                let is_acknowledged =
                    steps.states.last().is_some_and(|last| last[0].values().any(|v| v == "later"));
                let exists = esker_env::fs::Fs::exists(disk, "/copy/CURRENT".as_ref()).unwrap();
                assert!(exists || !is_acknowledged, "{what}: the checkpoint is gone");
                if exists {
                    let copy = open_at(disk, "/copy").unwrap_or_else(|error| panic!("{what}: {error}"));
                    assert_eq!(contents(&copy), whole, "{what}");
                }
            },
        );
    }
}

/// A checkpoint that fails leaves nothing behind, and the database goes on.
#[test]
fn checkpoint_that_fails_removes_what_it_made() {
    use esker_env::fs::Fs;
    use esker_testkit::fault_fs::plan::{FaultPlan, InjectedError, Strike};
    let run = |plan: Option<(u64, InjectedError)>| {
        let fs = FaultFs::new();
        let db = open(&fs).unwrap();
        let keyspaces = both(&db).unwrap();
        keyspaces[0].put("a", "1").unwrap();
        db.flush().unwrap();
        keyspaces[1].put("b", "2").unwrap();
        let before = fs.mutating_calls();
        if let Some((at, error)) = plan {
            fs.set_plan(FaultPlan::error(Strike::At(before + at), error));
        }
        let done = db.checkpoint("/copy");
        (fs, db, before, done)
    };
    let (fs, _db, before, done) = run(None);
    done.unwrap();
    let calls = fs.mutating_calls() - before;
    assert!(calls > 10, "{calls}");
    for call in 1..=calls {
        for error in [InjectedError::StorageFull, InjectedError::DeviceFailed] {
            let (fs, db, _, done) = run(Some((call, error)));
            fs.set_plan(FaultPlan::default());
            let exists = fs.exists("/copy".as_ref()).unwrap();
            assert_eq!(exists, done.is_ok(), "{error:?} at call {call}: {done:?}");
            assert_eq!(contents(&db)[1].len(), 1);
            if done.is_err() && db.stats().read_only.is_none() {
                db.checkpoint("/copy").unwrap();
            }
        }
    }
}
