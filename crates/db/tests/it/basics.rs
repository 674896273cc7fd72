//! The five calls, keyspaces, batches, snapshots.

use std::sync::Arc;

use esker::{Database, Durability, ErrorKind, KeyspaceOptions};
use esker_env::fs::Fs;
use esker_env::memory::MemFs;

fn memory() -> (Arc<MemFs>, Database) {
    let fs = Arc::new(MemFs::new());
    let db = open(&fs).unwrap();
    (fs, db)
}

fn open(fs: &Arc<MemFs>) -> esker::Result<Database> {
    Database::builder("/db").fs(Arc::clone(fs) as Arc<dyn Fs>).memory_budget(16 << 20).open()
}

fn keys(scan: impl Iterator<Item = esker::Result<(esker::UserKey, esker::UserValue)>>) -> Vec<Vec<u8>> {
    scan.map(|entry| entry.unwrap().0.to_vec()).collect()
}

fn check_users(db: &Database) {
    assert_eq!(db.get(b"user:1").unwrap(), None);
    assert_eq!(db.get(b"user:2").unwrap().as_deref(), Some(b"bob".as_slice()));
    assert_eq!(db.get(b"").unwrap().as_deref(), Some(b"".as_slice()), "empty is not absent");
    assert!(db.contains(b"user:2").unwrap() && !db.contains(b"user:3").unwrap());
    assert_eq!(db.len().unwrap(), 2);
}

#[test]
fn what_is_put_is_there_after_reopening() {
    let (fs, db) = memory();
    db.put(b"user:1", b"alice").unwrap();
    db.put(b"user:2", b"bob").unwrap();
    db.delete(b"user:1").unwrap();
    db.put(b"", b"").unwrap();
    check_users(&db);
    drop(db);
    let db = open(&fs).unwrap();
    check_users(&db);
    db.flush().unwrap();
    check_users(&db);
    db.close().unwrap();
    check_users(&open(&fs).unwrap());
}

#[test]
fn scans_go_both_ways_and_keep_their_bounds() {
    let (_fs, db) = memory();
    for key in ["a", "b", "ba", "bb", "c", "d"] {
        db.put(key, key).unwrap();
    }
    assert_eq!(keys(db.scan("b".."c")), [b"b".to_vec(), b"ba".to_vec(), b"bb".to_vec()]);
    assert_eq!(keys(db.scan("bb"..="d").rev()), [b"d".to_vec(), b"c".to_vec(), b"bb".to_vec()]);
    assert_eq!(keys(db.prefix("b")), [b"b".to_vec(), b"ba".to_vec(), b"bb".to_vec()]);
    assert_eq!(keys(db.iter()).len(), 6);
    assert_eq!(db.first().unwrap().unwrap().0, b"a".as_slice());
    assert_eq!(db.last().unwrap().unwrap().0, b"d".as_slice());
    let mut both = db.iter();
    both.next();
    both.next_back();
    assert_eq!(keys(both).len(), 4);
    let values = db.multi_get(["a", "zz", "d"]).unwrap();
    assert_eq!(values.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true]);
}

#[test]
fn a_batch_spans_keyspaces_and_later_operations_win() {
    let (fs, db) = memory();
    let users = db.keyspace("users", KeyspaceOptions::new()).unwrap();
    let mut batch = db.batch();
    batch.put("k", "1");
    batch.put_in(&users, "k", "2");
    batch.delete("k");
    batch.put("k", "3");
    assert_eq!(batch.len(), 4);
    batch.commit_with(Durability::Sync).unwrap();
    drop((users, db));
    let db = open(&fs).unwrap();
    let users = db.keyspace("users", KeyspaceOptions::new()).unwrap();
    assert_eq!(db.get("k").unwrap().as_deref(), Some(b"3".as_slice()));
    assert_eq!(users.get("k").unwrap().as_deref(), Some(b"2".as_slice()));
    assert_eq!(db.keyspaces(), ["default", "users"]);
    assert!(db.batch().commit().is_ok(), "an empty batch is written easily");
}

#[test]
fn a_refused_operation_refuses_its_batch() {
    let (_fs, db) = memory();
    let mut batch = db.batch();
    batch.put("good", "1");
    batch.put(vec![0; 65_536], "1");
    assert_eq!(batch.commit().map_err(|error| error.kind()), Err(ErrorKind::InvalidInput));
    assert!(db.is_empty().unwrap());
}

