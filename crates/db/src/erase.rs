//! Clearing a keyspace, dropping whole tables of it, and compacting a range of its keys.
//!
//! **Clear** takes a slot of its own in the order of commits ([`Pipeline::at_slot`](crate::commit::Pipeline::at_slot)):
//! everything numbered before it goes, everything after stays, and readers see both in that order. Before its edit is written,
//! the log is synced up to the slot, so that after a power loss no keyspace has lost a write from before a clear that is there
//! (INV-ERASE-5). Most of that sync is done before writers are held up; what is left is one sync of a short stretch and
//! one of the manifest.
//!
//! If the edit's fate is unknown, the database turns read-only, as after any failure that only time or a new opening can tell.
//!
//! Not here: what is erased ([`esker_tree`]).

use std::ops::RangeBounds;
use std::sync::Arc;

use esker_tree::DroppedRange;

use crate::background;
use crate::commit::LogStage;
use crate::core::Core;
use crate::error::{Error, Result};
use crate::options::Durability;
use crate::state::KeyspaceState;
use crate::write::{note, persist};

/// Forgets everything that was written to the keyspace so far.
pub(crate) fn clear(core: &Arc<Core>, keyspace: &KeyspaceState) -> Result<()> {
    check(core, keyspace)?;
    persist(core, Durability::Sync)?;
    let cleared = core.pipeline.at_slot(|log| {
        sync_log(core, log)?;
        keyspace.tree.clear().map_err(|error| {
            let is_refused = matches!(error, esker_tree::Error::SnapshotsHeld { .. });
            let error = keyspace.error(error);
            if !is_refused {
                core.fail(Error::clone(&error));
            }
            error
        })
    });
    note(core, cleared)?;
    core.measure();
    // It may have been the one that held the log.
    background::free_log(core)
}

/// Drops the tables that lie inside `range`.
pub(crate) fn drop_range<K: AsRef<[u8]>>(
    core: &Arc<Core>,
    keyspace: &KeyspaceState,
    range: impl RangeBounds<K>,
) -> Result<DroppedRange> {
    check(core, keyspace)?;
    persist(core, Durability::Sync)?;
    keyspace.tree.drop_range(range).map_err(|error| keyspace.error(error))
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
