//! What is written to a tree: single entries, room for a caller's own batch, memtables made elsewhere.
//!
//! Not here: any logic ([`crate::write`]).

use esker_mem::kind::Kind;
use esker_mem::memtable::Place;
use esker_mem::seqno::SeqNo;
use esker_mem::sorted_memtable::SortedMemtable;

use crate::apply;
use crate::batch::WriteBatch;
use crate::error::Result;
use crate::memtable::Reservation;
use crate::range_tombstones::span::RangeDelete;
use crate::remove_range;
use crate::tree::Tree;
use crate::write;

/// Writes. Each returns the bytes that it took and the size of the active memtable afterwards.
///
/// # Errors
///
/// All fail, changing nothing, with [`crate::Error::KeyTooLong`] or [`crate::Error::ValueTooLong`],
/// [`crate::Error::SeqnoTooHigh`], or [`crate::Error::SeqnoTooOld`] if the sequence number is below the watermark.
impl Tree {
    /// Writes a value.
    ///
    /// # Errors
    ///
    /// See [above](Self#writes-each-returns-the-bytes-that-it-took-and-the-size-of-the-active-memtable-afterwards).
    pub fn insert(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>, seqno: SeqNo) -> Result<(u64, u64)> {
        write::insert(&self.0, key.as_ref(), value.as_ref(), seqno, Kind::Put)
    }

    /// Deletes a key: hides every older version.
    ///
    /// # Errors
    ///
    /// As [`Self::insert`].
    pub fn remove(&self, key: impl AsRef<[u8]>, seqno: SeqNo) -> Result<(u64, u64)> {
        write::insert(&self.0, key.as_ref(), &[], seqno, Kind::Delete)
    }

    /// Deletes a key that was written at most once since it was last deleted, by [`Self::insert`]: a *weak* delete. It reads as any
    /// delete, and vanishes together with that write when the two meet in a flush or a compaction, whatever lies below; an
    /// ordinary tombstone has to be carried down to the last level first. A snapshot that sees the write and not the delete
    /// keeps both apart. A weak delete of a key that has nothing stays until the last level, like any tombstone.
    ///
    /// **A broken contract.** If the key was written more often since it was last deleted, or merged, the weak delete may take
    /// along the newest write only: an older value may come back at any later time, and stay until it is overwritten or deleted.
    /// Nothing else can happen: what was written after the weak delete is not touched, and no other key is.
    ///
    /// # Errors
    ///
    /// As [`Self::insert`].
    pub fn remove_weak(&self, key: impl AsRef<[u8]>, seqno: SeqNo) -> Result<(u64, u64)> {
        write::insert(&self.0, key.as_ref(), &[], seqno, Kind::SingleDelete)
    }

    /// Writes an operand for the tree's merge operator: reads see what it makes of the key's value, or of none, and all
    /// operands since. What is there is not read now.
    ///
    /// # Errors
    ///
    /// As [`Self::insert`]; [`crate::Error::NoMergeOperator`] without an operator. Whether the operator can do anything
    /// with the operand shows when the key is read: [`crate::Error::MergeFailed`].
    pub fn merge(
        &self,
        key: impl AsRef<[u8]>,
        operand: impl AsRef<[u8]>,
        seqno: SeqNo,
    ) -> Result<(u64, u64)> {
        write::merge(&self.0, key.as_ref(), operand.as_ref(), seqno)
    }

    /// Deletes all keys from `start` up to and without `end`, in the order of the tree: hides every version with a smaller
    /// sequence number. A range that ends where it begins changes nothing. The cost does not depend on how many keys there
    /// are.
    ///
    /// ```
    /// # use esker_tree::{Config, SeqNo, SequenceNumberCounter};
    /// # let folder = tempfile::tempdir()?;
    /// # let seqno = SequenceNumberCounter::default();
    /// # let tree = Config::new(&folder, seqno.clone(), SequenceNumberCounter::default()).open()?;
    /// for key in ["a", "b", "c"] {
    ///     tree.insert(key, "value", seqno.next())?;
    /// }
    /// tree.remove_range("a", "c", seqno.next())?;
    /// tree.insert("b", "again", seqno.next())?;
    /// let left: Vec<_> = tree.iter(SeqNo::MAX)?.map(|entry| entry.key()).collect::<Result<_, _>>()?;
    /// assert_eq!(left, ["b", "c"].map(esker_tree::Slice::from));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Self::insert`]; [`crate::Error::InvertedRange`] if `end` comes before `start`.
    pub fn remove_range(
        &self,
        start: impl AsRef<[u8]>,
        end: impl AsRef<[u8]>,
        seqno: SeqNo,
    ) -> Result<(u64, u64)> {
        remove_range::remove_range(&self.0, start.as_ref(), end.as_ref(), seqno)
    }

