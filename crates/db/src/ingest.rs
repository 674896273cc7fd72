//! Ingestion into a keyspace: sorted data becomes tables at once, past log and memtables, at one point in the order of writes.
//!
//! 1. The tables are written or brought in, and synced: no lock is held, reads and writes go on.
//! 2. Memtables that overlap are flushed, and the log is synced.
//! 3. Flushes are held off, then commits ([`Pipeline::at_slot`](crate::commit::Pipeline::at_slot)). What came to the log and to
//!    overlapping memtables meanwhile is synced and flushed: little, as a rule.
//! 4. The ingestion is logged under the next sequence number, as an event that says how many tables there are, and the log is
//!    synced. All tables are installed under that number in one edit of the manifest. It is published with the slot.
//!
//! Replay takes nothing from the event: a crash before the edit leaves a number that stands for nothing. It is there for those who
//! follow the log: it says where to ask the tree ([`crate::changes`]).
//!
//! Everything numbered before is durable before the edit is, so that after a power loss no keyspace is ahead of another
//! (INV-INGEST-4). The number is in the manifest as the last one used, so that it is never given again.
//!
//! Lock order: a tree's flush lock, the log lock, the apply lock, as in a flush.
//!
//! Not here: what is done with tables ([`esker_tree`]).

use std::path::Path;
use std::sync::Arc;

use esker_format::batch::ingested_batch;
use esker_tree::{AnyIngestion, FlushLock, IngestOptions, IngestOutcome, PreparedIngestion};

use crate::background;
use crate::commit::LogStage;
use crate::core::Core;
use crate::erase::sync_log;
use crate::error::{Error, Result};
use crate::handle::Handle;
use crate::options::Durability;
use crate::signal::WORK;
use crate::state::KeyspaceState;
use crate::write::{note, persist};

/// A sorted bulk load of a keyspace: [`Self::finish`] brings all of it in at once. Dropped before, it leaves nothing behind.
pub struct Ingestion {
    handle: Arc<Handle>,
    keyspace: Arc<KeyspaceState>,
    load: AnyIngestion,
}

impl Ingestion {
    pub(crate) fn begin(handle: &Arc<Handle>, keyspace: &Arc<KeyspaceState>) -> Result<Self> {
        check(&handle.core, keyspace)?;
        let load = keyspace.tree.ingestion().map_err(|error| keyspace.error(error))?;
        Ok(Self { handle: Arc::clone(handle), keyspace: Arc::clone(keyspace), load })
    }

    /// Adds a value; keys ascend.
    ///
    /// # Errors
    /// A key that is not behind the last one, a key or value too long: it is left out, and the load may go on. What the file
    /// system reports.
    pub fn write(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<()> {
        self.load.write(key, value).map_err(|error| self.keyspace.error(error))
    }

    /// Adds a value that is there until `expires_at`, in milliseconds since 1970; keys ascend.
    ///
    /// # Errors
    /// As [`Ingestion::write`].
    pub fn write_with_expiry(
        &mut self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        expires_at: u64,
    ) -> Result<()> {
        self.load.write_with_expiry(key, value, expires_at).map_err(|error| self.keyspace.error(error))
    }

    /// Adds a tombstone: as a delete of the key.
    ///
    /// # Errors
    /// As [`Ingestion::write`].
    pub fn write_tombstone(&mut self, key: impl AsRef<[u8]>) -> Result<()> {
        self.load.write_tombstone(key).map_err(|error| self.keyspace.error(error))
    }

    /// Adds a weak tombstone: as a single delete of the key.
    ///
    /// # Errors
    /// As [`Ingestion::write`].
    pub fn write_weak_tombstone(&mut self, key: impl AsRef<[u8]>) -> Result<()> {
        self.load.write_weak_tombstone(key).map_err(|error| self.keyspace.error(error))
    }

    /// Adds an operand for the keyspace's merge operator, to be merged into what is older.
    ///
    /// # Errors
    /// [`Error::NoMergeOperator`]; else as [`Ingestion::write`].
    pub fn write_merge(&mut self, key: impl AsRef<[u8]>, operand: impl AsRef<[u8]>) -> Result<()> {
        self.load.write_merge(key, operand).map_err(|error| self.keyspace.error(error))
    }

    /// Adds a deletion of the keys from `start` up to and without `end`: of what the keyspace holds, and nothing of what is loaded
    /// with it. Its start is not before the last key that was written; keys of the range may follow.
    ///
    /// # Errors
    /// [`Error::InvertedRange`], a start before the last key, keys too long: it is left out, and the load may go on.
    pub fn write_range_tombstone(&mut self, start: impl AsRef<[u8]>, end: impl AsRef<[u8]>) -> Result<()> {
        self.load.write_range_tombstone(start, end).map_err(|error| self.keyspace.error(error))
    }

    /// Brings everything in: visible at once, and durable when this returns, whatever the database's default is.
    ///
    /// # Errors
    /// A dropped keyspace; a closed or read-only database; what the file system reports: nothing is ingested.
    pub fn finish(self) -> Result<IngestOutcome> {
        let Self { handle, keyspace, load } = self;
        let prepared = load.prepare().map_err(|error| keyspace.error(error))?;
        install(&handle.core, &keyspace, prepared)
    }
}

impl std::fmt::Debug for Ingestion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ingestion").field("keyspace", &self.keyspace.name).finish_non_exhaustive()
    }
}

