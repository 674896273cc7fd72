//! The database as the crash enumeration drives it, and the option sets that it is driven with.
//!
//! One thread, a clock that stands still, seeded log ids: the same script makes the same calls.

use std::sync::Arc;

use esker::{
    AppendOperator, Database, Durability, Error, ErrorKind, Keyspace, KeyspaceOptions, LevelPolicy,
    LevelRoute, LogMapping, PlantedBug,
};
use esker_env::clock::ManualClock;
use esker_env::fs::SharedFs;
use esker_env::random::SeededRandom;
use esker_testkit::enumerate::engine::{Engine, ScriptOptions, Task};
use esker_testkit::fault_fs::FaultFs;
use esker_testkit::oracle::change::{Ack, Change, Durability as Promise, Op};
use esker_testkit::oracle::state::State;

/// How to open the database, and what to do with it.
#[derive(Clone, Debug)]
pub(crate) struct OptionSet {
    pub(crate) name: &'static str,
    pub(crate) memtable_bytes: usize,
    pub(crate) segment_bytes: u64,
    pub(crate) max_wal_bytes: u64,
    pub(crate) keyspaces: u32,
    pub(crate) value_len: usize,
    /// Whether writes may ask for `Buffered`; else they get `Os` instead.
    pub(crate) buffered: bool,
    /// Whether the log is copied into its map, written to a file that has one, or there is none.
    pub(crate) mapping: LogMapping,
    /// Whether tables lie elsewhere, flushed ones in one folder and compacted ones in another, in partitions that are not pinned.
    pub(crate) routed: bool,
    pub(crate) bug: Option<PlantedBug>,
}

/// What the enumeration runs over: small and large memtables and segments in all four ways, a log that forces flushes, and
/// the log in its three ways of being written. Without background threads, `Auto` never asks for pages.
pub(crate) fn option_sets() -> Vec<OptionSet> {
    let usual = OptionSet {
        name: "roomy",
        memtable_bytes: 256 << 10,
        segment_bytes: 256 << 10,
        max_wal_bytes: 1 << 20,
        keyspaces: 3,
        value_len: 700,
        buffered: true,
        mapping: LogMapping::Auto,
        routed: false,
        bug: None,
    };
    vec![
        usual.clone(),
        OptionSet { name: "small memtables", memtable_bytes: 8 << 10, ..usual.clone() },
        OptionSet { name: "small segments", segment_bytes: 4 << 10, ..usual.clone() },
        OptionSet {
            name: "small everything",
            memtable_bytes: 8 << 10,
            segment_bytes: 4 << 10,
            ..usual.clone()
        },
        OptionSet { name: "short log", segment_bytes: 4 << 10, max_wal_bytes: 12 << 10, ..usual.clone() },
        OptionSet {
            name: "values larger than segments",
            segment_bytes: 4 << 10,
            value_len: 9000,
            ..usual.clone()
        },
        OptionSet { name: "level routes", memtable_bytes: 8 << 10, routed: true, ..usual.clone() },
        OptionSet { name: "mapped log", mapping: LogMapping::Always, ..usual.clone() },
        OptionSet {
            name: "mapped log, small everything",
            memtable_bytes: 8 << 10,
            segment_bytes: 8 << 10,
            mapping: LogMapping::Always,
            ..usual.clone()
        },
        OptionSet { name: "written log", segment_bytes: 8 << 10, mapping: LogMapping::Never, ..usual },
    ]
}

/// The set that copies everything but the beginning of its log.
pub(crate) fn mapped_log() -> OptionSet {
    let mut sets = option_sets();
    sets.retain(|set| set.mapping == LogMapping::Always);
    sets.swap_remove(0)
}

impl OptionSet {
    /// For runs in which a close may fail, which may then lose what was buffered: the history has no words for that.
    pub(crate) fn without_buffered(self) -> Self {
        Self { buffered: false, ..self }
    }

    /// A script for these options.
    pub(crate) fn script(&self, seed: u64, steps: usize) -> ScriptOptions {
        ScriptOptions {
            seed,
            steps,
            keyspaces: self.keyspaces,
            value_len: self.value_len,
            merges: true,
            range_deletes: true,
            ..ScriptOptions::default()
        }
    }
}

/// The database under test.
pub(crate) struct Esker {
    fs: FaultFs,
    lowest: Durability,
    db: Database,
    keyspaces: Vec<Keyspace>,
}

impl Engine for Esker {
    type Options = OptionSet;

    fn open(fs: &FaultFs, options: &OptionSet) -> Result<Self, String> {
        open(fs, options).map_err(|error| format!("{error} ({:?})", error.kind()))
    }

