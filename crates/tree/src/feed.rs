//! The change feed: every write of a range of sequence numbers, in their order.
//!
//! 1. Take a view, *then* ask for which numbers the history is complete ([`crate::history`]): what any job was allowed to
//!    drop before the view was made is known by then (INV-FEED-2). A feed from below is [`Error::HistoryGone`].
//! 2. Read the memtables, and of the tables the blocks that the index says to hold numbers of the range ([`blocks`]).
//! 3. Sort what was found, in bounded memory ([`sort`]): tables are in key order, and one number may be anywhere.
//! 4. Give it out. The pieces of a range tombstone, which tables hold clipped to their keys, are put together, so that each comes
//!    once (INV-FEED-4). Where one number has range tombstones and point events, as a batch or an ingestion may, the former come
//!    first: they cover strictly smaller numbers, and nothing of what came with them (INV-FEED-8).
//!
//! All of the first three happens when the feed is made: it costs a walk through the memtables and the blocks that are not
//! older, however little is then taken. The feed does not see what is written later.
//!
//! Not here: keeping history ([`crate::history`]), a feed that goes on (the crate `esker`).

pub(crate) mod blocks;
pub(crate) mod cursor;
pub(crate) mod event;
pub(crate) mod ingested;
pub(crate) mod record;
pub(crate) mod sort;

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use esker_format::expiry::split_expiring;
use esker_mem::kind::Kind;
use esker_mem::seqno::{MAX_SEQNO, SeqNo};
use esker_mem::slice::Slice;

use crate::core::Core;
use crate::cursor::Cursor;
use crate::error::{Error, Result};
use crate::feed::blocks::each_entry_within;
use crate::feed::event::ScanSinceEvent;
use crate::feed::record::{What, decode};
use crate::feed::sort::{Sorted, Sorter};
use crate::range_tombstones::span::RangeDelete;
use crate::scan::source::Source;
use crate::table::reader::Table;

/// The events of [`crate::Tree::scan_since_seqno`]. After an error it ends.
pub struct ScanSince {
    core: Arc<Core>,
    events: Result<Sorted>,
    /// The pieces of the range tombstones of one number.
    pieces: Vec<(Slice, Slice)>,
    pieces_seqno: SeqNo,
    /// What comes next.
    ready: VecDeque<ScanSinceEvent>,
    ended: bool,
}

impl std::fmt::Debug for ScanSince {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScanSince").field("ended", &self.ended).finish_non_exhaustive()
    }
}

/// The feed of `seqnos`.
pub(crate) fn scan(core: &Arc<Core>, seqnos: Range<SeqNo>) -> ScanSince {
    ScanSince::new(core, collect(core, &seqnos))
}

/// The feed of `seqnos` as far as `tables` have them: all of them, as the caller knows.
pub(crate) fn scan_tables(core: &Arc<Core>, tables: &[Arc<Table>], seqnos: Range<SeqNo>) -> ScanSince {
    let mut sorter = Sorter::new(core, core.config.feed_memory_bytes);
    let pushed = tables.iter().try_for_each(|table| push_table(core, &mut sorter, &seqnos, table));
    ScanSince::new(core, pushed.and_then(|()| sorter.finish()))
}

fn collect(core: &Arc<Core>, seqnos: &Range<SeqNo>) -> Result<Sorted> {
    let view = core.state.view_owned();
    core.snapshots.history.check(seqnos.start)?;
    let mut sorter = Sorter::new(core, core.config.feed_memory_bytes);
    for generation in view.generations() {
        let memtable = &generation.memtable;
        if let Some(forest) = generation.ranges.forest() {
            forest.try_each(|range| push_range(&mut sorter, seqnos, range))?;
        }
        if memtable.highest_seqno().is_none_or(|highest| highest < seqnos.start) {
            continue;
        }
        let mut cursor = Source::from(memtable);
        cursor.seek_to_first()?;
        while cursor.valid() {
            if seqnos.contains(&cursor.seqno()) {
                sorter.push(What::Point(cursor.kind()), cursor.seqno(), cursor.key(), cursor.value())?;
            }
            cursor.next()?;
        }
    }
    for placed in view.version.placed() {
        push_table(core, &mut sorter, seqnos, &placed.table)?;
    }
    sorter.finish()
}

