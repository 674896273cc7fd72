//! A batch that users fill: operations on any keyspaces of one database, written all or not at all.
//!
//! Refusals (an oversized key, a handle of another database) are kept and reported when the batch is written; nothing of
//! it is written then.
//!
//! Not here: encoding and limits ([`crate::batch`]).

use std::sync::Arc;
use std::time::Duration;

use esker_format::batch::Operation;

use crate::batch::{Operations, stored};
use crate::error::Result;
use crate::handle::Handle;
use crate::keyspace::Keyspace;
use crate::options::{Durability, ttl_millis};
use crate::range_deletes;
use crate::state::KeyspaceState;
use crate::write;

/// Operations to be written together: atomic in the log, visible at once, across keyspaces.
///
/// Later operations win over earlier ones on the same key.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let db = esker::Database::open(folder.path())?;
/// let accounts = db.keyspace("accounts", esker::KeyspaceOptions::new())?;
/// let mut batch = db.batch();
/// batch.put_in(&accounts, b"alice", b"90");
/// batch.put_in(&accounts, b"bob", b"110");
/// batch.put(b"transfers", b"1");
/// batch.commit()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct WriteBatch {
    handle: Arc<Handle>,
    default: Arc<KeyspaceState>,
    operations: Operations,
}

impl WriteBatch {
    pub(crate) fn new(handle: Arc<Handle>, default: Arc<KeyspaceState>) -> Self {
        Self { handle, default, operations: Operations::default() }
    }

    /// Sets `key` to `value` in the default keyspace.
    #[inline]
    pub fn put(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        put(&self.handle, &mut self.operations, &self.default, key.as_ref(), value.as_ref());
    }

    /// Sets `key` to `value` in `keyspace`.
    #[inline]
    pub fn put_in(&mut self, keyspace: &Keyspace, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        match self.check(keyspace) {
            Ok(()) => {
                put(&self.handle, &mut self.operations, &keyspace.state, key.as_ref(), value.as_ref());
            }
            Err(error) => self.operations.refuse(error),
        }
    }

    /// Sets `key` to `value` in the default keyspace for `ttl` from now on, as [`Keyspace::put_with_ttl`]: from this call, not from
    /// when the batch is written.
    pub fn put_with_ttl(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>, ttl: Duration) {
        match expires_after(&self.handle, ttl) {
            Ok(expires_at) => self.put_with_expiry(key, value, expires_at),
            Err(error) => self.operations.refuse(error),
        }
    }

    /// Sets `key` to `value` in `keyspace` for `ttl` from now on, as [`Self::put_with_ttl`].
    pub fn put_with_ttl_in(
        &mut self,
        keyspace: &Keyspace,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        ttl: Duration,
    ) {
        match expires_after(&self.handle, ttl) {
            Ok(expires_at) => self.put_with_expiry_in(keyspace, key, value, expires_at),
            Err(error) => self.operations.refuse(error),
        }
    }

    /// Sets `key` to `value` in the default keyspace until `expires_at`, in milliseconds since 1970, as
    /// [`Keyspace::put_with_expiry`].
    pub fn put_with_expiry(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>, expires_at: u64) {
        let stored = stored(value.as_ref(), expires_at);
        self.operations.push(self.default.id, Operation::ExpiringPut, key.as_ref(), &stored);
    }

    /// Sets `key` to `value` in `keyspace` until `expires_at`, as [`Self::put_with_expiry`].
    pub fn put_with_expiry_in(
        &mut self,
        keyspace: &Keyspace,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        expires_at: u64,
    ) {
        self.push(keyspace, Operation::ExpiringPut, key.as_ref(), &stored(value.as_ref(), expires_at));
    }

    /// Removes `key` from the default keyspace.
    #[inline]
    pub fn delete(&mut self, key: impl AsRef<[u8]>) {
        self.operations.push(self.default.id, Operation::Delete, key.as_ref(), &[]);
    }

    /// Removes `key` from `keyspace`.
    #[inline]
    pub fn delete_in(&mut self, keyspace: &Keyspace, key: impl AsRef<[u8]>) {
        self.push(keyspace, Operation::Delete, key.as_ref(), &[]);
    }

    /// Removes `key` from the default keyspace, as [`Keyspace::single_delete`].
    pub fn single_delete(&mut self, key: impl AsRef<[u8]>) {
        self.operations.push(self.default.id, Operation::SingleDelete, key.as_ref(), &[]);
    }

    /// Removes `key` from `keyspace`, as [`Keyspace::single_delete`].
    pub fn single_delete_in(&mut self, keyspace: &Keyspace, key: impl AsRef<[u8]>) {
        self.push(keyspace, Operation::SingleDelete, key.as_ref(), &[]);
    }

