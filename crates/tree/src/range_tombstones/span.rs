//! What covers a key, and how far around the key that stays so; and a range delete as it was asked for.

use std::cmp::Ordering;

use esker_mem::comparator::KeyOrder;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;

/// A deletion of all keys from `start` up to and without `end`, at `seqno`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RangeDelete {
    /// The first key deleted.
    pub start: Slice,
    /// The first key after it that stays.
    pub end: Slice,
    /// Its sequence number.
    pub seqno: SeqNo,
}

/// The newest tombstone, below the bound of a read, over a stretch of keys on which that is the same one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span<'a> {
    pub(crate) newest: Option<SeqNo>,
    /// The first key of the stretch; none if nothing lies before it.
    pub(crate) start: Option<&'a Slice>,
    /// The first key behind it; none if nothing lies there.
    pub(crate) end: Option<&'a Slice>,
}

impl<'a> Span<'a> {
    /// Nothing covers anything.
    pub(crate) const CLEAR: Self = Self { newest: None, start: None, end: None };

    /// The newest of both, where both hold.
    pub(crate) fn narrow(self, other: Self, order: &KeyOrder) -> Self {
        let pick = |a: Option<&'a Slice>, b: Option<&'a Slice>, wanted: Ordering| match (a, b) {
            (Some(a), Some(b)) => Some(if order.compare(a, b) == wanted { a } else { b }),
            (one, other) => one.or(other),
        };
        Self {
            newest: self.newest.max(other.newest),
            start: pick(self.start, other.start, Ordering::Greater),
            end: pick(self.end, other.end, Ordering::Less),
        }
    }
}
