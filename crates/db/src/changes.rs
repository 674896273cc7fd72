//! The change feed of a database: every operation from a sequence number on, and then on and on as they are committed.
//!
//! 1. **Where from.** If the log still reaches back to the number, it is read from there ([`crate::wal::follow`]). If not, the
//!    operations up to what is visible now come from the trees' feeds, merged by number, and the log is read from there on. The
//!    log is held *before* what is visible is looked at, so that it has all that the trees do not tell (INV-FEED-6).
//! 2. **Tailing.** A frame is read as soon as the operating system has it; an operation is told once it is visible.
//! 3. **Ingestions.** The log says that there was one, under which number and of how many tables. What it brought in comes
//!    from the tree once the number is visible ([`trees`]): from the tables as they came, which are kept for a feed that
//!    holds the log ([`crate::ingested`]), or else from what became of them (INV-FEED-7).
//! 4. **Falling behind.** The log is held for a feed only up to a size. If what comes next was removed, the feed begins anew at its
//!    place, as under 1: from the trees, or, if their history is gone as well, with [`Error::HistoryGone`].
//!
//! Clears stand in the log as what they are. They take the history in the tree's tables with them, so a feed that finds
//! the log gone behind one finds the history gone, too.
//!
//! Numbers of writes that failed are never told: they are in no table, and behind the end of what the log's writer vouches for.
//!
//! Memory: a commit group of the log; or, while reading trees, what their feeds sort in.
//!
//! Not here: keeping history in tables ([`crate::history`]).

pub(crate) mod change;
pub(crate) mod trees;

use std::collections::VecDeque;
use std::sync::Arc;

use esker_format::batch::BatchReader;
use esker_format::error::DecodeError;
use esker_mem::seqno::SeqNo;

use crate::changes::change::{Change, ChangeOperation};
use crate::changes::trees::TreeFeeds;
use crate::core::Core;
use crate::error::{Error, Result};
use crate::handle::Handle;
use crate::state::KeyspaceState;
use crate::wal::follow::{Followed, Follower};
use crate::wal::segment::LogHold;

/// The operations of a database in their order: made by [`crate::Database::changes_since`].
///
/// As an iterator it says `None` when it has told everything that is visible, and goes on when there is more: call it again. To go on
/// after a restart, store [`Changes::next_seqno`] and ask for the changes since then.
pub struct Changes {
    handle: Arc<Handle>,
    /// Everything below it was told.
    next: SeqNo,
    /// What is told is durable.
    durable_only: bool,
    hold: LogHold,
    source: Source,
    /// Operations of the frame that was read last, or that are not visible yet.
    ready: VecDeque<Ready>,
    /// What is being told of an ingestion that the log named, and its number.
    ingestion: Option<(SeqNo, TreeFeeds)>,
}

/// Where operations come from now.
enum Source {
    /// The trees, up to a number.
    Trees {
        feeds: TreeFeeds,
        end: SeqNo,
    },
    Log(Box<Follower>),
}

/// What was read and not told.
enum Ready {
    /// An operation, and whether it is the last one with its number.
    Change(Change, bool),
    /// That so many tables came into a keyspace.
    Ingestion { seqno: SeqNo, keyspace: Arc<KeyspaceState>, tables: u64 },
}

impl Ready {
    fn seqno(&self) -> SeqNo {
        match self {
            Self::Change(change, _) => change.seqno,
            Self::Ingestion { seqno, .. } => *seqno,
        }
    }
}

impl std::fmt::Debug for Changes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Changes").field("next_seqno", &self.next).finish_non_exhaustive()
    }
}

impl Changes {
    /// The changes from `since` on.
    pub(crate) fn new(handle: &Arc<Handle>, since: SeqNo) -> Result<Self> {
        let core = &handle.core;
        core.health.check_open()?;
        let (hold, source) = open(core, since)?;
        let (handle, ready) = (Arc::clone(handle), VecDeque::new());
        Ok(Self { handle, next: since, durable_only: false, hold, source, ready, ingestion: None })
    }

    /// Where to go on later: the number that follows all that was told. Amid what one ingestion brought in it is still
    /// that one's number, so that whoever goes on there is told all of the ingestion again: what shares a number is to be applied as a
    /// whole, or else stored together with how much of it was.
    #[must_use]
    pub fn next_seqno(&self) -> u64 {
        self.next
    }

    /// Tells only what a power loss leaves. Without it, what is visible is told at once, and a power loss may take back
    /// writes of less durability than `Sync` that were told.
    #[must_use]
    pub fn durable_only(mut self) -> Self {
        self.durable_only = true;
        self
    }

