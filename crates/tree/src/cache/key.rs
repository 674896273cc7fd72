//! What files and blocks are called in the cache, and a hash of that.
//!
//! A [`FileKey`] is never reused within a process, so that blocks of a deleted file can never be taken for those of another.
//!
//! Not here: the blocks.

use std::hash::{BuildHasher, Hasher};
use std::sync::atomic::{AtomicU64, Ordering};

/// Identifies one opened file within the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct FileKey(u64);

impl FileKey {
    /// A key that no other file of this process has or had.
    #[must_use]
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// Identifies a block: its file, and how many blocks of it come before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BlockKey {
    pub(crate) file: FileKey,
    pub(crate) ordinal: usize,
}

impl std::hash::Hash for BlockKey {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.file.0.rotate_left(40) ^ self.ordinal as u64);
    }
}

/// A hash of one integer: two multiplications. Keys are our own, so nobody can choose them to collide.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct IntegerHash(u64);

impl BuildHasher for IntegerHash {
    type Hasher = Self;

    #[inline]
    fn build_hasher(&self) -> Self {
        Self(0)
    }
}

impl Hasher for IntegerHash {
    #[inline]
    fn finish(&self) -> u64 {
        self.0
    }

    #[inline]
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }

    #[inline]
    fn write_u64(&mut self, value: u64) {
        // The finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
        let mut x = self.0 ^ value;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        self.0 = x ^ (x >> 31);
    }
}
