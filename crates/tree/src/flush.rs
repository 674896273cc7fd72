//! Flush: the oldest sealed memtable becomes a table of level 0.
//!
//! 1. Wait for writers that hold a reservation in it (INV-FLUSH-1).
//! 2. Write what is still needed of it to a table, and sync it.
//! 3. Let the caller make its log durable past the table's highest sequence number, so that no tree runs ahead of the
//!    log after a power loss (INV-FLUSH-3).
//! 4. Install: the edit names the table, the replay floor and the last sequence number; the view loses the memtable.
//!
//! Memtables are flushed oldest first, one at a time (INV-FLUSH-4), so a newer run of level 0 never holds older data than
//! the run below it, unless its caller's sequence numbers crossed; such a table is marked *out of order*.
//!
//! A flush that fails leaves the memtable where it is, to be tried again.
//!
//! Not here: when to flush.

use std::sync::{Arc, MutexGuard, PoisonError};

use esker_format::manifest::{AddedTable, VersionEdit};
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;

use crate::compaction::fragments::Fragments;
use crate::compaction::limits::{DropLimits, OlderData};
use crate::compaction::stream::{DropStream, Entry, KeyTracker, Readers};
use crate::core::Core;
use crate::error::Error;
use crate::install::{Output, install};
use crate::memtable::{EitherMemtable, Generation};
use crate::shape::newer_lowest_seqno;
use crate::state::View;
use crate::version::Placed;

/// What a flush did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlushOutcome {
    /// Entries written.
    pub entries: u64,
    /// Bytes of the table; 0 if nothing was left to write.
    pub bytes: u64,
    /// Every smaller sequence number of this tree is now in tables.
    pub replay_floor: SeqNo,
}

/// The right to flush a tree: while it is held, no memtable becomes a table but by its holder. Before a lock of one's log, if
/// that is taken, too.
pub struct FlushLock<'a> {
    core: &'a Core,
    _one_at_a_time: MutexGuard<'a, ()>,
}

impl FlushLock<'_> {
    /// As [`crate::Tree::flush_oldest`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn flush_oldest<E: From<Error>>(
        &self,
        watermark: SeqNo,
        before_install: impl FnOnce(SeqNo) -> Result<(), E>,
    ) -> Result<Option<FlushOutcome>, E> {
        flush_under(self, watermark, before_install)
    }

    /// Whether it is a lock of this tree.
    pub(crate) fn is_of(&self, core: &Core) -> bool {
        std::ptr::eq(core, self.core)
    }
}

impl std::fmt::Debug for FlushLock<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FlushLock").field("tree", &self.core.path()).finish_non_exhaustive()
    }
}

/// Waits for the right to flush.
pub(crate) fn lock(core: &Core) -> FlushLock<'_> {
    let guard = core.flushing.lock().unwrap_or_else(PoisonError::into_inner);
    FlushLock { core, _one_at_a_time: guard }
}

/// Flushes all memtables that are sealed, under a lock that the caller holds; the bytes written, `None` if none was sealed.
pub(crate) fn flush_sealed(core: &Core, lock: &FlushLock<'_>, advice: SeqNo) -> Result<Option<u64>, Error> {
    if !lock.is_of(core) {
        return Err(Error::ForeignLock);
    }
    let mut written = None;
    while let Some(outcome) = flush_under::<Error>(lock, advice, |_| Ok(()))? {
        *written.get_or_insert(0) += outcome.bytes;
    }
    Ok(written)
}

/// Flushes the oldest sealed memtable; `None` if none is sealed.
///
/// `advice` is the caller's watermark; `before_install` is told the highest sequence number of the memtable.
pub(crate) fn flush_oldest<E: From<Error>>(
    core: &Core,
    advice: SeqNo,
    before_install: impl FnOnce(SeqNo) -> Result<(), E>,
) -> Result<Option<FlushOutcome>, E> {
    flush_under(&lock(core), advice, before_install)
}

fn flush_under<E: From<Error>>(
    lock: &FlushLock<'_>,
    advice: SeqNo,
    before_install: impl FnOnce(SeqNo) -> Result<(), E>,
) -> Result<Option<FlushOutcome>, E> {
    let core = lock.core;
    let view = core.state.view_owned();
    let Some(generation) = view.sealed.last() else { return Ok(None) };
    // Passes through the write lock: a writer that found it unsealed has finished.
    generation.seal();
    generation.wait_for_writers();
    let id = generation.id;
    let Some(highest) = generation.highest_seqno() else {
        let change = core.state.change();
        let mut view = View::clone(&change.current());
        view.sealed.retain(|sealed| sealed.id != id);
        change.publish(view);
        return Ok(Some(FlushOutcome { replay_floor: core.replay_floor(), ..FlushOutcome::default() }));
    };
    let tables = write_table(core, &view, generation, advice)?;
    before_install(highest)?;
    let outcome = FlushOutcome {
        entries: tables.iter().map(|table| table.entries).sum(),
        bytes: tables.iter().map(|table| table.file_bytes).sum(),
        replay_floor: replay_floor(core, &view, generation, highest),
    };
    let edit = VersionEdit {
        added: tables,
        replay_floor: Some(outcome.replay_floor),
        last_seqno: Some(highest),
        ..VersionEdit::default()
    };
    let is_there = |view: &View| view.sealed.iter().any(|sealed| sealed.id == id);
    let installed = install(core, edit, is_there, |view| {
        view.sealed.retain(|sealed| sealed.id != id);
        core.note_flush(outcome.replay_floor, highest);
    })?;
    if !installed {
        return Ok(Some(FlushOutcome { replay_floor: core.replay_floor(), ..FlushOutcome::default() }));
    }
    core.snapshots.history.note_flush(highest, outcome.bytes);
    core.metrics.flushes.add(1);
    core.metrics.flush_bytes_written.add(outcome.bytes);
    Ok(Some(outcome))
}

