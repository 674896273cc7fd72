//! What a hash asks of a layer: where its equation begins, which slots it sums, and what the sum must be.
//!
//! Builder and reader use these functions and nothing else, so what was built is what is asked (INV-FMT-5).

/// Slots that one equation can reach, and slots of a bucket.
pub(super) const WIDTH: usize = 64;

/// The offsets below which a bucket sends its keys to the next layer, by code.
pub(super) const THRESHOLDS: [u32; 4] = [0, 16, 32, 64];

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of SplitMix64 (Steele, Lea and Flood, 2014).
#[inline]
const fn mix(hash: u64) -> u64 {
    let hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ hash >> 31
}

/// The hash that the first layer uses.
#[inline]
pub(super) const fn first_hash(key_hash: u64, seed: u8) -> u64 {
    mix(key_hash ^ (seed as u64).wrapping_mul(GOLDEN))
}

/// The hash that the next layer uses.
#[inline]
pub(super) const fn next_hash(hash: u64) -> u64 {
    mix(hash.wrapping_add(GOLDEN))
}

/// Bucket, and offset in it, where the equation begins. Grows with the hash, and so sorted hashes are in order of place.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "a slot's number is below 64 · 2^32, an offset below 64")]
pub(super) const fn place(hash: u64, bucket_count: u32) -> (usize, u32) {
    let slot = (hash as u128 * (bucket_count as u128 * WIDTH as u128)) >> 64;
    ((slot as u64 / WIDTH as u64) as usize, slot as u32 % WIDTH as u32)
}

/// Which slots are summed: bit `i` is the slot `i` after the first, which always takes part.
#[inline]
pub(super) const fn coefficients(hash: u64) -> u64 {
    (hash ^ hash >> 32).wrapping_mul(0xd6e8_feb8_6659_fd93) | 1
}

/// What the sum must be, in `result_bits` bits (1..=16).
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "at most 16 bits")]
pub(super) const fn result(hash: u64, result_bits: u8) -> u16 {
    // High bits of another product: a linear function of the coefficients would be satisfied by every key.
    (hash.wrapping_mul(GOLDEN) >> (64 - result_bits as u32)) as u16
}

/// Whether an odd number of bits is set.
#[inline]
pub(super) const fn is_odd(bits: u64) -> bool {
    bits.count_ones() & 1 == 1
}
