//! Batches: one sequence number, all or nothing, in one memtable.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use esker_env::memory::MemFs;
use esker_tree::{
    Config, Error, ErrorKind, MAX_SEQNO, ScanSinceEvent, SeqNo, SequenceNumberCounter, Tree, UserComparator,
    WriteBatch,
};

fn config() -> (Config, SequenceNumberCounter, SequenceNumberCounter) {
    let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
    (Config::new("tree", seqno.clone(), visible.clone()).with_fs(MemFs::new()), seqno, visible)
}

fn batch_of(count: usize, value: &[u8]) -> WriteBatch {
    let mut batch = WriteBatch::new();
    for i in 0..count {
        batch.insert(format!("key{i:05}"), value);
    }
    batch
}

#[test]
fn apply_batch_writes_all_under_one_number() {
    let (config, seqno, _) = config();
    let tree = config.open().unwrap();
    tree.insert("old", "value", seqno.next()).unwrap();
    tree.insert("weak", "value", seqno.next()).unwrap();
    let mut batch = WriteBatch::with_capacity(4, 100);
    batch.insert("a", "1");
    batch.insert("empty", "");
    batch.remove("old");
    batch.remove_weak("weak");
    assert_eq!((batch.len(), batch.is_empty(), batch.key_value_bytes()), (4, false, 14));
    let at = seqno.next();
    let (added, size) = tree.apply_batch(batch, at).unwrap();
    assert!(added > 0 && size >= added);
    for flushed in [false, true] {
        if flushed {
            tree.flush_active_memtable(0).unwrap();
        }
        let get = |key: &str, bound| tree.get(key, bound).unwrap().map(|value| value.to_vec());
        assert_eq!(get("a", at), None, "not at its own number");
        assert_eq!(get("old", at).as_deref(), Some(b"value".as_slice()));
        assert_eq!(get("a", at + 1).as_deref(), Some(b"1".as_slice()));
        assert_eq!(get("empty", at + 1).as_deref(), Some(b"".as_slice()));
        assert_eq!((get("old", at + 1), get("weak", at + 1)), (None, None));
        assert_eq!(tree.get_highest_seqno(), Some(at));
    }
    assert_eq!(tree.apply_batch(WriteBatch::new(), seqno.next()).unwrap().0, 0, "an empty one does nothing");
}

/// INV-BATCH-1: wherever the active memtable's end is, a batch does not lie across it.
#[test]
fn apply_batch_puts_all_of_it_into_one_memtable() {
    let mut sealed_some = false;
    for filled in (0..64).map(|step| step * 8) {
        let (config, seqno, _) = config();
        let tree = config.memtable_capacity_bytes(64 << 10).open().unwrap();
        for i in 0..filled {
            tree.insert(format!("fill{i:05}"), [7; 100], seqno.next()).unwrap();
        }
        let before = tree.memtable_stats();
        tree.apply_batch(batch_of(100, &[8; 100]), seqno.next()).unwrap();
        let after = tree.memtable_stats();
        let in_active = if after.sealed == before.sealed { before.active_entries + 100 } else { 100 };
        assert_eq!(after.active_entries, in_active, "after {filled} entries");
        sealed_some |= after.sealed > before.sealed;
    }
    assert!(sealed_some, "no batch came to the end of a memtable");
    let (config, seqno, _) = config();
    let tree = config.memtable_capacity_bytes(64 << 10).open().unwrap();
    tree.apply_batch(batch_of(5000, &[9; 100]), seqno.next()).unwrap();
    assert_eq!(
        tree.memtable_stats().active_entries,
        5000,
        "one that is larger than a memtable gets a larger one"
    );
}

/// INV-BATCH-2: a batch is refused as a whole, before anything is written.
#[test]
fn apply_batch_refuses_what_is_wrong_and_writes_nothing() {
    let (config, seqno, visible) = config();
    let tree = config.open().unwrap();
    let refuse = |tree: &Tree, key: &[u8], value: &[u8], at: SeqNo| {
        let mut batch = batch_of(3, b"v");
        batch.insert(key, value);
        let error = tree.apply_batch(batch, at).unwrap_err();
        assert!(tree.is_empty(SeqNo::MAX).unwrap() || at == 0, "{error}");
        error
    };
    let error = refuse(&tree, b"key00001", b"again", seqno.next());
    assert!(matches!(&error, Error::DuplicateKey { key } if key == b"key00001"), "{error}");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(matches!(refuse(&tree, &[0; 65_536], b"", 1), Error::KeyTooLong { len: 65_536 }));
    assert!(matches!(refuse(&tree, b"k", b"", MAX_SEQNO), Error::SeqnoTooHigh { .. }));
    let mut twice = WriteBatch::new();
    twice.insert("key", "value");
    twice.remove("key");
    assert!(matches!(tree.apply_batch(twice, 5), Err(Error::DuplicateKey { .. })), "a deletion counts");
    tree.insert("key", "value", 9).unwrap();
    visible.set(10);
    tree.flush_active_memtable(SeqNo::MAX).unwrap();
    assert!(matches!(refuse(&tree, b"k", b"", 0), Error::SeqnoTooOld { seqno: 0, watermark: 10 }));
    assert_eq!(tree.len(SeqNo::MAX).unwrap(), 1);
}

struct IgnoresCase;

