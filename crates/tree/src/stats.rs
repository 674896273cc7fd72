//! What a tree looks like: its tables, its levels, its memory.
//!
//! Everything here reads one view and the counters; nothing is kept for it.

use std::path::PathBuf;
use std::sync::Arc;

use esker_format::ids::{RunId, TableId};
use esker_format::properties::Properties;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::UserKey;

use crate::core::Core;
use crate::memtable::{EitherMemtable, Generation};
use crate::table::reader::Table;
use crate::version::Placed;
use crate::version::run::Run;

/// One table of a tree.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TableInfo {
    /// Its file.
    pub path: PathBuf,
    /// Its number.
    pub id: TableId,
    /// Its level.
    pub level: usize,
    /// Its run within the level.
    pub run: RunId,
    /// The smallest user key.
    pub smallest: UserKey,
    /// The largest user key.
    pub largest: UserKey,
    /// The lowest sequence number.
    pub lowest_seqno: SeqNo,
    /// The highest sequence number.
    pub highest_seqno: SeqNo,
    /// Entries, tombstones and old versions included.
    pub entries: u64,
    /// Tombstones among them.
    pub tombstones: u64,
    /// Values among them that expire, those that have included: when is in [`Self::properties`].
    pub expiring: u64,
    /// Range tombstones, those of one sequence number counted once. One that reaches beyond the table is in others, too.
    pub range_tombstones: u64,
    /// The length of the file in bytes.
    pub size_bytes: u64,
    /// The checksum of the whole file, as [`esker_format::table_checksum`] has it: recorded as the file was written, or when it was
    /// verified for ingestion. None for a file that was ingested unverified.
    pub checksum: Option<u64>,
    /// When the file was written, in milliseconds since 1970.
    pub created_unix_millis: u64,
    /// What the file says of itself.
    pub properties: Properties,
    /// Data blocks.
    pub data_blocks: u64,
    /// Bytes of the resident index.
    pub index_bytes: u64,
    /// Bytes of the resident filter; 0 if there is none.
    pub filter_bytes: u64,
    /// Bytes of keys and values before encoding and compression.
    pub raw_bytes: u64,
}

/// One table of a level, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SegmentStats {
    /// The table.
    pub id: TableId,
    /// Its run.
    pub run: RunId,
    /// Entries, tombstones and old versions included.
    pub entries: u64,
    /// Tombstones among them.
    pub tombstones: u64,
    /// Values among them that expire, those that have included.
    pub expiring: u64,
    /// Range tombstones.
    pub range_tombstones: u64,
    /// The length of its file in bytes.
    pub size_bytes: u64,
    /// The lowest sequence number.
    pub lowest_seqno: SeqNo,
    /// The highest sequence number.
    pub highest_seqno: SeqNo,
}

/// One level of a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LevelStats {
    /// The level.
    pub level: usize,
    /// Runs.
    pub runs: usize,
    /// Tables.
    pub tables: usize,
    /// Entries, tombstones and old versions included.
    pub entries: u64,
    /// Tombstones among them.
    pub tombstones: u64,
    /// Values among them that expire, those that have included.
    pub expiring: u64,
    /// Range tombstones, counted in each table that they are in.
    pub range_tombstones: u64,
    /// Bytes of the tables.
    pub size_bytes: u64,
    /// Each table: newest run first, by key within a run.
    pub segments: Vec<SegmentStats>,
}

/// The memtables of a tree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct MemtableStats {
    /// Bytes used in the active memtable.
    pub active_bytes: u64,
    /// Entries of the active memtable.
    pub active_entries: u64,
    /// Range deletes in all memtables.
    pub range_deletes: u64,
    /// Sealed memtables that wait for a flush.
    pub sealed: usize,
    /// Bytes of memory that the sealed ones hold.
    pub sealed_bytes: u64,
    /// Bytes of memory of those sealed ones that were installed sorted: the cache makes room for them.
    pub sorted_bytes: u64,
    /// Bytes of memory that all of them hold, their indexes included.
    pub memory_bytes: u64,
}

/// Every table of the current version, level by level, newest run first.
pub(crate) fn tables(core: &Core) -> Vec<TableInfo> {
    core.state.view_owned().version.placed().map(|placed| table_info(&placed)).collect()
}

