//! The order of user keys.
//!
//! [`UserComparator`] is what a user implements; [`KeyOrder`] is what the engine holds. Byte order is by far the most
//! common, and is a variant of its own, so that comparing under it is an inlined `memcmp` and not a virtual call, and
//! so that structures can ask [`KeyOrder::is_bytes`] before they use heads, common prefixes or shortened
//! separators. "Is this the same user key" is a question for the order, never for the bytes: see
//! [`KeyOrder::same_key`].

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// A total order over user keys.
///
/// The order must be total and never change for the life of the data: tables record its name and refuse another.
pub trait UserComparator: Send + Sync + 'static {
    /// The name stored with the data. Change it whenever the order changes.
    fn name(&self) -> &str;

    /// How `a` stands to `b`.
    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering;

    /// Whether this is exactly the order of bytes. Then the engine uses its fast paths instead of calling
    /// [`compare`](Self::compare).
    fn is_lexicographic(&self) -> bool {
        false
    }

    /// Whether keys that compare equal are always the same bytes. Where this is false (a case-insensitive order
    /// without a tie-break, say), nothing may find keys by hash: no hash index, no filters.
    fn equal_implies_identical(&self) -> bool {
        true
    }
}

/// A comparator shared by the parts of an engine.
pub type SharedComparator = Arc<dyn UserComparator>;

/// The order of bytes, the default. Its name is `esker.bytes`.
#[derive(Clone, Copy, Default, Debug)]
pub struct ByteOrder;

impl UserComparator for ByteOrder {
    fn name(&self) -> &str {
        "esker.bytes"
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        a.cmp(b)
    }

    fn is_lexicographic(&self) -> bool {
        true
    }
}

/// The order in use: bytes, without a virtual call, or a user's comparator.
#[derive(Clone, Default)]
pub enum KeyOrder {
    /// The order of bytes.
    #[default]
    Bytes,
    /// A user's order.
    Custom(SharedComparator),
}

impl KeyOrder {
    /// The order that `comparator` defines. A lexicographic comparator becomes [`KeyOrder::Bytes`], name and all:
    /// whatever it calls itself, its data is in byte order and opens as such.
    #[must_use]
    pub fn new(comparator: SharedComparator) -> Self {
        if comparator.is_lexicographic() { Self::Bytes } else { Self::Custom(comparator) }
    }

    /// How `a` stands to `b`.
    #[inline]
    #[must_use]
    pub fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        match self {
            Self::Bytes => a.cmp(b),
            Self::Custom(comparator) => comparator.compare(a, b),
        }
    }

    /// Whether `a` and `b` are the same user key.
    #[inline]
    #[must_use]
    pub fn same_key(&self, a: &[u8], b: &[u8]) -> bool {
        match self {
            Self::Bytes => a == b,
            Self::Custom(comparator) => comparator.compare(a, b) == Ordering::Equal,
        }
    }

    /// Whether this is byte order, so that heads and common prefixes mean something.
    #[inline]
    #[must_use]
    pub const fn is_bytes(&self) -> bool {
        matches!(self, Self::Bytes)
    }

    /// Whether equal keys are identical bytes, so that keys may be found by hash.
    #[inline]
    #[must_use]
    pub fn identity(&self) -> bool {
        match self {
            Self::Bytes => true,
            Self::Custom(comparator) => comparator.equal_implies_identical(),
        }
    }

    /// The name stored with the data.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Bytes => "esker.bytes",
            Self::Custom(comparator) => comparator.name(),
        }
    }
}

impl fmt::Debug for KeyOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("KeyOrder").field(&self.name()).finish()
    }
}

#[cfg(test)]
mod tests;
