//! Cursors that pass over what is old: nothing new is passed over, and not much old is looked at.

use std::sync::Arc;

use crate::common::{Shape, case_insensitive, hash, memtable, reversed};
use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::memtable::{Memtable, MemtableCursor};
use esker_mem::seqno::SeqNo;

fn insert(memtable: &Memtable, key: &[u8], seqno: SeqNo) {
    memtable.write().insert(key, hash(key), seqno, Kind::Put, b"value").unwrap();
}

type Entry = (Vec<u8>, SeqNo);

/// All entries from `from` on, in the order of the walk, and how many steps it took: older ones are passed over if they can be.
fn newer(cursor: &mut MemtableCursor, from: SeqNo, forward: bool) -> (Vec<Entry>, usize) {
    let (mut found, mut steps) = (Vec::new(), 0);
    if forward {
        cursor.seek_to_first()
    } else {
        cursor.seek_to_last()
    }
    while cursor.valid() {
        steps += 1;
        if cursor.seqno() >= from {
            found.push((cursor.key().to_vec(), cursor.seqno()));
        } else if if forward { cursor.skip_forward(None, from) } else { cursor.skip_backward(None, from) } {
            continue;
        }
        if forward { cursor.next() } else { cursor.prev() }
    }
    (found, steps)
}

fn walked(cursor: &mut MemtableCursor, from: SeqNo) -> Vec<Entry> {
    let mut found = Vec::new();
    cursor.seek_to_first();
    while cursor.valid() {
        if cursor.seqno() >= from {
            found.push((cursor.key().to_vec(), cursor.seqno()));
        }
        cursor.next();
    }
    found
}

/// INV-MEM-16, with keys of all shapes, in all orders, with overwrites, and numbers that come late.
#[test]
fn skips_pass_over_nothing_new() {
    let shapes = [Shape::Fixed(3_000), Shape::Short, Shape::Prefixed(2_000), Shape::Zeros, Shape::Ascending];
    for (seed, shape) in shapes.into_iter().enumerate() {
        for order in [KeyOrder::Bytes, reversed(), case_insensitive()] {
            let mut random = fastrand::Rng::with_seed(seed as u64);
            let memtable = memtable(order, 4 << 20, 0);
            let marks_at = random.u64(..3_000);
            for seqno in 0..6_000 {
                if seqno == marks_at {
                    memtable.write().mark_from_now();
                }
                let late = if random.u8(..50) == 0 { random.u64(..40).min(seqno) } else { 0 };
                insert(&memtable, &shape.key(&mut random, seqno), seqno - late);
            }
            for from in [0, marks_at / 2, marks_at, marks_at + 1, 4_000, 5_900, 5_990, 6_000] {
                let expected = walked(&mut memtable.cursor(), from);
                assert_eq!(newer(&mut memtable.cursor(), from, true).0, expected, "{shape:?}, from {from}");
                let mut backward = newer(&mut memtable.cursor(), from, false).0;
                backward.reverse();
                assert_eq!(backward, expected, "{shape:?}, backward from {from}");
            }
        }
    }
}

fn numbered(number: u64) -> Vec<u8> {
    format!("key/{number:08}").into_bytes()
}

/// A hundred thousand old entries in any order, and a few new ones at both ends and amid.
fn mostly_old(seed: u64) -> (Arc<Memtable>, SeqNo) {
    const KEYS: u64 = 100_000;
    let memtable = memtable(KeyOrder::Bytes, 32 << 20, 0);
    let mut numbers: Vec<u64> = (0..KEYS).collect();
    fastrand::Rng::with_seed(seed).shuffle(&mut numbers);
    for (seqno, number) in (0..).zip(numbers) {
        insert(&memtable, &numbered(number), seqno);
    }
    memtable.write().mark_from_now();
    insert(&memtable, b"a", KEYS + 1);
    insert(&memtable, &numbered(50_000), KEYS + 2);
    insert(&memtable, &[&numbered(60_000)[..], b"/new"].concat(), KEYS + 3);
    insert(&memtable, b"z", KEYS + 4);
    (memtable, KEYS)
}

#[test]
fn skips_look_at_the_edges_of_what_is_old_only() {
    let (memtable, below) = mostly_old(3);
    for forward in [true, false] {
        let (found, steps) = newer(&mut memtable.cursor(), below, forward);
        assert_eq!(found.len(), 4);
        // The leaves with something new in them, of 64 keys each, are walked.
        assert!(steps < 4 * 64 + 20, "{steps} steps, forward: {forward}");
    }
}

#[test]
fn skips_stop_where_they_are_told() {
    let (memtable, below) = mostly_old(4);
    let mut cursor = memtable.cursor();
    // The first leaf has something new.
    cursor.seek(&numbered(1_000));
    assert!(cursor.skip_forward(Some(&numbered(49_000)), below));
    assert_eq!(cursor.key(), numbered(49_000), "nothing new in between");
    assert!(cursor.skip_forward(Some(&numbered(80_000)), below));
    assert!(cursor.key() <= &numbered(50_000)[..], "a new version of a key lies there");
    cursor.seek_for_prev(&numbered(99_000));
    assert!(cursor.skip_backward(Some(&numbered(70_000)), below));
    assert_eq!(cursor.key(), numbered(70_000));
    assert!(cursor.skip_backward(Some(&numbered(10)), below));
    assert!(cursor.key() >= &[&numbered(60_000)[..], b"/new"].concat()[..], "a new key lies there");
    // Numbers from before the marks are known as a whole only.
    cursor.seek(&numbered(10));
    assert!(!cursor.skip_forward(None, below - 1));
    assert!(!cursor.skip_backward(None, below - 1));
    assert_eq!(cursor.key(), numbered(10));
}

#[test]
fn a_memtable_without_marks_is_passed_over_as_a_whole_or_not_at_all() {
    let memtable = memtable(KeyOrder::Bytes, 1 << 20, 0);
    for number in 0..1_000 {
        insert(&memtable, &numbered(number), number);
    }
    let mut cursor = memtable.cursor();
    cursor.seek_to_first();
    assert!(!cursor.skip_forward(None, 999));
    assert!(cursor.skip_forward(Some(&numbered(500)), 1_000));
    assert_eq!(cursor.key(), numbered(500));
    assert!(cursor.skip_backward(Some(&numbered(400)), 1_000));
    assert_eq!(cursor.key(), numbered(400));
    assert!(cursor.skip_backward(None, 1_000));
    assert!(!cursor.valid());
    assert!(!cursor.skip_forward(None, 1_000));
}
