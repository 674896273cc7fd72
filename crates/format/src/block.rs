//! The block envelope: what surrounds every block of every table and blob file.
//!
//! A stored block is `payload | trailer`. The trailer is 20 bytes, at the end of the bytes that a [`BlockHandle`] covers:
//!
//! | at | bytes | field | |
//! |--:|--:|---|---|
//! | 0 | 1 | block type | [`BlockType`] |
//! | 1 | 1 | codec | [`Codec`] of the payload |
//! | 2 | 1 | parity scheme | 0 = none; others reserved |
//! | 3 | 1 | flags | 0; reserved |
//! | 4 | 4 | encryption epoch | 0 = none; others reserved |
//! | 8 | 4 | uncompressed length | low 32 bits |
//! | 12 | 8 | checksum | xxh3-64 of the stored payload and the 12 trailer bytes before this field |
//!
//! Transforms are applied in the order *compress → encrypt → checksum → parity* and undone in reverse: a checksum can be
//! verified without a key, and parity can heal what the checksum refuses. A reader refuses a nonzero scheme, flag or epoch as
//! [`Problem::Unsupported`], after the checksum has shown that the field is not merely damaged.
//!
//! **Limits.** A payload is at most [`MAX_PAYLOAD_BYTES`]: one value of the greatest size beside its key. A compressed one
//! stands for less than 2 GiB; a longer payload is stored uncompressed, where its length is known without the field.
//! **Checksum scope.** All stored bytes, type and codec included; not the offset, so that compactions may copy blocks.
//! **Damage.** Every flipped bit and every wrong length is a [`DecodeError`] (INV-FMT-2).
//! **Versions.** 1: as above.
//!
//! Example, the payload `"esker"` as an uncompressed data block:
//!
//! ```text
//! 65 73 6b 65 72            payload "esker"
//! 01 00 00 00               data block, no codec, no parity, no flags
//! 00 00 00 00               encryption epoch 0
//! 05 00 00 00               uncompressed length 5
//! c6 bb 65 b2 e9 c3 10 31  xxh3-64 of the 17 bytes above
//! ```
//!
//! Not here: what the payloads mean, and the reading of files.

use crate::checksum::checksum64;
use crate::codec::Codec;
use crate::error::{DecodeError, Problem};
use crate::limits::{MAX_KEY_BYTES, MAX_VALUE_BYTES};
use crate::reader::Reader;
use esker_mem::slice::Slice;

const STRUCTURE: &str = "block";

/// The bytes after each payload.
pub const BLOCK_TRAILER_BYTES: usize = 20;

/// The checksum is the last part of the trailer, and so of the block.
pub const CHECKSUM_BYTES: usize = 8;

/// The longest payload: a value and a key of the greatest sizes, and the parts of a block around them.
pub const MAX_PAYLOAD_BYTES: u64 = MAX_VALUE_BYTES + 2 * MAX_KEY_BYTES as u64 + 1024;

/// Where a block lies in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct BlockHandle {
    /// The offset of its first byte.
    pub offset: u64,
    /// Stored bytes, trailer included.
    pub len: u64,
}

impl BlockHandle {
    /// The offset after the block, or `None` where that is beyond any file.
    #[must_use]
    pub const fn end(self) -> Option<u64> {
        self.offset.checked_add(self.len)
    }

    /// Whether the block lies within the first `file_len` bytes and can hold its trailer: ask before allocating.
    #[must_use]
    pub const fn fits(self, file_len: u64) -> bool {
        match self.end() {
            Some(end) => {
                end <= file_len
                    && self.len >= BLOCK_TRAILER_BYTES as u64
                    && self.len <= MAX_PAYLOAD_BYTES + BLOCK_TRAILER_BYTES as u64
            }
            None => false,
        }
    }
}

/// What a payload is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum BlockType {
    /// Entries: [`crate::data_block`].
    Data = 1,
    /// Separators and handles: [`crate::index_block`].
    Index = 2,
    /// A membership filter: [`crate::filter`].
    Filter = 3,
    /// Fragmented range tombstones: [`crate::range_tombstones`].
    RangeTombstones = 4,
    /// Facts of a table: [`crate::properties`].
    Properties = 5,
    /// Separated values; reserved.
    Blob = 6,
}

impl BlockType {
    /// The type with this id on disk.
    #[must_use]
    pub const fn from_u8(id: u8) -> Option<Self> {
        match id {
            1 => Some(Self::Data),
            2 => Some(Self::Index),
            3 => Some(Self::Filter),
            4 => Some(Self::RangeTombstones),
            5 => Some(Self::Properties),
            6 => Some(Self::Blob),
            _ => None,
        }
    }

    /// The id on disk.
    #[must_use]
    pub const fn id(self) -> u8 {
        self as u8
    }
}

/// Appends `payload` as a block of type `ty` to `out` and returns how many bytes that took. A payload that `codec`
/// does not shrink by an eighth is stored uncompressed.
pub fn encode_block(ty: BlockType, payload: &[u8], codec: Codec, out: &mut Vec<u8>) -> u64 {
    debug_assert!(payload.len() as u64 <= MAX_PAYLOAD_BYTES, "the caller keeps the limits of the data model");
    let start = out.len();
    let codec = if codec.compress(payload, out) {
        codec
    } else {
        out.reserve(payload.len() + BLOCK_TRAILER_BYTES);
        out.extend_from_slice(payload);
        Codec::None
    };
    seal(ty, payload.len() as u64, codec, start, out)
}

