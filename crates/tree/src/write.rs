//! Writes: one entry, or room for a caller's own batch, in the active memtable.
//!
//! A write is refused before anything changes if its key or value is too long or its sequence number is out of
//! range. When the active memtable is full it is sealed and a new one takes its place; sealed memtables wait for
//! [`crate::flush`].
//!
//! A write below the watermark is refused (INV-VIEW-4): the check stands under the memtable's lock, and whoever raises
//! the watermark passes through that lock before it relies on it.
//!
//! What a recovery has sorted comes as a whole, through [`install_sealed`].
//!
//! Not here: durability. A bare tree keeps nothing of its memtables over a crash.

use std::cmp::Ordering;
use std::sync::Arc;

use esker_format::checksum::key_hash;
use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::memtable::{Memtable, Place};
use esker_mem::seqno::{MAX_SEQNO, SeqNo};
use esker_mem::sorted_memtable::SortedMemtable;

use crate::core::Core;
use crate::error::{Error, Result};
use crate::memtable::{Generation, Refused, Reservation};
use crate::range_tombstones::list::RangeDeletes;
use crate::range_tombstones::span::RangeDelete;
use crate::state::View;

/// The longest key, in bytes.
pub(crate) const MAX_KEY_LEN: usize = 65_535;
/// The longest value, in bytes.
pub(crate) const MAX_VALUE_LEN: usize = u32::MAX as usize;

/// Refuses what is too long.
#[inline]
pub(crate) fn check_lengths(key: &[u8], value: &[u8]) -> Result<()> {
    if key.len() > MAX_KEY_LEN {
        return Err(Error::KeyTooLong { len: key.len() });
    }
    if value.len() > MAX_VALUE_LEN {
        return Err(Error::ValueTooLong { len: value.len() });
    }
    Ok(())
}

/// Refuses a sequence number at which nothing may be written: to be asked under the memtable's lock (INV-VIEW-4).
#[inline]
pub(crate) fn check_seqno(core: &Core, seqno: SeqNo) -> Result<()> {
    let watermark = core.snapshots.watermark();
    if seqno >= MAX_SEQNO {
        return Err(Error::SeqnoTooHigh { seqno });
    }
    if seqno < watermark { Err(Error::SeqnoTooOld { seqno, watermark }) } else { Ok(()) }
}

/// Whether a range holds any key: not if it ends where it begins.
///
/// # Errors
///
/// [`Error::InvertedRange`] if it ends before it begins, [`Error::KeyTooLong`].
pub(crate) fn check_range(order: &KeyOrder, start: &[u8], end: &[u8]) -> Result<bool> {
    check_lengths(start, &[])?;
    check_lengths(end, &[])?;
    match order.compare(start, end) {
        Ordering::Less => Ok(true),
        Ordering::Equal => Ok(false),
        Ordering::Greater => Err(Error::InvertedRange),
    }
}

/// Writes one entry; returns the bytes that it took and the size of the memtable afterwards.
pub(crate) fn insert(core: &Core, key: &[u8], value: &[u8], seqno: SeqNo, kind: Kind) -> Result<(u64, u64)> {
    check_lengths(key, value)?;
    let hash = key_hash(key);
    loop {
        let view = core.state.view();
        let generation = &view.active;
        let written = generation.writer().and_then(|mut writer| {
            if let Err(error) = check_seqno(core, seqno) {
                return Ok(Err(error));
            }
            writer.insert(key, hash, seqno, kind, value).map(Ok).map_err(|_| Refused::Full)
        });
        match written {
            Ok(inserted) => {
                let added = inserted?;
                return Ok((added as u64, generation.used_bytes() as u64));
            }
            Err(Refused::Sealed) => {}
            Err(Refused::Full) => {
                replace_active(core, generation, Memtable::bytes_needed(1, key.len() + value.len()));
            }
        }
    }
}

/// Writes an operand for the merge operator; refused where there is none (INV-MERGE-2).
pub(crate) fn merge(core: &Core, key: &[u8], operand: &[u8], seqno: SeqNo) -> Result<(u64, u64)> {
    if core.merge_operator().is_none() {
        return Err(Error::NoMergeOperator);
    }
    insert(core, key, operand, seqno, Kind::Merge)
}

/// Where `key` will go, as far as the memtable of this moment tells.
#[inline]
pub(crate) fn look(core: &Core, key: &[u8]) -> Place {
    core.state.view().active.memtable.look(key, key_hash(key))
}

