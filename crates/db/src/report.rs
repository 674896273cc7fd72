//! What a database looks like, as a text for people: the shape of each keyspace's tree, and what all of them share.
//!
//! One line per place that holds something, in the order in which a read asks: memtables, then levels. Sizes are in
//! binary units, rounded; exact numbers are in the fields of [`Stats`].
//!
//! Not here: the same for monitors ([`crate::prometheus`]).

use std::fmt::{self, Display, Formatter};

use crate::stats::{KeyspaceStats, Stats};

/// Bytes in a unit that leaves at most four digits.
struct Bytes(u64);

impl Display for Bytes {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
        if self.0 < 1024 {
            return f.pad(&format!("{} B", self.0));
        }
        let mut amount = self.0 as f64 / 1024.0;
        let mut unit = "KiB";
        for next in UNITS.into_iter().skip(1) {
            if amount < 1024.0 {
                break;
            }
            amount /= 1024.0;
            unit = next;
        }
        f.pad(&format!("{amount:.1} {unit}"))
    }
}

impl Display for Stats {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for keyspace in &self.keyspaces {
            write!(f, "{keyspace}")?;
        }
        if let Some(cache) = &self.cache {
            writeln!(
                f,
                "cache: {} of {} used: {} in {} blocks, {} of indexes and filters",
                Bytes(cache.block_bytes + cache.resident_bytes),
                Bytes(cache.capacity_bytes),
                Bytes(cache.block_bytes),
                cache.blocks,
                Bytes(cache.resident_bytes)
            )?;
        }
        writeln!(
            f,
            "log: {} in {} closed segments still needed; since opening {} written, {} syncs",
            Bytes(self.log_bytes),
            self.log_segments,
            Bytes(self.log_bytes_written),
            self.log_syncs
        )?;
        writeln!(f, "visible: {} operations", self.visible_seqno)?;
        writeln!(f, "writers slowed down for {:.3} s", self.slowed_down.as_secs_f64())?;
        match &self.read_only {
            Some(reason) => writeln!(f, "writes are refused: {reason}"),
            None => Ok(()),
        }
    }
}

/// One line of the table of a tree.
fn line(
    f: &mut Formatter<'_>,
    place: &str,
    [runs, tables, entries, tombstones]: [Option<u64>; 4],
    bytes: u64,
) -> fmt::Result {
    let number = |number: Option<u64>| number.map(|number| number.to_string()).unwrap_or_default();
    writeln!(
        f,
        "  {place:<18} {:>5} {:>7} {:>14} {:>12} {:>11}",
        number(runs),
        number(tables),
        number(entries),
        number(tombstones),
        Bytes(bytes)
    )
}

impl Display for KeyspaceStats {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "keyspace {}", self.name)?;
        writeln!(
            f,
            "  {:<18} {:>5} {:>7} {:>14} {:>12} {:>11}",
            "", "runs", "tables", "entries", "tombstones", "size"
        )?;
        let memtables = &self.memtables;
        line(
            f,
            "active memtable",
            [None, None, Some(memtables.active_entries), None],
            memtables.active_bytes,
        )?;
        if memtables.sealed > 0 {
            line(f, &format!("sealed: {}", memtables.sealed), [None; 4], memtables.sealed_bytes)?;
        }
        for level in self.levels.iter().filter(|level| level.tables > 0) {
            let tombstones = level.tombstones + level.range_tombstones;
            let numbers = [level.runs as u64, level.tables as u64, level.entries, tombstones];
            line(f, &format!("level {}", level.level), numbers.map(Some), level.size_bytes)?;
        }
        let expiring: u64 = self.levels.iter().map(|level| level.expiring).sum();
        if expiring > 0 {
            writeln!(f, "  values in tables that expire or have expired: {expiring}")?;
        }
        writeln!(f, "  to be compacted: {}", Bytes(self.compaction_debt_bytes))?;
        let counted = self.counters.iter().filter(|of| of.value > 0);
        let counters: Vec<String> = counted.map(|of| format!("{} {}", of.name, of.value)).collect();
        if !counters.is_empty() {
            writeln!(f, "  since opening: {}", counters.join(", "))?;
        }
        if self.live_snapshots > 0 {
            writeln!(f, "  live snapshots: {}", self.live_snapshots)?;
        }
        Ok(())
    }
}
