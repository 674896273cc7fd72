//! A value that a read returned, and whether it pins the block that it came from.
//!
//! A value in a table is not copied: it shares the memory of its block, and keeps all of it alive, in the cache or out of
//! it. That is the cheapest way to read, and a waste for who keeps a few bytes of it for long. A value in a memtable is
//! copied, since it would keep the whole memtable alive; and one of a few bytes is, since that is cheaper than sharing.
//!
//! Not here: how values are found ([`crate::get`]).

use std::ops::Deref;

use esker_mem::slice::UserValue;

/// A value, pinned in its block or copied; reads like a byte slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PinnableSlice(UserValue);

impl PinnableSlice {
    /// Whether the value shares its block's memory; otherwise it has been copied.
    #[must_use]
    pub const fn is_pinned(&self) -> bool {
        self.0.is_of_buffer()
    }

    /// The bytes of heap that are kept alive by it: a whole block, if it is pinned.
    #[must_use]
    pub fn pinned_bytes(&self) -> usize {
        self.0.heap_bytes()
    }

    /// The value as it is, pinned or not.
    #[must_use]
    pub fn into_value(self) -> UserValue {
        self.0
    }

    /// The value, copied out of its block if it was pinned there, so that the block can go.
    #[must_use]
    pub fn into_detached(self) -> UserValue {
        if self.is_pinned() { self.0.detach() } else { self.0 }
    }
}

impl From<UserValue> for PinnableSlice {
    /// The value that a read returned.
    #[inline]
    fn from(value: UserValue) -> Self {
        Self(value)
    }
}

impl Deref for PinnableSlice {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        &self.0
    }
}

impl AsRef<[u8]> for PinnableSlice {
    #[inline]
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}
