//! Codes: 64 bits that tell most keys of one data set apart, in key order.
//!
//! A [head](mod@crate::head) spends eight bits on each byte and begins with the first one: of keys such as
//! `user00000000000000012345` it tells almost none apart. A code is made for a sample of the keys. It passes over what
//! all of them begin with, and spends on each further byte only as many bits as the bytes seen there need: none on one
//! that is always the same, four on a decimal digit.
//!
//! INV-MEM-13: a code never falls as keys rise, *whatever* the key: `a <= b` implies `code(a) <= code(b)`. The sample
//! decides how many keys share a code and nothing else, so equal codes are always followed by a comparison of keys.
//! That holds because a key which leaves the sample's alphabet at some byte gets the lowest or the highest code of all
//! keys that begin as it does up to there.
//!
//! Codes are meaningful under byte order only; for others there is [`KeyCode::flat`].

/// The most bytes that a code looks at behind the common prefix.
const MOST_POSITIONS: usize = 64;

/// A map from keys to 64 bits that keeps their order. See the module's documentation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyCode {
    prefix: Vec<u8>,
    positions: Vec<Position>,
}

/// What becomes of one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Position {
    /// The bytes seen here.
    low: u8,
    high: u8,
    /// What is taken off a byte: the lowest, or one less where keys may end, so that zero is left for them.
    base: i16,
    /// Bits of the code; a field that would not fit loses its low ones.
    width: u8,
    lost: u8,
}

impl KeyCode {
    /// Gives all keys the same code: for orders other than that of bytes.
    #[must_use]
    pub const fn flat() -> Self {
        Self { prefix: Vec::new(), positions: Vec::new() }
    }

    /// A code for keys such as these.
    #[must_use]
    pub fn of_sample<'a>(keys: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut keys = keys.into_iter();
        let Some(first) = keys.next() else { return Self::flat() };
        let mut common = first.len();
        let mut shortest = first.len();
        let mut ranges: Vec<(u8, u8)> = first.iter().map(|&byte| (byte, byte)).collect();
        for key in keys {
            common = first.iter().take(common).zip(key).take_while(|(a, b)| a == b).count();
            shortest = shortest.min(key.len());
            for (range, &byte) in ranges.iter_mut().zip(key) {
                *range = (range.0.min(byte), range.1.max(byte));
            }
            let longer = key.iter().skip(ranges.len()).map(|&byte| (byte, byte));
            ranges.extend(longer);
        }
        let mut left = 64;
        let mut positions = Vec::new();
        for (at, &(low, high)) in ranges.iter().enumerate().skip(common).take(MOST_POSITIONS) {
            let position = Position::new(low, high, at >= shortest, left);
            left -= position.width;
            positions.push(position);
            if left == 0 {
                break;
            }
        }
        Self { prefix: first.get(..common).unwrap_or_default().to_vec(), positions }
    }

    /// Whether it tells no two keys of its sample apart.
    pub(super) fn is_flat(&self) -> bool {
        self.positions.iter().all(|position| position.width == 0)
    }

    /// The code of `key` (INV-MEM-13).
    #[inline]
    #[must_use]
    pub fn code(&self, key: &[u8]) -> u64 {
        let Some(rest) = key.strip_prefix(self.prefix.as_slice()) else {
            return if key < self.prefix.as_slice() { 0 } else { u64::MAX };
        };
        let mut code = 0u64;
        let mut left = 64u32;
        for (position, &byte) in self.positions.iter().zip(rest) {
            if byte < position.low {
                return code;
            }
            if byte > position.high {
                return code | u64::MAX.checked_shr(64 - left).unwrap_or(0);
            }
            left -= u32::from(position.width);
            let field = u64::from((i16::from(byte) - position.base).unsigned_abs()) >> position.lost;
            // A shift by 64 comes with a width of zero only, before anything took a bit.
            code |= field.checked_shl(left).unwrap_or(0);
        }
        code
    }
}

impl Position {
    fn new(low: u8, high: u8, may_end: bool, left: u8) -> Self {
        let base = i16::from(low) - i16::from(may_end && low != high);
        let highest = (i16::from(high) - base).unsigned_abs();
        let bits = u8::try_from(u16::BITS - highest.leading_zeros()).unwrap_or(u8::MAX);
        let width = bits.min(left);
        Self { low, high, base, width, lost: bits - width }
    }
}

#[cfg(test)]
mod tests;
