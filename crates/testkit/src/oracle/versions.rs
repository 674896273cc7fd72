//! Every version ever written, read at any bound: [`Versions`].
//!
//! A read at bound `R` sees exactly the versions with `seqno < R`, newest first. A range tombstone covers strictly
//! smaller seqnos. Each change of a batch has a seqno of its own.

use std::collections::BTreeMap;
use std::ops::Bound;

use esker_mem::seqno::SeqNo;

use crate::oracle::change::{Change, Key, Keyspace, MergeFn, Op, Value};
use crate::oracle::state::{Place, State};

#[derive(Clone, Debug)]
enum Version {
    Put(Value),
    Delete,
    Merge(Value),
}

#[derive(Clone, Debug)]
struct RangeTombstone {
    keyspace: Keyspace,
    start: Key,
    end: Key,
    seqno: SeqNo,
}

/// A database that forgets nothing.
#[derive(Clone, Debug)]
pub struct Versions {
    /// By place, in the order of their seqnos.
    points: BTreeMap<Place, Vec<(SeqNo, Version)>>,
    ranges: Vec<RangeTombstone>,
    next_seqno: SeqNo,
    merge: MergeFn,
}

impl Versions {
    /// An empty database whose first seqno is 0.
    #[must_use]
    pub fn new(merge: MergeFn) -> Self {
        Self { points: BTreeMap::new(), ranges: Vec::new(), next_seqno: 0, merge }
    }

    /// The bound that sees everything written so far.
    #[must_use]
    pub fn bound(&self) -> SeqNo {
        self.next_seqno
    }

    /// Writes changes in order, and returns the bound that sees them.
    pub fn apply(&mut self, changes: &[Change]) -> SeqNo {
        for change in changes {
            self.apply_at(change, self.next_seqno);
        }
        self.next_seqno
    }

    /// Writes one change at a seqno, which may be out of order.
    pub fn apply_at(&mut self, change: &Change, seqno: SeqNo) {
        self.next_seqno = self.next_seqno.max(seqno + 1);
        let keyspace = change.keyspace;
        let (key, version) = match &change.op {
            Op::Put(key, value) => (key, Version::Put(value.clone())),
            Op::Delete(key) | Op::SingleDelete(key) => (key, Version::Delete),
            Op::Merge(key, operand) => (key, Version::Merge(operand.clone())),
            Op::DeleteRange(start, end) => {
                self.ranges.push(RangeTombstone { keyspace, start: start.clone(), end: end.clone(), seqno });
                return;
            }
        };
        let versions = self.points.entry((keyspace, key.clone())).or_default();
        let position = versions.partition_point(|(other, _)| *other <= seqno);
        versions.insert(position, (seqno, version));
    }

    /// What a read of a key at a bound sees.
    #[must_use]
    pub fn get(&self, keyspace: Keyspace, key: &[u8], bound: SeqNo) -> Option<Value> {
        let place = (keyspace, key.to_vec());
        self.read(&place, self.points.get(&place)?, bound)
    }

    /// What a scan at a bound sees, in ascending order.
    #[must_use]
    pub fn scan(
        &self,
        keyspace: Keyspace,
        start: Bound<&[u8]>,
        end: Bound<&[u8]>,
        bound: SeqNo,
    ) -> Vec<(Key, Value)> {
        let after = |key: &[u8]| match start {
            Bound::Included(start) => key >= start,
            Bound::Excluded(start) => key > start,
            Bound::Unbounded => true,
        };
        let before = |key: &[u8]| match end {
            Bound::Included(end) => key <= end,
            Bound::Excluded(end) => key < end,
            Bound::Unbounded => true,
        };
        let first = match start {
            Bound::Included(start) | Bound::Excluded(start) => start.to_vec(),
            Bound::Unbounded => Vec::new(),
        };
        self.points
            .range((keyspace, first)..)
            .take_while(|((of, key), _)| *of == keyspace && before(key))
            .filter(|((_, key), _)| after(key))
            .filter_map(|(place, versions)| Some((place.1.clone(), self.read(place, versions, bound)?)))
            .collect()
    }

    /// Everything a read at a bound sees.
    #[must_use]
    pub fn state(&self, bound: SeqNo) -> State {
        let mut state = State::new();
        for (place, versions) in &self.points {
            if let Some(value) = self.read(place, versions, bound) {
                state.insert(place.0, place.1.clone(), value);
            }
        }
        state
    }

    fn read(&self, place: &Place, versions: &[(SeqNo, Version)], bound: SeqNo) -> Option<Value> {
        let covered_below = self
            .ranges
            .iter()
            .filter(|range| range.seqno < bound && range.keyspace == place.0)
            .filter(|range| range.start <= place.1 && place.1 < range.end)
            .map(|range| range.seqno)
            .max()
            .unwrap_or(0);
        let visible = versions.iter().rev().filter(|(seqno, _)| *seqno < bound && *seqno >= covered_below);
        let mut operands: Vec<&[u8]> = Vec::new();
        let mut base = None;
        for (_, version) in visible {
            match version {
                Version::Merge(operand) => operands.push(operand),
                Version::Delete => break,
                Version::Put(value) => {
                    base = Some(value);
                    break;
                }
            }
        }
        if operands.is_empty() {
            return base.cloned();
        }
        operands.reverse();
        Some((self.merge)(base.map(Vec::as_slice), &operands))
    }
}

#[cfg(test)]
mod tests;
