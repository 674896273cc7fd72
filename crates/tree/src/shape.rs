//! The tree as a compaction strategy sees it, and what the strategy makes of it: its debt.
//!
//! Not here: strategies ([`crate::compaction`]).

use std::sync::atomic::Ordering;

use esker_format::manifest::AddedTable;
use esker_format::properties::Properties;
use esker_mem::seqno::{MAX_SEQNO, SeqNo};

use crate::compaction::picker::{LevelShape, RunShape, Shape, TableShape};
use crate::core::{Core, Jobs};
use crate::state::View;
use crate::version::run::Run;

/// The tree as a strategy sees it.
pub(crate) fn shape(core: &Core, view: &View, jobs: &Jobs, idle: bool) -> Shape {
    let expired_at = if view.version.has_expiring() { core.snapshots.expired_for_all(core.now()) } else { 0 };
    let table_shape = |meta: &AddedTable, properties: &Properties| TableShape {
        id: meta.table,
        size_bytes: meta.file_bytes,
        smallest: meta.smallest_key.clone(),
        largest: meta.largest_key.clone(),
        lowest_seqno: meta.lowest_seqno,
        highest_seqno: meta.highest_seqno,
        entries: meta.entries,
        tombstones: meta.point_tombstones.saturating_add(expired(properties, expired_at)),
        range_tombstones: meta.range_tombstones,
        out_of_order: meta.out_of_order,
        busy: jobs.busy.contains(&meta.table),
    };
    let run_shape = |run: &Run| RunShape {
        id: run.id(),
        tables: run.tables().iter().map(|table| table_shape(table.meta(), table.properties())).collect(),
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

/// How many entries of a table have about expired at a time: a strategy may take them for tombstones, since a compaction does. They
/// are taken for spread evenly from the earliest to the latest; once a compaction of the last level has been there, none is left.
fn expired(properties: &Properties, expired_at: u64) -> u64 {
    let Properties { expiring_puts, earliest_expiry, latest_expiry, .. } = properties;
    if expired_at < *earliest_expiry || *expiring_puts == 0 {
        return 0;
    }
    let span = u128::from(latest_expiry.saturating_sub(*earliest_expiry));
    let gone = u128::from(expired_at.min(*latest_expiry) - earliest_expiry);
    let share = (u128::from(*expiring_puts) * gone).checked_div(span);
    share.map_or(*expiring_puts, |share| u64::try_from(share).unwrap_or(*expiring_puts))
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
