//! What covers the key that a scan stands on: all sources together, kept as long as it holds.
//!
//! Keys of a scan are neighbours, and a span of one answer is long as a rule. So the answer is kept with its two ends, and
//! a key within them costs two comparisons. Where it ends, all sources are asked anew: in either direction, and after any jump.

use std::cmp::Ordering;
use std::sync::Arc;

use esker_mem::comparator::KeyOrder;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;

use crate::range_tombstones::forest::Forest;
use crate::range_tombstones::run::RunTombstones;
use crate::range_tombstones::span::Span;

/// Range tombstones of one memtable or run.
pub(crate) enum Source {
    Memtable(Arc<Forest>),
    Run(RunTombstones),
}

impl Source {
    fn span(&self, key: &[u8], bound: SeqNo, order: &KeyOrder) -> Span<'_> {
        match self {
            Self::Memtable(forest) => forest.span(key, bound, order),
            Self::Run(run) => run.span(key, bound, order),
        }
    }
}

/// See the module.
pub(crate) struct Cover {
    sources: Vec<Source>,
    order: KeyOrder,
    bound: SeqNo,
    /// The stretch that was asked for last; none before the first.
    known: Option<Stretch>,
}

/// As a [`Span`], to be kept.
#[derive(Clone, Debug)]
pub(crate) struct Stretch {
    pub(crate) newest: Option<SeqNo>,
    pub(crate) start: Option<Slice>,
    pub(crate) end: Option<Slice>,
}

impl Cover {
    /// Of `sources`, for a read at `bound`; none if there are no sources.
    pub(crate) fn new(sources: Vec<Source>, order: KeyOrder, bound: SeqNo) -> Option<Box<Self>> {
        (!sources.is_empty()).then(|| Box::new(Self { sources, order, bound, known: None }))
    }

    /// The stretch that was asked for last.
    pub(crate) fn known(&self) -> Option<&Stretch> {
        self.known.as_ref()
    }

    /// The stretch that `key` lies in, and whether it is another one than the last.
    pub(crate) fn at(&mut self, key: &[u8]) -> (&Stretch, bool) {
        let holds = self.known.as_ref().is_some_and(|known| {
            let begun = known.start.as_ref().is_none_or(|s| self.order.compare(s, key) != Ordering::Greater);
            begun && known.end.as_ref().is_none_or(|end| self.order.compare(end, key) == Ordering::Greater)
        });
        if !holds {
            self.known = None;
        }
        let stretch = self.known.get_or_insert_with(|| {
            let span = self.sources.iter().fold(Span::CLEAR, |span, source| {
                span.narrow(source.span(key, self.bound, &self.order), &self.order)
            });
            Stretch { newest: span.newest, start: span.start.cloned(), end: span.end.cloned() }
        });
        (stretch, !holds)
    }
}
