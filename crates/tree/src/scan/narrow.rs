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
//! Cost: a filter probe or two a run; as much again, and some allocations, if something is left out. Nothing without an extractor.

use std::cmp::Ordering;
use std::ops::Range;
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
    let skipped: usize = view.version.runs().iter().map(|run| wanted.places_in(run).1).sum();
    if skipped == 0 {
        return view;
    }
    let version = view.version.narrowed(|run| wanted.part_of(run));
    core.metrics.prefix_filter_skips.add(skipped as u64);
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
    /// Which tables of a run may hold the prefix: those in the range, but for so many whose filters say that they do not.
    ///
    /// Under byte order those that do stand together, as only the first and the last that can hold the prefix have keys without it.
    /// Under another order the ones that do not may be anywhere.
    fn places_in(&self, run: &Run) -> (Range<usize>, usize) {
        let tables = run.tables();
        let is_absent = |at: usize| tables.get(at).is_some_and(|table| !self.may_be_in(table));
        if !self.order.is_bytes() {
            return (0..tables.len(), (0..tables.len()).filter(|at| is_absent(*at)).count());
        }
        let mut from = run.position(self.prefix, self.order);
        let behind = tables.get(from..).unwrap_or_default();
        let reaches = |table: &Arc<Table>| {
            table.smallest().starts_with(self.prefix) || table.smallest().cmp(self.prefix) == Ordering::Less
        };
        let mut to = from + behind.partition_point(reaches);
        let mut skipped = 0;
        if from < to && is_absent(from) {
            from += 1;
            skipped += 1;
        }
        if from < to && is_absent(to - 1) {
            to -= 1;
            skipped += 1;
        }
        (from..to, skipped)
    }

    /// The part of a run that may hold the prefix.
    fn part_of(&self, run: &Run) -> Option<Run> {
        let (places, _) = self.places_in(run);
        if self.order.is_bytes() {
            return (!places.is_empty()).then(|| run.part(places));
        }
        let kept: Vec<_> = run.tables().iter().filter(|table| self.may_be_in(table)).cloned().collect();
        (!kept.is_empty()).then(|| Run::new(run.id(), kept, self.order))
    }

    fn may_be_in(&self, table: &Table) -> bool {
        table.may_contain_prefix(self.boundary, self.hash)
    }
}
