//! Reads that want no value or tell more of it, on a keyspace, the database and a snapshot.

use std::sync::Arc;

use esker::{Database, KeyspaceOptions, PinnableSlice};
use esker_env::fs::Fs;
use esker_env::memory::MemFs;

fn memory() -> Database {
    let fs = Arc::new(MemFs::new());
    Database::builder("/db").fs(fs as Arc<dyn Fs>).memory_budget(16 << 20).open().unwrap()
}

#[test]
fn contains_size_of_and_get_pinned_agree_with_get() {
    let db = memory();
    let other = db.keyspace("other", KeyspaceOptions::new()).unwrap();
    for keyspace in [&db.default_keyspace(), &other] {
        keyspace.put("long", [7; 1000]).unwrap();
        keyspace.put("empty", "").unwrap();
        keyspace.put("gone", "value").unwrap();
        keyspace.delete("gone").unwrap();
    }
    for flushed in [false, true] {
        if flushed {
            db.flush().unwrap();
        }
        let snapshot = db.snapshot().unwrap();
        for key in ["long", "empty", "gone", "never"] {
            let value = db.get(key).unwrap();
            let size = value.as_ref().map(|value| u32::try_from(value.len()).unwrap());
            assert_eq!(db.contains(key).unwrap(), value.is_some(), "{key}");
            assert_eq!(other.contains(key).unwrap(), value.is_some(), "{key}");
            assert_eq!(snapshot.contains(key).unwrap(), value.is_some(), "{key}");
            assert_eq!(snapshot.contains_in(&other, key).unwrap(), value.is_some(), "{key}");
            for sized in
                [db.size_of(key), other.size_of(key), snapshot.size_of(key), snapshot.size_of_in(&other, key)]
            {
                assert_eq!(sized.unwrap(), size, "{key}");
            }
            for pinned in [
                db.get_pinned(key),
                other.get_pinned(key),
                snapshot.get_pinned(key),
                snapshot.get_pinned_in(&other, key),
            ] {
                let pinned = pinned.unwrap();
                assert_eq!(pinned.as_ref().is_some_and(PinnableSlice::is_pinned), flushed && key == "long");
                assert_eq!(pinned.map(PinnableSlice::into_value), value, "{key}");
            }
        }
    }
}

#[test]
fn contains_prefix_asks_for_live_keys() {
    let db = memory();
    for key in ["user:1", "user:2", "group:1"] {
        db.put(key, "value").unwrap();
    }
    let other = db.keyspace("other", KeyspaceOptions::new()).unwrap();
    other.put("item:1", "value").unwrap();
    let before = db.snapshot().unwrap();
    db.delete("group:1").unwrap();
    assert!(db.contains_prefix("user:").unwrap() && !db.contains_prefix("group:").unwrap());
    assert!(before.contains_prefix("group:").unwrap() && !before.contains_prefix("item:").unwrap());
    assert!(other.contains_prefix("item:").unwrap() && before.contains_prefix_in(&other, "item:").unwrap());
    assert_eq!(before.prefix("user:").count(), 2);
    assert_eq!(before.prefix("group:").count(), 1);
}

#[test]
fn a_snapshot_looks_many_keys_up_and_sees_nothing_of_what_is_younger() {
    let db = memory();
    db.put("a", "1").unwrap();
    let snapshot = db.snapshot().unwrap();
    db.put("a", "2").unwrap();
    db.put("b", "2").unwrap();
    let younger = db.keyspace("younger", KeyspaceOptions::new()).unwrap();
    younger.put("a", "3").unwrap();
    let values = snapshot.multi_get(["a", "b"]).unwrap();
    assert_eq!(values, [Some(esker::Slice::from("1")), None]);
    assert_eq!(snapshot.multi_get_in(&younger, ["a", "b"]).unwrap(), [None, None]);
    assert!(!snapshot.contains_in(&younger, "a").unwrap());
    assert!(!snapshot.contains_prefix_in(&younger, "").unwrap());
    assert_eq!(snapshot.size_of_in(&younger, "a").unwrap(), None);
    let stranger = memory();
    let stranger = stranger.default_keyspace();
    for refused in [
        snapshot.contains_in(&stranger, "a").map(|_| ()),
        snapshot.size_of_in(&stranger, "a").map(|_| ()),
        snapshot.contains_prefix_in(&stranger, "a").map(|_| ()),
        snapshot.multi_get_in(&stranger, ["a"]).map(|_| ()),
    ] {
        assert!(matches!(refused, Err(esker::Error::ForeignHandle { .. })));
    }
}

#[test]
fn peek_key_and_peek_back_key_show_what_comes_next() {
    let db = memory();
    for key in ["a", "b", "c"] {
        db.put(key, key).unwrap();
    }
    let mut scan = db.iter();
    assert_eq!(scan.peek_key().unwrap(), Some(b"a".as_slice()));
    assert_eq!(scan.peek_back_key().unwrap(), Some(b"c".as_slice()));
    assert_eq!(&*scan.next_back().unwrap().unwrap().0, b"c");
    assert_eq!(&*scan.next().unwrap().unwrap().0, b"a");
    scan.seek("b").unwrap();
    assert_eq!(scan.peek_key().unwrap(), Some(b"b".as_slice()));
    assert_eq!(scan.by_ref().count(), 2);
    assert_eq!(scan.peek_key().unwrap(), None);
    assert!(scan.next().is_none());
}
