//! Levels 1 and deeper: from each into the next.
//!
//! The table to go is the one whose way down rewrites fewest bytes of the next level for its own size; tombstones count
//! towards the size, since they shrink what they meet. Then all neighbours that lie wholly within the key range of what is
//! rewritten anyway go along.

use std::cmp::Ordering;

use super::draft::{Hull, Taken, into_level, overlap_bytes, rewrite};
use super::settings::Leveled;
use super::sizes::LevelSizes;
use crate::compaction::limits::DropLimits;
use crate::compaction::picker::{Plan, RunShape, Shape, TableShape};

/// A job takes no neighbours along beyond this many full tables' worth of input.
const MAX_JOB_TABLES: u64 = 25;

/// From the level that exceeds its target most.
pub(super) fn pick(options: &Leveled, shape: &Shape, sizes: &LevelSizes) -> Option<Plan> {
    let mut full: Vec<(u128, usize)> = (1..shape.last_level())
        .filter_map(|level| {
            let bytes = idle_bytes(shape, level);
            let target = sizes.target_bytes(level);
            (bytes > target).then(|| ((u128::from(bytes) << 32) / u128::from(target.max(1)), level))
        })
        .collect();
    full.sort_by_key(|(excess, _)| std::cmp::Reverse(*excess));
    full.into_iter().find_map(|(_, level)| pick_from(options, shape, level, |_| true, "its level is full"))
}

/// From the topmost level that holds anything, so that there is one level less.
pub(super) fn pick_topmost(options: &Leveled, shape: &Shape) -> Option<Plan> {
    let level = (1..shape.last_level()).find(|level| !shape.runs(*level).is_empty())?;
    pick_from(options, shape, level, |_| true, "settling")
}

/// A table of which half are tombstones, or that has a range tombstone, towards the data that they hide.
pub(super) fn pick_tombstones(options: &Leveled, shape: &Shape) -> Option<Plan> {
    let heavy = |table: &TableShape| {
        let many = table.tombstones > 0 && table.tombstones.saturating_mul(2) >= table.entries;
        many || table.range_tombstones > 0
    };
    (1..shape.last_level()).find_map(|level| pick_from(options, shape, level, heavy, "many tombstones"))
}

/// A table of the last level with an eighth of tombstones, or a range tombstone. They were kept for readers who could see what they hide; once
/// those have gone, nothing but a rewrite of the table alone removes them.
pub(super) fn pick_tombstones_of_last_level(options: &Leveled, shape: &Shape) -> Option<Plan> {
    let level = shape.last_level();
    let [run] = shape.runs(level) else { return None };
    let mut heavy = run.tables.iter().filter(|table| {
        let many = table.tombstones > 0 && table.tombstones.saturating_mul(8) >= table.entries;
        (many || table.range_tombstones > 0) && !table.busy && table.highest_seqno < shape.watermark
    });
    heavy.find_map(|table| {
        let plan = rewrite(options, shape, &Taken { level, run, tables: vec![table] }, "many tombstones")?;
        // Strays above would keep the tombstones, and the rewrite would be for nothing, again and again.
        (DropLimits::of(&plan, shape).newer_lowest_seqno > table.highest_seqno).then_some(plan)
    })
}

fn idle_bytes(shape: &Shape, level: usize) -> u64 {
    let tables = shape.runs(level).iter().flat_map(|run| run.tables.iter());
    tables.filter(|table| !table.busy).map(|table| table.size_bytes).sum()
}

fn pick_from(
    options: &Leveled,
    shape: &Shape,
    level: usize,
    wanted: impl Fn(&TableShape) -> bool,
    reason: &'static str,
) -> Option<Plan> {
    let [run] = shape.runs(level) else { return None };
    let candidates = run.tables.iter().filter(|table| !table.busy && wanted(table));
    let mut by_cost: Vec<(u128, &TableShape)> =
        candidates.map(|table| (cost(shape, level + 1, table), table)).collect();
    by_cost.sort_by_key(|(cost, _)| *cost);
    by_cost.into_iter().find_map(|(_, table)| {
        let taken = with_neighbours(options, shape, level, run, table);
        into_level(options, shape, &[taken], level + 1, reason)
    })
}

/// Bytes of the next level to be rewritten per byte that goes down, as a fixed-point fraction.
fn cost(shape: &Shape, below: usize, table: &TableShape) -> u128 {
    let overlap = u128::from(overlap_bytes(shape, below, Hull::of(table)));
    let tombstones =
        u128::from(table.tombstones) * u128::from(table.size_bytes) / u128::from(table.entries.max(1));
    // What a range tombstone meets goes without being rewritten, as a rule.
    let ranges = if table.range_tombstones > 0 { overlap } else { 0 };
    (overlap << 32) / (u128::from(table.size_bytes) + tombstones + ranges).max(1)
}

/// The table, and the idle tables next to it that lie within what it makes the next level rewrite.
fn with_neighbours<'a>(
    options: &Leveled,
    shape: &'a Shape,
    level: usize,
    run: &'a RunShape,
    table: &'a TableShape,
) -> Taken<'a> {
    let mut hull = Hull::of(table);
    let mut bytes = table.size_bytes;
    if let [below] = shape.runs(level + 1) {
        for met in below.overlapping(&shape.order, &table.smallest, &table.largest) {
            hull.extend(&shape.order, met);
            bytes = bytes.saturating_add(met.size_bytes);
        }
    }
    let limit = options.target_table_bytes.saturating_mul(MAX_JOB_TABLES);
    let mut tables = Vec::new();
    for other in run.overlapping(&shape.order, hull.smallest, hull.largest) {
        let within = shape.order.compare(&other.smallest, hull.smallest) != Ordering::Less
            && shape.order.compare(&other.largest, hull.largest) != Ordering::Greater;
        let fits = bytes.saturating_add(other.size_bytes) <= limit;
        if other.id == table.id {
            tables.push(other);
        } else if within && fits && !other.busy {
            bytes = bytes.saturating_add(other.size_bytes);
            tables.push(other);
        }
    }
    Taken { level, run, tables }
}
