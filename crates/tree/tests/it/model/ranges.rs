//! Range reads of a run.

use std::collections::VecDeque;
use std::ops::Bound;

use esker_tree::{Range, SeqNo};

use super::operation::{At, Limit, Operation, Span, Walk};
use super::oracle::Value;
use super::points::shown;
use super::subject::{Done, OpenRange, Outcome, Planted, Subject, same, told};

/// The most ranges that are open at a time.
const MOST_OPEN: usize = 4;

/// How an entry is taken from a range.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Take {
    Owned,
    Lent,
}

impl Subject {
    /// Does one of the range reads.
    pub(super) fn read_ranges(&mut self, operation: &Operation) -> Outcome {
        use Operation as O;
        match operation {
            O::RangeOwned { span, at, walk } => self.walk_span(*span, *at, *walk, Take::Owned),
            O::RangeLent { span, at, walk } => self.walk_span(*span, *at, *walk, Take::Lent),
            O::IterWhole { at, walk } => {
                let bound = self.bound(*at);
                let range = self.tree().iter(bound).map_err(told("iter"))?;
                self.walk_out(range, self.all(bound).into(), *walk, Take::Owned)
            }
            O::Prefix { key, len, at, walk } => self.walk_prefix(*key, usize::from(*len), *at, *walk),
            O::SeekTo { span, to, at, steps } => self.seek(*span, *to, *at, *steps, true),
            O::SeekToForPrev { span, to, at, steps } => self.seek(*span, *to, *at, *steps, false),
            O::PeekKey { span, to, at } => self.peek(*span, *to, *at),
            O::PeekBackKey { span, to, at } => self.peek_back(*span, *to, *at),
            O::ContainsPrefix { key, len, at } => self.contains_prefix(*key, usize::from(*len), *at),
            O::BatchRangeScan { spans, at } => self.batch_range_scan(spans, *at),
            O::SeekToAndFro { span, to, at } => self.seek_to_and_fro(*span, to, *at),
            O::OpenRange { span, at } => self.open_range(*span, *at),
            O::StepRange { which, walk, steps } => self.step_range(*which, *walk, *steps),
            O::CloseRange { which } => {
                if self.open_ranges.is_empty() {
                    return Ok(Done::Passed);
                }
                let which = usize::from(*which) % self.open_ranges.len();
                self.open_ranges.swap_remove(which);
                Ok(Done::Checked)
            }
            other => unreachable!("{other:?} is no range read"),
        }
    }

    /// The keys that bound a span.
    pub(super) fn bounds(&self, span: Span) -> (Bound<&[u8]>, Bound<&[u8]>) {
        let key = |limit: Limit| match limit {
            Limit::Unbounded => Bound::Unbounded,
            Limit::Included(key) => Bound::Included(self.universe.key(key)),
            Limit::Excluded(key) => Bound::Excluded(self.universe.key(key)),
        };
        (key(span.lower), key(span.upper))
    }

    /// A range of the tree, and what it is to yield.
    fn range(&self, span: Span, bound: SeqNo) -> Result<(Range, VecDeque<(usize, Value)>), String> {
        let (lower, upper) = match self.bounds(span) {
            (lower, Bound::Excluded(key)) if self.planted == Some(Planted::ForgetsUpperBounds) => {
                (lower, Bound::Included(key))
            }
            bounds => bounds,
        };
        let range = self.tree().range::<&[u8]>((lower, upper), bound).map_err(told("range"))?;
        Ok((range, self.oracle.live(self.classes(span), bound, self.time_at(bound)).into()))
    }

    /// The classes within a span.
    pub(super) fn classes(&self, span: Span) -> std::ops::Range<usize> {
        let lower = match span.lower {
            Limit::Unbounded => 0,
            Limit::Included(key) => self.universe.class(key),
            Limit::Excluded(key) => self.universe.class(key) + 1,
        };
        let upper = match span.upper {
            Limit::Unbounded => self.universe.classes(),
            Limit::Included(key) => self.universe.class(key) + 1,
            Limit::Excluded(key) => self.universe.class(key),
        };
        lower..upper.max(lower)
    }

    fn walk_span(&self, span: Span, at: At, walk: Walk, take: Take) -> Outcome {
        let (range, wanted) = self.range(span, self.bound(at))?;
        self.walk_out(range, wanted, walk, take)
    }

