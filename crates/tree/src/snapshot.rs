//! The snapshot guard: while it lives, everything that is visible at its bound stays readable.
//!
//! Not here: the register that flushes and compactions ask ([`crate::state::Snapshots`]).

use std::sync::Arc;

use esker_mem::seqno::SeqNo;

use crate::core::Core;
use crate::error::Result;

/// Holds the versions that are visible at one bound.
///
/// Reads at [`Snapshot::bound`] give the same answers for as long as the guard lives, however far the watermark rises.
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
}

impl Snapshot {
    pub(crate) fn new(core: &Arc<Core>, bound: SeqNo) -> Result<Self> {
        let bound = core.snapshots.hold(bound)?;
        Ok(Self { core: Arc::clone(core), bound })
    }

    /// The bound: entries with a smaller sequence number are seen.
    #[must_use]
    pub fn bound(&self) -> SeqNo {
        self.bound
    }
}

impl Clone for Snapshot {
    fn clone(&self) -> Self {
        self.core.snapshots.hold_again(self.bound);
        Self { core: Arc::clone(&self.core), bound: self.bound }
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.core.snapshots.release(self.bound);
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("bound", &self.bound).finish_non_exhaustive()
    }
}
