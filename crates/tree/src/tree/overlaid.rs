//! Reads of a tree with an overlay on top: what a transaction sees that has written, and not committed.
//!
//! Not here: any logic ([`crate::overlay`], [`crate::overlaid`], [`crate::scan`]).

use std::ops::RangeBounds;

use esker_mem::kind::Kind;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::UserValue;

use crate::error::{Error, Result};
use crate::expiry::stored;
use crate::overlaid;
use crate::overlay::{Overlay, OverlayMemtable};
use crate::scan::Range;
use crate::scan::batch_range::BatchRange;
use crate::scan::guard::{EntryGuard, KvPair};
use crate::tree::Tree;
use crate::write::{check_lengths, check_range};

/// Overlays.
impl Tree {
    /// An empty overlay memtable for this tree: in its order of keys.
    #[must_use]
    pub fn overlay_memtable(&self) -> OverlayMemtable {
        OverlayMemtable::new(self.0.order().clone())
    }

    /// The tree as it is with `overlay` on top of it, for reading.
    ///
    /// ```
    /// # use esker_tree::{Config, SeqNo, SequenceNumberCounter};
    /// # let folder = tempfile::tempdir()?;
    /// # let seqno = SequenceNumberCounter::default();
    /// # let tree = Config::new(&folder, seqno.clone(), SequenceNumberCounter::default()).open()?;
    /// tree.insert("a", "old", seqno.next())?;
    /// tree.insert("b", "old", seqno.next())?;
    /// let writes = tree.overlay_memtable();
    /// writes.remove("a")?;
    /// let savepoint = writes.bound();
    /// writes.insert("c", "new")?;
    /// let mine = tree.overlaid(writes.at(SeqNo::MAX))?;
    /// let keys: Vec<_> = mine.iter(SeqNo::MAX)?.map(|entry| entry.key()).collect::<Result<_, _>>()?;
    /// assert_eq!(keys, ["b", "c"].map(esker_tree::Slice::from));
    /// assert_eq!(tree.overlaid(writes.at(savepoint))?.get("c", SeqNo::MAX)?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::WrongComparator`] if the overlay was made for a tree of another order.
    pub fn overlaid(&self, overlay: Overlay) -> Result<Overlaid> {
        let (stored, given) = (self.order().name(), overlay.order().name());
        if stored != given {
            return Err(Error::WrongComparator { stored: stored.to_owned(), given: given.to_owned() });
        }
        Ok(Overlaid { tree: self.clone(), overlay })
    }
}

/// Writes to an overlay. The latest on a key counts.
///
/// # Errors
///
/// [`Error::KeyTooLong`], [`Error::ValueTooLong`].
impl OverlayMemtable {
    /// Sets `key` to `value`.
    ///
    /// # Errors
    ///
    /// [`Error::KeyTooLong`], [`Error::ValueTooLong`]; so for all writes.
    pub fn insert(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<()> {
        self.write(key.as_ref(), Kind::Put, value.as_ref())
    }

    /// Sets `key` to `value` until `expires_at`, in milliseconds since 1970: as [`Tree::insert_with_expiry`].
    ///
    /// # Errors
    ///
    /// As [`Self::insert`].
    pub fn insert_with_expiry(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        expires_at: u64,
    ) -> Result<()> {
        self.write(key.as_ref(), Kind::ExpiringPut, &stored(value.as_ref(), expires_at))
    }

    /// Deletes `key`: hides what the tree has of it.
    ///
    /// # Errors
    ///
    /// As [`Self::insert`].
    pub fn remove(&self, key: impl AsRef<[u8]>) -> Result<()> {
        self.write(key.as_ref(), Kind::Delete, &[])
    }

    /// Adds an operand for the tree's merge operator. Whether the tree has one shows when the key is read.
    ///
    /// # Errors
    ///
    /// As [`Self::insert`].
    pub fn merge(&self, key: impl AsRef<[u8]>, operand: impl AsRef<[u8]>) -> Result<()> {
        self.write(key.as_ref(), Kind::Merge, operand.as_ref())
    }

    /// Deletes the keys from `start` up to and without `end`: what was written here before, and all that the tree has there. What
    /// is written later is seen.
    ///
    /// ```
    /// # use esker_tree::{Config, SeqNo, SequenceNumberCounter};
    /// # let folder = tempfile::tempdir()?;
    /// # let seqno = SequenceNumberCounter::default();
    /// # let tree = Config::new(&folder, seqno.clone(), SequenceNumberCounter::default()).open()?;
    /// tree.insert("b", "old", seqno.next())?;
    /// let writes = tree.overlay_memtable();
    /// writes.insert("c", "mine")?;
    /// writes.remove_range("a", "m")?;
    /// writes.insert("d", "mine")?;
    /// let keys = tree.overlaid(writes.at(SeqNo::MAX))?.iter(SeqNo::MAX)?.map(|entry| entry.key());
    /// assert_eq!(keys.collect::<Result<Vec<_>, _>>()?, ["d"].map(esker_tree::Slice::from));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvertedRange`] if `end` comes before `start`; [`Error::KeyTooLong`].
    pub fn remove_range(&self, start: impl AsRef<[u8]>, end: impl AsRef<[u8]>) -> Result<()> {
        let (start, end) = (start.as_ref(), end.as_ref());
        if check_range(self.order(), start, end)? {
            self.push_range(start, end);
        }
        Ok(())
    }

    fn write(&self, key: &[u8], kind: Kind, value: &[u8]) -> Result<()> {
        check_lengths(key, value)?;
        self.push(key, kind, value);
        Ok(())
    }
}

/// A tree with an [`Overlay`] on top of it: reads see what the tree holds below their bound, and over that what the overlay
/// holds below its own.
#[derive(Clone, Debug)]
pub struct Overlaid {
    tree: Tree,
    overlay: Overlay,
}

impl Overlaid {
    /// The time that a range at `bound` goes by.
    fn time_at(&self, bound: SeqNo) -> u64 {
        self.tree.0.time_of_read(bound, self.tree.1)
    }
}

/// Reads: each is as the [`Tree`]'s of the same name.
impl Overlaid {
    /// The value of `key`.
    ///
    /// # Errors
    ///
    /// As [`Tree::get`]; so for all reads.
    pub fn get(&self, key: impl AsRef<[u8]>, bound: SeqNo) -> Result<Option<UserValue>> {
        let core = &self.tree.0;
        let view = core.state.view();
        let bound = view.admit(bound, &core.snapshots)?;
        overlaid::get(core, &view, &self.overlay, key.as_ref(), bound, self.tree.1)
    }

