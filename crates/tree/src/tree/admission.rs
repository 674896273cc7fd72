//! Room for writes: the storage limit, writes that ask before they write, advice to slow down, and the settings
//! behind all that.
//!
//! Not here: any logic ([`crate::admission`], [`crate::pressure`], [`crate::runtime`]).

use std::sync::Arc;

use esker_mem::seqno::SeqNo;

use crate::admission::{self, StorageStats, StorageStatus};
use crate::batch::WriteBatch;
use crate::error::Result;
use crate::pressure::{self, Backpressure};
use crate::runtime::RuntimeConfig;
use crate::tree::Tree;

/// Writes that ask first whether there is room. They are refused where the [storage
/// limit](RuntimeConfig::storage_limit_bytes) is reached or would be exceeded; otherwise each is as the write that it is named
/// after. To make room by deleting, use those that do not ask: a tombstone takes room before it gives any.
///
/// # Errors
///
/// [`crate::Error::StorageFull`], of kind [`crate::ErrorKind::NoSpace`], changing nothing; else those of the write.
impl Tree {
    /// As [`Self::insert`], if there is room.
    ///
    /// ```
    /// # use esker_tree::{Config, ErrorKind, SequenceNumberCounter};
    /// # let folder = tempfile::tempdir()?;
    /// # let seqno = SequenceNumberCounter::default();
    /// # let tree = Config::new(&folder, seqno.clone(), SequenceNumberCounter::default()).open()?;
    /// tree.update_runtime_config(|config| config.storage_limit_bytes = Some(1 << 20));
    /// tree.try_insert("small", "value", seqno.next())?;
    /// let refused = tree.try_insert("large", vec![0; 2 << 20], seqno.next());
    /// assert_eq!(refused.unwrap_err().kind(), ErrorKind::NoSpace);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::Error::StorageFull`]; those of [`Self::insert`].
    pub fn try_insert(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        seqno: SeqNo,
    ) -> Result<(u64, u64)> {
        let (key, value) = (key.as_ref(), value.as_ref());
        admission::admit(&self.0, 1, key.len() + value.len())?;
        self.insert(key, value, seqno)
    }

    /// As [`Self::remove`], if there is room.
    ///
    /// # Errors
    ///
    /// [`crate::Error::StorageFull`]; those of [`Self::remove`].
    pub fn try_remove(&self, key: impl AsRef<[u8]>, seqno: SeqNo) -> Result<(u64, u64)> {
        admission::admit(&self.0, 1, key.as_ref().len())?;
        self.remove(key, seqno)
    }

    /// As [`Self::remove_range`], if there is room.
    ///
    /// # Errors
    ///
    /// [`crate::Error::StorageFull`]; those of [`Self::remove_range`].
    pub fn try_remove_range(
        &self,
        start: impl AsRef<[u8]>,
        end: impl AsRef<[u8]>,
        seqno: SeqNo,
    ) -> Result<(u64, u64)> {
        admission::admit(&self.0, 1, start.as_ref().len() + end.as_ref().len())?;
        self.remove_range(start, end, seqno)
    }

    /// As [`Self::remove_prefix`], if there is room.
    ///
    /// # Errors
    ///
    /// [`crate::Error::StorageFull`]; those of [`Self::remove_prefix`].
    pub fn try_remove_prefix(&self, prefix: impl AsRef<[u8]>, seqno: SeqNo) -> Result<(u64, u64)> {
        admission::admit(&self.0, 1, 2 * prefix.as_ref().len())?;
        self.remove_prefix(prefix, seqno)
    }

    /// As [`Self::remove_weak`], if there is room.
    ///
    /// # Errors
    ///
    /// [`crate::Error::StorageFull`]; those of [`Self::remove_weak`].
    pub fn try_remove_weak(&self, key: impl AsRef<[u8]>, seqno: SeqNo) -> Result<(u64, u64)> {
        admission::admit(&self.0, 1, key.as_ref().len())?;
        self.remove_weak(key, seqno)
    }

    /// As [`Self::merge`], if there is room.
    ///
    /// # Errors
    ///
    /// [`crate::Error::StorageFull`]; those of [`Self::merge`].
    pub fn try_merge(
        &self,
        key: impl AsRef<[u8]>,
        operand: impl AsRef<[u8]>,
        seqno: SeqNo,
    ) -> Result<(u64, u64)> {
        let (key, operand) = (key.as_ref(), operand.as_ref());
        admission::admit(&self.0, 1, key.len() + operand.len())?;
        self.merge(key, operand, seqno)
    }

    /// As [`Self::apply_batch`], if there is room for all of it.
    ///
    /// # Errors
    ///
    /// [`crate::Error::StorageFull`]; those of [`Self::apply_batch`].
    pub fn try_apply_batch(&self, batch: WriteBatch, seqno: SeqNo) -> Result<(u64, u64)> {
        admission::admit(&self.0, batch.len(), batch.key_value_bytes())?;
        self.apply_batch(batch, seqno)
    }

    /// Whether a write that asks would be let in, be it ever so small.
    ///
    /// # Errors
    ///
    /// [`crate::Error::StorageFull`] if not.
    pub fn write_admission(&self) -> Result<()> {
        admission::admit(&self.0, 0, 0)
    }

    /// Whether a write of so many entries, with so many bytes of keys and values, would be let in if it asked.
    ///
    /// # Errors
    ///
    /// [`crate::Error::StorageFull`] if not.
    pub fn has_room_for(&self, entries: usize, key_value_bytes: usize) -> Result<()> {
        admission::admit(&self.0, entries, key_value_bytes)
    }

    /// Whether the storage limit is reached, so that every write that asks is refused. Reads go on, and so do writes that
    /// do not ask.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.write_admission().is_err()
    }
}

/// How much there is, how far it is behind, and from when on that matters.
impl Tree {
    /// What the tree uses of its storage limit, and what is left. O(tables).
    #[must_use]
    pub fn storage_stats(&self) -> StorageStats {
        admission::stats(&self.0)
    }

    /// How the tree stands to its storage limit.
    #[must_use]
    pub fn storage_status(&self) -> StorageStatus {
        admission::status(&self.0)
    }

    /// What writers should do so that flushes and compactions keep up: the tree holds nobody up by itself.
    ///
    /// ```
    /// # use esker_tree::{Backpressure, Config, SequenceNumberCounter};
    /// # let folder = tempfile::tempdir()?;
    /// # let seqno = SequenceNumberCounter::default();
    /// # let tree = Config::new(&folder, seqno.clone(), SequenceNumberCounter::default()).open()?;
    /// match tree.write_backpressure() {
    ///     Backpressure::None => {}
    ///     Backpressure::Slowdown { suggested_delay } => std::thread::sleep(suggested_delay),
    ///     Backpressure::Stop => tree.flush_active_memtable(0)?,
    /// }
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn write_backpressure(&self) -> Backpressure {
        pressure::backpressure(&self.0)
    }

    /// The settings that may be changed while the tree is open, as of this moment.
    #[must_use]
    pub fn runtime_config(&self) -> Arc<RuntimeConfig> {
        Arc::clone(&self.0.runtime.get())
    }

    /// Changes settings while the tree is open. Changes by several threads are made one after the other, and none is lost:
    /// `change` is given what the one before it left. It must not change settings of the same tree by another call.
    pub fn update_runtime_config(&self, change: impl FnOnce(&mut RuntimeConfig)) {
        self.0.runtime.update(change);
    }
}
