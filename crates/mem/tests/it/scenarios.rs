//! Particular situations, each with its reason.

use crate::common::{case_insensitive, hash, memtable, reversed};
use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::memtable::{Memtable, MemtableCursor};
use esker_mem::seqno::{MAX_SEQNO, SeqNo};

fn put(table: &Memtable, key: &[u8], seqno: SeqNo, value: &[u8]) {
    table.write().insert(key, hash(key), seqno, Kind::Put, value).unwrap();
}

#[test]
fn empty_keys_and_values_are_not_absent_ones() {
    let table = memtable(KeyOrder::Bytes, 1 << 16, 0);
    assert!(table.get(b"", hash(b""), SeqNo::MAX).is_none());
    let mut cursor = table.cursor();
    let moves: [fn(&mut MemtableCursor); 4] = [
        |cursor| cursor.seek(b""),
        |cursor| cursor.seek_for_prev(b"x"),
        MemtableCursor::next,
        MemtableCursor::prev,
    ];
    for go in moves {
        go(&mut cursor);
        assert!(!cursor.valid());
    }
    put(&table, b"", 1, b"");
    assert_eq!(table.get(b"", hash(b""), SeqNo::MAX).unwrap().value, b"");
    put(&table, b"\0", 2, b"zero");
    assert_eq!(table.get(b"\0", hash(b"\0"), SeqNo::MAX).unwrap().value, b"zero");
    cursor.seek_for_prev(b"");
    assert!(cursor.valid() && cursor.key().is_empty() && cursor.seqno() == 1);
    cursor.next();
    assert_eq!(cursor.key(), b"\0");
}

#[test]
fn bounds_exclude_and_clamp() {
    let table = memtable(KeyOrder::Bytes, 1 << 16, 0);
    put(&table, b"k", 5, b"five");
    put(&table, b"k", MAX_SEQNO - 1, b"last");
    assert!(table.get(b"k", hash(b"k"), 5).is_none());
    assert_eq!(table.get(b"k", hash(b"k"), 6).unwrap().value, b"five");
    assert_eq!(table.get(b"k", hash(b"k"), MAX_SEQNO - 1).unwrap().value, b"five");
    assert_eq!(table.get(b"k", hash(b"k"), MAX_SEQNO).unwrap().value, b"last");
    assert_eq!(table.get(b"k", hash(b"k"), SeqNo::MAX).unwrap().value, b"last");
}

/// INV-MEM-5: keys that share less and less with those already there, before and after splits gave nodes prefixes.
#[test]
fn prefixes_shrink_when_a_stranger_comes() {
    let table = memtable(KeyOrder::Bytes, 4 << 20, 0);
    let mut keys = std::collections::BTreeSet::new();
    let long = "a/long/common/prefix/of/many/keys/";
    for i in 0..3_000 {
        let cut = if i % 10 == 0 { i / 10 % long.len() } else { long.len() };
        let stranger = ["", "!", "zzz", "\0"][i % 4];
        let key = format!(
            "{}{}{:05}",
            &long[..cut],
            if cut < long.len() { stranger } else { "" },
            i * 7_919 % 3_000
        );
        put(&table, key.as_bytes(), i as u64, b"");
        keys.insert(key.into_bytes());
        if i % 100 == 0 {
            let mut cursor = table.cursor();
            for key in &keys {
                cursor.seek(key);
                assert_eq!(cursor.key(), key.as_slice());
            }
        }
    }
    let mut cursor = table.cursor();
    cursor.seek_to_first();
    for key in &keys {
        assert_eq!(cursor.key(), key.as_slice());
        cursor.next();
    }
    assert!(!cursor.valid());
}

/// The same key under other bytes is one key with two versions, each with its own spelling.
#[test]
fn spellings_of_one_key_are_its_versions() {
    let table = memtable(case_insensitive(), 1 << 16, 0);
    put(&table, b"Apple", 1, b"first");
    put(&table, b"aPPLE", 2, b"second");
    put(&table, b"Apple", 3, b"third");
    // The hash is of the bytes, so it differs: nothing may depend on it.
    assert_eq!(table.get(b"APPLE", hash(b"APPLE"), SeqNo::MAX).unwrap().value, b"third");
    assert_eq!(table.get(b"apple", 0, 3).unwrap().value, b"second");
    let mut cursor = table.cursor();
    cursor.seek(b"apple");
    let mut spelt = Vec::new();
    while cursor.valid() {
        spelt.push((String::from_utf8(cursor.key().to_vec()).unwrap(), cursor.value().to_vec()));
        cursor.next();
    }
    let expected =
        [("Apple", b"third".to_vec()), ("aPPLE", b"second".to_vec()), ("Apple", b"first".to_vec())];
    assert_eq!(spelt, expected.map(|(key, value)| (key.to_owned(), value)));
    cursor.seek_for_prev(b"APPLE");
    assert_eq!(cursor.value(), b"first");
}

/// A cursor that stands on a version that is then replaced goes on from its place.
#[test]
fn a_cursor_survives_the_replacement_of_its_version() {
    let table = memtable(KeyOrder::Bytes, 1 << 16, 0);
    for seqno in [1, 2, 3] {
        put(&table, b"k", seqno, b"old");
    }
    put(&table, b"j", 1, b"");
    let mut cursor = table.cursor();
    cursor.seek(b"k");
    cursor.next();
    assert_eq!((cursor.seqno(), cursor.value()), (2, b"old".as_slice()));
    put(&table, b"k", 2, b"new");
    assert_eq!(table.len(), 4);
    assert_eq!(table.get(b"k", hash(b"k"), 3).unwrap().value, b"new");
    cursor.prev();
    assert_eq!((cursor.key(), cursor.seqno()), (b"k".as_slice(), 3));
    cursor.next();
    assert_eq!((cursor.seqno(), cursor.value()), (2, b"new".as_slice()));
    cursor.next();
    assert_eq!(cursor.seqno(), 1);
}

