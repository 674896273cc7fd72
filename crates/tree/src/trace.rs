//! Trace: every version that a tree holds of one key, with its place.
//!
//! For the question "why does this read say that?". Memtables and runs are asked in the order in which a read asks them, but
//! each is read to the end of the key, whatever hides what.
//!
//! Not here: which of the versions a read would answer with ([`crate::get`]).

use std::cmp::Ordering;
use std::sync::Arc;

use esker_format::ids::{RunId, TableId};
use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::seqno::SeqNo;

use crate::core::Core;
use crate::cursor::Cursor;
use crate::error::Result;
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
}

/// Every version of `key`: newest place first, and newest first within each.
pub(crate) fn trace(core: &Core, key: &[u8]) -> Result<Vec<TracedVersion>> {
    let (view, order) = (core.state.view_owned(), core.order());
    let mut versions = Vec::new();
    for generation in view.generations() {
        let place = VersionPlace::Memtable { id: generation.id, sealed: generation.id != view.active.id };
        collect(&mut Source::from(&generation.memtable), key, order, place, &mut versions)?;
    }
    for placed in view.version.placed() {
        let table = &placed.table;
        let outside = order.compare(key, table.smallest()) == Ordering::Less
            || order.compare(key, table.largest()) == Ordering::Greater;
        if !outside {
            let place = VersionPlace::Table { level: placed.level, run: placed.run, table: table.id() };
            let mut cursor = TableCursor::new(Arc::clone(table), order.clone(), Fill::Cache);
            collect(&mut cursor, key, order, place, &mut versions)?;
        }
    }
    Ok(versions)
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
        versions.push(TracedVersion { place, seqno, kind, value_bytes: cursor.value().len() as u64 });
        cursor.next()?;
    }
    Ok(())
}
