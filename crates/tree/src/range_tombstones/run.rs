//! The range tombstones of a run: those of its tables, one after the other.
//!
//! Each table holds what lies between its bounds and nothing else (INV-RANGE-7), so the tables' fragments ascend as the tables
//! do, and a search is two binary searches.

use std::cmp::Ordering;
use std::sync::Arc;

use esker_format::range_tombstones::{Fragment, RangeTombstones};
use esker_mem::comparator::KeyOrder;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;

use crate::range_tombstones::span::Span;

/// Those of the tables that have any, in key order.
#[derive(Clone, Debug, Default)]
pub(crate) struct RunTombstones {
    tables: Arc<[Arc<RangeTombstones>]>,
}

impl RunTombstones {
    /// Of tables in key order; those without any are left out.
    pub(crate) fn new(tables: impl Iterator<Item = Arc<RangeTombstones>>) -> Self {
        Self { tables: tables.filter(|table| !table.is_empty()).collect() }
    }

    /// Whether there are none.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// The newest tombstone below `bound` over `key`, and around it.
    pub(crate) fn span(&self, key: &[u8], bound: SeqNo, order: &KeyOrder) -> Span<'_> {
        let at = self.tables.partition_point(|table| {
            end_of(table).is_none_or(|end| order.compare(end, key) != Ordering::Greater)
        });
        let end_before = || at.checked_sub(1).and_then(|before| end_of(self.tables.get(before)?));
        let Some(table) = self.tables.get(at) else {
            return Span { newest: None, start: end_before(), end: None };
        };
        let next = table.first_ending_after(key, order);
        let before = || next.checked_sub(1).and_then(|before| table.fragments().get(before));
        let Some(fragment) = table.fragments().get(next) else { return Span::CLEAR };
        if order.compare(&fragment.start, key) == Ordering::Greater {
            let start = before().map(|fragment| &fragment.end).or_else(end_before);
            return Span { newest: None, start, end: Some(&fragment.start) };
        }
        let seqnos = table.seqnos(fragment);
        let newest = seqnos.get(seqnos.partition_point(|&seqno| seqno >= bound)).copied();
        Span { newest, start: Some(&fragment.start), end: Some(&fragment.end) }
    }
}

fn end_of(table: &RangeTombstones) -> Option<&Slice> {
    table.fragments().last().map(|Fragment { end, .. }| end)
}
