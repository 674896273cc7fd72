//! The memtable against a `BTreeMap` that anybody can check by eye.

use crate::common::{Shape, case_insensitive, hash, memtable, reversed};
use esker_mem::comparator::KeyOrder;
use esker_mem::head::head;
use esker_mem::kind::Kind;
use esker_mem::memtable::{Memtable, MemtableCursor};
use esker_mem::seqno::{MAX_SEQNO, SeqNo};
use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;
use std::ops::{Bound, RangeInclusive};
use std::sync::Arc;

/// A key under its order: the map's idea of internal order.
#[derive(Clone, Debug)]
struct Ordered(Vec<u8>, KeyOrder);

impl PartialEq for Ordered {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> Ordering {
        self.1.compare(&self.0, &other.0)
    }
}

/// What was written: spelling of the key, kind, value.
type Stored = (Vec<u8>, Kind, Vec<u8>);

#[derive(Default)]
struct Model {
    /// By key, number, and how late it was inserted: operands may have one number.
    entries: BTreeMap<(Ordered, Reverse<SeqNo>, Reverse<u64>), Stored>,
}

/// All versions of a key with these numbers.
fn whole(
    key: &Ordered,
    highest: SeqNo,
    lowest: SeqNo,
) -> RangeInclusive<(Ordered, Reverse<SeqNo>, Reverse<u64>)> {
    (key.clone(), Reverse(highest), Reverse(u64::MAX))..=(key.clone(), Reverse(lowest), Reverse(0))
}

type Entry = (Vec<u8>, SeqNo, Kind, Vec<u8>);

impl Model {
    /// INV-MERGE-4: an operand takes its place before those that have its number; all else replaces what has its number.
    fn insert(&mut self, key: Ordered, seqno: SeqNo, time: u64, stored: Stored) {
        let same: Vec<_> =
            self.entries.range(whole(&key, seqno, seqno)).map(|(at, other)| (at.clone(), other.1)).collect();
        for (at, kind) in same {
            if (kind, stored.1) != (Kind::Merge, Kind::Merge) {
                self.entries.remove(&at);
            }
        }
        self.entries.insert((key, Reverse(seqno), Reverse(time)), stored);
    }

    fn all(&self) -> Vec<Entry> {
        self.entries.iter().map(|((_, s, _), (k, kind, v))| (k.clone(), s.0, *kind, v.clone())).collect()
    }

    fn versions(&self, key: &Ordered, bound: SeqNo) -> Vec<(SeqNo, Kind, Vec<u8>)> {
        self.entries
            .range(whole(key, SeqNo::MAX, 0))
            .filter(|((_, seqno, _), _)| seqno.0 < bound)
            .map(|((_, seqno, _), (_, kind, value))| (seqno.0, *kind, value.clone()))
            .collect()
    }
}

fn here(cursor: &MemtableCursor) -> Option<Entry> {
    assert!(cursor.valid() || (cursor.key().is_empty() && cursor.value().is_empty()));
    assert_eq!(cursor.head(), head(cursor.key()));
    cursor.valid().then(|| (cursor.key().to_vec(), cursor.seqno(), cursor.kind(), cursor.value().to_vec()))
}

fn kind(random: &mut fastrand::Rng) -> Kind {
    Kind::from_u8(random.u8(0..5)).unwrap()
}

struct Case {
    order: KeyOrder,
    shape: Shape,
    inserts: u64,
    /// Sequence numbers: in order if 0, else random below this.
    seqnos: u64,
    seed: u64,
}

fn run(case: &Case) {
    let mut random = fastrand::Rng::with_seed(case.seed);
    let mut model = Model::default();
    let table = memtable(case.order.clone(), 24 << 20, 0);
    let mut cursor = table.cursor();
    for i in 0..case.inserts {
        let key = case.shape.key(&mut random, i);
        let seqno = if case.seqnos == 0 { i + 1 } else { random.u64(0..case.seqnos) };
        let (kind, value) = (kind(&mut random), vec![random.u8(..); random.usize(0..40)]);
        let before = table.allocated_bytes();
        let added = table.write().insert(&key, hash(&key), seqno, kind, &value).unwrap();
        assert_eq!(table.allocated_bytes(), before + added);
        let ordered = Ordered(key.clone(), case.order.clone());
        model.insert(ordered, seqno, i, (key, kind, value));
        // Now and then, moves of a cursor that has been here since the beginning.
        if random.u8(..) < 8 {
            step(&mut cursor, &mut random, case.shape, i);
        }
    }
    check(case, &mut random, &model, &table);
    check_cursor(case, &mut random, &model, &mut cursor);
}

