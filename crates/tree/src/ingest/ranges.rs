//! Range tombstones of sorted data: gathered as they come, and shared out to tables as those end.
//!
//! All have one number, that of the ingestion, so those that overlap or touch are one. A table gets what lies up to its end, and the
//! rest waits for those behind it (INV-RANGE-7). Where a table may end is as with [`crate::install::clip`]: under byte order behind
//! its last key, which the first key that could follow it names; under other orders only where no range reaches on.

use std::cmp::Ordering;

use esker_format::limits::MAX_KEY_BYTES;
use esker_mem::comparator::KeyOrder;
use esker_mem::slice::Slice;

use crate::error::Result;
use crate::table::writer::TableWriter;
use crate::write::check_range;

/// Spans that no table has yet.
#[derive(Debug, Default)]
pub(super) struct PendingRanges {
    spans: Vec<(Slice, Slice)>,
}

impl PendingRanges {
    /// Adds the keys from `start` up to and without `end`; says whether there is any.
    ///
    /// # Errors
    ///
    /// [`crate::Error::InvertedRange`], [`crate::Error::KeyTooLong`].
    pub(super) fn add(&mut self, start: &[u8], end: &[u8], order: &KeyOrder) -> Result<bool> {
        let holds_keys = check_range(order, start, end)?;
        if holds_keys {
            self.spans.push((Slice::new(start), Slice::new(end)));
        }
        Ok(holds_keys)
    }

    /// Whether none is left.
    pub(super) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Gives a table all that is left of them; says how many spans that is.
    pub(super) fn finish(&mut self, table: &mut TableWriter, order: &KeyOrder) -> u64 {
        self.join(order);
        self.spans.iter().for_each(|(start, end)| table.add_range_tombstone(start, end, &[0]));
        self.spans.drain(..).count() as u64
    }

    /// Gives a table what lies up to behind its `last` key, where it would end; false if it cannot end there, and nothing was given.
    pub(super) fn end_behind(&mut self, last: &[u8], table: &mut TableWriter, order: &KeyOrder) -> bool {
        let reaches_on = |(start, end): &(Slice, Slice)| {
            order.compare(start, last) != Ordering::Greater && order.compare(end, last) == Ordering::Greater
        };
        if self.spans.is_empty() {
            return true;
        }
        if !order.is_bytes() && self.spans.iter().any(reaches_on) || last.len() >= MAX_KEY_BYTES {
            return false;
        }
        self.join(order);
        let cut = Slice::from([last, &[0]].concat());
        let mut rest = Vec::new();
        for (start, end) in self.spans.drain(..) {
            if order.compare(&start, last) == Ordering::Greater {
                rest.push((start, end));
            } else if order.compare(&end, last) != Ordering::Greater || end == cut {
                table.add_range_tombstone(&start, &end, &[0]);
            } else {
                table.add_range_tombstone(&start, &cut, &[0]);
                rest.push((cut.clone(), end));
            }
        }
        self.spans = rest;
        true
    }

    /// Sorts them, and makes one of those that overlap or touch.
    fn join(&mut self, order: &KeyOrder) {
        self.spans.sort_by(|a, b| order.compare(&a.0, &b.0));
        let mut joined: Vec<(Slice, Slice)> = Vec::with_capacity(self.spans.len());
        for (start, end) in self.spans.drain(..) {
            match joined.last_mut() {
                Some((_, last)) if order.compare(&start, last) != Ordering::Greater => {
                    if order.compare(last, &end) == Ordering::Less {
                        *last = end;
                    }
                }
                _ => joined.push((start, end)),
            }
        }
        self.spans = joined;
    }
}
