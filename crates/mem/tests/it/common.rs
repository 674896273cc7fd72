//! Orders, hashes and shapes of keys that the tests share.

use esker_mem::comparator::{KeyOrder, UserComparator};
use esker_mem::memtable::{Memtable, MemtableOptions};
use std::cmp::Ordering;
use std::sync::Arc;

/// Any hash of bytes will do; a weak one tests the index harder.
pub(crate) fn hash(key: &[u8]) -> u64 {
    key.iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

/// Descending bytes.
pub(crate) struct Reversed;

impl UserComparator for Reversed {
    fn name(&self) -> &str {
        "reversed"
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        b.cmp(a)
    }
}

/// Letters regardless of case, without a tie-break: different bytes are the same key.
pub(crate) struct CaseInsensitive;

impl UserComparator for CaseInsensitive {
    fn name(&self) -> &str {
        "case insensitive"
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        a.to_ascii_lowercase().cmp(&b.to_ascii_lowercase())
    }

    fn equal_implies_identical(&self) -> bool {
        false
    }
}

pub(crate) fn reversed() -> KeyOrder {
    KeyOrder::new(Arc::new(Reversed))
}

pub(crate) fn case_insensitive() -> KeyOrder {
    KeyOrder::new(Arc::new(CaseInsensitive))
}

pub(crate) fn memtable(order: KeyOrder, capacity_bytes: usize, expected_entries: usize) -> Arc<Memtable> {
    Arc::new(Memtable::new(MemtableOptions { order, capacity_bytes, expected_entries, pool: None }))
}

/// How the keys of a test look.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// Eight-byte numbers in a range: fixed length, heads tell all.
    Fixed(u64),
    /// Any bytes, any short length, few distinct byte values: prefixes of each other, empty keys.
    Short,
    /// Long shared prefixes, then numbers: heads tie until nodes have their own prefixes.
    Prefixed(u64),
    /// Only trailing zeros and ones: heads tie and padding misleads.
    Zeros,
    /// Up to the longest key, mostly equal.
    Huge,
    /// Numbers in ascending order, as logs have them.
    Ascending,
}

impl Shape {
    pub(crate) fn key(self, random: &mut fastrand::Rng, count: u64) -> Vec<u8> {
        match self {
            Self::Fixed(range) => random.u64(0..range).to_be_bytes().to_vec(),
            Self::Short => (0..random.usize(0..6)).map(|_| b"aAbB\0\xff"[random.usize(0..6)]).collect(),
            Self::Prefixed(range) => {
                let id = random.u64(0..range);
                format!("tenant/{:04}/object/kind-{}/{id}", id % 7, id % 3).into_bytes()
            }
            Self::Zeros => {
                let mut key = vec![0; random.usize(0..20)];
                if random.bool() && !key.is_empty() {
                    let at = random.usize(0..key.len());
                    key[at] = random.u8(0..2);
                }
                key
            }
            Self::Huge => {
                let mut key = vec![b'k'; 65_535 - random.usize(0..3)];
                let at = [0, 7, 100, 65_000][random.usize(0..4)];
                key[at] = random.u8(..);
                key
            }
            Self::Ascending => count.to_be_bytes().to_vec(),
        }
    }
}
