//! Forgetting data without reading it: the whole tree ([`clear`]), or the tables that lie inside a range ([`drop_range`]).
//!
//! Both are one edit of the manifest: after a crash all of it is gone or none (INV-ERASE-1). Whoever holds a view, say an
//! iterator, goes on reading its tables; their files go with the last reader. A snapshot guard holds no view, so what it sees
//! is not erased: [`clear`] is refused, [`drop_range`] leaves such tables (INV-ERASE-2). Snapshots that are asked for
//! meanwhile wait until it is decided what they see.
//!
//! **Clear** takes tables and memtables together. Its edit says that every sequence number so far is done with (the replay
//! floor), so that no log brings anything back. A flush or a compaction that runs meanwhile finds what it worked on gone, and
//! gives up its output ([`crate::install`]).
//!
//! **Drop range** takes a table only with everything older that overlaps it, so that no older version comes to light
//! (INV-ERASE-3), and only if no operand of a merge lies over it that stays, which would be folded onto nothing (INV-ERASE-7).
//! A bare tree's numbers may have come out of order, so that a newer source holds older versions: then tables with numbers above
//! those stay, too (INV-ERASE-6). Tables of running compactions stay. As what stays may keep other tables in turn, it is asked
//! again until nothing more stays.
//!
//! Not here: range deletes, which hide what they cover exactly and at a point in time.

use std::cell::Cell;
use std::sync::Arc;

use esker_format::ids::TableId;
use esker_format::manifest::VersionEdit;
use esker_mem::comparator::KeyOrder;
use esker_mem::seqno::{MAX_SEQNO, SeqNo};

use crate::core::Core;
use crate::error::{Error, Result};
use crate::install::install_from;
use crate::key_range::{KeyRange, ranges_overlap};
use crate::memtable::Generation;
use crate::shape::newer_lowest_seqno;
use crate::state::{Pause, View};
use crate::version::Placed;
use crate::version::run::Run;

/// What [`crate::Tree::drop_range`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DroppedRange {
    /// Tables that are gone.
    pub tables: u64,
    /// Their bytes, which are given back once no iterator reads them any more.
    pub bytes: u64,
}

/// A clear that was let in and has not been done: for callers with a log of their own, who log it in between. While it lives,
/// nobody gets a snapshot; dropped, it has done nothing.
pub struct PendingClear<'a> {
    core: &'a Core,
    _pause: Pause<'a>,
}

impl<'a> PendingClear<'a> {
    /// Lets a clear in, if there are no snapshots.
    pub(crate) fn begin(core: &'a Core) -> Result<Self> {
        let pause = core.snapshots.pause();
        match pause.bounds().len() {
            0 => Ok(Self { core, _pause: pause }),
            count => Err(Error::SnapshotsHeld { count }),
        }
    }

    /// Forgets everything that was written so far, and all of the caller's log up to and with `seqno`, the clear's own number:
    /// [`crate::Tree::replay_floor`] rises above it.
    ///
    /// # Errors
    ///
    /// [`Error::SeqnoTooHigh`]; else as [`crate::Tree::clear`].
    pub fn finish(self, seqno: SeqNo) -> Result<()> {
        if seqno >= MAX_SEQNO {
            return Err(Error::SeqnoTooHigh { seqno });
        }
        clear_up_to(self.core, Some(seqno))
    }
}

impl std::fmt::Debug for PendingClear<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PendingClear").finish_non_exhaustive()
    }
}

/// Forgets everything that was written so far.
pub(crate) fn clear(core: &Core) -> Result<()> {
    let pending = PendingClear::begin(core)?;
    clear_up_to(pending.core, None)
}

/// Forgets everything that was written so far, in the log up to and with `seqno`. New snapshots are held off.
fn clear_up_to(core: &Core, seqno: Option<SeqNo>) -> Result<()> {
    let done_with = Cell::new(None);
    let mut old: Option<Arc<Generation>> = None;
    let made = install_from(
        core,
        |view| {
            let highest = highest_seqno(core, view).max(seqno)?;
            // Reads at a bound from before would find nothing, where there was something.
            core.snapshots.raise(highest + 1, core.config.visible.get(), 0);
            core.snapshots.history.erase_below(highest + 1);
            done_with.set(Some(highest));
            Some(VersionEdit {
                removed: view.version.placed().map(|placed| placed.removal()).collect(),
                replay_floor: Some(highest + 1),
                last_seqno: Some(highest),
                ..VersionEdit::default()
            })
        },
        |view| {
            let active = core.new_generation(view.active.id + 1, 0, view.active.memtable.len());
            old = Some(std::mem::replace(&mut view.active, active));
            view.sealed.clear();
            if let Some(highest) = done_with.get() {
                core.note_flush(highest + 1, highest);
            }
        },
    );
    // A writer that held the old view got in before and is gone with it, or finds it sealed and comes to the new one.
    old.inspect(|generation| generation.seal());
    made.map(|_| ())
}

/// The highest number that anything in the tree has, or had.
fn highest_seqno(core: &Core, view: &View) -> Option<SeqNo> {
    let memtables = view.generations().filter_map(|generation| generation.highest_seqno()).max();
    memtables.max(view.version.highest_seqno()).max(core.last_seqno())
}

