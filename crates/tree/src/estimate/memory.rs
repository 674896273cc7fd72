//! How many entries of a memtable lie in a range.
//!
//! A short range is walked and so counted exactly. Of a longer one the memtable's index tells the share of its leaves
//! ([`esker_mem::memtable::Memtable::approximate_len`]); tombstones are taken to be spread evenly.
//!
//! Not here: tables ([`super`]).

use std::cmp::Ordering;
use std::ops::Bound;

use esker_mem::comparator::KeyOrder;

use crate::cursor::Cursor;
use crate::error::Result;
use crate::estimate::amount::{Amount, Ends};
use crate::memtable::EitherMemtable;
use crate::scan::source::Source;

/// Entries that are walked before the range counts as long.
const SHORT_RANGE: u64 = 1024;

/// What lies in `range`, which is not inverted.
pub(crate) fn amount_in_memtable(
    memtable: &EitherMemtable,
    order: &KeyOrder,
    range: Ends<'_>,
) -> Result<Amount> {
    let all = memtable.len().max(1) as f64;
    let entry_bytes = memtable.allocated_bytes() as f64 / all;
    if let Some((entries, tombstones)) = walk(&mut Source::from(memtable), order, range)? {
        let (entries, tombstones) = (entries as f64, tombstones as f64);
        return Ok(Amount { entries, tombstones, bytes: entries * entry_bytes });
    }
    let (from, to) = range;
    let entries = memtable.approximate_len(key_of(from), key_of(to)) as f64;
    let entries = entries.max(SHORT_RANGE as f64);
    let tombstones = memtable.tombstones() as f64 * (entries / all).min(1.0);
    Ok(Amount { entries, tombstones, bytes: entries * entry_bytes })
}

/// Counts entries and tombstones; `None` if there are too many.
fn walk(cursor: &mut impl Cursor, order: &KeyOrder, (from, to): Ends<'_>) -> Result<Option<(u64, u64)>> {
    match from {
        Bound::Unbounded => cursor.seek_to_first()?,
        Bound::Included(key) | Bound::Excluded(key) => cursor.seek(key)?,
    }
    let (mut entries, mut tombstones) = (0, 0);
    while cursor.valid() && !is_behind(cursor.key(), order, to) {
        let is_excluded = matches!(from, Bound::Excluded(key) if order.same_key(cursor.key(), key));
        if !is_excluded {
            if entries == SHORT_RANGE {
                return Ok(None);
            }
            entries += 1;
            tombstones += u64::from(cursor.kind().is_tombstone());
        }
        cursor.next()?;
    }
    Ok(Some((entries, tombstones)))
}

fn key_of(bound: Bound<&[u8]>) -> Option<&[u8]> {
    match bound {
        Bound::Included(key) | Bound::Excluded(key) => Some(key),
        Bound::Unbounded => None,
    }
}

fn is_behind(key: &[u8], order: &KeyOrder, to: Bound<&[u8]>) -> bool {
    match to {
        Bound::Unbounded => false,
        Bound::Included(end) => order.compare(key, end) == Ordering::Greater,
        Bound::Excluded(end) => order.compare(key, end) != Ordering::Less,
    }
}
