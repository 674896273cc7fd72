//! Heads: the first eight bytes of a key as one integer.
//!
//! Heads compare like the byte strings they stand for, as far as eight bytes tell: `head(a) < head(b)` implies
//! `a < b`, and `a < b` implies `head(a) <= head(b)`. Equal heads say nothing, because short keys are padded with zeros
//! (`"a"` and `"a\0"` tie), so an equal head is always followed by a comparison of the whole keys. Heads are
//! meaningful under byte order only; a custom comparator never looks at them.

/// The first eight bytes of `bytes`, zero-padded on the right, as a big-endian integer.
#[inline]
#[must_use]
pub fn head(bytes: &[u8]) -> u64 {
    if let Some(first) = bytes.first_chunk::<8>() {
        return u64::from_be_bytes(*first);
    }
    short_head(bytes)
}

/// The head of fewer than eight bytes, assembled from two overlapping loads instead of a loop.
#[inline]
fn short_head(bytes: &[u8]) -> u64 {
    let len = bytes.len();
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let high = u64::from(u32::from_be_bytes(*first)) << 32;
        let low = u64::from(u32::from_be_bytes(*last)) << (64 - 8 * len);
        return high | low;
    }
    let mut padded = [0u8; 8];
    for (to, from) in padded.iter_mut().zip(bytes) {
        *to = *from;
    }
    u64::from_be_bytes(padded)
}

#[cfg(test)]
mod tests;
