//! The cursor: how every ordered source of entries is walked.
//!
//! A cursor stands on one entry or on none. Entries come in internal order: user key ascending by the tree's
//! order, then sequence number descending. What [`Cursor::key`] and [`Cursor::value`] lend is good until the
//! cursor moves.
//!
//! An error leaves a cursor on no entry; it can be positioned again.
//!
//! Not here: merging cursors ([`merge`]) and hiding what a reader must not see ([`visible`]).

pub(crate) mod merge;
#[cfg(test)]
pub(crate) mod test_source;
pub(crate) mod visible;

use esker_format::data_block::walk::{Glide, Stretch};
use esker_mem::kind::Kind;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;

use crate::error::Result;

/// A position in an ordered sequence of entries.
pub(crate) trait Cursor {
    /// Whether the cursor stands on an entry.
    fn valid(&self) -> bool;

    /// Goes to the first entry.
    fn seek_to_first(&mut self) -> Result<()>;

    /// Goes to the last entry.
    fn seek_to_last(&mut self) -> Result<()>;

    /// Goes to the first entry whose user key is at or after `key`.
    fn seek(&mut self, key: &[u8]) -> Result<()>;

    /// Goes to the last entry whose user key is at or before `key`.
    fn seek_for_prev(&mut self, key: &[u8]) -> Result<()>;

    /// The first part of a seek to `key`: finds out where it will look, and asks the processor for that without waiting. A
    /// merge lets all of its sources do it before it goes on with any, so that they wait side by side (INV-SCAN-2).
    #[inline]
    fn aim(&mut self, _key: &[u8]) {}

    /// The second part: takes hold of what it will look at.
    ///
    /// # Errors
    /// Those of reading.
    #[inline]
    fn pin(&mut self) -> Result<()> {
        Ok(())
    }

    /// The last part: as [`Self::seek`], to the key that was aimed at.
    #[inline]
    fn land(&mut self, key: &[u8]) -> Result<()> {
        self.seek(key)
    }

    /// The last part: as [`Self::seek_for_prev`], to the key that was aimed at.
    #[inline]
    fn land_for_prev(&mut self, key: &[u8]) -> Result<()> {
        self.seek_for_prev(key)
    }

    /// Goes to the next entry. The cursor must be valid.
    fn next(&mut self) -> Result<()>;

    /// Goes to the previous entry. The cursor must be valid.
    fn prev(&mut self) -> Result<()>;

    /// The user key. The cursor must be valid.
    fn key(&self) -> &[u8];

    /// The first eight bytes of the key as an integer: unequal heads order as their keys do under byte order.
    fn head(&self) -> u64;

    /// The sequence number. The cursor must be valid.
    fn seqno(&self) -> SeqNo;

    /// The kind. The cursor must be valid.
    fn kind(&self) -> Kind;

    /// The value. The cursor must be valid.
    fn value(&self) -> &[u8];

    /// The value, in a form that outlives the cursor: a pinned block where there is one, else a copy.
    fn value_slice(&self) -> Slice;

    /// The user key as a slice of its own.
    #[inline]
    fn key_slice(&self) -> Slice {
        Slice::new(self.key())
    }

    /// Passes over entries before `to` (over all without it) whose seqnos are all below `below`, where that takes no look at each;
    /// says whether it moved. It may stop anywhere before `to`, so to do nothing is right (INV-RANGE-3). The cursor goes forward, and
    /// stands before `to`.
    ///
    /// # Errors
    /// Those of reading.
    fn skip_forward(&mut self, _to: Option<&[u8]>, _below: SeqNo) -> Result<bool> {
        Ok(false)
    }

    /// As [`Self::skip_forward`], going backward: passes over entries behind `to` (over all without it), behind which it stands.
    ///
    /// # Errors
    /// Those of reading.
    fn skip_backward(&mut self, _to: Option<&[u8]>, _below: SeqNo) -> Result<bool> {
        Ok(false)
    }

    /// Whether what is here and all that comes after it in the direction of the walk lies outside of what the reader asked for. To say no
    /// is always right: it spares walks over deleted keys only. The cursor must be valid.
    fn is_past_reach(&self) -> bool {
        false
    }

    /// Confines glides that begin from now on to keys from the first (all that come before without it) up to and without the
    /// second; without either there are no more glides. Allows no more than was allowed from the beginning.
    fn confine(&mut self, _within: Option<(Option<&Slice>, Option<&Slice>)>) {}

    /// Allows the cursor to glide, until it seeks: to step onto entries within `stretch` without asking its caller. What
    /// was allowed before is forgotten. A cursor that cannot glide says [`Glide::Stopped`].
    #[inline]
    fn open_stretch(&mut self, _stretch: &Stretch<'_>) {}

    /// Forgets what [`Self::open_stretch`] allowed.
    #[inline]
    fn close_stretch(&mut self) {}

    /// Goes to the next entry if it lies within the open stretch forward, is a `Put` below the stretch's bound, and has
    /// another key than the current one; otherwise stays. The cursor must be valid.
    #[inline]
    fn glide_next(&mut self) -> Glide {
        Glide::Stopped
    }

    /// Goes to the previous entry, or with `here` stays at this one, if that entry lies within the open stretch backward, is
    /// a `Put` below the stretch's bound, and the entry before it has another key. Otherwise stays and says so. The cursor
    /// must be valid; without `here`, no newer version of the current key may come before it.
    #[inline]
    fn glide_prev(&mut self, _here: bool) -> Glide {
        Glide::Stopped
    }
}
