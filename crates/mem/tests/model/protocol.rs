//! One writer, two readers, a list of operations: whatever was published is found, exactly.

use crate::comparator::KeyOrder;
use crate::kind::Kind;
use crate::memtable::{Memtable, MemtableCursor, MemtableOptions};
use crate::seqno::SeqNo;
use crate::sync::Fault;
use esker_testkit::model::{catches, explore, schedules};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Keys in the order of their insertion; the position is the sequence number.
type Script = &'static [&'static str];

/// Splits in the middle, at the end, and of inner nodes, with prefixes that shrink and grow.
const SPLITS: Script = &[
    "t/m", "t/d", "t/t", "t/h", "t/p", "t/b", "t/f", "t/k", "t/n", "t/r", "t/e", "t/g", "u", "t/ga", "a",
    "t/gb", "t/gc", "t/gd",
];
/// In order: the rightmost leaf is appended to.
const ASCENDING: Script = &["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p"];
/// Overwrites among inserts: chains grow while leaves split.
const VERSIONS: Script = &["k", "k", "b", "k", "x", "m", "k", "d", "b", "k", "l", "k", "x"];
/// Enough keys for the hash index to double twice, since it begins with sixteen slots.
const HASHES: Script = &[
    "00", "01", "02", "03", "04", "05", "06", "07", "08", "09", "10", "11", "12", "13", "14", "15", "16",
    "17", "18", "19", "20", "21", "22", "23",
];

