//! The change feed of a database: every operation from a sequence number on, and then on and on as they are committed.
//!
//! 1. **Where from.** If the log still reaches back to the number, it is read from there ([`crate::wal::follow`]). If not, the
//!    operations up to what is visible now come from the trees' feeds, merged by number, and the log is read from there on. The
//!    log is held *before* what is visible is looked at, so that it has all that the trees do not tell (INV-FEED-6).
//! 2. **Tailing.** A frame is read as soon as the operating system has it; an operation is told once it is visible.
//! 3. **Falling behind.** The log is held for a feed only up to a size. If what comes next was removed, the feed begins anew at its
//!    place, as under 1: from the trees, or, if their history is gone as well, with [`Error::HistoryGone`].
//!
//! Numbers of writes that failed are never told: they are in no table, and behind the end of what the log's writer vouches for.
//!
//! **Not told** while the log is read: ingestions, which take a number and leave a gap in those of the log. They could be told as the
//! gaps are, by the trees' feeds for the numbers of the gap. Clears and drops of ranges are no operations and are never told.
//!
//! Memory: a commit group of the log; or, while reading trees, what their feeds sort in.
//!
//! Not here: keeping history in tables ([`crate::history`]).

use std::collections::VecDeque;
use std::iter::Peekable;
use std::sync::Arc;

use esker_format::batch::{BatchReader, Operation};
use esker_mem::seqno::SeqNo;
use esker_mem::slice::{Slice, UserKey, UserValue};
use esker_tree::{ScanSince, ScanSinceEvent};

use crate::core::Core;
use crate::error::{Error, Result};
use crate::handle::Handle;
use crate::state::KeyspaceState;
use crate::wal::follow::{Followed, Follower};
use crate::wal::segment::LogHold;

/// One operation, as it was committed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Change {
    /// Its sequence number. Numbers ascend; those of failed writes are missing.
    pub seqno: u64,
    /// The name of its keyspace.
    pub keyspace: Arc<str>,
    /// What was done.
    pub operation: ChangeOperation,
}

/// What a [`Change`] did.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChangeOperation {
    /// A value was written.
    Put {
        /// The key.
        key: UserKey,
        /// The value.
        value: UserValue,
    },
    /// A key was deleted.
    Delete {
        /// The key.
        key: UserKey,
    },
    /// A key was deleted that had been written once.
    SingleDelete {
        /// The key.
        key: UserKey,
    },
    /// An operand was added, to be merged into what is older.
    Merge {
        /// The key.
        key: UserKey,
        /// The operand.
        operand: UserValue,
    },
    /// All keys of a range were deleted.
    DeleteRange {
        /// The first of them.
        start: UserKey,
        /// The first key behind them.
        end: UserKey,
    },
}

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
    ready: VecDeque<Change>,
}

/// Where operations come from now.
enum Source {
    /// The trees, up to a number.
    Trees {
        feeds: Vec<TreeFeed>,
        end: SeqNo,
    },
    Log(Box<Follower>),
}

