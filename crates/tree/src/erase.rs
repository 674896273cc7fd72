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
//! (INV-ERASE-3). A bare tree's numbers may have come out of order, so that a newer source holds older versions: then tables with
//! numbers above those stay, too (INV-ERASE-6). Tables of running compactions stay.
//!
//! Not here: range deletes, which hide what they cover exactly and at a point in time.

use std::cell::Cell;
use std::sync::Arc;

use esker_format::ids::TableId;
use esker_format::manifest::VersionEdit;
use esker_mem::seqno::{MAX_SEQNO, SeqNo};

use crate::core::Core;
use crate::error::{Error, Result};
use crate::install::install_from;
use crate::key_range::{KeyRange, ranges_overlap};
use crate::memtable::Generation;
use crate::shape::newer_lowest_seqno;
use crate::state::View;
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

/// Forgets everything that was written so far.
pub(crate) fn clear(core: &Core) -> Result<()> {
    let pause = core.snapshots.pause();
    if !pause.bounds().is_empty() {
        return Err(Error::SnapshotsHeld { count: pause.bounds().len() });
    }
    let done_with = Cell::new(None);
    let mut old: Option<Arc<Generation>> = None;
    let made = install_from(
        core,
        |view| {
            let highest = highest_seqno(core, view)?;
            // Reads at a bound from before would find nothing, where there was something.
            core.snapshots.raise(highest + 1, core.config.visible.get());
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

/// Forgets the tables that lie inside `range`.
pub(crate) fn drop_range(core: &Core, range: &KeyRange) -> Result<DroppedRange> {
    let pause = core.snapshots.pause();
    let newest_snapshot = pause.bounds().last().copied().unwrap_or(0);
    let claim = Claim::new(core, |view, is_busy| choose(core, view, range, newest_snapshot, is_busy));
    let Some(highest) = claim.chosen.iter().map(|placed| placed.table.highest_seqno()).max() else {
        return Ok(DroppedRange::default());
    };
    core.snapshots.raise(highest + 1, core.config.visible.get());
    core.snapshots.history.erase_below(highest + 1);
    let removed = claim.chosen.iter().map(Placed::removal).collect();
    let edit = VersionEdit { removed, ..VersionEdit::default() };
    // What is claimed goes through nothing but a clear, and then it is gone already. No write below the watermark comes any more.
    let is_there = |view: &View| {
        claim.chosen.iter().all(|placed| view.version.has(placed)) && newer_lowest_seqno(view, None) > highest
    };
    if !install_from(core, |view| is_there(view).then_some(edit), |_| {})? {
        return Ok(DroppedRange::default());
    }
    Ok(DroppedRange {
        tables: claim.chosen.len() as u64,
        bytes: claim.chosen.iter().map(|placed| placed.table.meta().file_bytes).sum(),
    })
}

/// The tables to drop: from the oldest run to the newest, those inside the range over which nothing older stays.
fn choose(
    core: &Core,
    view: &View,
    range: &KeyRange,
    newest_snapshot: SeqNo,
    is_busy: &dyn Fn(TableId) -> bool,
) -> Vec<Placed> {
    let (order, version) = (core.order(), &view.version);
    let strays_from = lowest_stray(view);
    let mut chosen: Vec<Placed> = Vec::new();
    let mut staying: Vec<Placed> = Vec::new();
    for placed in version.placed().collect::<Vec<_>>().into_iter().rev() {
        let (smallest, largest) = (placed.table.smallest(), placed.table.largest());
        if !range.overlaps(smallest, largest, order) {
            continue;
        }
        let goes = range.covers(smallest, largest, order)
            && !is_busy(placed.table.id())
            // INV-ERASE-2.
            && placed.table.meta().lowest_seqno >= newest_snapshot
            // INV-ERASE-6.
            && placed.table.highest_seqno() < strays_from
            // INV-ERASE-3: the tables of its own run are disjoint from it.
            && !staying.iter().any(|older| {
                ranges_overlap(order, (smallest, largest), (older.table.smallest(), older.table.largest()))
            });
        if goes { chosen.push(placed) } else { staying.push(placed) }
    }
    chosen
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
}

impl Drop for Claim<'_> {
    fn drop(&mut self) {
        let mut jobs = self.core.jobs();
        for placed in &self.chosen {
            jobs.busy.remove(&placed.table.id());
        }
    }
}
