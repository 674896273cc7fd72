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
}
