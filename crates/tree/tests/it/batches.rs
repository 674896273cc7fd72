//! Batches: one sequence number, all or nothing, in one memtable.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use esker_env::memory::MemFs;
use esker_tree::{
    Config, Error, ErrorKind, MAX_SEQNO, SeqNo, SequenceNumberCounter, Tree, UserComparator, WriteBatch,
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
