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
//! Where a deleted key is passed over, the source is asked whether it has left what the reader wants; then there is nothing more.
//!
//! An operand for the merge operator is folded onto what is under it: forward the source then stands *behind* what was
//! folded, backward operands are kept as they come. A value that expires is cut off its expiry, and shown in the same way as
//! long as it has not (INV-TTL-1); no cursor glides onto one.
//!
//! Not here: bounds of a range ([`crate::scan`]), range tombstones ([`covered`]).

mod covered;

use esker_format::data_block::walk::Glide;
use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;

use crate::cursor::Cursor;
use crate::error::Result;
use crate::expiry::live;
use crate::merge_operator::{SharedMergeOperator, fold};
use crate::range_tombstones::cover::Cover;

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
    /// The source stands on the shown key's expiring value or behind its operands, on an older version of it, on a later key or on
    /// nothing.
    Behind,
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
    merge_operator: Option<SharedMergeOperator>,
    /// What expires up to here is absent.
    now: u64,
    /// Operands of the key that is being decided, in the order in which they are met.
    operands: Vec<Slice>,
    /// Whether `value` is under them. Backward only.
    has_base: bool,
    /// What range tombstones cover; none without any.
    cover: Option<Box<Cover>>,
    /// The newest of them over the key that is being decided: it hides what is below.
    hidden_below: SeqNo,
}

impl<C: Cursor> VisibleCursor<C> {
    /// Shows what `source` holds below `bound`.
    pub(crate) fn new(source: C, order: KeyOrder, bound: SeqNo) -> Self {
        Self {
            source,
            order,
            bound,
            key: Vec::new(),
            value: Slice::empty(),
            stand: Stand::Nowhere,
            merge_operator: None,
            now: 0,
            operands: Vec::new(),
            has_base: false,
            cover: None,
            hidden_below: 0,
        }
    }

    /// Shows operands folded by `operator`. Without one they are errors.
    pub(crate) fn folding(mut self, operator: Option<SharedMergeOperator>) -> Self {
        self.merge_operator = operator;
        self
    }

