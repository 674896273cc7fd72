//! The cache keeps to its capacity, whatever is put in and however much of it is resident.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use esker_mem::buffer::{Buffer, BufferMut};

use super::Cache;
use crate::cache::key::FileKey;
use crate::cache::slots::{BlockSlots, HeldBlock};
use crate::cache::store::PAGE_BYTES;

/// A block that tells which one it is.
fn buffer(ordinal: usize, bytes: usize) -> Buffer {
    let mut buffer = BufferMut::new(bytes);
    buffer.bytes_mut()[..8].copy_from_slice(&ordinal.to_le_bytes());
    buffer.freeze()
}

fn insert(slots: &BlockSlots, ordinal: usize) {
    slots.insert(ordinal, &HeldBlock::new(buffer(ordinal, 8 << 10)));
}

fn is_right(block: &HeldBlock, ordinal: usize) -> bool {
    block.slice(0..8) == ordinal.to_le_bytes()
}

fn fill(cache: &Cache, slots: &BlockSlots) {
    for ordinal in 0..2000 {
        insert(slots, ordinal);
        let stats = cache.stats();
        assert!(stats.block_bytes + stats.resident_bytes <= stats.capacity_bytes, "{stats:?}");
    }
}

/// INV-CACHE-1: as many slots are filled as the store weighs blocks, each with its own block.
fn check_slots(cache: &Cache, tables: &[&BlockSlots]) {
    let mut filled = 0;
    for slots in tables {
        for ordinal in 0..slots.len() {
            if let Some(block) = slots.get(ordinal) {
                assert!(is_right(&block, ordinal));
                filled += 1;
            }
        }
    }
    assert_eq!(filled, cache.stats().blocks);
}

#[test]
fn blocks_and_resident_metadata_together_stay_within_the_capacity() {
    let cache = Arc::new(Cache::with_capacity_bytes(4 << 20));
    let slots = cache.slots(FileKey::next(), 2000);
    fill(&cache, &slots);
    let full = cache.stats().block_bytes;
    assert!(full > 3 << 20, "{full}");
    let resident = cache.hold_resident(3 << 20);
    assert!(cache.stats().block_bytes <= 1 << 20);
    check_slots(&cache, &[&slots]);
    fill(&cache, &slots);
    drop(resident);
    fill(&cache, &slots);
    assert!(cache.stats().block_bytes > 3 << 20);
    cache.set_capacity_bytes(1 << 20);
    assert!(cache.stats().block_bytes <= 1 << 20);
    check_slots(&cache, &[&slots]);
}

#[test]
fn inv_cache_1_a_slot_holds_what_the_store_weighs_and_nothing_else() {
    let cache = Arc::new(Cache::with_capacity_bytes(4 << 20));
    let one = cache.slots(FileKey::next(), 300);
    let other = cache.slots(FileKey::next(), 2000);
    insert(&one, 7);
    assert!(one.get(7).is_some() && one.get(8).is_none() && other.get(7).is_none());
    assert!(one.get(300).is_none(), "there is no such block");
    // The second of two readers of one block does not replace the first one's.
    insert(&one, 7);
    assert_eq!(cache.stats().blocks, 1);
    // One that never fits is in no slot either.
    one.insert(8, &HeldBlock::new(buffer(8, 5 << 20)));
    assert!(one.get(8).is_none());
    fill(&cache, &other);
    check_slots(&cache, &[&one, &other]);
    // A dropped table leaves nothing behind, but who holds a block of it keeps the block.
    let last = (0..2000).rfind(|&ordinal| other.get(ordinal).is_some()).unwrap();
    let (held, value) = (other.get(last).unwrap(), other.get(last).unwrap().slice(0..8000));
    drop(other);
    check_slots(&cache, &[&one]);
    assert!(is_right(&held, last) && value.starts_with(&last.to_le_bytes()));
}

#[test]
fn what_is_used_stays_while_a_scan_passes() {
    let cache = Arc::new(Cache::with_capacity_bytes(4 << 20));
    let slots = cache.slots(FileKey::next(), 20_000);
    let use_hot = |load: bool| {
        for ordinal in 0..100 {
            match slots.get(ordinal) {
                Some(block) => slots.note_use(ordinal, &block),
                None if load => insert(&slots, ordinal),
                None => {}
            }
        }
    };
    use_hot(true);
    use_hot(true);
    for ordinal in 100..20_000 {
        insert(&slots, ordinal);
        if ordinal % 100 == 0 {
            use_hot(false);
        }
    }
    let kept = (0..100).filter(|&ordinal| slots.get(ordinal).is_some()).count();
    assert!(kept >= 95, "{kept} of 100 blocks in use were kept");
}

