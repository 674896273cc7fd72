//! Trace: every version that a tree holds of one key, and every range tombstone over it, with its place.
//!
//! For the question "why does this read say that?". Memtables and runs are asked in the order in which a read asks them, but
//! each is read to the end of the key, whatever hides what. A range tombstone over the key hides versions with smaller numbers
//! wherever they lie, so those stand beside the versions, with the span that their source has of them.
//!
//! Cost: a search in each source, and a walk through the range tombstones of those that have any.
//!
//! Not here: which of the versions a read would answer with ([`crate::get`]).

use std::cmp::{Ordering, Reverse};
use std::sync::Arc;

use esker_format::expiry::split_expiring;
use esker_format::ids::{RunId, TableId};
use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::UserKey;

use crate::core::Core;
use crate::cursor::Cursor;
use crate::error::Result;
use crate::range_tombstones::span::RangeDelete;
use crate::scan::source::Source;
use crate::table::cursor::{Fill, TableCursor};

/// Where a version lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VersionPlace {
    /// In memory.
    Memtable {
        /// The number of the memtable: a later one has a higher number.
        id: u64,
        /// Whether it waits for a flush; else it is the active one.
        sealed: bool,
    },
    /// In a table.
    Table {
        /// The level of the table.
        level: usize,
        /// Its run within the level.
        run: RunId,
        /// Its number.
        table: TableId,
    },
}

/// One version of a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TracedVersion {
    /// Where it lies.
    pub place: VersionPlace,
    /// Its sequence number; 0 where a compaction found that nobody needs it any more.
    pub seqno: SeqNo,
    /// What it is.
    pub kind: Kind,
    /// The length of its value, or of what stands for it, in bytes; 0 for tombstones.
    pub value_bytes: u64,
    /// When it expires, in milliseconds since 1970, if it does; 0 if a compaction found it expired and let its value go.
    pub expires_at: Option<u64>,
}

/// A range tombstone over a key.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TracedRangeTombstone {
    /// Where it lies. Tables have pieces of it, each in its place.
    pub place: VersionPlace,
    /// The first key that it covers there.
    pub start: UserKey,
    /// The first key behind.
    pub end: UserKey,
    /// Its sequence number: it hides smaller ones.
    pub seqno: SeqNo,
}

/// What a tree holds of one key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Trace {
    /// The versions: newest place first, and newest first within each.
    pub versions: Vec<TracedVersion>,
    /// The range tombstones over the key, in the same order.
    pub range_tombstones: Vec<TracedRangeTombstone>,
}

/// What there is of `key`.
pub(crate) fn trace(core: &Core, key: &[u8]) -> Result<Trace> {
    let (view, order) = (core.state.view_owned(), core.order());
    let (mut versions, mut range_tombstones) = (Vec::new(), Vec::new());
    for generation in view.generations() {
        let place = VersionPlace::Memtable { id: generation.id, sealed: generation.id != view.active.id };
        collect(&mut Source::from(&generation.memtable), key, order, place, &mut versions)?;
        let mut ranges = Vec::new();
        if let Some(forest) = generation.ranges.forest() {
            forest.each(|range| ranges.extend(covering(range, key, order, place)));
        }
        add_newest_first(ranges, &mut range_tombstones);
    }
    for placed in view.version.placed() {
        let table = &placed.table;
        let outside = order.compare(key, table.smallest()) == Ordering::Less
            || order.compare(key, table.largest()) == Ordering::Greater;
        if !outside {
            let place = VersionPlace::Table { level: placed.level, run: placed.run, table: table.id() };
            let mut cursor = TableCursor::new(Arc::clone(table), order.clone(), Fill::Cache);
            collect(&mut cursor, key, order, place, &mut versions)?;
            let ranges = table.range_deletes().filter_map(|range| covering(&range, key, order, place));
            add_newest_first(ranges.collect(), &mut range_tombstones);
        }
    }
    Ok(Trace { versions, range_tombstones })
}

/// The range tombstone, if it is over `key`.
fn covering(
    range: &RangeDelete,
    key: &[u8],
    order: &KeyOrder,
    place: VersionPlace,
) -> Option<TracedRangeTombstone> {
    let RangeDelete { start, end, seqno } = range;
    let covers = order.compare(start, key) != Ordering::Greater && order.compare(key, end) == Ordering::Less;
    covers.then(|| TracedRangeTombstone { place, start: start.clone(), end: end.clone(), seqno: *seqno })
}

fn add_newest_first(mut ranges: Vec<TracedRangeTombstone>, to: &mut Vec<TracedRangeTombstone>) {
    ranges.sort_by_key(|range| Reverse(range.seqno));
    to.append(&mut ranges);
}

/// Adds the versions of `key` in one source.
fn collect(
    cursor: &mut impl Cursor,
    key: &[u8],
    order: &KeyOrder,
    place: VersionPlace,
    versions: &mut Vec<TracedVersion>,
) -> Result<()> {
    cursor.seek(key)?;
    while cursor.valid() && order.same_key(cursor.key(), key) {
        let (seqno, kind) = (cursor.seqno(), cursor.kind());
        let (value, expires_at) = match kind {
            Kind::ExpiringPut => {
                let (value, expires_at) = split_expiring(cursor.value());
                (value, Some(expires_at))
            }
            _ => (cursor.value(), None),
        };
        let value_bytes = value.len() as u64;
        versions.push(TracedVersion { place, seqno, kind, value_bytes, expires_at });
        cursor.next()?;
    }
    Ok(())
}
