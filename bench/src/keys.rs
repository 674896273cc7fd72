//! Keys and values that a number determines, so that every read can be checked without keeping what was written.
//!
//! Making them must not be seen in a figure: a key costs some nanoseconds (digits two at a time), and both are made in
//! blocks off the clock ([`crate::stretch`]).
//!
//! The first eight bytes of a value are its key's [`tag`], whatever the version written: that is what reads check and
//! what scans sum up. The rest is incompressible, or its second half repeats the first where a row asks for that.

use esker_testkit::workload::keys::scramble;

/// Room for the longest key.
const KEY_ROOM: usize = 40;

/// What keys look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// 24 bytes: `user` and 20 scrambled digits, so that ascending numbers come in random order.
    User,
    /// 24 bytes: `user` and 20 digits in the order of the numbers.
    Ordered,
    /// 33 bytes: `tenant/0042/object/`, a code of eight letters that a whole group of neighbouring numbers shares, and
    /// the member of the group. The head that an engine may cache after the shared prefix ties within a group.
    Grouped(u64),
}

/// A key in place.
#[derive(Clone, Copy)]
pub struct Key {
    bytes: [u8; KEY_ROOM],
    len: u8,
}

impl Key {
    /// The key of a number.
    pub fn new(shape: Shape, number: u64) -> Key {
        let mut bytes = [0; KEY_ROOM];
        let len = match shape {
            Shape::User => user(&mut bytes, scramble(number)),
            Shape::Ordered => user(&mut bytes, number),
            Shape::Grouped(size) => grouped(&mut bytes, number / size, number % size),
        };
        Key { bytes, len }
    }

    /// A key that no number below 2⁴⁰ has, where one of number `number` would be.
    pub fn missing(shape: Shape, number: u64) -> Key {
        match shape {
            Shape::User | Shape::Ordered => Key::new(shape, number | 1 << 40),
            Shape::Grouped(size) => {
                let mut bytes = [0; KEY_ROOM];
                let len = grouped(&mut bytes, number / size, 50_000 + number % size);
                Key { bytes, len }
            }
        }
    }

    /// Its bytes.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// How many bytes a key of this shape has.
    pub fn len_of(shape: Shape) -> usize {
        Key::new(shape, 0).bytes().len()
    }
}

/// `user` and twenty digits.
fn user(bytes: &mut [u8; KEY_ROOM], number: u64) -> u8 {
    bytes[..4].copy_from_slice(b"user");
    let (high, low) = (number / 10_000_000_000, number % 10_000_000_000);
    digits(&mut bytes[4..14], high);
    digits(&mut bytes[14..24], low);
    24
}

/// A tenant, a code of the group, the member.
fn grouped(bytes: &mut [u8; KEY_ROOM], group: u64, member: u64) -> u8 {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    bytes[..19].copy_from_slice(b"tenant/0000/object/");
    digits(&mut bytes[7..11], group % 64);
    // An odd factor is one to one on forty bits.
    let mut code = group.wrapping_mul(0x9E_3779_B97F) & ((1 << 40) - 1);
    for letter in &mut bytes[19..27] {
        *letter = ALPHABET[(code >> 35) as usize & 31];
        code <<= 5;
    }
    bytes[27] = b'/';
    digits(&mut bytes[28..33], member);
    33
}

/// The last digits of a number, as many as fit.
#[inline]
fn digits(place: &mut [u8], mut number: u64) {
    for pair in place.rchunks_mut(2) {
        let (tens, ones) = ((number % 100) as u8 / 10, (number % 10) as u8);
        match pair {
            [high, low] => (*high, *low) = (b'0' + tens, b'0' + ones),
            [low] => *low = b'0' + ones,
            _ => {}
        }
        number /= 100;
    }
}

/// The first eight bytes of every value of a number.
#[inline]
pub fn tag(number: u64) -> u64 {
    scramble(!number)
}

/// The tag at the start of a value; shorter values have none.
#[inline]
pub fn tag_of(value: &[u8]) -> u64 {
    value.first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Writes a value of number `number` into all of `value`; another version, other bytes behind the tag.
pub fn fill_value(number: u64, version: u64, compressible: bool, value: &mut [u8]) {
    let fresh = if compressible { value.len().div_ceil(2).max(8) } else { value.len() };
    let (head, repeat) = value.split_at_mut(fresh.min(value.len()));
    let mut word = tag(number);
    for (at, chunk) in head.chunks_mut(8).enumerate() {
        let bytes = word.to_le_bytes();
        chunk.copy_from_slice(&bytes[..chunk.len()]);
        if at == 0 {
            word ^= scramble(version);
        }
        word = word.wrapping_mul(0xD129_0D3B_3B6E_1A25).wrapping_add(0x9E37_79B9_7F4A_7C15).rotate_left(23);
    }
    repeat.copy_from_slice(&head[..repeat.len()]);
}

#[cfg(test)]
mod tests;
