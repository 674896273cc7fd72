//! Range reads: the live keys of a range in order, from both ends.
//!
//! A [`Range`] owns the view that it reads, so it outlives flushes, compactions and deletions of files, and shows one
//! point in time throughout. The two ends are two cursors, made when first asked; they stop where they meet.
//!
//! Cost: positioning asks every memtable and run once; each entry costs a step of the source that it comes from
//! and no allocation for keys of up to 30 bytes. Values in tables are pinned, not copied.
//!
//! An error ends the iteration.

use std::cmp::Ordering;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::memtable::MemtableCursor;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::{Slice, UserKey, UserValue};

use crate::cursor::Cursor;
use crate::cursor::merge::MergeCursor;
use crate::cursor::visible::VisibleCursor;
use crate::error::Result;
use crate::state::View;
use crate::table::cursor::Fill;
use crate::version::run_cursor::RunCursor;

/// A key and its value.
pub type KvPair = (UserKey, UserValue);

/// One source of a range read.
enum Source {
    Memtable(MemtableCursor),
    Run(RunCursor),
}

macro_rules! on_source {
    ($self:ident, $cursor:ident => $call:expr) => {
        match $self {
            Source::Memtable($cursor) => $call,
            Source::Run($cursor) => $call,
        }
    };
}

impl Cursor for Source {
    #[inline]
    fn valid(&self) -> bool {
        on_source!(self, c => c.valid())
    }

    fn seek_to_first(&mut self) -> Result<()> {
        on_source!(self, c => Cursor::seek_to_first(c))
    }

    fn seek_to_last(&mut self) -> Result<()> {
        on_source!(self, c => Cursor::seek_to_last(c))
    }

    fn seek(&mut self, key: &[u8]) -> Result<()> {
        on_source!(self, c => Cursor::seek(c, key))
    }

    fn seek_for_prev(&mut self, key: &[u8]) -> Result<()> {
        on_source!(self, c => Cursor::seek_for_prev(c, key))
    }

    #[inline]
    fn next(&mut self) -> Result<()> {
        on_source!(self, c => Cursor::next(c))
    }

    #[inline]
    fn prev(&mut self) -> Result<()> {
        on_source!(self, c => Cursor::prev(c))
    }

    #[inline]
    fn key(&self) -> &[u8] {
        on_source!(self, c => c.key())
    }

    #[inline]
    fn head(&self) -> u64 {
        on_source!(self, c => c.head())
    }

    #[inline]
    fn seqno(&self) -> SeqNo {
        on_source!(self, c => c.seqno())
    }

    #[inline]
    fn kind(&self) -> Kind {
        on_source!(self, c => c.kind())
    }

    #[inline]
    fn value(&self) -> &[u8] {
        on_source!(self, c => c.value())
    }

    #[inline]
    fn value_slice(&self) -> Slice {
        on_source!(self, c => c.value_slice())
    }
}

type End = VisibleCursor<MergeCursor<Source>>;

/// One entry of a range read, or the error that ended it.
#[derive(Debug)]
pub struct EntryGuard(Result<KvPair>);

impl EntryGuard {
    /// The key.
    ///
    /// # Errors
    ///
    /// The error that ended the range read; so for all methods.
    pub fn key(self) -> Result<UserKey> {
        self.0.map(|(key, _)| key)
    }

    /// The value.
    ///
    /// # Errors
    ///
    /// As [`Self::key`].
    pub fn value(self) -> Result<UserValue> {
        self.0.map(|(_, value)| value)
    }

    /// The length of the value in bytes.
    ///
    /// # Errors
    ///
    /// As [`Self::key`].
    pub fn size(self) -> Result<usize> {
        self.0.map(|(_, value)| value.len())
    }

    /// Key and value.
    ///
    /// # Errors
    ///
    /// As [`Self::key`].
    pub fn into_inner(self) -> Result<KvPair> {
        self.0
    }

    /// The key, and the value if `wanted` says so.
    ///
    /// # Errors
    ///
    /// As [`Self::key`].
    pub fn into_inner_if(
        self,
        wanted: impl FnOnce(&UserKey) -> bool,
    ) -> Result<(UserKey, Option<UserValue>)> {
        self.0.map(|(key, value)| {
            let value = wanted(&key).then_some(value);
            (key, value)
        })
    }
}

/// The live keys of a range, in order, from both ends; yields one [`EntryGuard`] a key.
pub struct Range {
    view: Arc<View>,
    order: KeyOrder,
    bound: SeqNo,
    lower: Bound<UserKey>,
    upper: Bound<UserKey>,
    front: Option<End>,
    back: Option<End>,
    /// Keys that do not begin with it are passed over.
    prefix: Option<Slice>,
    done: bool,
}