#[test]
fn slots_and_store_agree_whatever_threads_do() {
    let cache = Arc::new(Cache::with_capacity_bytes(2 << 20));
    let slots = cache.slots(FileKey::next(), 600);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let readers: Vec<_> = (0..4_usize)
            .map(|reader| {
                let (cache, slots) = (&cache, &slots);
                scope.spawn(move || {
                    let passing = cache.slots(FileKey::next(), 50);
                    for step in 0..20_000_usize {
                        let ordinal = (step * 7919 + reader * 131) % 600;
                        match slots.get(ordinal) {
                            Some(block) => {
                                slots.note_use(ordinal, &block);
                                assert!(is_right(&block, ordinal));
                            }
                            None => insert(slots, ordinal),
                        }
                        insert(&passing, step % 50);
                    }
                })
            })
            .collect();
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let _resident = cache.hold_resident(1 << 20);
                thread::yield_now();
            }
        });
        let all_well = readers.into_iter().all(|reader| reader.join().is_ok());
        done.store(true, Ordering::Relaxed);
        assert!(all_well);
    });
    check_slots(&cache, &[&slots]);
    cache.set_capacity_bytes(0);
    assert!((0..600).all(|ordinal| slots.get(ordinal).is_none()), "an empty cache holds no block");
}

/// Once a cache in huge pages reserved a part of its room for holes, and data that had fitted did not fit any more: one lookup in
/// a hundred read a file.
#[test]
fn data_that_just_fits_stays_in_huge_pages() {
    let cache = Arc::new(Cache::with_capacity_bytes(256 << 20));
    let slots = cache.slots(FileKey::next(), 30_000);
    for ordinal in 0..30_000 {
        slots.insert(ordinal, &HeldBlock::new(cache.buffer(8_230 + ordinal % 200).freeze()));
    }
    let stats = cache.stats();
    assert!(stats.block_bytes <= stats.capacity_bytes, "{stats:?}");
    // They are 97 % of the room; the parts of the store are not filled quite evenly.
    assert!(stats.blocks > 29_400, "{stats:?}");
}

#[test]
fn pages_count_whole_and_go_when_the_cache_shrinks() {
    let cache = Arc::new(Cache::with_capacity_bytes(64 << 20));
    let slots = cache.slots(FileKey::next(), 20_000);
    let insert = |ordinal: usize, bytes: usize| {
        let mut buffer = cache.buffer(bytes);
        buffer.bytes_mut()[..8].copy_from_slice(&ordinal.to_le_bytes());
        slots.insert(ordinal, &HeldBlock::new(buffer.freeze()));
        let stats = cache.stats();
        assert!(stats.block_bytes + stats.resident_bytes <= stats.capacity_bytes, "{stats:?}");
    };
    // Blocks of one size, and then of others that do not fit into the holes they leave.
    for ordinal in 0..12_000 {
        insert(ordinal, 8 << 10);
    }
    assert!(cache.store.pool.held_bytes() > 56 << 20, "{:?}", cache.store.pool);
    assert!(cache.stats().blocks > 6500, "{:?}", cache.stats());
    for ordinal in 12_000..14_000 {
        insert(ordinal, 40 << 10);
    }
    check_slots(&cache, &[&slots]);
    let late = (13_000..14_000).filter(|&ordinal| slots.get(ordinal).is_some()).count();
    // Blocks that nobody used a second time have a small share of the store.
    assert!(late > 20, "{late} of the later blocks are cached");
    // What a reader holds keeps its page, and no other.
    let ordinal = (0..14_000).find(|&ordinal| slots.get(ordinal).is_some()).unwrap();
    let held = slots.get(ordinal).unwrap();
    cache.set_capacity_bytes(40 << 20);
    assert!(cache.stats().block_bytes <= (40 << 20) + PAGE_BYTES, "{:?}", cache.stats());
    check_slots(&cache, &[&slots]);
    cache.set_capacity_bytes(0);
    assert!(cache.store.pool.held_bytes() as u64 <= PAGE_BYTES, "{:?}", cache.store.pool);
    assert!(is_right(&held, ordinal));
    drop(held);
    assert_eq!(cache.stats().block_bytes, 0);
}
