//! The range tombstones of a merge, shared out to the tables that it writes.
//!
//! A table ends between two keys, the last one that it holds and the next one to come. What range tombstones cover up to
//! somewhere in between goes to the table, and the rest to those behind it: every part to one table, none to two
//! (INV-RANGE-7). Tables of a run must not share a key, so that somewhere has to leave the two tables apart by keys that can be
//! compared, their bounds included:
//!
//! - Under byte order the part that a table gets ends with the first key that could follow its last one.
//! - Other orders cannot name such a key. There, tables end only where no range tombstone reaches from one to the other; until
//!   then they grow beyond their size.

use std::cmp::Ordering;
use std::sync::Arc;

use esker_format::limits::MAX_KEY_BYTES;
use esker_mem::comparator::KeyOrder;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;

use crate::compaction::fragments::{Fragment, Fragments};

/// A span of keys and the tombstones over it, of one table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) start: Slice,
    pub(crate) end: Slice,
    /// Newest first.
    pub(crate) seqnos: Vec<SeqNo>,
}

/// What is still to be shared out.
pub(crate) struct Clip {
    order: KeyOrder,
    fragments: Arc<Fragments>,
    /// The first fragment of which something is left.
    next: usize,
    /// Where what is left of it begins, if not at its start.
    from: Option<Slice>,
}

impl Clip {
    pub(crate) fn new(order: KeyOrder, fragments: Arc<Fragments>) -> Self {
        Self { order, fragments, next: 0, from: None }
    }

    /// What a table gets that ends between `last`, its last key, and `next`, the first one behind it; none if it cannot end
    /// there.
    pub(crate) fn up_to(&mut self, last: &[u8], next: &[u8]) -> Option<Vec<Piece>> {
        if self.order.is_bytes() {
            let end = key_after(last)?;
            return Some(self.take(Some(&end)));
        }
        let list = self.fragments.list().get(self.next..).unwrap_or_default();
        let begun = list.partition_point(|f| self.order.compare(&f.start, last) != Ordering::Greater);
        let parts_from = |key: &[u8]| {
            let end = begun.checked_sub(1).and_then(|last| list.get(last)).map(|f| &f.end);
            end.is_none_or(|end| self.order.compare(end, key) == Ordering::Less)
        };
        if !parts_from(next) || !list.get(begun).is_none_or(|f| parts_from(&f.start)) {
            return None;
        }
        let pieces = list.iter().take(begun).filter_map(|fragment| piece(fragment, None, None)).collect();
        self.next += begun;
        Some(pieces)
    }

    /// What the last table gets.
    pub(crate) fn rest(&mut self) -> Vec<Piece> {
        self.take(None)
    }

    /// All that is left before `end`.
    fn take(&mut self, end: Option<&Slice>) -> Vec<Piece> {
        let mut pieces = Vec::new();
        while let Some(fragment) = self.fragments.list().get(self.next) {
            let start = self.from.as_ref().unwrap_or(&fragment.start);
            if end.is_some_and(|end| self.order.compare(start, end) != Ordering::Less) {
                break;
            }
            let cut = end.filter(|end| self.order.compare(&fragment.end, end) == Ordering::Greater);
            pieces.extend(piece(fragment, self.from.take(), cut));
            if cut.is_some() {
                self.from = cut.cloned();
                break;
            }
            self.next += 1;
        }
        pieces
    }
}

/// The part of a fragment that is written; none if nobody needs it.
fn piece(fragment: &Fragment, start: Option<Slice>, end: Option<&Slice>) -> Option<Piece> {
    let seqnos = fragment.kept().to_vec();
    (!seqnos.is_empty()).then(|| Piece {
        start: start.unwrap_or_else(|| fragment.start.clone()),
        end: end.unwrap_or(&fragment.end).clone(),
        seqnos,
    })
}

/// The first key after `key` in byte order; none behind the longest ones, which have none that a table must be told from.
fn key_after(key: &[u8]) -> Option<Slice> {
    (key.len() < MAX_KEY_BYTES).then(|| Slice::from([key, &[0]].concat()))
}

#[cfg(test)]
mod tests;