/// Reserves room for a batch of `entries` with `key_value_bytes` bytes of keys and values together.
pub(crate) fn reserve(core: &Core, entries: usize, key_value_bytes: usize) -> Reservation {
    loop {
        let view = core.state.view();
        match view.active.reserve(entries, key_value_bytes) {
            Ok(reservation) => return reservation,
            Err(Refused::Sealed) => {}
            Err(Refused::Full) => {
                replace_active(core, &view.active, Memtable::bytes_needed(entries, key_value_bytes));
            }
        }
    }
}

/// Seals the active memtable if it holds anything; says whether it did.
pub(crate) fn rotate(core: &Core) -> bool {
    let view = core.state.view();
    if view.active.is_empty() {
        return false;
    }
    replace_active(core, &view.active, 0)
}

/// Puts a memtable that was made elsewhere among the sealed ones, as the newest of them.
pub(crate) fn install_sealed(
    core: &Core,
    memtable: SortedMemtable,
    mut ranges: Vec<RangeDelete>,
) -> Result<()> {
    let of_ranges = ranges.iter().map(|range| range.seqno).max();
    let Some(highest) = memtable.highest_seqno().max(of_ranges) else { return Ok(()) };
    let (stored, given) = (core.order().name(), memtable.order().name());
    if stored != given {
        return Err(Error::WrongComparator { stored: stored.to_owned(), given: given.to_owned() });
    }
    if highest >= MAX_SEQNO {
        return Err(Error::SeqnoTooHigh { seqno: highest });
    }
    for range in &ranges {
        check_range(core.order(), &range.start, &range.end)?;
    }
    ranges.retain(|range| core.order().compare(&range.start, &range.end) == Ordering::Less);
    let range_bytes: usize =
        ranges.iter().map(|range| RangeDeletes::bytes_of(&range.start, &range.end)).sum();
    let memory = core.cache.hold_resident((memtable.memory_bytes() + range_bytes) as u64);
    let change = core.state.change();
    let mut view = View::clone(&change.current());
    let active = core.new_generation(view.active.id + 2, 0, view.active.memtable.len());
    let old = std::mem::replace(&mut view.active, active);
    let sorted = Arc::new(Generation::sorted(old.id + 1, memtable, ranges, memory));
    // Sealed before the new view is there: a writer who finds it so looks again until it is.
    if !old.seal_unused() {
        view.sealed.insert(0, old);
    }
    view.sealed.insert(0, sorted);
    change.publish(view);
    Ok(())
}

/// Whether [`prepare_memory`] has something to do.
pub(crate) fn wants_memory(core: &Core, ahead_bytes: usize) -> bool {
    let view = core.state.view();
    let wants_more = |memtable: &Arc<Memtable>| memtable.wants_memory(ahead_bytes);
    view.active.memtable.growing().is_some_and(wants_more) || wants_spare(core, &view)
}

/// Provides memory ahead of the writers.
pub(crate) fn prepare_memory(core: &Core, ahead_bytes: usize) {
    let view = core.state.view_owned();
    if let Some(memtable) = view.active.memtable.growing() {
        memtable.populate(ahead_bytes);
    }
    if wants_spare(core, &view)
        && let Some(arenas) = &core.config.arenas
    {
        arenas.prepare();
    }
}

/// Whether the next memtable should find an arena ready. Not while one is sealed: the spare would come on top of memtables
/// whose memory is about to come back.
fn wants_spare(core: &Core, view: &View) -> bool {
    let Some(memtable) = view.active.memtable.growing() else { return false };
    core.config.arenas.as_ref().is_some_and(|arenas| {
        view.sealed.is_empty()
            && memtable.capacity_bytes() == arenas.region_bytes()
            && memtable.allocated_bytes() > memtable.capacity_bytes() / 2
            && arenas.wants_spare()
    })
}

/// Seals `old` if it is still the active memtable, and puts one of at least `needed` bytes in its place.
pub(crate) fn replace_active(core: &Core, old: &Arc<Generation>, needed: usize) -> bool {
    let change = core.state.change();
    let mut view = View::clone(&change.current());
    if view.active.id != old.id {
        return false;
    }
    let active = core.new_generation(old.id + 1, needed, old.memtable.len());
    let sealed = std::mem::replace(&mut view.active, active);
    view.sealed.insert(0, Arc::clone(&sealed));
    change.publish(view);
    // A writer that still holds the old view either got in before this, and is in the sealed memtable, or finds it
    // sealed and comes back for the new one, which is in place. A flush seals once more before it reads.
    sealed.seal();
    core.metrics.memtables_sealed.add(1);
    true
}
