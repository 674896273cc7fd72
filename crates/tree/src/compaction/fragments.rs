//! The range tombstones of a merge: those of all inputs, fragmented together, without those that nobody needs.
//!
//! A sweep over all starts and ends makes fragments: spans that do not overlap, each with the seqnos of the tombstones over it.
//! Of these go:
//!
//! - a seqno that a newer one of the same span hides from every reader, as both lie in one stripe (INV-RANGE-5);
//! - where nothing older than the inputs lies under the span, each seqno that all readers see: all that it covers are entries
//!   of this merge, which go with it (INV-RANGE-5). Such a seqno still covers those entries, so it stays in the fragment and
//!   is only not *kept*.
//!
//! So a fragment has at most one seqno for each stripe and those at or above the watermark. Neighbours with the same seqnos
//! become one fragment.
//!
//! Cost: O(n log n) for n tombstones; and one step for each of them over each fragment at or above the watermark.
//!
//! Not here: which entries go ([`super::stream`]), which table gets which part (`crate::install`).

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use esker_mem::comparator::KeyOrder;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;

use super::limits::DropLimits;
use super::readers::Readers;
use crate::range_tombstones::span::RangeDelete;

/// A span and the seqnos of the tombstones over it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// The first key covered.
    pub start: Slice,
    /// The first key after it that is not.
    pub end: Slice,
    /// Newest first.
    seqnos: Vec<SeqNo>,
    /// How many of them are written: the first ones.
    kept: usize,
}

impl Fragment {
    /// The seqnos that are written, newest first; none if nobody needs the fragment after the merge.
    pub fn kept(&self) -> &[SeqNo] {
        self.seqnos.get(..self.kept).unwrap_or_default()
    }
}

/// All fragments of a merge, ascending and apart.
#[derive(Clone, Debug, Default)]
pub struct Fragments {
    list: Vec<Fragment>,
}

impl Fragments {
    /// Of `ranges`, in any order, none of them empty.
    pub fn new(order: &KeyOrder, ranges: &[RangeDelete], readers: &Readers, limits: &DropLimits) -> Self {
        let mut edges: Vec<&Slice> = ranges.iter().flat_map(|range| [&range.start, &range.end]).collect();
        edges.sort_unstable_by(|a, b| order.compare(a, b));
        edges.dedup_by(|a, b| order.same_key(a, b));
        let place = |key: &Slice| edges.partition_point(|edge| order.compare(edge, key) == Ordering::Less);
        let sorted = |mut places: Vec<(usize, SeqNo)>| {
            places.sort_unstable();
            places.into_iter().peekable()
        };
        let mut starts = sorted(ranges.iter().map(|range| (place(&range.start), range.seqno)).collect());
        let mut ends = sorted(ranges.iter().map(|range| (place(&range.end), range.seqno)).collect());
        let mut open: BTreeMap<SeqNo, usize> = BTreeMap::new();
        let mut fragments = Self::default();
        for (at, span) in edges.windows(2).enumerate() {
            while let Some((_, seqno)) = ends.next_if(|(end, _)| *end == at) {
                if let Some(count) = open.get_mut(&seqno).filter(|count| **count > 1) {
                    *count -= 1;
                } else {
                    open.remove(&seqno);
                }
            }
            while let Some((_, seqno)) = starts.next_if(|(start, _)| *start == at) {
                *open.entry(seqno).or_default() += 1;
            }
            if let ([start, end], false) = (span, open.is_empty()) {
                fragments.push(order, start, end, told_apart(&open, readers));
            }
        }
        let settled_below = limits.settled_below(readers);
        for fragment in &mut fragments.list {
            if limits.older.is_apart_from(order, &fragment.start, &fragment.end) {
                fragment.kept = fragment.seqnos.partition_point(|&seqno| seqno >= settled_below);
            }
        }
        fragments
    }

