//! The cursor over a table.
//!
//! It stands on one entry of one data block. Moving within the block assembles the next key over the block's common
//! prefix in a buffer; leaving the block reads the next one through the index.
//!
//! A run of blocks read for a merge goes past the cache ([`Fill::Bypass`]): data that is about to be rewritten must not
//! push out what readers use.

use std::cmp::Ordering;
use std::sync::Arc;

use esker_format::data_block::DataBlock;
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
    /// The ordinal of `block` in the table.
    block_at: usize,
    block: Option<DataBlock>,
    /// The index of the current entry in `block`.
    at: usize,
    /// The current key.
    key: Vec<u8>,
}

impl TableCursor {
    pub(crate) fn new(table: Arc<Table>, order: KeyOrder, fill: Fill) -> Self {
        Self { table, order, fill, block_at: 0, block: None, at: 0, key: Vec::new() }
    }

    /// Loads block `block_at` unless it is loaded. Beyond the ends there is none.
    fn enter(&mut self, block_at: Option<usize>) -> Result<Option<&DataBlock>> {
        let Some(wanted) = block_at.filter(|&at| at < self.table.block_count()) else {
            self.block = None;
            return Ok(None);
        };
        if self.block.is_none() || self.block_at != wanted {
            self.block = None;
            self.block = Some(match self.fill {
                Fill::Cache => self.table.block(wanted)?,
                Fill::Bypass => self.table.block_uncached(wanted)?,
            });
            self.block_at = wanted;
        }
        Ok(self.block.as_ref())
    }

    /// Stands on entry `at` of the loaded block, having come from another block.
    fn stand(&mut self, at: usize) {
        self.at = at;
        if let Some(block) = &self.block {
            block.key_into(at, &mut self.key);
        }
    }

    fn first_of(&mut self, block_at: Option<usize>) -> Result<()> {
        if self.enter(block_at)?.is_some() {
            self.stand(0);
        }
        Ok(())
    }

    fn last_of(&mut self, block_at: Option<usize>) -> Result<()> {
        if let Some(last) = self.enter(block_at)?.map(|block| block.len() - 1) {
            self.stand(last);
        }
        Ok(())
    }
}

impl Cursor for TableCursor {
    #[inline]
    fn valid(&self) -> bool {
        self.block.is_some()
    }

    fn seek_to_first(&mut self) -> Result<()> {
        self.first_of(Some(0))
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
        let Some(block) = self.enter(Some(block_at))? else { return Ok(()) };
        let (at, len) = (block.lower_bound(key, &order), block.len());
        if at < len {
            self.stand(at);
            return Ok(());
        }
        // The separator is at or after the key, but the block's last key is before it.
        self.first_of(Some(block_at + 1))
    }

    fn seek_for_prev(&mut self, key: &[u8]) -> Result<()> {
        self.seek(key)?;
        // Versions of the key may go on over several blocks; the one before the first later key is wanted.
        while self.valid() && self.order.compare(&self.key, key) != Ordering::Greater {
            let upper = self.block.as_ref().map_or(0, |block| block.upper_bound(key, &self.order));
            if self.block.as_ref().is_some_and(|block| upper < block.len()) {
                self.stand(upper);
            } else {
                self.first_of(Some(self.block_at + 1))?;
            }
        }
        if self.valid() { self.prev() } else { self.seek_to_last() }
    }

    #[inline]
    fn next(&mut self) -> Result<()> {
        if let Some(block) = &self.block
            && self.at + 1 < block.len()
        {
            self.at += 1;
            block.suffix_into(&block.entry(self.at), &mut self.key);
            return Ok(());
        }
        self.first_of(Some(self.block_at + 1))
    }

    #[inline]
    fn prev(&mut self) -> Result<()> {
        if let Some(block) = &self.block
            && self.at > 0
        {
            self.at -= 1;
            block.suffix_into(&block.entry(self.at), &mut self.key);
            return Ok(());
        }
        self.last_of(self.block_at.checked_sub(1))
    }

    #[inline]
    fn key(&self) -> &[u8] {
        &self.key
    }

    #[inline]
    fn head(&self) -> u64 {
        head(&self.key)
    }

    #[inline]
    fn seqno(&self) -> SeqNo {
        self.block.as_ref().map_or(0, |block| block.seqno(self.at))
    }

    #[inline]
    fn kind(&self) -> Kind {
        self.block.as_ref().map_or(Kind::Put, |block| block.kind(self.at))
    }

    #[inline]
    fn value(&self) -> &[u8] {
        self.block.as_ref().map_or(&[], |block| block.value(self.at))
    }

    #[inline]
    fn value_slice(&self) -> Slice {
        self.block.as_ref().map_or_else(Slice::empty, |block| block.value_slice(self.at))
    }
}
