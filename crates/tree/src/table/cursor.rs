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
use crate::error::{Error, Result};
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
    /// Added to the numbers in the file.
    base_seqno: SeqNo,
    /// The ordinal of the block that `block` holds, if it holds one.
    block_at: usize,
    /// The ordinal of the block that was aimed at.
    aimed: Option<usize>,
    /// Why it could not be aimed at.
    failed: Option<Box<Error>>,
    /// How many blocks were entered from their neighbours since the last seek.
    crossed: u32,
    block: BlockCursor,
}

impl TableCursor {
    #[inline]
    pub(crate) fn new(table: Arc<Table>, order: KeyOrder, fill: Fill) -> Self {
        let base_seqno = table.base_seqno();
        Self {
            table,
            order,
            fill,
            base_seqno,
            block_at: 0,
            aimed: None,
            failed: None,
            crossed: 0,
            block: BlockCursor::nowhere(),
        }
    }

    /// Goes to another table, and stands nowhere.
    #[inline]
    pub(crate) fn change_to(&mut self, table: &Arc<Table>) {
        self.block.leave();
        self.table = Arc::clone(table);
        self.base_seqno = table.base_seqno();
    }

    /// Stands nowhere.
    #[inline]
    pub(crate) fn leave(&mut self) {
        self.block.leave();
    }

    fn load(&self, block_at: usize) -> Result<DataBlock<Buffer>> {
        match self.fill {
            Fill::Cache => self.table.block(block_at),
            Fill::Bypass => self.table.block_uncached(block_at),
        }
    }

    /// Holds block `block_at`, and stands nowhere beyond the blocks.
    fn hold(&mut self, block_at: usize) -> Result<()> {
        if self.block.block().is_some() && self.block_at == block_at {
            return Ok(());
        }
        // On an error the cursor stands nowhere.
        self.block.leave();
        if block_at < self.table.block_count() {
            let block = self.load(block_at)?;
            self.block.hold(block);
            self.block_at = block_at;
        }
        Ok(())
    }

    /// After a block was entered from its neighbour: whoever walked through two walks on, probably into `block_at`. A short
    /// scan should not pay for that.
    fn look_ahead(&mut self, block_at: usize) {
        self.crossed = self.crossed.saturating_add(1);
        if self.crossed > 1 && self.fill == Fill::Cache {
            self.block.expect_more(true);
            self.table.prefetch(block_at);
        }
    }

    fn first_of(&mut self, block_at: usize) -> Result<()> {
        self.hold(block_at)?;
        self.block.seek(0);
        Ok(())
    }

    fn last_of(&mut self, block_at: Option<usize>) -> Result<()> {
        let Some(block_at) = block_at else {
            self.block.leave();
            return Ok(());
        };
        self.hold(block_at)?;
        let last = self.block.block().map_or(0, DataBlock::len).saturating_sub(1);
        self.block.seek(last);
        Ok(())
    }
}

impl Cursor for TableCursor {
    #[inline]
    fn valid(&self) -> bool {
        self.block.valid()
    }

    fn seek_to_first(&mut self) -> Result<()> {
        self.first_of(0)
    }

    fn seek_to_last(&mut self) -> Result<()> {
        self.last_of(self.table.block_count().checked_sub(1))
    }

    fn seek(&mut self, key: &[u8]) -> Result<()> {
        self.aim(key);
        self.pin()?;
        self.land(key)
    }

    fn seek_for_prev(&mut self, key: &[u8]) -> Result<()> {
        self.aim(key);
        self.pin()?;
        self.land_for_prev(key)
    }

    fn aim(&mut self, key: &[u8]) {
        self.crossed = 0;
        self.block.expect_more(false);
        self.aimed = match self.table.locate(key) {
            Ok(at) => at,
            Err(error) => {
                self.failed = Some(Box::new(error));
                None
            }
        };
        if let (Some(block_at), Fill::Cache) = (self.aimed, self.fill) {
            self.table.prefetch(block_at);
        }
    }

    fn pin(&mut self) -> Result<()> {
        if let Some(error) = self.failed.take() {
            self.block.leave();
            return Err(*error);
        }
        // Beyond the blocks if there is none.
        self.hold(self.aimed.unwrap_or(usize::MAX))
    }

    fn land(&mut self, key: &[u8]) -> Result<()> {
        let Some(block) = self.block.block() else { return Ok(()) };
        let at = block.lower_bound(key, &self.order);
        if at < block.len() {
            self.block.seek(at);
            return Ok(());
        }
        // The separator is at or after the key, but the block's last key is before it.
        self.first_of(self.block_at + 1)
    }

    fn land_for_prev(&mut self, key: &[u8]) -> Result<()> {
        self.land(key)?;
        // Versions of the key may go on over several blocks; the one before the first later key is wanted.
        while self.valid()
            && self.order.compare(self.block.key(), key) != Ordering::Greater
            && let Some(block) = self.block.block()
        {
            let upper = block.upper_bound(key, &self.order);
            if upper < block.len() {
                self.block.seek(upper);
            } else {
                self.first_of(self.block_at + 1)?;
            }
        }
        if self.valid() { self.prev() } else { self.seek_to_last() }
    }

    #[inline]
    fn next(&mut self) -> Result<()> {
        if self.block.step_next() {
            return Ok(());
        }
        let at = self.block_at + 1;
        self.first_of(at)?;
        self.look_ahead(at + 1);
        Ok(())
    }

    #[inline]
    fn prev(&mut self) -> Result<()> {
        if self.block.step_prev() {
            return Ok(());
        }
        let at = self.block_at.checked_sub(1);
        self.last_of(at)?;
        if let Some(before) = at.and_then(|at| at.checked_sub(1)) {
            self.look_ahead(before);
        }
        Ok(())
    }

    #[inline(always)]
    fn key(&self) -> &[u8] {
        self.block.key()
    }

    #[inline]
    fn head(&self) -> u64 {
        head(self.key())
    }

    #[inline]
    fn seqno(&self) -> SeqNo {
        self.base_seqno + self.block.seqno()
    }

    #[inline]
    fn kind(&self) -> Kind {
        self.block.kind()
    }

    #[inline(always)]
    fn value(&self) -> &[u8] {
        self.block.value()
    }

    #[inline]
    fn value_slice(&self) -> Slice {
        self.block.value_slice()
    }

    #[inline]
    fn key_slice(&self) -> Slice {
        self.block.key_slice()
    }

    fn open_stretch(&mut self, stretch: &Stretch<'_>) {
        let is_below = self.table.highest_seqno() < stretch.bound;
        // The block would compare the bound with numbers that do not count.
        if is_below || self.base_seqno == 0 {
            self.block.open(stretch, is_below);
        }
    }

    fn close_stretch(&mut self) {
        self.block.close();
    }

    #[inline(always)]
    fn glide_next(&mut self) -> Glide {
        self.block.glide_next()
    }

    #[inline(always)]
    fn glide_prev(&mut self, here: bool) -> Glide {
        self.block.glide_prev(here)
    }
}
