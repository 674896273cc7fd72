//! The data blocks of a table one after the other, for a merge: read in large pieces, past the cache.
//!
//! Blocks lie behind each other in the file, so one read brings dozens of them, and a block that is not compressed is used
//! where it was read. Data that is about to be rewritten must not push out what readers use, so nothing is cached.
//!
//! Each block is verified like any other that is read from a file.

use std::sync::Arc;

use esker_format::block::{BlockHandle, BlockType, decode_block};
use esker_format::data_block::DataBlock;
use esker_mem::slice::Slice;

use crate::error::{Error, Result};
use crate::table::reader::Table;

/// What is read at once. More gains nothing, and every input of a merge holds as much.
const READ_BYTES: u64 = 256 << 10;

/// A block as it lies in the file, and decoded.
pub(crate) struct SequenceBlock {
    /// With its envelope.
    pub(crate) stored: Slice,
    pub(crate) block: DataBlock,
}

/// A position between two data blocks of a table.
pub(crate) struct BlockSequence {
    table: Arc<Table>,
    /// The ordinal of the next block.
    next: usize,
    /// Where the last block ends.
    blocks_end: u64,
    /// What was read last, from `piece_at` on.
    piece: Slice,
    piece_at: u64,
}

impl BlockSequence {
    /// Before the first block.
    pub(crate) fn new(table: Arc<Table>) -> Result<Self> {
        let blocks_end = match table.block_count().checked_sub(1) {
            Some(last) => table.entry(last)?.handle.end().unwrap_or(0),
            None => 0,
        };
        Ok(Self { table, next: 0, blocks_end, piece: Slice::empty(), piece_at: 0 })
    }

    pub(crate) fn table(&self) -> &Table {
        &self.table
    }

    /// The next block; `None` behind the last.
    pub(crate) fn next(&mut self) -> Result<Option<SequenceBlock>> {
        if self.next >= self.table.block_count() {
            return Ok(None);
        }
        let handle = self.table.entry(self.next)?.handle;
        self.next += 1;
        let stored = self.stored(handle)?;
        let payload = decode_block(BlockType::Data, stored.clone(), handle.offset);
        let block = payload.and_then(DataBlock::decode).map_err(|e| Error::corrupt(self.table.path(), e))?;
        Ok(Some(SequenceBlock { stored, block }))
    }

    /// The bytes of a block, read with those behind it unless they are here already.
    fn stored(&mut self, handle: BlockHandle) -> Result<Slice> {
        if let Some(stored) = self.in_piece(handle) {
            return Ok(stored);
        }
        let rest = self.blocks_end.saturating_sub(handle.offset);
        self.piece = Slice::empty();
        self.piece = self.table.read_at(handle.offset, handle.len.max(rest.min(READ_BYTES)))?.into();
        self.piece_at = handle.offset;
        Ok(self.in_piece(handle).unwrap_or_default())
    }

    fn in_piece(&self, handle: BlockHandle) -> Option<Slice> {
        let start = usize::try_from(handle.offset.checked_sub(self.piece_at)?).ok()?;
        let end = start.checked_add(usize::try_from(handle.len).ok()?)?;
        self.piece.get(start..end)
    }
}
