//! Range reads: the live keys of a range in order, from both ends.
//!
//! A [`Range`] owns the view that it reads, so it outlives flushes, compactions and deletions of files, and shows one
//! point in time throughout. The two ends are two cursors, made when first asked; they stop where they meet.
//!
//! Cost: positioning asks every memtable and run once; each entry costs a step of the source that it comes from
//! and no allocation for keys of up to 30 bytes. Values in tables are pinned, not copied. Most steps are glides, within one
//! block and past no other source's key, and are compared with nothing (INV-READ-3).
//!
//! An error ends the iteration: also that of a merge operator that cannot fold a key. [`Range::seek_to`] goes past it.
//!
//! Not here: seeking within a range ([`seek`]).

pub(crate) mod batch_range;
pub(crate) mod guard;
pub(crate) mod narrow;
mod seek;
pub(crate) mod seldom;
pub(crate) mod source;
pub(crate) mod under;

use std::cmp::Ordering;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use esker_mem::comparator::KeyOrder;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::{Slice, UserKey};

use crate::core::Core;
use crate::cursor::merge::{MergeCursor, Reach};
use crate::cursor::visible::VisibleCursor;
use crate::error::Result;
use crate::expiry::ReadTime;
use crate::merge_operator::SharedMergeOperator;
use crate::overlay::Overlay;
use crate::range_tombstones::cover::{Cover, Source as RangeSource};
use crate::scan::guard::EntryGuard;
use crate::scan::narrow::narrow;
use crate::scan::source::Source;
use crate::scan::under::Under;
use crate::state::View;
use crate::table::cursor::Fill;
use crate::version::run::Run;
use crate::version::run_cursor::RunCursor;

type End = VisibleCursor<MergeCursor<Source>>;

/// One end of a range: a cursor, and whether what it stands on is still to be yielded.
struct Stand {
    cursor: End,
    pending: bool,
}

impl Stand {
    /// What it stands on.
    #[inline(always)]
    fn entry(&self) -> EntryGuard {
        EntryGuard(Ok((self.cursor.key_slice(), self.cursor.value_slice())))
    }

    /// What it stands on, until it moves.
    #[inline(always)]
    fn lent(&self) -> (&[u8], &[u8]) {
        (self.cursor.key(), self.cursor.value())
    }
}

/// The live keys of a range, in order, from both ends; yields one [`EntryGuard`] a key.
pub struct Range {
    view: Arc<View>,
    order: KeyOrder,
    merge_operator: Option<SharedMergeOperator>,
    bound: SeqNo,
    /// What expires up to here is absent; 0 where nothing did when the range was made.
    now: u64,
    lower: Bound<UserKey>,
    upper: Bound<UserKey>,
    front: Option<Box<Stand>>,
    back: Option<Box<Stand>>,
    /// Keys that do not begin with it are passed over.
    prefix: Option<Slice>,
    /// What lies on top of the view.
    overlay: Option<Box<Overlay>>,
    done: bool,
}

impl Range {
    /// The keys of `range` in `view` below `bound`. An inverted range is empty.
    pub(crate) fn new<K: AsRef<[u8]>>(
        core: &Core,
        view: Arc<View>,
        bound: SeqNo,
        time: ReadTime,
        range: &impl RangeBounds<K>,
    ) -> Self {
        // INV-TTL-1: one time for all of it.
        let now = if view.has_expiring() { core.time_of_read(bound, time) } else { 0 };
        let owned = |bound: Bound<&K>| bound.map(|key| Slice::new(key.as_ref()));
        let (lower, upper) = (owned(range.start_bound()), owned(range.end_bound()));
        let (order, merge_operator) = (core.order().clone(), core.merge_operator().cloned());
        Self {
            view,
            order,
            merge_operator,
            bound,
            now,
            lower,
            upper,
            front: None,
            back: None,
            prefix: None,
            overlay: None,
            done: false,
        }
    }

    /// The same with `overlay` on top, seen at the time `now`, before anything is read of it.
    pub(crate) fn under(mut self, overlay: Overlay, now: u64) -> Self {
        self.overlay = Some(Box::new(overlay));
        self.now = now;
        self
    }

    /// The range from `lower` to `upper`, seen as this one is.
    pub(crate) fn alike(&self, lower: Bound<UserKey>, upper: Bound<UserKey>) -> Self {
        Self {
            view: Arc::clone(&self.view),
            order: self.order.clone(),
            merge_operator: self.merge_operator.clone(),
            bound: self.bound,
            now: self.now,
            lower,
            upper,
            front: None,
            back: None,
            prefix: None,
            overlay: self.overlay.clone(),
            done: false,
        }
    }

