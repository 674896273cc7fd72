//! Settings of a keyspace that change while it is open, and where they and the others show: storage and tables.
//!
//! Not here: the settings at open ([`crate::KeyspaceOptions::runtime_config`]), and what they do ([`crate::limits`],
//! [`crate::backpressure`]).

use std::sync::Arc;

use esker_tree::{RuntimeConfig, StorageStats, TableInfo};

use crate::error::Result;
use crate::keyspace::Keyspace;

impl Keyspace {
    /// The settings that may be changed while the keyspace is open, as of this moment.
    #[must_use]
    pub fn runtime_config(&self) -> Arc<RuntimeConfig> {
        self.state.tree.runtime_config()
    }

    /// Changes settings while the keyspace is open; they hold from the next write or feed on. Changes by several threads are made one
    /// after the other, and none is lost: `change` is given what the one before it left. They are not stored.
    ///
    /// * `storage_limit_bytes`: puts and merges beyond it fail with [`crate::Error::StorageFull`], in batches as a whole; deletes
    ///   are let in. With `storage_admission` off the limit stands in [`Keyspace::storage_stats`] only.
    /// * `backpressure`: writers of the database slow down when the keyspace reaches a `slowdown`, and are slowest from its `stop` on. They
    ///   stop for nothing but memory. `max_delay` bounds a single sleep; the least of all keyspaces counts.
    /// * `zone_maps`: whether change feeds skip what lies below their range.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let db = esker::Database::open(folder.path())?;
    /// let logs = db.keyspace("logs", esker::KeyspaceOptions::new())?;
    /// logs.update_runtime_config(|config| config.storage_limit_bytes = Some(1 << 20))?;
    /// logs.put("small", "value")?;
    /// let refused = logs.put("large", vec![0; 2 << 20]).unwrap_err();
    /// assert_eq!(refused.kind(), esker::ErrorKind::NoSpace);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::KeyspaceDropped`], [`crate::Error::Closed`].
    pub fn update_runtime_config(&self, change: impl FnOnce(&mut RuntimeConfig)) -> Result<()> {
        self.check_open()?;
        self.state.check()?;
        self.state.update_runtime(change);
        self.handle.core.measure();
        Ok(())
    }

    /// What the keyspace uses of its storage limit, and what is left. O(tables).
    #[must_use]
    pub fn storage_stats(&self) -> StorageStats {
        self.state.tree.storage_stats()
    }

    /// Every table: where it lies, what it holds, what memory it keeps.
    #[must_use]
    pub fn tables(&self) -> Vec<TableInfo> {
        self.state.tree.tables()
    }
}
