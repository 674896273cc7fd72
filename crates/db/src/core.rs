//! What the verbs of one database share: its options, its keyspaces, its log, its state of health.
//!
//! [`Engine`] is the environment of the commit pipeline: memtables to reserve room in, the visible sequence number to
//! publish, the signal that wakes the background. [`Core`] is everything.
//!
//! Thread-safety: every field is immutable or has its own synchronisation. Lock order, outermost first: the catalog, the
//! jobs, the log lock, the apply lock; then a tree's own locks; all others are leaves.
//!
//! Not here: what is done with it (the files on the floor above).

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use esker_env::clock::Clock;
use esker_env::fs::FileLock;
use esker_env::spawn::{JoinHandle, Spawn};
use esker_format::ids::KeyspaceId;
use esker_mem::seqno::SeqNo;
use esker_tree::{Apply, CancelToken, Reservation, SequenceNumberCounter};

use crate::backpressure::{Backpressure, Behind, Pressure};
use crate::catalog::CatalogFile;
use crate::commit::{Entry, Environment, Pipeline};
use crate::error::Result;
use crate::health::Health;
use crate::ingested::Ingested;
use crate::options::{DatabaseOptions, MemorySplit, PlantedBug};
use crate::signal::{MEASURE, SEGMENT, Signal, UNSYNCED, WORK};
use crate::state::{KeyspaceState, Registry};
use crate::trees::Trees;
use crate::wal::segment::SegmentFolder;

/// The commit pipeline's view of the database.
pub(crate) struct Engine {
    pub(crate) visible: SequenceNumberCounter,
    pub(crate) signal: Arc<Signal>,
    /// Bytes written since the memtables were last measured. Only changed under the log lock.
    unmeasured_bytes: AtomicU64,
    measure_every_bytes: u64,
    planted_bug: Option<PlantedBug>,
}

impl Engine {
    pub(crate) fn new(
        visible: SequenceNumberCounter,
        signal: Arc<Signal>,
        options: &DatabaseOptions,
        split: &MemorySplit,
    ) -> Self {
        Self {
            visible,
            signal,
            unmeasured_bytes: AtomicU64::new(0),
            measure_every_bytes: (split.memtable_bytes / 16) as u64,
            planted_bug: options.planted_bug,
        }
    }
}

impl Environment for Engine {
    type Keyspace = Arc<KeyspaceState>;
    type Reservation = Reservation;
    type Inserter<'a> = Apply<'a>;

    #[inline]
    fn reserve(
        &self,
        keyspace: &Arc<KeyspaceState>,
        entries: usize,
        key_value_bytes: usize,
    ) -> Result<Reservation> {
        // Callers take turns under the log lock, so a load and a store make a sum.
        let unmeasured = self.unmeasured_bytes.load(Ordering::Relaxed) + key_value_bytes as u64;
        if unmeasured >= self.measure_every_bytes {
            self.unmeasured_bytes.store(0, Ordering::Relaxed);
            self.signal.raise(WORK | MEASURE);
        } else {
            self.unmeasured_bytes.store(unmeasured, Ordering::Relaxed);
        }
        let (other_entries, other_bytes) = keyspace.reserved.take(entries, key_value_bytes);
        Ok(keyspace.tree.reserve(other_entries + entries, other_bytes + key_value_bytes))
    }

    fn cancel(&self, keyspace: &Arc<KeyspaceState>, entries: usize, key_value_bytes: usize) {
        keyspace.reserved.cancel(entries, key_value_bytes);
    }

    #[inline]
    fn release(&self, keyspace: &Arc<KeyspaceState>, entries: usize, key_value_bytes: usize) {
        keyspace.reserved.release(entries, key_value_bytes);
    }

    #[inline]
    fn begin<'a>(&'a self, room: &'a Reservation) -> Apply<'a> {
        room.apply()
    }

    #[inline]
    fn insert(&self, inserter: &mut Apply<'_>, entry: &Entry<'_>) {
        inserter.insert_at(entry.key, &entry.place, entry.seqno, entry.kind, entry.value);
    }

    fn remove_range(&self, inserter: &mut Apply<'_>, start: &[u8], end: &[u8], seqno: SeqNo) {
        inserter.remove_range(start, end, seqno);
    }

    #[inline]
    fn publish(&self, next_seqno: SeqNo) {
        self.visible.set(next_seqno);
    }

    #[inline]
    fn appended(&self, wants_segment: bool) {
        self.signal.raise(UNSYNCED);
        if wants_segment {
            self.signal.raise(SEGMENT);
        }
    }

    fn planted_bug(&self) -> Option<PlantedBug> {
        self.planted_bug
    }
}