    /// The keys that begin with `prefix`. Only byte order is known to keep them together: under another order all
    /// keys are looked at. Tables that do not have the prefix by their filters are left out.
    pub(crate) fn with_prefix(
        core: &Core,
        view: Arc<View>,
        bound: SeqNo,
        time: ReadTime,
        prefix: &[u8],
    ) -> Self {
        let view = narrow(core, view, prefix);
        if core.order().is_bytes() {
            return Self::new(core, view, bound, time, &prefix_range(prefix));
        }
        let all = (Bound::Unbounded::<Slice>, Bound::Unbounded);
        Self { prefix: Some(Slice::new(prefix)), ..Self::new(core, view, bound, time, &all) }
    }

    fn end(&self) -> End {
        match &self.overlay {
            None => self.end_of(self.sources(), self.bound),
            Some(overlay) => self.end_under(overlay),
        }
    }

    /// With the overlay's sources before those of the tree. All that they show is as new as anything that may be seen
    /// (INV-OVERLAY-1); at bound 0 that is nothing of the tree. What its range deletes cover of the tree is not (INV-OVERLAY-2).
    #[cold]
    #[inline(never)]
    fn end_under(&self, overlay: &Overlay) -> End {
        let top = overlay.cursors(self.bound.saturating_sub(1));
        let top = top.map(Source::from);
        match (self.bound, overlay.ranges()) {
            (0, _) => self.end_of(top, 1),
            (bound, None) => self.end_of(top.chain(self.sources()), bound),
            (bound, Some(ranges)) => {
                let under = self.sources().map(|source| Source::from(Under::new(source, ranges, overlay)));
                self.end_of(top.chain(under), bound)
            }
        }
    }

    /// The memtables and runs of the view, newest first.
    fn sources(&self) -> impl Iterator<Item = Source> {
        let view = &self.view;
        let memtables = view
            .generations()
            .filter(|generation| !generation.memtable.is_empty())
            .map(|generation| Source::from(&generation.memtable));
        let run = |at| RunCursor::new(Arc::clone(&view.version), at, self.order.clone(), Fill::Cache);
        memtables.chain((0..view.version.runs().len()).map(move |at| Source::Run(run(at))))
    }

    #[inline]
    fn end_of(&self, sources: impl Iterator<Item = Source>, bound: SeqNo) -> End {
        let key = |bound: &Bound<UserKey>| match bound {
            Bound::Included(key) | Bound::Excluded(key) => Some(key.clone()),
            Bound::Unbounded => None,
        };
        let reach = Reach { bound, upper: key(&self.upper), lower: key(&self.lower) };
        let merged = MergeCursor::new(sources, self.order.clone()).gliding(reach);
        let cursor = VisibleCursor::new(merged, self.order.clone(), bound);
        cursor.folding(self.merge_operator.clone()).at_time(self.now).covered_by(self.cover(bound))
    }

    /// What range tombstones cover; none without any.
    #[inline]
    fn cover(&self, bound: SeqNo) -> Option<Box<Cover>> {
        if self.view.has_range_tombstones() { self.cover_of_all(bound) } else { None }
    }

    #[cold]
    fn cover_of_all(&self, bound: SeqNo) -> Option<Box<Cover>> {
        let memtables = self.view.generations().filter_map(|generation| generation.ranges.forest());
        let runs = self.view.version.runs().iter().map(Run::tombstones).filter(|run| !run.is_empty());
        let sources = memtables.map(RangeSource::Memtable).chain(runs.cloned().map(RangeSource::Run));
        Cover::new(sources.collect(), self.order.clone(), bound)
    }

    fn at_first(&self) -> Result<End> {
        let mut end = self.end();
        match &self.lower {
            Bound::Unbounded => end.seek_to_first()?,
            Bound::Included(key) => end.seek(key)?,
            Bound::Excluded(key) => {
                end.seek(key)?;
                if end.valid() && self.order.same_key(end.key(), key) {
                    end.next()?;
                }
            }
        }
        Ok(end)
    }

    fn at_last(&self) -> Result<End> {
        let mut end = self.end();
        match &self.upper {
            Bound::Unbounded => end.seek_to_last()?,
            Bound::Included(key) => end.seek_for_prev(key)?,
            Bound::Excluded(key) => {
                end.seek_for_prev(key)?;
                if end.valid() && self.order.same_key(end.key(), key) {
                    end.prev()?;
                }
            }
        }
        Ok(end)
    }

