//! From chosen tables to a plan: adds what they overlap, looks out for running jobs, sets the cuts.

use std::cmp::Ordering;

use esker_mem::comparator::KeyOrder;
use esker_mem::slice::Slice;

use super::settings::Leveled;
use crate::compaction::picker::{CutKey, OutputRun, Plan, PlanInput, PlanKind, RunShape, Shape, TableShape};

/// Chosen tables of one run, ascending.
#[derive(Clone, Debug)]
pub(super) struct Taken<'a> {
    pub(super) level: usize,
    pub(super) run: &'a RunShape,
    pub(super) tables: Vec<&'a TableShape>,
}

impl Taken<'_> {
    pub(super) fn input(&self) -> PlanInput {
        let tables = self.tables.iter().map(|table| table.id).collect();
        PlanInput { level: self.level, run: self.run.id, tables }
    }

    pub(super) fn bytes(&self) -> u64 {
        self.tables.iter().map(|table| table.size_bytes).sum()
    }
}

/// Smallest and largest key of some tables.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hull<'a> {
    pub(super) smallest: &'a Slice,
    pub(super) largest: &'a Slice,
}

impl<'a> Hull<'a> {
    pub(super) fn of(table: &'a TableShape) -> Hull<'a> {
        Hull { smallest: &table.smallest, largest: &table.largest }
    }

    /// Whether it has grown.
    pub(super) fn extend(&mut self, order: &KeyOrder, table: &'a TableShape) -> bool {
        let lower = order.compare(&table.smallest, self.smallest) == Ordering::Less;
        let higher = order.compare(&table.largest, self.largest) == Ordering::Greater;
        if lower {
            self.smallest = &table.smallest;
        }
        if higher {
            self.largest = &table.largest;
        }
        lower || higher
    }

    pub(super) fn of_all(order: &KeyOrder, taken: &[Taken<'a>]) -> Option<Hull<'a>> {
        let mut tables = taken.iter().flat_map(|taken| taken.tables.iter());
        let mut hull = Hull::of(tables.next()?);
        tables.for_each(|table| {
            hull.extend(order, table);
        });
        Some(hull)
    }
}

/// Bytes of a level's tables that share a key with the range.
pub(super) fn overlap_bytes(shape: &Shape, level: usize, hull: Hull<'_>) -> u64 {
    let tables =
        shape.runs(level).iter().flat_map(|run| run.overlapping(&shape.order, hull.smallest, hull.largest));
    tables.map(|table| table.size_bytes).sum()
}

/// A plan that brings tables of upper levels, newest run first, into a level with one run; a move where nothing is
/// to be merged. `None` if a running job is in the way.
pub(super) fn into_level(
    options: &Leveled,
    shape: &Shape,
    upper: &[Taken<'_>],
    output_level: usize,
    reason: &'static str,
) -> Option<Plan> {
    let mut hull = Hull::of_all(&shape.order, upper)?;
    let top = upper.iter().map(|taken| taken.level).min()?;
    let mut inputs: Vec<PlanInput> = upper.iter().map(Taken::input).collect();
    let mut input_bytes: u64 = upper.iter().map(Taken::bytes).sum();
    let mut met = false;
    // INV-COMPACT-2: all of the output run that lies in the key range is merged.
    if let [run] = shape.runs(output_level) {
        let tables = run.overlapping(&shape.order, hull.smallest, hull.largest);
        for table in tables {
            hull.extend(&shape.order, table);
        }
        if !tables.is_empty() {
            met = true;
            let taken = Taken { level: output_level, run, tables: tables.iter().collect() };
            input_bytes += taken.bytes();
            inputs.push(taken.input());
            // INV-COMPACT-4.
            if tables.iter().any(|table| table.busy) {
                return None;
            }
        }
    }
    let busy = upper.iter().any(|taken| taken.tables.iter().any(|table| table.busy));
    if busy || shape.is_being_written(top + 1..=output_level, hull.smallest, hull.largest) {
        return None;
    }
    // INV-COMPACT-5: one run's tables are disjoint.
    let moves = !met && upper.len() == 1 && may_move(options, shape, upper, output_level);
    Some(Plan {
        kind: if moves { PlanKind::Move } else { PlanKind::Merge },
        inputs,
        output_level,
        output_run: OutputRun::Sole,
        target_table_bytes: options.target_table_bytes,
        cut_keys: if moves { vec![] } else { cut_keys(options, shape, output_level + 1, hull) },
        smallest: hull.smallest.clone(),
        largest: hull.largest.clone(),
        input_bytes,
        reason,
    })
}

/// A plan that merges tables of a level's one run in place, to drop what may go by now.
pub(super) fn rewrite(
    options: &Leveled,
    shape: &Shape,
    taken: &Taken<'_>,
    reason: &'static str,
) -> Option<Plan> {
    let hull = Hull::of_all(&shape.order, std::slice::from_ref(taken))?;
    if shape.is_being_written(taken.level..=taken.level, hull.smallest, hull.largest) {
        return None;
    }
    Some(Plan {
        kind: PlanKind::Merge,
        inputs: vec![taken.input()],
        output_level: taken.level,
        output_run: OutputRun::Sole,
        target_table_bytes: options.target_table_bytes,
        cut_keys: cut_keys(options, shape, taken.level + 1, hull),
        smallest: hull.smallest.clone(),
        largest: hull.largest.clone(),
        input_bytes: taken.bytes(),
        reason,
    })
}

/// Whether tables are as well off in the output level as they are as rewritten.
fn may_move(options: &Leveled, shape: &Shape, upper: &[Taken<'_>], output_level: usize) -> bool {
    upper.iter().flat_map(|taken| taken.tables.iter()).all(|table| {
        // In the last level a merge drops tombstones; a move would keep them for ever.
        let keeps_tombstones =
            output_level == shape.last_level() && table.tombstones + table.range_tombstones > 0;
        let overlap = overlap_bytes(shape, output_level + 1, Hull::of(table));
        let large = table.size_bytes >= options.small_table_bytes();
        large && !keeps_tombstones && overlap <= options.max_overlap_bytes()
    })
}

/// Cuts along the tables of the level below the output: soft at each one's start, hard so that no output table overlaps too
/// many of them.
pub(super) fn cut_keys(options: &Leveled, shape: &Shape, below: usize, hull: Hull<'_>) -> Vec<CutKey> {
    let [run] = shape.runs(below) else { return vec![] };
    let mut since_hard = 0u64;
    let mut cuts = Vec::new();
    for table in run.overlapping(&shape.order, hull.smallest, hull.largest) {
        let hard = since_hard.saturating_add(table.size_bytes) > options.max_overlap_bytes();
        // Before the first table there is nothing to cut off.
        if since_hard > 0 {
            cuts.push(CutKey { key: table.smallest.clone(), hard });
        }
        since_hard = if hard { table.size_bytes } else { since_hard.saturating_add(table.size_bytes) };
    }
    cuts
}
