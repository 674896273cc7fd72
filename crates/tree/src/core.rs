//! What the verbs of one tree share: its files, its options, its state.
//!
//! Thread-safety: every field is immutable or has its own synchronisation. Lock order, outermost first: the flush lock,
//! the manifest, the state's change lock, a memtable's write lock. The jobs register and the snapshot register
//! are leaves.

use std::collections::HashSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use esker_env::fs::FileLock;
use esker_format::ids::{RunId, TableId};
use esker_format::manifest::{AddedTable, VersionEdit};
use esker_mem::comparator::KeyOrder;
use esker_mem::memtable::{Memtable, MemtableOptions};
use esker_mem::seqno::SeqNo;

use crate::cache::Cache;
use crate::cache::descriptors::DescriptorTable;
use crate::compaction::picker::RunningJob;
use crate::expiry::ReadTime;
use crate::memtable::Generation;
use crate::merge_operator::SharedMergeOperator;
use crate::metrics::Metrics;
use crate::options::Config;
use crate::routes::{Folder, LevelRoute};
use crate::runtime::Runtime;
use crate::state::{Horizon, Snapshots, State};
use crate::table::reader::TableSource;
use crate::version::Version;
use crate::version::manifest_log::ManifestLog;

/// Everything that the verbs of a tree work on.
pub(crate) struct Core {
    pub(crate) config: Config,
    pub(crate) cache: Arc<Cache>,
    pub(crate) descriptors: Arc<DescriptorTable>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) state: State,
    pub(crate) snapshots: Snapshots,
    pub(crate) manifest: Mutex<ManifestLog>,
    /// One flush at a time.
    pub(crate) flushing: Mutex<()>,
    pub(crate) jobs: Mutex<Jobs>,
    pub(crate) next_table: AtomicU64,
    pub(crate) next_run: AtomicU64,
    /// As the manifest says: the seqno below which everything is in tables, and one above the highest of all.
    pub(crate) replay_floor: AtomicU64,
    pub(crate) seqno_end: AtomicU64,
    /// What the strategy wants written, as of the last change of the version.
    pub(crate) debt: AtomicU64,
    /// What may be changed meanwhile.
    pub(crate) runtime: Runtime,
    /// The number that folders of level routes know the tree by.
    pub(crate) owner: Option<u64>,
    /// Held for as long as the tree is open.
    pub(crate) _locks: Vec<Box<dyn FileLock>>,
}

/// The compactions that run now.
#[derive(Default)]
pub(crate) struct Jobs {
    pub(crate) busy: HashSet<TableId>,
    pub(crate) running: Vec<(u64, RunningJob)>,
    pub(crate) next_id: u64,
}

impl Core {
    pub(crate) fn path(&self) -> &Path {
        &self.config.path
    }

    pub(crate) fn order(&self) -> &KeyOrder {
        &self.config.order
    }

    /// What folds operands.
    pub(crate) fn merge_operator(&self) -> Option<&SharedMergeOperator> {
        self.config.merge_operator.as_ref()
    }

    /// A table id that was never used in this tree.
    pub(crate) fn next_table_id(&self) -> TableId {
        TableId(self.next_table.fetch_add(1, Ordering::Relaxed))
    }

    /// A run id above every other of this tree.
    pub(crate) fn next_run_id(&self) -> RunId {
        RunId(self.next_run.fetch_add(1, Ordering::Relaxed))
    }

