//! Erasing in a database: clearing a keyspace, dropping and compacting ranges of it, and crashes amid all that.

use std::collections::BTreeMap;
use std::sync::Arc;

use esker::{Database, Durability, Error, ErrorKind, Keyspace, KeyspaceOptions};
use esker_env::clock::ManualClock;
use esker_env::fs::SharedFs;
use esker_env::random::SeededRandom;
use esker_testkit::fault_fs::FaultFs;
use esker_testkit::fault_fs::crash::CrashPolicy;
use esker_testkit::fault_fs::plan::FaultPlan;

fn open(fs: &FaultFs) -> Result<Database, Error> {
    let shared: SharedFs = Arc::new(fs.clone());
    Database::builder("/db")
        .fs(shared)
        .clock(Arc::new(ManualClock::default()))
        .random(Arc::new(SeededRandom::new(7)))
        .background_threads(0)
        .memory_budget(4 << 20)
        .memtable_bytes(64 << 10)
        .log_segment_bytes(16 << 10)
        .open()
}

fn other(db: &Database) -> Result<Keyspace, Error> {
    db.keyspace("other", KeyspaceOptions::new())
}

fn keys(keyspace: &Keyspace) -> Vec<String> {
    keyspace.iter().map(|entry| String::from_utf8(entry.unwrap().0.to_vec()).unwrap()).collect()
}

#[test]
fn clear_of_a_keyspace_forgets_it_and_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::open(folder.path()).unwrap();
    let users = db.keyspace("users", KeyspaceOptions::new()).unwrap();
    users.put("1", "flushed").unwrap();
    db.flush().unwrap();
    users.put("2", "in memory").unwrap();
    db.put("1", "elsewhere").unwrap();
    let scan = users.iter();
    let snapshot = db.snapshot().unwrap();
    assert_eq!(users.clear().unwrap_err().kind(), ErrorKind::Busy);
    drop(snapshot);
    users.clear().unwrap();
    assert!(users.is_empty().unwrap());
    assert_eq!(users.get("2").unwrap(), None);
    assert_eq!(scan.count(), 2, "a scan that was open goes on");
    users.put("3", "after").unwrap();
    assert_eq!(keys(&users), ["3"]);
    drop((users, db));

    let db = Database::open(folder.path()).unwrap();
    let users = db.keyspace("users", KeyspaceOptions::new()).unwrap();
    assert_eq!(keys(&users), ["3"], "the log brings back nothing from before");
    assert_eq!(db.get("1").unwrap().as_deref(), Some(b"elsewhere".as_slice()));
    db.drop_keyspace("users").unwrap();
    assert_eq!(users.clear().unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn drop_range_and_compact_range_of_a_keyspace() {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::builder(folder.path()).background_threads(0).open().unwrap();
    let keyspace = db.default_keyspace();
    for part in ["a", "b", "c"] {
        for number in 0..100 {
            db.put(format!("{part}{number:02}"), "value").unwrap();
        }
        keyspace.compact_range(part..).unwrap();
    }
    let inverted = keyspace.compact_range("b".."a").unwrap_err();
    assert_eq!(inverted.kind(), ErrorKind::InvalidInput);
    for number in 0..50 {
        db.delete(format!("b{number:02}")).unwrap();
    }
    keyspace.compact_range("b".."c").unwrap();
    let entries: u64 = db.stats().keyspaces[0].levels.iter().map(|level| level.entries).sum();
    assert_eq!(entries, 250, "the tombstones are gone, and what they hid");
    assert_eq!(keyspace.drop_range("b".."c").unwrap().tables, 1);
    assert_eq!(db.len().unwrap(), 200);
    drop((keyspace, db));
    assert_eq!(Database::open(folder.path()).unwrap().len().unwrap(), 200);
}

type Contents = [BTreeMap<String, String>; 2];

fn contents(db: &Database) -> Contents {
    [db.default_keyspace(), other(db).unwrap()].map(|keyspace| {
        let text = |bytes: esker::Slice| String::from_utf8(bytes.to_vec()).unwrap();
        keyspace.iter().map(|entry| entry.unwrap()).map(|(key, value)| (text(key), text(value))).collect()
    })
}

/// Writes, clears and writes again; notes what the database holds after each acknowledged step.
fn script(fs: &FaultFs, durability: Durability, states: &mut Vec<Contents>) -> Result<(), Error> {
    let db = open(fs)?;
    let keyspaces = [db.default_keyspace(), other(&db)?];
    let mut now = Contents::default();
    states.push(now.clone());
    for round in 0..3 {
        for (at, keyspace) in [0, 1, 0, 1].map(|at| (at, &keyspaces[at])) {
            for key in ["a", "b", "c"] {
                let (key, value) = (format!("{key}{round}"), "value".repeat(round + 1));
                now[at].insert(key.clone(), value.clone());
                states.push(now.clone());
                keyspace.put_with(key, value, durability)?;
            }
            if round == 1 {
                keyspace.compact_range::<&str>(..)?;
            }
        }
        now[1].clear();
        states.push(now.clone());
        keyspaces[1].clear()?;
    }
    Ok(())
}

/// INV-ERASE-1, INV-ERASE-5: at whichever call the machine goes down, what is found is the database as it was after some
/// step; with `Sync`, after the last acknowledged one or the next.
#[test]
fn clear_keeps_its_place_among_writes_after_a_crash_at_any_call() {
    for durability in [Durability::Sync, Durability::Os] {
        let fs = FaultFs::new();
        let mut all = Vec::new();
        script(&fs, durability, &mut all).unwrap();
        let calls = fs.mutating_calls();
        for call in 1..=calls + 1 {
            let fs = FaultFs::with_plan(FaultPlan::crash_at(call));
            let mut states = Vec::new();
            let done = script(&fs, durability, &mut states).is_ok();
            for policy in
                [CrashPolicy::LoseUnsynced, CrashPolicy::KeepAll, CrashPolicy::Random { seed: call }]
            {
                let what = format!("{durability:?}, crash at call {call} of {calls}, {policy:?}");
                let db = open(&fs.crash(policy)).unwrap_or_else(|error| panic!("{what}: {error}"));
                let found = contents(&db);
                let allowed = if states.is_empty() { &all[..1] } else { &states[..] };
                let certain = durability == Durability::Sync || policy == CrashPolicy::KeepAll;
                // The last one was begun; those before it were acknowledged.
                let from =
                    if certain { allowed.len() - if done { 1 } else { allowed.len().min(2) } } else { 0 };
                assert!(allowed[from..].contains(&found), "{what}: {found:?}");
                db.put("goes", "on").unwrap();
            }
        }
    }
}