    /// Writes an operand for the merge operator of the default keyspace, as [`Keyspace::merge`]. Several of one key are folded in
    /// the order of the batch.
    pub fn merge(&mut self, key: impl AsRef<[u8]>, operand: impl AsRef<[u8]>) {
        match self.default.check_merges() {
            Ok(()) => {
                self.operations.push(self.default.id, Operation::Merge, key.as_ref(), operand.as_ref());
            }
            Err(error) => self.operations.refuse(error),
        }
    }

    /// Removes all keys of a range from the default keyspace, as [`Keyspace::delete_range`]: of what the batch itself writes there,
    /// what came before.
    pub fn delete_range(&mut self, start: impl AsRef<[u8]>, end: impl AsRef<[u8]>) {
        range_deletes::push_range(&mut self.operations, &self.default, start.as_ref(), end.as_ref());
    }

    /// Removes all keys of a range from `keyspace`, as [`Self::delete_range`].
    pub fn delete_range_in(&mut self, keyspace: &Keyspace, start: impl AsRef<[u8]>, end: impl AsRef<[u8]>) {
        match self.check(keyspace) {
            Ok(()) => {
                let state = &keyspace.state;
                range_deletes::push_range(&mut self.operations, state, start.as_ref(), end.as_ref());
            }
            Err(error) => self.operations.refuse(error),
        }
    }

    /// Writes an operand for the merge operator of `keyspace`, as [`Self::merge`].
    pub fn merge_in(&mut self, keyspace: &Keyspace, key: impl AsRef<[u8]>, operand: impl AsRef<[u8]>) {
        match keyspace.state.check_merges() {
            Ok(()) => self.push(keyspace, Operation::Merge, key.as_ref(), operand.as_ref()),
            Err(error) => self.operations.refuse(error),
        }
    }

    /// Removes all keys with a prefix from `keyspace`, as [`Keyspace::delete_prefix`].
    pub fn delete_prefix_in(&mut self, keyspace: &Keyspace, prefix: impl AsRef<[u8]>) {
        match self.check(keyspace) {
            Ok(()) => range_deletes::push_prefix(&mut self.operations, &keyspace.state, prefix.as_ref()),
            Err(error) => self.operations.refuse(error),
        }
    }

    /// How many operations there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.operations.count as usize
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.count == 0
    }

    /// Empties the batch, to be filled again.
    pub fn clear(&mut self) {
        self.operations.clear();
    }

    /// Writes everything, as durable as the database's default.
    ///
    /// # Errors
    /// As [`Keyspace::put`]; [`crate::Error::BatchTooLarge`]; what was refused while the batch was filled. Nothing of the
    /// batch is written then.
    pub fn commit(self) -> Result<()> {
        let durability = self.handle.core.options.durability;
        self.commit_with(durability)
    }

    /// Writes everything, as durable as asked.
    ///
    /// # Errors
    /// As [`WriteBatch::commit`]; with [`Durability::Sync`] also [`crate::Error::Indeterminate`].
    pub fn commit_with(mut self, durability: Durability) -> Result<()> {
        write::write_batch(&self.handle.core, &mut self.operations, durability)
    }

    fn check(&self, keyspace: &Keyspace) -> Result<()> {
        keyspace.check_belongs_to(&self.handle).and_then(|()| keyspace.state.check())
    }

    fn push(&mut self, keyspace: &Keyspace, operation: Operation, key: &[u8], value: &[u8]) {
        match self.check(keyspace) {
            Ok(()) => self.operations.push(keyspace.state.id, operation, key, value),
            Err(error) => self.operations.refuse(error),
        }
    }
}

/// Adds a put that lives for as long as the keyspace says.
#[inline]
fn put(handle: &Handle, operations: &mut Operations, keyspace: &KeyspaceState, key: &[u8], value: &[u8]) {
    match keyspace.ttl_millis() {
        0 => operations.push(keyspace.id, Operation::Put, key, value),
        millis => {
            let expires_at = handle.core.clock.unix_millis().saturating_add(millis);
            operations.push(keyspace.id, Operation::ExpiringPut, key, &stored(value, expires_at));
        }
    }
}

/// When something expires that lives for `ttl` from now on.
fn expires_after(handle: &Handle, ttl: Duration) -> Result<u64> {
    Ok(handle.core.clock.unix_millis().saturating_add(ttl_millis(ttl)?))
}

impl std::fmt::Debug for WriteBatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WriteBatch").field("len", &self.len()).finish_non_exhaustive()
    }
}