/// Ingests files that were built elsewhere.
pub(crate) fn ingest_files<P: AsRef<Path>>(
    core: &Arc<Core>,
    keyspace: &Arc<KeyspaceState>,
    paths: impl IntoIterator<Item = P>,
    options: IngestOptions,
) -> Result<IngestOutcome> {
    check(core, keyspace)?;
    let prepared = keyspace.tree.prepare_files(paths, options).map_err(|error| keyspace.error(error))?;
    install(core, keyspace, prepared)
}

fn check(core: &Core, keyspace: &KeyspaceState) -> Result<()> {
    core.health.check_writable()?;
    keyspace.check()
}

/// Steps 2 to 4.
fn install(
    core: &Arc<Core>,
    keyspace: &Arc<KeyspaceState>,
    prepared: PreparedIngestion,
) -> Result<IngestOutcome> {
    check(core, keyspace)?;
    if prepared.is_empty() {
        return Ok(IngestOutcome::default());
    }
    if prepared.overlaps_memory() {
        background::flush(core, std::slice::from_ref(keyspace))?;
    }
    persist(core, Durability::Sync)?;
    let flushes = keyspace.tree.get_flush_lock();
    let installed = core.pipeline.at_slot(|log| install_in_slot(core, keyspace, prepared, &flushes, log));
    drop(flushes);
    let outcome = note(core, installed)?;
    core.measure();
    // There may be something to compact.
    core.signal().raise(WORK);
    Ok(outcome)
}

fn install_in_slot(
    core: &Core,
    keyspace: &KeyspaceState,
    prepared: PreparedIngestion,
    flushes: &FlushLock<'_>,
    log: &mut LogStage,
) -> Result<IngestOutcome> {
    let seqno = log.append_event(&ingested_batch(keyspace.id, prepared.tables()))?;
    sync_log(core, log)?;
    if prepared.overlaps_memory() {
        keyspace.tree.rotate_memtable();
        // The log is durable past all of it (INV-RECOVER-4).
        let flush = || flushes.flush_oldest::<esker_tree::Error>(core.watermark(), |_| Ok(()));
        while flush().map_err(|error| keyspace.error(error))?.is_some() {}
    }
    let tables = prepared.tables();
    let outcome = prepared.install(seqno, flushes).map_err(|error| {
        let error = keyspace.error(error);
        // Whether a crash would find the tables is unknown.
        core.fail(Error::clone(&error));
        error
    })?;
    core.ingested.keep(&core.folder, keyspace, seqno, tables);
    Ok(outcome)
}
