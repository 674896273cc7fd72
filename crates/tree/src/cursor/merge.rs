//! The merging cursor: several ordered sources as one.
//!
//! The child that stands on the least entry wins; the second least is remembered as its *rival*. Moving on compares
//! the winner only with the rival, so a run of entries from one source costs one comparison each. When the
//! rival takes over, the others are looked at once for the new rival. With the few sources of a settled tree (at most
//! three runs and the memtables) that is cheaper than keeping a heap or a tree of losers in order.
//!
//! A merge that is told its [`Reach`] lets a child that won twice in a row *glide* up to the rival's key, without coming
//! back here for each entry (INV-READ-3). Other children do not move meanwhile, or only away, so a stretch that was opened
//! earlier can only be too short; it is closed when the direction changes.
//!
//! Comparisons look at heads first, and at whole keys only where the heads are equal (byte order only).
//! Entries with the same key and sequence number come from the newer source first: children are given newest first.
//!
//! Changing direction repositions every child but the current one; each direction costs nothing else.

use std::cmp::Ordering;

use esker_format::data_block::walk::{Glide, Stretch};
use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;

use crate::cursor::Cursor;
use crate::error::Result;

/// What a merge may show by gliding.
#[derive(Clone)]
pub(crate) struct Reach {
    /// Entries at or above it are not shown.
    pub(crate) bound: SeqNo,
    /// A glide forward ends before it.
    pub(crate) upper: Option<Slice>,
    /// A glide backward ends behind it.
    pub(crate) lower: Option<Slice>,
}

struct Child<C> {
    cursor: C,
    head: u64,
    live: bool,
}

impl<C: Cursor> Child<C> {
    #[inline]
    fn refresh(&mut self) {
        self.live = self.cursor.valid();
        if self.live {
            self.head = self.cursor.head();
        }
    }
}

const NONE: usize = usize::MAX;

/// A memtable and three runs.
const USUAL_CHILDREN: usize = 4;

/// Several cursors as one, in internal order.
pub(crate) struct MergeCursor<C> {
    children: Vec<Child<C>>,
    order: KeyOrder,
    heads_order: bool,
    winner: usize,
    rival: usize,
    forward: bool,
    /// Without it, or under another order than that of bytes, nothing glides.
    reach: Option<Reach>,
    /// What was allowed from the beginning, once that was confined.
    whole_reach: Option<Reach>,
}

#[allow(
    clippy::indexing_slicing,
    reason = "winner and rival are NONE or indexes of children, set by `elect` alone"
)]
impl<C: Cursor> MergeCursor<C> {
    /// Merges `cursors`, given newest source first. The result stands on no entry yet.
    pub(crate) fn new(cursors: impl IntoIterator<Item = C>, order: KeyOrder) -> Self {
        let mut children = Vec::with_capacity(USUAL_CHILDREN);
        children.extend(cursors.into_iter().map(|cursor| Child { cursor, head: 0, live: false }));
        let heads_order = order.is_bytes();
        Self {
            children,
            order,
            heads_order,
            winner: NONE,
            rival: NONE,
            forward: true,
            reach: None,
            whole_reach: None,
        }
    }

    /// Allows to glide within `reach`.
    pub(crate) fn gliding(mut self, reach: Reach) -> Self {
        self.reach = self.heads_order.then_some(reach);
        self
    }

    /// Whether child `a` comes before child `b` in the current direction.
    #[inline]
    fn before(&self, a: usize, b: usize) -> bool {
        let (x, y) = (&self.children[a], &self.children[b]);
        if self.heads_order && x.head != y.head {
            return (x.head < y.head) == self.forward;
        }
        let by_key = self.order.compare(x.cursor.key(), y.cursor.key());
        let ordering = by_key.then_with(|| y.cursor.seqno().cmp(&x.cursor.seqno())).then(a.cmp(&b));
        (ordering == Ordering::Less) == self.forward
    }

    /// Finds the winner and its rival among all children.
    fn elect(&mut self) {
        let (mut winner, mut rival) = (NONE, NONE);
        for i in 0..self.children.len() {
            if !self.children[i].live {
                continue;
            }
            if winner == NONE || self.before(i, winner) {
                rival = winner;
                winner = i;
            } else if rival == NONE || self.before(i, rival) {
                rival = i;
            }
        }
        self.winner = winner;
        self.rival = rival;
    }

    /// Makes the rival the winner, and finds the new rival.
    fn hand_over(&mut self) {
        self.winner = self.rival;
        let mut rival = NONE;
        for i in 0..self.children.len() {
            if i != self.winner && self.children[i].live && (rival == NONE || self.before(i, rival)) {
                rival = i;
            }
        }
        self.rival = rival;
    }

