//! What estimates add up: an amount of entries and bytes, as fractions until the end.
//!
//! Not here: where the parts come from ([`super`], [`super::memory`]).

use std::ops::Bound;

/// A range of keys as its two ends.
pub(crate) type Ends<'a> = (Bound<&'a [u8]>, Bound<&'a [u8]>);

/// What a part of the tree holds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Amount {
    pub(crate) entries: f64,
    pub(crate) tombstones: f64,
    pub(crate) bytes: f64,
}

impl Amount {
    /// Adds the amount of another part.
    pub(crate) fn add(&mut self, other: Self) {
        self.entries += other.entries;
        self.tombstones += other.tombstones;
        self.bytes += other.bytes;
    }

    /// Live keys: each tombstone is taken to hide one older version.
    pub(crate) fn rows(&self) -> f64 {
        (self.entries - 2.0 * self.tombstones).max(0.0)
    }
}
