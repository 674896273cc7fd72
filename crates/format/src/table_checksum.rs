//! The checksum of a whole table file: what a manifest knows a table by.
//!
//! xxh3-64 over a list and not over the file: the last 8 bytes of each block, which are its own checksum ([`crate::block`]), in
//! the order in which the blocks lie in the file, and then the footer. Blocks follow each other without gaps, so that is every
//! byte of the file, as far as the blocks are what their checksums say: whoever verifies a file checks both.
//!
//! It finds what no block's checksum can: a block that is sound but not the one that was written there (a write
//! that went astray, a file put back from a backup, two blocks exchanged). And it costs next to nothing, as it hashes one byte where a
//! hash of the file would hash a thousand: compactions copy whole blocks faster than they could be hashed.
//!
//! | part of the list | bytes |
//! |---|--:|
//! | checksum of each block | 8 |
//! | footer | 88 |
//!
//! **Limits.** None of its own. **Checksum scope.** The file. **Damage.** Another checksum, or blocks that leave gaps
//! ([`blocks_in_order`]), are errors. **Versions.** 1: as above.
//!
//! Example, a file of two blocks whose checksums are 1 and 2, with 88 zeros for a footer:
//!
//! ```text
//! 01 00 00 00 00 00 00 00   checksum of the first block
//! 02 00 00 00 00 00 00 00   checksum of the second block
//! 00 ... 00                 88 bytes
//! 0c 2e 57 49 fb 97 10 ce   xxh3-64 of these 104 bytes
//! ```
//!
//! Not here: reading files.

use crate::block::{BlockHandle, BlockType, CHECKSUM_BYTES};
use crate::checksum::RunningChecksum;
use crate::error::DecodeError;
use crate::table::{FOOTER_BYTES, Footer};

/// The checksum of a table file under way.
#[derive(Clone, Debug, Default)]
pub struct TableChecksum(RunningChecksum);

impl TableChecksum {
    /// Takes note of the next block of the file, which `stored` ends with.
    #[inline]
    pub fn add_block(&mut self, stored: &[u8]) {
        if let Some(checksum) = stored.last_chunk::<CHECKSUM_BYTES>() {
            self.0.update(checksum);
        }
    }

    /// The checksum of the file that ends with this footer.
    #[must_use]
    pub fn finish(mut self, footer: &[u8; FOOTER_BYTES]) -> u64 {
        self.0.update(footer);
        self.0.digest()
    }
}

/// The blocks of a file with this footer, these data blocks and these partitions of index and filter, in the order in which they lie
/// there; `footer_at` is where its footer begins.
///
/// # Errors
/// The blocks leave gaps or overlap.
pub fn blocks_in_order(
    footer: &Footer,
    data: impl IntoIterator<Item = BlockHandle>,
    partitions: &[(BlockType, BlockHandle)],
    footer_at: u64,
) -> Result<Vec<(BlockType, BlockHandle)>, DecodeError> {
    let mut blocks: Vec<_> = data.into_iter().map(|handle| (BlockType::Data, handle)).collect();
    let parts = [
        (BlockType::RangeTombstones, footer.range_tombstones),
        (BlockType::Filter, footer.filter),
        (BlockType::Index, footer.index),
        (BlockType::Properties, Some(footer.properties)),
    ];
    blocks.extend(partitions);
    blocks.extend(parts.into_iter().filter_map(|(ty, handle)| Some((ty, handle?))));
    blocks.sort_by_key(|(_, handle)| handle.offset);
    let mut end = 0;
    for (_, handle) in &blocks {
        if handle.offset != end {
            break;
        }
        end = handle.end().unwrap_or(u64::MAX);
    }
    if end != footer_at {
        return Err(DecodeError::invalid("table", end, "blocks follow each other without gaps"));
    }
    Ok(blocks)
}

#[cfg(test)]
mod tests;
