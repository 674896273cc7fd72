//! Clearing a keyspace, dropping a range of its keys, and compacting one.
//!
//! **Clear** takes a slot of its own in the order of commits ([`Pipeline::at_slot`](crate::commit::Pipeline::at_slot)):
//! everything numbered before it goes, everything after stays, and readers see both in that order. First it is logged under a
//! number of its own, and the log synced: so it is told to those who follow the log, and after a power loss no keyspace
//! has lost a write from before a clear that is there (INV-ERASE-5). Then one edit of the tree's manifest does it. If a crash
//! comes in between, the replay of the log does (INV-ERASE-9): a replay floor at or below the clear's number says so. Most of the
//! sync is done before writers are held up; what is left is one sync of a short stretch and one of the manifest. A failure
//! between the two turns the database read-only until it is opened again.
//!
//! **Drop range** deletes the keys as a range delete does, logged and in its place among the writes; what is left to do is to
//! give back space, at once: tables that lie inside the range and are older than the delete go unread. That changes nothing that
//! anybody reads, follows, or finds after a crash (INV-ERASE-8).
//!
//! Not here: what is erased ([`esker_tree`]).

use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use esker_format::batch::{Operation, clear_batch};
use esker_mem::slice::Slice;
use esker_tree::DroppedRange;

use crate::background;
use crate::batch::Operations;
use crate::commit::LogStage;
use crate::core::Core;
use crate::error::{Error, Result};
use crate::options::Durability;
use crate::range_deletes::push_range;
use crate::state::KeyspaceState;
use crate::write::{note, persist, write_batch};

/// Forgets everything that was written to the keyspace so far.
pub(crate) fn clear(core: &Arc<Core>, keyspace: &KeyspaceState) -> Result<()> {
    check(core, keyspace)?;
    persist(core, Durability::Sync)?;
    let cleared = core.pipeline.at_slot(|log| {
        // Refused while snapshots live.
        let clear = keyspace.tree.begin_clear().map_err(|error| keyspace.error(error))?;
        let seqno = log.append_event(&clear_batch(keyspace.id))?;
        let done =
            sync_log(core, log).and_then(|()| clear.finish(seqno).map_err(|error| keyspace.error(error)));
        // The log has it, so it will be done: at the next open.
        done.inspect_err(|error| core.fail_finally(Error::clone(error)))
    });
    note(core, cleared)?;
    core.measure();
    // It may have been the one that held the log.
    background::free_log(core)
}

/// Deletes the keys of `range`, and drops the tables that lie inside it.
pub(crate) fn drop_range<K: AsRef<[u8]>>(
    core: &Arc<Core>,
    keyspace: &KeyspaceState,
    range: impl RangeBounds<K>,
) -> Result<DroppedRange> {
    check(core, keyspace)?;
    let owned = |bound: Bound<&K>| bound.map(|key| Slice::new(key.as_ref()));
    let range = (owned(range.start_bound()), owned(range.end_bound()));
    // What is older than this is read by the scan below, and so deleted, or it was deleted by others before.
    let older_than = core.visible();
    let mut delete = delete_of(core, keyspace, range.clone())?;
    if delete.count > 0 {
        write_batch(core, &mut delete, Durability::Sync)?;
    }
    persist(core, Durability::Sync)?;
    keyspace.tree.drop_range_before(range, older_than).map_err(|error| keyspace.error(error))
}

/// The deletion of all that has a value in `range`: from the first such key to the last one. So it needs no name for the end of an
/// open range, which not every order has.
fn delete_of(
    core: &Core,
    keyspace: &KeyspaceState,
    range: (Bound<Slice>, Bound<Slice>),
) -> Result<Operations> {
    let error = |error| keyspace.error(error);
    let mut live = keyspace.tree.range_latest(range, || core.visible()).map_err(error)?;
    let mut delete = Operations::default();
    let key_of = |entry: Option<(&[u8], &[u8])>| entry.map(|(key, _)| Slice::new(key));
    let Some(first) = key_of(live.next_ref().map_err(error)?) else { return Ok(delete) };
    let last = key_of(live.next_back_ref().map_err(error)?).unwrap_or_else(|| first.clone());
    push_range(&mut delete, keyspace, &first, &last);
    delete.push(keyspace.id, Operation::Delete, &last, &[]);
    Ok(delete)
}

/// Flushes, then merges what holds keys of `range`.
pub(crate) fn compact_range<K: AsRef<[u8]>>(
    core: &Arc<Core>,
    keyspace: &Arc<KeyspaceState>,
    range: impl RangeBounds<K> + Clone,
) -> Result<()> {
    check(core, keyspace)?;
    background::flush(core, std::slice::from_ref(keyspace))?;
    // A background compaction may stand in the way.
    while keyspace.check().is_ok() {
        core.health.check_writable()?;
        let done = keyspace.tree.compact_range(range.clone(), core.watermark());
        if done.map_err(|error| keyspace.error(error))? {
            break;
        }
        background::wait_until_idle(core)?;
    }
    Ok(())
}

fn check(core: &Core, keyspace: &KeyspaceState) -> Result<()> {
    core.health.check_writable()?;
    keyspace.check()
}

/// Makes the log durable up to the slot that the caller has.
pub(crate) fn sync_log(core: &Core, log: &mut LogStage) -> Result<()> {
    let point = log.writer.drain()?;
    core.pipeline.sync().sync_to(point.lsn)
}
