//! Values: of any length, told apart by a number, half of them compressible.

/// A value for a number: its first half random, its second half one repeated byte.
#[must_use]
pub fn value(number: u64, len: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(number);
    let mut value = vec![0; len];
    let (noise, rest) = value.split_at_mut(len.div_ceil(2));
    random.fill(noise);
    rest.fill(b'v');
    value
}
