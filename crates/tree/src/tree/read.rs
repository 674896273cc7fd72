//! Reads of a tree by key.
//!
//! Not here: any logic ([`crate::get`], [`crate::multi_get`]); ranges ([`super::range`]).

use esker_mem::seqno::SeqNo;
use esker_mem::slice::UserValue;

use crate::error::Result;
use crate::get;
use crate::multi_get;
use crate::pinnable::PinnableSlice;
use crate::snapshot::Snapshot;
use crate::tree::Tree;

/// Reads.
impl Tree {
    /// The value of `key` at `bound`. Values in tables are pinned, not copied.
    ///
    /// # Errors
    ///
    /// [`crate::Error::SnapshotTooOld`] if `bound` is below the watermark and no snapshot holds it; so for all reads. Damage
    /// and I/O errors of the tables that are read.
    #[inline]
    pub fn get(&self, key: impl AsRef<[u8]>, bound: SeqNo) -> Result<Option<UserValue>> {
        let view = self.0.state.view();
        let bound = view.admit(bound, &self.0.snapshots)?;
        get::get(&self.0, &view, key.as_ref(), bound, self.1)
    }

    /// As [`Self::get`], at a bound that is asked for once the state of the tree is fixed: a bound taken so can
    /// never be too old.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    #[inline]
    pub fn get_latest(&self, key: &[u8], bound: impl FnOnce() -> SeqNo) -> Result<Option<UserValue>> {
        let view = self.0.state.view();
        let bound = view.admit(bound(), &self.0.snapshots)?;
        get::get(&self.0, &view, key, bound, self.1.of_latest())
    }

    /// As [`Self::get`], in a form that tells whether the value is pinned in its block, and can let go of that.
    ///
    /// ```
    /// # use esker_tree::{Config, SeqNo, SequenceNumberCounter};
    /// # let folder = tempfile::tempdir()?;
    /// # let seqno = SequenceNumberCounter::default();
    /// # let tree = Config::new(&folder, seqno.clone(), SequenceNumberCounter::default()).open()?;
    /// tree.insert("key", [7; 100], seqno.next())?;
    /// tree.flush_active_memtable(0)?;
    /// let value = tree.get_pinned("key", SeqNo::MAX)?.expect("was written");
    /// assert!(value.is_pinned() && value.len() == 100);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    #[inline]
    pub fn get_pinned(&self, key: impl AsRef<[u8]>, bound: SeqNo) -> Result<Option<PinnableSlice>> {
        Ok(self.get(key, bound)?.map(PinnableSlice::from))
    }

    /// The length in bytes of `key`'s value at `bound`. The value itself is neither touched nor copied.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub fn size_of(&self, key: impl AsRef<[u8]>, bound: SeqNo) -> Result<Option<u32>> {
        let view = self.0.state.view();
        let bound = view.admit(bound, &self.0.snapshots)?;
        get::size_of(&self.0, &view, key.as_ref(), bound, self.1)
    }

    /// As [`Self::size_of`], at a bound that is asked for once the state of the tree is fixed.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub fn size_of_latest(&self, key: &[u8], bound: impl FnOnce() -> SeqNo) -> Result<Option<u32>> {
        let view = self.0.state.view();
        let bound = view.admit(bound(), &self.0.snapshots)?;
        get::size_of(&self.0, &view, key, bound, self.1.of_latest())
    }

    /// Whether `key` has a value at `bound`. The value is neither touched nor copied.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub fn contains_key(&self, key: impl AsRef<[u8]>, bound: SeqNo) -> Result<bool> {
        let view = self.0.state.view();
        let bound = view.admit(bound, &self.0.snapshots)?;
        get::contains(&self.0, &view, key.as_ref(), bound, self.1)
    }

    /// As [`Self::contains_key`], at a bound that is asked for once the state of the tree is fixed.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub fn contains_key_latest(&self, key: &[u8], bound: impl FnOnce() -> SeqNo) -> Result<bool> {
        let view = self.0.state.view();
        let bound = view.admit(bound(), &self.0.snapshots)?;
        get::contains(&self.0, &view, key, bound, self.1.of_latest())
    }

    /// The values of several keys, all at one moment, in the order of the keys.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub fn multi_get<K: AsRef<[u8]>>(
        &self,
        keys: impl IntoIterator<Item = K>,
        bound: SeqNo,
    ) -> Result<Vec<Option<UserValue>>> {
        multi_get::multi_get(&self.0, keys, || bound, self.1)
    }

    /// As [`Self::multi_get`], at a bound that is asked for once the state of the tree is fixed.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub fn multi_get_latest<K: AsRef<[u8]>>(
        &self,
        keys: impl IntoIterator<Item = K>,
        bound: impl FnOnce() -> SeqNo,
    ) -> Result<Vec<Option<UserValue>>> {
        multi_get::multi_get(&self.0, keys, bound, self.1.of_latest())
    }

    /// Holds the versions that are visible at `bound` for as long as the guard lives.
    ///
    /// # Errors
    ///
    /// [`crate::Error::SnapshotTooOld`].
    pub fn snapshot(&self, bound: SeqNo) -> Result<Snapshot> {
        Snapshot::new(&self.0, bound)
    }
}
