//! Exhaustion: an ordinary outcome, foretold by `has_room`, leaving nothing behind.

use crate::common::{Shape, hash, memtable, reversed};
use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::memtable::{ArenaFull, Memtable};
use esker_mem::seqno::SeqNo;
use std::collections::BTreeMap;

/// Everything in the memtable, forward, with a check that backward agrees and gets find it.
fn contents(table: &std::sync::Arc<Memtable>) -> BTreeMap<Vec<u8>, SeqNo> {
    let mut all = BTreeMap::new();
    let mut cursor = table.cursor();
    cursor.seek_to_first();
    while cursor.valid() {
        assert_eq!(table.get(cursor.key(), hash(cursor.key()), SeqNo::MAX).unwrap().value, cursor.value());
        all.insert(cursor.key().to_vec(), cursor.seqno());
        cursor.next();
    }
    cursor.seek_to_last();
    let mut backward = 0;
    while cursor.valid() {
        backward += 1;
        cursor.prev();
    }
    assert_eq!((all.len(), table.len()), (backward, backward));
    all
}

#[test]
fn a_refused_insert_leaves_nothing_behind_at_any_capacity() {
    for order in [KeyOrder::Bytes, reversed()] {
        // Capacities some lines apart, so that the arena ends before records, before leaves, before inner nodes.
        for extra in 0..150 {
            let table = memtable(order.clone(), 4_096 + extra * 640, 0);
            let mut random = fastrand::Rng::with_seed(extra as u64);
            let mut expected = BTreeMap::new();
            let mut refused = 0;
            for seqno in 0..1_000 {
                let key = Shape::Prefixed(100_000).key(&mut random, 0);
                if expected.contains_key(&key) {
                    continue;
                }
                let value = vec![3; random.usize(0..300)];
                let allocated = table.allocated_bytes();
                let foretold = table.write().has_room(1, key.len() + value.len());
                match table.write().insert(&key, hash(&key), seqno, Kind::Put, &value) {
                    Ok(_) => {
                        expected.insert(key, seqno);
                    }
                    Err(ArenaFull) => {
                        assert!(!foretold);
                        refused += 1;
                        assert_eq!(table.allocated_bytes(), allocated);
                        assert!(table.get(&key, hash(&key), SeqNo::MAX).is_none());
                    }
                }
            }
            assert!(refused > 0);
            assert!(table.allocated_bytes() <= table.capacity_bytes());
            assert_eq!(contents(&table), expected);
        }
    }
}

/// INV-MEM-7: a yes of `has_room` holds for the whole batch, whatever the batch does to the tree.
#[test]
fn a_yes_is_kept_for_batches_of_every_size() {
    let mut random = fastrand::Rng::with_seed(3);
    for round in 0..400 {
        let table = memtable(KeyOrder::Bytes, 6_000 + round * 900, 0);
        let shape = [
            Shape::Ascending,
            Shape::Fixed(u64::MAX),
            Shape::Short,
            Shape::Prefixed(1 << 40),
            Shape::Fixed(2),
        ][round % 5];
        let mut seqno = 0;
        loop {
            let batch: Vec<_> = (0..random.usize(1..200))
                .map(|i| (shape.key(&mut random, seqno + i as u64), vec![5; random.usize(0..120)]))
                .collect();
            let bytes = batch.iter().map(|(key, value)| key.len() + value.len()).sum();
            let mut writer = table.write();
            if !writer.has_room(batch.len(), bytes) {
                break;
            }
            for (key, value) in &batch {
                writer.insert(key, hash(key), seqno, Kind::Put, value).expect("has_room said yes");
                seqno += 1;
            }
        }
    }
}

#[test]
fn the_capacity_that_a_batch_needs_suffices_and_is_not_absurd() {
    for (entries, key_len, value_len) in [
        (0, 0, 0),
        (1, 0, 0),
        (1, 65_535, 0),
        (1, 10, 9 << 20),
        (100, 8, 8),
        (20_000, 24, 100),
        (3_000, 1, 0),
    ] {
        let bytes = entries * (key_len + value_len);
        let needed = Memtable::bytes_needed(entries, bytes);
        assert!(needed <= bytes + entries * 120 + 8_192, "{needed} for {entries} entries of {bytes} bytes");
        let table = memtable(KeyOrder::Bytes, needed, 0);
        assert!(table.write().has_room(entries, bytes), "{entries} entries of {bytes} bytes");
        for i in 0..entries {
            let mut key = vec![0; key_len];
            let id = (i as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15).to_be_bytes();
            key.iter_mut().zip(id).for_each(|(to, from)| *to = from);
            table.write().insert(&key, hash(&key), i as u64, Kind::Put, &vec![1; value_len]).unwrap();
        }
    }
    // A value of the greatest length has a capacity that holds it, within what offsets reach.
    let most = Memtable::bytes_needed(1, 65_535 + u32::MAX as usize);
    assert!(most > u32::MAX as usize && most < 5 << 30);
    // And no argument overflows.
    assert!(Memtable::bytes_needed(usize::MAX, usize::MAX) <= 32 << 30);
    assert!(!memtable(KeyOrder::Bytes, 1 << 16, 0).write().has_room(usize::MAX, usize::MAX));
}

#[test]
fn a_full_arena_still_takes_what_fits() {
    let table = memtable(KeyOrder::Bytes, 20_000, 0);
    let mut seqno = 0;
    while table.write().insert(b"key", hash(b"key"), seqno, Kind::Put, &[1; 1_000]).is_ok() {
        seqno += 1;
    }
    // An overwrite needs no node, so it may use the very end.
    while table.write().insert(b"key", hash(b"key"), seqno, Kind::Delete, b"").is_ok() {
        seqno += 1;
    }
    assert!(table.capacity_bytes() - table.allocated_bytes() < 32);
    assert_eq!(table.get(b"key", hash(b"key"), SeqNo::MAX).unwrap().seqno, seqno - 1);
    assert_eq!(table.versions(b"key", hash(b"key"), SeqNo::MAX).count() as u64, seqno);
}
