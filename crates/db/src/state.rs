//! The keyspaces of an open database.
//!
//! [`KeyspaceState`] is one keyspace: its id, its name, its tree. Handles, batches and background jobs hold it by
//! `Arc`, so a dropped keyspace's tree, and with it its files, lives until the last of them lets go
//! (INV-KEYSPACE-4). [`Registry`] is the list of those that are not dropped.
//!
//! Lock order: the registry's lock is a leaf.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use esker_format::ids::KeyspaceId;
use esker_tree::{RuntimeConfig, Tree};

use crate::error::{Error, Result};
use crate::reserved::Reserved;
use crate::routes::{Folder, remove_all};

/// One keyspace.
pub(crate) struct KeyspaceState {
    pub(crate) id: KeyspaceId,
    pub(crate) name: String,
    pub(crate) tree: Tree,
    /// All folders with files of it: its own first, then those that level routes lead to.
    folders: Vec<Folder>,
    /// [`DROPPED`] and [`LIMITED`].
    flags: AtomicU8,
    pub(crate) reserved: Reserved,
    /// How long values live that are put without saying so, in milliseconds; 0: for ever.
    ttl_millis: AtomicU64,
}

/// It is no keyspace of the database any more.
const DROPPED: u8 = 1;
/// It has a storage limit that writes must keep.
const LIMITED: u8 = 2;

impl Drop for KeyspaceState {
    /// The last handle, scan, snapshot or job of a dropped keyspace is gone: so may its files be (INV-KEYSPACE-4).
    fn drop(&mut self) {
        if self.is_dropped() {
            // What cannot be removed now goes at the next open.
            let _ = remove_all(&self.folders);
        }
    }
}

impl KeyspaceState {
    pub(crate) fn new(id: KeyspaceId, name: String, tree: Tree, folders: Vec<Folder>) -> Self {
        let limited = is_limited(&tree.runtime_config());
        let flags = AtomicU8::new(if limited { LIMITED } else { 0 });
        let ttl_millis = AtomicU64::new(0);
        Self { id, name, tree, folders, flags, reserved: Reserved::default(), ttl_millis }
    }

    /// Changes the settings that may be changed now.
    pub(crate) fn update_runtime(&self, change: impl FnOnce(&mut RuntimeConfig)) {
        // The flag is set where changes are made one at a time, so it follows the last one (INV-RUNTIME-1).
        self.tree.update_runtime_config(|config| {
            change(config);
            if is_limited(config) {
                self.flags.fetch_or(LIMITED, Ordering::AcqRel);
            } else {
                self.flags.fetch_and(!LIMITED, Ordering::AcqRel);
            }
        });
    }

    /// All folders with files of it: its own first.
    pub(crate) fn folders(&self) -> &[Folder] {
        &self.folders
    }

    fn is_dropped(&self) -> bool {
        self.flags.load(Ordering::Acquire) & DROPPED != 0
    }

    /// Whether writes must be asked about a storage limit.
    #[inline]
    pub(crate) fn is_limited(&self) -> bool {
        self.flags.load(Ordering::Acquire) & LIMITED != 0
    }

    /// How long values live that are put without saying so, in milliseconds; 0: for ever.
    #[inline]
    pub(crate) fn ttl_millis(&self) -> u64 {
        self.ttl_millis.load(Ordering::Relaxed)
    }

    /// Changes what [`Self::ttl_millis`] says. The catalog knows already.
    pub(crate) fn set_ttl_millis(&self, millis: u64) {
        self.ttl_millis.store(millis, Ordering::Relaxed);
    }

    /// Refuses once the keyspace is dropped.
    #[inline]
    pub(crate) fn check(&self) -> Result<()> {
        if self.is_dropped() {
            return Err(Error::KeyspaceDropped { name: self.name.clone() });
        }
        Ok(())
    }

    /// Whether a write must be looked at: since the keyspace is dropped, or has a storage limit.
    #[inline]
    pub(crate) fn is_special(&self) -> bool {
        self.flags.load(Ordering::Acquire) != 0
    }

    /// Refuses operands where there is nothing to fold them.
    #[inline]
    pub(crate) fn check_merges(&self) -> Result<()> {
        if self.tree.has_merge_operator() {
            return Ok(());
        }
        Err(Error::NoMergeOperator { keyspace: self.name.clone() })
    }

    /// Wraps an error of the tree.
    #[cold]
    pub(crate) fn error(&self, source: esker_tree::Error) -> Error {
        Error::tree(&self.name, source)
    }
}

/// Whether there is a limit that is kept.
fn is_limited(config: &RuntimeConfig) -> bool {
    config.storage_limit_bytes.is_some() && config.storage_admission
}

/// The keyspaces that are not dropped.
#[derive(Default)]
pub(crate) struct Registry {
    by_id: RwLock<BTreeMap<KeyspaceId, Arc<KeyspaceState>>>,
}

impl Registry {
    pub(crate) fn add(&self, keyspace: Arc<KeyspaceState>) {
        self.by_id.write().unwrap_or_else(PoisonError::into_inner).insert(keyspace.id, keyspace);
    }

    /// Takes a keyspace out and marks it dropped.
    pub(crate) fn remove(&self, id: KeyspaceId) {
        let removed = self.by_id.write().unwrap_or_else(PoisonError::into_inner).remove(&id);
        if let Some(keyspace) = removed {
            keyspace.flags.fetch_or(DROPPED, Ordering::AcqRel);
        }
    }

    pub(crate) fn get(&self, id: KeyspaceId) -> Option<Arc<KeyspaceState>> {
        self.read().get(&id).map(Arc::clone)
    }

    pub(crate) fn find(&self, name: &str) -> Option<Arc<KeyspaceState>> {
        self.read().values().find(|keyspace| keyspace.name == name).map(Arc::clone)
    }

    /// All of them, by id.
    pub(crate) fn all(&self) -> Vec<Arc<KeyspaceState>> {
        self.read().values().map(Arc::clone).collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<KeyspaceId, Arc<KeyspaceState>>> {
        self.by_id.read().unwrap_or_else(PoisonError::into_inner)
    }
}