/// The feed of one keyspace.
struct TreeFeed {
    keyspace: Arc<KeyspaceState>,
    name: Arc<str>,
    events: Peekable<ScanSince>,
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
        Ok(Self { handle, next: since, durable_only: false, hold, source, ready })
    }

    /// The number that follows all that was told: where to go on later.
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
            if self.ready.front().is_some_and(|change| change.seqno >= limit) {
                return Ok(None);
            }
            if let Some(change) = self.ready.pop_front() {
                self.next = change.seqno + 1;
                return Ok(Some(change));
            }
            if !self.read()? {
                return Ok(None);
            }
        }
    }

    /// Reads on; false at the end, for now.
    fn read(&mut self) -> Result<bool> {
        // What was read so far need not be held any more.
        self.hold.advance(self.next);
        match &mut self.source {
            Source::Trees { feeds, end } => {
                if let Some(change) = next_of(&self.handle.core, feeds)? {
                    self.ready.push_back(change);
                } else {
                    let end = *end;
                    self.next = self.next.max(end);
                    let core = &self.handle.core;
                    self.source = match Follower::start(&core.folder, self.next)? {
                        Some(follower) => Source::Log(Box::new(follower)),
                        None => return self.begin_anew(),
                    };
                }
                Ok(true)
            }
            Source::Log(follower) => match follower.next(self.handle.core.pipeline.sync())? {
                Followed::CaughtUp => Ok(false),
                Followed::Gone => self.begin_anew(),
                Followed::Frame { meta, payload } => {
                    let operations = BatchReader::new(payload, meta.count).zip(meta.first_seqno..);
                    let core = &self.handle.core;
                    for (operation, seqno) in operations {
                        let operation = operation
                            .map_err(|e| Error::corruption(core.folder.directory(), 0, e.to_string()))?;
                        // Of a dropped keyspace nothing is told.
                        let keyspace = core.registry.get(operation.keyspace);
                        if let Some(keyspace) = keyspace.filter(|_| seqno >= self.next) {
                            let told = of_log(operation.operation, operation.key, operation.value);
                            let keyspace = Arc::from(keyspace.name.as_str());
                            self.ready.push_back(Change { seqno, keyspace, operation: told });
                        }
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
    let mut feeds = Vec::new();
    let mut oldest = None;
    for keyspace in core.registry.all() {
        let mut events = keyspace.tree.scan_seqnos(since..end).peekable();
        if let Some(Err(esker_tree::Error::HistoryGone { oldest: of_tree })) = events.peek() {
            oldest = oldest.max(Some(*of_tree));
        }
        feeds.push(TreeFeed { name: Arc::from(keyspace.name.as_str()), keyspace, events });
    }
    if let Some(oldest) = oldest {
        return Err(Error::HistoryGone { oldest });
    }
    hold.advance(end.max(since));
    Ok((hold, Source::Trees { feeds, end }))
}

/// The operation with the least number of all trees.
fn next_of(core: &Core, feeds: &mut [TreeFeed]) -> Result<Option<Change>> {
    let mut least: Option<(SeqNo, usize)> = None;
    for (at, feed) in feeds.iter_mut().enumerate() {
        match feed.events.peek() {
            Some(Ok(event)) if least.is_none_or(|(seqno, _)| event.seqno() < seqno) => {
                least = Some((event.seqno(), at));
            }
            Some(Err(error)) => return Err(feed.keyspace.error(error.clone())),
            Some(Ok(_)) | None => {}
        }
    }
    let Some(feed) = least.and_then(|(_, at)| feeds.get_mut(at)) else { return Ok(None) };
    let Some(event) = feed.events.next() else { return Ok(None) };
    let event = event.map_err(|error| feed.keyspace.error(error))?;
    let (seqno, keyspace) = (event.seqno(), Arc::clone(&feed.name));
    let operation = of_tree(event).ok_or_else(|| Error::Unsupported {
        path: core.path.clone(),
        problem: "an event of a later version".to_owned(),
    })?;
    Ok(Some(Change { seqno, keyspace, operation }))
}

fn of_log(operation: Operation, key: &[u8], value: &[u8]) -> ChangeOperation {
    let (key, value) = (Slice::new(key), Slice::new(value));
    match operation {
        Operation::Put => ChangeOperation::Put { key, value },
        Operation::Delete => ChangeOperation::Delete { key },
        Operation::SingleDelete => ChangeOperation::SingleDelete { key },
        Operation::Merge => ChangeOperation::Merge { key, operand: value },
        Operation::RangeDelete => ChangeOperation::DeleteRange { start: key, end: value },
    }
}

fn of_tree(event: ScanSinceEvent) -> Option<ChangeOperation> {
    Some(match event {
        ScanSinceEvent::Insert { key, value, .. } => ChangeOperation::Put { key, value },
        ScanSinceEvent::MergeOperand { key, operand, .. } => ChangeOperation::Merge { key, operand },
        ScanSinceEvent::PointTombstone { key, weak: true, .. } => ChangeOperation::SingleDelete { key },
        ScanSinceEvent::PointTombstone { key, .. } => ChangeOperation::Delete { key },
        ScanSinceEvent::RangeTombstone { start, end, .. } => ChangeOperation::DeleteRange { start, end },
        _ => return None,
    })
}