    /// Lets the winner glide up to the rival and the end of the reach.
    fn open_stretch(&mut self, exact: bool) {
        let Some(reach) = &self.reach else { return };
        let end = if self.forward { &reach.upper } else { &reach.lower };
        let (winner, rival) = if self.rival == NONE {
            (self.children.get_mut(self.winner), None)
        } else {
            match self.children.get_disjoint_mut([self.winner, self.rival]) {
                Ok([winner, rival]) => (Some(winner), Some(rival.cursor.key())),
                Err(_) => (None, None),
            }
        };
        if let Some(winner) = winner {
            let limits = [rival, end.as_deref()];
            winner.cursor.open_stretch(&Stretch { forward: self.forward, bound: reach.bound, limits, exact });
        }
    }

    /// Has every child skip that does not stand behind what is skipped, then elects.
    fn skip(
        &mut self,
        wanted: impl Fn(&KeyOrder, &[u8]) -> bool,
        mut skip: impl FnMut(&mut C) -> Result<bool>,
    ) -> Result<bool> {
        let winner = std::mem::replace(&mut self.winner, NONE);
        let mut moved = false;
        for child in self.children.iter_mut().filter(|child| child.live) {
            if wanted(&self.order, child.cursor.key()) && skip(&mut child.cursor)? {
                moved = true;
                child.refresh();
            }
        }
        if moved {
            self.elect();
        } else {
            self.winner = winner;
        }
        Ok(moved)
    }

    /// Positions every child at `key` by `land`, then elects. What the children wait for they wait for side by side
    /// (INV-SCAN-2).
    fn position_at(
        &mut self,
        forward: bool,
        key: &[u8],
        mut land: impl FnMut(&mut C) -> Result<()>,
    ) -> Result<()> {
        self.winner = NONE;
        for child in &mut self.children {
            child.cursor.aim(key);
        }
        for child in &mut self.children {
            child.cursor.pin()?;
        }
        self.position(forward, |cursor| land(cursor))
    }

    /// Positions every child by `seek`, then elects. On an error the cursor stands on no entry.
    fn position(&mut self, forward: bool, mut seek: impl FnMut(&mut C) -> Result<()>) -> Result<()> {
        self.forward = forward;
        self.winner = NONE;
        self.rival = NONE;
        for child in &mut self.children {
            seek(&mut child.cursor)?;
            child.refresh();
        }
        self.elect();
        Ok(())
    }

    /// After the winner moved: keeps it if it still comes before its rival.
    #[inline]
    fn settle(&mut self, moved: Result<()>) -> Result<()> {
        let winner = self.winner;
        if moved.is_err() {
            self.winner = NONE;
            return moved;
        }
        self.children[winner].refresh();
        if self.children[winner].live && (self.rival == NONE || self.before(winner, self.rival)) {
            self.open_stretch(false);
        } else {
            self.hand_over();
        }
        Ok(())
    }

    /// Turns round and moves by one: every other child goes to its nearest entry on the far side of the winner's.
    #[cold]
    fn turn(&mut self, forward: bool) -> Result<()> {
        let winner = std::mem::replace(&mut self.winner, NONE);
        let key = self.children[winner].cursor.key().to_vec();
        let seqno = self.children[winner].cursor.seqno();
        self.forward = forward;
        for i in 0..self.children.len() {
            self.children[i].cursor.close_stretch();
            if i == winner {
                let cursor = &mut self.children[i].cursor;
                if forward { cursor.next()? } else { cursor.prev()? }
            } else {
                self.cross(i, &key, seqno, winner)?;
            }
            self.children[i].refresh();
        }
        self.elect();
        Ok(())
    }

    /// Takes child `i` past `(key, seqno)` of child `winner`, in the current direction.
    fn cross(&mut self, i: usize, key: &[u8], seqno: SeqNo, winner: usize) -> Result<()> {
        let cursor = &mut self.children[i].cursor;
        cursor.seek(key)?;
        while cursor.valid() {
            let by_key = self.order.compare(cursor.key(), key);
            // The same key and seqno in two children order by child, as in `before`.
            if by_key.then_with(|| seqno.cmp(&cursor.seqno())).then(i.cmp(&winner)) != Ordering::Less {
                break;
            }
            cursor.next()?;
        }
        match (self.forward, cursor.valid()) {
            (true, _) => Ok(()),
            (false, true) => cursor.prev(),
            (false, false) => cursor.seek_to_last(),
        }
    }

