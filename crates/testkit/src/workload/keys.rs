//! The shapes of keys. Each is one-to-one: different numbers, different keys.

use std::io::Write;

/// What keys look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyShape {
    /// 24 bytes: `user` and 20 hashed digits, as in YCSB. Neighbouring numbers are far apart.
    User,
    /// 24 bytes: `user` and 20 digits in the order of the numbers.
    OrderedUser,
    /// 8 to 64 bytes, most of them under long shared prefixes such as `tenant/0042/object/`: the shape on which
    /// comparing the first eight bytes tells nothing. For numbers below 2⁴⁰.
    Tenant,
}

impl KeyShape {
    /// The key of a number, written over what `out` held.
    pub fn key_into(self, number: u64, out: &mut Vec<u8>) {
        out.clear();
        // Writing to a `Vec` cannot fail.
        let _ = match self {
            Self::User => write!(out, "user{:020}", scramble(number)),
            Self::OrderedUser => write!(out, "user{number:020}"),
            Self::Tenant => return tenant_key(number, out),
        };
    }

    /// The key of a number.
    #[must_use]
    pub fn key(self, number: u64) -> Vec<u8> {
        let mut key = Vec::new();
        self.key_into(number, &mut key);
        key
    }
}

/// An eight-letter code that only this number has, behind a prefix of one of three depths, before a tail of any
/// length.
fn tenant_key(number: u64, out: &mut Vec<u8>) {
    let hash = scramble(number);
    let tenant = hash % 64;
    let (longest, _) = match (hash >> 8) % 8 {
        0 => (16, Ok(())),
        1 | 2 => (40, write!(out, "tenant/{tenant:04}/")),
        _ => (64, write!(out, "tenant/{tenant:04}/object/")),
    };
    out.extend(code(number));
    let tail = (hash >> 16) % (longest - out.len() as u64 + 1);
    out.extend((0..tail).map(|at| b'a' + u8::try_from((hash >> (at % 32)) % 26).unwrap_or_default()));
}

/// Forty bits as eight letters and digits, scrambled within forty bits so that neighbours are far apart.
fn code(number: u64) -> impl Iterator<Item = u8> {
    const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    const MASK: u64 = (1 << 40) - 1;
    // An odd factor and a xor with a shift are both one-to-one on forty bits.
    let mixed = number.wrapping_mul(0x9E_3779_B97F) & MASK;
    let mixed = (mixed ^ (mixed >> 20)).wrapping_mul(0x94_D049_BB13) & MASK;
    (0..8).filter_map(move |at| {
        let digit = usize::try_from((mixed >> (35 - 5 * at)) & 31).ok()?;
        ALPHABET.get(digit).copied()
    })
}

/// One-to-one on 64 bits, and far apart for neighbours (the finalizer of SplitMix64).
#[must_use]
pub fn scramble(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
