//! Reads of a keyspace that tell more of a value than its bytes, or want nothing of it.
//!
//! Whether a key is there, and how long its value is, is told without touching the value; whether a value keeps a block of the
//! cache alive is told with it.
//!
//! Not here: the usual reads ([`super`]).

use std::sync::Arc;

use esker_mem::seqno::SeqNo;
use esker_mem::slice::UserValue;
use esker_tree::{PinnableSlice, Tree};

use crate::error::Result;
use crate::keyspace::Keyspace;
use crate::keyspace::snapshot::Snapshot;
use crate::scan::Scan;
use crate::state::KeyspaceState;

impl Keyspace {
    /// As [`Keyspace::get`], in a form that tells whether the value is pinned in its block, and can let go of that.
    ///
    /// # Errors
    /// As [`Keyspace::get`].
    pub fn get_pinned(&self, key: impl AsRef<[u8]>) -> Result<Option<PinnableSlice>> {
        Ok(self.get(key)?.map(PinnableSlice::from))
    }

    /// Whether `key` has a value. The value is neither touched nor copied.
    ///
    /// # Errors
    /// As [`Keyspace::get`].
    pub fn contains(&self, key: impl AsRef<[u8]>) -> Result<bool> {
        self.check_open()?;
        let found = self.state.tree.contains_key_latest(key.as_ref(), || self.visible());
        found.map_err(|error| self.state.error(error))
    }

    /// The length in bytes of `key`'s value, which is neither touched nor copied.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let db = esker::Database::open(folder.path())?;
    /// db.put("key", [7; 1000])?;
    /// assert_eq!(db.size_of("key")?, Some(1000));
    /// assert_eq!(db.size_of("none")?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Keyspace::get`].
    pub fn size_of(&self, key: impl AsRef<[u8]>) -> Result<Option<u32>> {
        self.check_open()?;
        let size = self.state.tree.size_of_latest(key.as_ref(), || self.visible());
        size.map_err(|error| self.state.error(error))
    }

    /// Whether a key that begins with `prefix` has a value.
    ///
    /// # Errors
    /// As [`Keyspace::get`].
    pub fn contains_prefix(&self, prefix: impl AsRef<[u8]>) -> Result<bool> {
        self.check_open()?;
        let found = self.state.tree.contains_prefix_latest(prefix, || self.visible());
        found.map_err(|error| self.state.error(error))
    }
}

/// As the keyspace's of the same name, at the snapshot. A keyspace younger than the snapshot is empty in it.
impl Snapshot {
    /// As [`Snapshot::get`], in a form that tells whether the value is pinned in its block.
    ///
    /// # Errors
    /// As [`Snapshot::get`].
    pub fn get_pinned(&self, key: impl AsRef<[u8]>) -> Result<Option<PinnableSlice>> {
        Ok(self.get(key)?.map(PinnableSlice::from))
    }

    /// As [`Snapshot::get_in`], in a form that tells whether the value is pinned in its block.
    ///
    /// # Errors
    /// As [`Snapshot::get_in`].
    pub fn get_pinned_in(&self, keyspace: &Keyspace, key: impl AsRef<[u8]>) -> Result<Option<PinnableSlice>> {
        Ok(self.get_in(keyspace, key)?.map(PinnableSlice::from))
    }

    /// Whether `key` has a value in the default keyspace. The value is not touched.
    ///
    /// # Errors
    /// As [`Snapshot::get`].
    pub fn contains(&self, key: impl AsRef<[u8]>) -> Result<bool> {
        self.ask(&self.default, |tree, bound| tree.contains_key(key, bound))
    }

    /// Whether `key` has a value in `keyspace`.
    ///
    /// # Errors
    /// As [`Snapshot::get_in`].
    pub fn contains_in(&self, keyspace: &Keyspace, key: impl AsRef<[u8]>) -> Result<bool> {
        self.check(keyspace)?;
        self.ask(&keyspace.state, |tree, bound| tree.contains_key(key, bound))
    }

    /// The length in bytes of `key`'s value in the default keyspace. The value is not touched.
    ///
    /// # Errors
    /// As [`Snapshot::get`].
    pub fn size_of(&self, key: impl AsRef<[u8]>) -> Result<Option<u32>> {
        self.ask(&self.default, |tree, bound| tree.size_of(key, bound))
    }

    /// The length in bytes of `key`'s value in `keyspace`.
    ///
    /// # Errors
    /// As [`Snapshot::get_in`].
    pub fn size_of_in(&self, keyspace: &Keyspace, key: impl AsRef<[u8]>) -> Result<Option<u32>> {
        self.check(keyspace)?;
        self.ask(&keyspace.state, |tree, bound| tree.size_of(key, bound))
    }

    /// Whether a key of the default keyspace that begins with `prefix` has a value.
    ///
    /// # Errors
    /// As [`Snapshot::get`].
    pub fn contains_prefix(&self, prefix: impl AsRef<[u8]>) -> Result<bool> {
        self.ask(&self.default, |tree, bound| tree.contains_prefix(prefix, bound))
    }

    /// Whether a key of `keyspace` that begins with `prefix` has a value.
    ///
    /// # Errors
    /// As [`Snapshot::get_in`].
    pub fn contains_prefix_in(&self, keyspace: &Keyspace, prefix: impl AsRef<[u8]>) -> Result<bool> {
        self.check(keyspace)?;
        self.ask(&keyspace.state, |tree, bound| tree.contains_prefix(prefix, bound))
    }

    /// The values of `keys` in the default keyspace, in their order.
    ///
    /// # Errors
    /// As [`Snapshot::get`].
    pub fn multi_get<K: AsRef<[u8]>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<Option<UserValue>>> {
        self.multi_get_at(&self.default, keys)
    }

    /// The values of `keys` in `keyspace`, in their order.
    ///
    /// # Errors
    /// As [`Snapshot::get_in`].
    pub fn multi_get_in<K: AsRef<[u8]>>(
        &self,
        keyspace: &Keyspace,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<Option<UserValue>>> {
        self.check(keyspace)?;
        self.multi_get_at(&keyspace.state, keys)
    }

    /// The entries of the default keyspace whose key begins with `prefix`.
    pub fn prefix(&self, prefix: impl AsRef<[u8]>) -> Scan {
        self.opened(&self.default, |tree, bound| tree.prefix(prefix, bound))
    }

    fn multi_get_at<K: AsRef<[u8]>>(
        &self,
        state: &Arc<KeyspaceState>,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<Option<UserValue>>> {
        self.guards.core.health.check_open()?;
        let Some(tree) = self.guards.tree(state.id) else {
            return Ok(keys.into_iter().map(|_| None).collect());
        };
        tree.multi_get(keys, self.guards.bound).map_err(|error| state.error(error))
    }

    /// Asks the keyspace's tree at the snapshot's bound; the answer for nothing where the keyspace is younger.
    fn ask<T: Default>(
        &self,
        state: &KeyspaceState,
        read: impl FnOnce(&Tree, SeqNo) -> esker_tree::Result<T>,
    ) -> Result<T> {
        self.guards.core.health.check_open()?;
        let Some(tree) = self.guards.tree(state.id) else { return Ok(T::default()) };
        read(tree, self.guards.bound).map_err(|error| state.error(error))
    }
}