/// Leaves split under a cursor while it walks; what was there when it came must all be seen, in both directions.
#[test]
fn a_walk_sees_all_that_was_there_while_leaves_split_under_it() {
    let table = memtable(KeyOrder::Bytes, 8 << 20, 0);
    let key = |i: u64| (i << 20).to_be_bytes();
    for i in 0..2_000 {
        put(&table, &key(i), i, b"old");
    }
    let mut random = fastrand::Rng::with_seed(9);
    for forward in [true, false] {
        let mut cursor = table.cursor();
        if forward {
            cursor.seek_to_first()
        } else {
            cursor.seek_to_last()
        }
        let mut expected: Vec<u64> = (0..2_000).collect();
        while cursor.valid() {
            if cursor.value() == b"old" {
                let wanted = if forward { expected.remove(0) } else { expected.pop().unwrap() };
                assert_eq!(cursor.key(), key(wanted));
                for _ in 0..10 {
                    let near = (wanted << 20).wrapping_add(random.u64(1..1 << 22)) | 1;
                    put(&table, &near.to_be_bytes(), 5_000, b"new");
                }
            }
            if forward { cursor.next() } else { cursor.prev() }
        }
        assert!(expected.is_empty());
    }
}

/// Walking backward over many versions of one key is linear: with a walk from the newest for every step this would
/// take minutes.
#[test]
fn a_key_overwritten_a_hundred_thousand_times_reads_backward_in_no_time() {
    let table = memtable(KeyOrder::Bytes, 16 << 20, 0);
    for seqno in 0..100_000 {
        put(&table, b"hot", seqno, b"");
    }
    let mut cursor = table.cursor();
    cursor.seek_to_last();
    for seqno in 0..100_000 {
        assert!(cursor.valid() && cursor.seqno() == seqno);
        cursor.prev();
    }
    assert!(!cursor.valid());
}

/// A comparator that panics poisons the lock, but nothing was changed: the memtable goes on.
#[test]
fn a_panic_in_a_comparator_leaves_the_memtable_usable() {
    struct Touchy;
    impl esker_mem::comparator::UserComparator for Touchy {
        fn name(&self) -> &str {
            "touchy"
        }

        fn compare(&self, a: &[u8], b: &[u8]) -> std::cmp::Ordering {
            assert!(a != b"!" && b != b"!", "cannot compare this");
            a.cmp(b)
        }
    }
    let table = memtable(KeyOrder::new(std::sync::Arc::new(Touchy)), 1 << 20, 0);
    for i in 0..500u64 {
        put(&table, &i.to_be_bytes(), i, b"");
    }
    let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| put(&table, b"!", 7, b"")));
    assert!(caught.is_err());
    for i in 500..1_000u64 {
        put(&table, &i.to_be_bytes(), i, b"");
    }
    let mut cursor = table.cursor();
    cursor.seek_to_first();
    let mut walked = 0;
    while cursor.valid() {
        walked += 1;
        cursor.next();
    }
    assert_eq!((walked, table.len()), (1_000, 1_000));
}

#[test]
#[should_panic(expected = "too long")]
fn a_key_beyond_the_limit_is_the_callers_bug() {
    let table = memtable(KeyOrder::Bytes, 1 << 20, 0);
    let _ = table.write().insert(&[0; 65_536], 0, 1, Kind::Put, b"");
}

/// Random and ascending keys, byte order and another one: every tenth of the keys is a tenth of the entries, roughly.
#[test]
fn approximate_len_of_a_range_is_near_the_truth() {
    for order in [KeyOrder::Bytes, reversed()] {
        for scattered in [true, false] {
            let table = memtable(order.clone(), 16 << 20, 50_000);
            let mut keys: Vec<_> = (0..50_000u64)
                .map(|i| if scattered { i.wrapping_mul(0x9E37_79B9_7F4A_7C15) } else { i }.to_be_bytes())
                .collect();
            for (seqno, key) in (0u64..).zip(&keys) {
                table.write().insert(key, hash(key), seqno, Kind::Put, b"value").unwrap();
            }
            keys.sort_by(|a, b| order.compare(a, b));
            assert_eq!(table.approximate_len(None, None), 50_000);
            for part in 0..9 {
                let (from, to) = (&keys[part * 5_000], &keys[(part + 1) * 5_000]);
                let len = table.approximate_len(Some(from), Some(to));
                assert!((4_250..5_750).contains(&len), "{order:?}, scattered: {scattered}, {part}: {len}");
            }
            assert_eq!(table.approximate_len(Some(&keys[9_000]), Some(&keys[8_000])), 0);
        }
    }
    assert_eq!(memtable(KeyOrder::Bytes, 1 << 20, 100).approximate_len(None, None), 0);
}

/// A reader that has seen no expiring entry announced will not look for one.
#[test]
fn has_expiring_tells_whether_anything_may_expire() {
    let table = memtable(KeyOrder::Bytes, 1 << 16, 0);
    put(&table, b"a", 1, b"value");
    assert!(!table.has_expiring());
    table.write().insert(b"a", hash(b"a"), 2, Kind::ExpiringPut, &[0; 8]).unwrap();
    assert!(table.has_expiring());
    put(&table, b"a", 2, b"in its place");
    assert!(table.has_expiring(), "whoever saw it stands on it still");
}
