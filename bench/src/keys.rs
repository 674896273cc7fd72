//! Keys and values that a seed and a number determine, so that every read can be checked.
//!
//! Key `i` is `user` and 20 digits of a bijective mix of `i`: no two numbers share a key, and ascending numbers give
//! random-looking keys. Its value is derived from the key's mix, so a wrong value is seen.

/// Bytes of a key.
pub const KEY_BYTES: usize = 24;

/// A bijection on 64 bits (the finalizer of SplitMix64).
pub fn mix(i: u64) -> u64 {
    let mut x = i.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// The key of number `i`.
pub fn key(i: u64) -> [u8; KEY_BYTES] {
    let mut key = *b"user00000000000000000000";
    let mut rest = mix(i);
    for digit in key[4..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    key
}

/// Writes the value of number `i` into all of `value`: incompressible words that name `i`.
pub fn fill_value(i: u64, value: &mut [u8]) {
    for (word, chunk) in value.chunks_mut(8).enumerate() {
        let bytes = mix(i ^ ((word as u64) << 56)).to_le_bytes();
        let length = chunk.len();
        chunk.copy_from_slice(&bytes[..length]);
    }
}

/// The numbers `0..count` in an order that `seed` determines, without keeping them: a full-period walk.
pub fn shuffled(count: u64, seed: u64) -> impl Iterator<Item = u64> {
    // A linear congruential walk over the next power of two visits every number once; those past the end are skipped.
    let size = count.next_power_of_two().max(1);
    let step = mix(seed) | 1;
    let factor = (mix(seed ^ 1) & !7) | 5;
    let mut at = mix(seed ^ 2) & (size - 1);
    (0..size)
        .map(move |_| {
            at = at.wrapping_mul(factor).wrapping_add(step) & (size - 1);
            at
        })
        .filter(move |i| *i < count)
}
