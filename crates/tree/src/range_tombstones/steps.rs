//! A set of range tombstones as a step function: from each key to the newest tombstone over it.
//!
//! It forgets which tombstone lay below which, and so has at most two edges per tombstone however they overlap; two of them
//! are joined in one walk over both. Whoever must see less than all of the set asks its parts ([`super::forest`]).

use std::cmp::Ordering;

use esker_mem::comparator::KeyOrder;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;

use crate::range_tombstones::span::{RangeDelete, Span};

/// From its key up to the next edge's, `newest` is the newest.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Edge {
    key: Slice,
    newest: Option<SeqNo>,
}

/// See the module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Steps {
    /// Ascending, neighbours with different answers. Before the first and from the last on, nothing is covered.
    edges: Vec<Edge>,
}

impl Steps {
    /// Of a single tombstone.
    pub(crate) fn of(range: &RangeDelete) -> Self {
        let start = Edge { key: range.start.clone(), newest: Some(range.seqno) };
        Self { edges: vec![start, Edge { key: range.end.clone(), newest: None }] }
    }

    /// Of both sets together: O(edges).
    pub(crate) fn join(&self, other: &Self, order: &KeyOrder) -> Self {
        let mut edges: Vec<Edge> = Vec::with_capacity(self.edges.len() + other.edges.len());
        let (mut ours, mut theirs) = (self.edges.iter().peekable(), other.edges.iter().peekable());
        let (mut newest_of_ours, mut newest_of_theirs) = (None, None);
        loop {
            let (ordering, key) = match (ours.peek(), theirs.peek()) {
                (Some(a), Some(b)) => {
                    let ordering = order.compare(&a.key, &b.key);
                    (ordering, if ordering == Ordering::Greater { &b.key } else { &a.key })
                }
                (Some(a), None) => (Ordering::Less, &a.key),
                (None, Some(b)) => (Ordering::Greater, &b.key),
                (None, None) => break,
            };
            if ordering != Ordering::Greater {
                newest_of_ours = ours.next().and_then(|edge| edge.newest);
            }
            if ordering != Ordering::Less {
                newest_of_theirs = theirs.next().and_then(|edge| edge.newest);
            }
            let newest = newest_of_ours.max(newest_of_theirs);
            if edges.last().and_then(|edge| edge.newest) != newest {
                edges.push(Edge { key: key.clone(), newest });
            }
        }
        edges.shrink_to_fit();
        Self { edges }
    }

    /// What covers `key`: a binary search.
    pub(crate) fn span(&self, key: &[u8], order: &KeyOrder) -> Span<'_> {
        let next = self.edges.partition_point(|edge| order.compare(&edge.key, key) != Ordering::Greater);
        let here = next.checked_sub(1).and_then(|here| self.edges.get(here));
        Span {
            newest: here.and_then(|edge| edge.newest),
            start: here.map(|edge| &edge.key),
            end: self.edges.get(next).map(|edge| &edge.key),
        }
    }

    /// How many edges there are.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.edges.len()
    }
}