impl Range {
    /// The keys of `range` in `view` below `bound`. An inverted range is empty.
    pub(crate) fn new<K: AsRef<[u8]>>(
        view: Arc<View>,
        order: KeyOrder,
        bound: SeqNo,
        range: &impl RangeBounds<K>,
    ) -> Self {
        let owned = |bound: Bound<&K>| bound.map(|key| Slice::new(key.as_ref()));
        let (lower, upper) = (owned(range.start_bound()), owned(range.end_bound()));
        Self { view, order, bound, lower, upper, front: None, back: None, prefix: None, done: false }
    }

    /// The keys that begin with `prefix`. Only byte order is known to keep them together: under another order all
    /// keys are looked at.
    pub(crate) fn with_prefix(view: Arc<View>, order: KeyOrder, bound: SeqNo, prefix: &[u8]) -> Self {
        if order.is_bytes() {
            return Self::new(view, order, bound, &prefix_range(prefix));
        }
        let all = (Bound::Unbounded::<Slice>, Bound::Unbounded);
        Self { prefix: Some(Slice::new(prefix)), ..Self::new(view, order, bound, &all) }
    }

    fn end(&self) -> End {
        let view = &self.view;
        let memtables = view
            .generations()
            .filter(|generation| !generation.memtable.is_empty())
            .map(|generation| Source::Memtable(generation.memtable.cursor()));
        let runs = view
            .version
            .runs()
            .map(|run| Source::Run(RunCursor::new(run.clone(), self.order.clone(), Fill::Cache)));
        let merged = MergeCursor::new(memtables.chain(runs).collect(), self.order.clone());
        VisibleCursor::new(merged, self.order.clone(), self.bound)
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

    /// Whether `key` is within the upper bound and before what the back end yielded.
    #[inline]
    fn admits_front(&self, key: &[u8]) -> bool {
        let below_upper = match &self.upper {
            Bound::Unbounded => true,
            Bound::Included(upper) => self.order.compare(key, upper) != Ordering::Greater,
            Bound::Excluded(upper) => self.order.compare(key, upper) == Ordering::Less,
        };
        below_upper
            && self.back.as_ref().is_none_or(|back| self.order.compare(key, back.key()) == Ordering::Less)
    }

    /// Whether `key` is within the lower bound and after what the front end yielded.
    fn admits_back(&self, key: &[u8]) -> bool {
        let above_lower = match &self.lower {
            Bound::Unbounded => true,
            Bound::Included(lower) => self.order.compare(key, lower) != Ordering::Less,
            Bound::Excluded(lower) => self.order.compare(key, lower) == Ordering::Greater,
        };
        above_lower
            && self
                .front
                .as_ref()
                .is_none_or(|front| self.order.compare(key, front.key()) == Ordering::Greater)
    }

    /// Moves the front end by one; says whether it stands on an entry of the range.
    #[inline]
    fn step_front(&mut self) -> Result<bool> {
        match &mut self.front {
            Some(front) => front.next()?,
            None => self.front = Some(self.at_first()?),
        }
        Ok(self.front.as_ref().is_some_and(|front| front.valid() && self.admits_front(front.key())))
    }

    /// Moves the back end by one; says whether it stands on an entry of the range.
    fn step_back(&mut self) -> Result<bool> {
        match &mut self.back {
            Some(back) => back.prev()?,
            None => self.back = Some(self.at_last()?),
        }
        Ok(self.back.as_ref().is_some_and(|back| back.valid() && self.admits_back(back.key())))
    }

    /// Whether `end` stands on a key without the wanted prefix.
    #[inline]
    fn passes_over(&self, end: Option<&End>) -> bool {
        match (&self.prefix, end) {
            (Some(prefix), Some(end)) => !end.key().starts_with(prefix),
            _ => false,
        }
    }

    /// What a step came to: the entry that `end` stands on, the end of the range, or an error, after which there is
    /// nothing more.
    #[inline]
    fn outcome(&mut self, stepped: Result<bool>, end: fn(&Self) -> Option<&End>) -> Option<EntryGuard> {
        match stepped {
            Ok(true) => end(self).map(|end| EntryGuard(Ok((Slice::new(end.key()), end.value_slice())))),
            Ok(false) => {
                self.done = true;
                None
            }
            Err(error) => {
                self.done = true;
                Some(EntryGuard(Err(error)))
            }
        }
    }
}

impl Iterator for Range {
    type Item = EntryGuard;

    #[inline]
    fn next(&mut self) -> Option<EntryGuard> {
        if self.done {
            return None;
        }
        let mut stepped = self.step_front();
        while matches!(stepped, Ok(true)) && self.passes_over(self.front.as_ref()) {
            stepped = self.step_front();
        }
        self.outcome(stepped, |range| range.front.as_ref())
    }
}

impl DoubleEndedIterator for Range {
    #[inline]
    fn next_back(&mut self) -> Option<EntryGuard> {
        if self.done {
            return None;
        }
        let mut stepped = self.step_back();
        while matches!(stepped, Ok(true)) && self.passes_over(self.back.as_ref()) {
            stepped = self.step_back();
        }
        self.outcome(stepped, |range| range.back.as_ref())
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
