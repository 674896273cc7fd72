//! The forest against a list, and what it costs where fragments would be quadratic.

use esker_env::random::{Random, SeededRandom};
use esker_mem::slice::Slice;

use super::*;
use crate::range_tombstones::cover::{Cover, Source};

fn key(n: u64) -> Slice {
    Slice::from(format!("{n:06}").into_bytes())
}

fn range(start: u64, end: u64, seqno: SeqNo) -> RangeDelete {
    RangeDelete { start: key(start), end: key(end), seqno }
}

fn newest(ranges: &[RangeDelete], key: &[u8], bound: SeqNo) -> Option<SeqNo> {
    let covers = |range: &&RangeDelete| *range.start <= *key && *key < *range.end && range.seqno < bound;
    ranges.iter().filter(covers).map(|range| range.seqno).max()
}

/// INV-RANGE-1: the newest tombstone below the bound, whatever order they came in; and the stretch around the key has one answer.
#[test]
fn a_forest_answers_like_a_list_at_every_bound() {
    for seed in 0..60 {
        let random = SeededRandom::new(seed);
        let below = |n: u64| random.next_u64() % n;
        let (mut forest, mut ranges) = (Forest::default(), Vec::new());
        for n in 0..40 {
            let (a, b) = (below(30), below(30));
            let seqno = if seed % 2 == 0 { n } else { below(60) };
            let added = range(a.min(b), a.max(b) + 1, seqno);
            forest = forest.with(added.clone(), &KeyOrder::Bytes);
            ranges.push(added);
            let (wanted, bound) = (key(below(32)), below(62));
            let span = forest.span(&wanted, bound, &KeyOrder::Bytes);
            assert_eq!(span.newest, newest(&ranges, &wanted, bound), "seed {seed}");
            for other in (0..32).map(key) {
                let inside =
                    span.start.is_none_or(|start| *start <= other) && span.end.is_none_or(|end| other < *end);
                if inside {
                    assert_eq!(newest(&ranges, &other, bound), span.newest, "seed {seed}");
                }
            }
        }
        assert_eq!(forest.len(), 40);
        let mut each = Vec::new();
        forest.each(|range| each.push(range.clone()));
        assert_eq!(each, ranges, "in the order in which they came");
    }
}

/// A queue that deletes its beginning again and again: fragments with all their seqnos would be five thousand million. The same for
/// ranges that lie in each other, and apart.
#[test]
fn a_hundred_thousand_range_deletes_are_not_quadratic() {
    type Shape = fn(u64) -> (u64, u64);
    let shapes: [Shape; 3] = [|n| (0, n + 1), |n| (n, 400_000 - n), |n| (2 * n, 2 * n + 1)];
    for shape in shapes {
        let mut forest = Forest::default();
        for n in 0..100_000 {
            let (start, end) = shape(n);
            forest = forest.with(range(start, end, n), &KeyOrder::Bytes);
            if n % 100 == 0 {
                // Asked in between, at the latest and at an old bound.
                let _ = forest.span(&key(n), n + 1, &KeyOrder::Bytes);
                let _ = forest.span(&key(n), n / 3, &KeyOrder::Bytes);
            }
        }
        let edges: usize = forest.sets.iter().map(|set| set.edges()).sum();
        assert!(edges < 100_000 * 2 * 8, "{edges} edges for two of each tombstone");
        let (start, _) = shape(77_777);
        assert!(forest.span(&key(start), 77_778, &KeyOrder::Bytes).newest.is_some());
    }
}

impl Set {
    /// Its edges and those of its parts, each part once.
    fn edges(&self) -> usize {
        let parts = match &self.parts {
            Parts::One(_) => 0,
            Parts::Many(parts) => parts.iter().map(|part| part.edges()).sum(),
        };
        self.steps.len() + parts
    }
}

/// The cover of a scan asks again only where its answer ends, in both directions.
#[test]
fn a_cover_holds_as_far_as_it_says() {
    for seed in 0..40 {
        let random = SeededRandom::new(seed);
        let below = |n: u64| random.next_u64() % n;
        let mut sources = Vec::new();
        let mut ranges = Vec::new();
        for _ in 0..3 {
            let mut forest = Forest::default();
            for _ in 0..4 {
                let start = below(30);
                let added = range(start, start + 1 + below(6), below(40));
                forest = forest.with(added.clone(), &KeyOrder::Bytes);
                ranges.push(added);
            }
            sources.push(Source::Memtable(Arc::new(forest)));
        }
        let mut cover = Cover::new(sources, KeyOrder::Bytes, 30).unwrap();
        for _ in 0..200 {
            let wanted = key(below(40));
            assert_eq!(cover.at(&wanted).0.newest, newest(&ranges, &wanted, 30));
        }
    }
}
