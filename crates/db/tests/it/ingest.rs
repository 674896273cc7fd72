//! Ingestion into a keyspace: its place among writes, what is seen of it, and what a crash leaves.

use esker::{Database, Durability, Error, ErrorKind, IngestMode, IngestOptions, KeyspaceOptions};
use esker_testkit::fault_fs::FaultFs;

use crate::states::{Steps, both, crash_everywhere, open};

#[test]
fn ingestion_is_visible_at_once_and_in_its_place_among_writes() {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::open(folder.path().join("db")).unwrap();
    let keyspace = db.default_keyspace();
    for key in ["a", "b", "x"] {
        db.put(key, "before").unwrap();
    }
    let snapshot = db.snapshot().unwrap();
    let mut load = keyspace.ingestion().unwrap();
    load.write("a", "loaded").unwrap();
    load.write_tombstone("b").unwrap();
    load.write_weak_tombstone("bb").unwrap();
    load.write("c", "loaded").unwrap();
    let error = load.write("c", "again").unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(db.get("a").unwrap().as_deref(), Some(b"before".as_slice()));
    let outcome = load.finish().unwrap();
    assert_eq!(outcome.entries, 4);
    assert!(db.snapshot().unwrap().seqno() > outcome.seqno.unwrap());
    let values = || ["a", "b", "c", "x"].map(|key| db.get(key).unwrap().map(|value| value.to_vec()));
    let text = |value: &str| Some(value.as_bytes().to_vec());
    assert_eq!(values(), [text("loaded"), None, text("loaded"), text("before")]);
    assert_eq!(snapshot.get("a").unwrap().as_deref(), Some(b"before".as_slice()));
    assert_eq!(snapshot.scan::<&str>(..).count(), 3);
    db.put("a", "after").unwrap();
    drop(snapshot);
    assert_eq!(values(), [text("after"), None, text("loaded"), text("before")]);
    db.compact().unwrap();
    assert_eq!(values(), [text("after"), None, text("loaded"), text("before")]);
    drop((keyspace, db));
    let db = Database::open(folder.path().join("db")).unwrap();
    assert_eq!(db.len().unwrap(), 3);
    assert_eq!(db.get("a").unwrap().as_deref(), Some(b"after".as_slice()));
}

#[test]
fn ingest_files_of_a_keyspace_takes_all_or_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::open(folder.path().join("db")).unwrap();
    let users = db.keyspace("users", KeyspaceOptions::new()).unwrap();
    let path = |name: &str| folder.path().join(name);
    for (name, keys) in [("1", ["a", "b"]), ("2", ["c", "d"]), ("overlaps", ["b", "c"])] {
        let mut writer = users.table_writer(path(name)).unwrap();
        keys.iter().for_each(|key| writer.write(key, "file").unwrap());
        writer.finish().unwrap();
    }
    let options = IngestOptions { mode: IngestMode::Move, ..IngestOptions::default() };
    let error = users.ingest_files([path("1"), path("2"), path("overlaps")], options).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidInput, "{error}");
    assert!(users.is_empty().unwrap() && path("1").exists());
    assert_eq!(users.ingest_files([path("1"), path("2")], options).unwrap().entries, 4);
    assert!(!path("1").exists());
    assert!(db.is_empty().unwrap());
    drop((users, db));
    let db = Database::open(folder.path().join("db")).unwrap();
    let users = db.keyspace("users", KeyspaceOptions::new()).unwrap();
    assert_eq!(users.len().unwrap(), 4);
    db.drop_keyspace("users").unwrap();
    assert_eq!(users.ingestion().unwrap_err().kind(), ErrorKind::NotFound);
}

/// Writers and an ingestion at once: each key has one value, from whoever came last in the order of commits.
#[test]
fn ingestion_goes_on_beside_writers() {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::builder(folder.path()).memtable_bytes(1 << 20).open().unwrap();
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let db = &db;
            scope.spawn(move || {
                for number in 0..20_000 {
                    db.put(format!("{:05}", number % 5000), format!("put {thread}")).unwrap();
                }
            });
        }
        for round in 0..20 {
            let mut load = db.default_keyspace().ingestion().unwrap();
            for number in (0..5000).step_by(7) {
                load.write(format!("{number:05}"), format!("load {round}")).unwrap();
            }
            load.finish().unwrap();
        }
    });
    let before: Vec<_> = db.iter().map(|entry| entry.unwrap()).collect();
    assert_eq!(before.len(), 5000);
    db.compact().unwrap();
    assert_eq!(db.iter().map(|entry| entry.unwrap()).collect::<Vec<_>>(), before);
    drop(db);
    let db = Database::open(folder.path()).unwrap();
    assert_eq!(db.iter().map(|entry| entry.unwrap()).collect::<Vec<_>>(), before);
}

fn script(fs: &FaultFs, durability: Durability, steps: &mut Steps) -> Result<(), Error> {
    let db = open(fs)?;
    let keyspaces = both(&db)?;
    steps.begin(|_| ());
    for round in ["1", "2"] {
        for at in [0, 1] {
            for key in ["a", "b", "z"] {
                steps.put(at, key, round);
                keyspaces[at].put_with(key, round, durability)?;
            }
        }
        steps.begin(|now| {
            now[1].remove("a");
            now[1].insert("c".to_owned(), round.to_owned());
        });
        let mut load = keyspaces[1].ingestion()?;
        load.write_tombstone("a")?;
        load.write("c", round)?;
        load.finish()?;
        steps.put(1, "b", "between");
        keyspaces[1].put_with("b", "between", durability)?;
    }
    let mut writer = keyspaces[0].table_writer("/sorted.table")?;
    writer
        .write("m", "file")
        .and_then(|()| writer.write("n", "file"))
        .map_err(|error| panic!("{error}"))
        .ok();
    if writer.finish().is_err() {
        return Ok(());
    }
    steps.begin(|now| now[0].extend(["m", "n"].map(|key| (key.to_owned(), "file".to_owned()))));
    keyspaces[0].ingest_files(["/sorted.table"], IngestOptions::default())?;
    Ok(())
}

/// INV-INGEST-4: an ingestion has its place among the writes of all keyspaces, whatever is lost.
#[test]
fn ingestion_keeps_its_place_among_writes_after_a_crash_at_any_call() {
    for durability in [Durability::Sync, Durability::Os] {
        crash_everywhere(durability, |fs, steps| script(fs, durability, steps), |_, _, _| ());
    }
}