    /// Goes to the next entry without gliding; says whether there is one.
    #[inline(never)]
    fn walk_front(&mut self) -> Result<bool> {
        if self.done {
            return Ok(false);
        }
        // Until the step came to an entry.
        self.done = true;
        let inside = self.step_front()?;
        self.done = !inside;
        Ok(inside)
    }

    /// Goes to the next entry from the back, as [`Self::walk_front`].
    #[inline(never)]
    fn walk_back(&mut self) -> Result<bool> {
        if self.done {
            return Ok(false);
        }
        self.done = true;
        let inside = self.step_back()?;
        self.done = !inside;
        Ok(inside)
    }

    /// Whether the front end stands on an entry of the range that the back end has not reached.
    #[inline]
    fn front_is_inside(&self) -> bool {
        let Some(front) = self.front.as_ref().filter(|front| front.cursor.valid()) else { return false };
        let key = front.cursor.key();
        let below_upper = match &self.upper {
            Bound::Unbounded => true,
            Bound::Included(upper) => self.order.compare(key, upper) != Ordering::Greater,
            Bound::Excluded(upper) => self.order.compare(key, upper) == Ordering::Less,
        };
        below_upper && self.back.as_ref().is_none_or(|back| self.is_before(front, back))
    }

    /// Whether the back end stands on an entry of the range that the front end has not reached.
    fn back_is_inside(&self) -> bool {
        let Some(back) = self.back.as_ref().filter(|back| back.cursor.valid()) else { return false };
        let key = back.cursor.key();
        let above_lower = match &self.lower {
            Bound::Unbounded => true,
            Bound::Included(lower) => self.order.compare(key, lower) != Ordering::Less,
            Bound::Excluded(lower) => self.order.compare(key, lower) == Ordering::Greater,
        };
        above_lower && self.front.as_ref().is_none_or(|front| self.is_before(front, back))
    }

    /// Whether the ends have not met. They may stand on the same key while one has not yielded it.
    fn is_before(&self, front: &Stand, back: &Stand) -> bool {
        if !front.cursor.valid() || !back.cursor.valid() {
            return false;
        }
        match self.order.compare(front.cursor.key(), back.cursor.key()) {
            Ordering::Less => true,
            Ordering::Equal => front.pending || back.pending,
            Ordering::Greater => false,
        }
    }

    /// Moves the front end to the entry that is to be yielded next; says whether there is one.
    #[inline]
    fn step_front(&mut self) -> Result<bool> {
        loop {
            match &mut self.front {
                Some(front) if front.pending => front.pending = false,
                Some(front) => front.cursor.next()?,
                None => self.front = Some(Box::new(Stand { cursor: self.at_first()?, pending: false })),
            }
            if !self.front_is_inside() {
                return Ok(false);
            }
            if !self.passes_over(self.front.as_deref()) {
                return Ok(true);
            }
        }
    }

    /// Moves the back end to the entry that is to be yielded next; says whether there is one.
    fn step_back(&mut self) -> Result<bool> {
        loop {
            match &mut self.back {
                Some(back) if back.pending => back.pending = false,
                Some(back) => back.cursor.prev()?,
                None => self.back = Some(Box::new(Stand { cursor: self.at_last()?, pending: false })),
            }
            if !self.back_is_inside() {
                return Ok(false);
            }
            if !self.passes_over(self.back.as_deref()) {
                return Ok(true);
            }
        }
    }

    /// Whether `end` stands on a key without the wanted prefix.
    #[inline]
    fn passes_over(&self, end: Option<&Stand>) -> bool {
        match (&self.prefix, end) {
            (Some(prefix), Some(end)) => !end.cursor.key().starts_with(prefix),
            _ => false,
        }
    }
}

/// Entries that are only lent.
impl Range {
    /// Goes to the next entry from the front, which [`Self::front`] then lends; says whether there is one. After the end, or an
    /// error, there is nothing more.
    ///
    /// # Errors
    ///
    /// Damage and I/O errors of the tables that are read.
    // Most steps glide: to an entry within the bounds, which need not be asked. While the back end stands somewhere, each
    // entry must be compared with it. All of this is inlined up to the caller: a result that is handed on through memory, in
    // pieces of another size than it is read in, costs more than the step.
    #[inline(always)]
    pub fn advance(&mut self) -> Result<bool> {
        if let (Some(front), None, None) = (&mut self.front, &self.back, &self.prefix)
            && !front.pending
            && !self.done
            && front.cursor.glide_next()
        {
            return Ok(true);
        }
        self.walk_front()
    }

