//! What keeps a tree in shape: flushes and compactions, at the caller's word.
//!
//! Not here: any logic ([`crate::flush`], [`crate::compact`], [`crate::compact_all`]).

use std::sync::Arc;

use esker_mem::seqno::SeqNo;

use crate::compact::{self, CompactionJob};
use crate::compact_all;
use crate::compaction::picker::CompactionStrategy;
use crate::error::{Error, Result};
use crate::flush::{self, FlushLock, FlushOutcome};
use crate::tree::Tree;
use crate::write;

/// Maintenance. A bare tree does nothing of this by itself.
impl Tree {
    /// Seals the active memtable; false if it is empty.
    pub fn rotate_memtable(&self) -> bool {
        write::rotate(&self.0)
    }

    /// Whether [`Self::prepare_memory`] has something to do.
    #[must_use]
    pub fn wants_memory(&self, ahead_bytes: usize) -> bool {
        write::wants_memory(&self.0, ahead_bytes)
    }

    /// Has the system provide memory for what is written next, so that writers do not wait for it: `ahead_bytes` of the
    /// active memtable, and a whole one in the arena pool when the active one is half full. For a background thread.
    pub fn prepare_memory(&self, ahead_bytes: usize) {
        write::prepare_memory(&self.0, ahead_bytes);
    }

    /// Seals the active memtable and flushes all sealed ones. `watermark` advises below which sequence number
    /// shadowed versions may be dropped: it is capped by what is visible and by live snapshots.
    ///
    /// # Errors
    ///
    /// What the file system says. Nothing is lost: what was not flushed stays in memory, to be flushed again.
    pub fn flush_active_memtable(&self, watermark: SeqNo) -> Result<()> {
        self.rotate_memtable();
        while flush::flush_oldest::<Error>(&self.0, watermark, |_| Ok(()))?.is_some() {}
        Ok(())
    }

    /// Flushes the oldest sealed memtable; `None` if none is sealed. Before the table becomes part of the tree,
    /// `before_install` is told its highest sequence number, so that a caller can make its log durable that far.
    ///
    /// # Errors
    ///
    /// As [`Self::flush_active_memtable`], and those of `before_install`.
    pub fn flush_oldest<E: From<Error>>(
        &self,
        watermark: SeqNo,
        before_install: impl FnOnce(SeqNo) -> std::result::Result<(), E>,
    ) -> std::result::Result<Option<FlushOutcome>, E> {
        flush::flush_oldest(&self.0, watermark, before_install)
    }

    /// Waits for a running flush to end, and holds off every other until the lock is dropped: what is in memory stays there, and
    /// what is in tables came there before. Writes and reads go on. To flush meanwhile is for [`Self::flush`]; the other flushes
    /// wait, so do not call them while holding the lock.
    #[must_use]
    pub fn get_flush_lock(&self) -> FlushLock<'_> {
        flush::lock(&self.0)
    }

    /// Flushes all memtables that are sealed, under a lock that the caller holds; says how many bytes were written, or `None`
    /// if none was sealed. [`Self::rotate_memtable`] seals the active one.
    ///
    /// # Errors
    ///
    /// [`Error::ForeignLock`] if the lock is another tree's; as [`Self::flush_active_memtable`].
    pub fn flush(&self, lock: &FlushLock<'_>, watermark: SeqNo) -> Result<Option<u64>> {
        flush::flush_sealed(&self.0, lock, watermark)
    }

    /// The compaction that the tree's strategy wants next, its inputs reserved. `idle` says that nothing else has
    /// work to do, so that the strategy may settle the tree for its readers.
    #[must_use]
    pub fn pick_compaction(&self, idle: bool) -> Option<CompactionJob> {
        compact::pick(&self.0, &*self.0.config.strategy, idle)
    }

    /// Merges all tables into the last level, in tables of about `target_size` bytes, and drops everything that nobody
    /// can see below `watermark`. False if running compactions stand in the way: nothing was done then.
    ///
    /// # Errors
    ///
    /// As [`Self::compact`].
    pub fn major_compact(&self, target_size: u64, watermark: SeqNo) -> Result<bool> {
        compact::major(&self.0, target_size, watermark)
    }

    /// Runs compactions of `strategy` until it has none, as many at once as [`crate::Config::compaction_threads`] says.
    ///
    /// # Errors
    ///
    /// What the file system says, or damage in a table: the first failure. It stops the others; what was compacted so far stays
    /// so.
    pub fn compact(&self, strategy: Arc<dyn CompactionStrategy>, watermark: SeqNo) -> Result<()> {
        compact_all::compact_all(&self.0, strategy, watermark)
    }
}
