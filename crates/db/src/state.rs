//! The keyspaces of an open database.
//!
//! [`KeyspaceState`] is one keyspace: its id, its name, its tree. Handles, batches and background jobs hold it by
//! `Arc`, so a dropped keyspace's tree, and with it its files, lives until the last of them lets go
//! (INV-KEYSPACE-4). [`Registry`] is the list of those that are not dropped.
//!
//! Lock order: the registry's lock is a leaf.

use std::collections::BTreeMap;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use esker_env::fs::SharedFs;
use esker_format::file_name::FileName;
use esker_format::ids::KeyspaceId;
use esker_tree::Tree;

use crate::error::{Error, Result};
use crate::reserved::Reserved;

/// One keyspace.
pub(crate) struct KeyspaceState {
    pub(crate) id: KeyspaceId,
    pub(crate) name: String,
    pub(crate) tree: Tree,
    /// Whether keys are in byte order.
    folder: Folder,
    dropped: AtomicBool,
    pub(crate) reserved: Reserved,
}

/// Where a keyspace's files lie.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    pub(crate) fs: SharedFs,
    pub(crate) path: PathBuf,
}

impl Folder {
    /// Removes the folder and our files in it. What cannot be removed now goes at the next open.
    pub(crate) fn remove(&self) -> io::Result<()> {
        for entry in self.fs.read_dir(&self.path)? {
            if FileName::parse_os(&entry.name).is_some() {
                self.fs.remove_file(&self.path.join(&entry.name))?;
            }
        }
        self.fs.remove_dir(&self.path)
    }
}

impl Drop for KeyspaceState {
    /// The last handle, scan, snapshot or job of a dropped keyspace is gone: so may its files be (INV-KEYSPACE-4).
    fn drop(&mut self) {
        if self.dropped.load(Ordering::Acquire) {
            let _ = self.folder.remove();
        }
    }
}

impl KeyspaceState {
    pub(crate) fn new(id: KeyspaceId, name: String, tree: Tree, folder: Folder) -> Self {
        Self { id, name, tree, folder, dropped: AtomicBool::new(false), reserved: Reserved::default() }
    }

    /// Refuses once the keyspace is dropped.
    #[inline]
    pub(crate) fn check(&self) -> Result<()> {
        if self.dropped.load(Ordering::Acquire) {
            return Err(Error::KeyspaceDropped { name: self.name.clone() });
        }
        Ok(())
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
            keyspace.dropped.store(true, Ordering::Release);
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
