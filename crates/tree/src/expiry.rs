//! Expiry: by what time a read goes, and what of an expiring put it sees.
//!
//! An entry of kind [`esker_mem::kind::Kind::ExpiringPut`] stores its value and the moment from which on its key is absent
//! ([`esker_format::expiry`]), in milliseconds since 1970 by the clock of the tree. The rules (INV-TTL-1):
//!
//! - It has its value at every time before its expiry; from then on, at its expiry, too, it reads as a deletion.
//! - A point read goes by the clock of its moment, several keys in one call by one look at it, a range by the look that was
//!   taken when the range was made, and a snapshot by the one when the snapshot was taken.
//! - Operands of a merge have no expiry. Upon a value that expires they are folded for as long as it has not, and upon nothing
//!   from then on. So neither a flush nor a compaction folds operands onto a value that may still expire (INV-TTL-4).
//! - Flushes and compactions let a value go once it is expired for every live snapshot, too (INV-TTL-2), and the entry where a
//!   tombstone would go (INV-TTL-3).
//!
//! The clock is only looked at where an expiring entry was met, or may be met by a range. Who has none pays nothing: a value that
//! does not expire is of another kind, which readers ask for first.
//!
//! Should the clock be set back, what a compaction found expired stays absent, and what none has touched comes back until its
//! time.
//!
//! Not here: what a compaction does ([`crate::compaction::stream`]), the clock ([`esker_env::clock`]), which times snapshots
//! hold ([`crate::state`]).

use std::time::Duration;

use esker_format::expiry::{is_expired, put_expiring, split_expiring};
use esker_mem::slice::Slice;

use crate::error::{Error, Result};

/// By what time a read goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ReadTime(u64);

impl ReadTime {
    /// That of the clock.
    pub(crate) const NOW: Self = Self(u64::MAX);
    /// That of the earliest live snapshot that holds the bound of the read; the clock's without one.
    pub(crate) const OF_BOUND: Self = Self(u64::MAX - 1);

    /// A fixed one, in milliseconds since 1970.
    pub(crate) const fn at(unix_millis: u64) -> Self {
        // The two last milliseconds of this count are taken for marks.
        Self(if unix_millis < Self::OF_BOUND.0 { unix_millis } else { Self::OF_BOUND.0 - 1 })
    }

    /// The time, if it is a fixed one.
    pub(crate) fn fixed(self) -> Option<u64> {
        (self.0 < Self::OF_BOUND.0).then_some(self.0)
    }

    /// The same for a read whose bound is the newest at hand, and not one that somebody holds.
    pub(crate) fn of_latest(self) -> Self {
        if self == Self::OF_BOUND { Self::NOW } else { self }
    }
}

/// What an expiring put stores.
pub(crate) fn stored(value: &[u8], expires_at: u64) -> Vec<u8> {
    let mut stored = Vec::new();
    put_expiring(&mut stored, value, expires_at);
    stored
}

/// The value, unless it is expired at `now`.
pub(crate) fn live(stored: &Slice, now: u64) -> Option<Slice> {
    let (value, expires_at) = split_expiring(stored);
    if is_expired(expires_at, now) { None } else { stored.get(..value.len()) }
}

/// Milliseconds since 1970 at which something expires that lives for `ttl` from `now` on: a part of a millisecond counts as a
/// whole one, and what lies beyond the end of the count never comes. For callers with a log of their own, who write what they have
/// logged by [`crate::Tree::insert_with_expiry`] or [`crate::Apply::insert`].
///
/// ```
/// # use std::time::Duration;
/// assert_eq!(esker_tree::expires_after(1_000, Duration::from_secs(2))?, 3_000);
/// # Ok::<(), esker_tree::Error>(())
/// ```
///
/// # Errors
///
/// [`Error::ZeroTtl`] if `ttl` is zero: that would be a delete.
pub fn expires_after(now: u64, ttl: Duration) -> Result<u64> {
    if ttl.is_zero() {
        return Err(Error::ZeroTtl);
    }
    let millis = u64::try_from(ttl.as_nanos().div_ceil(1_000_000)).unwrap_or(u64::MAX);
    Ok(now.saturating_add(millis))
}

#[cfg(test)]
mod tests;