fn push_table(core: &Core, sorter: &mut Sorter, seqnos: &Range<SeqNo>, table: &Table) -> Result<()> {
    let zone_maps = core.runtime.get().zone_maps;
    each_entry_within(table, seqnos, zone_maps, &core.metrics, |kind, seqno, key, value| {
        if kind == Kind::BlobPointer {
            return Err(Error::Unsupported { path: table.path().into(), what: "separated values" });
        }
        sorter.push(What::Point(kind), seqno, key, value)
    })?;
    table.range_deletes().try_for_each(|range| push_range(sorter, seqnos, &range))
}

fn push_range(sorter: &mut Sorter, seqnos: &Range<SeqNo>, range: &RangeDelete) -> Result<()> {
    if !seqnos.contains(&range.seqno) {
        return Ok(());
    }
    sorter.push(What::Range, range.seqno, &range.start, &range.end)
}

impl ScanSince {
    fn new(core: &Arc<Core>, events: Result<Sorted>) -> Self {
        Self {
            core: Arc::clone(core),
            events,
            pieces: Vec::new(),
            pieces_seqno: 0,
            ready: VecDeque::new(),
            ended: false,
        }
    }

    /// Takes the next record: a point event is ready then, a piece of a range tombstone waits for its others.
    fn take(&mut self) -> Result<()> {
        let events = match &mut self.events {
            Ok(events) => events,
            Err(error) => return Err(error.clone()),
        };
        let Some(bytes) = events.next()? else {
            self.ended = true;
            self.join_pieces();
            return Ok(());
        };
        let (record, _) = decode(bytes).map_err(|e| Error::corrupt(self.core.path(), e))?;
        let (seqno, key, value) = (record.rank.seqno, Slice::new(record.key), Slice::new(record.value));
        let event = match record.what {
            What::Range => {
                if seqno != self.pieces_seqno {
                    self.join_pieces();
                }
                self.pieces_seqno = seqno;
                self.pieces.push((key, value));
                return Ok(());
            }
            What::Point(Kind::Put | Kind::BlobPointer) => ScanSinceEvent::Insert { key, value, seqno },
            What::Point(Kind::ExpiringPut) => {
                let (value, expires_at) = split_expiring(record.value);
                ScanSinceEvent::ExpiringInsert { key, value: Slice::new(value), expires_at, seqno }
            }
            What::Point(Kind::Merge) => ScanSinceEvent::MergeOperand { key, operand: value, seqno },
            What::Point(kind) => {
                ScanSinceEvent::PointTombstone { key, seqno, weak: kind == Kind::SingleDelete }
            }
        };
        // Range tombstones come before the point events of their number.
        self.join_pieces();
        self.ready.push_back(event);
        Ok(())
    }

    /// Makes events of the pieces: those that overlap or touch are one.
    fn join_pieces(&mut self) {
        if self.pieces.is_empty() {
            return;
        }
        let order = self.core.order();
        self.pieces.sort_by(|a, b| order.compare(&a.0, &b.0));
        let seqno = self.pieces_seqno;
        let mut joined: Option<(Slice, Slice)> = None;
        for (start, end) in self.pieces.drain(..) {
            match &mut joined {
                Some((_, last)) if order.compare(&start, last).is_le() => {
                    if order.compare(last, &end).is_lt() {
                        *last = end;
                    }
                }
                _ => {
                    let done = joined.replace((start, end));
                    let event = done.map(|(start, end)| ScanSinceEvent::RangeTombstone { start, end, seqno });
                    self.ready.extend(event);
                }
            }
        }
        let last = joined.map(|(start, end)| ScanSinceEvent::RangeTombstone { start, end, seqno });
        self.ready.extend(last);
    }
}

impl Iterator for ScanSince {
    type Item = Result<ScanSinceEvent>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() && !self.ended {
            if let Err(error) = self.take() {
                self.ended = true;
                return Some(Err(error));
            }
        }
        self.ready.pop_front().map(Ok)
    }
}

/// Every number from `since` on.
pub(crate) fn from(since: SeqNo) -> Range<SeqNo> {
    since..MAX_SEQNO
}