    /// Whether `key` has a value.
    ///
    /// # Errors
    ///
    /// As [`Tree::get`].
    pub fn contains_key(&self, key: impl AsRef<[u8]>, bound: SeqNo) -> Result<bool> {
        let core = &self.tree.0;
        let view = core.state.view();
        let bound = view.admit(bound, &core.snapshots)?;
        overlaid::contains(core, &view, &self.overlay, key.as_ref(), bound, self.tree.1)
    }

    /// The length in bytes of `key`'s value.
    ///
    /// # Errors
    ///
    /// As [`Tree::get`].
    pub fn size_of(&self, key: impl AsRef<[u8]>, bound: SeqNo) -> Result<Option<u32>> {
        let core = &self.tree.0;
        let view = core.state.view();
        let bound = view.admit(bound, &core.snapshots)?;
        overlaid::size_of(core, &view, &self.overlay, key.as_ref(), bound, self.tree.1)
    }

    /// The values of several keys, in the order of the keys.
    ///
    /// # Errors
    ///
    /// As [`Tree::get`].
    pub fn multi_get<K: AsRef<[u8]>>(
        &self,
        keys: impl IntoIterator<Item = K>,
        bound: SeqNo,
    ) -> Result<Vec<Option<UserValue>>> {
        let core = &self.tree.0;
        let view = core.state.view_owned();
        let bound = view.admit(bound, &core.snapshots)?;
        let keys: Vec<K> = keys.into_iter().collect();
        let keys: Vec<&[u8]> = keys.iter().map(AsRef::as_ref).collect();
        overlaid::multi_get(core, &view, &self.overlay, &keys, bound, self.tree.1)
    }

    /// The live keys of a range, from both ends, seekable.
    ///
    /// # Errors
    ///
    /// As [`Tree::range`].
    pub fn range<K: AsRef<[u8]>>(&self, range: impl RangeBounds<K>, bound: SeqNo) -> Result<Range> {
        Ok(self.tree.range(range, bound)?.under(self.overlay.clone(), self.time_at(bound)))
    }

    /// All live keys.
    ///
    /// # Errors
    ///
    /// As [`Tree::range`].
    pub fn iter(&self, bound: SeqNo) -> Result<Range> {
        self.range::<&[u8]>(.., bound)
    }

    /// The live keys that begin with `prefix`.
    ///
    /// # Errors
    ///
    /// As [`Tree::range`].
    pub fn prefix(&self, prefix: impl AsRef<[u8]>, bound: SeqNo) -> Result<Range> {
        Ok(self.tree.prefix(prefix, bound)?.under(self.overlay.clone(), self.time_at(bound)))
    }

    /// The live keys of several ranges, range by range.
    ///
    /// # Errors
    ///
    /// As [`Tree::range`].
    pub fn batch_range_scan<K: AsRef<[u8]>, R: RangeBounds<K>>(
        &self,
        ranges: impl IntoIterator<Item = R>,
        bound: SeqNo,
    ) -> Result<BatchRange> {
        Ok(BatchRange::new(self.iter(bound)?, ranges))
    }

    /// Whether a live key begins with `prefix`.
    ///
    /// # Errors
    ///
    /// As [`Tree::range`].
    pub fn contains_prefix(&self, prefix: impl AsRef<[u8]>, bound: SeqNo) -> Result<bool> {
        self.prefix(prefix, bound)?.advance()
    }

    /// The first live key, with its value.
    ///
    /// # Errors
    ///
    /// As [`Tree::range`].
    pub fn first_key_value(&self, bound: SeqNo) -> Result<Option<KvPair>> {
        self.iter(bound)?.next().map(EntryGuard::into_inner).transpose()
    }

    /// The last live key, with its value.
    ///
    /// # Errors
    ///
    /// As [`Tree::range`].
    pub fn last_key_value(&self, bound: SeqNo) -> Result<Option<KvPair>> {
        self.iter(bound)?.next_back().map(EntryGuard::into_inner).transpose()
    }

    /// The number of live keys. Walks all of them: O(n).
    ///
    /// # Errors
    ///
    /// As [`Tree::range`].
    pub fn len(&self, bound: SeqNo) -> Result<usize> {
        self.iter(bound)?.count_rest()
    }

    /// Whether there is no live key.
    ///
    /// # Errors
    ///
    /// As [`Tree::range`].
    pub fn is_empty(&self, bound: SeqNo) -> Result<bool> {
        Ok(!self.iter(bound)?.advance()?)
    }
}
