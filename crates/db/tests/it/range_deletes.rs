//! Range deletes of the database: alone, in batches, under snapshots, through flushes and recoveries.

use std::sync::Arc;

use esker::{Database, Durability, Error, ErrorKind, KeyspaceOptions, UserComparator};
use esker_env::fs::Fs;
use esker_env::memory::MemFs;

fn builder(fs: &Arc<MemFs>) -> esker::Builder {
    Database::builder("/db").fs(Arc::clone(fs) as Arc<dyn Fs>).memory_budget(16 << 20).background_threads(0)
}

fn keys(scan: esker::Scan) -> Vec<String> {
    scan.map(|entry| String::from_utf8(entry.unwrap().0.to_vec()).unwrap()).collect()
}

/// Descending byte order.
struct Reversed;

impl UserComparator for Reversed {
    fn name(&self) -> &str {
        "reversed"
    }
    fn compare(&self, a: &[u8], b: &[u8]) -> std::cmp::Ordering {
        b.cmp(a)
    }
}

#[test]
fn delete_range_hides_what_was_before_and_nothing_else() {
    let fs = Arc::new(MemFs::new());
    let db = builder(&fs).open().unwrap();
    for key in ["a", "b", "c", "d"] {
        db.put(key, "value").unwrap();
    }
    let snapshot = db.snapshot().unwrap();
    db.delete_range("b", "d").unwrap();
    db.put("c", "again").unwrap();
    let check = |db: &Database| {
        assert_eq!(keys(db.iter()), ["a", "c", "d"]);
        assert_eq!(db.get("b").unwrap(), None);
        assert_eq!(db.get("c").unwrap().as_deref(), Some(b"again".as_slice()));
        assert_eq!(db.multi_get(["b", "d"]).unwrap()[1].as_deref(), Some(b"value".as_slice()));
    };
    check(&db);
    assert_eq!(snapshot.get("b").unwrap().as_deref(), Some(b"value".as_slice()));
    db.flush().unwrap();
    check(&db);
    assert_eq!(snapshot.get("c").unwrap().as_deref(), Some(b"value".as_slice()));
    drop(snapshot);
    db.compact().unwrap();
    check(&db);
    db.close().unwrap();
    check(&builder(&fs).open().unwrap());
}

/// Each operation of a batch has its own number, so a range delete takes what came before it in the batch.
#[test]
fn delete_range_in_a_batch_takes_what_came_before_it() {
    let fs = Arc::new(MemFs::new());
    let db = builder(&fs).open().unwrap();
    let other = db.keyspace("other", KeyspaceOptions::new()).unwrap();
    db.put("k1", "before").unwrap();
    other.put("k1", "other").unwrap();
    let mut batch = db.batch();
    batch.put("k2", "early");
    batch.delete_range("k", "l");
    batch.delete_range("k", "k");
    batch.put("k3", "late");
    batch.delete_prefix_in(&other, "k");
    batch.put_in(&other, "k9", "late");
    assert_eq!(batch.len(), 5, "an empty range is no operation");
    batch.commit_with(Durability::Sync).unwrap();
    for _ in 0..2 {
        assert_eq!((keys(db.iter()), keys(other.iter())), (vec!["k3".to_owned()], vec!["k9".to_owned()]));
        db.flush().unwrap();
    }
}

/// What only the log has comes back from it, beside entries or alone.
#[test]
fn delete_range_is_replayed_from_the_log() {
    let fs = Arc::new(MemFs::new());
    let write = |write: &dyn Fn(&Database)| {
        let db = builder(&fs).open().unwrap();
        write(&db);
        // Dropped without being closed: what a killed process leaves.
        drop(db);
    };
    write(&|db| {
        for n in 0..200 {
            db.put(format!("key{n:03}"), "value").unwrap();
        }
        db.flush().unwrap();
    });
    write(&|db| db.delete_range("key010", "key020").unwrap());
    write(&|db| {
        assert_eq!(db.len().unwrap(), 190);
        db.put("key015", "again").unwrap();
        db.delete_prefix("key1").unwrap();
    });
    write(&|db| {
        assert_eq!(db.len().unwrap(), 91);
        db.flush().unwrap();
    });
    write(&|db| assert_eq!(db.len().unwrap(), 91));
}

#[test]
fn delete_range_and_delete_prefix_refuse_what_makes_no_sense() {
    let fs = Arc::new(MemFs::new());
    let db = builder(&fs).open().unwrap();
    let reversed = db.keyspace("reversed", KeyspaceOptions::new().comparator(Arc::new(Reversed))).unwrap();
    db.put("a", "value").unwrap();
    assert!(matches!(db.delete_range("b", "a"), Err(Error::InvertedRange)));
    assert!(matches!(reversed.delete_range("a", "b"), Err(Error::InvertedRange)));
    reversed.delete_range("b", "a").unwrap();
    let refused = reversed.delete_prefix("a").unwrap_err();
    assert!(matches!(&refused, Error::NoPrefixRange { comparator } if comparator == "reversed"));
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    let long = vec![b'x'; 65_536];
    assert!(matches!(db.delete_range(b"a".as_slice(), &long), Err(Error::KeyTooLong { len: 65_536 })));
    // Nothing of a batch with a refused range is written.
    let mut batch = db.batch();
    batch.delete("a");
    batch.delete_range("z", "a");
    assert!(matches!(batch.commit(), Err(Error::InvertedRange)));
    assert_eq!(db.len().unwrap(), 1);
    let other = Database::builder("/other").fs(Arc::clone(&fs) as Arc<dyn Fs>).open().unwrap();
    let mut batch = other.batch();
    batch.delete_range_in(&reversed, "b", "a");
    assert!(matches!(batch.commit(), Err(Error::ForeignHandle { .. })));
    db.drop_keyspace("reversed").unwrap();
    assert!(matches!(reversed.delete_range("b", "a"), Err(Error::KeyspaceDropped { .. })));
}