impl UserComparator for IgnoresCase {
    fn name(&self) -> &str {
        "test.ignores_case"
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> std::cmp::Ordering {
        a.to_ascii_lowercase().cmp(&b.to_ascii_lowercase())
    }

    fn equal_implies_identical(&self) -> bool {
        false
    }
}

#[test]
fn apply_batch_asks_the_comparator_what_one_key_is() {
    let (config, seqno, _) = config();
    let tree = config.comparator(Arc::new(IgnoresCase)).open().unwrap();
    let mut batch = WriteBatch::new();
    batch.insert("Key", "1");
    batch.insert("other", "2");
    batch.insert("kEY", "3");
    assert!(matches!(tree.apply_batch(batch, seqno.next()), Err(Error::DuplicateKey { .. })));
    assert!(tree.is_empty(SeqNo::MAX).unwrap());
}

#[test]
fn apply_batch_with_more_than_a_gibibyte_is_refused() {
    let (config, seqno, _) = config();
    let tree = config.open().unwrap();
    let mut batch = WriteBatch::new();
    let value = vec![0; 64 << 20];
    for i in 0..17 {
        batch.insert(format!("key{i}"), &value);
    }
    let error = tree.apply_batch(batch, seqno.next()).unwrap_err();
    assert!(matches!(error, Error::BatchTooLarge { .. }), "{error}");
    assert_eq!(tree.memtable_stats().active_entries, 0);
}

/// Readers at published bounds see all of a batch or nothing, while memtables are sealed and flushed under them.
#[test]
fn apply_batch_is_seen_as_a_whole() {
    let (config, seqno, visible) = config();
    let tree = config.memtable_capacity_bytes(32 << 10).open().unwrap();
    let keys: Vec<String> = (0..50).map(|i| format!("key{i:05}")).collect();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let values = tree.multi_get_latest(&keys, || visible.get()).unwrap();
                    assert!(values.windows(2).all(|pair| pair[0] == pair[1]), "half a batch");
                }
            });
        }
        for round in 0..400_u64 {
            let at = seqno.next();
            tree.apply_batch(batch_of(50, &round.to_be_bytes()), at).unwrap();
            visible.set(at + 1);
            if round % 50 == 49 {
                tree.flush_active_memtable(SeqNo::MAX).unwrap();
            }
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(tree.len(SeqNo::MAX).unwrap(), 50);
}

/// INV-FEED-8: a range delete of a batch takes what is older, wherever it stands, and a feed tells it first.
#[test]
fn apply_batch_with_range_deletes_takes_what_is_older_than_the_batch() {
    let seqno = SequenceNumberCounter::default();
    let tree = Config::new("tree", seqno.clone(), SequenceNumberCounter::default())
        .with_fs(MemFs::new())
        .open()
        .unwrap();
    for key in ["a", "b", "c", "d"] {
        tree.insert(key, "old", seqno.next()).unwrap();
    }
    let mut batch = WriteBatch::new();
    batch.insert("b", "new");
    batch.remove_range("a", "c");
    batch.remove_range("d", "d");
    batch.insert("bb", "new");
    assert_eq!((batch.len(), batch.key_value_bytes()), (4, 13));
    let at = seqno.next();
    tree.apply_batch(batch.clone(), at).unwrap();
    let keys = |bound| -> Vec<String> {
        let keys = tree.iter(bound).unwrap().map(|entry| entry.key().unwrap());
        keys.map(|key| String::from_utf8(key.to_vec()).unwrap()).collect()
    };
    for flushed in [false, true] {
        if flushed {
            tree.flush_active_memtable(0).unwrap();
        }
        assert_eq!(keys(SeqNo::MAX), ["b", "bb", "c", "d"]);
        assert_eq!(keys(at), ["a", "b", "c", "d"], "all of it is one point in time");
        let events: Vec<_> = tree.scan_since_seqno(at).map(|event| event.unwrap()).collect();
        assert_eq!(events.len(), 3);
        assert!(
            matches!(&events[0], ScanSinceEvent::RangeTombstone { start, end, .. } if (&**start, &**end) == (b"a", b"c"))
        );
        assert!(events[1..].iter().all(|event| matches!(event, ScanSinceEvent::Insert { .. })));
    }
    batch.clear();
    assert!(batch.is_empty());
    batch.insert("z", "never");
    batch.remove_range("z", "a");
    assert!(matches!(tree.apply_batch(batch, seqno.next()), Err(Error::InvertedRange)));
    let mut batch = WriteBatch::new();
    batch.remove_range("a", [b'z'; 65_536]);
    assert!(matches!(tree.apply_batch(batch, seqno.next()), Err(Error::KeyTooLong { .. })));
    assert_eq!(tree.get("z", SeqNo::MAX).unwrap(), None);
}

/// INV-BATCH-1: range deletes count for the room that a batch needs.
#[test]
fn apply_batch_with_many_range_deletes_lies_in_one_memtable() {
    let seqno = SequenceNumberCounter::default();
    let tree = Config::new("tree", seqno.clone(), SequenceNumberCounter::default())
        .with_fs(MemFs::new())
        .memtable_capacity_bytes(64 << 10)
        .open()
        .unwrap();
    for round in 0..20 {
        let mut batch = WriteBatch::new();
        for number in 0..40 {
            batch.remove_range(format!("{number:02}"), format!("{:02}", number + 1));
            batch.insert(format!("{number:02} {round}"), "value");
        }
        tree.apply_batch(batch, seqno.next()).unwrap();
        assert_eq!(tree.len(SeqNo::MAX).unwrap(), 40);
    }
    assert!(tree.memtable_stats().sealed > 3, "{:?}", tree.memtable_stats());
    tree.flush_active_memtable(0).unwrap();
    assert_eq!(tree.len(SeqNo::MAX).unwrap(), 40);
}
