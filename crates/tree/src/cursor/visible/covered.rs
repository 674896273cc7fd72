//! The visible cursor over a tree with range tombstones.
//!
//! As without them, but for this:
//!
//! - A key whose newest visible version is older than the newest visible tombstone over it is passed over (INV-RANGE-1).
//! - After a few such keys in one stretch the sources are asked to *skip* the rest of it: each jumps as far towards the stretch's
//!   end as it knows to hold nothing newer than the tombstone (INV-RANGE-3). So a deleted span of a million keys costs a seek,
//!   not a million steps: in tables that are older as a whole, and in memtables, also in the one that holds the range delete and is
//!   written to afterwards, up to the leaf that something newer came into. Walked is what a sorted memtable or a table holds beside
//!   something newer, say for a snapshot.
//! - The source glides only within a stretch that nothing covers (INV-RANGE-8).
//!
//! Not here: who covers what ([`Cover`]).

use esker_mem::kind::Kind;

use crate::cursor::Cursor;
use crate::cursor::visible::{Stand, VisibleCursor};
use crate::error::Result;
use crate::range_tombstones::cover::Cover;

/// Covered keys that are stepped over before the sources are asked to skip: a seek costs as much as a few steps.
const PATIENCE: u32 = 4;
/// After so many steps more in the same stretch they are asked again.
const AGAIN: u32 = 64;

impl<C: Cursor> VisibleCursor<C> {
    /// The same under the range tombstones of `cover`, if there are any.
    pub(crate) fn covered_by(mut self, cover: Option<Box<Cover>>) -> Self {
        if cover.is_some() {
            // Until it is known what covers the first key.
            self.source.confine(None);
        }
        self.cover = cover;
        self
    }

    /// As [`VisibleCursor::settle_forward`].
    #[inline(never)]
    pub(super) fn settle_forward_covered(&mut self, decided: bool) -> Result<()> {
        let mut decided = decided;
        let mut patience = PATIENCE;
        while self.source.valid() {
            let is_decided = decided && self.order.same_key(self.source.key(), &self.key);
            if !is_decided && self.source.seqno() < self.bound {
                if self.enter() {
                    patience = PATIENCE;
                }
                let hidden = self.source.seqno() < self.hidden_below;
                match self.source.kind() {
                    _ if hidden => {}
                    Kind::Put | Kind::BlobPointer => {
                        self.stand = Stand::On;
                        return Ok(());
                    }
                    Kind::Merge | Kind::ExpiringPut => {
                        if self.show_unusual()? {
                            return Ok(());
                        }
                    }
                    Kind::Delete | Kind::SingleDelete => {}
                }
                if self.source.is_past_reach() {
                    return Ok(());
                }
                self.remember_key();
                decided = true;
                if hidden && Self::should_skip(&mut patience) {
                    let end = self.cover.as_ref().and_then(|cover| cover.known()?.end.as_deref());
                    if self.source.skip_forward(end, self.hidden_below)? {
                        continue;
                    }
                }
            }
            self.source.next()?;
        }
        Ok(())
    }

    /// As [`VisibleCursor::settle_backward`].
    #[inline(never)]
    pub(super) fn settle_backward_covered(&mut self) -> Result<()> {
        let mut patience = PATIENCE;
        while self.source.valid() {
            self.remember_key();
            if self.enter() {
                patience = PATIENCE;
            }
            self.operands.clear();
            let (mut live, mut hides) = (false, false);
            while self.source.valid() && self.order.same_key(self.source.key(), &self.key) {
                let seqno = self.source.seqno();
                if seqno < self.hidden_below {
                    hides = true;
                } else if seqno < self.bound {
                    live = self.take_version(live);
                }
                self.source.prev()?;
            }
            if live {
                return self.show_backward();
            }
            if self.source.valid() && self.source.is_past_reach() {
                return Ok(());
            }
            if hides && self.source.valid() && Self::should_skip(&mut patience) {
                let start = self.cover.as_ref().and_then(|cover| cover.known()?.start.as_deref());
                self.source.skip_backward(start, self.hidden_below)?;
            }
        }
        Ok(())
    }

    /// Finds out what covers the key that the source stands on; says whether that is another stretch than before. Lets the source
    /// glide within a stretch that nothing covers, and nowhere else (INV-RANGE-8).
    fn enter(&mut self) -> bool {
        let Some(cover) = &mut self.cover else { return false };
        let (stretch, is_new) = cover.at(self.source.key());
        self.hidden_below = stretch.newest.unwrap_or(0);
        if is_new {
            let clear = stretch.newest.is_none();
            self.source.confine(clear.then_some((stretch.start.as_ref(), stretch.end.as_ref())));
        }
        is_new
    }

    /// Whether enough hidden keys were stepped over.
    fn should_skip(patience: &mut u32) -> bool {
        *patience -= 1;
        let exhausted = *patience == 0;
        if exhausted {
            *patience = AGAIN;
        }
        exhausted
    }
}
