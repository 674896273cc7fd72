//! The visible cursor: of every user key the version that a reader at bound `R` sees, if it is not deleted.
//!
//! Forward, the source stands on the entry that is shown. Versions at or above the bound are passed over; the first
//! one below it decides its key (INV-READ-1), and every later version of that key is passed over.
//!
//! Backward, versions of a key arrive oldest first, so the cursor walks to the far side of the key and keeps the
//! newest visible version that it met; the source then stands before the key that is shown.
//!
//! Most steps need none of that: where the source can tell by itself that the next entry is the newest version of another
//! live key, it *glides* onto it, and the key is neither copied nor compared ([`VisibleCursor::glide_next`],
//! [`VisibleCursor::glide_prev`]). A cursor that glides may stand on the shown entry in either direction.
//!
//! Not here: bounds of a range ([`crate::scan`]).

use esker_format::data_block::walk::Glide;
use esker_mem::comparator::KeyOrder;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;

use crate::cursor::Cursor;
use crate::error::Result;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stand {
    /// On nothing.
    Nowhere,
    /// The source stands on the shown entry.
    On,
    /// The same, having come backward: all versions of the shown key lie behind it or on it.
    OnNewest,
    /// The source stands before the shown key, on an entry or not.
    Before,
}

/// A cursor over the live keys at one bound.
pub(crate) struct VisibleCursor<C> {
    source: C,
    order: KeyOrder,
    bound: SeqNo,
    /// The shown key if the source does not stand on it, or the last one that was decided.
    key: Vec<u8>,
    /// The shown value, when the source has moved on from it.
    value: Slice,
    stand: Stand,
}

impl<C: Cursor> VisibleCursor<C> {
    /// Shows what `source` holds below `bound`.
    pub(crate) fn new(source: C, order: KeyOrder, bound: SeqNo) -> Self {
        Self { source, order, bound, key: Vec::new(), value: Slice::empty(), stand: Stand::Nowhere }
    }

    /// Whether the cursor stands on a live key.
    #[inline]
    pub(crate) fn valid(&self) -> bool {
        self.stand != Stand::Nowhere
    }

    /// The user key. The cursor must be valid.
    #[inline(always)]
    pub(crate) fn key(&self) -> &[u8] {
        match self.stand {
            Stand::On | Stand::OnNewest => self.source.key(),
            Stand::Before | Stand::Nowhere => &self.key,
        }
    }

    /// The user key as a slice of its own. The cursor must be valid.
    #[inline]
    pub(crate) fn key_slice(&self) -> Slice {
        match self.stand {
            Stand::On | Stand::OnNewest => self.source.key_slice(),
            Stand::Before | Stand::Nowhere => Slice::new(&self.key),
        }
    }

    /// The value. The cursor must be valid.
    #[inline(always)]
    pub(crate) fn value(&self) -> &[u8] {
        match self.stand {
            Stand::On | Stand::OnNewest => self.source.value(),
            Stand::Before | Stand::Nowhere => &self.value,
        }
    }

    /// The value, pinned. The cursor must be valid.
    #[inline]
    pub(crate) fn value_slice(&self) -> Slice {
        match self.stand {
            Stand::On | Stand::OnNewest => self.source.value_slice(),
            Stand::Before | Stand::Nowhere => self.value.clone(),
        }
    }

    /// Goes to the next live key, if the source can glide there; else stays. A glide ends before the end of the source's
    /// reach.
    #[inline(always)]
    pub(crate) fn glide_next(&mut self) -> bool {
        self.stand == Stand::On && self.source.glide_next() == Glide::Moved
    }

    /// Goes to the previous live key, if the source can glide there; else stays. As [`Self::glide_next`].
    #[inline(always)]
    pub(crate) fn glide_prev(&mut self) -> bool {
        match self.stand {
            Stand::OnNewest => self.source.glide_prev(false) == Glide::Moved,
            Stand::Before if self.source.valid() && self.source.glide_prev(true) == Glide::Moved => {
                self.stand = Stand::OnNewest;
                true
            }
            _ => false,
        }
    }

    /// Goes to the first live key.
    pub(crate) fn seek_to_first(&mut self) -> Result<()> {
        self.stand = Stand::Nowhere;
        self.source.seek_to_first()?;
        self.settle_forward(false)
    }

    /// Goes to the first live key at or after `key`.
    pub(crate) fn seek(&mut self, key: &[u8]) -> Result<()> {
        self.stand = Stand::Nowhere;
        self.source.seek(key)?;
        self.settle_forward(false)
    }

    /// Goes to the last live key.
    pub(crate) fn seek_to_last(&mut self) -> Result<()> {
        self.stand = Stand::Nowhere;
        self.source.seek_to_last()?;
        self.settle_backward()
    }

    /// Goes to the last live key at or before `key`.
    pub(crate) fn seek_for_prev(&mut self, key: &[u8]) -> Result<()> {
        self.stand = Stand::Nowhere;
        self.source.seek_for_prev(key)?;
        self.settle_backward()
    }

    /// Goes to the next live key. The cursor must be valid.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<()> {
        let stand = std::mem::replace(&mut self.stand, Stand::Nowhere);
        if stand == Stand::Before {
            self.source.seek(&self.key)?;
        } else {
            self.remember_key();
            self.source.next()?;
        }
        self.settle_forward(true)
    }

    /// Goes to the previous live key. The cursor must be valid.
    pub(crate) fn prev(&mut self) -> Result<()> {
        match std::mem::replace(&mut self.stand, Stand::Nowhere) {
            Stand::On => {
                self.remember_key();
                self.source.seek_for_prev(&self.key)?;
                while self.source.valid() && self.order.same_key(self.source.key(), &self.key) {
                    self.source.prev()?;
                }
            }
            Stand::OnNewest => self.source.prev()?,
            Stand::Before | Stand::Nowhere => {}
        }
        self.settle_backward()
    }

    /// The key that the source stands on is decided.
    #[inline]
    fn remember_key(&mut self) {
        self.key.clear();
        self.key.extend_from_slice(self.source.key());
    }

    /// From where the source stands, goes forward to a visible entry. With `decided`, versions of `self.key` are
    /// passed over.
    #[inline]
    fn settle_forward(&mut self, decided: bool) -> Result<()> {
        self.stand = Stand::Nowhere;
        let mut decided = decided;
        while self.source.valid() {
            let passed = decided && self.order.same_key(self.source.key(), &self.key);
            if !passed && self.source.seqno() < self.bound {
                if !self.source.kind().is_tombstone() {
                    self.stand = Stand::On;
                    return Ok(());
                }
                self.remember_key();
                decided = true;
            }
            self.source.next()?;
        }
        Ok(())
    }

    /// From where the source stands, goes backward to a key with a visible entry.
    fn settle_backward(&mut self) -> Result<()> {
        self.stand = Stand::Nowhere;
        while self.source.valid() {
            self.remember_key();
            let mut live = false;
            while self.source.valid() && self.order.same_key(self.source.key(), &self.key) {
                if self.source.seqno() < self.bound {
                    live = !self.source.kind().is_tombstone();
                    if live {
                        self.value = self.source.value_slice();
                        if !self.order.identity() {
                            self.remember_key();
                        }
                    }
                }
                self.source.prev()?;
            }
            if live {
                self.stand = Stand::Before;
                return Ok(());
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