    fn push(&mut self, order: &KeyOrder, start: &Slice, end: &Slice, seqnos: Vec<SeqNo>) {
        match self.list.last_mut() {
            Some(last) if last.seqnos == seqnos && order.same_key(&last.end, start) => last.end = end.clone(),
            _ => {
                let kept = seqnos.len();
                self.list.push(Fragment { start: start.clone(), end: end.clone(), seqnos, kept });
            }
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// In key order.
    pub fn list(&self) -> &[Fragment] {
        &self.list
    }

    /// Whether every reader misses all of a table with these keys and seqnos anyway, for one of these tombstones: then it need
    /// not be read (INV-RANGE-4).
    pub fn hide_all(
        &self,
        order: &KeyOrder,
        readers: &Readers,
        keys: (&[u8], &[u8]),
        seqnos: (SeqNo, SeqNo),
    ) -> bool {
        let at = self.list.partition_point(|f| order.compare(&f.end, keys.0) != Ordering::Greater);
        let Some(fragment) = self.list.get(at) else { return false };
        let covers = order.compare(&fragment.start, keys.0) != Ordering::Greater
            && order.compare(&fragment.end, keys.1) == Ordering::Greater;
        let newer = fragment.seqnos.partition_point(|&seqno| seqno > seqnos.1);
        let nearest = newer.checked_sub(1).and_then(|nearest| fragment.seqnos.get(nearest));
        covers && nearest.is_some_and(|&nearest| readers.hidden_behind(nearest) <= seqnos.0)
    }
}

/// The seqnos that some reader can tell from the next newer one, newest first (INV-RANGE-5).
fn told_apart(open: &BTreeMap<SeqNo, usize>, readers: &Readers) -> Vec<SeqNo> {
    let mut seqnos: Vec<SeqNo> = open.range(readers.watermark..).rev().map(|(&seqno, _)| seqno).collect();
    let mut stripe_end = readers.watermark;
    while let Some((&newest, _)) = open.range(..stripe_end).next_back() {
        seqnos.push(newest);
        stripe_end = readers.hidden_behind(newest);
    }
    seqnos
}

/// What covers the keys of a merge, which ascend.
#[derive(Debug)]
pub struct Covering {
    fragments: Arc<Fragments>,
    order: KeyOrder,
    /// The first fragment that does not end before the current key.
    at: usize,
    /// Whether that covers the current key.
    covers: bool,
}

impl Covering {
    /// For the fragments of a merge over keys of `order`.
    pub fn new(fragments: Arc<Fragments>, order: KeyOrder) -> Self {
        Self { fragments, order, at: 0, covers: false }
    }

    /// Goes to the next key.
    pub fn enter(&mut self, key: &[u8]) {
        while let Some(fragment) = self.fragments.list.get(self.at)
            && self.order.compare(&fragment.end, key) != Ordering::Greater
        {
            self.at += 1;
        }
        let fragment = self.fragments.list.get(self.at);
        self.covers = fragment.is_some_and(|f| self.order.compare(&f.start, key) != Ordering::Greater);
    }

    /// The oldest of the tombstones that cover a version of the current key at `seqno`.
    pub fn nearest_over(&self, seqno: SeqNo) -> Option<SeqNo> {
        let seqnos = self.here().map(|fragment| fragment.seqnos.as_slice()).unwrap_or_default();
        let newer = seqnos.partition_point(|&newer| newer > seqno);
        newer.checked_sub(1).and_then(|nearest| seqnos.get(nearest)).copied()
    }

    /// Whether a tombstone that is written would cover a version of the current key if that had seqno 0, and does not at
    /// `seqno`.
    pub fn keeps_up_to(&self, seqno: SeqNo) -> bool {
        self.here().and_then(|fragment| fragment.kept().last()).is_some_and(|&oldest| oldest <= seqno)
    }

    /// The newest tombstone over any key from `first`, which is not before the current key, up to `last`.
    pub fn newest_between(&self, first: &[u8], last: &[u8]) -> Option<SeqNo> {
        let rest = self.fragments.list.get(self.at..).unwrap_or_default().iter();
        rest.skip_while(|f| self.order.compare(&f.end, first) != Ordering::Greater)
            .take_while(|f| self.order.compare(&f.start, last) != Ordering::Greater)
            .filter_map(|f| f.seqnos.first().copied())
            .max()
    }

    fn here(&self) -> Option<&Fragment> {
        if self.covers { self.fragments.list.get(self.at) } else { None }
    }
}

#[cfg(test)]
mod tests;
