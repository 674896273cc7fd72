//! Fragments against a list of tombstones: what covers stays the same for every reader who may still come.

use esker_env::random::{Random, SeededRandom};
use esker_mem::seqno::MAX_SEQNO;

use super::*;
use crate::compaction::limits::OlderData;

fn key(n: u64) -> Slice {
    Slice::from(format!("{n:06}").into_bytes())
}

fn limits(older: Vec<(Slice, Slice)>) -> DropLimits {
    DropLimits {
        older: OlderData::new(older, &KeyOrder::Bytes),
        newer_lowest_seqno: MAX_SEQNO,
        out_of_order: false,
        last_level: false,
    }
}

fn newest(seqnos: &[SeqNo], bound: SeqNo) -> Option<SeqNo> {
    seqnos.iter().copied().filter(|seqno| *seqno < bound).max()
}

/// INV-RANGE-5: a version that is hidden before is hidden afterwards, at every bound that may be read at, and no other; unless nothing
/// older is there to be hidden.
#[test]
fn no_reader_misses_a_dropped_range_tombstone() {
    let mut dropped = 0;
    for seed in 0..400 {
        let random = SeededRandom::new(seed);
        let below = |n: u64| random.next_u64() % n;
        let ranges: Vec<RangeDelete> = (0..1 + below(12))
            .map(|_| {
                let start = below(16);
                RangeDelete { start: key(start), end: key(start + 1 + below(6)), seqno: below(20) }
            })
            .collect();
        let watermark = below(24);
        let mut snapshots: Vec<SeqNo> = (0..below(4)).map(|_| below(watermark.max(1))).collect();
        snapshots.retain(|bound| *bound < watermark);
        snapshots.sort_unstable();
        snapshots.dedup();
        let readers = Readers { watermark, snapshots: snapshots.clone() };
        let limits = limits(vec![(key(0), key(7)), (key(13), key(13))]);
        let fragments = Fragments::new(&KeyOrder::Bytes, &ranges, &readers, &limits);
        assert!(fragments.list().is_sorted_by(|a, b| a.end <= b.start));
        for n in 0..24 {
            let covers = |range: &&RangeDelete| range.start <= key(n) && key(n) < range.end;
            let before: Vec<SeqNo> = ranges.iter().filter(covers).map(|range| range.seqno).collect();
            let fragment = fragments.list().iter().find(|f| f.start <= key(n) && key(n) < f.end);
            let all = fragment.map_or(&[][..], |f| f.seqnos.as_slice());
            let kept = fragment.map_or(&[][..], Fragment::kept);
            assert!(all.is_sorted_by(|a, b| a > b));
            let bounds = snapshots.iter().copied().chain(watermark..26);
            for (bound, version) in bounds.flat_map(|bound| (0..bound).map(move |version| (bound, version))) {
                let hides = |seqnos: &[SeqNo]| newest(seqnos, bound).is_some_and(|newest| version < newest);
                assert_eq!(hides(&before), hides(all), "key {n} version {version} at {bound}, seed {seed}");
                let has_older = n <= 7 || n == 13;
                assert!(hides(&before) == hides(kept) || !has_older);
            }
            for seqno in all.iter().filter(|seqno| !kept.contains(seqno)) {
                dropped += 1;
                assert!(*seqno < watermark && snapshots.iter().all(|bound| seqno < bound));
            }
        }
    }
    assert!(dropped > 500, "only {dropped} were dropped");
}

/// A hundred thousand of them, over each other and side by side, leave a fragment for each span that differs.
#[test]
fn a_hundred_thousand_range_tombstones_are_not_quadratic() {
    type Shape = fn(u64) -> (u64, u64);
    let shapes: [(Shape, usize); 3] =
        [(|n| (0, n + 1), 1), (|n| (n, 400_000 - n), 199_999), (|n| (2 * n, 2 * n + 1), 100_000)];
    for (shape, expected) in shapes {
        let ranges: Vec<RangeDelete> = (0..100_000)
            .map(|n| {
                let (start, end) = shape(n);
                RangeDelete { start: key(start), end: key(end), seqno: n }
            })
            .collect();
        let readers = Readers { watermark: 100_000, snapshots: vec![] };
        let fragments =
            Fragments::new(&KeyOrder::Bytes, &ranges, &readers, &limits(vec![(key(0), key(500_000))]));
        let seqnos: usize = fragments.list().iter().map(|f| f.seqnos.len()).sum();
        assert_eq!((seqnos, fragments.list().len() <= expected), (fragments.list().len(), true));
    }
}

/// INV-RANGE-4: a table is left unread only if one tombstone hides all of it.
#[test]
fn a_table_is_hidden_only_as_a_whole() {
    let ranges = [RangeDelete { start: key(10), end: key(20), seqno: 50 }];
    let hides = |readers: &Readers, keys: (u64, u64), seqnos| {
        let fragments = Fragments::new(&KeyOrder::Bytes, &ranges, readers, &limits(vec![]));
        fragments.hide_all(&KeyOrder::Bytes, readers, (&key(keys.0), &key(keys.1)), seqnos)
    };
    let all_see = Readers { watermark: 60, snapshots: vec![] };
    assert!(hides(&all_see, (10, 19), (0, 49)));
    assert!(!hides(&all_see, (9, 19), (0, 49)), "it begins before");
    assert!(!hides(&all_see, (10, 20), (0, 49)), "its last key is not covered");
    assert!(!hides(&all_see, (10, 19), (0, 50)), "it is not older");
    assert!(
        !hides(&Readers { watermark: 50, snapshots: vec![] }, (10, 19), (0, 49)),
        "somebody may not see the tombstone"
    );
    let snapshot = Readers { watermark: 60, snapshots: vec![30] };
    assert!(!hides(&snapshot, (10, 19), (29, 49)), "a snapshot sees a part of it");
    assert!(hides(&snapshot, (10, 19), (30, 49)));
}
