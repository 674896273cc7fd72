//! A cursor over bytes from disk: every read is checked against what is left.
//!
//! It knows the structure it reads and its place, so errors point at the byte. Lengths found in the bytes are compared with
//! the bytes that remain before anything is sliced or allocated (INV-FMT-1).

use crate::error::{DecodeError, Problem};
use crate::varint::get_varint;

/// Reads a structure front to back.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    structure: &'static str,
    rest: &'a [u8],
    at: u64,
}

impl<'a> Reader<'a> {
    /// A reader of `bytes`, which are meant to hold `structure`.
    #[must_use]
    pub const fn new(structure: &'static str, bytes: &'a [u8]) -> Self {
        Self { structure, rest: bytes, at: 0 }
    }

    /// How far it has read.
    #[must_use]
    pub const fn at(&self) -> u64 {
        self.at
    }

    /// What is left to read.
    #[must_use]
    pub const fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// Whether everything was read.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    /// An error at the present place.
    #[must_use]
    pub const fn error(&self, problem: Problem) -> DecodeError {
        DecodeError::new(self.structure, self.at, problem)
    }

    /// A broken rule at the present place.
    #[must_use]
    pub const fn invalid(&self, rule: &'static str) -> DecodeError {
        DecodeError::invalid(self.structure, self.at, rule)
    }

    /// The next `len` bytes.
    ///
    /// # Errors
    /// Fewer are left.
    #[inline]
    pub fn bytes(&mut self, len: u64) -> Result<&'a [u8], DecodeError> {
        let split = usize::try_from(len).ok().and_then(|len| self.rest.split_at_checked(len));
        let Some((front, rest)) = split else {
            let available = self.rest.len() as u64;
            return Err(self.error(Problem::Truncated { needed: len, available }));
        };
        self.rest = rest;
        self.at += len;
        Ok(front)
    }

    /// The next `N` bytes.
    ///
    /// # Errors
    /// Fewer are left.
    #[inline]
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let Some((front, rest)) = self.rest.split_first_chunk::<N>() else {
            let available = self.rest.len() as u64;
            return Err(self.error(Problem::Truncated { needed: N as u64, available }));
        };
        self.rest = rest;
        self.at += N as u64;
        Ok(*front)
    }

    /// One byte.
    ///
    /// # Errors
    /// None is left.
    #[inline]
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        Ok(u8::from_le_bytes(self.array()?))
    }

    /// Two bytes, little-endian.
    ///
    /// # Errors
    /// Fewer are left.
    #[inline]
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    /// Four bytes, little-endian.
    ///
    /// # Errors
    /// Fewer are left.
    #[inline]
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    /// Eight bytes, little-endian.
    ///
    /// # Errors
    /// Fewer are left.
    #[inline]
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A varint.
    ///
    /// # Errors
    /// The bytes end inside it, or it is overlong or too large.
    #[inline]
    pub fn varint(&mut self) -> Result<u64, DecodeError> {
        let Some((value, len)) = get_varint(self.rest) else {
            return Err(self.invalid("a varint is complete, canonical and fits 64 bits"));
        };
        self.rest = self.rest.get(len..).unwrap_or_default();
        self.at += len as u64;
        Ok(value)
    }

    /// A varint of at most `limit`.
    ///
    /// # Errors
    /// As [`Reader::varint`], or a larger value.
    #[inline]
    pub fn varint_up_to(&mut self, what: &'static str, limit: u64) -> Result<u64, DecodeError> {
        let found = self.varint()?;
        if found > limit {
            return Err(self.error(Problem::LimitExceeded { what, found, limit }));
        }
        Ok(found)
    }

    /// A varint that fits 32 bits.
    ///
    /// # Errors
    /// As [`Reader::varint`], or a larger value.
    #[inline]
    pub fn varint_u32(&mut self, what: &'static str) -> Result<u32, DecodeError> {
        let found = self.varint()?;
        u32::try_from(found)
            .map_err(|_| self.error(Problem::LimitExceeded { what, found, limit: u64::from(u32::MAX) }))
    }

    /// A varint length of at most `limit`, and as many bytes.
    ///
    /// # Errors
    /// As [`Reader::varint`], a larger length, or fewer bytes left.
    #[inline]
    pub fn prefixed(&mut self, what: &'static str, limit: u64) -> Result<&'a [u8], DecodeError> {
        let len = self.varint_up_to(what, limit)?;
        self.bytes(len)
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// Something is left.
    pub fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() { Ok(()) } else { Err(self.invalid("nothing follows the structure")) }
    }
}

/// Appends a varint length and the bytes.
#[inline]
pub fn put_prefixed(out: &mut Vec<u8>, bytes: &[u8]) {
    crate::varint::put_varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}
