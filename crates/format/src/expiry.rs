//! What an expiring put stores for its value: the value, and behind it the moment from which on the key is absent.
//!
//! | bytes | field | |
//! |---|---|---|
//! | n | value | |
//! | 8 | expiry | milliseconds since 1970-01-01 UTC; 0: always expired |
//!
//! So it goes wherever values go: memtables, data blocks ([`crate::data_block`]), batches of the log ([`crate::batch`]),
//! temporary files of change feeds. Only who shows values to a user needs to know of it.
//!
//! A value is expired at every moment that is not before its expiry. A compaction that finds one expired, and still needs it to
//! hide what is older, leaves an empty value with expiry 0: whatever the clock says later, it stays absent.
//!
//! **Limits.** Values to 2³²−9 bytes. **Checksum scope.** That of whatever holds it. **Damage.** Blocks and batches with an
//! expiring put of fewer than eight bytes are refused where they are decoded (INV-TTL-5), so taking one apart cannot fail.
//! **Versions.** 1: as above.
//!
//! Example, "v" until 2026-11-22 00:00:00 UTC, and a value that was cut off:
//!
//! ```text
//! 76                        "v"
//! 00 74 8d 00 a2 01 00 00   1,795,305,600,000 ms
//! 00 00 00 00 00 00 00 00   expired, without a value
//! ```
//!
//! Not here: what time it is, and what readers and compactions make of it (`esker_tree`).

use crate::limits::MAX_VALUE_BYTES;

/// Bytes behind the value.
pub const EXPIRY_BYTES: usize = 8;

/// The longest value that can expire.
pub const MAX_EXPIRING_VALUE_BYTES: u64 = MAX_VALUE_BYTES - EXPIRY_BYTES as u64;

/// What stands for a value that is expired for everybody: no value, and an expiry that lies before every moment.
pub const EXPIRED: [u8; EXPIRY_BYTES] = [0; EXPIRY_BYTES];

/// Appends `value` as it is stored if it expires at `expires_at`.
#[inline]
pub fn put_expiring(out: &mut Vec<u8>, value: &[u8], expires_at: u64) {
    out.reserve(value.len() + EXPIRY_BYTES);
    out.extend_from_slice(value);
    out.extend_from_slice(&expires_at.to_le_bytes());
}

/// Whether `stored` is long enough to be what an expiring put stores.
#[inline]
#[must_use]
pub const fn is_sound(stored: &[u8]) -> bool {
    stored.len() >= EXPIRY_BYTES
}

/// The value and its expiry. Of bytes that no decoder would admit: an empty value that is expired.
#[inline]
#[must_use]
pub fn split_expiring(stored: &[u8]) -> (&[u8], u64) {
    match stored.split_last_chunk::<EXPIRY_BYTES>() {
        Some((value, expiry)) => (value, u64::from_le_bytes(*expiry)),
        None => (&[], 0),
    }
}

/// Whether what expires at `expires_at` is absent at `now`.
#[inline]
#[must_use]
pub const fn is_expired(expires_at: u64, now: u64) -> bool {
    expires_at <= now
}

#[cfg(test)]
mod tests;
