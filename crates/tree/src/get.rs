//! Point lookup: the read path of one tree.
//!
//! 1. Hash the key once, for memtables and filters alike, and ask the processor for the filters' lines of all runs.
//! 2. Ask the active memtable, then the sealed ones, newest first.
//! 3. Ask the runs, newest first: at most one table of each. The last run's filter is asked only where keys are not
//!    [expected](expectation) to be there.
//!
//! Every source answers with its newest version below the bound. The first answer ends the search if no source
//! that was not asked yet holds anything newer (INV-READ-2): that is always so where sequence numbers came in
//! order, and checked against each source's highest number otherwise. A tombstone ends it with nothing, and an operand
//! makes it begin anew, for all versions that count ([`operands`]). A value that expires is looked at once more, by the read's
//! time ([`crate::expiry`]).
//!
//! A range tombstone over the key counts as what was found, from the beginning ([`cover`]): it hides what is older, and ends the
//! search where nothing newer can be.
//!
//! Cost: a hash probe per memtable, a filter probe per run, one data block per hit. A value in a block is returned
//! pinned, not copied; one in a memtable is copied, as it would pin the arena. [`size_of`] and [`contains`] are the same
//! search, compiled once more for callers who want of the value nothing but its length.
//!
//! Not here: ranges ([`crate::scan`]).

pub(crate) mod expectation;
pub(crate) mod operands;

use esker_format::checksum::key_hash;
use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;

use crate::core::Core;
use crate::error::Result;
use crate::expiry::{ReadTime, live};
use crate::found::{Found, Keep, ValueLen};
use crate::get::expectation::Expectation;
use crate::get::operands::Wanted;
use crate::state::View;
use crate::table::reader::Table;

/// Runs whose filters are asked for ahead: more than a settled tree has.
const AHEAD_RUNS: usize = 8;

/// The value of `key` as seen below `bound`, by `time`.
#[inline(never)]
pub(crate) fn get(
    core: &Core,
    view: &View,
    key: &[u8],
    bound: SeqNo,
    time: ReadTime,
) -> Result<Option<Slice>> {
    let mut lookup = Lookup::new(key, bound);
    newest(view, core.order(), &mut lookup)?;
    lookup.into_value(core, view, time)
}

/// The length of `key`'s value as seen below `bound`. The value is not touched, unless it has to be folded or may expire.
pub(crate) fn size_of(
    core: &Core,
    view: &View,
    key: &[u8],
    bound: SeqNo,
    time: ReadTime,
) -> Result<Option<u32>> {
    let mut lookup = Lookup::<'_, ValueLen>::new(key, bound);
    newest(view, core.order(), &mut lookup)?;
    Ok(lookup.into_value(core, view, time)?.map(|len| len.0))
}

/// Whether `key` has a value below `bound`. Operands always make one, so nothing is folded.
pub(crate) fn contains(core: &Core, view: &View, key: &[u8], bound: SeqNo, time: ReadTime) -> Result<bool> {
    let mut lookup = Lookup::<'_, ValueLen>::new(key, bound);
    newest(view, core.order(), &mut lookup)?;
    match lookup.found.as_ref().map(|found| found.kind) {
        Some(Kind::Put | Kind::Merge | Kind::BlobPointer) => Ok(true),
        None | Some(Kind::Delete | Kind::SingleDelete) => Ok(false),
        Some(Kind::ExpiringPut) => Ok(lookup.into_value(core, view, time)?.is_some()),
    }
}

/// The search for one key, and what it has come to.
pub(crate) struct Lookup<'k, V = Slice> {
    pub(crate) key: &'k [u8],
    pub(crate) hash: u64,
    /// Only what is below counts.
    pub(crate) bound: SeqNo,
    /// The newest version that was found, a tombstone perhaps.
    found: Option<Found<V>>,
}

impl<'k, V: Keep> Lookup<'k, V> {
    #[inline]
    pub(crate) fn new(key: &'k [u8], bound: SeqNo) -> Self {
        Self { key, hash: key_hash(key), bound, found: None }
    }

    /// Whether nothing up to `highest_seqno` can be newer than what was found (INV-READ-2).
    #[inline]
    pub(crate) fn is_settled_by(&self, highest_seqno: SeqNo) -> bool {
        self.found.as_ref().is_some_and(|found| found.seqno >= highest_seqno)
    }

    #[inline]
    fn is_newer(&self, seqno: SeqNo) -> bool {
        self.found.as_ref().is_none_or(|found| seqno > found.seqno)
    }

    /// Takes what a source answered, if it is newer than what was found.
    #[inline(always)]
    pub(crate) fn take_newer(&mut self, found: Option<Found<V>>) {
        if let Some(found) = found
            && self.is_newer(found.seqno)
        {
            self.found = Some(found);
        }
    }

    /// Takes note of a range tombstone at `seqno` over the key: as if a deletion had been found just below, since it covers
    /// strictly smaller numbers (INV-RANGE-1).
    fn take_cover(&mut self, seqno: SeqNo) {
        let below =
            seqno.checked_sub(1).map(|seqno| Found { seqno, kind: Kind::Delete, value: V::of_memtable(&[]) });
        self.take_newer(below);
    }

