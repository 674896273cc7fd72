//! Where an output table of a compaction ends.
//!
//! Asked at the first entry of every new user key, so the versions of one key never part (INV-COMPACT-6). A table ends
//! once it has its target size; at a *soft* cut key once it has half of it, so that tables line up with those of the next
//! level, which then have fewer partial overlaps to be rewritten; and at a *hard* cut key always, so that no table
//! overlaps so much of the next level that compacting it becomes a job without end.
//!
//! Not here: which cut keys a plan has (its strategy says), and what a table's size is (its writer says).

use std::cmp::Ordering;

use esker_mem::comparator::KeyOrder;

use super::picker::{CutKey, Plan};

/// Walks a plan's cut keys along the merge's ascending keys.
#[derive(Debug)]
pub struct OutputCutter<'a> {
    order: &'a KeyOrder,
    target_bytes: u64,
    cuts: std::slice::Iter<'a, CutKey>,
    next: Option<&'a CutKey>,
}

impl<'a> OutputCutter<'a> {
    /// For the output of `plan` from its first key on. A job that runs a part of the plan's key range may use it as
    /// well: cut keys before its first key are skipped.
    pub fn new(plan: &'a Plan, order: &'a KeyOrder) -> OutputCutter<'a> {
        let mut cuts = plan.cut_keys.iter();
        let next = cuts.next();
        OutputCutter { order, target_bytes: plan.target_table_bytes, cuts, next }
    }

    /// Whether the table under construction, of `table_bytes` so far (0 if none is), ends before `key`. Keys come in
    /// ascending order, each once.
    #[inline]
    pub fn ends_before(&mut self, key: &[u8], table_bytes: u64) -> bool {
        let mut ends = table_bytes >= self.target_bytes;
        while let Some(cut) = self.next {
            if self.order.compare(&cut.key, key) == Ordering::Greater {
                break;
            }
            ends |= cut.hard || table_bytes >= self.target_bytes / 2;
            self.next = self.cuts.next();
        }
        ends && table_bytes > 0
    }

    /// Whether no cut key lies behind `first` up to `last`, so that a table may take all that is between them at once.
    /// `first` is not before any key that was asked for.
    pub fn has_no_cut_between(&self, first: &[u8], last: &[u8]) -> bool {
        let mut cuts = self.next.into_iter().chain(self.cuts.clone());
        let behind = cuts.find(|cut| self.order.compare(&cut.key, first) == Ordering::Greater);
        behind.is_none_or(|cut| self.order.compare(&cut.key, last) == Ordering::Greater)
    }
}

#[cfg(test)]
mod tests;
