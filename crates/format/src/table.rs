//! A table file: sorted entries that never change.
//!
//! ```text
//! data blocks | range tombstones | filter | index | properties | footer
//! ```
//!
//! Every part but the footer is a block ([`crate::block`]); they follow each other without gaps or padding, and only
//! the footer says where they are. A filter or an index may be in partitions, which lie before their directory
//! ([`crate::partitions`]); the handle is the directory's. A part that is empty (no tombstones, no filter, no data) is absent and its handle zero.
//!
//! The footer is the last 88 bytes:
//!
//! | at | bytes | field | |
//! |---|---|---|---|
//! | 0 | 8 | checksum | xxh3-64 of the 80 bytes after it |
//! | 8 | 16 | index | offset and length |
//! | 24 | 16 | filter | offset and length |
//! | 40 | 16 | range tombstones | offset and length |
//! | 56 | 16 | properties | offset and length; never zero |
//! | 72 | 4 | flags | 0; reserved |
//! | 76 | 4 | version | 1 |
//! | 80 | 8 | magic | `"eskertab"` |
//!
//! Version and magic are the last twelve bytes in every version, so a later version is told from damage.
//!
//! **Limits.** Every handle must lie before the footer. **Checksum scope.** The footer; blocks have their own.
//! **Damage.** Any changed bit is an error (INV-FMT-6); a table is read from its footer, so a truncated file has none.
//! **Versions.** 1: as above.
//!
//! Example, a table of 400 bytes before its footer, without filter and tombstones:
//!
//! ```text
//! 3c b2 e2 84 80 65 76 1f   checksum
//! 64 00 00 00 00 00 00 00   index at 100
//! c8 00 00 00 00 00 00 00   of 200 bytes
//! 00 00 00 00 00 00 00 00   no filter
//! 00 00 00 00 00 00 00 00
//! 00 00 00 00 00 00 00 00   no range tombstones
//! 00 00 00 00 00 00 00 00
//! 2c 01 00 00 00 00 00 00   properties at 300
//! 64 00 00 00 00 00 00 00   of 100 bytes
//! 00 00 00 00               flags
//! 01 00 00 00               version 1
//! 65 73 6b 65 72 74 61 62   "eskertab"
//! ```
//!
//! Not here: reading and writing the file.

use crate::block::BlockHandle;
use crate::checksum::checksum64;
use crate::error::{DecodeError, Problem};
use crate::reader::Reader;

const STRUCTURE: &str = "table footer";

/// The length of the footer.
pub const FOOTER_BYTES: usize = 88;

/// The version of tables that this build writes, and the highest that it reads.
pub const FORMAT_VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"eskertab";
const VERSION_AND_MAGIC_BYTES: usize = 12;
const CHECKSUM_BYTES: usize = 8;

/// Where the parts of a table are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Footer {
    /// The index; `None` in a table without data blocks.
    pub index: Option<BlockHandle>,
    /// The filter.
    pub filter: Option<BlockHandle>,
    /// The range tombstones.
    pub range_tombstones: Option<BlockHandle>,
    /// The properties.
    pub properties: BlockHandle,
}

impl Footer {
    /// The footer's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; FOOTER_BYTES] {
        let mut covered = Vec::with_capacity(FOOTER_BYTES);
        for handle in [self.index, self.filter, self.range_tombstones, Some(self.properties)] {
            let handle = handle.unwrap_or_default();
            covered.extend_from_slice(&handle.offset.to_le_bytes());
            covered.extend_from_slice(&handle.len.to_le_bytes());
        }
        covered.extend_from_slice(&[0; 4]);
        covered.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        covered.extend_from_slice(&MAGIC);
        let mut footer = [0; FOOTER_BYTES];
        let (checksum, rest) = footer.split_at_mut(CHECKSUM_BYTES);
        checksum.copy_from_slice(&checksum64(&covered).to_le_bytes());
        rest.copy_from_slice(&covered);
        footer
    }

    /// Reads the footer out of the last bytes of a file of `file_len` bytes; `tail` may begin before the footer.
    ///
    /// # Errors
    /// Not a table, one of a later version ([`Problem::UnsupportedVersion`]), or a damaged footer. Offsets in the error are
    /// in the file.
    pub fn decode(tail: &[u8], file_len: u64) -> Result<Self, DecodeError> {
        let at = file_len.saturating_sub(FOOTER_BYTES as u64);
        decode(tail, at).map_err(|error| error.shifted(at))
    }
}

fn decode(tail: &[u8], parts_end: u64) -> Result<Footer, DecodeError> {
    let truncated = |needed: usize| {
        let problem = Problem::Truncated { needed: needed as u64, available: tail.len() as u64 };
        DecodeError::new(STRUCTURE, 0, problem)
    };
    let ending = tail.last_chunk::<VERSION_AND_MAGIC_BYTES>().ok_or(truncated(FOOTER_BYTES))?;
    let mut reader = Reader::new(STRUCTURE, ending);
    let version = reader.u32()?;
    let magic = reader.array()?;
    if magic != MAGIC {
        return Err(reader.error(Problem::BadMagic { found: u64::from_le_bytes(magic) }));
    }
    let footer = tail.last_chunk::<FOOTER_BYTES>();
    if version > FORMAT_VERSION {
        // A flipped bit in the version of a version 1 footer is damage, and its checksum says which byte is wrong; a true
        // later version has a checksum of its own, which this build cannot judge.
        let problem = Problem::UnsupportedVersion { found: version, supported: FORMAT_VERSION };
        return Err(DecodeError::new(STRUCTURE, 0, problem));
    }
    let mut reader = Reader::new(STRUCTURE, footer.ok_or(truncated(FOOTER_BYTES))?);
    let stored = reader.u64()?;
    let computed = checksum64(reader.rest());
    if stored != computed {
        return Err(DecodeError::new(STRUCTURE, 0, Problem::ChecksumMismatch { stored, computed }));
    }
    let mut handles = [None; 4];
    for handle in &mut handles {
        let found = BlockHandle { offset: reader.u64()?, len: reader.u64()? };
        if found != BlockHandle::default() {
            if !found.fits(parts_end) {
                return Err(reader.invalid("the parts of a table lie before its footer"));
            }
            *handle = Some(found);
        }
    }
    let flags = reader.u32()?;
    if flags != 0 {
        return Err(reader.error(Problem::Unsupported { what: "table flags", id: flags.into() }));
    }
    if version == 0 {
        return Err(reader.invalid("the version is at least 1"));
    }
    let [index, filter, range_tombstones, properties] = handles;
    let properties = properties.ok_or(reader.error(Problem::Missing { field: "properties" }))?;
    Ok(Footer { index, filter, range_tombstones, properties })
}

#[cfg(test)]
mod tests;
