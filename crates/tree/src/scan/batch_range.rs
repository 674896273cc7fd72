//! Several ranges in one call: all at one point in time, one after the other.
//!
//! Each range is walked by a [`Range`] of its own, made when the one before it is through; what they share is the view and
//! the bound, so that together they show one moment, however long it takes.
//!
//! An error ends the iteration.

use std::ops::{Bound, RangeBounds};
use std::vec;

use esker_mem::slice::{Slice, UserKey};

use crate::error::Result;
use crate::scan::Range;
use crate::scan::guard::EntryGuard;

/// The live keys of several ranges, range by range in the order in which they were given: yields which of them, counted
/// from 0, and the entry.
#[derive(Debug)]
pub struct BatchRange {
    /// What the ranges are made after: it is never walked.
    model: Range,
    waiting: vec::IntoIter<(Bound<UserKey>, Bound<UserKey>)>,
    /// The one that is being walked.
    current: Option<Range>,
    /// How many were begun.
    begun: usize,
}

impl BatchRange {
    /// The keys of `ranges`, seen as `model` sees them.
    pub(crate) fn new<K: AsRef<[u8]>, R: RangeBounds<K>>(
        model: Range,
        ranges: impl IntoIterator<Item = R>,
    ) -> Self {
        let owned = |bound: Bound<&K>| bound.map(|key| Slice::new(key.as_ref()));
        let bounds = |range: R| (owned(range.start_bound()), owned(range.end_bound()));
        let waiting = ranges.into_iter().map(bounds).collect::<Vec<_>>().into_iter();
        Self { model, waiting, current: None, begun: 0 }
    }

    /// Goes to the next entry, in this range or a later one; says whether there is one.
    fn advance(&mut self) -> Result<bool> {
        loop {
            if let Some(range) = &mut self.current {
                match range.advance() {
                    Ok(true) => return Ok(true),
                    Ok(false) => {}
                    Err(error) => {
                        self.current = None;
                        self.waiting = Vec::new().into_iter();
                        return Err(error);
                    }
                }
            }
            let Some((lower, upper)) = self.waiting.next() else {
                self.current = None;
                return Ok(false);
            };
            self.current = Some(self.model.alike(lower, upper));
            self.begun += 1;
        }
    }
}

impl Iterator for BatchRange {
    type Item = (usize, EntryGuard);

    fn next(&mut self) -> Option<Self::Item> {
        match self.advance() {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => return Some((self.begun.saturating_sub(1), EntryGuard::failed(error))),
        }
        let entry = self.current.as_ref().and_then(Range::front_entry)?;
        Some((self.begun - 1, entry))
    }
}

impl std::iter::FusedIterator for BatchRange {}
