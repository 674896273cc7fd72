//! Passing over entries that are older than some number, without a look at each.
//!
//! If the whole memtable is older, that is one seek. Otherwise, if it marks (`age.rs`), the cursor goes from fence to fence: the
//! largest node around its key whose mark is low enough, the node behind that one, and so on, until a leaf may hold something
//! newer. A stretch of a million old entries that nothing newer came into costs some ten descents: those along its two edges.
//!
//! A memtable that does not mark, or had newer entries before it did, is not passed over.

use std::cmp::Ordering as Compared;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::memtable::cursor::MemtableCursor;
use crate::memtable::entry::AnchorAt;
use crate::memtable::tree::Side;
use crate::seqno::SeqNo;

impl MemtableCursor {
    /// Goes forward past entries before `to` (past all without it) whose numbers are all below `below`, as far as that takes no
    /// look at each; says whether it moved. It may stop anywhere before `to`. Stands before `to`.
    pub fn skip_forward(&mut self, to: Option<&[u8]>, below: SeqNo) -> bool {
        match self.known_to_be_old(below) {
            _ if !self.valid() => false,
            Old::All => {
                self.pass_forward(to);
                true
            }
            Old::ByMarks => self.skip_forward_by_marks(to, below),
            Old::Unknown => false,
        }
    }

    /// As [`Self::skip_forward`], going backward: past entries behind `to` (past all without it), behind which it stands.
    pub fn skip_backward(&mut self, to: Option<&[u8]>, below: SeqNo) -> bool {
        match self.known_to_be_old(below) {
            _ if !self.valid() => false,
            Old::All => {
                self.pass_backward(to);
                true
            }
            Old::ByMarks => self.skip_backward_by_marks(to, below),
            Old::Unknown => false,
        }
    }

    fn known_to_be_old(&self, below: SeqNo) -> Old {
        if self.memtable.highest_seqno().is_none_or(|highest| highest < below) {
            Old::All
        } else if self.memtable.unmarked_below.load(Ordering::Acquire) <= below {
            Old::ByMarks
        } else {
            Old::Unknown
        }
    }

    #[cold]
    fn skip_forward_by_marks(&mut self, to: Option<&[u8]>, below: SeqNo) -> bool {
        let memtable = Arc::clone(&self.memtable);
        let (keys, start) = (memtable.keys(), self.anchor);
        let mut reached = start;
        while let Some(part) = memtable.tree.old_part(keys, reached.key(keys.arena), Side::At, below) {
            reached = part.high;
            if reached.is_none() || to.is_some_and(|to| keys.compare(reached, to) != Compared::Less) {
                self.pass_forward(to);
                return true;
            }
        }
        let moves = reached != start;
        if moves {
            self.seek(reached.key(keys.arena));
        }
        moves
    }

    #[cold]
    fn skip_backward_by_marks(&mut self, to: Option<&[u8]>, below: SeqNo) -> bool {
        let memtable = Arc::clone(&self.memtable);
        let keys = memtable.keys();
        let (mut reached, mut side) = (self.anchor, Side::At);
        while let Some(part) = memtable.tree.old_part(keys, reached.key(keys.arena), side, below) {
            (reached, side) = (part.low, Side::Before);
            if reached.is_none() || to.is_some_and(|to| keys.compare(reached, to) != Compared::Greater) {
                self.pass_backward(to);
                return true;
            }
        }
        let moves = side == Side::Before;
        if moves {
            self.seek_before(reached);
        }
        moves
    }

    /// To the first entry at or behind `to`.
    fn pass_forward(&mut self, to: Option<&[u8]>) {
        match to {
            Some(to) => self.seek(to),
            None => self.leave(),
        }
    }

    /// To the last entry at or before `to`.
    fn pass_backward(&mut self, to: Option<&[u8]>) {
        match to {
            Some(to) => self.seek_for_prev(to),
            None => self.leave(),
        }
    }

    /// To the last entry before the key of `anchor`.
    fn seek_before(&mut self, anchor: AnchorAt) {
        let memtable = Arc::clone(&self.memtable);
        let keys = memtable.keys();
        let rank = memtable.tree.view_for(keys, anchor.key(keys.arena), Side::Before, &mut self.leaf);
        self.at = rank.below;
        self.previous_key();
    }
}

/// What is known of a memtable beforehand.
enum Old {
    /// All of it is old.
    All,
    /// A part whose mark is low enough is old.
    ByMarks,
    Unknown,
}
