//! What a lookup found in one source: a version of the key, and of its value as much as the caller wants.
//!
//! Most callers want the value: pinned where it lies in a block, copied where it lies in a memtable, which it would pin as
//! a whole otherwise. Who asks only whether a key is there, or how long its value is, wants a [`ValueLen`], and the value's
//! bytes are not touched.
//!
//! Not here: searching ([`crate::get`], [`crate::table::reader`]).

use std::ops::Range;

use esker_mem::kind::Kind;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;

use crate::cache::slots::HeldBlock;

/// One version of a key.
#[derive(Debug)]
pub(crate) struct Found<V = Slice> {
    pub(crate) seqno: SeqNo,
    pub(crate) kind: Kind,
    pub(crate) value: V,
}

/// What is kept of a value that was found.
pub(crate) trait Keep: Sized {
    /// Of one that lies in a memtable.
    fn of_memtable(value: &[u8]) -> Self;

    /// Of the one that lies at `range` in a block.
    fn of_block(block: &HeldBlock, range: Range<usize>) -> Self;

    /// Of one that was made of operands, or cut off its expiry.
    fn of_folded(value: Slice) -> Self;

    /// All that the source has for a value, if it was kept.
    fn whole(self) -> Option<Slice>;
}

impl Keep for Slice {
    #[inline]
    fn of_memtable(value: &[u8]) -> Self {
        Self::new(value)
    }

    #[inline(always)]
    fn of_block(block: &HeldBlock, range: Range<usize>) -> Self {
        block.slice(range)
    }

    fn of_folded(value: Slice) -> Self {
        value
    }

    fn whole(self) -> Option<Slice> {
        Some(self)
    }
}

/// The length of a value in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ValueLen(pub(crate) u32);

impl ValueLen {
    /// No value is longer than the greatest of these numbers.
    fn of(len: usize) -> Self {
        Self(u32::try_from(len).unwrap_or(u32::MAX))
    }
}

impl Keep for ValueLen {
    #[inline]
    fn of_memtable(value: &[u8]) -> Self {
        Self::of(value.len())
    }

    #[inline]
    fn of_block(_: &HeldBlock, range: Range<usize>) -> Self {
        Self::of(range.len())
    }

    fn of_folded(value: Slice) -> Self {
        Self::of(value.len())
    }

    fn whole(self) -> Option<Slice> {
        None
    }
}