    /// Goes to the next entry from the back, which [`Self::back`] then lends, as [`Self::advance`].
    ///
    /// # Errors
    ///
    /// As there.
    #[inline(always)]
    pub fn advance_back(&mut self) -> Result<bool> {
        if let (Some(back), None, None) = (&mut self.back, &self.front, &self.prefix)
            && !back.pending
            && !self.done
            && back.cursor.glide_prev()
        {
            return Ok(true);
        }
        self.walk_back()
    }

    /// The entry that [`Self::advance`] came to; none once there is nothing more.
    #[inline(always)]
    #[must_use]
    pub fn front(&self) -> Option<(&[u8], &[u8])> {
        self.front.as_deref().filter(|front| !self.done && front.cursor.valid()).map(Stand::lent)
    }

    /// Goes to the end; says how many entries there were. No value is touched.
    pub(crate) fn count_rest(&mut self) -> Result<usize> {
        let mut count = 0;
        while self.advance()? {
            count += 1;
        }
        Ok(count)
    }

    /// The entry that [`Self::advance`] came to, to keep.
    pub(crate) fn front_entry(&self) -> Option<EntryGuard> {
        self.front.as_deref().filter(|front| !self.done && front.cursor.valid()).map(Stand::entry)
    }

    /// The entry that [`Self::advance_back`] came to; none once there is nothing more.
    #[inline(always)]
    #[must_use]
    pub fn back(&self) -> Option<(&[u8], &[u8])> {
        self.back.as_deref().filter(|back| !self.done && back.cursor.valid()).map(Stand::lent)
    }

    /// The next key and its value, until the range moves, as [`Iterator::next`] gives them (INV-SCAN-1): no count of
    /// references is touched, and nothing is copied but the key. `None` is the end.
    ///
    /// ```
    /// # use esker_tree::{Config, SeqNo, SequenceNumberCounter};
    /// # let folder = tempfile::tempdir()?;
    /// # let seqno = SequenceNumberCounter::default();
    /// # let tree = Config::new(&folder, seqno.clone(), SequenceNumberCounter::default()).open()?;
    /// for key in ["a", "b", "c"] {
    ///     tree.insert(key, "value", seqno.next())?;
    /// }
    /// let mut range = tree.iter(SeqNo::MAX)?;
    /// let mut bytes = 0;
    /// while let Some((key, value)) = range.next_ref()? {
    ///     bytes += key.len() + value.len();
    /// }
    /// assert_eq!(bytes, 18);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Damage and I/O errors of the tables that are read; after one there is nothing more.
    #[inline]
    pub fn next_ref(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        Ok(if self.advance()? { self.front() } else { None })
    }

    /// The next key from the back, and its value, as [`Self::next_ref`].
    ///
    /// # Errors
    ///
    /// As there.
    #[inline]
    pub fn next_back_ref(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        Ok(if self.advance_back()? { self.back() } else { None })
    }
}

impl Iterator for Range {
    type Item = EntryGuard;

    #[inline]
    fn next(&mut self) -> Option<EntryGuard> {
        match self.advance() {
            Ok(true) => self.front.as_deref().map(Stand::entry),
            Ok(false) => None,
            Err(error) => Some(EntryGuard(Err(error))),
        }
    }
}

impl DoubleEndedIterator for Range {
    #[inline]
    fn next_back(&mut self) -> Option<EntryGuard> {
        match self.advance_back() {
            Ok(true) => self.back.as_deref().map(Stand::entry),
            Ok(false) => None,
            Err(error) => Some(EntryGuard(Err(error))),
        }
    }
}

impl std::iter::FusedIterator for Range {}

impl std::fmt::Debug for Range {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Range")
            .field("lower", &self.lower)
            .field("upper", &self.upper)
            .finish_non_exhaustive()
    }
}

/// The keys that begin with `prefix`, as a range in byte order.
fn prefix_range(prefix: &[u8]) -> (Bound<Slice>, Bound<Slice>) {
    let mut end = prefix.to_vec();
    while let Some(last) = end.pop() {
        if last < u8::MAX {
            end.push(last + 1);
            return (Bound::Included(Slice::new(prefix)), Bound::Excluded(Slice::from(end)));
        }
    }
    (Bound::Included(Slice::new(prefix)), Bound::Unbounded)
}

#[cfg(test)]
mod tests;
