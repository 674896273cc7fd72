//! A change: one operation of one keyspace, as a feed tells it.
//!
//! Not here: where changes come from ([`crate::changes`]).

use std::sync::Arc;

use esker_format::batch::{BatchOperation, Operation};
use esker_format::expiry::split_expiring;
use esker_mem::slice::{Slice, UserKey, UserValue};
use esker_tree::ScanSinceEvent;

/// One operation, as it was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// Its sequence number. Numbers ascend; those of failed writes are missing. All that one ingestion brought in has one number, and
    /// nothing else shares a number.
    pub seqno: u64,
    /// The name of its keyspace.
    pub keyspace: Arc<str>,
    /// What was done.
    pub operation: ChangeOperation,
}

/// What a [`Change`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChangeOperation {
    /// A value was written.
    Put {
        /// The key.
        key: UserKey,
        /// The value.
        value: UserValue,
    },
    /// A value was written that expires.
    ExpiringPut {
        /// The key.
        key: UserKey,
        /// The value, whether it has expired or not; of what tables tell, empty if a compaction has let it go.
        value: UserValue,
        /// When it expires, in milliseconds since 1970.
        expires_at: u64,
    },
    /// A key was deleted.
    Delete {
        /// The key.
        key: UserKey,
    },
    /// A key was deleted that had been written once.
    SingleDelete {
        /// The key.
        key: UserKey,
    },
    /// An operand was added, to be merged into what is older.
    Merge {
        /// The key.
        key: UserKey,
        /// The operand.
        operand: UserValue,
    },
    /// All keys of a range were deleted.
    DeleteRange {
        /// The first of them.
        start: UserKey,
        /// The first key behind them.
        end: UserKey,
    },
    /// Everything that the keyspace held was forgotten.
    Clear,
}

impl ChangeOperation {
    /// An operation of the log. `None` for an ingestion, of which the log does not say what it brought in.
    pub(crate) fn of_log(operation: &BatchOperation<'_>) -> Option<Self> {
        let (key, value) = (Slice::new(operation.key), Slice::new(operation.value));
        Some(match operation.operation {
            Operation::Put => Self::Put { key, value },
            Operation::ExpiringPut => {
                let (value, expires_at) = split_expiring(operation.value);
                Self::ExpiringPut { key, value: Slice::new(value), expires_at }
            }
            Operation::Delete => Self::Delete { key },
            Operation::SingleDelete => Self::SingleDelete { key },
            Operation::Merge => Self::Merge { key, operand: value },
            Operation::RangeDelete => Self::DeleteRange { start: key, end: value },
            Operation::Clear => Self::Clear,
            Operation::Ingested => return None,
        })
    }

    /// An event of a tree's feed. `None` for those of a later version.
    pub(crate) fn of_tree(event: ScanSinceEvent) -> Option<Self> {
        Some(match event {
            ScanSinceEvent::Insert { key, value, .. } => Self::Put { key, value },
            ScanSinceEvent::ExpiringInsert { key, value, expires_at, .. } => {
                Self::ExpiringPut { key, value, expires_at }
            }
            ScanSinceEvent::MergeOperand { key, operand, .. } => Self::Merge { key, operand },
            ScanSinceEvent::PointTombstone { key, weak: true, .. } => Self::SingleDelete { key },
            ScanSinceEvent::PointTombstone { key, .. } => Self::Delete { key },
            ScanSinceEvent::RangeTombstone { start, end, .. } => Self::DeleteRange { start, end },
            _ => return None,
        })
    }
}
