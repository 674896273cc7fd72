//! What a tree tells about itself.
//!
//! Not here: any logic ([`crate::stats`], [`crate::verify`]).

use std::sync::Arc;
use std::sync::atomic::Ordering;

use esker_mem::comparator::KeyOrder;
use esker_mem::seqno::SeqNo;

use crate::cache::CacheStats;
use crate::metrics::Metrics;
use crate::stats::{self, LevelStats, MemtableStats, TableInfo};
use crate::tree::Tree;
use crate::verify::{self, VerifyReport};

/// What the tree looks like.
impl Tree {
    /// The order of its keys.
    #[must_use]
    pub fn order(&self) -> &KeyOrder {
        self.0.order()
    }

    /// Bytes that compactions must still write until the tree has the shape that its strategy wants.
    #[must_use]
    pub fn compaction_debt(&self) -> u64 {
        self.0.debt.load(Ordering::Relaxed)
    }

    /// The runs of level 0: each is one more place that a read has to ask.
    #[must_use]
    pub fn level_zero_runs(&self) -> usize {
        self.0.state.view().version.levels().first().map_or(0, Vec::len)
    }

    /// The levels that a tree may have, empty ones included.
    #[must_use]
    pub fn level_count(&self) -> usize {
        self.0.state.view().version.levels().len()
    }

    /// The runs of all levels.
    #[must_use]
    pub fn run_count(&self) -> usize {
        self.0.state.view().version.runs().len()
    }

    /// The tables.
    #[must_use]
    pub fn table_count(&self) -> usize {
        self.0.state.view().version.runs().iter().map(|run| run.tables().len()).sum()
    }

    /// The tables of one level; `None` if there is no such level.
    #[must_use]
    pub fn level_table_count(&self, level: usize) -> Option<usize> {
        let view = self.0.state.view();
        view.version.levels().get(level).map(|runs| runs.iter().map(|run| run.tables().len()).sum())
    }

    /// The memtables that are sealed and wait for a flush.
    #[must_use]
    pub fn sealed_memtable_count(&self) -> usize {
        self.0.state.view().sealed.len()
    }

    /// The tombstones of single keys, in tables and in memory. O(tables).
    #[must_use]
    pub fn tombstone_count(&self) -> u64 {
        stats::point_tombstones(&self.0)
    }

    /// Bytes of memory that the filters of all tables take. O(tables).
    #[must_use]
    pub fn filter_size(&self) -> u64 {
        stats::sum_of_tables(&self.0, |table| table.filter_bytes() as u64)
    }

    /// Bytes of memory that the indexes of all tables take. O(tables).
    #[must_use]
    pub fn block_index_size(&self) -> u64 {
        stats::sum_of_tables(&self.0, |table| table.index_bytes() as u64)
    }

    /// The memtables.
    #[must_use]
    pub fn memtable_stats(&self) -> MemtableStats {
        stats::memtables(&self.0)
    }

    /// The levels, empty ones included, with the numbers of their tables. O(tables).
    #[must_use]
    pub fn level_segment_stats(&self) -> Vec<LevelStats> {
        stats::levels(&self.0)
    }

    /// The tables, level by level, newest run first.
    #[must_use]
    pub fn tables(&self) -> Vec<TableInfo> {
        stats::tables(&self.0)
    }

    /// The number of entries, tombstones and old versions included: an upper bound for [`Self::len`], in O(tables).
    #[must_use]
    pub fn approximate_len(&self) -> u64 {
        stats::approximate_len(&self.0)
    }

    /// Bytes of all tables.
    #[must_use]
    pub fn disk_space(&self) -> u64 {
        self.0.state.view().version.file_bytes()
    }

    /// The cache that the tree uses.
    #[must_use]
    pub fn cache_stats(&self) -> CacheStats {
        self.0.cache.stats()
    }

    /// What the tree has done since it was opened.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.0.metrics
    }

    /// The watermark: the lowest bound that a read may use without a [`Snapshot`](crate::Snapshot) that holds it, and the lowest
    /// sequence number that a write may carry. Flushes and compactions raise it, to what their callers advise at most.
    #[must_use]
    pub fn watermark(&self) -> SeqNo {
        self.0.state.view().watermark
    }

    /// Every smaller sequence number of this tree is in tables: what a log must be replayed from.
    #[must_use]
    pub fn replay_floor(&self) -> SeqNo {
        self.0.replay_floor()
    }

    /// The highest sequence number of the tree's tables that was ever recorded: never to be used again.
    #[must_use]
    pub fn get_highest_persisted_seqno(&self) -> Option<SeqNo> {
        self.0.last_seqno()
    }

    /// The highest sequence number in memory.
    #[must_use]
    pub fn get_highest_memtable_seqno(&self) -> Option<SeqNo> {
        self.0.state.view().generations().filter_map(|generation| generation.highest_seqno()).max()
    }

    /// The lowest sequence number that is in memory only.
    #[must_use]
    pub fn lowest_unflushed_seqno(&self) -> Option<SeqNo> {
        self.0.state.view().generations().filter_map(|generation| generation.lowest_seqno()).min()
    }

    /// The highest sequence number of the tree.
    #[must_use]
    pub fn get_highest_seqno(&self) -> Option<SeqNo> {
        self.get_highest_memtable_seqno().max(self.get_highest_persisted_seqno())
    }

    /// How many snapshots are live, and the lowest of their bounds.
    #[must_use]
    pub fn live_snapshots(&self) -> (usize, Option<SeqNo>) {
        self.0.snapshots.count()
    }

    /// Reads every block of every table and checks what readers rely on.
    #[must_use]
    pub fn verify(&self) -> VerifyReport {
        verify::verify(&self.0)
    }
}
