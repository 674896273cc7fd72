//! Compaction: running what a strategy has planned.
//!
//! [`pick`] takes the shape of the tree, asks the strategy, checks its plan and marks the plan's tables as busy, all under
//! the lock of the jobs register, so that no two jobs ever share a table (INV-COMPACT-7). [`CompactionJob::run`] merges the inputs
//! past the block cache into new tables and installs them in one edit; tables that only move cost an edit, or a copy where a level route leads
//! to another folder ([`copy`]).
//! Any number of jobs may run at once.
//!
//! A job that fails or is cancelled changes nothing: its outputs are deleted, its inputs are free again.
//!
//! Not here: how inputs are rewritten ([`rewrite`]), which entries are dropped ([`crate::compaction::stream`]), when to compact.

mod copy;
mod input;
mod merge;
mod rewrite;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use esker_format::ids::RunId;
use esker_format::manifest::{AddedTable, VersionEdit};
use esker_mem::comparator::KeyOrder;
use esker_mem::seqno::SeqNo;

use crate::compact::copy::copy_table;
use crate::compact::input::Input;
use crate::compact::merge::Merge;
use crate::compact::rewrite::{CutOutput, Rewrite};
use crate::compaction::check::check_plan;
use crate::compaction::cut::OutputCutter;
use crate::compaction::filter::{FilterContext, RunningFilter};
use crate::compaction::fragments::Fragments;
use crate::compaction::limits::DropLimits;
use crate::compaction::major::Major;
use crate::compaction::picker::{CompactionStrategy, OutputRun, Plan, PlanKind};
use crate::compaction::stream::{DropStream, KeyTracker, Readers};
use crate::core::Core;
use crate::error::Result;
use crate::install::{Output, install};
use crate::range_tombstones::span::RangeDelete;
use crate::shape::{newer_lowest_seqno, shape};
use crate::state::View;
use crate::table::reader::Table;
use crate::version::{Placed, Version};

/// A request to stop, shared between whoever asks and the job.
#[derive(Clone, Debug, Default)]
pub struct CancelToken(Arc<AtomicBool>);

impl CancelToken {
    /// Asks to stop.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether to stop.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a compaction did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CompactionOutcome {
    /// Bytes of the inputs; 0 if tables only moved within their folder.
    pub bytes_read: u64,
    /// Bytes of the outputs; 0 if tables only moved within their folder.
    pub bytes_written: u64,
    /// Entries that were dropped.
    pub entries_dropped: u64,
}

/// A planned compaction: its inputs are reserved until it has run or is dropped.
pub struct CompactionJob {
    core: Arc<Core>,
    plan: Plan,
    limits: DropLimits,
    out_of_order: bool,
    id: u64,
}

impl std::fmt::Debug for CompactionJob {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CompactionJob({})", self.plan)
    }
}

/// Takes the next compaction, if `strategy` has one.
pub(crate) fn pick(core: &Arc<Core>, strategy: &dyn CompactionStrategy, idle: bool) -> Option<CompactionJob> {
    let mut jobs = core.jobs();
    let view = core.state.view_owned();
    let shape = shape(core, &view, &jobs, idle);
    let plan = strategy.pick(&shape)?;
    if let Err(fault) = check_plan(&plan, &shape) {
        // A strategy of the user's own that breaks a rule gets no compaction rather than a broken tree.
        debug_assert!(false, "strategy {} made an unsound plan: {fault:?}", strategy.name());
        return None;
    }
    let mut limits = DropLimits::of(&plan, &shape);
    limits.newer_lowest_seqno = limits.newer_lowest_seqno.min(newer_lowest_seqno(&view, None));
    let id = jobs.next_id;
    jobs.next_id += 1;
    jobs.busy.extend(plan.tables());
    jobs.running.push((id, plan.running()));
    let out_of_order = limits.out_of_order;
    Some(CompactionJob { core: Arc::clone(core), plan, limits, out_of_order, id })
}

/// Merges everything into the last level; false if running jobs stand in the way.
pub(crate) fn major(core: &Arc<Core>, target_table_bytes: u64, advice: SeqNo) -> Result<bool> {
    // A filter has to see what is in the last level already, and what has expired there goes.
    let rewrites_all = core.config.compaction_filter.is_some() || has_expired(core);
    let strategy = Major { target_table_bytes, rewrites_all };
    if let Some(job) = pick(core, &strategy, true) {
        job.run(advice, &CancelToken::default())?;
        return Ok(true);
    }
    let jobs = core.jobs();
    Ok(strategy.debt(&shape(core, &core.state.view(), &jobs, true)) == 0)
}

