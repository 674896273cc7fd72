//! Upkeep of the log, of the memtables' memory and of obsolete files: what waits for the device or the system, each on a task
//! of its own.
//!
//! The background sync and the preparation of pages and segments may take as long as the device likes. The timer that
//! starts them has `Buffered` frames to drain every millisecond, so it must not wait for either, and neither for the
//! other: a segment that is prepared late is made by a writer, in the middle of a put. At most one of each runs.
//!
//! Whoever touches fresh memory first waits for the system, on a virtual machine for milliseconds. So a memtable's next
//! megabytes are touched here and, once it is half full, the next memtable's; later on all of it is recycled.
//!
//! Not here: when they are due ([`crate::background`]); what they do ([`crate::commit`], [`crate::wal::segment`]).

use std::sync::Arc;

use crate::core::{Core, Jobs};
use crate::options::Durability;
use crate::signal::{DELETE, SEGMENT};

/// What runs on a task of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Chore {
    /// Syncing the log on behalf of everyone who wrote.
    Sync,
    /// Making ready what the writer of the log asked for.
    Prepare,
    /// Touching memory that memtables will need.
    Touch,
    /// Deleting the files of tables that nobody reads any more.
    Delete,
}

/// How much memory is made ready beyond what a memtable has taken.
const MEMORY_AHEAD_BYTES: usize = 16 << 20;

/// Starts a chore; false if it is running already, or the database closes.
pub(crate) fn start(core: &Arc<Core>, chore: Chore) -> bool {
    {
        let mut jobs = core.jobs();
        if jobs.stopped || *running(&mut jobs, chore) {
            return false;
        }
        *running(&mut jobs, chore) = true;
    }
    let name = match chore {
        Chore::Sync => "esker-sync",
        Chore::Prepare => "esker-prepare",
        Chore::Touch => "esker-memory",
        Chore::Delete => "esker-deletion",
    };
    let slot = Arc::new(Slot { core: Arc::clone(core), chore });
    let of_task = Arc::clone(&slot);
    if core.spawn.spawn(name, Box::new(move || run(&of_task))).is_err() {
        // Without a thread for it the timer does it, and waits.
        run(&slot);
    }
    true
}

/// Drains or syncs the log on behalf of everyone who wrote.
pub(crate) fn flush_log(core: &Core, durability: Durability) {
    if core.health.check_writable().is_ok()
        && let Err(error) = core.pipeline.persist(durability)
    {
        core.fail(error);
    }
}

fn run(slot: &Slot) {
    let core = &slot.core;
    match slot.chore {
        Chore::Sync => flush_log(core, Durability::Sync),
        Chore::Prepare => {
            while core.folder.wants_upkeep() {
                // Without room now, rotation will try again and report.
                let _ = core.folder.keep_up();
            }
        }
        Chore::Touch => {
            for keyspace in core.registry.all() {
                keyspace.tree.prepare_memory(MEMORY_AHEAD_BYTES);
            }
        }
        Chore::Delete => core.trees.deletions().run(),
    }
}

/// Starts touching memory if a memtable wants some.
pub(crate) fn touch_memory(core: &Arc<Core>) {
    if core.registry.all().iter().any(|keyspace| keyspace.tree.wants_memory(MEMORY_AHEAD_BYTES)) {
        start(core, Chore::Touch);
    }
}

fn running(jobs: &mut Jobs, chore: Chore) -> &mut bool {
    match chore {
        Chore::Sync => &mut jobs.is_syncing,
        Chore::Prepare => &mut jobs.is_preparing,
        Chore::Touch => &mut jobs.is_touching,
        Chore::Delete => &mut jobs.is_deleting,
    }
}

/// Held while a chore runs.
struct Slot {
    core: Arc<Core>,
    chore: Chore,
}

impl Drop for Slot {
    fn drop(&mut self) {
        *running(&mut self.core.jobs(), self.chore) = false;
        self.core.job_ended.notify_all();
        // What was asked for between the last look and now found the chore running.
        if self.chore == Chore::Prepare && self.core.folder.wants_upkeep() {
            self.core.signal().raise(SEGMENT);
        }
        if self.chore == Chore::Delete && !self.core.trees.deletions().is_empty() {
            self.core.signal().raise(DELETE);
        }
    }
}