    fn write(&mut self, changes: &[Change], durability: Promise) -> Ack {
        let mut batch = self.db.batch();
        for change in changes {
            let Some(keyspace) = self.keyspaces.get(change.keyspace as usize) else { return Ack::Refused };
            match &change.op {
                // Every other key's values expire, long after the script.
                Op::Put(key, value) if key.last().is_some_and(|last| last % 2 == 0) => {
                    batch.put_with_expiry_in(keyspace, key, value, u64::MAX - 1);
                }
                Op::Put(key, value) => batch.put_in(keyspace, key, value),
                Op::Delete(key) => batch.delete_in(keyspace, key),
                Op::SingleDelete(key) => batch.single_delete_in(keyspace, key),
                Op::Merge(key, operand) => batch.merge_in(keyspace, key, operand),
                Op::DeleteRange(start, end) => batch.delete_range_in(keyspace, start, end),
            }
        }
        let durability = match durability {
            Promise::Buffered => Durability::Buffered,
            Promise::Os => Durability::Os,
            Promise::Sync => Durability::Sync,
        };
        match batch.commit_with(durability.max(self.lowest)).map_err(|error| error.kind()) {
            Ok(()) => Ack::Acknowledged,
            Err(ErrorKind::ReadOnly) => {
                let _ = self.db.resume();
                Ack::Refused
            }
            Err(ErrorKind::Indeterminate) => Ack::Unknown,
            // During a call that takes the machine down, the frame may have reached the disk.
            Err(_) if self.fs.is_down() => Ack::Unknown,
            Err(_) => Ack::Refused,
        }
    }

    fn run(&mut self, task: Task) -> Result<(), String> {
        let done = match task {
            Task::Persist => self.db.persist(Durability::Sync),
            Task::Flush => self.db.flush(),
            Task::Compact => self.db.compact(),
        };
        done.map_err(|error| error.to_string())
    }

    fn read_all(&mut self) -> Result<State, String> {
        let mut state = State::new();
        for (number, keyspace) in (0u32..).zip(&self.keyspaces) {
            for entry in keyspace.iter() {
                let (key, value) = entry.map_err(|error| error.to_string())?;
                let single = keyspace.get(&key).map_err(|error| error.to_string())?;
                if single.as_ref() != Some(&value) {
                    return Err(format!("a scan yields {key:?} and a read does not agree"));
                }
                state.insert(number, key.to_vec(), value.to_vec());
            }
        }
        Ok(state)
    }

    fn close(self) -> Result<(), String> {
        self.db.close().map_err(|error| error.to_string())
    }
}

fn routes(fs: &FaultFs) -> Vec<LevelRoute> {
    let route = |levels, path: &str| LevelRoute { levels, path: path.into(), fs: Arc::new(fs.clone()) };
    vec![route(0..1, "/warm"), route(1..7, "/cold")]
}

fn open(fs: &FaultFs, options: &OptionSet) -> Result<Esker, Error> {
    let shared: SharedFs = Arc::new(fs.clone());
    let mut builder = Database::builder("/db")
        .fs(shared)
        .clock(Arc::new(ManualClock::default()))
        .random(Arc::new(SeededRandom::new(7)))
        .background_threads(0)
        .memory_budget(4 << 20)
        .memtable_bytes(options.memtable_bytes)
        .log_segment_bytes(options.segment_bytes)
        .log_mapping(options.mapping)
        .max_wal_bytes(options.max_wal_bytes);
    if let Some(bug) = options.bug {
        builder = builder.planted_bug(bug);
    }
    let (routes, in_parts) = (if options.routed { routes(fs) } else { Vec::new() }, options.routed);
    let appending = move || {
        let partitioned = || LevelPolicy::all(in_parts);
        KeyspaceOptions::new()
            .merge_operator(Arc::new(AppendOperator::new(",")))
            .level_routes(routes.clone())
            .index_block_partitioning_policy(partitioned())
            .filter_block_partitioning_policy(partitioned())
            .index_block_pinning_policy(LevelPolicy::all(!in_parts))
            .filter_block_pinning_policy(LevelPolicy::all(!in_parts))
            .partition_blocks(1)
    };
    let of_any = appending.clone();
    let db = builder.keyspace_resolver(move |_| of_any()).open()?;
    let mut keyspaces = vec![db.default_keyspace()];
    for number in 1..options.keyspaces {
        keyspaces.push(db.keyspace(&format!("keyspace {number}"), appending())?);
    }
    let lowest = if options.buffered { Durability::Buffered } else { Durability::Os };
    Ok(Esker { fs: fs.clone(), lowest, db, keyspaces })
}