/// Forgets the tables that lie inside `range` and hold numbers below `older_than` only.
pub(crate) fn drop_range(core: &Core, range: &KeyRange, older_than: SeqNo) -> Result<DroppedRange> {
    let pause = core.snapshots.pause();
    let newest_snapshot = pause.bounds().last().copied().unwrap_or(0);
    let claim = Claim::new(core, |view, is_busy| {
        let limits = Limits { newest_snapshot, below: older_than.min(lowest_stray(view)) };
        choose(core, view, range, |placed| {
            !is_busy(placed.table.id()) && is_wanted(core, placed, range, &limits)
        })
    });
    let Some(highest) = claim.chosen.iter().map(|placed| placed.table.highest_seqno()).max() else {
        return Ok(DroppedRange::default());
    };
    core.snapshots.raise(highest + 1, core.config.visible.get(), 0);
    core.snapshots.history.erase_below(highest + 1);
    let removed = claim.chosen.iter().map(Placed::removal).collect();
    let edit = VersionEdit { removed, ..VersionEdit::default() };
    // What is claimed goes through nothing but a clear, and then it is gone already. No write below the watermark comes any more;
    // but operands may have come, and compactions may have moved some.
    let is_there = |view: &View| {
        claim.chosen.iter().all(|placed| view.version.has(placed))
            && newer_lowest_seqno(view, None) > highest
            && choose(core, view, range, |placed| claim.has(placed)).len() == claim.chosen.len()
    };
    if !install_from(core, |view| is_there(view).then_some(edit), |_| {})? {
        return Ok(DroppedRange::default());
    }
    Ok(DroppedRange {
        tables: claim.chosen.len() as u64,
        bytes: claim.chosen.iter().map(|placed| placed.table.meta().file_bytes).sum(),
    })
}

/// Which sequence numbers may go.
struct Limits {
    newest_snapshot: SeqNo,
    /// Below what the caller asked for, and below what came out of order.
    below: SeqNo,
}

/// Whether a table may go as far as it is concerned alone.
fn is_wanted(core: &Core, placed: &Placed, range: &KeyRange, limits: &Limits) -> bool {
    let table = &placed.table;
    range.covers(table.smallest(), table.largest(), core.order())
        // INV-ERASE-2.
        && table.meta().lowest_seqno >= limits.newest_snapshot
        // INV-ERASE-6.
        && table.highest_seqno() < limits.below
}

/// A table that overlaps the range.
struct Candidate {
    placed: Placed,
    goes: bool,
}

/// The tables to drop: those that are `wanted`, without those that what stays needs. O(n²) a pass over the tables that overlap
/// the range, two passes as a rule, and with a merge operator a look at each entry that is in memory over one of them.
fn choose(core: &Core, view: &View, range: &KeyRange, wanted: impl Fn(&Placed) -> bool) -> Vec<Placed> {
    let order = core.order();
    let overlapping = view
        .version
        .placed()
        .filter(|placed| range.overlaps(placed.table.smallest(), placed.table.largest(), order));
    let mut newest_first: Vec<Candidate> = overlapping
        .map(|placed| {
            let goes = wanted(&placed) && !is_under_operands_in_memory(core, view, &placed);
            Candidate { placed, goes }
        })
        .collect();
    let mut is_settled = false;
    while !is_settled {
        is_settled = true;
        for at in (0..newest_first.len()).rev() {
            if must_stay(order, &newest_first, at)
                && let Some(kept) = newest_first.get_mut(at)
            {
                kept.goes = false;
                is_settled = false;
            }
        }
    }
    newest_first.into_iter().filter(|it| it.goes).map(|it| it.placed).collect()
}

/// Whether something that stays needs the table at `at`, which would go: the tables of its own run are disjoint from it.
fn must_stay(order: &KeyOrder, newest_first: &[Candidate], at: usize) -> bool {
    let Some(table) = newest_first.get(at).filter(|table| table.goes) else { return false };
    let bounds = (table.placed.table.smallest(), table.placed.table.largest());
    newest_first.iter().enumerate().filter(|(_, other)| !other.goes).any(|(place, other)| {
        // INV-ERASE-3 of older ones, INV-ERASE-7 of newer ones.
        (place > at || other.placed.table.properties().merges > 0)
            && ranges_overlap(order, bounds, (other.placed.table.smallest(), other.placed.table.largest()))
    })
}

/// INV-ERASE-7, of memtables.
fn is_under_operands_in_memory(core: &Core, view: &View, placed: &Placed) -> bool {
    let (smallest, largest) = (placed.table.smallest(), placed.table.largest());
    core.merge_operator().is_some()
        && view.generations().any(|generation| generation.memtable.has_operand_within(smallest, largest))
}

/// The lowest number that a source may hold out of order, over older sources with higher ones; the maximum as a rule.
fn lowest_stray(view: &View) -> SeqNo {
    let crossed = view.version.runs().iter().flat_map(Run::tables).filter(|table| table.meta().out_of_order);
    let in_tables = crossed.map(|table| table.meta().lowest_seqno).min();
    in_tables.unwrap_or(MAX_SEQNO).min(newer_lowest_seqno(view, None))
}

/// Tables that no compaction takes for as long as this lives.
struct Claim<'a> {
    core: &'a Core,
    chosen: Vec<Placed>,
}

impl<'a> Claim<'a> {
    fn new(core: &'a Core, choose: impl FnOnce(&View, &dyn Fn(TableId) -> bool) -> Vec<Placed>) -> Self {
        let mut jobs = core.jobs();
        let view = core.state.view_owned();
        let chosen = choose(&view, &|id| jobs.busy.contains(&id));
        jobs.busy.extend(chosen.iter().map(|placed| placed.table.id()));
        drop(jobs);
        Self { core, chosen }
    }

    fn has(&self, placed: &Placed) -> bool {
        self.chosen.iter().any(|chosen| chosen.table.id() == placed.table.id())
    }
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut jobs = self.core.jobs();
        for placed in &self.chosen {
            jobs.busy.remove(&placed.table.id());
        }
    }
}

#[cfg(test)]
mod tests;
