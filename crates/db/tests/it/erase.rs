//! Erasing in a database: clearing a keyspace, dropping and compacting ranges of it, and crashes amid all that.

use std::ops::Bound;

use esker::{Database, Durability, Error, ErrorKind, Keyspace, KeyspaceOptions, PlantedBug};
use esker_testkit::fault_fs::FaultFs;
use esker_testkit::fault_fs::crash::CrashPolicy;
use esker_testkit::fault_fs::plan::{CallKind, FaultPlan, InjectedError, Strike};

use crate::replica::Replica;
use crate::states::{Steps, both, contents, crash_everywhere, open, open_with};

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

#[test]
fn drop_range_deletes_all_of_its_range_and_nothing_that_is_newer() {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::builder(folder.path()).background_threads(0).open().unwrap();
    let keyspace = db.default_keyspace();
    for number in 0..100 {
        db.put(format!("{number:02}"), "in a table").unwrap();
    }
    db.compact().unwrap();
    db.put("50", "in memory").unwrap();
    // No table lies inside, and what is in memory goes, too.
    assert_eq!(keyspace.drop_range("40"..="60").unwrap().tables, 0);
    assert_eq!(db.len().unwrap(), 79);
    assert_eq!(
        keyspace.drop_range::<&str>((Bound::Excluded("39"), Bound::Excluded("70"))).unwrap().tables,
        0
    );
    assert_eq!(keys(&keyspace)[38..42], ["38", "39", "70", "71"]);
    let snapshot = db.snapshot().unwrap();
    keyspace.drop_range::<&str>(..).unwrap();
    assert_eq!(keys(&keyspace), [""; 0]);
    assert_eq!(snapshot.scan::<&str>(..).count(), 70, "what a snapshot sees stays");
    drop(snapshot);
    db.put("50", "again").unwrap();
    keyspace.drop_range("60"..).unwrap();
    assert_eq!(keys(&keyspace), ["50"]);
    let inverted = keyspace.drop_range("b".."a").unwrap_err();
    assert_eq!(inverted.kind(), ErrorKind::InvalidInput);
}

/// Writes, clears and writes again.
fn script(fs: &FaultFs, durability: Durability, steps: &mut Steps) -> Result<(), Error> {
    let db = open(fs)?;
    let keyspaces = both(&db)?;
    steps.begin(|_| ());
    for round in 0..3 {
        for at in [1, 0, 1, 0] {
            for key in ["a", "b", "c"] {
                let (key, value) = (format!("{key}{round}"), "value".repeat(round + 1));
                steps.put(at, &key, &value);
                keyspaces[at].put_with(key, value, durability)?;
            }
            if round == 1 {
                keyspaces[at].compact_range::<&str>(..)?;
            }
        }
        // What was cleared is in tables, and this may be lost with the log: then the clear must not be there either.
        db.flush()?;
        let (key, value) = (format!("before the clear of {round}"), "value");
        steps.put(0, &key, value);
        keyspaces[0].put_with(key, value, durability)?;
        steps.begin(|now| now[1].clear());
        keyspaces[1].clear()?;
    }
    Ok(())
}

/// INV-ERASE-1, INV-ERASE-5: a clear has its place among the writes of all keyspaces, whatever is lost.
#[test]
fn clear_keeps_its_place_among_writes_after_a_crash_at_any_call() {
    for durability in [Durability::Sync, Durability::Os] {
        crash_everywhere(durability, |fs, steps| script(fs, durability, steps), |_, _, _| ());
    }
}

fn drop_script(fs: &FaultFs, durability: Durability, steps: &mut Steps) -> Result<(), Error> {
    let db = open(fs)?;
    let keyspaces = both(&db)?;
    steps.begin(|_| ());
    for round in 0..2 {
        for key in ["a", "c", "d", "e", "g"] {
            steps.put(1, key, "value");
            keyspaces[1].put_with(key, "value", durability)?;
        }
        keyspaces[1].compact_range("c".."f")?;
        steps.put(1, "d", "newer");
        keyspaces[1].put_with("d", "newer", durability)?;
        steps.put(0, "x", "value");
        keyspaces[0].put_with("x", "value", durability)?;
        steps.begin(|now| {
            let dropped = if round == 0 { "a".."f" } else { "d".."z" };
            now[1].retain(|key, _| !dropped.contains(&key.as_str()));
        });
        match round {
            0 => keyspaces[1].drop_range("a".."f")?,
            _ => keyspaces[1].drop_range("d"..)?,
        };
        steps.put(0, "x", "after");
        keyspaces[0].put_with("x", "after", durability)?;
    }
    Ok(())
}

/// INV-ERASE-8: a dropped range has its place among the writes of all keyspaces, whatever is lost.
#[test]
fn drop_range_keeps_its_place_among_writes_after_a_crash_at_any_call() {
    for durability in [Durability::Sync, Durability::Os] {
        crash_everywhere(durability, |fs, steps| drop_script(fs, durability, steps), |_, _, _| ());
    }
}

/// INV-ERASE-9: a clear that fails is as if it had not been, or the next opening does it; in between nobody writes.
#[test]
fn clear_that_fails_is_done_by_the_next_open_if_the_log_has_it() {
    let (mut undone, mut redone) = (0, 0);
    for kind in [CallKind::Write, CallKind::Sync] {
        for nth in 1..=4 {
            let fs = FaultFs::new();
            let db = open(&fs).unwrap();
            let [default, other] = both(&db).unwrap();
            other.put("flushed", "1").unwrap();
            db.flush().unwrap();
            other.put("in memory", "2").unwrap();
            default.put("stays", "3").unwrap();
            db.persist(Durability::Sync).unwrap();
            fs.set_plan(FaultPlan::error(Strike::NthOf(kind, nth), InjectedError::StorageFull));
            let failed = other.clear().is_err();
            fs.set_plan(FaultPlan::default());
            let before = contents(&db);
            let resumed = db.resume().and_then(|()| default.put("later", "4"));
            drop((default, other, db));
            let copy = fs.crash(CrashPolicy::LoseUnsynced);
            let db = open(&fs).unwrap();
            let after = contents(&db);
            if failed && before != after && resumed.is_err() {
                assert!(!before[1].is_empty() && after[1].is_empty(), "{kind:?} {nth}: {after:?}");
                // Without the replay's doing it would not be done.
                let forgetful = open_with(&copy, PlantedBug::ForgetClears).unwrap();
                assert_eq!(contents(&forgetful), before, "{kind:?} {nth}");
                redone += 1;
            } else {
                assert_eq!(after[1].is_empty(), !failed, "{kind:?} {nth}");
                undone += usize::from(failed);
            }
            assert_eq!(after[0].contains_key("later"), resumed.is_ok(), "{kind:?} {nth}");
            let mut replica = Replica::default();
            let told = db.changes_since(0).and_then(|mut changes| replica.follow(&mut changes, usize::MAX));
            match told {
                Ok(_) => both(&db).unwrap().iter().for_each(|keyspace| replica.assert_equals(keyspace, "")),
                Err(error) => assert!(matches!(error, Error::HistoryGone { .. }), "{error}"),
            }
        }
    }
    assert!(redone > 0 && undone > 0, "{redone} {undone}");
}
