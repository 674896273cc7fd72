//! What a generation tells whoever seals it.

use std::sync::Arc;

use esker_format::checksum::key_hash;
use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::memtable::{Memtable, MemtableOptions};

use super::{Generation, Refused};

fn generation() -> Arc<Generation> {
    let options = MemtableOptions {
        order: KeyOrder::Bytes,
        capacity_bytes: 64 << 10,
        expected_entries: 16,
        pool: None,
    };
    Arc::new(Generation::new(1, Memtable::new(options)))
}

/// A recovery installs what it sorted beside the active memtable, and leaves that out of the view if it was never used. It
/// once asked for entries first and for places second: a group that applied between the two questions was in a memtable
/// that nobody knew of any more.
#[test]
fn a_memtable_whose_writer_applies_while_it_is_asked_is_not_unused() {
    // INV-COMMIT-20
    let generation = generation();
    let mut reservation = Some(generation.reserve(1, 2).unwrap());
    generation.seal();
    let is_unused = generation.is_unused(|| {
        let was_empty = generation.memtable.is_empty();
        // Right behind the answer, the writer applies and lets go.
        if let Some(room) = reservation.take() {
            room.apply().insert(b"k", key_hash(b"k"), 7, Kind::Put, b"v");
        }
        was_empty
    });
    assert!(!is_unused, "an acknowledged write is in it, or about to be");
}

#[test]
fn only_a_memtable_without_places_and_entries_is_unused() {
    let (empty, promised, filled) = (generation(), generation(), generation());
    assert!(empty.seal_unused());
    assert_eq!(empty.reserve(1, 2).err(), Some(Refused::Sealed), "and nobody gets in any more");
    assert!(empty.seal_unused(), "a refused writer leaves no place behind");
    let room = promised.reserve(1, 2).unwrap();
    assert!(!promised.seal_unused());
    drop(room);
    assert!(promised.seal_unused(), "given up");
    filled.reserve(1, 2).unwrap().apply().insert(b"k", key_hash(b"k"), 7, Kind::Put, b"v");
    assert!(!filled.seal_unused());
}
