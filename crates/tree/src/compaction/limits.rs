//! What a plan leaves beside and below its inputs: the limits of what its output may forget.
//!
//! A tombstone may go only where nothing older remains for it to hide; a seqno may become 0 only where
//! no other version of its key can be told apart by it. Both depend on the tables that are *not* inputs, so they are
//! read off the shape that the plan was picked from, under the same lock. Later changes cannot spoil them: flushes and
//! writes bring newer entries only (the caller's watermark sees to that), and data comes to lie below the output only
//! out of tables that already lay below or beside it, or through the inputs themselves, which are busy.
//!
//! Not here: the decisions ([`super::stream`]).

use std::cmp::Ordering;
use std::collections::HashSet;

use esker_format::ids::TableId;
use esker_mem::comparator::KeyOrder;
use esker_mem::seqno::{MAX_SEQNO, SeqNo};
use esker_mem::slice::Slice;

use super::picker::{Plan, Shape};
use super::readers::Readers;

/// Where older data may lie that is no input of a job: disjoint inclusive key ranges, ascending.
#[derive(Clone, Debug, Default)]
pub struct OlderData {
    ranges: Vec<(Slice, Slice)>,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct DropLimits {
    /// Where older data may lie below the output.
    pub older: OlderData,
    /// Smallest seqno that a newer source may hold out of order; `MAX_SEQNO` as a rule. Read off the tables; memtables are
    /// for the caller to add, who lowers it to their smallest seqno (larger than any in a table as a rule, so harmless).
    pub newer_lowest_seqno: SeqNo,
    /// An input may hold versions older than some below the output, so that two versions that meet in the merge
    /// need not be neighbours.
    pub out_of_order: bool,
    /// The output is in the last level, where seqnos are worth losing.
    pub last_level: bool,
}

impl OlderData {
    /// From key ranges in any order, overlapping or not.
    pub fn new(mut ranges: Vec<(Slice, Slice)>, order: &KeyOrder) -> OlderData {
        ranges.sort_by(|a, b| order.compare(&a.0, &b.0));
        let mut joined: Vec<(Slice, Slice)> = Vec::with_capacity(ranges.len());
        for (smallest, largest) in ranges {
            match joined.last_mut() {
                Some(last) if order.compare(&smallest, &last.1) != Ordering::Greater => {
                    if order.compare(&largest, &last.1) == Ordering::Greater {
                        last.1 = largest;
                    }
                }
                _ => joined.push((smallest, largest)),
            }
        }
        OlderData { ranges: joined }
    }

    /// Whether none lies under the span from `start` up to and without `end`: a binary search.
    pub fn is_apart_from(&self, order: &KeyOrder, start: &[u8], end: &[u8]) -> bool {
        let at = self.ranges.partition_point(|(_, largest)| order.compare(largest, start) == Ordering::Less);
        self.ranges.get(at).is_none_or(|(smallest, _)| order.compare(smallest, end) != Ordering::Less)
    }

    /// The ranges, ascending and disjoint.
    pub fn ranges(&self) -> &[(Slice, Slice)] {
        &self.ranges
    }
}

impl DropLimits {
    /// Below it, a version that is its key's oldest data has no reader who could miss it: all see it, and no newer source may
    /// hold an older version.
    pub fn settled_below(&self, readers: &Readers) -> SeqNo {
        let first_snapshot = readers.snapshots.first().copied().unwrap_or(MAX_SEQNO);
        self.newer_lowest_seqno.min(readers.watermark).min(first_snapshot)
    }

    /// The limits of a plan that was picked from this shape.
    pub fn of(plan: &Plan, shape: &Shape) -> DropLimits {
        let chosen: HashSet<TableId> = plan.tables().collect();
        let mut older = Vec::new();
        let mut newer_lowest_seqno = MAX_SEQNO;
        let mut out_of_order = false;
        let mut inputs_left = chosen.len();
        for (_, run) in shape.all_runs() {
            // Tables of one run are disjoint, so only inputs of newer runs make a table an older one.
            let below_inputs = inputs_left < chosen.len();
            for table in run.overlapping(&shape.order, &plan.smallest, &plan.largest) {
                if chosen.contains(&table.id) {
                    inputs_left -= 1;
                    out_of_order |= table.out_of_order;
                    continue;
                }
                // A table amid the inputs is newer than some and older than others: both limits hold.
                if below_inputs {
                    older.push((table.smallest.clone(), table.largest.clone()));
                }
                if inputs_left > 0 && table.out_of_order {
                    newer_lowest_seqno = newer_lowest_seqno.min(table.lowest_seqno);
                }
            }
        }
        let last_level = plan.output_level == shape.last_level();
        DropLimits {
            older: OlderData::new(older, &shape.order),
            newer_lowest_seqno,
            out_of_order,
            last_level,
        }
    }
}

#[cfg(test)]
mod tests;
