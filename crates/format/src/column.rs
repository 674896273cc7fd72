//! Columns of integers at the narrowest width that holds them.
//!
//! A column is `base` plus `width` bytes per value, little-endian, `width` between 0 and 8: the smallest width that
//! holds the largest difference from the base, so a column of equal values has no bytes at all. The base and the width are in
//! the header of the structure that owns the column.
//!
//! Not here: bit-packing. Whole bytes cost a few bits more and read with one load and a mask.

/// How a column of values is laid down: what the owner's header must store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ColumnShape {
    /// The smallest value.
    pub base: u64,
    /// Bytes per value, 0..=8.
    pub width: u8,
}

impl ColumnShape {
    /// The shape for values between `least` and `greatest`.
    #[must_use]
    pub const fn new(least: u64, greatest: u64) -> Self {
        let bits = 64 - greatest.wrapping_sub(least).leading_zeros();
        let [width, ..] = bits.div_ceil(8).to_le_bytes();
        Self { base: least, width }
    }

    /// Bytes that `count` values take.
    #[must_use]
    pub const fn len(self, count: usize) -> usize {
        count * self.width as usize
    }

    /// Whether the column takes no bytes.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.width == 0
    }

    /// Appends one value, which must not lie outside the bounds that the shape was made for.
    #[inline]
    pub fn push(self, out: &mut Vec<u8>, value: u64) {
        let difference = value.wrapping_sub(self.base).to_le_bytes();
        out.extend_from_slice(difference.get(..usize::from(self.width)).unwrap_or(&difference));
    }

    /// Writes a whole column of [`ColumnShape::len`] bytes, of values as [`ColumnShape::push`] takes them.
    pub fn fill(self, column: &mut [u8], values: impl Iterator<Item = u64>) {
        let width = usize::from(self.width).max(1);
        for (target, value) in column.chunks_exact_mut(width).zip(values) {
            let difference = value.wrapping_sub(self.base).to_le_bytes();
            for (byte, from) in target.iter_mut().zip(difference) {
                *byte = from;
            }
        }
    }

    /// The value at `index` of the column that begins at `column`. `column` may run on past the column's end: then the
    /// value is read with one load. Out of bounds reads give the base.
    #[inline(always)]
    #[must_use]
    pub fn get(self, column: &[u8], index: usize) -> u64 {
        let width = usize::from(self.width);
        if width == 0 {
            return self.base;
        }
        let at = index * width;
        if let Some(chunk) = column.get(at..).and_then(<[u8]>::first_chunk::<8>) {
            let unused_bits = 64 - 8 * u32::from(self.width.min(8));
            return self.base.wrapping_add(u64::from_le_bytes(*chunk) << unused_bits >> unused_bits);
        }
        self.base.wrapping_add(last_value(column.get(at..).unwrap_or_default(), width))
    }
}

#[cold]
fn last_value(bytes: &[u8], width: usize) -> u64 {
    bytes.iter().take(width).rev().fold(0, |value, &byte| value << 8 | u64::from(byte))
}

#[cfg(test)]
mod tests;
