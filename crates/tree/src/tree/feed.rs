//! The change feed, and the history that is kept for it.
//!
//! Not here: any logic ([`crate::feed`], [`crate::history`]).

use std::ops::Range;

use esker_mem::seqno::SeqNo;

use crate::error::Result;
use crate::feed::cursor::FeedCursor;
use crate::feed::ingested::IngestedTables;
use crate::feed::{self, ScanSince};
use crate::install;
use crate::tree::Tree;

/// What was written, in the order of sequence numbers.
///
/// Flushes and compactions drop versions that nobody can read any more, so history is complete only from
/// [`Tree::oldest_history`] on, which follows the watermark unless a horizon or a cursor keeps more.
impl Tree {
    /// Every write with a number from `since` on that the tree holds now, in ascending order of numbers; a write that a
    /// later one hides is told, too, and a range delete once. Together with a read at bound `since` that is the whole tree.
    ///
    /// Numbers at or above the visible counter are told as well, and lower ones may still follow them: whoever resumes
    /// later takes [`Self::scan_seqnos`] up to that counter, or a [`Self::feed_cursor`].
    ///
    /// Walks the memtables and the blocks whose index entry says that they hold such numbers, and sorts what it finds in
    /// bounded memory ([`crate::Config::feed_memory_bytes`]), with temporary files in the tree's folder where that is not
    /// enough.
    ///
    /// ```
    /// # use esker_tree::{Config, ScanSinceEvent, SequenceNumberCounter};
    /// # let folder = tempfile::tempdir()?;
    /// # let seqno = SequenceNumberCounter::default();
    /// # let tree = Config::new(&folder, seqno.clone(), SequenceNumberCounter::default()).open()?;
    /// tree.insert("b", "1", seqno.next())?;
    /// tree.insert("a", "2", seqno.next())?;
    /// tree.remove("b", seqno.next())?;
    /// let events = tree.scan_since_seqno(1).collect::<Result<Vec<_>, _>>()?;
    /// assert!(matches!(&events[0], ScanSinceEvent::Insert { key, seqno: 1, .. } if &**key == b"a"));
    /// assert!(matches!(&events[1], ScanSinceEvent::PointTombstone { key, seqno: 2, .. } if &**key == b"b"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Come as the only or last item: [`crate::Error::HistoryGone`] if `since` is below [`Self::oldest_history`]; damage and
    /// I/O errors of tables and temporary files.
    #[must_use]
    pub fn scan_since_seqno(&self, since: SeqNo) -> ScanSince {
        feed::scan(&self.0, feed::from(since))
    }

    /// As [`Self::scan_since_seqno`], of the numbers in `seqnos` only.
    ///
    /// # Errors
    ///
    /// As there.
    #[must_use]
    pub fn scan_seqnos(&self, seqnos: Range<SeqNo>) -> ScanSince {
        feed::scan(&self.0, seqnos)
    }

    /// What an ingestion of so many tables brought in under `seqno`, if no compaction has read any of it yet: then nothing of it
    /// is gone, even where history is not kept. `None` otherwise; [`Self::scan_seqnos`] has it as long as history is.
    #[must_use]
    pub fn ingested_tables(&self, seqno: SeqNo, tables: u64) -> Option<IngestedTables> {
        IngestedTables::find(&self.0, seqno, tables)
    }

    /// The least number from which on the history is complete.
    #[must_use]
    pub fn oldest_history(&self) -> SeqNo {
        self.0.snapshots.history.oldest()
    }

    /// The least number from which on history is kept: the least of [`Self::set_feed_horizon`] and all cursors, as far as
    /// [`crate::Config::feed_history_bytes`] allows. `None` if none is kept, which is so by default.
    #[must_use]
    pub fn feed_horizon(&self) -> Option<SeqNo> {
        self.0.snapshots.history.horizon()
    }

    /// Keeps all history from `horizon` on, or with `None` no more than cursors want: nothing at or above it is dropped, and
    /// no sequence number there becomes 0. Durable when this returns. To be raised as those who read the feed get on.
    ///
    /// The horizon found at open stays until this is called: so there is time to register cursors again.
    ///
    /// # Errors
    ///
    /// [`crate::Error::HistoryGone`] if `horizon` is below [`Self::oldest_history`]; what the file system says.
    pub fn set_feed_horizon(&self, horizon: Option<SeqNo>) -> Result<()> {
        self.0.snapshots.history.set(horizon)?;
        install::record_state(&self.0)
    }

    /// Keeps all history from `since` on for as long as the cursor lives, and beyond a crash. Durable when this returns.
    ///
    /// # Errors
    ///
    /// As [`Self::set_feed_horizon`].
    pub fn feed_cursor(&self, since: SeqNo) -> Result<FeedCursor> {
        FeedCursor::new(&self.0, since)
    }
}