/// Whether a table holds what has expired by now. That a snapshot may see it is no matter: it costs a compaction.
fn has_expired(core: &Core) -> bool {
    let (view, now) = (core.state.view_owned(), core.now());
    let mut tables = view.version.placed().map(|placed| placed.table);
    view.version.has_expiring()
        && tables.any(|table| {
            let properties = table.properties();
            properties.expiring_puts > 0 && properties.earliest_expiry <= now
        })
}

fn tables_of(input: &[Placed]) -> Vec<Arc<Table>> {
    input.iter().map(|placed| Arc::clone(&placed.table)).collect()
}

/// Whether a range tombstone of the merge hides all that a table holds from every reader (INV-RANGE-4): it is not read then.
fn is_hidden(fragments: &Fragments, order: &KeyOrder, readers: &Readers, table: &Table) -> bool {
    let meta = table.meta();
    let seqnos = (meta.lowest_seqno, meta.highest_seqno);
    fragments.hide_all(order, readers, (table.smallest(), table.largest()), seqnos)
}

impl CompactionJob {
    /// Bytes of the inputs.
    #[must_use]
    pub fn input_bytes(&self) -> u64 {
        self.plan.input_bytes
    }

    /// Whether the job takes tables of level 0: such jobs come first, as readers and writers wait for them.
    #[must_use]
    pub fn is_level_zero(&self) -> bool {
        self.plan.inputs.iter().any(|input| input.level == 0)
    }

