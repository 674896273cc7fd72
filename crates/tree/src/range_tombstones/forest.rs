//! The range tombstones of a memtable: kept so that taking one more, and asking, are cheap whatever came before.
//!
//! Tombstones come one by one and are asked for in between. Fragmenting all of them anew for each that comes would be
//! quadratic, and so would be fragments that name every tombstone over them: a queue that deletes its beginning again and
//! again has as many tombstones over its first key as it ever deleted. So:
//!
//! - Sets of tombstones of sizes 1, 2, 4, .. stand in a row, as the ones in a binary number (Bentley and Saxe, *Decomposable
//!   searching problems*, 1980). One more is a set of one; two sets of one size become one. Each tombstone is joined a
//!   logarithm of times, and a logarithm of sets is asked.
//! - A set knows only the newest tombstone over each key ([`Steps`]), which is all that a read above it wants to know. A read
//!   at a bound *amid* a set asks the set's parts. As tombstones come by age nearly always, that is one part of each size.
//!   Parts are kept of every third size, which bounds memory by about a third of the logarithm.
//!
//! A forest is immutable; one with one more tombstone shares all sets but those that were joined.

use std::convert::Infallible;
use std::sync::Arc;

use esker_mem::comparator::KeyOrder;
use esker_mem::seqno::SeqNo;

use crate::range_tombstones::span::{RangeDelete, Span};
use crate::range_tombstones::steps::Steps;

/// Sizes between those whose sets are kept as parts, as powers of two.
const KEPT_SIZES: u32 = 3;

/// A set of `2^size` tombstones.
#[derive(Debug)]
struct Set {
    size: u32,
    steps: Steps,
    lowest: SeqNo,
    highest: SeqNo,
    parts: Parts,
}

#[derive(Debug)]
enum Parts {
    One(RangeDelete),
    Many(Vec<Arc<Set>>),
}

impl Set {
    fn one(range: RangeDelete) -> Self {
        let (lowest, highest) = (range.seqno, range.seqno);
        Self { size: 0, steps: Steps::of(&range), lowest, highest, parts: Parts::One(range) }
    }

    fn join(a: &Arc<Self>, b: &Arc<Self>, order: &KeyOrder) -> Self {
        let parts = |set: &Arc<Self>| match &set.parts {
            Parts::Many(parts) if !set.size.is_multiple_of(KEPT_SIZES) => parts.clone(),
            _ => vec![Arc::clone(set)],
        };
        Self {
            size: a.size + 1,
            steps: a.steps.join(&b.steps, order),
            lowest: a.lowest.min(b.lowest),
            highest: a.highest.max(b.highest),
            parts: Parts::Many([parts(a), parts(b)].concat()),
        }
    }

    fn span(&self, key: &[u8], bound: SeqNo, order: &KeyOrder) -> Span<'_> {
        if self.highest < bound {
            return self.steps.span(key, order);
        }
        match &self.parts {
            Parts::Many(parts) if self.lowest < bound => span_of(parts, key, bound, order),
            _ => Span::CLEAR,
        }
    }

    fn try_each<E>(&self, visit: &mut impl FnMut(&RangeDelete) -> Result<(), E>) -> Result<(), E> {
        match &self.parts {
            Parts::One(range) => visit(range),
            Parts::Many(parts) => parts.iter().try_for_each(|part| part.try_each(visit)),
        }
    }
}

fn span_of<'a>(sets: &'a [Arc<Set>], key: &[u8], bound: SeqNo, order: &KeyOrder) -> Span<'a> {
    sets.iter().fold(Span::CLEAR, |span, set| span.narrow(set.span(key, bound, order), order))
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Forest {
    /// Large ones, which are old ones, first.
    sets: Vec<Arc<Set>>,
}

impl Forest {
    /// The same with one tombstone more: a logarithm of joins in the mean, O(n) at worst.
    pub(crate) fn with(&self, range: RangeDelete, order: &KeyOrder) -> Self {
        let mut sets = self.sets.clone();
        let mut set = Arc::new(Set::one(range));
        while let Some(last) = sets.pop_if(|last| last.size == set.size) {
            set = Arc::new(Set::join(&last, &set, order));
        }
        sets.push(set);
        Self { sets }
    }

    /// The newest tombstone below `bound` over `key`, and around it.
    pub(crate) fn span(&self, key: &[u8], bound: SeqNo, order: &KeyOrder) -> Span<'_> {
        span_of(&self.sets, key, bound, order)
    }

    /// Every tombstone, in the order in which they came.
    pub(crate) fn each(&self, mut visit: impl FnMut(&RangeDelete)) {
        let Ok(()) = self.try_each(|range| {
            visit(range);
            Ok::<(), Infallible>(())
        });
    }

    /// The same, up to the first error.
    pub(crate) fn try_each<E>(&self, mut visit: impl FnMut(&RangeDelete) -> Result<(), E>) -> Result<(), E> {
        self.sets.iter().try_for_each(|set| set.try_each(&mut visit))
    }

    /// How many there are.
    pub(crate) fn len(&self) -> u64 {
        self.sets.iter().map(|set| 1 << set.size).sum()
    }

    /// The highest seqno.
    pub(crate) fn highest_seqno(&self) -> Option<SeqNo> {
        self.sets.iter().map(|set| set.highest).max()
    }

    /// The lowest seqno.
    pub(crate) fn lowest_seqno(&self) -> Option<SeqNo> {
        self.sets.iter().map(|set| set.lowest).min()
    }
}

#[cfg(test)]
mod tests;
