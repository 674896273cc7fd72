//! The cursor over a table.
//!
//! It is a cursor over one data block ([`BlockCursor`]); leaving the block reads the next one through the index.
//!
//! A run of blocks read for a merge goes past the cache ([`Fill::Bypass`]): data that is about to be rewritten must not
//! push out what readers use.

use std::cmp::Ordering;
use std::sync::Arc;

use esker_format::data_block::DataBlock;
use esker_format::data_block::walk::{BlockCursor, Glide, Stretch};
use esker_mem::buffer::Buffer;
use esker_mem::comparator::KeyOrder;
use esker_mem::head::head;
use esker_mem::kind::Kind;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;

use crate::cursor::Cursor;
use crate::error::Result;
use crate::table::reader::Table;

/// What a cursor does about the block cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fill {
    /// Blocks come from the cache and go into it.
    Cache,
    /// Blocks come from the file and are forgotten.
    Bypass,
}

/// A position in a table.
pub(crate) struct TableCursor {
    table: Arc<Table>,
    order: KeyOrder,
    fill: Fill,
    /// The ordinal of the block that the cursor stands in.
    block_at: usize,
    block: Option<BlockCursor>,
}

impl TableCursor {
    pub(crate) fn new(table: Arc<Table>, order: KeyOrder, fill: Fill) -> Self {
        Self { table, order, fill, block_at: 0, block: None }
    }

    fn load(&self, block_at: usize) -> Result<DataBlock<Buffer>> {
        match self.fill {
            Fill::Cache => self.table.block(block_at),
            Fill::Bypass => self.table.block_uncached(block_at),
        }
    }

    /// Stands on the entry of block `block_at` that `choose` says, or nowhere beyond the blocks or if there is no such entry.
    /// Says whether it stands.
    fn enter(
        &mut self,
        block_at: Option<usize>,
        choose: impl FnOnce(&DataBlock<Buffer>) -> Option<usize>,
    ) -> Result<bool> {
        // On an error the cursor stands nowhere.
        let held = self.block.take();
        let Some(wanted) = block_at.filter(|&at| at < self.table.block_count()) else { return Ok(false) };
        self.block = match held {
            Some(mut cursor) if self.block_at == wanted => choose(cursor.block()).map(|at| {
                cursor.seek(at);
                cursor
            }),
            held => {
                let block = self.load(wanted)?;
                match (choose(&block), held) {
                    (Some(at), Some(mut cursor)) => {
                        cursor.enter(block, at);
                        Some(cursor)
                    }
                    (Some(at), None) => Some(BlockCursor::new(block, at)),
                    (None, _) => None,
                }
            }
        };
        self.block_at = wanted;
        Ok(self.block.is_some())
    }

    fn first_of(&mut self, block_at: usize) -> Result<()> {
        self.enter(Some(block_at), |_| Some(0)).map(drop)
    }

    fn last_of(&mut self, block_at: Option<usize>) -> Result<()> {
        self.enter(block_at, |block| block.len().checked_sub(1)).map(drop)
    }
}

impl Cursor for TableCursor {
    #[inline]
    fn valid(&self) -> bool {
        self.block.is_some()
    }

    fn seek_to_first(&mut self) -> Result<()> {
        self.first_of(0)
    }

    fn seek_to_last(&mut self) -> Result<()> {
        self.last_of(self.table.block_count().checked_sub(1))
    }

    fn seek(&mut self, key: &[u8]) -> Result<()> {
        let order = self.order.clone();
        let Some(block_at) = self.table.index().seek(key, &order) else {
            self.block = None;
            return Ok(());
        };
        let found =
            |block: &DataBlock<Buffer>| Some(block.lower_bound(key, &order)).filter(|&at| at < block.len());
        if !self.enter(Some(block_at), found)? {
            // The separator is at or after the key, but the block's last key is before it.
            self.first_of(block_at + 1)?;
        }
        Ok(())
    }

    fn seek_for_prev(&mut self, key: &[u8]) -> Result<()> {
        self.seek(key)?;
        // Versions of the key may go on over several blocks; the one before the first later key is wanted.
        while let Some(block) = &mut self.block
            && self.order.compare(block.key(), key) != Ordering::Greater
        {
            let upper = block.block().upper_bound(key, &self.order);
            if upper < block.block().len() {
                block.seek(upper);
            } else {
                self.first_of(self.block_at + 1)?;
            }
        }
        if self.valid() { self.prev() } else { self.seek_to_last() }
    }

    #[inline]
    fn next(&mut self) -> Result<()> {
        if let Some(block) = &mut self.block
            && block.step_next()
        {
            return Ok(());
        }
        self.first_of(self.block_at + 1)
    }

    #[inline]
    fn prev(&mut self) -> Result<()> {
        if let Some(block) = &mut self.block
            && block.step_prev()
        {
            return Ok(());
        }
        self.last_of(self.block_at.checked_sub(1))
    }

    #[inline]
    fn key(&self) -> &[u8] {
        self.block.as_ref().map_or(&[], BlockCursor::key)
    }

    #[inline]
    fn head(&self) -> u64 {
        head(self.key())
    }

    #[inline]
    fn seqno(&self) -> SeqNo {
        self.block.as_ref().map_or(0, BlockCursor::seqno)
    }

    #[inline]
    fn kind(&self) -> Kind {
        self.block.as_ref().map_or(Kind::Put, BlockCursor::kind)
    }

    #[inline]
    fn value(&self) -> &[u8] {
        self.block.as_ref().map_or(&[], BlockCursor::value)
    }

    #[inline]
    fn value_slice(&self) -> Slice {
        self.block.as_ref().map_or_else(Slice::empty, BlockCursor::value_slice)
    }

    #[inline]
    fn key_slice(&self) -> Slice {
        self.block.as_ref().map_or_else(Slice::empty, BlockCursor::key_slice)
    }

    fn open_stretch(&mut self, stretch: &Stretch<'_>) {
        let all_visible = self.table.highest_seqno() < stretch.bound;
        if let Some(block) = &mut self.block {
            block.open(stretch, all_visible);
        }
    }

    fn close_stretch(&mut self) {
        if let Some(block) = &mut self.block {
            block.close();
        }
    }

    #[inline]
    fn glide_next(&mut self) -> Glide {
        self.block.as_mut().map_or(Glide::Stopped, BlockCursor::glide_next)
    }

    #[inline]
    fn glide_prev(&mut self, here: bool) -> Glide {
        self.block.as_mut().map_or(Glide::Stopped, |block| block.glide_prev(here))
    }
}