#[test]
fn a_snapshot_shows_all_keyspaces_at_one_moment() {
    // INV-KEYSPACE-5
    let (_fs, db) = memory();
    let users = db.keyspace("users", KeyspaceOptions::new()).unwrap();
    for i in 0..100u32 {
        db.put(i.to_be_bytes(), "old").unwrap();
        users.put(i.to_be_bytes(), "old").unwrap();
    }
    let snapshot = db.snapshot().unwrap();
    let young = db.keyspace("young", KeyspaceOptions::new()).unwrap();
    young.put("k", "v").unwrap();
    for i in 0..100u32 {
        db.put(i.to_be_bytes(), "new").unwrap();
        users.delete(i.to_be_bytes()).unwrap();
    }
    db.flush().unwrap();
    db.compact().unwrap();
    assert!(snapshot.scan::<&[u8]>(..).all(|entry| entry.unwrap().1 == b"old".as_slice()));
    assert_eq!(snapshot.scan_in::<&[u8]>(&users, ..).count(), 100);
    assert_eq!(snapshot.get_in(&users, 7u32.to_be_bytes()).unwrap().as_deref(), Some(b"old".as_slice()));
    assert_eq!(snapshot.get_in(&young, "k").unwrap(), None, "younger than the snapshot");
    assert_eq!(users.len().unwrap(), 0);
}

#[test]
fn a_dropped_keyspace_is_gone_for_writers_and_stays_for_readers() {
    // INV-KEYSPACE-1, INV-KEYSPACE-4
    let (fs, db) = memory();
    let users = db.keyspace("users", KeyspaceOptions::new()).unwrap();
    for i in 0..1000u32 {
        users.put(i.to_be_bytes(), "v").unwrap();
    }
    db.flush().unwrap();
    let scan = users.iter();
    let snapshot = db.snapshot().unwrap();
    db.drop_keyspace("users").unwrap();
    assert_eq!(users.put("k", "v").map_err(|error| error.kind()), Err(ErrorKind::NotFound));
    assert_eq!(db.drop_keyspace("users").map_err(|error| error.kind()), Err(ErrorKind::NotFound));
    assert_eq!(scan.count(), 1000);
    assert_eq!(snapshot.scan_in::<&[u8]>(&users, ..).count(), 1000);
    let again = db.keyspace("users", KeyspaceOptions::new()).unwrap();
    assert!(again.is_empty().unwrap(), "a new one under the old name");
    again.put("new", "v").unwrap();
    let folder = std::path::Path::new("/db/keyspaces/000002");
    assert!(fs.exists(folder).unwrap());
    drop((users, snapshot));
    assert!(!fs.exists(folder).unwrap(), "the files went with the last reader");
    drop((again, db));
    let db = open(&fs).unwrap();
    assert_eq!(db.keyspace("users", KeyspaceOptions::new()).unwrap().len().unwrap(), 1);
}

#[test]
fn scans_outlive_the_database() {
    // INV-LIFE-3
    let (_fs, db) = memory();
    for i in 0..1000u32 {
        db.put(i.to_be_bytes(), vec![1; 100]).unwrap();
    }
    db.flush().unwrap();
    let mut scan = db.iter();
    scan.next();
    assert_eq!(scan.next_ref().unwrap(), Some((1u32.to_be_bytes().as_slice(), [1; 100].as_slice())));
    db.close().unwrap();
    let mut refused = db.iter();
    assert_eq!(refused.next_ref().map_err(|error| error.kind()), Err(ErrorKind::Closed));
    assert_eq!(refused.next_back_ref().unwrap(), None, "an error is said once");
    assert_eq!(db.put("k", "v").map_err(|error| error.kind()), Err(ErrorKind::Closed));
    assert_eq!(db.get("k").map_err(|error| error.kind()), Err(ErrorKind::Closed));
    assert!(db.snapshot().is_err() && db.flush().is_err());
    assert!(db.close().is_ok(), "closing twice is harmless");
    drop(db);
    assert_eq!(
        scan.next_back_ref().unwrap().map(|(key, _)| key.to_vec()),
        Some(999u32.to_be_bytes().to_vec())
    );
    assert_eq!(scan.count(), 997, "what was lent has gone by (INV-SCAN-1)");
}

