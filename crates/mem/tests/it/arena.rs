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
    // 2,000 slots of eight bytes, doubled when 1,250 were in use.
    assert_eq!(table.memory_bytes(), (1 << 20) + 2_000 * 8 + 4_000 * 8);
}
