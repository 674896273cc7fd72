//! The numbers that builder and reader of a bumped ribbon filter share.

/// The id of this kind.
pub const KIND_BURR: u8 = 2;

pub(super) const MAX_LAYERS: usize = 4;
pub(super) const MIN_RESULT_BITS: u8 = 1;
pub(super) const MAX_RESULT_BITS: u8 = 16;
pub(super) const TAIL_BYTES: usize = 24;