    fn walk_prefix(&self, key: u16, len: usize, at: At, walk: Walk) -> Outcome {
        let key = self.universe.key(key);
        let prefix = &key[..len.min(key.len())];
        // Of a class that is not of one mind about it, the oracle does not know which key was written last.
        let Some(classes) = self.universe.classes_with_prefix(prefix) else { return Ok(Done::Passed) };
        let bound = self.bound(at);
        let range = self.tree().prefix(prefix, bound).map_err(told("prefix"))?;
        self.walk_out(
            range,
            self.oracle.live(classes.into_iter(), bound, self.time_at(bound)).into(),
            walk,
            Take::Owned,
        )
    }

    /// Walks until both are at their end.
    pub(super) fn walk_out(
        &self,
        mut range: Range,
        mut wanted: VecDeque<(usize, Value)>,
        walk: Walk,
        take: Take,
    ) -> Outcome {
        let mut step = 0;
        while self.step(&mut range, &mut wanted, walk, step, take)? {
            step += 1;
        }
        Ok(Done::Checked)
    }

    /// Takes one entry; says whether there was one.
    fn step(
        &self,
        range: &mut Range,
        wanted: &mut VecDeque<(usize, Value)>,
        walk: Walk,
        step: u32,
        take: Take,
    ) -> Result<bool, String> {
        let front = match walk {
            Walk::Front => true,
            Walk::Back => false,
            Walk::Both(bits) => bits.rotate_right(step) & 1 == 1,
        };
        let wanted = if front { wanted.pop_front() } else { wanted.pop_back() };
        if take == Take::Lent {
            let got = if front { range.next_ref() } else { range.next_back_ref() };
            self.same_entry("a lent entry", got.map_err(told("next_ref"))?, wanted.as_ref())?;
        } else {
            let got = if front { range.next() } else { range.next_back() };
            let got = got.map(esker_tree::EntryGuard::into_inner).transpose().map_err(told("next"))?;
            let got = got.as_ref().map(|(key, value)| (&**key, &**value));
            self.same_entry("an entry of a range", got, wanted.as_ref())?;
        }
        Ok(wanted.is_some())
    }

    /// What a range yields from `to` on, in one direction.
    fn from(&self, wanted: VecDeque<(usize, Value)>, to: u16, forward: bool) -> VecDeque<(usize, Value)> {
        let to = self.universe.class(to);
        wanted.into_iter().filter(|(class, _)| if forward { *class >= to } else { *class <= to }).collect()
    }

    fn seek(&self, span: Span, to: u16, at: At, steps: u8, forward: bool) -> Outcome {
        let (mut range, wanted) = self.range(span, self.bound(at))?;
        let sought = self.universe.key(to);
        let walk = if forward {
            range.seek_to(sought).map_err(told("seek_to"))?;
            Walk::Front
        } else {
            range.seek_to_for_prev(sought).map_err(told("seek_to_for_prev"))?;
            Walk::Back
        };
        let mut wanted = self.from(wanted, to, forward);
        for step in 0..u32::from(steps) {
            self.step(&mut range, &mut wanted, walk, step, Take::Owned)?;
        }
        Ok(Done::Checked)
    }

    fn peek(&self, span: Span, to: u16, at: At) -> Outcome {
        let (mut range, wanted) = self.range(span, self.bound(at))?;
        range.seek_to(self.universe.key(to)).map_err(told("seek_to"))?;
        let mut wanted = self.from(wanted, to, true);
        for step in 0..3 {
            let got = range.peek_key().map_err(told("peek_key"))?;
            let right = match (got, wanted.front()) {
                (None, None) => true,
                (Some(key), Some((class, _))) => self.universe.is_of_class(key, *class, &self.order),
                _ => false,
            };
            if !right {
                return Err(format!("peek_key: got {:?}, expected {:?}", got.map(shown), wanted.front()));
            }
            self.step(&mut range, &mut wanted, Walk::Front, step, Take::Lent)?;
        }
        Ok(Done::Checked)
    }

