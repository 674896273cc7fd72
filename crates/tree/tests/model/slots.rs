//! Readers that find blocks, miss them and cache them while others are let go: what is in slots is what the store weighs.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use esker_mem::buffer::BufferMut;
use esker_testkit::model::{catches, explore, schedules};

use crate::cache::key::FileKey;
use crate::cache::slot::Fault;
use crate::cache::slots::{BlockSlots, HeldBlock};
use crate::cache::store::BlockStore;

const BLOCKS: usize = 2;

/// A block of this place: told from others of it by a number, as if it had been read anew.
fn read_block(ordinal: usize, reads: &AtomicU64) -> HeldBlock {
    let mut buffer = BufferMut::new(16);
    let read = reads.fetch_add(1, Ordering::SeqCst);
    buffer.bytes_mut()[..8].copy_from_slice(&(read * BLOCKS as u64 + ordinal as u64).to_le_bytes());
    HeldBlock::new(buffer.freeze())
}

fn is_of(block: &HeldBlock, ordinal: usize) -> bool {
    u64::from_le_bytes(block.slice(0..8).as_bytes().try_into().unwrap()) % BLOCKS as u64 == ordinal as u64
}

fn model() {
    let store = Arc::new(BlockStore::default());
    let slots = Arc::new(BlockSlots::new(&store, FileKey::next(), BLOCKS));
    let reads = Arc::new(AtomicU64::new(0));
    let readers: Vec<_> = [[0, 1], [0, 0], [1, 0]]
        .into_iter()
        .map(|ordinals| {
            let (slots, reads) = (Arc::clone(&slots), Arc::clone(&reads));
            shuttle::thread::spawn(move || {
                for ordinal in ordinals {
                    match slots.get(ordinal) {
                        Some(block) => assert!(is_of(&block, ordinal)),
                        None => slots.insert(ordinal, &read_block(ordinal, &reads)),
                    }
                }
            })
        })
        .collect();
    for reader in readers {
        reader.join().unwrap();
    }
    let filled: Vec<_> = (0..BLOCKS)
        .filter_map(|ordinal| Some((ordinal, slots.get(ordinal)?.slice(0..8).as_bytes().to_vec())))
        .collect();
    assert_eq!(filled, store.weighed(), "a slot holds what the store does not weigh, or the other way round");
    drop(slots);
    assert!(store.weighed().is_empty(), "a table that is dropped takes its blocks out");
}

/// INV-CACHE-1.
#[test]
fn slots_hold_what_the_store_weighs() {
    explore(model, schedules(1000));
}

/// INV-CACHE-1: let go before it is in its slot, a block stays there, and nobody weighs it.
#[test]
fn the_model_catches_a_block_that_is_stored_before_it_is_in_its_slot() {
    assert!(catches(Fault::FillsSlotsLast, model));
}

/// INV-CACHE-1: the store would weigh a block that is in no slot, in place of the one that is.
#[test]
fn the_model_catches_a_block_that_is_stored_beside_the_one_in_its_slot() {
    assert!(catches(Fault::StoresWhatOthersFilled, model));
}
