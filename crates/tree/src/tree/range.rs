//! Reads of a tree over ranges of keys.
//!
//! Not here: any logic ([`crate::scan`]); single keys ([`super::read`]).

use std::ops::RangeBounds;

use esker_mem::seqno::SeqNo;

use crate::error::Result;
use crate::expiry::ReadTime;
use crate::scan::Range;
use crate::scan::batch_range::BatchRange;
use crate::scan::guard::{EntryGuard, KvPair};
use crate::tree::Tree;

/// Ranges.
impl Tree {
    /// The live keys of a range at `bound`, from both ends. An inverted range is empty.
    ///
    /// ```
    /// # use esker_tree::{Config, SeqNo, SequenceNumberCounter};
    /// # let folder = tempfile::tempdir()?;
    /// # let seqno = SequenceNumberCounter::default();
    /// # let tree = Config::new(&folder, seqno.clone(), SequenceNumberCounter::default()).open()?;
    /// for key in ["a", "b", "c"] {
    ///     tree.insert(key, "value", seqno.next())?;
    /// }
    /// let mut range = tree.range("a".."c", SeqNo::MAX)?;
    /// assert_eq!(&*range.next_back().expect("b").key()?, b"b");
    /// assert_eq!(&*range.next().expect("a").key()?, b"a");
    /// assert!(range.next().is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Self::get`]; errors of the files come with the entries.
    pub fn range<K: AsRef<[u8]>>(&self, range: impl RangeBounds<K>, bound: SeqNo) -> Result<Range> {
        self.range_at(range, || bound, self.1)
    }

    /// As [`Self::range`], at a bound that is asked for once the state of the tree is fixed.
    ///
    /// # Errors
    ///
    /// As [`Self::range`].
    pub fn range_latest<K: AsRef<[u8]>>(
        &self,
        range: impl RangeBounds<K>,
        bound: impl FnOnce() -> SeqNo,
    ) -> Result<Range> {
        self.range_at(range, bound, self.1.of_latest())
    }

    fn range_at<K: AsRef<[u8]>>(
        &self,
        range: impl RangeBounds<K>,
        bound: impl FnOnce() -> SeqNo,
        time: ReadTime,
    ) -> Result<Range> {
        let view = self.0.state.view_owned();
        let bound = view.admit(bound(), &self.0.snapshots)?;
        Ok(Range::new(&self.0, view, bound, time, &range))
    }

    /// [`Self::range`] under the name by which it is known where only some ranges can seek: all of ours can, both ways, by
    /// [`Range::seek_to`], [`Range::seek_to_for_prev`], [`Range::peek_key`] and [`Range::peek_back_key`].
    ///
    /// # Errors
    ///
    /// As [`Self::range`].
    pub fn range_seekable<K: AsRef<[u8]>>(&self, range: impl RangeBounds<K>, bound: SeqNo) -> Result<Range> {
        self.range(range, bound)
    }

    /// The live keys of several ranges at `bound`, range by range as they are given: all of one moment, by one call. Yields
    /// which range it is, counted from 0, and the entry. Ranges may overlap; an inverted one is empty.
    ///
    /// ```
    /// # use esker_tree::{Config, SeqNo, SequenceNumberCounter};
    /// # let folder = tempfile::tempdir()?;
    /// # let seqno = SequenceNumberCounter::default();
    /// # let tree = Config::new(&folder, seqno.clone(), SequenceNumberCounter::default()).open()?;
    /// for key in ["a1", "a2", "b1", "c1"] {
    ///     tree.insert(key, "value", seqno.next())?;
    /// }
    /// let mut found = Vec::new();
    /// for (range, entry) in tree.batch_range_scan(["c".."d", "a".."b"], SeqNo::MAX)? {
    ///     found.push((range, entry.key()?.to_vec()));
    /// }
    /// assert_eq!(found, [(0, b"c1".to_vec()), (1, b"a1".to_vec()), (1, b"a2".to_vec())]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Self::range`].
    pub fn batch_range_scan<K: AsRef<[u8]>, R: RangeBounds<K>>(
        &self,
        ranges: impl IntoIterator<Item = R>,
        bound: SeqNo,
    ) -> Result<BatchRange> {
        Ok(BatchRange::new(self.iter(bound)?, ranges))
    }

    /// All live keys at `bound`.
    ///
    /// # Errors
    ///
    /// As [`Self::range`].
    pub fn iter(&self, bound: SeqNo) -> Result<Range> {
        self.range::<&[u8]>(.., bound)
    }

    /// The live keys that begin with `prefix`, at `bound`. Under a comparator of your own that means looking at all keys.
    ///
    /// Tables whose filter says that they have none are passed over, where there is a prefix extractor
    /// ([`crate::Config::prefix_extractor`]).
    ///
    /// # Errors
    ///
    /// As [`Self::range`].
    pub fn prefix(&self, prefix: impl AsRef<[u8]>, bound: SeqNo) -> Result<Range> {
        self.prefix_at(prefix.as_ref(), || bound, self.1)
    }

    /// As [`Self::prefix`], at a bound that is asked for once the state of the tree is fixed.
    ///
    /// # Errors
    ///
    /// As [`Self::range`].
    pub fn prefix_latest(&self, prefix: impl AsRef<[u8]>, bound: impl FnOnce() -> SeqNo) -> Result<Range> {
        self.prefix_at(prefix.as_ref(), bound, self.1.of_latest())
    }

    fn prefix_at(&self, prefix: &[u8], bound: impl FnOnce() -> SeqNo, time: ReadTime) -> Result<Range> {
        let view = self.0.state.view_owned();
        let bound = view.admit(bound(), &self.0.snapshots)?;
        Ok(Range::with_prefix(&self.0, view, bound, time, prefix))
    }

    /// Whether a live key begins with `prefix`, at `bound`. No value is touched.
    ///
    /// # Errors
    ///
    /// As [`Self::range`].
    pub fn contains_prefix(&self, prefix: impl AsRef<[u8]>, bound: SeqNo) -> Result<bool> {
        self.prefix(prefix, bound)?.advance()
    }

    /// As [`Self::contains_prefix`], at a bound that is asked for once the state of the tree is fixed.
    ///
    /// # Errors
    ///
    /// As [`Self::range`].
    pub fn contains_prefix_latest(
        &self,
        prefix: impl AsRef<[u8]>,
        bound: impl FnOnce() -> SeqNo,
    ) -> Result<bool> {
        self.prefix_latest(prefix, bound)?.advance()
    }

    /// The first live key at `bound`, with its value.
    ///
    /// # Errors
    ///
    /// As [`Self::range`].
    pub fn first_key_value(&self, bound: SeqNo) -> Result<Option<KvPair>> {
        self.iter(bound)?.next().map(EntryGuard::into_inner).transpose()
    }

    /// The last live key at `bound`, with its value.
    ///
    /// # Errors
    ///
    /// As [`Self::range`].
    pub fn last_key_value(&self, bound: SeqNo) -> Result<Option<KvPair>> {
        self.iter(bound)?.next_back().map(EntryGuard::into_inner).transpose()
    }

    /// The number of live keys at `bound`. Walks all of them, O(n), and touches no value.
    ///
    /// # Errors
    ///
    /// As [`Self::range`].
    pub fn len(&self, bound: SeqNo) -> Result<usize> {
        self.iter(bound)?.count_rest()
    }

    /// Whether there is no live key at `bound`.
    ///
    /// # Errors
    ///
    /// As [`Self::range`].
    pub fn is_empty(&self, bound: SeqNo) -> Result<bool> {
        Ok(!self.iter(bound)?.advance()?)
    }
}