    fn peek_back(&self, span: Span, to: u16, at: At) -> Outcome {
        let (mut range, wanted) = self.range(span, self.bound(at))?;
        range.seek_to_for_prev(self.universe.key(to)).map_err(told("seek_to_for_prev"))?;
        let mut wanted = self.from(wanted, to, false);
        for step in 0..3 {
            let got = range.peek_back_key().map_err(told("peek_back_key"))?;
            let right = match (got, wanted.back()) {
                (None, None) => true,
                (Some(key), Some((class, _))) => self.universe.is_of_class(key, *class, &self.order),
                _ => false,
            };
            if !right {
                return Err(format!("peek_back_key: got {:?}, expected {:?}", got.map(shown), wanted.back()));
            }
            self.step(&mut range, &mut wanted, Walk::Back, step, Take::Lent)?;
        }
        Ok(Done::Checked)
    }

    fn contains_prefix(&self, key: u16, len: usize, at: At) -> Outcome {
        let key = self.universe.key(key);
        let prefix = &key[..len.min(key.len())];
        let Some(classes) = self.universe.classes_with_prefix(prefix) else { return Ok(Done::Passed) };
        let bound = self.bound(at);
        let got = self.tree().contains_prefix(prefix, bound).map_err(told("contains_prefix"))?;
        let wanted = self.oracle.live(classes.into_iter(), bound, self.time_at(bound));
        same("contains_prefix", &got, &!wanted.is_empty())?;
        Ok(Done::Checked)
    }

    /// Several spans at one moment, one after the other.
    fn batch_range_scan(&self, spans: &[Span], at: At) -> Outcome {
        let bound = self.bound(at);
        let ranges = spans.iter().map(|span| self.bounds(*span));
        let mut scan =
            self.tree().batch_range_scan::<&[u8], _>(ranges, bound).map_err(told("batch_range_scan"))?;
        for (number, span) in spans.iter().enumerate() {
            for wanted in self.oracle.live(self.classes(*span), bound, self.time_at(bound)) {
                let Some((of, entry)) = scan.next() else {
                    return Err(format!("batch_range_scan: nothing more in range {number}"));
                };
                same("the range of an entry", &of, &number)?;
                let (key, value) = entry.into_inner().map_err(told("batch_range_scan"))?;
                self.same_entry("batch_range_scan", Some((&key, &value)), Some(&wanted))?;
            }
        }
        same("entries behind the last range", &scan.count(), &0)?;
        Ok(Done::Checked)
    }

    /// Seeks of one range in turn to either side; each begins anew, and the ends meet as they do without.
    fn seek_to_and_fro(&self, span: Span, to: &[u16], at: At) -> Outcome {
        let (mut range, all) = self.range(span, self.bound(at))?;
        for (round, to) in to.iter().enumerate() {
            let forward = round % 2 == 0;
            let sought = self.universe.key(*to);
            let sought = if forward { range.seek_to(sought) } else { range.seek_to_for_prev(sought) };
            sought.map_err(told("a seek"))?;
            let mut wanted = self.from(all.clone(), *to, forward);
            let walk = if round % 3 == 0 {
                Walk::Both(0b0110)
            } else if forward {
                Walk::Front
            } else {
                Walk::Back
            };
            for step in 0..4 {
                self.step(&mut range, &mut wanted, walk, step, Take::Owned)?;
            }
        }
        Ok(Done::Checked)
    }

    /// Opens a range that is stepped through while the tree changes.
    fn open_range(&mut self, span: Span, at: At) -> Outcome {
        if self.open_ranges.len() == MOST_OPEN || !self.taken.is_empty() {
            return Ok(Done::Passed);
        }
        // Later writes are not to be seen.
        let bound = self.bound(at).min(self.seqno.get());
        let (range, left) = self.range(span, bound)?;
        self.open_ranges.push(OpenRange { range, left });
        Ok(Done::Checked)
    }

    fn step_range(&mut self, which: u16, walk: Walk, steps: u8) -> Outcome {
        if self.open_ranges.is_empty() {
            return Ok(Done::Passed);
        }
        let which = usize::from(which) % self.open_ranges.len();
        let mut open = self.open_ranges.swap_remove(which);
        for step in 0..u32::from(steps) {
            self.step(&mut open.range, &mut open.left, walk, step, Take::Owned)?;
        }
        self.open_ranges.push(open);
        Ok(Done::Checked)
    }
}
