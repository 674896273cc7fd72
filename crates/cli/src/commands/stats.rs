//! `esker stats`: the shape of the trees, as tables, as one JSON object, or in the text format of Prometheus.

use std::io::Write;

use esker::{KeyspaceStats, Stats};
use serde_json::{Map, Value, json};

use crate::args::StatsArgs;
use crate::failure::Outcome;
use crate::shape;
use crate::store::Store;

/// Runs the command.
pub(crate) fn run(arguments: &StatsArgs, output: &mut dyn Write) -> Outcome {
    let store = Store::open(&arguments.target)?;
    let stats = store.database.stats();
    let keyspace = arguments.target.keyspace.as_deref();
    if arguments.prometheus {
        output.write_all(store.database.prometheus().as_bytes())?;
    } else if arguments.json {
        writeln!(output, "{}", as_json(&stats, keyspace))?;
    } else {
        output.write_all(shape::report(&stats, keyspace).as_bytes())?;
    }
    store.close()
}

/// Sizes are bytes, times are seconds.
fn as_json(stats: &Stats, keyspace: Option<&str>) -> Value {
    let keyspaces = stats.keyspaces.iter().filter(|stats| keyspace.is_none_or(|name| stats.name == name));
    json!({
        "keyspaces": keyspaces.map(keyspace_as_json).collect::<Vec<_>>(),
        "cache": stats.cache.as_ref().map(|cache| json!({
            "capacity_bytes": cache.capacity_bytes,
            "blocks": cache.blocks,
            "block_bytes": cache.block_bytes,
            "resident_bytes": cache.resident_bytes,
        })),
        "log": {
            "closed_segments": stats.log_segments,
            "closed_bytes": stats.log_bytes,
            "written_bytes": stats.log_bytes_written,
            "syncs": stats.log_syncs,
        },
        "visible_seqno": stats.visible_seqno,
        "slowed_down_seconds": stats.slowed_down.as_secs_f64(),
        "read_only": stats.read_only.as_ref().map(ToString::to_string),
    })
}

fn keyspace_as_json(stats: &KeyspaceStats) -> Value {
    let levels = stats.levels.iter().map(|level| {
        json!({
            "level": level.level,
            "runs": level.runs,
            "tables": level.tables,
            "entries": level.entries,
            "tombstones": level.tombstones,
            "size_bytes": level.size_bytes,
        })
    });
    json!({
        "name": stats.name,
        "memtables": {
            "active_entries": stats.memtables.active_entries,
            "active_bytes": stats.memtables.active_bytes,
            "sealed": stats.memtables.sealed,
            "sealed_bytes": stats.memtables.sealed_bytes,
            "memory_bytes": stats.memtables.memory_bytes,
        },
        "levels": levels.collect::<Vec<_>>(),
        "compaction_debt_bytes": stats.compaction_debt_bytes,
        "counters": stats.counters.iter().map(|of| (of.name.to_owned(), of.value.into())).collect::<Map<_, _>>(),
    })
}