    /// The strategy's reason.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        self.plan.reason
    }

    /// Runs the plan and installs the outcome. `advice` is the caller's watermark. Does nothing if the tree was cleared
    /// meanwhile.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Cancelled`] if asked to stop; what the file system says; damage in an input.
    pub fn run(self, advice: SeqNo, cancel: &CancelToken) -> Result<CompactionOutcome> {
        let version = Arc::clone(&self.core.state.view().version);
        let Some(inputs) = self.inputs(&version) else { return Ok(CompactionOutcome::default()) };
        let core = &self.core;
        let run = self.output_run();
        let removed = inputs.iter().flatten().map(Placed::removal).collect();
        let mut edit = VersionEdit { removed, ..VersionEdit::default() };
        let mut outcome = CompactionOutcome::default();
        let mut filter = None;
        match self.plan.kind {
            PlanKind::Drop => {}
            PlanKind::Move => {
                for placed in inputs.iter().flatten() {
                    edit.added.push(self.moved(placed, run, &mut outcome, cancel)?);
                }
                core.metrics.moves.add(1);
                core.metrics.compaction_bytes_read.add(outcome.bytes_read);
                core.metrics.compaction_bytes_written.add(outcome.bytes_written);
            }
            PlanKind::Merge => {
                (edit.added, outcome, filter) = self.merge(&inputs, run, advice, cancel)?;
                core.metrics.compactions.add(1);
                core.metrics.compaction_bytes_read.add(outcome.bytes_read);
                core.metrics.compaction_bytes_written.add(outcome.bytes_written);
                core.metrics.entries_dropped.add(outcome.entries_dropped);
            }
        }
        let is_there = |view: &View| inputs.iter().flatten().all(|placed| view.version.has(placed));
        if !install(core, edit, is_there, |_| {})? {
            return Ok(CompactionOutcome::default());
        }
        if let Some(filter) = filter {
            core.metrics.entries_filtered.add(filter.changed());
            filter.finish();
        }
        Ok(outcome)
    }

    /// The input tables, by input. They are in the version, because they are busy, unless the tree was cleared meanwhile.
    fn inputs(&self, version: &Version) -> Option<Vec<Vec<Placed>>> {
        let placed: Vec<Placed> = version.placed().collect();
        let find = |id| placed.iter().find(|p| p.table.id() == id).cloned();
        self.plan.inputs.iter().map(|input| input.tables.iter().copied().map(find).collect()).collect()
    }

    /// The only run of a level has the level's number for its id, so that jobs that fill an empty level side by side
    /// agree on it. Runs of flushes have higher ids ([`crate::open::FIRST_RUN`]).
    fn output_run(&self) -> RunId {
        match self.plan.output_run {
            OutputRun::InPlaceOf(run) => run,
            OutputRun::Sole => RunId(self.plan.output_level as u64),
        }
    }

    /// What is added in place of a table that moves: itself, or a copy where the new level's folder is another.
    fn moved(
        &self,
        placed: &Placed,
        run: RunId,
        outcome: &mut CompactionOutcome,
        cancel: &CancelToken,
    ) -> Result<AddedTable> {
        let (table, to) = (&placed.table, self.plan.output_level);
        if self.core.folder_of(to).is(table.fs(), table.path().parent()) {
            let level = u8::try_from(to).unwrap_or(u8::MAX);
            return Ok(AddedTable { level, run, ..table.meta().clone() });
        }
        let copy = copy_table(&self.core, table, to, run, || cancel.is_cancelled())?;
        outcome.bytes_read += copy.file_bytes;
        outcome.bytes_written += copy.file_bytes;
        Ok(copy)
    }

    /// The filter that is to be asked, if the tree has any.
    fn filter(&self, newest_snapshot: Option<SeqNo>) -> Option<RunningFilter> {
        let factory = self.core.config.compaction_filter.as_ref()?;
        let is_last_level = self.limits.last_level;
        let context = FilterContext::new(self.plan.output_level, is_last_level);
        Some(RunningFilter::new(&**factory, context, newest_snapshot))
    }

    fn merge(
        &self,
        inputs: &[Vec<Placed>],
        run: RunId,
        advice: SeqNo,
        cancel: &CancelToken,
    ) -> Result<(Vec<AddedTable>, CompactionOutcome, Option<RunningFilter>)> {
        let core = &*self.core;
        let (order, plan) = (core.order(), &self.plan);
        let horizon = core.horizon(advice);
        let filter = self.filter(horizon.newest_snapshot);
        let readers = Readers { watermark: horizon.watermark, snapshots: horizon.snapshots };
        let options =
            core.config.table_options(plan.output_level, self.limits.last_level, core.cache.resident_share());
        let tables = inputs.iter().map(|input| tables_of(input)).collect::<Vec<_>>();
        let ranges: Vec<RangeDelete> =
            tables.iter().flatten().flat_map(|table| table.range_deletes()).collect();
        let fragments = Arc::new(Fragments::new(order, &ranges, &readers, &self.limits));
        let mut unread = 0;
        let sorted = tables.into_iter().map(|mut tables| {
            tables.retain(|table| {
                let hidden = is_hidden(&fragments, order, &readers, table);
                unread += if hidden { table.meta().entries } else { 0 };
                !hidden
            });
            Input::new(tables)
        });
        let sorted = sorted.collect::<Result<Vec<_>>>()?;
        let mut rewrite = Rewrite {
            merge: Merge::new(sorted, order.clone(), &plan.smallest, &plan.largest),
            keys: KeyTracker::new(order.clone()),
            stream: DropStream::new(order.clone(), readers, self.limits.clone())
                .folding(core.merge_operator().cloned())
                .filtering(filter)
                .expiring(horizon.expired_at)
                .covered_by(Arc::clone(&fragments)),
            tables: CutOutput {
                output: Output::new(core, options, plan.output_level, run, self.out_of_order)
                    .with_range_tombstones(&fragments),
                cutter: OutputCutter::new(plan, order),
                written: 0,
            },
            last_key: Vec::new(),
            seen: unread,
        };
        rewrite.run(|| cancel.is_cancelled())?;
        let filter = rewrite.stream.take_filter();
        let entries_dropped = rewrite.seen - rewrite.tables.written;
        core.metrics.merge_failures.add(rewrite.stream.counts().failed_folds);
        core.metrics.entries_expired.add(rewrite.stream.counts().expired);
        let tables = rewrite.tables.output.finish()?;
        let outcome = CompactionOutcome {
            bytes_read: plan.input_bytes,
            bytes_written: tables.iter().map(|table| table.file_bytes).sum(),
            entries_dropped,
        };
        Ok((tables, outcome, filter))
    }
}

impl Drop for CompactionJob {
    fn drop(&mut self) {
        let mut jobs = self.core.jobs();
        for id in self.plan.tables() {
            jobs.busy.remove(&id);
        }
        jobs.running.retain(|(id, _)| *id != self.id);
    }
}
