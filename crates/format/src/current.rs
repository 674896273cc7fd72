//! `CURRENT`: which manifest of a tree, or which catalog of a database, counts. `OWNER` has the same form: whose a folder is that a level
//! route leads to.
//!
//! | at | bytes | field | |
//! |---|---|---|---|
//! | 0 | 8 | magic | `"eskercur"` |
//! | 8 | 4 | version | 1 |
//! | 12 | 4 | reserved | 0 |
//! | 16 | 8 | number | of the manifest or catalog; in `OWNER`, the tree's own |
//! | 24 | 8 | checksum | xxh3-64 of the 24 bytes before it |
//!
//! The file is replaced as a whole (write anew, sync, rename, sync the folder), never changed. **Damage.** Any changed bit and any
//! other length is an error (INV-FMT-10); the tree can then be repaired from its tables. **Versions.** 1: as above.
//!
//! Example, manifest 7:
//!
//! ```text
//! 65 73 6b 65 72 63 75 72   "eskercur"
//! 01 00 00 00 00 00 00 00   version 1
//! 07 00 00 00 00 00 00 00   number 7
//! f1 63 78 9f 54 1d 0e 4f   checksum
//! ```

use crate::checksum::checksum64;
use crate::error::{DecodeError, Problem};
use crate::reader::Reader;

const STRUCTURE: &str = "CURRENT";
const MAGIC: [u8; 8] = *b"eskercur";
const VERSION: u32 = 1;
const CHECKSUM_BYTES: usize = 8;

/// The length of the file.
pub const CURRENT_BYTES: usize = 32;

/// The contents of `CURRENT` that name manifest or catalog `number`.
#[must_use]
pub fn encode_current(number: u64) -> [u8; CURRENT_BYTES] {
    let mut contents = [0; CURRENT_BYTES];
    let fields = [MAGIC, u64::from(VERSION).to_le_bytes(), number.to_le_bytes()];
    for (word, field) in contents.as_chunks_mut::<8>().0.iter_mut().zip(fields) {
        *word = field;
    }
    let (front, checksum) = contents.split_at_mut(CURRENT_BYTES - CHECKSUM_BYTES);
    checksum.copy_from_slice(&checksum64(front).to_le_bytes());
    contents
}

/// The number of the manifest or catalog that the contents of `CURRENT` name.
///
/// # Errors
/// Not such a file, one of a later version, or damaged.
pub fn decode_current(contents: &[u8]) -> Result<u64, DecodeError> {
    let mut reader = Reader::new(STRUCTURE, contents);
    let magic = reader.array()?;
    if magic != MAGIC {
        let problem = Problem::BadMagic { found: u64::from_le_bytes(magic) };
        return Err(DecodeError::new(STRUCTURE, 0, problem));
    }
    let version = reader.u32()?;
    if version > VERSION {
        return Err(reader.error(Problem::UnsupportedVersion { found: version, supported: VERSION }));
    }
    let reserved = reader.u32()?;
    let number = reader.u64()?;
    let stored = reader.u64()?;
    let computed = checksum64(contents.get(..CURRENT_BYTES - CHECKSUM_BYTES).unwrap_or_default());
    if stored != computed {
        return Err(DecodeError::new(STRUCTURE, 0, Problem::ChecksumMismatch { stored, computed }));
    }
    if version == 0 || reserved != 0 {
        return Err(reader.invalid("the pointer is one that this version writes"));
    }
    reader.finish()?;
    Ok(number)
}

#[cfg(test)]
mod tests;