/// Makes a block of type `ty` out of the payload that already stands at `out[start..]`: the way to an uncompressed block without a
/// copy of it. Returns the length of the block.
pub fn seal_block(ty: BlockType, start: usize, out: &mut Vec<u8>) -> u64 {
    seal(ty, out.len().saturating_sub(start) as u64, Codec::None, start, out)
}

fn seal(ty: BlockType, uncompressed_len: u64, codec: Codec, start: usize, out: &mut Vec<u8>) -> u64 {
    let [a, b, c, d, ..] = uncompressed_len.to_le_bytes();
    out.extend_from_slice(&[ty.id(), codec.id(), 0, 0, 0, 0, 0, 0, a, b, c, d]);
    let checksum = checksum64(out.get(start..).unwrap_or_default());
    out.extend_from_slice(&checksum.to_le_bytes());
    out.len().saturating_sub(start) as u64
}

struct Trailer {
    codec: Codec,
    payload_len: usize,
    uncompressed_len: u64,
}

/// Verifies a stored block without decompressing it: checksum, type and that this build can read it.
///
/// # Errors
/// Damage, another type, or a transform that this build lacks; offsets in the error are in the file, where the block begins at
/// `offset`.
pub fn verify_block(ty: BlockType, stored: &[u8], offset: u64) -> Result<(), DecodeError> {
    parse_trailer(ty, stored).map(|_| ()).map_err(|error| error.shifted(offset))
}

/// What an envelope held.
#[derive(Debug)]
pub enum Opened {
    /// The payload is the first so many of the stored bytes.
    InPlace(usize),
    /// The payload was compressed; this is it.
    Decompressed(Vec<u8>),
}

/// Verifies and undoes the envelope of a block that was read from `offset`, leaving the payload where it is unless it is
/// compressed.
///
/// # Errors
/// As [`verify_block`], or a payload that does not decompress to its stated length.
pub fn open_block(ty: BlockType, stored: &[u8], offset: u64) -> Result<Opened, DecodeError> {
    let trailer = parse_trailer(ty, stored).map_err(|error| error.shifted(offset))?;
    if trailer.codec == Codec::None {
        return Ok(Opened::InPlace(trailer.payload_len));
    }
    let payload = stored.get(..trailer.payload_len).unwrap_or_default();
    let payload = trailer.codec.decompress(payload, trailer.uncompressed_len);
    payload.map(Opened::Decompressed).map_err(|error| error.shifted(offset))
}

/// As [`open_block`]: hands back the payload, without a copy where it is not compressed.
///
/// # Errors
/// As [`open_block`].
pub fn decode_block(ty: BlockType, stored: impl Into<Slice>, offset: u64) -> Result<Slice, DecodeError> {
    let stored: Slice = stored.into();
    Ok(match open_block(ty, &stored, offset)? {
        Opened::InPlace(len) => stored.into_part(..len).unwrap_or_default(),
        Opened::Decompressed(payload) => Slice::from(payload),
    })
}

fn parse_trailer(ty: BlockType, stored: &[u8]) -> Result<Trailer, DecodeError> {
    let available = stored.len() as u64;
    let Some(payload_len) = stored.len().checked_sub(BLOCK_TRAILER_BYTES) else {
        let problem = Problem::Truncated { needed: BLOCK_TRAILER_BYTES as u64, available };
        return Err(DecodeError::new(STRUCTURE, 0, problem));
    };
    let (covered, checksum) = stored.split_at(stored.len() - CHECKSUM_BYTES);
    let at = payload_len as u64;
    let stored_checksum = Reader::new(STRUCTURE, checksum).u64()?;
    let computed = checksum64(covered);
    if stored_checksum != computed {
        let problem = Problem::ChecksumMismatch { stored: stored_checksum, computed };
        return Err(DecodeError::new(STRUCTURE, at, problem));
    }
    let mut reader = Reader::new(STRUCTURE, covered.get(payload_len..).unwrap_or_default());
    let [found, codec, parity, flags] = reader.array()?;
    let (epoch, low_len) = (reader.u32()?, reader.u32()?);
    if found != ty.id() {
        let problem = Problem::WrongType { expected: ty.id(), found };
        return Err(DecodeError::new(STRUCTURE, at, problem));
    }
    let reserved =
        [("encryption epoch", epoch), ("parity scheme", parity.into()), ("block flags", flags.into())];
    for (what, id) in reserved {
        if id != 0 {
            let problem = Problem::Unsupported { what, id: id.into() };
            return Err(DecodeError::new(STRUCTURE, at, problem));
        }
    }
    let Some(codec) = Codec::from_u8(codec) else {
        let problem = Problem::Unsupported { what: "codec", id: codec.into() };
        return Err(DecodeError::new(STRUCTURE, at, problem));
    };
    let uncompressed_len = if codec == Codec::None { payload_len as u64 } else { u64::from(low_len) };
    if uncompressed_len & 0xffff_ffff != u64::from(low_len) {
        return Err(DecodeError::invalid(STRUCTURE, at, "an uncompressed payload has its stated length"));
    }
    Ok(Trailer { codec, payload_len, uncompressed_len })
}

#[cfg(test)]
mod tests;
