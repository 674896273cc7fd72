//! A source of the tree under the range deletes of an overlay: it shows no key that one of them covers.
//!
//! Such a delete comes after all that the tree has, so it hides every version of a key in its span, whatever its number
//! (INV-OVERLAY-2); a range tombstone of the tree hides smaller numbers only, which is why these are not among those. What is
//! covered is passed over by a seek to the end of the span, however much it is.
//!
//! Not here: what a range delete hides of the overlay itself ([`crate::overlay`]).

use std::sync::Arc;

use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;

use crate::cursor::Cursor;
use crate::error::Result;
use crate::overlay::Overlay;
use crate::range_tombstones::forest::Forest;

/// See the module.
pub(crate) struct Under {
    source: Box<dyn Cursor + Send + Sync>,
    ranges: Arc<Forest>,
    /// Range deletes at positions below it count.
    bound: SeqNo,
    order: KeyOrder,
}

impl Under {
    /// What `source` has outside of `ranges`, those of `overlay`.
    pub(crate) fn new(
        source: impl Cursor + Send + Sync + 'static,
        ranges: &Arc<Forest>,
        overlay: &Overlay,
    ) -> Self {
        let (ranges, order) = (Arc::clone(ranges), overlay.order().clone());
        Self { source: Box::new(source), ranges, bound: overlay.bound(), order }
    }

    fn settle_forward(&mut self) -> Result<()> {
        while self.source.valid() {
            let span = self.ranges.span(self.source.key(), self.bound, &self.order);
            match (span.newest, span.end.cloned()) {
                (None, _) => break,
                (Some(_), Some(end)) => self.source.seek(&end)?,
                // Every range has an end.
                (Some(_), None) => self.source.next()?,
            }
        }
        Ok(())
    }

    fn settle_backward(&mut self) -> Result<()> {
        while self.source.valid() {
            let span = self.ranges.span(self.source.key(), self.bound, &self.order);
            match (span.newest, span.start.cloned()) {
                (None, _) => break,
                (Some(_), Some(start)) => {
                    self.source.seek_for_prev(&start)?;
                    while self.source.valid() && self.order.same_key(self.source.key(), &start) {
                        self.source.prev()?;
                    }
                }
                (Some(_), None) => self.source.prev()?,
            }
        }
        Ok(())
    }
}

impl Cursor for Under {
    fn valid(&self) -> bool {
        self.source.valid()
    }

    fn seek_to_first(&mut self) -> Result<()> {
        self.source.seek_to_first()?;
        self.settle_forward()
    }

    fn seek_to_last(&mut self) -> Result<()> {
        self.source.seek_to_last()?;
        self.settle_backward()
    }

    fn seek(&mut self, key: &[u8]) -> Result<()> {
        self.source.seek(key)?;
        self.settle_forward()
    }

    fn seek_for_prev(&mut self, key: &[u8]) -> Result<()> {
        self.source.seek_for_prev(key)?;
        self.settle_backward()
    }

    fn next(&mut self) -> Result<()> {
        self.source.next()?;
        self.settle_forward()
    }

    fn prev(&mut self) -> Result<()> {
        self.source.prev()?;
        self.settle_backward()
    }

    fn key(&self) -> &[u8] {
        self.source.key()
    }

    fn head(&self) -> u64 {
        self.source.head()
    }

    fn seqno(&self) -> SeqNo {
        self.source.seqno()
    }

    fn kind(&self) -> Kind {
        self.source.kind()
    }

    fn value(&self) -> &[u8] {
        self.source.value()
    }

    fn value_slice(&self) -> Slice {
        self.source.value_slice()
    }
}
