//! What a database says of itself, in the text format that Prometheus scrapes (version 0.0.4).
//!
//! A *family* is a `# HELP` line, a `# TYPE` line and its samples, which stand together; a sample is a name, labels and a
//! number. Counters end in `_total` and only grow while the database is open; sizes are bytes, times are seconds. The text
//! is made of one look at the statistics.
//!
//! Not here: serving it.

use std::fmt::Write;

use esker_tree::{CounterValue, LevelStats};

use crate::stats::{KeyspaceStats, Stats};

/// The text under construction.
struct Exposition(String);

/// What the samples of a family are.
#[derive(Clone, Copy)]
enum Type {
    Gauge,
    Counter,
}

impl Exposition {
    /// Begins a family.
    fn family(&mut self, name: &str, about: &str, ty: Type) {
        let ty = match ty {
            Type::Gauge => "gauge",
            Type::Counter => "counter",
        };
        let about = about.replace('\\', "\\\\").replace('\n', "\\n");
        // Writing to a string cannot fail; nor below.
        let _ = writeln!(self.0, "# HELP {name} {about}\n# TYPE {name} {ty}");
    }

    /// A sample of the family that was begun last.
    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.0.push_str(name);
        for (at, (label, text)) in labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{text}\"", if at == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    /// A family of one sample without labels.
    fn single(&mut self, name: &str, about: &str, ty: Type, value: impl std::fmt::Display) {
        self.family(name, about, ty);
        self.sample(name, &[], value);
    }

    /// A gauge of each keyspace.
    fn by_keyspace(&mut self, stats: &Stats, name: &str, about: &str, value: impl Fn(&KeyspaceStats) -> u64) {
        self.family(name, about, Type::Gauge);
        for keyspace in &stats.keyspaces {
            self.sample(name, &[("keyspace", &keyspace.name)], value(keyspace));
        }
    }

    /// A gauge of each level of each keyspace, empty levels included.
    fn by_level(&mut self, stats: &Stats, name: &str, about: &str, value: impl Fn(&LevelStats) -> u64) {
        self.family(name, about, Type::Gauge);
        for keyspace in &stats.keyspaces {
            for level in &keyspace.levels {
                let number = level.level.to_string();
                self.sample(name, &[("keyspace", &keyspace.name), ("level", &number)], value(level));
            }
        }
    }
}

/// The whole text.
pub(crate) fn exposition(stats: &Stats) -> String {
    let mut text = Exposition(String::new());
    database(&mut text, stats);
    text.by_keyspace(stats, "esker_memtable_entries", "Entries of the active memtable.", |keyspace| {
        keyspace.memtables.active_entries
    });
    text.by_keyspace(stats, "esker_memtable_bytes", "Bytes used in the active memtable.", |keyspace| {
        keyspace.memtables.active_bytes
    });
    text.by_keyspace(stats, "esker_sealed_memtables", "Memtables that wait for a flush.", |keyspace| {
        keyspace.memtables.sealed as u64
    });
    text.by_keyspace(stats, "esker_memtable_memory_bytes", "Memory of all memtables.", |keyspace| {
        keyspace.memtables.memory_bytes
    });
    text.by_keyspace(
        stats,
        "esker_compaction_debt_bytes",
        "Bytes that compactions have yet to write.",
        |of| of.compaction_debt_bytes,
    );
    text.by_keyspace(stats, "esker_live_snapshots", "Snapshots that are held.", |of| {
        of.live_snapshots as u64
    });
    text.by_level(stats, "esker_level_runs", "Runs of a level.", |level| level.runs as u64);
    text.by_level(stats, "esker_level_tables", "Tables of a level.", |level| level.tables as u64);
    text.by_level(stats, "esker_level_entries", "Entries of a level, old versions included.", |level| {
        level.entries
    });
    text.by_level(stats, "esker_level_tombstones", "Point tombstones of a level.", |level| level.tombstones);
    text.by_level(stats, "esker_level_expiring", "Values of a level that expire or have expired.", |level| {
        level.expiring
    });
    text.by_level(stats, "esker_level_range_tombstones", "Range tombstones of a level.", |level| {
        level.range_tombstones
    });
    text.by_level(stats, "esker_level_bytes", "Bytes of a level's tables.", |level| level.size_bytes);
    counters(&mut text, stats);
    text.0
}

/// What the keyspaces share.
fn database(text: &mut Exposition, stats: &Stats) {
    text.single(
        "esker_visible_seqno",
        "Operations that are visible: grows by one with each.",
        Type::Gauge,
        stats.visible_seqno,
    );
    text.single(
        "esker_read_only",
        "Whether writes are refused, 1 or 0.",
        Type::Gauge,
        u8::from(stats.read_only.is_some()),
    );
    text.single(
        "esker_log_segments",
        "Closed log segments that are still needed.",
        Type::Gauge,
        stats.log_segments,
    );
    text.single("esker_log_bytes", "Bytes of those segments.", Type::Gauge, stats.log_bytes);
    text.single("esker_log_syncs_total", "Syncs of the log.", Type::Counter, stats.log_syncs);
    text.single(
        "esker_log_written_bytes_total",
        "Bytes written to the log.",
        Type::Counter,
        stats.log_bytes_written,
    );
    text.single(
        "esker_slowed_down_seconds_total",
        "How long writers were slowed down.",
        Type::Counter,
        stats.slowed_down.as_secs_f64(),
    );
    if let Some(cache) = &stats.cache {
        let sizes = [
            ("esker_cache_capacity_bytes", "What the cache may hold.", cache.capacity_bytes),
            ("esker_cache_block_bytes", "Bytes of cached blocks.", cache.block_bytes),
            ("esker_cache_resident_bytes", "Bytes of resident indexes and filters.", cache.resident_bytes),
            ("esker_cache_blocks", "Cached blocks.", cache.blocks),
        ];
        for (name, about, value) in sizes {
            text.single(name, about, Type::Gauge, value);
        }
    }
}

/// What the trees have counted. Every tree counts the same things.
fn counters(text: &mut Exposition, stats: &Stats) {
    let Some(first) = stats.keyspaces.first() else { return };
    for (at, CounterValue { name, about, .. }) in first.counters.iter().enumerate() {
        let name = format!("esker_{name}_total");
        text.family(&name, about, Type::Counter);
        for keyspace in &stats.keyspaces {
            if let Some(of) = keyspace.counters.get(at) {
                text.sample(&name, &[("keyspace", &keyspace.name)], of.value);
            }
        }
    }
}
