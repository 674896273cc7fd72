//! Major compaction: everything becomes one run of the last level.
//!
//! One plan takes every table. It waits (plans nothing) while any job runs, and has nothing to do once all tables are in
//! the last level and need not be rewritten. Everything that no reader needs goes: old versions, tombstones and what they hide.
//!
//! Cost: every byte is read and written once, and for as long as it runs both old and new tables take space.

use super::picker::{CompactionStrategy, OutputRun, Plan, PlanInput, PlanKind, RunShape, Shape, TableShape};

/// Merges the whole tree into the last level.
#[derive(Clone, Copy, Debug)]
pub struct Major {
    /// Size of a full table.
    pub target_table_bytes: u64,
    /// Whether to rewrite what is in its place already, as for a compaction filter that has to look at it.
    pub rewrites_all: bool,
}

impl CompactionStrategy for Major {
    fn name(&self) -> &'static str {
        "major"
    }

    fn pick(&self, shape: &Shape) -> Option<Plan> {
        if !shape.running.is_empty() || self.debt(shape) == 0 {
            return None;
        }
        let tables = || shape.all_runs().flat_map(|(_, run)| &run.tables);
        let by_smallest = |a: &&TableShape, b: &&TableShape| shape.order.compare(&a.smallest, &b.smallest);
        let by_largest = |a: &&TableShape, b: &&TableShape| shape.order.compare(&a.largest, &b.largest);
        let input = |(level, run): (usize, &RunShape)| PlanInput {
            level,
            run: run.id,
            tables: run.tables.iter().map(|table| table.id).collect(),
        };
        Some(Plan {
            kind: PlanKind::Merge,
            inputs: shape.all_runs().map(input).collect(),
            output_level: shape.last_level(),
            output_run: OutputRun::Sole,
            target_table_bytes: self.target_table_bytes,
            cut_keys: Vec::new(),
            smallest: tables().min_by(by_smallest)?.smallest.clone(),
            largest: tables().max_by(by_largest)?.largest.clone(),
            input_bytes: tables().map(|table| table.size_bytes).sum(),
            reason: "the whole tree was asked for",
        })
    }

    /// Bytes of all tables, unless all of them are in one run of the last level and may stay so.
    fn debt(&self, shape: &Shape) -> u64 {
        let settled = shape.all_runs().all(|(level, _)| level == shape.last_level());
        if settled && !self.rewrites_all && shape.sorted_runs() <= 1 {
            return 0;
        }
        shape.all_runs().map(|(_, run)| run.size_bytes()).sum()
    }
}
