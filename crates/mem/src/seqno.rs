//! Sequence numbers: the logical time of every write.
//!
//! A read bounded by `R` sees exactly the entries with `seqno < R`; the bound is exclusive. The top bit of the
//! 64 is reserved, so a sequence number plus one never overflows and bounds above [`MAX_SEQNO`] clamp.

/// The logical time of a write. Larger is newer.
pub type SeqNo = u64;

/// The upper limit of sequence numbers: writes use numbers strictly below it, and a read bounded by it (or by
/// anything larger) sees everything.
pub const MAX_SEQNO: SeqNo = 0x7FFF_FFFF_FFFF_FFFF;