    /// Shows nothing that has expired at `now`. Without it only what always is expired counts as that.
    pub(crate) fn at_time(mut self, now: u64) -> Self {
        self.now = now;
        self
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
            Stand::Before | Stand::Behind | Stand::Nowhere => &self.key,
        }
    }

    /// The user key as a slice of its own. The cursor must be valid.
    #[inline]
    pub(crate) fn key_slice(&self) -> Slice {
        match self.stand {
            Stand::On | Stand::OnNewest => self.source.key_slice(),
            Stand::Before | Stand::Behind | Stand::Nowhere => Slice::new(&self.key),
        }
    }

    /// The value. The cursor must be valid.
    #[inline(always)]
    pub(crate) fn value(&self) -> &[u8] {
        match self.stand {
            Stand::On | Stand::OnNewest => self.source.value(),
            Stand::Before | Stand::Behind | Stand::Nowhere => &self.value,
        }
    }

    /// The value, pinned. The cursor must be valid.
    #[inline]
    pub(crate) fn value_slice(&self) -> Slice {
        match self.stand {
            Stand::On | Stand::OnNewest => self.source.value_slice(),
            Stand::Before | Stand::Behind | Stand::Nowhere => self.value.clone(),
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
        match std::mem::replace(&mut self.stand, Stand::Nowhere) {
            Stand::On | Stand::OnNewest => {
                self.remember_key();
                self.source.next()?;
            }
            Stand::Before => self.source.seek(&self.key)?,
            Stand::Behind | Stand::Nowhere => {}
        }
        self.settle_forward(true)
    }

    /// Goes to the previous live key. The cursor must be valid.
    pub(crate) fn prev(&mut self) -> Result<()> {
        match std::mem::replace(&mut self.stand, Stand::Nowhere) {
            stand @ (Stand::On | Stand::Behind) => {
                if stand == Stand::On {
                    self.remember_key();
                }
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
        if self.cover.is_some() {
            return self.settle_forward_covered(decided);
        }
        let mut decided = decided;
        while self.source.valid() {
            let passed = decided && self.order.same_key(self.source.key(), &self.key);
            if !passed && self.source.seqno() < self.bound {
                match self.source.kind() {
                    Kind::Put | Kind::BlobPointer => {
                        self.stand = Stand::On;
                        return Ok(());
                    }
                    Kind::Merge | Kind::ExpiringPut => {
                        if self.show_unusual()? || self.source.is_past_reach() {
                            return Ok(());
                        }
                    }
                    // Or a scan would step over all deleted keys behind its end, to find out that it is there.
                    Kind::Delete | Kind::SingleDelete if self.source.is_past_reach() => return Ok(()),
                    Kind::Delete | Kind::SingleDelete => {}
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
        if self.cover.is_some() {
            return self.settle_backward_covered();
        }
        while self.source.valid() {
            self.remember_key();
            self.operands.clear();
            let mut live = false;
            while self.source.valid() && self.order.same_key(self.source.key(), &self.key) {
                if self.source.seqno() < self.bound {
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
        }
        Ok(())
    }

    /// Backward, the next newer visible version of the key, on which the source stands; `live` says whether what is under it has
    /// a value. Says whether the key has one now.
    #[inline]
    fn take_version(&mut self, live: bool) -> bool {
        let kind = self.source.kind();
        let has_value = match kind {
            Kind::Put | Kind::BlobPointer => {
                self.operands.clear();
                self.value = self.source.value_slice();
                true
            }
            Kind::Merge | Kind::ExpiringPut => self.take_unusual(live),
            Kind::Delete | Kind::SingleDelete => {
                self.operands.clear();
                false
            }
        };
        if has_value && !self.order.identity() {
            self.remember_key();
        }
        has_value
    }

    /// Backward, behind all versions of a key that has a value: shows it.
    #[inline]
    fn show_backward(&mut self) -> Result<()> {
        if !self.operands.is_empty() {
            self.fold_backward()?;
        }
        self.stand = Stand::Before;
        Ok(())
    }

    /// Forward, an entry that is neither a value as it stands nor a tombstone: shows what it comes to, and says whether that is
    /// something.
    #[cold]
    #[inline(never)]
    fn show_unusual(&mut self) -> Result<bool> {
        if self.source.kind() == Kind::Merge {
            return self.fold_forward().map(|()| true);
        }
        let Some(value) = live(&self.source.value_slice(), self.now) else { return Ok(false) };
        self.remember_key();
        self.value = value;
        self.stand = Stand::Behind;
        Ok(true)
    }

    /// From an operand, the newest visible version of its key: goes on to what it is to be folded onto, and shows the
    /// outcome (INV-MERGE-1).
    #[cold]
    fn fold_forward(&mut self) -> Result<()> {
        self.remember_key();
        self.operands.clear();
        let mut base = None;
        while self.source.valid()
            && self.source.seqno() >= self.hidden_below
            && self.order.same_key(self.source.key(), &self.key)
        {
            match self.source.kind() {
                Kind::Merge => self.operands.push(self.source.value_slice()),
                Kind::Put | Kind::BlobPointer => base = Some(self.source.value_slice()),
                Kind::ExpiringPut => base = live(&self.source.value_slice(), self.now),
                Kind::Delete | Kind::SingleDelete => {}
            }
            if self.source.kind() != Kind::Merge {
                break;
            }
            self.source.next()?;
        }
        let operands = self.operands.iter().rev().map(|operand| &**operand);
        self.value = fold(self.merge_operator.as_ref(), &self.key, base.as_deref(), operands)?;
        self.operands.clear();
        self.stand = Stand::Behind;
        Ok(())
    }

    /// Backward, an operand or an expiring value that the source stands on; `is_live` says whether what is under it has a value.
    /// Says whether the key has one now.
    #[cold]
    #[inline(never)]
    fn take_unusual(&mut self, is_live: bool) -> bool {
        if self.source.kind() == Kind::Merge {
            if self.operands.is_empty() {
                self.has_base = is_live;
            }
            self.operands.push(self.source.value_slice());
            return true;
        }
        self.operands.clear();
        match live(&self.source.value_slice(), self.now) {
            Some(value) => {
                self.value = value;
                true
            }
            None => false,
        }
    }

    /// Backward, folds what was taken of the key.
    #[cold]
    fn fold_backward(&mut self) -> Result<()> {
        let base = self.has_base.then_some(&*self.value);
        let operands = self.operands.iter().map(|operand| &**operand);
        self.value = fold(self.merge_operator.as_ref(), &self.key, base, operands)?;
        self.operands.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
