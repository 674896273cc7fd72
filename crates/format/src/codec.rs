//! Block compression: the codec ids of the format, and the codecs that this build has.
//!
//! | id | codec | |
//! |---|---|---|
//! | 0 | none | bytes as they are |
//! | 1 | lz4 | one raw LZ4 block, no frame and no length prefix; cargo feature `lz4` |
//! | 2 | snappy | reserved |
//! | 3 | zstd | reserved |
//! | 4 | zstd with a dictionary | reserved |
//!
//! An id that this build does not know, or was compiled without, is a typed problem and not damage. A decompressor is
//! told the exact uncompressed length, which was checked against [`Codec::max_uncompressed_len`] before memory is taken: the
//! allocation is bounded by 255 times the stored bytes (INV-FMT-1).

use crate::error::{DecodeError, Problem};

const STRUCTURE: &str = "compressed block";

/// How the payload of a block is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
#[non_exhaustive]
pub enum Codec {
    /// Stored as it is.
    #[default]
    None = 0,
    /// LZ4 block format.
    Lz4 = 1,
    /// Reserved.
    Snappy = 2,
    /// Reserved.
    Zstd = 3,
    /// Reserved.
    ZstdDictionary = 4,
}

impl Codec {
    /// The codec with this id on disk.
    #[must_use]
    pub const fn from_u8(id: u8) -> Option<Self> {
        match id {
            0 => Some(Self::None),
            1 => Some(Self::Lz4),
            2 => Some(Self::Snappy),
            3 => Some(Self::Zstd),
            4 => Some(Self::ZstdDictionary),
            _ => None,
        }
    }

    /// The id on disk.
    #[must_use]
    pub const fn id(self) -> u8 {
        self as u8
    }

    /// The name, as properties and the cargo feature spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Lz4 => "lz4",
            Self::Snappy => "snappy",
            Self::Zstd => "zstd",
            Self::ZstdDictionary => "zstd-dictionary",
        }
    }

    /// Whether this build compresses and decompresses it.
    #[must_use]
    pub const fn is_available(self) -> bool {
        match self {
            Self::None => true,
            Self::Lz4 => lz4::IS_AVAILABLE,
            Self::Snappy | Self::Zstd | Self::ZstdDictionary => false,
        }
    }

    /// The most bytes that `stored_len` compressed bytes can stand for.
    #[must_use]
    pub const fn max_uncompressed_len(self, stored_len: usize) -> u64 {
        match self {
            Self::None => stored_len as u64,
            // One byte of LZ4 stands for at most 255 of a match, beside the fixed part of its sequence.
            _ => (stored_len as u64).saturating_mul(255).saturating_add(64),
        }
    }

    /// Appends `payload`, compressed, to `out` and says so; appends nothing and returns `false` where the codec is
    /// [`Codec::None`], is not compiled in, cannot take the payload, or saves less than an eighth of it: such a payload is
    /// stored as it is, since reading it in place is worth more than the space.
    pub fn compress(self, payload: &[u8], out: &mut Vec<u8>) -> bool {
        match self {
            Self::Lz4 => lz4::compress(payload, out),
            _ => false,
        }
    }

    /// Decompresses `stored` to exactly `uncompressed_len` bytes.
    ///
    /// # Errors
    /// A codec that this build lacks; a length beyond what `stored` can stand for; bytes that are not of this codec.
    pub fn decompress(self, stored: &[u8], uncompressed_len: u64) -> Result<Vec<u8>, DecodeError> {
        if !self.is_available() {
            let problem = Problem::CodecNotCompiledIn { codec: self.name() };
            return Err(DecodeError::new(STRUCTURE, 0, problem));
        }
        let limit = self.max_uncompressed_len(stored.len());
        if uncompressed_len > limit {
            let what = "uncompressed length";
            let problem = Problem::LimitExceeded { what, found: uncompressed_len, limit };
            return Err(DecodeError::new(STRUCTURE, 0, problem));
        }
        let len = usize::try_from(uncompressed_len)
            .map_err(|_| DecodeError::invalid(STRUCTURE, 0, "a block fits into memory"))?;
        let decompressed = match self {
            Self::Lz4 => lz4::decompress(stored, len),
            _ => Some(stored.to_vec()),
        };
        match decompressed {
            Some(bytes) if bytes.len() == len => Ok(bytes),
            _ => Err(DecodeError::invalid(STRUCTURE, 0, "the payload decompresses to its stated length")),
        }
    }
}

#[cfg(feature = "lz4")]
mod lz4 {
    use lz4_flex::block::{compress_into, decompress_into, get_maximum_output_size};

    pub(super) const IS_AVAILABLE: bool = true;

    /// LZ4 takes at most this many bytes at once.
    const MAX_INPUT_BYTES: usize = 0x7e00_0000;

    pub(super) fn compress(payload: &[u8], out: &mut Vec<u8>) -> bool {
        if payload.len() > MAX_INPUT_BYTES {
            return false;
        }
        let start = out.len();
        out.resize(start + get_maximum_output_size(payload.len()), 0);
        let Some(room) = out.get_mut(start..) else { return false };
        let written = compress_into(payload, room).unwrap_or(usize::MAX);
        let pays = written < payload.len() - payload.len() / 8;
        out.truncate(if pays { start + written } else { start });
        pays
    }

    pub(super) fn decompress(stored: &[u8], len: usize) -> Option<Vec<u8>> {
        let mut bytes = vec![0; len];
        let written = decompress_into(stored, &mut bytes).ok()?;
        (written == len).then_some(bytes)
    }
}

/// The twin without the feature.
#[cfg(not(feature = "lz4"))]
mod lz4 {
    pub(super) const IS_AVAILABLE: bool = false;

    pub(super) fn compress(_: &[u8], _: &mut Vec<u8>) -> bool {
        false
    }

    pub(super) fn decompress(_: &[u8], _: usize) -> Option<Vec<u8>> {
        None
    }
}

#[cfg(test)]
mod tests;