fn table_info(placed: &Placed) -> TableInfo {
    let table = &placed.table;
    let (meta, properties) = (table.meta(), table.properties());
    TableInfo {
        path: table.path().to_path_buf(),
        id: meta.table,
        level: placed.level,
        run: placed.run,
        smallest: meta.smallest_key.clone(),
        largest: meta.largest_key.clone(),
        lowest_seqno: meta.lowest_seqno,
        highest_seqno: meta.highest_seqno,
        entries: meta.entries,
        tombstones: meta.point_tombstones,
        expiring: properties.expiring_puts,
        range_tombstones: meta.range_tombstones,
        size_bytes: meta.file_bytes,
        checksum: meta.file_checksum,
        created_unix_millis: meta.created_unix_millis,
        properties: properties.clone(),
        data_blocks: properties.data_blocks,
        index_bytes: table.index_bytes() as u64,
        filter_bytes: table.filter_bytes() as u64,
        raw_bytes: properties.raw_key_bytes + properties.raw_value_bytes,
    }
}

/// Every level, empty ones included.
pub(crate) fn levels(core: &Core) -> Vec<LevelStats> {
    let view = core.state.view_owned();
    let levels = view.version.levels().iter().enumerate();
    levels
        .map(|(level, runs)| {
            let mut stats = LevelStats { level, runs: runs.len(), ..LevelStats::default() };
            for run in runs {
                stats.segments.extend(run.tables().iter().map(|table| segment(run.id(), table)));
            }
            stats.tables = stats.segments.len();
            for segment in &stats.segments {
                stats.entries += segment.entries;
                stats.tombstones += segment.tombstones;
                stats.expiring += segment.expiring;
                stats.range_tombstones += segment.range_tombstones;
                stats.size_bytes += segment.size_bytes;
            }
            stats
        })
        .collect()
}

fn segment(run: RunId, table: &Table) -> SegmentStats {
    let meta = table.meta();
    SegmentStats {
        id: meta.table,
        run,
        entries: meta.entries,
        tombstones: meta.point_tombstones,
        expiring: table.properties().expiring_puts,
        range_tombstones: meta.range_tombstones,
        size_bytes: meta.file_bytes,
        lowest_seqno: meta.lowest_seqno,
        highest_seqno: meta.highest_seqno,
    }
}

/// The memtables.
pub(crate) fn memtables(core: &Core) -> MemtableStats {
    let view = core.state.view();
    let memory = |generation: &Arc<Generation>| {
        (generation.memtable.memory_bytes() + generation.ranges.bytes()) as u64
    };
    let sealed_bytes: u64 = view.sealed.iter().map(memory).sum();
    let sorted = view.sealed.iter().filter(|sealed| matches!(sealed.memtable, EitherMemtable::Sorted { .. }));
    let sorted_bytes = sorted.map(memory).sum();
    MemtableStats {
        active_bytes: view.active.used_bytes() as u64,
        active_entries: view.active.memtable.len() as u64,
        range_deletes: view.generations().map(|generation| generation.ranges.len()).sum(),
        sealed: view.sealed.len(),
        sealed_bytes,
        sorted_bytes,
        memory_bytes: sealed_bytes + memory(&view.active),
    }
}

/// How many entries the tree holds at most: tombstones and old versions are counted, too.
pub(crate) fn approximate_len(core: &Core) -> u64 {
    let view = core.state.view();
    let in_memory: u64 = view.generations().map(|generation| generation.memtable.len() as u64).sum();
    in_memory + view.version.placed().map(|placed| placed.table.meta().entries).sum::<u64>()
}

/// Tombstones of single keys, in tables and memtables.
pub(crate) fn point_tombstones(core: &Core) -> u64 {
    let view = core.state.view();
    let in_memory: u64 = view.generations().map(|generation| generation.memtable.tombstones() as u64).sum();
    in_memory + sum_of_tables(core, |table| table.meta().point_tombstones)
}

/// The sum of something over all tables.
pub(crate) fn sum_of_tables(core: &Core, of_table: impl Fn(&Table) -> u64) -> u64 {
    let view = core.state.view();
    view.version.runs().iter().flat_map(Run::tables).map(|table| of_table(table)).sum()
}
