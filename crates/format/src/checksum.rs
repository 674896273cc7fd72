//! The two hashes of the format, both xxh3-64 with seed 0 (and so identical on every machine).
//!
//! [`checksum64`] guards bytes on disk; [`key_hash`] is computed once per key and operation and feeds filters and the
//! memtable's hash index. Filters store bits derived from `key_hash`, so it is part of the format: another hash is another
//! filter kind.
//!
//! An error in a block passes unnoticed with probability 2^-64. The hash is not cryptographic: it does not protect
//! against someone who writes to the disk on purpose (encryption will).

use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// The checksum of `bytes`.
#[inline]
#[must_use]
pub fn checksum64(bytes: &[u8]) -> u64 {
    xxh3_64(bytes)
}

/// [`checksum64`] of bytes that come piece by piece.
#[derive(Clone, Default)]
pub struct RunningChecksum(Xxh3);

impl RunningChecksum {
    /// Takes the next bytes.
    #[inline]
    pub fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    /// The checksum of all bytes so far.
    #[must_use]
    pub fn digest(&self) -> u64 {
        self.0.digest()
    }
}

impl std::fmt::Debug for RunningChecksum {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("RunningChecksum").field(&self.digest()).finish()
    }
}

/// The hash of a user key, as filters and hash indexes use it.
#[inline]
#[must_use]
pub fn key_hash(key: &[u8]) -> u64 {
    xxh3_64(key)
}

#[cfg(test)]
mod tests;