    #[inline(always)]
    fn winner(&self) -> &C {
        &self.children[self.winner].cursor
    }
}

#[allow(clippy::indexing_slicing, reason = "a valid cursor has a winner, which is an index of children")]
impl<C: Cursor> Cursor for MergeCursor<C> {
    #[inline]
    fn valid(&self) -> bool {
        self.winner != NONE
    }

    fn seek_to_first(&mut self) -> Result<()> {
        self.position(true, C::seek_to_first)
    }

    fn seek_to_last(&mut self) -> Result<()> {
        self.position(false, C::seek_to_last)
    }

    fn seek(&mut self, key: &[u8]) -> Result<()> {
        self.position_at(true, key, |cursor| cursor.land(key))
    }

    fn seek_for_prev(&mut self, key: &[u8]) -> Result<()> {
        self.position_at(false, key, |cursor| cursor.land_for_prev(key))
    }

    #[inline]
    fn next(&mut self) -> Result<()> {
        debug_assert!(self.valid(), "next on a cursor that stands on no entry");
        if !self.forward {
            return self.turn(true);
        }
        let moved = self.children[self.winner].cursor.next();
        self.settle(moved)
    }

    #[inline]
    fn prev(&mut self) -> Result<()> {
        debug_assert!(self.valid(), "prev on a cursor that stands on no entry");
        if self.forward {
            return self.turn(false);
        }
        let moved = self.children[self.winner].cursor.prev();
        self.settle(moved)
    }

    #[inline(always)]
    fn key(&self) -> &[u8] {
        self.winner().key()
    }

    #[inline]
    fn head(&self) -> u64 {
        // Not the child's: that is of the entry before a glide.
        self.winner().head()
    }

    #[inline]
    fn seqno(&self) -> SeqNo {
        self.winner().seqno()
    }

    #[inline]
    fn kind(&self) -> Kind {
        self.winner().kind()
    }

    #[inline(always)]
    fn value(&self) -> &[u8] {
        self.winner().value()
    }

    #[inline]
    fn value_slice(&self) -> Slice {
        self.winner().value_slice()
    }

    #[inline]
    fn key_slice(&self) -> Slice {
        self.winner().key_slice()
    }

    fn skip_forward(&mut self, to: Option<&[u8]>, below: SeqNo) -> Result<bool> {
        debug_assert!(self.forward, "a skip forward of a merge that goes backward");
        let before =
            |order: &KeyOrder, key: &[u8]| to.is_none_or(|to| order.compare(key, to) == Ordering::Less);
        self.skip(before, |cursor| cursor.skip_forward(to, below))
    }

    fn skip_backward(&mut self, to: Option<&[u8]>, below: SeqNo) -> Result<bool> {
        debug_assert!(!self.forward, "a skip backward of a merge that goes forward");
        let behind =
            |order: &KeyOrder, key: &[u8]| to.is_none_or(|to| order.compare(key, to) == Ordering::Greater);
        self.skip(behind, |cursor| cursor.skip_backward(to, below))
    }

    #[cold]
    fn is_past_reach(&self) -> bool {
        let Some(reach) = self.whole_reach.as_ref().or(self.reach.as_ref()) else { return false };
        let (end, beyond) = match self.forward {
            true => (&reach.upper, Ordering::Greater),
            false => (&reach.lower, Ordering::Less),
        };
        end.as_ref().is_some_and(|end| self.order.compare(self.key(), end) == beyond)
    }

    fn confine(&mut self, within: Option<(Option<&Slice>, Option<&Slice>)>) {
        if self.whole_reach.is_none() {
            self.whole_reach = self.reach.take();
        }
        self.reach = self.whole_reach.as_ref().zip(within).map(|(whole, (start, end))| Reach {
            bound: whole.bound,
            upper: whole.upper.iter().chain(end).min().cloned(),
            lower: whole.lower.iter().chain(start).max().cloned(),
        });
    }

    #[inline(always)]
    fn glide_next(&mut self) -> Glide {
        if !self.forward {
            return Glide::Stopped;
        }
        match self.children[self.winner].cursor.glide_next() {
            Glide::Tied => {
                self.open_stretch(true);
                self.children[self.winner].cursor.glide_next()
            }
            glide => glide,
        }
    }

    #[inline(always)]
    fn glide_prev(&mut self, here: bool) -> Glide {
        if self.forward {
            return Glide::Stopped;
        }
        match self.children[self.winner].cursor.glide_prev(here) {
            Glide::Tied => {
                self.open_stretch(true);
                self.children[self.winner].cursor.glide_prev(here)
            }
            glide => glide,
        }
    }
}

#[cfg(test)]
mod tests;
