//! Codes: 64 bits that tell most keys of one data set apart, in key order.
//!
//! A [head](mod@crate::head) spends eight bits on each byte and begins with the first one: of keys such as
//! `user00000000000000012345` it tells almost none apart. A code is made for a sample of the keys. It passes over what
//! all of them begin with, and reads the rest as a number whose digit at each place has as many values as the bytes seen
//! there: one on a byte that is always the same, ten on a decimal digit. So nineteen decimal digits fit, and keys that are
//! spread evenly have codes that are spread evenly, which is what sorting them by buckets lives on.
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
    /// What one step of this digit is worth: the number of codes that agree up to here.
    weight: u64,
    /// The lowest byte seen here, and how much higher the highest one is.
    low: u8,
    span: u8,
    /// The digit of the lowest byte: one where keys may end, so that zero is left for those.
    first: u8,
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
        let mut codes = 1u128;
        let mut positions = Vec::new();
        for (at, &(low, high)) in ranges.iter().enumerate().skip(common).take(MOST_POSITIONS) {
            let position = Position::new(low, high, at >= shortest);
            codes *= u128::from(position.values());
            if codes > 1 << 64 {
                break;
            }
            positions.push(position);
        }
        let mut weight = 1u64;
        for position in positions.iter_mut().rev() {
            position.weight = weight;
            // Only the product of all can be 2^64, and that is no weight.
            weight = weight.wrapping_mul(position.values());
        }
        Self { prefix: first.get(..common).unwrap_or_default().to_vec(), positions }
    }

    /// Whether it tells no two keys of its sample apart.
    pub(super) fn is_flat(&self) -> bool {
        self.positions.iter().all(|position| position.values() == 1)
    }

    /// The code of `key` (INV-MEM-13).
    #[inline]
    #[must_use]
    pub fn code(&self, key: &[u8]) -> u64 {
        let Some(rest) = key.strip_prefix(self.prefix.as_slice()) else {
            return if key < self.prefix.as_slice() { 0 } else { u64::MAX };
        };
        let mut code = 0u64;
        let mut is_usual = rest.len() >= self.positions.len();
        // Without a way out of the loop, which costs more than going on: almost all keys are like the sample.
        for (position, &byte) in self.positions.iter().zip(rest) {
            let above_low = byte.wrapping_sub(position.low);
            is_usual &= above_low <= position.span;
            code = code.wrapping_add(position.worth(above_low));
        }
        if is_usual { code } else { self.code_of_unusual(rest) }
    }

    /// The code of a key that ends early or leaves the alphabet of the sample: the lowest or the highest of all codes that
    /// agree with it up to there.
    #[cold]
    fn code_of_unusual(&self, rest: &[u8]) -> u64 {
        let mut code = 0u64;
        for (position, &byte) in self.positions.iter().zip(rest) {
            if byte < position.low {
                return code;
            }
            if byte - position.low > position.span {
                let codes = position.weight.wrapping_mul(position.values());
                return code.wrapping_add(codes.wrapping_sub(1));
            }
            code = code.wrapping_add(position.worth(byte - position.low));
        }
        code
    }
}

impl Position {
    fn new(low: u8, high: u8, may_end: bool) -> Self {
        Self { weight: 0, low, span: high - low, first: u8::from(may_end && low != high) }
    }

    /// How many values the digit has.
    fn values(&self) -> u64 {
        u64::from(self.span) + u64::from(self.first) + 1
    }

    /// What a byte so far above the lowest one adds to the code.
    #[inline]
    fn worth(&self, above_low: u8) -> u64 {
        (u64::from(above_low) + u64::from(self.first)).wrapping_mul(self.weight)
    }
}

#[cfg(test)]
mod tests;
