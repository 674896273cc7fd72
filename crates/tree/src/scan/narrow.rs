//! Narrowing a view to the tables that a scan of a prefix needs, by the prefixes in their filters.
//!
//! Of the wanted prefix the longest *boundary* is taken ([`crate::prefix_extractor`]): every key that begins with the prefix
//! begins with the boundary, too, and every table that names the tree's extractor has the boundaries of all its keys in
//! its filter. A table whose filter lacks it holds no entry of the scan, be it a value or a tombstone, and is left out
//! (INV-PREFIX-2). Tables of another extractor's name, without a filter, or with range tombstones stay.
//!
//! 1. Of each run take the tables that can hold the prefix: under byte order a stretch of it, mostly one table, and
//!    all of it under any other order.
//! 2. Ask their filters.
//! 3. Unless all runs stay whole, the scan reads a version of what is left.
//!
//! Cost: a filter probe or two a run, and some allocations if something is left out. Nothing without an extractor.

use std::cmp::Ordering;
use std::sync::Arc;

use esker_format::filter::prefix_hash;
use esker_mem::comparator::KeyOrder;

use crate::core::Core;
use crate::prefix_extractor::boundary_of;
use crate::state::View;
use crate::table::reader::Table;
use crate::version::run::Run;

/// `view`, or what of it a scan of `prefix` needs.
#[inline]
pub(crate) fn narrow(core: &Core, view: Arc<View>, prefix: &[u8]) -> Arc<View> {
    if core.config.prefix_extractor.is_none() { view } else { narrow_by_filters(core, view, prefix) }
}

#[inline(never)]
fn narrow_by_filters(core: &Core, view: Arc<View>, prefix: &[u8]) -> Arc<View> {
    let extractor = core.config.prefix_extractor.as_deref();
    let Some(boundary) = extractor.and_then(|extractor| boundary_of(extractor, prefix)) else { return view };
    let wanted = Wanted { prefix, boundary, hash: prefix_hash(boundary), order: core.order() };
    let mut skipped = 0;
    let version = view.version.narrowed(|run| wanted.part_of(run, &mut skipped));
    if skipped == 0 {
        return view;
    }
    core.metrics.prefix_filter_skips.add(skipped);
    Arc::new(View { version: Arc::new(version), ..View::clone(&view) })
}

struct Wanted<'a> {
    prefix: &'a [u8],
    boundary: &'a [u8],
    /// Of the boundary.
    hash: u64,
    order: &'a KeyOrder,
}

impl Wanted<'_> {
    /// The part of a run that may hold the prefix; counts tables that might have, but for their filters.
    fn part_of(&self, run: &Run, skipped: &mut u64) -> Option<Run> {
        let may_contain = |table: &Table| table.may_contain_prefix(self.boundary, self.hash);
        if !self.order.is_bytes() {
            let kept: Vec<_> = run.tables().iter().filter(|table| may_contain(table)).cloned().collect();
            *skipped += (run.tables().len() - kept.len()) as u64;
            return (!kept.is_empty()).then(|| Run::new(run.id(), kept, self.order));
        }
        let mut from = run.position(self.prefix, self.order);
        let behind = run.tables().get(from..).unwrap_or_default();
        let reaches = |table: &Arc<Table>| {
            table.smallest().starts_with(self.prefix) || table.smallest().cmp(self.prefix) == Ordering::Less
        };
        let mut to = from + behind.partition_point(reaches);
        // Only at the ends is there a table of which not all keys have the prefix.
        let is_absent = |at: usize| run.tables().get(at).is_some_and(|table| !may_contain(table));
        if from < to && is_absent(from) {
            from += 1;
            *skipped += 1;
        }
        if from < to && is_absent(to - 1) {
            to -= 1;
            *skipped += 1;
        }
        (from < to).then(|| run.part(from..to))
    }
}
