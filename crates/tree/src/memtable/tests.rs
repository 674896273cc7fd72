//! What a generation tells whoever seals it, and what its range deletes cost a scan.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;

use esker_format::checksum::key_hash;
use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::memtable::{Memtable, MemtableOptions};
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;

use super::{EitherMemtable, Generation, Refused};
use crate::cursor::Cursor;
use crate::cursor::merge::MergeCursor;
use crate::cursor::visible::VisibleCursor;
use crate::error::Result;
use crate::range_tombstones::cover::{Cover, Source as RangeSource};
use crate::range_tombstones::span::RangeDelete;

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

/// A cursor that counts its steps.
struct Counting<C> {
    cursor: C,
    steps: Rc<Cell<usize>>,
}

impl<C: Cursor> Cursor for Counting<C> {
    fn valid(&self) -> bool {
        self.cursor.valid()
    }

    fn seek_to_first(&mut self) -> Result<()> {
        self.cursor.seek_to_first()
    }

    fn seek_to_last(&mut self) -> Result<()> {
        self.cursor.seek_to_last()
    }

    fn seek(&mut self, key: &[u8]) -> Result<()> {
        self.cursor.seek(key)
    }

    fn seek_for_prev(&mut self, key: &[u8]) -> Result<()> {
        self.cursor.seek_for_prev(key)
    }

    fn next(&mut self) -> Result<()> {
        self.steps.update(|steps| steps + 1);
        self.cursor.next()
    }

    fn prev(&mut self) -> Result<()> {
        self.steps.update(|steps| steps + 1);
        self.cursor.prev()
    }

    fn skip_forward(&mut self, to: Option<&[u8]>, below: SeqNo) -> Result<bool> {
        self.cursor.skip_forward(to, below)
    }

    fn skip_backward(&mut self, to: Option<&[u8]>, below: SeqNo) -> Result<bool> {
        self.cursor.skip_backward(to, below)
    }

    fn key(&self) -> &[u8] {
        self.cursor.key()
    }

    fn head(&self) -> u64 {
        self.cursor.head()
    }

    fn seqno(&self) -> SeqNo {
        self.cursor.seqno()
    }

    fn kind(&self) -> Kind {
        self.cursor.kind()
    }

    fn value(&self) -> &[u8] {
        self.cursor.value()
    }

    fn value_slice(&self) -> Slice {
        self.cursor.value_slice()
    }
}

fn key(n: u64) -> Vec<u8> {
    format!("key/{n:06}").into_bytes()
}

/// The keys that a scan of the generation shows at `bound`, and the steps that it took.
fn scan(generation: &Generation, bound: SeqNo, forward: bool) -> (Vec<Vec<u8>>, usize) {
    let order = KeyOrder::Bytes;
    let EitherMemtable::Growing(memtable) = &generation.memtable else { unreachable!() };
    let steps = Rc::new(Cell::new(0));
    let source = Counting { cursor: memtable.cursor(), steps: Rc::clone(&steps) };
    let forest = generation.ranges.forest().map(RangeSource::Memtable);
    let cover = Cover::new(forest.into_iter().collect(), order.clone(), bound);
    let mut cursor =
        VisibleCursor::new(MergeCursor::new([source], order.clone()), order, bound).covered_by(cover);
    let mut found = Vec::new();
    let positioned = if forward { cursor.seek_to_first() } else { cursor.seek_to_last() };
    positioned.unwrap();
    while cursor.valid() {
        found.push(cursor.key().to_vec());
        let moved = if forward { cursor.next() } else { cursor.prev() };
        moved.unwrap();
    }
    if !forward {
        found.reverse();
    }
    (found, steps.get())
}

/// INV-RANGE-3: the memtable that holds what was deleted, the range delete and what was written afterwards is passed over as
/// far as it is old, from both ends, and nothing that is newer is.
#[test]
fn remove_range_in_a_memtable_that_is_written_to_costs_a_scan_no_step_per_deleted_key() {
    const KEYS: u64 = 50_000;
    let options = MemtableOptions {
        order: KeyOrder::Bytes,
        capacity_bytes: 16 << 20,
        expected_entries: 16,
        pool: None,
    };
    let generation = Generation::new(1, Memtable::new(options));
    let put = |n: u64, seqno| {
        let key = key(n);
        generation.writer().unwrap().insert(&key, key_hash(&key), seqno, Kind::Put, b"value").unwrap();
    };
    let remove = |from: u64, to: u64, seqno| {
        let range = RangeDelete { start: Slice::from(key(from)), end: Slice::from(key(to)), seqno };
        generation.add_range(&mut generation.writer().unwrap(), range);
    };
    for n in 0..KEYS {
        put(n, n);
    }
    let check = |bound: SeqNo, expected: &[u64], most_steps: usize| {
        for forward in [true, false] {
            let (found, steps) = scan(&generation, bound, forward);
            assert_eq!(found, expected.iter().map(|n| key(*n)).collect::<Vec<_>>(), "below {bound}");
            assert!(steps <= most_steps, "{steps} steps, forward: {forward}, below {bound}");
        }
    };
    remove(10, KEYS - 10, KEYS);
    let ends =
        |amid: &[u64]| (0..10).chain(amid.iter().copied()).chain(KEYS - 10..KEYS).collect::<Vec<u64>>();
    check(SeqNo::MAX, &ends(&[]), 40);
    // Outside of the span, and within it, as an overwrite and as a new key.
    put(KEYS, KEYS + 1);
    put(20_000, KEYS + 2);
    let mut all = ends(&[20_000]);
    all.push(KEYS);
    check(SeqNo::MAX, &all, 400);
    // A reader from before sees none of it, and may walk what shares a leaf with it.
    check(KEYS + 1, &ends(&[]), 400);
    // A second one over a part of the first takes what came between.
    remove(15_000, 25_000, KEYS + 3);
    put(24_000, KEYS + 4);
    let mut all = ends(&[24_000]);
    all.push(KEYS);
    check(SeqNo::MAX, &all, 700);
    let before: Vec<u64> = (0..KEYS).collect();
    assert_eq!(
        scan(&generation, KEYS, true).0.len(),
        before.len(),
        "and before all of them nothing is deleted"
    );
}
