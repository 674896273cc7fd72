//! What a change feed tells: one event per write.
//!
//! Not here: how events are found and put in order ([`crate::feed`]).

use esker_mem::seqno::SeqNo;
use esker_mem::slice::{UserKey, UserValue};

/// One write, as the tree took it. Writes that a later one hides are told, too.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ScanSinceEvent {
    /// A value was written.
    Insert {
        /// The key.
        key: UserKey,
        /// The value.
        value: UserValue,
        /// The write's sequence number.
        seqno: SeqNo,
    },
    /// A value was written that expires.
    ExpiringInsert {
        /// The key.
        key: UserKey,
        /// The value. Told whether it has expired or not, unless a compaction below the feed's horizon has let it go.
        value: UserValue,
        /// When it expires, in milliseconds since 1970.
        expires_at: u64,
        /// The write's sequence number.
        seqno: SeqNo,
    },
    /// An operand was added, to be merged into what is older.
    MergeOperand {
        /// The key.
        key: UserKey,
        /// The operand.
        operand: UserValue,
        /// The write's sequence number.
        seqno: SeqNo,
    },
    /// A key was deleted.
    PointTombstone {
        /// The key.
        key: UserKey,
        /// The delete's sequence number.
        seqno: SeqNo,
        /// Whether it was a weak delete ([`crate::Tree::remove_weak`]).
        weak: bool,
    },
    /// All keys of a range were deleted.
    RangeTombstone {
        /// The first key of the range.
        start: UserKey,
        /// The first key behind the range.
        end: UserKey,
        /// The delete's sequence number: it hides strictly smaller ones.
        seqno: SeqNo,
    },
}

impl ScanSinceEvent {
    /// The sequence number of the write.
    #[must_use]
    pub fn seqno(&self) -> SeqNo {
        match self {
            Self::Insert { seqno, .. }
            | Self::ExpiringInsert { seqno, .. }
            | Self::MergeOperand { seqno, .. }
            | Self::PointTombstone { seqno, .. }
            | Self::RangeTombstone { seqno, .. } => *seqno,
        }
    }
}
