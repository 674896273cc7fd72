//! A place in the change feed that history is kept for.
//!
//! Not here: what is kept ([`crate::history`]), the events ([`crate::feed`]).

use std::sync::{Arc, Mutex, PoisonError};

use esker_mem::seqno::SeqNo;

use crate::core::Core;
use crate::error::Result;
use crate::feed::{self, ScanSince};
use crate::install;

/// Keeps the history from its place on, for as long as it lives. Made by [`crate::Tree::feed_cursor`].
///
/// Read, apply elsewhere, move on:
///
/// ```
/// # use esker_tree::{Config, ScanSinceEvent, SequenceNumberCounter};
/// # let folder = tempfile::tempdir()?;
/// # let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
/// # let tree = Config::new(&folder, seqno.clone(), visible.clone()).open()?;
/// let cursor = tree.feed_cursor(0)?;
/// tree.insert("key", "old", seqno.next())?;
/// tree.insert("key", "new", seqno.next())?;
/// visible.set(seqno.get());
/// tree.flush_active_memtable(seqno.get())?;
///
/// let mut seen = Vec::new();
/// for event in cursor.events() {
///     if let ScanSinceEvent::Insert { value, seqno, .. } = event? {
///         seen.push((value.to_vec(), seqno));
///     }
/// }
/// assert_eq!(seen, [(b"old".to_vec(), 0), (b"new".to_vec(), 1)]);
/// cursor.advance(2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct FeedCursor {
    core: Arc<Core>,
    place: Mutex<SeqNo>,
}

impl FeedCursor {
    /// Registers a cursor, and makes durable that its history is kept.
    pub(crate) fn new(core: &Arc<Core>, since: SeqNo) -> Result<Self> {
        core.snapshots.history.register(since)?;
        let cursor = Self { core: Arc::clone(core), place: Mutex::new(since) };
        install::record_state(core)?;
        Ok(cursor)
    }

    /// Its place: the first number that it has not let go.
    #[must_use]
    pub fn place(&self) -> SeqNo {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The events from its place up to what is visible now: lower numbers cannot come any more, if the caller publishes in
    /// order.
    #[must_use]
    pub fn events(&self) -> ScanSince {
        feed::scan(&self.core, self.place()..self.core.config.visible.get())
    }

    /// Lets the history below `to` go; does nothing if the cursor is there already. Durable with the next flush or
    /// compaction: after a crash the place may be an earlier one.
    pub fn advance(&self, to: SeqNo) {
        let mut place = self.place.lock().unwrap_or_else(PoisonError::into_inner);
        if to > *place {
            self.core.snapshots.history.advance(*place, to);
            *place = to;
        }
    }
}

impl Drop for FeedCursor {
    fn drop(&mut self) {
        self.core.snapshots.history.release(self.place());
    }
}

impl std::fmt::Debug for FeedCursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FeedCursor").field("place", &self.place()).finish_non_exhaustive()
    }
}