    /// Where tables of `level` are written.
    pub(crate) fn folder_of(&self, level: usize) -> Folder<'_> {
        self.config.folder_of(level)
    }

    /// What a table in `folder` needs of the tree to be read.
    pub(crate) fn table_source(&self, folder: Folder<'_>) -> TableSource {
        TableSource {
            fs: Arc::clone(folder.fs),
            cache: Arc::clone(&self.cache),
            descriptors: Arc::clone(&self.descriptors),
            metrics: Arc::clone(&self.metrics),
            order: self.order().clone(),
            merge_operator: self.config.merge_operator_name().map(Arc::from),
            prefix_extractor: self.config.prefix_extractor.clone(),
            pinning: self.config.pinning.clone(),
            deleter: self.config.deleter.clone(),
        }
    }

    /// A fresh memtable of at least `needed_bytes`, sized for as many entries as the one before it had.
    pub(crate) fn new_generation(
        &self,
        id: u64,
        needed_bytes: usize,
        expected_entries: usize,
    ) -> Arc<Generation> {
        new_generation(&self.config, id, needed_bytes, expected_entries)
    }

    /// Fixes what a flush or compaction that starts now may drop.
    ///
    /// Passing through the active memtable's lock makes sure that every write admitted under the old watermark is in
    /// place (INV-VIEW-4).
    pub(crate) fn horizon(&self, advice: SeqNo) -> Horizon {
        let horizon = self.snapshots.raise(advice, self.config.visible.get(), self.now());
        self.state.view().active.pass();
        horizon
    }

    /// The time that a read at `bound` goes by, in milliseconds since 1970 (INV-TTL-1).
    #[cold]
    pub(crate) fn time_of_read(&self, bound: SeqNo, time: ReadTime) -> u64 {
        let of_snapshot = || if time == ReadTime::OF_BOUND { self.snapshots.time_at(bound) } else { None };
        time.fixed().or_else(of_snapshot).unwrap_or_else(|| self.now())
    }

    /// What the clock shows, in milliseconds since 1970.
    pub(crate) fn now(&self) -> u64 {
        self.config.clock.unix_millis()
    }

    /// Every smaller sequence number of this tree is in tables.
    pub(crate) fn replay_floor(&self) -> SeqNo {
        self.replay_floor.load(Ordering::Acquire)
    }

    /// The highest sequence number that the manifest recorded.
    pub(crate) fn last_seqno(&self) -> Option<SeqNo> {
        self.seqno_end.load(Ordering::Acquire).checked_sub(1)
    }

    /// Takes note of what an installed flush recorded.
    pub(crate) fn note_flush(&self, replay_floor: SeqNo, highest_seqno: SeqNo) {
        self.replay_floor.fetch_max(replay_floor, Ordering::AcqRel);
        self.seqno_end.fetch_max(highest_seqno + 1, Ordering::AcqRel);
    }

    /// Adds to an edit which ids are taken, and how far versions may have been dropped.
    pub(crate) fn stamp_ids(&self, edit: &mut VersionEdit) {
        edit.next_table = Some(TableId(self.next_table.load(Ordering::Relaxed)));
        edit.next_run = Some(RunId(self.next_run.load(Ordering::Relaxed)));
        edit.watermark = Some(self.snapshots.watermark());
        edit.feed_horizon = self.snapshots.history.recorded();
        edit.history_from = Some(self.snapshots.history.oldest());
    }

    /// The whole tree as one edit: what a new manifest begins with.
    pub(crate) fn snapshot_edit(&self, version: &Version) -> VersionEdit {
        let added = version.placed().map(|placed| AddedTable {
            level: u8::try_from(placed.level).unwrap_or(u8::MAX),
            run: placed.run,
            ..placed.table.meta().clone()
        });
        let mut edit = VersionEdit {
            comparator: Some(self.order().name().to_owned()),
            merge_operator: self.config.merge_operator_name().map(str::to_owned),
            added: added.collect(),
            replay_floor: Some(self.replay_floor()),
            last_seqno: self.last_seqno(),
            level_routes: self.config.routes.iter().map(LevelRoute::recorded).collect(),
            owner: self.owner,
            ..VersionEdit::default()
        };
        self.stamp_ids(&mut edit);
        edit
    }

    pub(crate) fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn manifest(&self) -> MutexGuard<'_, ManifestLog> {
        self.manifest.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A fresh memtable for a tree of `config`.
pub(crate) fn new_generation(
    config: &Config,
    id: u64,
    needed_bytes: usize,
    expected_entries: usize,
) -> Arc<Generation> {
    // A first guess, for the first memtable: entries of some 128 bytes.
    let expected_entries = expected_entries.max(config.memtable_capacity_bytes / 256);
    let memtable = Memtable::new(MemtableOptions {
        order: config.order.clone(),
        capacity_bytes: config.memtable_capacity_bytes.max(needed_bytes),
        expected_entries,
        pool: config.arenas.clone(),
    });
    Arc::new(Generation::new(id, memtable))
}