/// Writes what is needed of a memtable; no table if nothing is.
fn write_table(
    core: &Core,
    view: &View,
    generation: &Arc<Generation>,
    advice: SeqNo,
) -> Result<Vec<AddedTable>, Error> {
    let horizon = core.horizon(advice);
    let out_of_order = is_out_of_order(view, generation);
    let limits = DropLimits {
        older: everything_older(view, generation),
        newer_lowest_seqno: newer_lowest_seqno(view, Some(generation.id)),
        out_of_order,
        last_level: false,
    };
    let readers = Readers { watermark: horizon.watermark, snapshots: horizon.snapshots };
    let mut ranges = Vec::new();
    if let Some(forest) = generation.ranges.forest() {
        forest.each(|range| ranges.push(range.clone()));
    }
    let fragments = Arc::new(Fragments::new(core.order(), &ranges, &readers, &limits));
    let mut stream = DropStream::new(core.order().clone(), readers, limits)
        .folding(core.merge_operator().cloned())
        .expiring(horizon.expired_at)
        .covered_by(Arc::clone(&fragments));
    let options = core.config.table_options(0, false, core.cache.resident_share());
    let mut output =
        Output::new(core, options, 0, core.next_run_id(), out_of_order).with_range_tombstones(&fragments);
    let mut keys = KeyTracker::new(core.order().clone());
    let mut seen = 0u64;
    let mut written = 0u64;
    let mut emit = |entry: Entry<'_>| {
        written += 1;
        output.add(entry)
    };
    // Cursors of both sorts have the same methods; the loop is compiled for each.
    macro_rules! push_all {
        ($cursor:expr) => {{
            let mut cursor = $cursor;
            cursor.seek_to_first();
            while cursor.valid() {
                let key = cursor.key();
                let entry = Entry {
                    key,
                    is_new_key: keys.is_new(key),
                    seqno: cursor.seqno(),
                    kind: cursor.kind(),
                    value: cursor.value(),
                };
                stream.push(entry, &mut emit)?;
                seen += 1;
                cursor.next();
            }
        }};
    }
    match &generation.memtable {
        EitherMemtable::Growing(memtable) => push_all!(memtable.cursor()),
        EitherMemtable::Sorted { memtable, .. } => push_all!(memtable.cursor()),
    }
    stream.finish(&mut emit)?;
    core.metrics.entries_dropped.add(seen - written);
    core.metrics.merge_failures.add(stream.counts().failed_folds);
    core.metrics.entries_expired.add(stream.counts().expired);
    output.finish()
}

/// Where data older than the memtable may lie: within the bounds of all tables.
fn everything_older(view: &View, generation: &Arc<Generation>) -> OlderData {
    let older_memtables = view.sealed.iter().any(|sealed| sealed.id < generation.id);
    debug_assert!(!older_memtables, "memtables are flushed oldest first");
    let ranges = view
        .version
        .placed()
        .map(|placed| (Slice::new(placed.table.smallest()), Slice::new(placed.table.largest())));
    OlderData::new(ranges.collect(), view.active.memtable.order())
}

/// Whether the memtable may hold an older version of a key than a table does: a sequence number at or below one that is in a
/// table whose key range it has keys in.
fn is_out_of_order(view: &View, generation: &Arc<Generation>) -> bool {
    match (generation.lowest_seqno(), view.version.highest_seqno()) {
        (Some(lowest), Some(highest)) if lowest <= highest => is_crossed(view, generation, lowest),
        _ => false,
    }
}

#[cold]
fn is_crossed(view: &View, generation: &Generation, lowest: SeqNo) -> bool {
    let mut newer = view.version.placed().filter(|placed| placed.table.highest_seqno() >= lowest);
    newer.any(|Placed { table, .. }| generation.has_any_within(table.smallest(), table.largest()))
}

/// Below it everything of this tree is in tables once the oldest memtable is.
fn replay_floor(core: &Core, view: &View, flushed: &Arc<Generation>, highest: SeqNo) -> SeqNo {
    let newer = view.generations().filter(|generation| generation.id > flushed.id);
    let lowest_left = newer.filter_map(|generation| generation.lowest_seqno()).min();
    let floor = core.replay_floor().max(highest + 1);
    lowest_left.map_or(floor, |lowest| floor.min(lowest)).max(core.replay_floor())
}
