//! What forgets or rewrites a part of a tree, at the caller's word.
//!
//! Not here: any logic ([`crate::erase`], [`crate::compact_range`]).

use std::ops::RangeBounds;

use esker_mem::seqno::SeqNo;

use crate::compact_range;
use crate::erase::{self, DroppedRange, PendingClear};
use crate::error::Result;
use crate::key_range::KeyRange;
use crate::tree::Tree;

/// Parts of a tree, and all of it.
impl Tree {
    /// Merges the tables that hold keys of `range` downwards, level by level, into the deepest level that has any, and drops
    /// what nobody can see below `watermark`; only what overlaps on the way is rewritten with them. What is in memory is
    /// not part of it: flush first. False if running compactions stand in the way: merge again later.
    ///
    /// # Errors
    ///
    /// [`crate::Error::InvertedRange`]; else as [`Self::compact`].
    pub fn compact_range<K: AsRef<[u8]>>(
        &self,
        range: impl RangeBounds<K>,
        watermark: SeqNo,
    ) -> Result<bool> {
        compact_range::compact_range(&self.0, &KeyRange::new(&range, self.0.order())?, watermark)
    }

    /// Forgets everything that was written so far: all at once, and as a whole if a crash comes in between. Iterators go on
    /// over what they have; files go with the last of them. [`Self::replay_floor`] rises above all of it.
    ///
    /// A write that runs at the same time counts as before or after it; one below what is visible is refused afterwards
    /// ([`crate::Error::SeqnoTooOld`]), and so are reads at such bounds.
    ///
    /// ```
    /// # use esker_tree::{Config, SeqNo, SequenceNumberCounter};
    /// # let folder = tempfile::tempdir()?;
    /// # let seqno = SequenceNumberCounter::default();
    /// # let tree = Config::new(&folder, seqno.clone(), SequenceNumberCounter::default()).open()?;
    /// tree.insert("key", "value", seqno.next())?;
    /// tree.clear()?;
    /// assert!(tree.is_empty(SeqNo::MAX)?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`crate::Error::SnapshotsHeld`] while a [`crate::Snapshot`] lives; what the file system says. If the manifest could not be written,
    /// the tree is as it was, but a crash right then may still find it cleared.
    pub fn clear(&self) -> Result<()> {
        erase::clear(&self.0)
    }

    /// The first half of a [`Self::clear`], for callers with a log: what it says is logged before it is done
    /// ([`PendingClear::finish`]).
    ///
    /// # Errors
    ///
    /// [`crate::Error::SnapshotsHeld`].
    pub fn begin_clear(&self) -> Result<PendingClear<'_>> {
        PendingClear::begin(&self.0)
    }

    /// Deletes the tables that lie wholly inside `range`, without reading them. Cheap, and coarse: keys of the range that
    /// are in memory, or in a table with keys outside of it, stay, and so does what lies over such a table, what operands of a
    /// merge that stay may be folded onto, what a live [`crate::Snapshot`] sees and what a running compaction works on. So a
    /// key reads as before or not at all. For data that is of no use any more, like what has expired by its key; to delete it
    /// exactly, remove the range.
    ///
    /// An operand that is written while this runs may come after it, and be folded onto nothing.
    ///
    /// # Errors
    ///
    /// [`crate::Error::InvertedRange`]; what the file system says.
    pub fn drop_range<K: AsRef<[u8]>>(&self, range: impl RangeBounds<K>) -> Result<DroppedRange> {
        erase::drop_range(&self.0, &KeyRange::new(&range, self.0.order())?, SeqNo::MAX)
    }

    /// As [`Self::drop_range`], of tables only that hold nothing with a number of `seqno` or above: what was written there at the
    /// same time stays.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn drop_range_before<K: AsRef<[u8]>>(
        &self,
        range: impl RangeBounds<K>,
        seqno: SeqNo,
    ) -> Result<DroppedRange> {
        erase::drop_range(&self.0, &KeyRange::new(&range, self.0.order())?, seqno)
    }
}
