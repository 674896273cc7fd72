//! Compaction of a key range, one level at a time: what holds keys of the range in one level goes into the next.
//!
//! From the upper level it takes the tables that overlap the range. In level 0, where runs overlap, each takes along the older
//! ones that it overlaps (INV-COMPACT-1); below, tables are disjoint. From the lower level it takes what lies in the key range
//! of those (INV-COMPACT-2) and, where `all_below`, everything that overlaps the range: then nothing of the range is left as it
//! was.
//!
//! It waits (plans nothing) while a running job is in the way.

use esker_mem::comparator::KeyOrder;
use std::cmp::Ordering;

use super::picker::{CompactionStrategy, OutputRun, Plan, PlanInput, PlanKind, RunShape, Shape, TableShape};
use crate::key_range::KeyRange;

/// Merges what holds keys of a range from one level into the next.
#[derive(Clone, Debug)]
pub(crate) struct Within<'r> {
    pub(crate) range: &'r KeyRange,
    /// The upper level.
    pub(crate) level: usize,
    /// Whether to merge what only the lower level holds, too.
    pub(crate) all_below: bool,
    /// Size of a full table.
    pub(crate) target_table_bytes: u64,
}

/// Tables of one run.
struct Taken<'s> {
    level: usize,
    run: &'s RunShape,
    tables: Vec<&'s TableShape>,
}

impl CompactionStrategy for Within<'_> {
    fn name(&self) -> &'static str {
        "within"
    }

    fn pick(&self, shape: &Shape) -> Option<Plan> {
        let order = &shape.order;
        let mut taken = self.upper(shape);
        let mut lower = self.lower(shape);
        let output_level = self.level + 1;
        let wanted = || taken.iter().chain(&lower).flat_map(|taken| taken.tables.iter().copied());
        let (smallest, largest) = hull(order, wanted())?;
        if let [Taken { run, tables, .. }] = lower.as_mut_slice() {
            *tables = run.overlapping(order, &smallest.smallest, &largest.largest).iter().collect();
        }
        taken.append(&mut lower);
        taken.retain(|taken| !taken.tables.is_empty());
        let tables = || taken.iter().flat_map(|taken| taken.tables.iter().copied());
        let (smallest, largest) = hull(order, tables())?;
        let (smallest, largest) = (&smallest.smallest, &largest.largest);
        let first_written = taken.first().map_or(output_level, |top| (top.level + 1).min(output_level));
        if tables().any(|table| table.busy)
            || shape.is_being_written(first_written..=output_level, smallest, largest)
        {
            return None;
        }
        let input = |taken: &Taken<'_>| PlanInput {
            level: taken.level,
            run: taken.run.id,
            tables: taken.tables.iter().map(|table| table.id).collect(),
        };
        Some(Plan {
            kind: PlanKind::Merge,
            inputs: taken.iter().map(input).collect(),
            output_level,
            output_run: OutputRun::Sole,
            target_table_bytes: self.target_table_bytes,
            cut_keys: Vec::new(),
            smallest: smallest.clone(),
            largest: largest.clone(),
            input_bytes: tables().map(|table| table.size_bytes).sum(),
            reason: "the key range was asked for",
        })
    }

    /// Bytes of the tables that hold keys of the range and are to be merged.
    fn debt(&self, shape: &Shape) -> u64 {
        let lower = if self.all_below { self.lower(shape) } else { Vec::new() };
        let taken = self.upper(shape).into_iter().chain(lower);
        taken.flat_map(|taken| taken.tables).map(|table| table.size_bytes).sum()
    }
}

impl Within<'_> {
    fn overlaps(&self, order: &KeyOrder, table: &TableShape) -> bool {
        self.range.overlaps(&table.smallest, &table.largest, order)
    }

    /// The tables of the upper level, newest run first.
    fn upper<'s>(&self, shape: &'s Shape) -> Vec<Taken<'s>> {
        let mut upper: Vec<Taken<'s>> = Vec::new();
        for run in shape.runs(self.level) {
            let is_under = |table: &TableShape| {
                let range = (&table.smallest[..], &table.largest[..]);
                let newer = upper.iter().flat_map(|taken| taken.tables.iter());
                newer.into_iter().any(|newer| shape.overlap((&newer.smallest, &newer.largest), range))
            };
            let wanted = |table: &&TableShape| self.overlaps(&shape.order, table) || is_under(table);
            let tables: Vec<_> = run.tables.iter().filter(wanted).collect();
            if !tables.is_empty() {
                upper.push(Taken { level: self.level, run, tables });
            }
        }
        upper
    }

    /// The runs of the lower level, with what is wanted of them by itself. A level of several runs is taken whole: no sole
    /// run could stand beside what would be left of it.
    fn lower<'s>(&self, shape: &'s Shape) -> Vec<Taken<'s>> {
        let level = self.level + 1;
        let runs = shape.runs(level);
        let is_wanted =
            |table: &&TableShape| runs.len() > 1 || (self.all_below && self.overlaps(&shape.order, table));
        let taken =
            |run: &'s RunShape| Taken { level, run, tables: run.tables.iter().filter(is_wanted).collect() };
        runs.iter().map(taken).collect()
    }
}

/// The tables with the smallest and with the largest key.
fn hull<'s>(
    order: &KeyOrder,
    tables: impl Iterator<Item = &'s TableShape>,
) -> Option<(&'s TableShape, &'s TableShape)> {
    tables.fold(None, |hull, table| match hull {
        None => Some((table, table)),
        Some((first, last)) => {
            let first =
                if order.compare(&table.smallest, &first.smallest) == Ordering::Less { table } else { first };
            let last =
                if order.compare(&table.largest, &last.largest) == Ordering::Greater { table } else { last };
            Some((first, last))
        }
    })
}
