//! Where a memtable's memory comes from and goes to.

use crate::common::{hash, memtable};
use esker_mem::arena::ArenaPool;
use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::memtable::{Memtable, MemtableOptions};
use esker_mem::seqno::SeqNo;
use std::sync::Arc;

fn pooled(pool: &Arc<ArenaPool>, capacity_bytes: usize) -> Arc<Memtable> {
    Arc::new(Memtable::new(MemtableOptions {
        order: KeyOrder::Bytes,
        capacity_bytes,
        expected_entries: 100,
        pool: Some(Arc::clone(pool)),
    }))
}

fn fill(memtable: &Memtable, salt: u64) -> usize {
    let mut inserted = 0;
    for i in 0.. {
        let key = (i * 7919 % 10_007 + salt).to_be_bytes();
        if memtable.write().insert(&key, hash(&key), i, Kind::Put, &key).is_err() {
            break;
        }
        inserted += 1;
    }
    inserted
}

#[test]
fn a_region_returns_with_its_last_owner_and_is_used_again() {
    let pool = Arc::new(ArenaPool::new(1 << 20, 2));
    assert_eq!(pool.idle_bytes(), 0);
    let first = pooled(&pool, 1 << 20);
    fill(&first, 0);
    let address =
        first.get(&0u64.to_be_bytes(), hash(&0u64.to_be_bytes()), SeqNo::MAX).unwrap().value.as_ptr();
    let cursor = first.cursor();
    drop(first);
    assert_eq!(pool.idle_bytes(), 0, "the cursor still owns it");
    drop(cursor);
    assert_eq!(pool.idle_bytes(), 1 << 20);
    // What the region held before must not show: every count and every link is initialised.
    let second = pooled(&pool, 1 << 20);
    assert_eq!(pool.idle_bytes(), 0);
    assert_eq!((second.len(), second.highest_seqno()), (0, None));
    let mut cursor = second.cursor();
    cursor.seek_to_first();
    assert!(!cursor.valid());
    let inserted = fill(&second, 1 << 40);
    let key = (1u64 << 40).to_be_bytes();
    assert_eq!(second.get(&key, hash(&key), SeqNo::MAX).unwrap().value.as_ptr(), address, "the same memory");
    assert!(second.get(&0u64.to_be_bytes(), hash(&0u64.to_be_bytes()), SeqNo::MAX).is_none());
    cursor.seek_to_first();
    let mut walked = 0;
    while cursor.valid() {
        assert!(cursor.key() >= key.as_slice());
        walked += 1;
        cursor.next();
    }
    assert_eq!(walked, inserted);
}

#[test]
fn the_pool_keeps_few_regions_and_only_its_own_size() {
    let pool = Arc::new(ArenaPool::new(1 << 16, 2));
    assert_eq!(pool.region_bytes(), 1 << 16);
    let tables: Vec<_> = (0..5).map(|_| pooled(&pool, 1 << 16)).collect();
    drop(tables);
    assert_eq!(pool.idle_bytes(), 2 << 16);
    drop(pooled(&pool, 1 << 17));
    assert_eq!(pool.idle_bytes(), 2 << 16);
    assert_eq!(pooled(&pool, 1 << 17).capacity_bytes(), 1 << 17);
    let none = Arc::new(ArenaPool::new(1 << 16, 0));
    drop(pooled(&none, 1 << 16));
    assert_eq!(none.idle_bytes(), 0);
}

#[test]
fn memory_is_counted_to_the_byte() {
    let table = memtable(KeyOrder::Bytes, 1 << 20, 1_000);
    let empty = table.allocated_bytes();
    let mut grown = 0;
    for i in 0..2_000u64 {
        let key = i.reverse_bits().to_be_bytes();
        grown += table.write().insert(&key, hash(&key), i, Kind::Put, &[1; 50]).unwrap();
    }
    assert_eq!(table.allocated_bytes(), empty + grown);
    assert_eq!(table.capacity_bytes(), 1 << 20);
    // 2,000 slots of eight bytes, rounded up to a quarter of 2,048, doubled when 1,280 were in use.
    assert_eq!(table.memory_bytes(), (1 << 20) + 2_048 * 8 + 4_096 * 8);
}

#[test]
fn memory_prepared_ahead_is_one_region_and_is_used() {
    let pool = Arc::new(ArenaPool::new(8 << 20, 2));
    assert!(pool.wants_spare());
    pool.prepare();
    assert!(!pool.wants_spare());
    pool.prepare();
    assert_eq!(pool.idle_bytes(), 8 << 20, "one is enough");
    let recycled = pooled(&pool, 8 << 20);
    assert_eq!(pool.idle_bytes(), 0);
    let fresh = pooled(&pool, 8 << 20);
    for table in [&recycled, &fresh] {
        assert!(!table.wants_memory(1 << 20), "it holds next to nothing");
    }
    let fill = |table: &Memtable| {
        for i in 0..20_000u64 {
            table.write().insert(&i.to_be_bytes(), hash(&i.to_be_bytes()), i, Kind::Put, &[1; 50]).unwrap();
        }
    };
    fill(&recycled);
    fill(&fresh);
    assert!(!recycled.wants_memory(1 << 20), "its memory is there");
    assert!(fresh.wants_memory(1 << 20));
    fresh.populate(1 << 20);
    assert!(!fresh.wants_memory(1 << 20));
    // What was there, still is.
    let key = 77u64.to_be_bytes();
    assert_eq!(fresh.get(&key, hash(&key), SeqNo::MAX).unwrap().value, [1; 50]);
    let none = ArenaPool::new(8 << 20, 0);
    none.prepare();
    assert_eq!(none.idle_bytes(), 0);
}

/// A hash index of recycled memory: what the former one held must not show.
#[test]
fn a_recycled_hash_index_is_empty() {
    let pool = Arc::new(ArenaPool::new(1 << 20, 2));
    for salt in 0..4u64 {
        let table = pooled(&pool, 1 << 20);
        for other in 0..4u64 {
            let key = (7919 + (other << 40)).to_be_bytes();
            assert!(table.get(&key, hash(&key), SeqNo::MAX).is_none(), "round {salt}");
        }
        fill(&table, salt << 40);
        let key = (7919 + (salt << 40)).to_be_bytes();
        assert!(table.get(&key, hash(&key), SeqNo::MAX).is_some());
    }
}
