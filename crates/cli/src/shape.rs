//! The shape of a database: what its trees, memtables, cache and log hold, as tables for a person.
//!
//! Not here: the same as JSON ([`crate::commands::stats`]).

use comfy_table::{CellAlignment, Table, presets};
use esker::{KeyspaceStats, Stats};

use crate::human::{bytes, count, duration, plural};

/// Everything about one keyspace, or about all of them, and what they share.
pub(crate) fn report(stats: &Stats, keyspace: Option<&str>) -> String {
    let mut text = String::new();
    for stats in stats.keyspaces.iter().filter(|stats| keyspace.is_none_or(|name| stats.name == name)) {
        text.push_str(&format!("keyspace {}\n", stats.name));
        text.push_str(&levels(stats));
        text.push_str("\n\n");
    }
    text.push_str(&shared(stats));
    text.push('\n');
    text
}

/// One row per level that holds something, memtables above them: the order in which a read asks.
fn levels(stats: &KeyspaceStats) -> String {
    let mut table = framed(&["", "runs", "tables", "entries", "tombstones", "size"]);
    let memtables = &stats.memtables;
    table.add_row([
        "memtable, active".to_owned(),
        String::new(),
        String::new(),
        count(memtables.active_entries),
        String::new(),
        bytes(memtables.active_bytes),
    ]);
    if memtables.sealed > 0 {
        table.add_row([
            format!("memtables, sealed: {}", memtables.sealed),
            String::new(),
            String::new(),
            String::new(),
            String::new(),
            bytes(memtables.sealed_bytes),
        ]);
    }
    let mut total = (0, 0, 0, 0, 0);
    for level in stats.levels.iter().filter(|level| level.tables > 0) {
        total.0 += level.runs;
        total.1 += level.tables;
        total.2 += level.entries;
        total.3 += level.tombstones;
        total.4 += level.size_bytes;
        table.add_row([
            format!("level {}", level.level),
            count(level.runs as u64),
            count(level.tables as u64),
            count(level.entries),
            count(level.tombstones),
            bytes(level.size_bytes),
        ]);
    }
    let (runs, tables, entries, tombstones, size) = total;
    table.add_row([
        "all levels".to_owned(),
        count(runs as u64),
        count(tables as u64),
        count(entries),
        count(tombstones),
        bytes(size),
    ]);
    table.to_string()
}

/// What the keyspaces share, and what they still have to do.
fn shared(stats: &Stats) -> String {
    let mut table = framed(&[]);
    let memory: u64 = stats.keyspaces.iter().map(|keyspace| keyspace.memtables.memory_bytes).sum();
    let debt: u64 = stats.keyspaces.iter().map(|keyspace| keyspace.compaction_debt_bytes).sum();
    table.add_row(["memory of memtables".to_owned(), bytes(memory)]);
    if let Some(cache) = &stats.cache {
        table.add_row(["cache, capacity".to_owned(), bytes(cache.capacity_bytes)]);
        let blocks = format!("{} in {}", bytes(cache.block_bytes), plural(cache.blocks, "block"));
        table.add_row(["cache, data".to_owned(), blocks]);
        table.add_row(["cache, indexes and filters".to_owned(), bytes(cache.resident_bytes)]);
    }
    table.add_row([
        "log".to_owned(),
        format!(
            "{} in {} still needed, beside the current one",
            bytes(stats.log_bytes),
            plural(stats.log_segments as u64, "segment"),
        ),
    ]);
    table.add_row([
        "log, since opening".to_owned(),
        format!("{} written, {}", bytes(stats.log_bytes_written), plural(stats.log_syncs, "sync")),
    ]);
    table.add_row(["to be compacted".to_owned(), bytes(debt)]);
    table.add_row(["writers slowed down for".to_owned(), duration(stats.slowed_down)]);
    if let Some(reason) = &stats.read_only {
        table.add_row(["writes are refused".to_owned(), reason.to_string()]);
    }
    table.to_string()
}

/// A table whose first column is text and whose other columns are numbers.
fn framed(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED);
    if !header.is_empty() {
        table.set_header(header.iter().copied());
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
