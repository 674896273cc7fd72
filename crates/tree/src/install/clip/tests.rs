//! Fragments shared out to tables: nothing lost, nothing doubled, and tables that can be told apart.

use std::sync::Arc;

use esker_env::random::{Random, SeededRandom};
use esker_mem::comparator::UserComparator;
use esker_mem::seqno::MAX_SEQNO;

use super::*;
use crate::compaction::limits::{DropLimits, OlderData};
use crate::compaction::readers::Readers;
use crate::range_tombstones::span::RangeDelete;

struct Reversed;

impl UserComparator for Reversed {
    fn name(&self) -> &str {
        "reversed"
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        b.cmp(a)
    }
}

/// INV-RANGE-7, under byte order and another one.
#[test]
fn tables_share_range_tombstones_out_and_stay_apart() {
    let mut refused = 0;
    for seed in 0..400 {
        let random = SeededRandom::new(seed);
        let below = |n: u64| random.next_u64() % n;
        let order = if seed % 2 == 0 { KeyOrder::Bytes } else { KeyOrder::new(Arc::new(Reversed)) };
        let key = |n: u64| vec![b'a' + u8::try_from(n).unwrap(); if n.is_multiple_of(2) { 1 } else { 2 }];
        let mut keys: Vec<Vec<u8>> = (0..20).map(key).collect();
        keys.sort_by(|a, b| order.compare(a, b));
        let at = |n: u64| Slice::new(&keys[usize::try_from(n).unwrap()]);
        let ranges: Vec<RangeDelete> = (0..below(6))
            .map(|_| {
                let start = below(18);
                let end = start + 1 + below(if seed % 3 == 0 { 2 } else { 19 - start });
                RangeDelete { start: at(start), end: at(end), seqno: below(20) }
            })
            .collect();
        let limits = DropLimits {
            older: OlderData::new(vec![(at(0), at(19))], &order),
            newer_lowest_seqno: MAX_SEQNO,
            out_of_order: false,
            last_level: false,
        };
        let readers = Readers { watermark: below(30), snapshots: vec![] };
        let fragments = Arc::new(Fragments::new(&order, &ranges, &readers, &limits));
        let mut clip = Clip::new(order.clone(), Arc::clone(&fragments));
        // Entries with some of the keys, and tables that end between some of these.
        let entries: Vec<&Vec<u8>> = keys.iter().filter(|_| below(2) == 0).collect();
        let mut tables: Vec<(Vec<Vec<u8>>, Vec<Piece>)> = vec![(vec![], vec![])];
        for entry in entries {
            let (held, pieces) = tables.last_mut().unwrap();
            if let Some(last) = held.last().filter(|_| below(3) == 0) {
                match clip.up_to(last, entry) {
                    Some(taken) => {
                        *pieces = taken;
                        tables.push((vec![], vec![]));
                    }
                    None => refused += 1,
                }
            }
            tables.last_mut().unwrap().0.push(entry.clone());
        }
        tables.last_mut().unwrap().1 = clip.rest();
        check(&order, &fragments, &tables, &format!("seed {seed}"));
    }
    assert!(refused > 0, "the other order never had to wait");
}

fn check(order: &KeyOrder, fragments: &Fragments, tables: &[(Vec<Vec<u8>>, Vec<Piece>)], context: &str) {
    // Joined again, the pieces are the fragments.
    let mut joined: Vec<Piece> = Vec::new();
    for piece in tables.iter().flat_map(|(_, pieces)| pieces) {
        match joined.last_mut() {
            Some(last) if last.end == piece.start && last.seqnos == piece.seqnos => {
                last.end = piece.end.clone();
            }
            _ => joined.push(piece.clone()),
        }
    }
    let all: Vec<Piece> = fragments.list().iter().filter_map(|f| piece(f, None, None)).collect();
    assert_eq!(joined, all, "{context}");
    // The bounds as a table's writer takes them.
    let bounds = tables.iter().filter_map(|(held, pieces)| {
        let mut all: Vec<Vec<u8>> = held.clone();
        all.extend(pieces.iter().map(|piece| piece.start.to_vec()));
        let after = held.last().map(|last| [last.as_slice(), &[0]].concat());
        let ends = pieces.iter().map(|piece| piece.end.to_vec());
        all.extend(ends.filter(|end| !order.is_bytes() || Some(end) != after.as_ref()));
        all.sort_by(|a, b| order.compare(a, b));
        Some((all.first()?.clone(), all.last()?.clone()))
    });
    let bounds: Vec<_> = bounds.collect();
    for pair in bounds.windows(2) {
        assert_eq!(order.compare(&pair[0].1, &pair[1].0), Ordering::Less, "{context}: {pair:?}");
    }
}

#[test]
fn no_table_ends_behind_the_longest_key() {
    let fragments = Arc::new(Fragments::default());
    let mut clip = Clip::new(KeyOrder::Bytes, fragments);
    assert_eq!(clip.up_to(&vec![1; MAX_KEY_BYTES], b"\x02"), None);
    assert_eq!(clip.up_to(&vec![1; MAX_KEY_BYTES - 1], b"\x02"), Some(vec![]));
}
