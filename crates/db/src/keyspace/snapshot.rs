//! Reads of keyspaces as they were at one moment.
//!
//! Not here: how that moment is held ([`crate::snapshot`]).

use std::ops::RangeBounds;
use std::sync::Arc;

use esker_mem::seqno::SeqNo;
use esker_mem::slice::UserValue;
use esker_tree::Tree;

use crate::batch::check_lengths;
use crate::error::{Error, Result};
use crate::keyspace::Keyspace;
use crate::scan::Scan;
use crate::snapshot::Guards;
use crate::state::KeyspaceState;

/// Every keyspace as it was at one moment, for as long as this is held.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let db = esker::Database::open(folder.path())?;
/// db.put(b"k", b"old")?;
/// let snapshot = db.snapshot()?;
/// db.put(b"k", b"new")?;
/// assert_eq!(snapshot.get(b"k")?.as_deref(), Some(b"old".as_slice()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Snapshot {
    pub(crate) guards: Arc<Guards>,
    pub(crate) default: Arc<KeyspaceState>,
}

impl Snapshot {
    /// The value of `key` in the default keyspace.
    ///
    /// # Errors
    /// As [`Keyspace::get`].
    pub fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<UserValue>> {
        self.get_at(&self.default, key.as_ref())
    }

    /// The value of `key` in `keyspace`. A keyspace younger than the snapshot is empty in it.
    ///
    /// # Errors
    /// As [`Keyspace::get`]; [`Error::ForeignHandle`].
    pub fn get_in(&self, keyspace: &Keyspace, key: impl AsRef<[u8]>) -> Result<Option<UserValue>> {
        self.check(keyspace)?;
        self.get_at(&keyspace.state, key.as_ref())
    }

    /// The entries of a range of the default keyspace, as [`Keyspace::scan`].
    pub fn scan<K: AsRef<[u8]>>(&self, range: impl RangeBounds<K>) -> Scan {
        self.scan_at(&self.default, range)
    }

    /// The entries of a range of `keyspace`, as [`Keyspace::scan`].
    pub fn scan_in<K: AsRef<[u8]>>(&self, keyspace: &Keyspace, range: impl RangeBounds<K>) -> Scan {
        match self.check(keyspace) {
            Ok(()) => self.scan_at(&keyspace.state, range),
            Err(error) => Scan::new(Arc::clone(&keyspace.state), Err(error)),
        }
    }

    /// The entries of `keyspace` whose key begins with `prefix`.
    pub fn prefix_in(&self, keyspace: &Keyspace, prefix: impl AsRef<[u8]>) -> Scan {
        let state = &keyspace.state;
        match self.check(keyspace) {
            Ok(()) => self.opened(state, |tree, bound| tree.prefix(prefix, bound)),
            Err(error) => Scan::new(Arc::clone(state), Err(error)),
        }
    }

    /// The keyspaces as of the snapshot, dropped ones included.
    #[must_use]
    pub fn has_keyspace(&self, name: &str) -> bool {
        self.guards.find(name).is_some()
    }

    /// The number below which everything is seen: grows with every write of the database.
    #[must_use]
    pub fn seqno(&self) -> SeqNo {
        self.guards.bound
    }

    pub(super) fn check(&self, keyspace: &Keyspace) -> Result<()> {
        if Arc::ptr_eq(&self.guards.core, &keyspace.handle.core) {
            return Ok(());
        }
        Err(Error::ForeignHandle { name: keyspace.state.name.clone() })
    }

    pub(super) fn get_at(&self, state: &Arc<KeyspaceState>, key: &[u8]) -> Result<Option<UserValue>> {
        self.guards.core.health.check_open()?;
        let Some(tree) = self.guards.tree(state.id) else { return Ok(None) };
        check_lengths(key, &[])?;
        tree.get(key, self.guards.bound).map_err(|error| state.error(error))
    }

    fn scan_at<K: AsRef<[u8]>>(&self, state: &Arc<KeyspaceState>, range: impl RangeBounds<K>) -> Scan {
        self.opened(state, |tree, bound| tree.range(range, bound))
    }

    pub(super) fn opened(
        &self,
        state: &Arc<KeyspaceState>,
        open: impl FnOnce(&Tree, SeqNo) -> esker_tree::Result<esker_tree::Range>,
    ) -> Scan {
        let Some(tree) = self.guards.tree(state.id) else { return Scan::empty(Arc::clone(state)) };
        let opened = self
            .guards
            .core
            .health
            .check_open()
            .and_then(|()| open(tree, self.guards.bound).map_err(|error| state.error(error)));
        Scan::new(Arc::clone(state), opened).holding(Arc::clone(&self.guards))
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot").field("seqno", &self.guards.bound).finish_non_exhaustive()
    }
}
