//! Point lookup: the read path of one tree.
//!
//! 1. Hash the key once, for memtables and filters alike.
//! 2. Ask the active memtable, then the sealed ones, newest first.
//! 3. Ask the runs, newest first: at most one table of each.
//!
//! Every source answers with its newest version below the bound. The first answer ends the search if no source
//! that was not asked yet holds anything newer (INV-READ-2): that is always so where sequence numbers came in
//! order, and checked against each source's highest number otherwise. A tombstone ends it with nothing.
//!
//! Cost: a hash probe per memtable, a filter probe per run, one data block per hit. A value in a block is returned
//! pinned, not copied; one in a memtable is copied, as it would pin the arena.
//!
//! Not here: ranges ([`crate::scan`]).

use esker_format::checksum::key_hash;
use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;

use crate::error::Result;
use crate::state::View;
use crate::table::reader::Found;

/// The value of `key` as seen below `bound`.
#[inline]
pub(crate) fn get(view: &View, order: &KeyOrder, key: &[u8], bound: SeqNo) -> Result<Option<Slice>> {
    let found = newest(view, order, key, bound)?;
    Ok(found.filter(|found| !found.kind.is_tombstone()).map(|found| found.value))
}

/// Whether `key` has a value below `bound`.
pub(crate) fn contains(view: &View, order: &KeyOrder, key: &[u8], bound: SeqNo) -> Result<bool> {
    Ok(newest(view, order, key, bound)?.is_some_and(|found| !found.kind.is_tombstone()))
}

/// The newest version of `key` below `bound`, tombstones included.
fn newest(view: &View, order: &KeyOrder, key: &[u8], bound: SeqNo) -> Result<Option<Found>> {
    let hash = key_hash(key);
    let mut best: Option<Found> = None;
    for (i, generation) in view.generations().enumerate() {
        // The active memtable of a settled tree is empty: its hash index is not worth a look.
        if generation.memtable.is_empty() {
            continue;
        }
        if let Some(version) = generation.memtable.get(key, hash, bound) {
            if is_newer(&best, version.seqno) {
                best = Some(copy(version.seqno, version.kind, version.value));
            }
            if best.as_ref().is_some_and(|found| found.seqno >= highest_after(view, i)) {
                return Ok(best);
            }
        }
    }
    from_runs(view, order, key, hash, bound, best)
}

/// Continues in the runs, with what the memtables had.
fn from_runs(
    view: &View,
    order: &KeyOrder,
    key: &[u8],
    hash: u64,
    bound: SeqNo,
    mut best: Option<Found>,
) -> Result<Option<Found>> {
    for run in view.version.runs() {
        // A run that holds nothing newer than what was found cannot change the answer.
        if best.as_ref().is_some_and(|found| found.seqno >= run.highest_seqno()) {
            continue;
        }
        let Some(table) = run.table_for(key, order) else { continue };
        if let Some(found) = table.get(key, hash, bound)?
            && is_newer(&best, found.seqno)
        {
            best = Some(found);
        }
    }
    Ok(best)
}

#[inline]
fn is_newer(best: &Option<Found>, seqno: SeqNo) -> bool {
    best.as_ref().is_none_or(|found| seqno > found.seqno)
}

fn copy(seqno: SeqNo, kind: Kind, value: &[u8]) -> Found {
    Found { seqno, kind, value: Slice::new(value) }
}

/// The highest sequence number of everything older than the `i`-th memtable.
fn highest_after(view: &View, i: usize) -> SeqNo {
    let memtables =
        view.sealed.iter().skip(i).filter_map(|generation| generation.memtable.highest_seqno()).max();
    memtables.max(view.version.highest_seqno()).unwrap_or(0)
}