    /// Whether what was found comes to a value by the time of the read: itself, or what operands lie upon.
    #[inline]
    pub(crate) fn wants_time(&self) -> bool {
        self.found.as_ref().is_some_and(|found| matches!(found.kind, Kind::ExpiringPut | Kind::Merge))
    }

    /// The value, if that is what was found, or what the operands come to.
    // A plain value is asked for first, and what else there is out of the way: neither operands nor expiry cost it a branch.
    #[inline]
    pub(crate) fn into_value(self, core: &Core, view: &View, time: ReadTime) -> Result<Option<V>> {
        match self.found {
            Some(Found { kind: Kind::Put, value, .. }) => Ok(Some(value)),
            Some(found) if !found.kind.is_tombstone() => {
                let wanted = Wanted { key: self.key, hash: self.hash, bound: self.bound };
                unusual(found, core, view, wanted, time)
            }
            _ => Ok(None),
        }
    }
}

/// What a version comes to that is neither a value as it stands nor a tombstone.
#[cold]
#[inline(never)]
fn unusual<V: Keep>(
    found: Found<V>,
    core: &Core,
    view: &View,
    wanted: Wanted<'_>,
    time: ReadTime,
) -> Result<Option<V>> {
    match found.kind {
        Kind::Merge => operands::fold(core, view, wanted, time).map(|value| Some(V::of_folded(value))),
        Kind::ExpiringPut => {
            let value = match found.value.whole() {
                Some(stored) => live(&stored, core.time_of_read(wanted.bound, time)),
                // The expiry stands behind the value, of which nothing was kept.
                None => get(core, view, wanted.key, wanted.bound, time)?,
            };
            Ok(value.map(V::of_folded))
        }
        Kind::Put | Kind::BlobPointer | Kind::Delete | Kind::SingleDelete => Ok(Some(found.value)),
    }
}

/// Asks the range tombstones of all sources, if there are any. To be done before any source is asked for the key.
#[inline]
pub(crate) fn cover<V: Keep>(view: &View, order: &KeyOrder, lookup: &mut Lookup<'_, V>) {
    if let Some(seqno) = view.newest_covering(lookup.key, lookup.bound, order) {
        lookup.take_cover(seqno);
    }
}

/// Looks for the newest version of the key below the bound.
// A part of each of its callers: as a function of its own, it hands what it has come to on through memory, and an absent key took a
// quarter longer.
#[inline(always)]
fn newest<V: Keep>(view: &View, order: &KeyOrder, lookup: &mut Lookup<'_, V>) -> Result<()> {
    cover(view, order, lookup);
    let (key, hash, bound) = (lookup.key, lookup.hash, lookup.bound);
    let expectation = Expectation::of_thread();
    let runs = view.version.runs();
    let mut ahead: [Option<&Table>; AHEAD_RUNS] = [None; AHEAD_RUNS];
    for (i, (table, run)) in ahead.iter_mut().zip(runs).enumerate() {
        *table = run.table_for(key, order);
        let will_be_asked = i + 1 < runs.len() || !expectation.is_present();
        if let Some(table) = table.filter(|_| will_be_asked) {
            table.prefetch_filter(hash);
        }
    }
    from_memtables(view, lookup);
    for (i, run) in runs.iter().enumerate() {
        // A run that holds nothing newer than what was found cannot change the answer.
        if lookup.is_settled_by(run.highest_seqno()) {
            continue;
        }
        let table = ahead.get(i).copied().unwrap_or_else(|| run.table_for(key, order));
        let Some(table) = table else { continue };
        let is_last = i + 1 == runs.len() && lookup.found.is_none();
        let expected = is_last && expectation.is_present();
        let found = if expected || table.may_contain(key, hash) {
            table.get(key, hash, bound, expected)?
        } else {
            None
        };
        if is_last {
            expectation.note(found.is_some());
        }
        lookup.take_newer(found);
    }
    Ok(())
}

/// Asks the memtables, newest first.
#[inline]
pub(crate) fn from_memtables<V: Keep>(view: &View, lookup: &mut Lookup<'_, V>) {
    for (i, generation) in view.generations().enumerate() {
        // The active memtable of a settled tree is empty: its hash index is not worth a look.
        if generation.memtable.is_empty() {
            continue;
        }
        if let Some(version) = generation.memtable.get(lookup.key, lookup.hash, lookup.bound) {
            if lookup.is_newer(version.seqno) {
                let value = V::of_memtable(version.value);
                lookup.found = Some(Found { seqno: version.seqno, kind: version.kind, value });
            }
            if lookup.is_settled_by(highest_after(view, i)) {
                return;
            }
        }
    }
}

/// The highest sequence number of everything older than the `i`-th memtable.
fn highest_after(view: &View, i: usize) -> SeqNo {
    let memtables =
        view.sealed.iter().skip(i).filter_map(|generation| generation.memtable.highest_seqno()).max();
    memtables.max(view.version.highest_seqno()).unwrap_or(0)
}
