//! What a database has done, and what it holds: a snapshot of counters, nothing is kept for it.

use std::sync::Arc;
use std::time::Duration;

use esker_tree::{CacheStats, CounterValue, LevelStats, MemtableStats};

use crate::core::Core;
use crate::error::Error;

/// What a database has done since it was opened, and what it holds now.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stats {
    /// The number below which every write is visible; grows by one with each operation.
    pub visible_seqno: u64,
    /// Log segments that are complete and still needed.
    pub log_segments: usize,
    /// Bytes of those segments.
    pub log_bytes: u64,
    /// Syncs of the log.
    pub log_syncs: u64,
    /// Frame bytes written to the log.
    pub log_bytes_written: u64,
    /// How long writers were slowed down in total.
    pub slowed_down: Duration,
    /// Why writes are refused, if they are.
    pub read_only: Option<Arc<Error>>,
    /// The block cache, shared by all keyspaces.
    pub cache: Option<CacheStats>,
    /// Each keyspace, by age.
    pub keyspaces: Vec<KeyspaceStats>,
}

/// One keyspace.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct KeyspaceStats {
    /// Its name.
    pub name: String,
    /// Its memtables.
    pub memtables: MemtableStats,
    /// Its levels, empty ones included.
    pub levels: Vec<LevelStats>,
    /// Bytes that compaction has yet to rewrite.
    pub compaction_debt_bytes: u64,
    /// How many snapshots of it are live.
    pub live_snapshots: usize,
    /// What its tree has counted since it was opened.
    pub counters: Vec<CounterValue>,
}

/// Collects the counters.
pub(crate) fn collect(core: &Core) -> Stats {
    let keyspaces = core.registry.all();
    Stats {
        visible_seqno: core.visible(),
        log_segments: core.folder.closed_count(),
        log_bytes: core.folder.closed_bytes(),
        log_syncs: core.pipeline.sync().syncs(),
        log_bytes_written: core.pipeline.sync().written().lsn,
        slowed_down: core.backpressure.slept(),
        read_only: core.health.reason(),
        cache: keyspaces.first().map(|keyspace| keyspace.tree.cache_stats()),
        keyspaces: keyspaces
            .iter()
            .map(|keyspace| KeyspaceStats {
                name: keyspace.name.clone(),
                memtables: keyspace.tree.memtable_stats(),
                levels: keyspace.tree.level_segment_stats(),
                compaction_debt_bytes: keyspace.tree.compaction_debt(),
                live_snapshots: keyspace.tree.live_snapshots().0,
                counters: keyspace.tree.metrics().all(),
            })
            .collect(),
    }
}