    /// Deletes all keys that begin with `prefix`, as [`Self::remove_range`]; all keys if it is empty.
    ///
    /// # Errors
    ///
    /// As [`Self::insert`]; [`crate::Error::NoPrefixRange`] under another order than that of bytes, where such keys need
    /// not be neighbours.
    pub fn remove_prefix(&self, prefix: impl AsRef<[u8]>, seqno: SeqNo) -> Result<(u64, u64)> {
        remove_range::remove_prefix(&self.0, prefix.as_ref(), seqno)
    }

    /// Whether a range may be deleted: for callers who log it before [`crate::Apply::remove_range`]. False if it ends where it
    /// begins, so that there is nothing to delete.
    ///
    /// # Errors
    ///
    /// As [`Self::remove_range`].
    pub fn check_range(&self, start: &[u8], end: &[u8]) -> Result<bool> {
        write::check_range(self.order(), start, end)
    }

    /// Applies a batch: all of its operations under one sequence number. Readers see none of it at a bound up to `seqno`, and
    /// all of it above; so whoever publishes bounds does that when this has returned. All of it lies in one memtable, and is
    /// flushed at once.
    ///
    /// # Errors
    ///
    /// [`crate::Error::DuplicateKey`] if the batch writes a key twice, [`crate::Error::BatchTooLarge`] if it has more than one
    /// operation and more than 1 GiB; else as [`Self::insert`]. Nothing is applied then.
    // A batch is spent by this: it cannot be applied twice under one number by accident.
    #[allow(clippy::needless_pass_by_value, reason = "the signature that users of log-structured trees know")]
    pub fn apply_batch(&self, batch: WriteBatch, seqno: SeqNo) -> Result<(u64, u64)> {
        apply::apply_batch(&self.0, &batch, seqno)
    }

    /// Whether the tree has a merge operator, and so takes operands. Who applies them through a [`crate::Reservation`] asks first.
    #[inline]
    #[must_use]
    pub fn has_merge_operator(&self) -> bool {
        self.0.merge_operator().is_some()
    }

    /// Reserves room in the active memtable for a batch that is applied later; seals the memtable if it does not fit.
    ///
    /// For callers with a log of their own, who reserve one batch at a time: reserve, log, apply, publish. Whoever reserves
    /// while an earlier reservation is not applied yet counts that in.
    #[must_use]
    pub fn reserve(&self, entries: usize, key_value_bytes: usize) -> Reservation {
        write::reserve(&self.0, entries, key_value_bytes)
    }

    /// Looks where `key` will go, and has fetched what inserting it will take; for [`crate::Apply::insert_at`]. Takes no
    /// lock: the time to do this is before taking the lock of one's log.
    #[inline]
    #[must_use]
    pub fn look(&self, key: &[u8]) -> Place {
        write::look(&self.0, key)
    }
}

/// What was kept elsewhere.
impl Tree {
    /// Takes over a memtable that was sorted elsewhere, say from a caller's log, as the newest sealed one: it is read at
    /// once, and waits for a flush. The active memtable is sealed before it, if anything was written to it. Its memory
    /// counts against the cache until it is flushed.
    ///
    /// As with [`Self::reserve`], numbers below the watermark are not refused: a log brings back what an earlier process
    /// had written before it raised the watermark. No number may be one that the tree holds already.
    ///
    /// # Errors
    ///
    /// [`crate::Error::WrongComparator`] if it has another order than the tree, [`crate::Error::SeqnoTooHigh`] if it holds
    /// a number over the maximum. Nothing is changed then.
    pub fn install_sealed(&self, memtable: SortedMemtable) -> Result<()> {
        self.install_sealed_with(memtable, Vec::new())
    }

    /// As [`Self::install_sealed`], with range deletes beside the entries. Either may be empty.
    ///
    /// # Errors
    ///
    /// As there; [`crate::Error::InvertedRange`], [`crate::Error::KeyTooLong`].
    pub fn install_sealed_with(&self, memtable: SortedMemtable, ranges: Vec<RangeDelete>) -> Result<()> {
        write::install_sealed(&self.0, memtable, ranges)
    }
}