    /// Below it operations may be told.
    fn limit(&self) -> SeqNo {
        let core = &self.handle.core;
        let visible = core.visible();
        if self.durable_only { visible.min(core.pipeline.sync().synced().next_seqno) } else { visible }
    }

    /// The next operation, if it may be told already.
    fn take(&mut self) -> Result<Option<Change>> {
        self.handle.core.health.check_open()?;
        let limit = self.limit();
        loop {
            if let Some((seqno, feeds)) = &mut self.ingestion {
                let seqno = *seqno;
                match feeds.next(&self.handle.core)? {
                    Some((change, is_last)) => return Ok(Some(self.tell(change, is_last))),
                    None => self.ingestion = None,
                }
                self.next = seqno + 1;
            }
            if self.ready.front().is_some_and(|ready| ready.seqno() >= limit) {
                return Ok(None);
            }
            match self.ready.pop_front() {
                Some(Ready::Change(change, is_last)) => return Ok(Some(self.tell(change, is_last))),
                // It is visible, so its tables are installed.
                Some(Ready::Ingestion { seqno, keyspace, tables }) => {
                    let feeds = TreeFeeds::of_ingestion(&self.handle.core, keyspace, seqno, tables);
                    self.ingestion = Some((seqno, feeds));
                }
                None if self.read()? => {}
                None => return Ok(None),
            }
        }
    }

    /// Takes note of what is being told.
    fn tell(&mut self, change: Change, is_last: bool) -> Change {
        self.next = if is_last { change.seqno + 1 } else { change.seqno };
        change
    }

    /// Reads on; false at the end, for now.
    fn read(&mut self) -> Result<bool> {
        let core = &self.handle.core;
        // What was read so far need not be held any more.
        if self.hold.advance(self.next) {
            core.ingested.let_go(&core.folder);
        }
        match &mut self.source {
            Source::Trees { feeds, end } => {
                if let Some((change, is_last)) = feeds.next(core)? {
                    self.ready.push_back(Ready::Change(change, is_last));
                } else {
                    self.next = self.next.max(*end);
                    self.source = match Follower::start(&core.folder, self.next)? {
                        Some(follower) => Source::Log(Box::new(follower)),
                        None => return self.begin_anew(),
                    };
                }
                Ok(true)
            }
            Source::Log(follower) => match follower.next(core.pipeline.sync())? {
                Followed::CaughtUp => Ok(false),
                Followed::Gone => self.begin_anew(),
                Followed::Frame { meta, payload } => {
                    let damaged =
                        |e: DecodeError| Error::corruption(core.folder.directory(), 0, e.to_string());
                    for (operation, seqno) in BatchReader::new(payload, meta.count).zip(meta.first_seqno..) {
                        let operation = operation.map_err(damaged)?;
                        // Of a dropped keyspace nothing is told.
                        let keyspace = core.registry.get(operation.keyspace);
                        let Some(keyspace) = keyspace.filter(|_| seqno >= self.next) else { continue };
                        let ready = if let Some(told) = ChangeOperation::of_log(&operation) {
                            let keyspace = Arc::from(keyspace.name.as_str());
                            Ready::Change(Change { seqno, keyspace, operation: told }, true)
                        } else {
                            let tables = operation.ingested_tables().map_err(damaged)?;
                            Ready::Ingestion { seqno, keyspace, tables }
                        };
                        self.ready.push_back(ready);
                    }
                    Ok(true)
                }
            },
        }
    }

    /// What comes next is not in the log any more.
    fn begin_anew(&mut self) -> Result<bool> {
        (self.hold, self.source) = open(&self.handle.core, self.next)?;
        Ok(true)
    }
}

impl Drop for Changes {
    fn drop(&mut self) {
        let core = &self.handle.core;
        self.hold.advance(SeqNo::MAX);
        core.ingested.let_go(&core.folder);
    }
}

impl Iterator for Changes {
    type Item = Result<Change>;

    fn next(&mut self) -> Option<Self::Item> {
        self.take().transpose()
    }
}

/// Where the operations from `since` on are, and a hold of the log from there.
fn open(core: &Arc<Core>, since: SeqNo) -> Result<(LogHold, Source)> {
    let mut hold = core.folder.hold(since);
    if let Some(follower) = Follower::start(&core.folder, since)? {
        return Ok((hold, Source::Log(Box::new(follower))));
    }
    // INV-FEED-6: the log is held from before this look on.
    let end = core.visible();
    let feeds = TreeFeeds::of_all(core, &(since..end))?;
    hold.advance(end.max(since));
    Ok((hold, Source::Trees { feeds, end }))
}
