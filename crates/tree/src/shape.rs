//! The tree as a compaction strategy sees it, and what the strategy makes of it: its debt.
//!
//! Not here: strategies ([`crate::compaction`]).

use std::sync::atomic::Ordering;

use esker_format::manifest::AddedTable;
use esker_mem::seqno::{MAX_SEQNO, SeqNo};

use crate::compaction::picker::{LevelShape, RunShape, Shape, TableShape};
use crate::core::{Core, Jobs};
use crate::state::View;
use crate::version::run::Run;

/// The tree as a strategy sees it.
pub(crate) fn shape(core: &Core, view: &View, jobs: &Jobs, idle: bool) -> Shape {
    let table_shape = |meta: &AddedTable| TableShape {
        id: meta.table,
        size_bytes: meta.file_bytes,
        smallest: meta.smallest_key.clone(),
        largest: meta.largest_key.clone(),
        lowest_seqno: meta.lowest_seqno,
        highest_seqno: meta.highest_seqno,
        entries: meta.entries,
        tombstones: meta.point_tombstones,
        range_tombstones: meta.range_tombstones,
        out_of_order: meta.out_of_order,
        busy: jobs.busy.contains(&meta.table),
    };
    let run_shape = |run: &Run| RunShape {
        id: run.id(),
        tables: run.tables().iter().map(|table| table_shape(table.meta())).collect(),
    };
    let level_shape = |runs: &Vec<Run>| LevelShape { runs: runs.iter().map(run_shape).collect() };
    Shape {
        order: core.order().clone(),
        watermark: settled_below(core, view),
        levels: view.version.levels().iter().map(level_shape).collect(),
        running: jobs.running.iter().map(|(_, job)| job.clone()).collect(),
        idle,
    }
}

/// Below it nothing can be read or come in any more, as far as is known before a job raises the watermark.
fn settled_below(core: &Core, view: &View) -> SeqNo {
    let (_, lowest_snapshot) = core.snapshots.count();
    let lowest_in_memory = view.generations().filter_map(|generation| generation.lowest_seqno()).min();
    // What no job may drop is no reason for a job.
    let history = core.snapshots.history.horizon();
    let lowest = lowest_snapshot.into_iter().chain(lowest_in_memory).chain(history).min();
    lowest.map_or(core.snapshots.watermark(), |lowest| lowest.min(core.snapshots.watermark()))
}

/// The lowest sequence number of memtables newer than generation `than` (of all, without one) that lies below something older than them; the maximum as a rule.
pub(crate) fn newer_lowest_seqno(view: &View, than: Option<u64>) -> SeqNo {
    let mut highest_older = view.version.highest_seqno();
    let mut lowest_stray = MAX_SEQNO;
    for generation in view.sealed.iter().rev().chain(std::iter::once(&view.active)) {
        let lowest = generation.lowest_seqno();
        if than.is_none_or(|than| generation.id > than)
            && let (Some(lowest), Some(highest)) = (lowest, highest_older)
            && lowest <= highest
        {
            lowest_stray = lowest_stray.min(lowest);
        }
        highest_older = highest_older.max(generation.highest_seqno());
    }
    lowest_stray
}

impl Core {
    /// Asks the strategy for its debt anew: to be called when the version has changed.
    pub(crate) fn refresh_debt(&self) {
        let jobs = self.jobs();
        let shape = shape(self, &self.state.view(), &jobs, false);
        self.debt.store(self.config.strategy.debt(&shape), Ordering::Relaxed);
    }
}
