//! Changes that are read from trees: all of a stretch of numbers, or what one ingestion brought in.
//!
//! Each tree's feed ascends by itself; the least number of all comes next. An error stays where it is, so that nothing behind it is
//! ever told.
//!
//! Not here: when trees are read, and when the log ([`crate::changes`]).

use std::iter::Peekable;
use std::ops::Range;
use std::sync::Arc;

use esker_mem::seqno::SeqNo;
use esker_tree::ScanSince;

use crate::changes::change::{Change, ChangeOperation};
use crate::core::Core;
use crate::error::{Error, Result};
use crate::state::KeyspaceState;

/// The feeds of some keyspaces, as one.
pub(crate) struct TreeFeeds {
    feeds: Vec<TreeFeed>,
}

/// The feed of one keyspace.
struct TreeFeed {
    keyspace: Arc<KeyspaceState>,
    name: Arc<str>,
    events: Peekable<ScanSince>,
}

impl TreeFeed {
    fn new(keyspace: Arc<KeyspaceState>, events: ScanSince) -> Self {
        Self { name: Arc::from(keyspace.name.as_str()), keyspace, events: events.peekable() }
    }

    /// The number of what comes next.
    fn peek(&mut self) -> Result<Option<SeqNo>> {
        match self.events.peek() {
            Some(Ok(event)) => Ok(Some(event.seqno())),
            Some(Err(error)) => Err(self.keyspace.error(error.clone())),
            None => Ok(None),
        }
    }
}

impl TreeFeeds {
    /// What all keyspaces have of `seqnos`.
    ///
    /// # Errors
    /// [`Error::HistoryGone`] if any has lost some of it.
    pub(crate) fn of_all(core: &Core, seqnos: &Range<SeqNo>) -> Result<Self> {
        let mut feeds = Vec::new();
        let mut oldest = None;
        for keyspace in core.registry.all() {
            let events = keyspace.tree.scan_seqnos(seqnos.clone());
            let mut feed = TreeFeed::new(keyspace, events);
            if let Some(Err(esker_tree::Error::HistoryGone { oldest: of_tree })) = feed.events.peek() {
                oldest = oldest.max(Some(*of_tree));
            }
            feeds.push(feed);
        }
        oldest.map_or(Ok(Self { feeds }), |oldest| Err(Error::HistoryGone { oldest }))
    }

    /// What `tables` tables brought into `keyspace` under `seqno` (INV-FEED-7): from the tables as they came, or from what
    /// became of them as long as history is kept. A crash, or a failure, before they were installed left none.
    pub(crate) fn of_ingestion(core: &Core, keyspace: Arc<KeyspaceState>, seqno: SeqNo, tables: u64) -> Self {
        let tree = &keyspace.tree;
        let kept = core.ingested.find(seqno).map(|tables| tables.events());
        let kept = kept.or_else(|| Some(tree.ingested_tables(seqno, tables)?.events()));
        let events = kept.unwrap_or_else(|| tree.scan_seqnos(seqno..seqno.saturating_add(1)));
        Self { feeds: vec![TreeFeed::new(keyspace, events)] }
    }

    /// The change with the least number, and whether it is the last one with that.
    pub(crate) fn next(&mut self, core: &Core) -> Result<Option<(Change, bool)>> {
        let mut least: Option<(SeqNo, usize)> = None;
        for (at, feed) in self.feeds.iter_mut().enumerate() {
            if let Some(seqno) = feed.peek()?
                && least.is_none_or(|(lowest, _)| seqno < lowest)
            {
                least = Some((seqno, at));
            }
        }
        let Some(feed) = least.and_then(|(_, at)| self.feeds.get_mut(at)) else { return Ok(None) };
        let Some(event) = feed.events.next() else { return Ok(None) };
        let event = event.map_err(|error| feed.keyspace.error(error))?;
        let (seqno, keyspace) = (event.seqno(), Arc::clone(&feed.name));
        let operation = ChangeOperation::of_tree(event).ok_or_else(|| Error::Unsupported {
            path: core.path.clone(),
            problem: "an event of a later version".to_owned(),
        })?;
        // Numbers are the database's: no other keyspace has this one. An error may stand for more of it.
        let is_last = feed.peek().is_ok_and(|next| next != Some(seqno));
        Ok(Some((Change { seqno, keyspace, operation }, is_last)))
    }
}
