//! The merge of a compaction: sorted inputs as one.
//!
//! The inputs are kept in order by the entries that they stand on. When the first has moved on it is put in its place again:
//! a comparison with the second tells, as a rule, that it stays, so a stretch of entries from one input costs one comparison
//! each; otherwise it moves back past those that come before it. For the handful of inputs of a compaction that is less work than
//! a heap or a tree of losers, and as it needs few branches that cannot be foreseen.
//!
//! Under byte order entries compare by *heads*, the first eight bytes behind what all keys of the merge share, and by whole keys
//! only where these are equal. Entries with the same key and sequence number come from the newer input first.
//!
//! Not here: what is dropped ([`crate::compaction::stream`]), and what readers walk ([`crate::cursor::merge`]), which can seek,
//! turn round and look into memtables.

use std::cmp::Ordering;

use esker_mem::comparator::KeyOrder;
use esker_mem::head::head;

use crate::compact::input::Input;
use crate::error::Result;

/// An input in the order of the entries that they stand on.
#[derive(Clone, Copy)]
struct Place {
    head: u64,
    /// The input's index: lower is newer.
    input: usize,
}

/// Several inputs as one, in internal order.
pub(crate) struct Merge {
    inputs: Vec<Input>,
    /// Those that are not at their end, ascending.
    places: Vec<Place>,
    order: KeyOrder,
    /// How many bytes all keys share under byte order.
    shared: usize,
}

impl Merge {
    /// Merges `inputs`, given newest first, of which no key lies outside `smallest..=largest`.
    pub(crate) fn new(inputs: Vec<Input>, order: KeyOrder, smallest: &[u8], largest: &[u8]) -> Self {
        let common = smallest.iter().zip(largest).take_while(|(a, b)| a == b).count();
        let shared = if order.is_bytes() { common } else { 0 };
        let mut merge = Self { inputs, places: Vec::new(), order, shared };
        for input in 0..merge.inputs.len() {
            if merge.inputs.get(input).is_some_and(Input::is_valid) {
                merge.places.insert(0, Place { head: 0, input });
                merge.settle();
            }
        }
        merge
    }

    /// The input that stands on the least entry; `None` at the end.
    #[inline]
    pub(crate) fn first(&self) -> Option<&Input> {
        self.inputs.get(self.places.first()?.input)
    }

    /// Whether all entries up to `last`, a key of the first input, come before those of the other inputs, none of which has the
    /// same key.
    pub(crate) fn is_alone_up_to(&self, last: &[u8]) -> bool {
        let rival = self.places.get(1).and_then(|place| self.inputs.get(place.input));
        rival.is_none_or(|rival| self.order.compare(last, rival.key()) == Ordering::Less)
    }

    /// Goes to the next entry.
    #[inline]
    pub(crate) fn next(&mut self) -> Result<()> {
        self.advance(Input::next)
    }

    /// Goes behind the block that the first input stands in.
    pub(crate) fn next_block(&mut self) -> Result<()> {
        self.advance(Input::next_block)
    }

    #[inline]
    fn advance(&mut self, step: impl FnOnce(&mut Input) -> Result<()>) -> Result<()> {
        let Some(input) = self.places.first().and_then(|first| self.inputs.get_mut(first.input)) else {
            return Ok(());
        };
        step(input)?;
        if input.is_valid() {
            self.settle();
        } else {
            self.places.remove(0);
        }
        Ok(())
    }

    /// Moves the first place back to where the entry of its input belongs.
    #[inline]
    fn settle(&mut self) {
        let Some(first) = self.places.first() else { return };
        let Some(input) = self.inputs.get(first.input) else { return };
        let moved = Place { head: head(input.key().get(self.shared..).unwrap_or_default()), ..*first };
        let mut at = 0;
        while let Some(&next) = self.places.get(at + 1)
            && !self.is_before(moved, next)
        {
            if let Some(place) = self.places.get_mut(at) {
                *place = next;
            }
            at += 1;
        }
        if let Some(place) = self.places.get_mut(at) {
            *place = moved;
        }
    }

    #[inline]
    fn is_before(&self, a: Place, b: Place) -> bool {
        if a.head != b.head && self.order.is_bytes() {
            return a.head < b.head;
        }
        self.is_before_by_key(a, b)
    }

    fn is_before_by_key(&self, a: Place, b: Place) -> bool {
        let (Some(x), Some(y)) = (self.inputs.get(a.input), self.inputs.get(b.input)) else { return false };
        let by_key = self.order.compare(x.key(), y.key());
        by_key.then_with(|| y.seqno().cmp(&x.seqno())).then(a.input.cmp(&b.input)) == Ordering::Less
    }
}
