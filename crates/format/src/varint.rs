//! Variable-length integers: LEB128, seven bits a byte, low bits first, at most ten bytes.
//!
//! The encoding is canonical: a decoder refuses an overlong form, so equal values have equal bytes and every structure
//! re-encodes to what was read.

/// The longest encoding of a `u64`.
pub const MAX_VARINT_BYTES: usize = 10;

/// Appends `value` to `out`: one byte below 128, at most ten.
#[inline]
pub fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(low_byte(value) | 0x80);
        value >>= 7;
    }
    out.push(low_byte(value));
}

/// Reads one varint from the front of `bytes`: the value and how many bytes it took; `None` if the bytes end too early, the
/// value does not fit, or the form is overlong.
#[inline]
#[must_use]
pub fn get_varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let first = *bytes.first()?;
    if first < 0x80 {
        return Some((u64::from(first), 1));
    }
    get_long_varint(bytes)
}

fn get_long_varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0u64;
    for (index, &byte) in bytes.iter().take(MAX_VARINT_BYTES).enumerate() {
        let bits = u64::from(byte & 0x7f);
        if index == MAX_VARINT_BYTES - 1 && bits > 1 {
            return None;
        }
        value |= bits << (7 * index);
        if byte < 0x80 {
            return if byte == 0 && index > 0 { None } else { Some((value, index + 1)) };
        }
    }
    None
}

/// How many bytes [`put_varint`] appends for `value`.
#[inline]
#[must_use]
pub const fn varint_len(value: u64) -> usize {
    // One byte per started group of seven significant bits.
    let significant_bits = 64 - (value | 1).leading_zeros() as usize;
    significant_bits.div_ceil(7)
}

#[inline]
const fn low_byte(value: u64) -> u8 {
    (value & 0xff) as u8
}

#[cfg(test)]
mod tests;