/// Moves somewhere. What is checked here is only that nothing panics or loops.
fn step(cursor: &mut MemtableCursor, random: &mut fastrand::Rng, shape: Shape, count: u64) {
    match random.u8(0..6) {
        0 => cursor.seek(&shape.key(random, random.clone().u64(0..=count))),
        1 => cursor.seek_for_prev(&shape.key(random, random.clone().u64(0..=count))),
        2 => cursor.seek_to_first(),
        3 => cursor.seek_to_last(),
        4 => (0..50).for_each(|_| cursor.next()),
        _ => (0..50).for_each(|_| cursor.prev()),
    }
}

fn check(case: &Case, random: &mut fastrand::Rng, model: &Model, table: &Arc<Memtable>) {
    let all = model.all();
    assert_eq!(table.len(), all.len());
    assert_eq!(table.highest_seqno(), all.iter().map(|entry| entry.1).max());
    assert_eq!(table.lowest_seqno(), all.iter().map(|entry| entry.1).min());
    assert_eq!(table.tombstones(), all.iter().filter(|entry| entry.2.is_tombstone()).count());
    assert!(table.memory_bytes() >= table.capacity_bytes());

    let absent: Vec<_> = (0..200).map(|_| case.shape.key(random, u64::MAX)).collect();
    for key in all.iter().map(|entry| entry.0.clone()).chain(absent) {
        let ordered = Ordered(key.clone(), case.order.clone());
        for bound in [SeqNo::MAX, MAX_SEQNO, random.u64(0..=case.inserts.max(case.seqnos) + 1), 0] {
            let expected = model.versions(&ordered, bound);
            let found: Vec<_> = table
                .versions(&key, hash(&key), bound)
                .map(|version| (version.seqno, version.kind, version.value.to_vec()))
                .collect();
            assert_eq!(found, expected);
            let newest = table.get(&key, hash(&key), bound).map(|version| version.seqno);
            assert_eq!(newest, expected.first().map(|version| version.0));
        }
    }
}

fn check_cursor(case: &Case, random: &mut fastrand::Rng, model: &Model, cursor: &mut MemtableCursor) {
    let all = model.all();
    let mut walked = Vec::new();
    cursor.seek_to_first();
    while let Some(entry) = here(cursor) {
        walked.push(entry);
        cursor.next();
    }
    assert_eq!(walked, all);
    walked.clear();
    cursor.seek_to_last();
    while let Some(entry) = here(cursor) {
        walked.push(entry);
        cursor.prev();
    }
    walked.reverse();
    assert_eq!(walked, all);

    for _ in 0..500 {
        let key = if random.bool() && !all.is_empty() {
            all[random.usize(0..all.len())].0.clone()
        } else {
            case.shape.key(random, random.clone().u64(0..case.inserts + 2))
        };
        let ordered = Ordered(key.clone(), case.order.clone());
        let (from, to) = whole(&ordered, SeqNo::MAX, 0).into_inner();
        let mut at = model.entries.range(..from).count();
        if random.bool() {
            cursor.seek(&key);
        } else {
            let after = model.entries.range((Bound::Unbounded, Bound::Included(to))).count();
            let Some(last) = after.checked_sub(1) else {
                cursor.seek_for_prev(&key);
                assert!(!cursor.valid());
                continue;
            };
            at = last;
            cursor.seek_for_prev(&key);
        }
        // A drunkard's walk: turns in the middle of chains and leaves.
        for _ in 0..30 {
            assert_eq!(here(cursor).as_ref(), all.get(at));
            if !cursor.valid() {
                break;
            }
            if random.bool() {
                cursor.next();
                at += 1;
            } else {
                cursor.prev();
                at = at.wrapping_sub(1);
            }
        }
    }
}

fn run_shapes(order: &KeyOrder, inserts: u64) {
    let shapes = [
        Shape::Fixed(u64::MAX),
        Shape::Fixed(300),
        Shape::Short,
        Shape::Prefixed(5_000),
        Shape::Zeros,
        Shape::Ascending,
    ];
    for (seed, shape) in (0..).zip(shapes) {
        for seqnos in [0, 40, 100_000] {
            run(&Case { order: order.clone(), shape, inserts, seqnos, seed: seed * 10 + seqnos });
        }
    }
}

#[test]
fn bytes() {
    run_shapes(&KeyOrder::Bytes, 6_000);
}

#[test]
fn a_reversed_order() {
    run_shapes(&reversed(), 3_000);
}

#[test]
fn an_order_that_calls_different_bytes_the_same_key() {
    run_shapes(&case_insensitive(), 2_000);
}

#[test]
fn the_longest_keys() {
    for order in [KeyOrder::Bytes, reversed()] {
        run(&Case { order, shape: Shape::Huge, inserts: 300, seqnos: 0, seed: 1 });
    }
}

#[test]
fn few_entries_of_every_number() {
    for inserts in 0..140 {
        for shape in [Shape::Fixed(u64::MAX), Shape::Ascending, Shape::Prefixed(1_000)] {
            run(&Case { order: KeyOrder::Bytes, shape, inserts, seqnos: 0, seed: inserts });
        }
    }
}