#[test]
fn single_deletes_and_statistics() {
    let (_fs, db) = memory();
    db.put("k", "v").unwrap();
    db.single_delete("k").unwrap();
    assert_eq!(db.get("k").unwrap(), None);
    db.put_with("k", "v", Durability::Sync).unwrap();
    let stats = db.stats();
    assert!(stats.log_syncs >= 1 && stats.visible_seqno >= 3 && stats.log_bytes_written > 0);
    assert_eq!(stats.keyspaces.len(), 1);
    assert!(stats.read_only.is_none());
    assert!(db.default_keyspace().approximate_size_bytes() > 0);
}

/// The bytes of all tables of a keyspace that holds compressible values in a settled tree.
fn settled_bytes(name: &str, options: KeyspaceOptions) -> u64 {
    let (_fs, db) = memory();
    let keyspace = db.keyspace(name, options).unwrap();
    for part in 0..2 {
        for i in 0..10_000 {
            keyspace.put(format!("key{:06}", 2 * i + part), vec![b'v'; 100]).unwrap();
        }
        db.flush().unwrap();
    }
    db.compact().unwrap();
    let stats = db.stats().keyspaces.into_iter().find(|stats| stats.name == name).unwrap();
    let (last, above) = stats.levels.split_last().unwrap();
    assert!(above.iter().all(|level| level.tables == 0) && last.entries == 20_000, "{:?}", stats.levels);
    last.size_bytes
}

/// A compaction of everything leaves what readers need and nothing else.
#[test]
fn compact_drops_what_nobody_can_see() {
    let (_fs, db) = memory();
    for round in 0..3 {
        for i in 0..1000 {
            db.put(format!("key{i:04}"), round.to_string()).unwrap();
        }
        db.flush().unwrap();
    }
    let snapshot = db.snapshot().unwrap();
    for i in 0..1000 {
        db.delete(format!("key{i:04}")).unwrap();
    }
    let entries =
        |db: &Database| db.stats().keyspaces[0].levels.iter().map(|level| level.entries).sum::<u64>();
    db.persist(Durability::Sync).unwrap();
    db.compact().unwrap();
    assert_eq!(entries(&db), 2000, "the snapshot's values and the tombstones above them");
    assert_eq!(snapshot.get("key0007").unwrap().as_deref(), Some(b"2".as_slice()));
    drop(snapshot);
    db.put("key", "last").unwrap();
    db.persist(Durability::Sync).unwrap();
    db.compact().unwrap();
    assert_eq!((entries(&db), db.len().unwrap()), (1, 1));
}

/// By default lz4 below level 2, where most data lies; each setting of a keyspace shows in its files.
#[test]
fn compression_and_filters_are_what_the_keyspace_says() {
    let off = esker::LevelPolicy::all(esker::Codec::None);
    let plain = settled_bytes("plain", KeyspaceOptions::new().compression(off.clone()));
    let bare = settled_bytes("bare", KeyspaceOptions::new().compression(off).filter_bits_per_key(0));
    assert!(plain > 2_000_000 && plain - bare > 20_000, "{plain} with filters, {bare} without");
    let by_default = settled_bytes("default", KeyspaceOptions::new());
    if esker::Codec::Lz4.is_available() {
        assert!(by_default < plain / 2, "{by_default} of {plain} by default");
    } else {
        assert_eq!(by_default, plain);
    }
}

/// A settled database kept the segment that its load had grown to, and the next one prepared: some 80 MiB.
#[test]
fn a_settled_database_gives_its_log_back() {
    let fs = Arc::new(MemFs::new());
    // Without threads nobody prepares a segment at a moment of their own.
    let db =
        Database::builder("/db").fs(Arc::clone(&fs) as Arc<dyn Fs>).background_threads(0).open().unwrap();
    let log_bytes = |fs: &MemFs| -> u64 {
        let entries = fs.read_dir("/db".as_ref()).unwrap();
        entries.iter().filter(|e| e.name.to_string_lossy().ends_with(".log")).map(|e| e.len).sum()
    };
    for i in 0..3_000u32 {
        db.put(i.to_be_bytes(), [7; 1000]).unwrap();
    }
    assert!(log_bytes(&fs) > 4 << 20, "{} bytes: it has grown", log_bytes(&fs));
    db.flush().unwrap();
    db.wait_until_idle().unwrap();
    assert_eq!(log_bytes(&fs), 1 << 20);
    db.put(b"later", b"1").unwrap();
    drop(db);
    let db = open(&fs).unwrap();
    assert_eq!((db.len().unwrap(), db.get(b"later").unwrap().is_some()), (3_001, true));
}
