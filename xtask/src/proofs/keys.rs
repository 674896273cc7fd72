//! Keys and values that a number determines, so that every read can be checked without keeping what was written.
//!
//! Key `i` is `user` and the 20 digits of `i` scrambled one to one, the same as `KeyShape::User` of the test kit but without an allocation: no two numbers share a key, ascending numbers give
//! keys in random order, and a key gives its number back, so a scan can tell that each entry belongs there. Its value is
//! incompressible and derived from the number.

pub(crate) use esker_testkit::workload::choice::shuffled;
use esker_testkit::workload::keys::scramble;

/// Bytes of a key.
pub(crate) const KEY_BYTES: usize = 24;

/// Values of the proofs that do not choose.
pub(crate) const VALUE_BYTES: usize = 100;

/// The inverse of [`scramble`]: inverse factors, and shifts folded back.
fn unscramble(scrambled: u64) -> u64 {
    let mut x = scrambled ^ (scrambled >> 31) ^ (scrambled >> 62);
    x = x.wrapping_mul(0x3196_42B2_D24D_8EC3);
    x = x ^ (x >> 27) ^ (x >> 54);
    x = x.wrapping_mul(0x96DE_1B17_3F11_9089);
    x ^ (x >> 30) ^ (x >> 60)
}

/// The key of number `i`.
pub(crate) fn key(i: u64) -> [u8; KEY_BYTES] {
    let mut key = *b"user00000000000000000000";
    let mut rest = scramble(i);
    for digit in key[4..].iter_mut().rev() {
        *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
        rest /= 10;
    }
    key
}

/// The number of a key; `None` where it is no key of ours.
pub(crate) fn number(key: &[u8]) -> Option<u64> {
    let digits = key.strip_prefix(b"user").filter(|_| key.len() == KEY_BYTES)?;
    std::str::from_utf8(digits).ok()?.parse().ok().map(unscramble)
}

/// Writes the value of number `i` into all of `value`.
pub(crate) fn fill_value(i: u64, value: &mut [u8]) {
    let mut word = scramble(!i);
    for chunk in value.chunks_mut(8) {
        let bytes = word.to_le_bytes();
        chunk.copy_from_slice(&bytes[..chunk.len()]);
        word = word.wrapping_mul(0xD129_0D3B_3B6E_1A25).wrapping_add(0x9E37_79B9_7F4A_7C15).rotate_left(23);
    }
}

#[cfg(test)]
#[path = "keys/tests.rs"]
mod tests;
