//! Search in a sorted array of heads: the inner loop of data blocks and index nodes.
//!
//! A *head* is the first eight bytes of a key after the prefix that all keys of the array share, zero-padded, as an integer in
//! key order; it is stored little-endian. The search is **two-level**: it counts how many groups of eight lie wholly below the
//! wanted head, looking at each group's last head, and then counts inside the one group that remains. All loads of a
//! level are independent, so a cold block costs two rounds of parallel cache misses where a binary search takes one round
//! per step. Arrays beyond 256 heads are halved first.
//!
//! Equal heads say nothing about the keys behind them (`"a"` and `"a\0"` have the same head): the caller compares inside the
//! range of equals that [`equal_range`] gives.

use std::cmp::Ordering;

/// A head as it is stored.
pub type StoredHead = [u8; 8];

/// Heads in an array which the two levels search without halving it first: 32 groups.
const WIDE: usize = 256;

/// The head of a key suffix as a number.
#[inline]
#[must_use]
pub const fn load(stored: StoredHead) -> u64 {
    u64::from_le_bytes(stored)
}

/// The heads that begin at `bytes`, `count` of them or as many as there are.
#[inline]
#[must_use]
pub fn heads(bytes: &[u8], count: usize) -> &[StoredHead] {
    let (heads, _) = bytes.as_chunks::<8>();
    heads.get(..count).unwrap_or(heads)
}

/// How many of the sorted `heads` are below `wanted`.
#[inline]
#[must_use]
pub fn count_below(heads: &[StoredHead], wanted: u64) -> usize {
    let mut below = 0;
    let mut rest = heads;
    while rest.len() > WIDE {
        let (front, back) = rest.split_at(rest.len() / 2);
        if back.first().is_some_and(|&head| load(head) < wanted) {
            below += front.len();
            rest = back;
        } else {
            rest = front;
        }
    }
    let (groups, tail) = rest.as_chunks::<8>();
    let full: usize = groups.iter().map(|group| usize::from(load(group[7]) < wanted)).sum();
    below += full * 8;
    // The group that holds the boundary: its last head is not below, so seven comparisons decide.
    match groups.get(full) {
        Some(group) => below + group.iter().map(|&head| usize::from(load(head) < wanted)).sum::<usize>(),
        None => below + tail.iter().map(|&head| usize::from(load(head) < wanted)).sum::<usize>(),
    }
}

/// The range of `heads` equal to `wanted`; empty at the place where it would stand if there are none.
#[inline]
#[must_use]
pub fn equal_range(heads: &[StoredHead], wanted: u64) -> (usize, usize) {
    let start = count_below(heads, wanted);
    let rest = heads.get(start..).unwrap_or_default();
    // Most often one head or none is equal; a long tie is found by the same search.
    for (equal, &head) in rest.iter().take(4).enumerate() {
        if load(head) != wanted {
            return (start, start + equal);
        }
    }
    match wanted.checked_add(1) {
        Some(above) => (start, start + count_below(rest, above)),
        None => (start, heads.len()),
    }
}

/// Where a key stands to an array of keys that share a prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'k> {
    /// Before all of them.
    Below,
    /// It shares the prefix, and this follows it.
    Inside(&'k [u8]),
    /// After all of them.
    Above,
}

/// Compares `key` with the prefix of an array in byte order.
#[inline]
#[must_use]
pub fn place<'k>(key: &'k [u8], prefix: &[u8]) -> Place<'k> {
    match key.strip_prefix(prefix) {
        Some(suffix) => Place::Inside(suffix),
        // A key that is shorter than the prefix and agrees so far comes first.
        None if key < prefix => Place::Below,
        None => Place::Above,
    }
}

/// Compares a stored key with a wanted suffix whose head is equal to the stored one. `suffix_len` is the length of the stored
/// key after the common prefix, and `remainder` is what follows its head.
#[inline]
#[must_use]
pub fn compare_tied(suffix_len: usize, remainder: &[u8], wanted: &[u8]) -> Ordering {
    // Equal heads: where either key ends inside its head the other goes on with zero bytes at most, so the lengths decide.
    suffix_len
        .min(8)
        .cmp(&wanted.len().min(8))
        .then_with(|| remainder.cmp(wanted.get(8..).unwrap_or_default()))
}

/// Appends the key bytes of a head: the first eight bytes of a suffix of `suffix_len` bytes.
#[inline]
pub fn push_head(out: &mut Vec<u8>, head: u64, suffix_len: usize) {
    let bytes = head.to_be_bytes();
    out.extend_from_slice(bytes.get(..suffix_len).unwrap_or(&bytes));
}

#[cfg(test)]
mod tests;
