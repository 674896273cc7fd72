//! The directory of an index or a filter that is stored in partitions, each for a stretch of a table's data blocks.
//!
//! Every partition is a block of its own: a whole index ([`crate::index_block`]) or a filter ([`crate::filter`]) of its data blocks alone.
//! The directory is a whole index, too, whose "blocks" are the partitions: a key belongs to the first partition whose separator is
//! `>=` it, which is that of the partition's last data block. All partitions but the last have equally many data blocks.
//!
//! | at | bytes | field | |
//! |---|---|---|---|
//! | 0 | 1 | kind of index | 2: partitioned |
//! | 1 | 3 | reserved | 0 |
//! | 4 | 4 | blocks | data blocks of the table, at least 1 |
//! | 8 | 4 | per partition | data blocks of each partition but the last, at least 1 |
//! | 12 | 4 | reserved | 0 |
//! | 16 | n | directory | a whole index |
//! | 16 + n | 7 | reserved | 0 |
//! | 23 + n | 1 | kind of filter | 3: partitioned |
//!
//! An index tells its kind by its first byte and a filter by its last; this has both.
//!
//! **Limits.** 2³²−1 blocks. **Checksum scope.** The envelope's. **Damage.** What decodes has as many partitions as blocks and blocks per
//! partition say; whether handles lie inside the file, and whether a partition has the entries that it should have, is for the
//! reader to ask (INV-FMT-4 holds for the directory). **Versions.** 1: as above.
//!
//! Example, one partition at 0 of 100 bytes, of one block, with separator `"m"` and highest seqno 5:
//!
//! ```text
//! 02 00 00 00               partitioned
//! 01 00 00 00               1 data block
//! 00 02 00 00               512 for each partition
//! 00 00 00 00
//! 01 00 00 00               the directory: a whole index
//! 01 00 00 00               1 entry
//! 10 00 00 00 00 00 00 00   the root, also a leaf, is at byte 16
//! 01 01 01 00               1 entry; heads; common prefix of 1 byte
//! 00 00 00 00               columns of width 0: all values equal their base
//! 00 00 00 00 00 00 00 00   offsets: base 0
//! 64 00 00 00 00 00 00 00   lengths: base 100
//! 05 00 00 00 00 00 00 00   seqnos: base 5
//! 00 00 00 00 00 00 00 00   head of ""
//! 00 00                     the key is at 0
//! 6d                        prefix "m"
//! 00                        suffix of 0 bytes
//! 00 00 00 00 00 00 00      reserved
//! 03                        partitioned, as a filter says it
//! ```
//!
//! Not here: which tables are partitioned, and where partitions are kept.

use crate::block::BlockHandle;
use crate::error::{DecodeError, Problem};
use crate::index_block::Index;
use crate::index_block::builder::IndexBuilder;
use crate::reader::Reader;
use esker_mem::slice::Slice;

const STRUCTURE: &str = "partitions";

/// The kind of a partitioned index, as properties and payload name it.
pub const INDEX_KIND_PARTITIONED: u8 = 2;

/// The kind of a partitioned filter, as the payload names it.
pub const FILTER_KIND_PARTITIONED: u8 = 3;

const HEADER_BYTES: usize = 16;
const TAIL: [u8; 8] = [0, 0, 0, 0, 0, 0, 0, FILTER_KIND_PARTITIONED];

/// A decoded directory.
#[derive(Debug, Clone)]
pub struct Partitions {
    directory: Index,
    blocks: usize,
    per_partition: usize,
}

impl Partitions {
    /// Appends the payload of a table of `blocks` data blocks to `out`; `directory` has the partitions.
    pub fn encode(directory: &mut IndexBuilder, blocks: u32, per_partition: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(&[INDEX_KIND_PARTITIONED, 0, 0, 0]);
        out.extend_from_slice(&blocks.to_le_bytes());
        out.extend_from_slice(&per_partition.to_le_bytes());
        out.extend_from_slice(&[0; 4]);
        directory.finish(out);
        out.extend_from_slice(&TAIL);
    }

    /// Whether the payload of an index is a directory of partitions.
    #[must_use]
    pub fn is_index(payload: &[u8]) -> bool {
        payload.first() == Some(&INDEX_KIND_PARTITIONED)
    }

    /// Whether the payload of a filter is a directory of partitions.
    #[must_use]
    pub fn is_filter(payload: &[u8]) -> bool {
        payload.last() == Some(&FILTER_KIND_PARTITIONED)
    }

    /// Takes a payload apart and checks all of it: O(partitions).
    ///
    /// # Errors
    /// The payload is not a directory of this version.
    pub fn decode(payload: &Slice) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(STRUCTURE, payload);
        let [kind, reserved @ ..]: [u8; 4] = reader.array()?;
        if kind != INDEX_KIND_PARTITIONED || reserved != [0; 3] {
            return Err(reader.error(Problem::Unsupported { what: "kind of partitions", id: kind.into() }));
        }
        let (blocks, per_partition) = (reader.u32()? as usize, reader.u32()? as usize);
        if reader.u32()? != 0 || blocks == 0 || per_partition == 0 {
            return Err(reader.invalid("the header describes partitions that a builder makes"));
        }
        let end = payload.len().saturating_sub(TAIL.len());
        let tail_at = end.max(HEADER_BYTES) as u64;
        let invalid = |at: u64, rule| DecodeError::invalid(STRUCTURE, at, rule);
        if payload.as_bytes().get(end..) != Some(&TAIL) {
            return Err(invalid(tail_at, "the payload ends with its kind"));
        }
        let directory =
            payload.get(HEADER_BYTES..end).ok_or_else(|| invalid(tail_at, "there is a directory"))?;
        let directory = Index::decode(directory).map_err(|error| error.shifted(HEADER_BYTES as u64))?;
        if directory.len() != blocks.div_ceil(per_partition) {
            return Err(invalid(HEADER_BYTES as u64, "the directory has every partition"));
        }
        Ok(Self { directory, blocks, per_partition })
    }

    /// The partitions, as a whole index has blocks.
    #[inline]
    #[must_use]
    pub const fn directory(&self) -> &Index {
        &self.directory
    }

    /// Where the partitions are.
    pub fn handles(&self) -> impl Iterator<Item = BlockHandle> + '_ {
        (0..self.directory.len()).map(|partition| self.directory.entry(partition).handle)
    }

    /// The number of data blocks of the table.
    #[must_use]
    pub const fn blocks(&self) -> usize {
        self.blocks
    }

    /// The number of data blocks of each partition but the last.
    #[inline]
    #[must_use]
    pub const fn per_partition(&self) -> usize {
        self.per_partition
    }

    /// The number of data blocks of a partition.
    #[must_use]
    pub fn blocks_of(&self, partition: usize) -> usize {
        let before = partition.saturating_mul(self.per_partition);
        self.blocks.saturating_sub(before).min(self.per_partition)
    }

    /// Bytes of memory that the directory holds on to.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.directory.memory_bytes()
    }
}

#[cfg(test)]
mod tests;
