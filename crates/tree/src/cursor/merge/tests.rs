//! The merge against a sorted vector: random sources, random walks in both directions.

use esker_env::random::{Random, SeededRandom};
use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;

use super::MergeCursor;
use crate::cursor::Cursor;
use crate::cursor::test_source::{TestEntry, VecCursor, sort};

/// Sources with distinct (key, seqno) pairs over few keys, long shared prefixes among them.
fn random_sources(random: &SeededRandom, count: u64) -> Vec<Vec<TestEntry>> {
    let mut sources = vec![Vec::new(); usize::try_from(count).unwrap()];
    for seqno in 0..random.next_u64() % 60 {
        let n = random.next_u64() % 12;
        let key = if n.is_multiple_of(2) { format!("k{n}") } else { format!("a long shared prefix {n}") };
        let source = usize::try_from(random.next_u64() % count).unwrap();
        sources[source].push((key.into_bytes(), seqno, Kind::Put));
    }
    sources
}

fn merged(sources: &[Vec<TestEntry>], order: &KeyOrder) -> (MergeCursor<VecCursor>, Vec<TestEntry>) {
    let cursors = sources.iter().map(|entries| VecCursor::new(entries.clone(), order));
    let mut all = sources.concat();
    sort(&mut all, order);
    (MergeCursor::new(cursors, order.clone()), all)
}

fn shown(cursor: &MergeCursor<VecCursor>) -> Option<TestEntry> {
    cursor.valid().then(|| (cursor.key().to_vec(), cursor.seqno(), cursor.kind()))
}

#[test]
fn walks_in_any_direction_as_over_one_sorted_vector() {
    for seed in 0..300 {
        let random = SeededRandom::new(seed);
        let sources = random_sources(&random, 1 + seed % 5);
        let (mut cursor, all) = merged(&sources, &KeyOrder::Bytes);
        let mut at: Option<usize> = None;
        for _ in 0..80 {
            let key = format!("a long shared prefix {}", random.next_u64() % 14).into_bytes();
            match (random.next_u64() % 8, at) {
                (0, _) => {
                    cursor.seek_to_first().unwrap();
                    at = Some(0);
                }
                (1, _) => {
                    cursor.seek_to_last().unwrap();
                    at = all.len().checked_sub(1);
                }
                (2, _) => {
                    cursor.seek(&key).unwrap();
                    at = Some(all.partition_point(|e| e.0 < key));
                }
                (3, _) => {
                    cursor.seek_for_prev(&key).unwrap();
                    at = all.partition_point(|e| e.0 <= key).checked_sub(1);
                }
                (4 | 5, Some(i)) => {
                    cursor.next().unwrap();
                    at = Some(i + 1);
                }
                (6 | 7, Some(i)) => {
                    cursor.prev().unwrap();
                    at = i.checked_sub(1);
                }
                _ => continue,
            }
            at = at.filter(|&i| i < all.len());
            assert_eq!(shown(&cursor), at.map(|i| all[i].clone()), "seed {seed}");
        }
    }
}

#[test]
fn the_newer_source_comes_first_where_key_and_seqno_are_equal() {
    let order = KeyOrder::Bytes;
    let newer = VecCursor::new(vec![(b"k".to_vec(), 7, Kind::Delete)], &order);
    let older = VecCursor::new(vec![(b"k".to_vec(), 7, Kind::Put)], &order);
    let mut cursor = MergeCursor::new(vec![newer, older], order);
    cursor.seek_to_first().unwrap();
    assert_eq!(cursor.kind(), Kind::Delete);
    cursor.next().unwrap();
    assert_eq!(cursor.kind(), Kind::Put);
    cursor.prev().unwrap();
    assert_eq!(cursor.kind(), Kind::Delete);
}

#[test]
fn an_error_of_a_source_leaves_the_cursor_on_nothing_and_it_can_be_used_again() {
    let order = KeyOrder::Bytes;
    let entries = |keys: &[&str]| keys.iter().map(|k| (k.as_bytes().to_vec(), 1, Kind::Put)).collect();
    let mut failing = VecCursor::new(entries(&["a", "c", "e"]), &order);
    failing.fails_in = Some(2);
    let mut cursor = MergeCursor::new(vec![VecCursor::new(entries(&["b", "d"]), &order), failing], order);
    cursor.seek_to_first().unwrap();
    cursor.next().unwrap();
    assert_eq!(cursor.key(), b"b");
    cursor.next().unwrap();
    assert!(cursor.next().is_err());
    assert!(!cursor.valid());
}

/// INV-SCAN-2: a seek whose second part fails in one source leaves the merge on nothing, though the other source stands
/// where it stood; a later seek finds both.
#[test]
fn a_source_that_cannot_be_pinned_leaves_the_cursor_on_nothing() {
    let order = KeyOrder::Bytes;
    let source = |key: &str| VecCursor::new(vec![(key.as_bytes().to_vec(), 1, Kind::Put)], &order);
    let mut cursor = MergeCursor::new([source("a"), source("b")], order.clone());
    cursor.seek(b"a").unwrap();
    assert_eq!(cursor.key(), b"a");
    cursor.children[1].cursor.fails_to_pin = true;
    assert!(cursor.seek(b"a").is_err() && !cursor.valid());
    cursor.seek_to_first().unwrap();
    assert!(cursor.seek_for_prev(b"b").is_err() && !cursor.valid());
    cursor.children[1].cursor.fails_to_pin = false;
    cursor.seek_for_prev(b"b").unwrap();
    assert_eq!(cursor.key(), b"b");
    cursor.prev().unwrap();
    assert_eq!(cursor.key(), b"a");
}