/// Background work that runs, and whether there is more.
#[derive(Default)]
pub(crate) struct Jobs {
    /// Keyspaces whose oldest memtable is being flushed.
    pub(crate) flushing: Vec<KeyspaceId>,
    pub(crate) level_zero: usize,
    pub(crate) deeper: usize,
    /// The log is being synced in the background.
    pub(crate) is_syncing: bool,
    /// Pages or a segment of the log are being prepared.
    pub(crate) is_preparing: bool,
    /// Memory of memtables is being touched ahead of the writers.
    pub(crate) is_touching: bool,
    /// Obsolete files are being deleted.
    pub(crate) is_deleting: bool,
    /// Set when a look found nothing to start while nothing ran.
    pub(crate) is_idle: bool,
    /// Nobody has written for a while.
    pub(crate) is_quiet: bool,
    /// How many wait for the trees to settle, whether somebody writes or not.
    pub(crate) settlers: usize,
    /// Work is held off: the database closes.
    pub(crate) stopped: bool,
}

impl Jobs {
    /// How many flushes and compactions run.
    pub(crate) fn running(&self) -> usize {
        self.flushing.len() + self.level_zero + self.deeper
    }

    /// Whether the trees may be settled for their readers: nothing else runs, and somebody asked or nobody writes.
    pub(crate) fn may_settle(&self) -> bool {
        self.running() == 0 && (self.is_quiet || self.settlers > 0)
    }

    /// Whether nothing runs, upkeep included.
    pub(crate) fn is_still(&self) -> bool {
        self.running() == 0
            && !self.is_syncing
            && !self.is_preparing
            && !self.is_touching
            && !self.is_deleting
    }
}

/// Everything that the verbs of a database work on.
pub(crate) struct Core {
    pub(crate) path: PathBuf,
    pub(crate) options: DatabaseOptions,
    pub(crate) split: MemorySplit,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) spawn: Arc<dyn Spawn>,
    pub(crate) trees: Trees,
    pub(crate) registry: Registry,
    pub(crate) catalog: Mutex<CatalogFile>,
    pub(crate) folder: Arc<SegmentFolder>,
    pub(crate) ingested: Ingested,
    pub(crate) pipeline: Pipeline<Engine>,
    pub(crate) backpressure: Backpressure,
    pub(crate) health: Health,
    pub(crate) jobs: Mutex<Jobs>,
    /// Some background work ended.
    pub(crate) job_ended: Condvar,
    pub(crate) cancel: CancelToken,
    /// Taken by `close`, so that the directory can be opened again at once.
    pub(crate) lock: Mutex<Option<Box<dyn FileLock>>>,
    /// The timer thread, until it is joined.
    pub(crate) timer: Mutex<Option<Box<dyn JoinHandle>>>,
}

impl Core {
    /// The bound of a read of now: everything published is below it.
    #[inline]
    pub(crate) fn visible(&self) -> SeqNo {
        self.pipeline.environment().visible.get()
    }

    pub(crate) fn signal(&self) -> &Signal {
        &self.pipeline.environment().signal
    }

    pub(crate) fn jobs(&self) -> MutexGuard<'_, Jobs> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn catalog(&self) -> MutexGuard<'_, CatalogFile> {
        self.catalog.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether work is done by background threads, or else by the callers themselves.
    pub(crate) fn has_threads(&self) -> bool {
        self.options.background_threads > 0
    }

    /// Below it, what is shadowed may be collected: all that is published *and* durable, so that no tree's watermark runs
    /// ahead of what recovery finds after a power loss (INV-RECOVER-7). The trees spare what snapshots hold.
    pub(crate) fn watermark(&self) -> SeqNo {
        self.pipeline.sync().synced().next_seqno
    }

    /// Measures how far background work is behind, and sets the price of writing by it.
    pub(crate) fn measure(&self) -> Pressure {
        let mut pressure = Pressure::none(self.split.write_buffer_bytes as u64);
        for keyspace in self.registry.all() {
            let tree = &keyspace.tree;
            let memtables = tree.memtable_stats();
            // What a recovery found is in the cache's share (INV-RECOVER-8).
            pressure.memtable_bytes +=
                memtables.active_bytes + memtables.sealed_bytes.saturating_sub(memtables.sorted_bytes);
            let behind = Behind {
                level_zero_runs: tree.level_zero_runs() as u64,
                debt_bytes: tree.compaction_debt(),
                sealed_memtables: memtables.sealed as u64,
            };
            pressure.add(behind, &tree.runtime_config().backpressure);
        }
        self.backpressure.update(&pressure);
        pressure
    }

    /// Turns read-only, and lets those who wait for memory know.
    pub(crate) fn fail(&self, error: crate::error::Error) {
        self.health.fail(error);
        self.wake();
    }

    /// The same, until the database is opened again.
    pub(crate) fn fail_finally(&self, error: crate::error::Error) {
        self.health.fail_finally(error);
        self.wake();
    }

    fn wake(&self) {
        self.backpressure.wake();
        // Whoever waits for jobs looks at the health first, under this lock.
        drop(self.jobs());
        self.job_ended.notify_all();
    }
}
