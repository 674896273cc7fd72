//! Erasing in a database: clearing a keyspace, dropping and compacting ranges of it, and crashes amid all that.

use esker::{Database, Durability, Error, ErrorKind, Keyspace, KeyspaceOptions};
use esker_testkit::fault_fs::FaultFs;

use crate::states::{Steps, both, crash_everywhere, open};

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
