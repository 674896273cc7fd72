//! Estimates of a range: how many entries, bytes and rows it holds, without reading it.
//!
//! - A *table* is asked by its index: the blocks between the two that hold the ends of the range, by their stored bytes. The
//!   ends count as half a block each; where that would be a large part of the answer (few blocks), the two blocks are
//!   looked into. So a table costs two searches in its resident index, and at most two blocks.
//! - A *memtable* is walked as far as the range is short, and else asked by its index ([`memory`]).
//!
//! Of a key with several versions each counts as an entry. Rows are entries without tombstones and without the older version
//! that each of those is taken to hide; that overwritten versions wait for their compaction is not seen.
//!
//! Not here: exact answers ([`crate::scan`]).

mod amount;
mod memory;

use std::cmp::Ordering;
use std::ops::{Bound, RangeBounds};

use esker_mem::comparator::KeyOrder;

use crate::core::Core;
use crate::error::Result;
use crate::estimate::amount::{Amount, Ends};
use crate::estimate::memory::amount_in_memtable;
use crate::table::reader::Table;

/// What a range holds, roughly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ApproximateRangeStats {
    /// Bytes of stored blocks and of memtables.
    pub bytes: u64,
    /// Entries: tombstones and old versions count, too.
    pub key_count: u64,
}

/// How many live keys a range holds, roughly.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct RangeCardinality {
    /// Live keys.
    pub rows: u64,
    /// Their share of all live keys of the tree, from 0 to 1; 0 for an empty tree.
    pub selectivity: f64,
}

/// Ranges of fewer blocks than this have their ends looked into: from here on, half a block more or less at each end is
/// within an eighth.
const LOOKED_INTO_BLOCKS: usize = 8;

/// What `range` holds.
pub(crate) fn range_stats<K: AsRef<[u8]>>(
    core: &Core,
    range: &impl RangeBounds<K>,
) -> Result<ApproximateRangeStats> {
    let amount = amount_in(core, ends(range))?;
    Ok(ApproximateRangeStats { bytes: whole(amount.bytes), key_count: whole(amount.entries) })
}

/// How many live keys `range` holds.
pub(crate) fn range_cardinality<K: AsRef<[u8]>>(
    core: &Core,
    range: &impl RangeBounds<K>,
) -> Result<RangeCardinality> {
    let rows = amount_in(core, ends(range))?.rows();
    let all = amount_in(core, (Bound::Unbounded, Bound::Unbounded))?.rows();
    let selectivity = if all > 0.0 { (rows / all).min(1.0) } else { 0.0 };
    Ok(RangeCardinality { rows: whole(rows), selectivity })
}

fn ends<'a, K: AsRef<[u8]> + 'a>(range: &'a impl RangeBounds<K>) -> Ends<'a> {
    (range.start_bound().map(AsRef::as_ref), range.end_bound().map(AsRef::as_ref))
}

#[allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rounded amount, never negative; the conversion saturates"
)]
fn whole(amount: f64) -> u64 {
    amount.round() as u64
}

fn amount_in(core: &Core, range: Ends<'_>) -> Result<Amount> {
    let (view, order) = (core.state.view_owned(), core.order());
    let mut amount = Amount::default();
    if is_inverted(range, order) {
        return Ok(amount);
    }
    for generation in view.generations().filter(|generation| !generation.memtable.is_empty()) {
        amount.add(amount_in_memtable(&generation.memtable, order, range)?);
    }
    for placed in view.version.placed() {
        amount.add(amount_in_table(&placed.table, order, range)?);
    }
    Ok(amount)
}

fn is_inverted(range: Ends<'_>, order: &KeyOrder) -> bool {
    let (Bound::Included(from) | Bound::Excluded(from), Bound::Included(to) | Bound::Excluded(to)) = range
    else {
        return false;
    };
    match order.compare(from, to) {
        Ordering::Less => false,
        Ordering::Equal => !matches!(range, (Bound::Included(_), Bound::Included(_))),
        Ordering::Greater => true,
    }
}

/// A place between two entries of a table: the block, and how much of its entries lie before the place.
struct Place {
    block: usize,
    before: f64,
}

fn amount_in_table(table: &Table, order: &KeyOrder, range: Ends<'_>) -> Result<Amount> {
    let (meta, data_bytes) = (table.meta(), table.properties().data_bytes);
    let end = Place { block: table.block_count(), before: 0.0 };
    let (from, to) = range;
    let first = block_of(table, from)?.unwrap_or(Some(0));
    let last = block_of(table, to)?.unwrap_or(None);
    let blocks = last.unwrap_or(end.block).saturating_sub(first.unwrap_or(end.block));
    let exact = blocks < LOOKED_INTO_BLOCKS;
    let lower = match (first, from) {
        (None, _) => end,
        (Some(block), Bound::Unbounded) => Place { block, before: 0.0 },
        (Some(block), Bound::Included(key)) => place_in(table, order, block, key, false, exact)?,
        (Some(block), Bound::Excluded(key)) => place_in(table, order, block, key, true, exact)?,
    };
    let upper = match (last, to) {
        (None, _) | (_, Bound::Unbounded) => Place { block: table.block_count(), before: 0.0 },
        (Some(block), Bound::Included(key)) => place_in(table, order, block, key, true, exact)?,
        (Some(block), Bound::Excluded(key)) => place_in(table, order, block, key, false, exact)?,
    };
    let bytes = (bytes_before(table, &upper)? - bytes_before(table, &lower)?).max(0.0);
    let share = if data_bytes > 0 { bytes / data_bytes as f64 } else { 0.0 };
    Ok(Amount {
        entries: share * meta.entries as f64,
        tombstones: share * meta.point_tombstones as f64,
        bytes,
    })
}

/// The block in which the key of `bound` belongs; `Some(None)` behind the last block, `None` if there is no such key.
fn block_of(table: &Table, bound: Bound<&[u8]>) -> Result<Option<Option<usize>>> {
    match bound {
        Bound::Included(key) | Bound::Excluded(key) => Ok(Some(table.locate(key)?)),
        Bound::Unbounded => Ok(None),
    }
}

/// Where `key` (with `behind`: what follows it) begins in the block that it belongs to.
fn place_in(
    table: &Table,
    order: &KeyOrder,
    block: usize,
    key: &[u8],
    behind: bool,
    exact: bool,
) -> Result<Place> {
    if block == 0 && order.compare(key, table.smallest()) == Ordering::Less {
        return Ok(Place { block, before: 0.0 });
    }
    if !exact {
        return Ok(Place { block, before: 0.5 });
    }
    let held = table.load(block)?;
    let entries = held.block();
    let at = if behind { entries.upper_bound(key, order) } else { entries.lower_bound(key, order) };
    Ok(Place { block, before: at as f64 / entries.len().max(1) as f64 })
}

/// Bytes of stored blocks before a place.
fn bytes_before(table: &Table, place: &Place) -> Result<f64> {
    if place.block < table.block_count() {
        let handle = table.entry(place.block)?.handle;
        return Ok(handle.offset as f64 + place.before * handle.len as f64);
    }
    let last = table.entry(table.block_count().saturating_sub(1))?.handle;
    Ok((last.offset + last.len) as f64)
}
