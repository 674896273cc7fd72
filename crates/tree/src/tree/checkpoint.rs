//! What makes a second tree of a tree.
//!
//! Not here: any logic ([`crate::checkpoint`]).

use std::path::Path;

use crate::checkpoint::{self, CheckpointInfo, PendingCheckpoint};
use crate::error::Result;
use crate::tree::Tree;

/// Checkpoints.
impl Tree {
    /// Flushes, then makes a tree at `target` that holds what this one does: by shared blocks or links where the file system has
    /// them, so that it costs little time and no space at first. Reads, writes and compactions go on. The checkpoint is
    /// durable when this returns, and opens as a tree of its own, under the same comparator.
    ///
    /// ```
    /// # use esker_tree::{Config, SeqNo, SequenceNumberCounter};
    /// # let folder = tempfile::tempdir()?;
    /// # let seqno = SequenceNumberCounter::default();
    /// let config = |name| {
    ///     Config::new(folder.path().join(name), SequenceNumberCounter::default(), SequenceNumberCounter::default())
    /// };
    /// let tree = config("tree").open()?;
    /// tree.insert("key", "value", seqno.next())?;
    /// assert_eq!(tree.create_checkpoint(folder.path().join("copy"))?.table_files, 1);
    /// tree.remove("key", seqno.next())?;
    /// assert_eq!(config("copy").open()?.len(SeqNo::MAX)?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::Error::AlreadyExists`] if anything is at `target`; what the file system says. A checkpoint that fails leaves
    /// nothing behind.
    pub fn create_checkpoint(&self, target: impl AsRef<Path>) -> Result<CheckpointInfo> {
        checkpoint::create(&self.0, target.as_ref())
    }

    /// Fixes the tables as they are now, memtables left out, to be written down as a checkpoint later. For callers with a log of
    /// their own, which they copy up to the same point.
    #[must_use]
    pub fn begin_checkpoint(&self) -> PendingCheckpoint {
        PendingCheckpoint::fix(&self.0)
    }
}
