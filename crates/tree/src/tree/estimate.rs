//! What a tree says of some of its keys: estimates of ranges, the versions of one key.
//!
//! Not here: any logic ([`crate::estimate`], [`crate::trace`]).

use std::ops::RangeBounds;

use crate::error::Result;
use crate::estimate::{self, ApproximateRangeStats, RangeCardinality};
use crate::trace::{self, Trace};
use crate::tree::Tree;

/// What the tree says of some of its keys.
impl Tree {
    /// Entries and bytes of a range, roughly: each table's index is searched for both ends, and so is each memtable's.
    /// Reads at most two blocks of each table, and those only where the range covers few. An inverted range is empty.
    ///
    /// ```
    /// # use esker_tree::{Config, SequenceNumberCounter};
    /// # let folder = tempfile::tempdir()?;
    /// # let seqno = SequenceNumberCounter::default();
    /// # let tree = Config::new(&folder, seqno.clone(), SequenceNumberCounter::default()).open()?;
    /// for i in 0..1000 {
    ///     tree.insert(format!("{i:03}"), "value", seqno.next())?;
    /// }
    /// assert_eq!(tree.approximate_range_stats("250".."750")?.key_count, 500);
    /// assert_eq!(tree.approximate_range_cardinality("250".."750")?.selectivity, 0.5);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Damage and I/O errors of the blocks that are read.
    pub fn approximate_range_stats<K: AsRef<[u8]>>(
        &self,
        range: impl RangeBounds<K>,
    ) -> Result<ApproximateRangeStats> {
        estimate::range_stats(&self.0, &range)
    }

    /// How many live keys a range holds, roughly, and their share of the tree: for those who plan queries. As
    /// [`Self::approximate_range_stats`], less the tombstones and what they hide; an overwritten version that no
    /// compaction has met counts.
    ///
    /// # Errors
    ///
    /// As [`Self::approximate_range_stats`].
    pub fn approximate_range_cardinality<K: AsRef<[u8]>>(
        &self,
        range: impl RangeBounds<K>,
    ) -> Result<RangeCardinality> {
        estimate::range_cardinality(&self.0, &range)
    }

    /// Every version of `key` that the tree holds, hidden ones included, and every range tombstone over it, with its place:
    /// newest place first. For finding out why a read says what it says.
    ///
    /// ```
    /// # use esker_tree::{Config, SequenceNumberCounter};
    /// # let folder = tempfile::tempdir()?;
    /// # let seqno = SequenceNumberCounter::default();
    /// # let tree = Config::new(&folder, seqno.clone(), SequenceNumberCounter::default()).open()?;
    /// tree.insert("key", "value", seqno.next())?;
    /// tree.remove_range("a", "z", seqno.next())?;
    /// let trace = tree.trace("key")?;
    /// assert_eq!((trace.versions[0].seqno, trace.range_tombstones[0].seqno), (0, 1));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Damage and I/O errors of the tables.
    pub fn trace(&self, key: impl AsRef<[u8]>) -> Result<Trace> {
        trace::trace(&self.0, key.as_ref())
    }
}