fn hash(key: &str) -> u64 {
    key.bytes().fold(17, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

const SCHEDULES: usize = 400;

fn new_memtable() -> Arc<Memtable> {
    let order = KeyOrder::Bytes;
    Arc::new(Memtable::new(MemtableOptions {
        order,
        capacity_bytes: 1 << 16,
        expected_entries: 0,
        pool: None,
    }))
}

fn insert(memtable: &Memtable, key: &str, seqno: SeqNo) {
    let value = format!("{key}@{seqno}");
    memtable.write().insert(key.as_bytes(), hash(key), seqno, Kind::Put, value.as_bytes()).unwrap();
}

/// The entry at the cursor, which must be whole: the value tells what key and number it belongs to.
fn here(cursor: &MemtableCursor) -> (String, SeqNo) {
    let key = String::from_utf8(cursor.key().to_vec()).unwrap();
    assert_eq!(cursor.value(), format!("{key}@{}", cursor.seqno()).as_bytes());
    (key, cursor.seqno())
}

type Internal = (String, Reverse<SeqNo>);

/// What a scan sees below `bound`, checking that all of it is in order.
fn scan(cursor: &mut MemtableCursor, bound: SeqNo, forward: bool) -> BTreeSet<Internal> {
    let mut seen = BTreeSet::new();
    let mut last: Option<Internal> = None;
    if forward {
        cursor.seek_to_first()
    } else {
        cursor.seek_to_last()
    }
    while cursor.valid() {
        let (key, seqno) = here(cursor);
        let entry = (key, Reverse(seqno));
        assert!(last.is_none_or(|last| if forward { last < entry } else { last > entry }), "out of order");
        if seqno < bound {
            seen.insert(entry.clone());
        }
        last = Some(entry);
        if forward { cursor.next() } else { cursor.prev() }
    }
    seen
}

/// What a scan sees from `from` up to `bound` that passes over what is older where it can.
fn scan_new(cursor: &mut MemtableCursor, from: SeqNo, bound: SeqNo, forward: bool) -> BTreeSet<Internal> {
    let mut seen = BTreeSet::new();
    if forward {
        cursor.seek_to_first()
    } else {
        cursor.seek_to_last()
    }
    while cursor.valid() {
        let (key, seqno) = here(cursor);
        if (from..bound).contains(&seqno) {
            seen.insert((key, Reverse(seqno)));
        }
        let skips = seqno < from
            && if forward { cursor.skip_forward(None, from) } else { cursor.skip_backward(None, from) };
        if !skips {
            if forward { cursor.next() } else { cursor.prev() }
        }
    }
    seen
}

fn read(memtable: &Arc<Memtable>, script: Script, bound: SeqNo, how: usize) {
    let count = usize::try_from(bound).unwrap();
    let written: Vec<_> = (0..).zip(&script[..count]).map(|(seqno, key)| (*key, seqno)).collect();
    match how {
        0 => {
            let newest: BTreeMap<&str, SeqNo> = written.iter().copied().collect();
            for key in script {
                let found = memtable.get(key.as_bytes(), hash(key), bound).map(|version| version.seqno);
                assert_eq!(found, newest.get(key).copied(), "get of {key} below {bound}");
            }
        }
        1 => {
            let mut cursor = memtable.cursor();
            for (key, _) in &written {
                cursor.seek(key.as_bytes());
                assert_eq!(here(&cursor).0, *key, "seek");
                cursor.seek_for_prev(key.as_bytes());
                assert_eq!(here(&cursor).0, *key, "seek for prev");
            }
        }
        PASSING | PASSING_BACK => {
            let from = bound.saturating_sub(3);
            let newest = written.iter().filter(|(_, seqno)| *seqno >= from);
            let expected: BTreeSet<Internal> =
                newest.map(|(key, seqno)| ((*key).to_owned(), Reverse(*seqno))).collect();
            assert_eq!(scan_new(&mut memtable.cursor(), from, bound, how == PASSING), expected);
        }
        _ => {
            let expected: BTreeSet<Internal> =
                written.iter().map(|(key, seqno)| ((*key).to_owned(), Reverse(*seqno))).collect();
            assert_eq!(scan(&mut memtable.cursor(), bound, how == 2), expected);
        }
    }
}

/// Ways to read: scans that pass over what is old.
const PASSING: usize = 4;
const PASSING_BACK: usize = 5;

/// Inserts the script, from `present` on while two readers read in two of the six ways.
fn model(script: Script, present: usize, ways: [usize; 2]) {
    let memtable = new_memtable();
    let mut seqno = 0;
    for key in &script[..present] {
        insert(&memtable, key, seqno);
        seqno += 1;
    }
    if ways.iter().any(|how| *how >= PASSING) {
        memtable.write().mark_from_now();
    }
    let published = Arc::new(shuttle::sync::atomic::AtomicU64::new(seqno));
    let readers = ways.map(|how| {
        let (memtable, published) = (Arc::clone(&memtable), Arc::clone(&published));
        shuttle::thread::spawn(move || {
            for _ in 0..2 {
                let bound = published.load(std::sync::atomic::Ordering::Acquire);
                read(&memtable, script, bound, how);
            }
        })
    });
    for key in &script[present..] {
        insert(&memtable, key, seqno);
        seqno += 1;
        published.store(seqno, std::sync::atomic::Ordering::Release);
    }
    for reader in readers {
        reader.join().unwrap();
    }
}

#[test]
fn splits_lose_nothing() {
    for ways in [[0, 1], [1, 2], [1, 3], [2, 3]] {
        explore(move || model(SPLITS, 4, ways), schedules(SCHEDULES));
    }
}

#[test]
fn appending_loses_nothing() {
    for ways in [[1, 2], [1, 3]] {
        explore(move || model(ASCENDING, 3, ways), schedules(SCHEDULES));
    }
}

#[test]
fn chains_lose_nothing() {
    for ways in [[0, 2], [0, 3]] {
        explore(move || model(VERSIONS, 1, ways), schedules(SCHEDULES));
    }
}

/// INV-MEM-16: what is new is never passed over.
#[test]
fn passing_over_what_is_old_loses_nothing() {
    for (script, ways) in [(SPLITS, [PASSING, PASSING_BACK]), (VERSIONS, [PASSING, PASSING_BACK])] {
        explore(move || model(script, 1, ways), schedules(SCHEDULES));
    }
}

/// INV-MEM-16: if a split does not hand its mark on, what went to the new node is passed over.
#[test]
fn the_model_catches_splits_that_forget_marks() {
    assert!(catches(Fault::ForgetsMarks, || model(SPLITS, 1, [PASSING, PASSING_BACK])));
}

/// INV-MEM-8.
#[test]
fn a_growing_hash_index_loses_nothing() {
    explore(move || model(HASHES, 8, [0, 0]), schedules(SCHEDULES));
}

/// INV-MEM-9: a version that goes between two others is seen whole or not at all, and hides neither.
#[test]
fn versions_out_of_order_are_linked_whole() {
    shuttle::check_pct(
        || {
            let memtable = new_memtable();
            insert(&memtable, "k", 10);
            insert(&memtable, "k", 30);
            let reader = {
                let memtable = Arc::clone(&memtable);
                shuttle::thread::spawn(move || {
                    let seen: Vec<_> =
                        memtable.versions(b"k", hash("k"), SeqNo::MAX).map(|version| version.seqno).collect();
                    assert!(
                        seen.is_sorted_by(|a, b| a > b) && seen.contains(&10) && seen.contains(&30),
                        "{seen:?}"
                    );
                    let mut cursor = memtable.cursor();
                    let back = scan(&mut cursor, SeqNo::MAX, false);
                    assert!(back.len() >= 2);
                })
            };
            for seqno in [20, 5, 25, 30, 40] {
                insert(&memtable, "k", seqno);
            }
            reader.join().unwrap();
            assert_eq!(scan(&mut memtable.cursor(), SeqNo::MAX, true).len(), 6);
        },
        schedules(SCHEDULES),
        3,
    );
}

/// Two writers look without the lock and insert with it, while the other one splits the leaves that they saw.
fn lookers() {
    let memtable = new_memtable();
    let seqno = Arc::new(std::sync::atomic::AtomicU64::new(0));
    for key in &SPLITS[..4] {
        insert(&memtable, key, seqno.fetch_add(1, std::sync::atomic::Ordering::SeqCst));
    }
    let writers: Vec<_> = (0..2)
        .map(|first| {
            let (memtable, seqno) = (Arc::clone(&memtable), Arc::clone(&seqno));
            shuttle::thread::spawn(move || {
                for key in SPLITS[4..].iter().skip(first).step_by(2) {
                    let place = memtable.look(key.as_bytes(), hash(key));
                    let mut writer = memtable.write();
                    let seqno = seqno.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    let value = format!("{key}@{seqno}");
                    writer.insert_at(key.as_bytes(), &place, seqno, Kind::Put, value.as_bytes()).unwrap();
                }
            })
        })
        .collect();
    scan(&mut memtable.cursor(), SeqNo::MAX, true);
    for writer in writers {
        writer.join().unwrap();
    }
    let seqnos: BTreeSet<_> = (0..u64::try_from(SPLITS.len()).unwrap()).collect();
    for forward in [true, false] {
        let seen = scan(&mut memtable.cursor(), SeqNo::MAX, forward);
        assert_eq!(seen.iter().map(|(_, seqno)| seqno.0).collect::<BTreeSet<_>>(), seqnos);
    }
    let mut cursor = memtable.cursor();
    for key in SPLITS {
        assert!(memtable.get(key.as_bytes(), hash(key), SeqNo::MAX).is_some(), "get of {key}");
        cursor.seek(key.as_bytes());
        assert_eq!(here(&cursor).0, *key, "seek");
    }
}

/// INV-MEM-11.
#[test]
fn places_seen_without_the_lock_are_checked_under_it() {
    explore(lookers, schedules(SCHEDULES));
}

/// INV-MEM-11: without the check, a key goes into a leaf that a split took its range from.
#[test]
fn the_model_catches_writers_that_trust_old_leaves() {
    assert!(catches(Fault::TrustsOldLeaves, lookers));
}

/// INV-MEM-6: without the move to the right, a key that a split moved is missed.
#[test]
fn the_model_catches_readers_that_do_not_move_right() {
    assert!(catches(Fault::StaysLeft, || model(SPLITS, 4, [1, 1])));
    assert!(catches(Fault::StaysLeft, || model(SPLITS, 4, [3, 3])));
}

/// INV-MEM-3, INV-MEM-4: without asking whether the node changed, a reader believes what was never there.
#[test]
fn the_model_catches_readers_that_believe_torn_reads() {
    assert!(catches(Fault::BelievesTornReads, || model(SPLITS, 4, [1, 1])));
}
