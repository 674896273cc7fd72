//! Which history is complete, and how it is kept: the feed horizon.
//!
//! Jobs drop versions that nobody can read any more, and set sequence numbers to 0. A change feed needs all of them. So the
//! tree knows a bound `D`: no job was ever allowed to touch a number at or above it. From `D` on the history is complete, and
//! a feed from below is refused (INV-FEED-2). Without more, `D` follows the watermark: whatever was flushed may be incomplete.
//!
//! The *horizon* `H` holds `D` down: nothing at or above `H` is dropped, folded or zeroed (INV-FEED-1). It is the least of the
//! number that the caller set ([`crate::Tree::set_feed_horizon`]) and the places of all live cursors
//! ([`crate::Tree::feed_cursor`]), and `D` and `H` are written with every edit of the manifest. The horizon found then counts as set by the caller, until the caller sets another.
//!
//! Kept history costs room. What flushes have written since the horizon is added up; when it exceeds the limit
//! ([`crate::Config::feed_history_bytes`]), the horizon gives up the oldest flushes, and whoever still wants them finds that the
//! history is gone.
//!
//! Thread-safety: one mutex, a leaf; [`crate::state::Snapshots`] asks under its own.
//!
//! Not here: reading history ([`crate::feed`]).

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use esker_mem::seqno::{MAX_SEQNO, SeqNo};

use crate::error::{Error, Result};

/// What is known of the history of a tree.
pub(crate) struct History {
    held: Mutex<Held>,
    limit_bytes: u64,
}

#[derive(Default)]
struct Held {
    /// What the caller set, or what was found at open.
    set: Option<SeqNo>,
    /// How many cursors stand at each place.
    cursors: BTreeMap<SeqNo, usize>,
    /// The manifest may name a horizon.
    was_on: bool,
    /// Numbers below were given up for want of room.
    given_up_below: SeqNo,
    /// Numbers below may be gone: `D`.
    dropped_below: SeqNo,
    /// Flushes since the horizon, oldest first: their highest number and their bytes.
    flushes: VecDeque<(SeqNo, u64)>,
}

impl Held {
    fn horizon(&self) -> Option<SeqNo> {
        let lowest = self.cursors.keys().next().copied();
        let wanted = self.set.into_iter().chain(lowest).min()?;
        Some(wanted.max(self.given_up_below))
    }

    /// Forgets the flushes that nothing is kept of.
    fn forget(&mut self) {
        match self.horizon() {
            Some(horizon) => self.flushes.retain(|(highest, _)| *highest >= horizon),
            None => self.flushes.clear(),
        }
    }
}

impl History {
    /// As the manifest says: `D`, the horizon, and the highest number and the bytes of blocks with numbers from the horizon on.
    pub(crate) fn new(
        limit_bytes: u64,
        dropped_below: SeqNo,
        horizon: Option<SeqNo>,
        kept: (SeqNo, u64),
    ) -> Self {
        let mut held = Held { set: horizon, was_on: horizon.is_some(), dropped_below, ..Held::default() };
        if kept.1 > 0 {
            held.flushes.push_back(kept);
        }
        held.forget();
        Self { held: Mutex::new(held), limit_bytes }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `H`, if history is kept.
    pub(crate) fn horizon(&self) -> Option<SeqNo> {
        self.held().horizon()
    }

    /// What the manifest is to say: the maximum where history was kept and is no more; nothing where it never was.
    pub(crate) fn recorded(&self) -> Option<SeqNo> {
        let held = self.held();
        held.horizon().or(held.was_on.then_some(MAX_SEQNO))
    }

    /// How far a job may go that would else go to `watermark` (INV-FEED-1).
    pub(crate) fn cap(&self, watermark: SeqNo) -> SeqNo {
        let mut held = self.held();
        let bound = held.horizon().map_or(watermark, |horizon| horizon.min(watermark));
        held.dropped_below = held.dropped_below.max(bound);
        bound
    }

    /// Gives up the history below `end`, whoever wants it: it is being erased ([`crate::erase`]). Before the edit that does it.
    pub(crate) fn erase_below(&self, end: SeqNo) {
        let mut held = self.held();
        held.dropped_below = held.dropped_below.max(end);
        held.given_up_below = held.given_up_below.max(end);
        held.forget();
    }

    /// The least number from which on the history is complete.
    pub(crate) fn oldest(&self) -> SeqNo {
        self.held().dropped_below
    }

    /// Refuses a feed from below what is complete (INV-FEED-2).
    pub(crate) fn check(&self, since: SeqNo) -> Result<()> {
        let oldest = self.oldest();
        if since < oldest { Err(Error::HistoryGone { oldest }) } else { Ok(()) }
    }

    /// Sets the caller's horizon, or none.
    pub(crate) fn set(&self, horizon: Option<SeqNo>) -> Result<()> {
        let mut held = self.held();
        let horizon = horizon.map(|horizon| horizon.min(MAX_SEQNO));
        if horizon.is_some_and(|horizon| horizon < held.dropped_below) {
            return Err(Error::HistoryGone { oldest: held.dropped_below });
        }
        held.set = horizon;
        held.was_on |= horizon.is_some();
        held.forget();
        Ok(())
    }

    /// Registers a cursor at `since`.
    pub(crate) fn register(&self, since: SeqNo) -> Result<()> {
        let mut held = self.held();
        if since < held.dropped_below {
            return Err(Error::HistoryGone { oldest: held.dropped_below });
        }
        *held.cursors.entry(since).or_insert(0) += 1;
        held.was_on = true;
        Ok(())
    }

    /// Lets a cursor at `at` go.
    pub(crate) fn release(&self, at: SeqNo) {
        let mut held = self.held();
        if let Some(count) = held.cursors.get_mut(&at) {
            *count -= 1;
            if *count == 0 {
                held.cursors.remove(&at);
            }
        }
        held.forget();
    }

    /// Moves a cursor forward.
    pub(crate) fn advance(&self, from: SeqNo, to: SeqNo) {
        *self.held().cursors.entry(to).or_insert(0) += 1;
        self.release(from);
    }

    /// Takes note of a flush of `bytes` with numbers up to `highest`; gives up the oldest where there is too much.
    pub(crate) fn note_flush(&self, highest: SeqNo, bytes: u64) {
        let mut held = self.held();
        if held.horizon().is_none() {
            return;
        }
        held.flushes.push_back((highest, bytes));
        let mut kept: u64 = held.flushes.iter().map(|(_, bytes)| bytes).sum();
        while kept > self.limit_bytes
            && let Some((highest, bytes)) = held.flushes.pop_front()
        {
            kept -= bytes;
            held.given_up_below = held.given_up_below.max(highest + 1);
        }
    }
}

#[cfg(test)]
mod tests;
