//! The snapshot guard: while it lives, everything that is visible at its bound stays readable.
//!
//! Not here: the register that flushes and compactions ask ([`crate::state::Snapshots`]).

use std::sync::Arc;

use esker_mem::seqno::SeqNo;

use crate::core::Core;
use crate::error::Result;

/// Holds the versions that are visible at one bound, and what had not expired when it was taken.
///
/// Reads at [`Snapshot::bound`] give the same answers for as long as the guard lives, however far the watermark rises. What
/// expires does so for them by the time at which the guard was taken, or, if several guards hold the bound, the first of them;
/// [`crate::Tree::at_time`] tells them apart.
///
/// ```
/// # use esker_tree::{Config, SequenceNumberCounter};
/// # let folder = tempfile::tempdir()?;
/// # let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
/// # let tree = Config::new(&folder, seqno.clone(), visible.clone()).open()?;
/// tree.insert("key", "old", seqno.next())?;
/// let snapshot = tree.snapshot(seqno.get())?;
/// tree.insert("key", "new", seqno.next())?;
/// visible.set(seqno.get());
/// tree.flush_active_memtable(seqno.get())?;
/// assert_eq!(tree.get("key", snapshot.bound())?.as_deref(), Some(b"old".as_slice()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Snapshot {
    core: Arc<Core>,
    bound: SeqNo,
    time: u64,
}

impl Snapshot {
    pub(crate) fn new(core: &Arc<Core>, bound: SeqNo) -> Result<Self> {
        let (bound, time) = core.snapshots.hold(bound, core.now())?;
        Ok(Self { core: Arc::clone(core), bound, time })
    }

    /// When it was taken, by the tree's clock, in milliseconds since 1970: what expires up to then is absent. Later, if the clock
    /// was set back and something that expires in between has been let go.
    #[must_use]
    pub fn time(&self) -> u64 {
        self.time
    }

    /// The bound: entries with a smaller sequence number are seen.
    #[must_use]
    pub fn bound(&self) -> SeqNo {
        self.bound
    }
}

impl Clone for Snapshot {
    fn clone(&self) -> Self {
        self.core.snapshots.hold_again(self.bound, self.time);
        Self { core: Arc::clone(&self.core), bound: self.bound, time: self.time }
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.core.snapshots.release(self.bound, self.time);
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot")
            .field("bound", &self.bound)
            .field("time", &self.time)
            .finish_non_exhaustive()
    }
}
