//! Cursors: all versions of all keys, in order, in both directions, while others write.
//!
//! A cursor works on a copy of one leaf's slots, taken when it came there, and on the leaf to the right at that
//! moment. Since keys only ever move right and are never removed, everything that was in the tree when the cursor was
//! positioned is in the copy or reached from it; what is inserted later may or may not be seen (INV-MEM-9). Going
//! left, the leaf before is found by descending anew for the greatest smaller key: once per leaf, and no links to keep.
//!
//! Versions of a key chain from new to old, so forward is a step along the chain. Backward remembers the chain, once per
//! key with several versions, and walks over what it remembers.
//!
//! The anchors to come are prefetched, since the records are where the cache misses are.
//!
//! Not here: passing over what is old without a look at each entry (`skip.rs`).

mod skip;

use crate::head::head;
use crate::kind::Kind;
use crate::memtable::entry::{AnchorAt, VersionAt};
use crate::memtable::state::Memtable;
use crate::memtable::tree::{LeafView, Side};
use crate::seqno::SeqNo;
use std::fmt;
use std::sync::Arc;

/// How many keys ahead the records are fetched.
const AHEAD: usize = 8;

/// A position in a memtable, which it keeps alive. Sees what was inserted before it was positioned, and perhaps more.
///
/// While not [`valid`](Self::valid), the accessors return empty values and moving does nothing, except seeking.
pub struct MemtableCursor {
    memtable: Arc<Memtable>,
    leaf: LeafView,
    /// The position in the leaf.
    at: usize,
    /// The key here; none while not valid.
    anchor: AnchorAt,
    /// The version here.
    version: VersionAt,
    /// The versions of the key, newest first, if they were needed; else empty.
    chain: Vec<VersionAt>,
    /// The position in the chain, if it is not empty.
    link: usize,
}

impl Memtable {
    /// A cursor, not yet positioned.
    #[must_use]
    pub fn cursor(self: &Arc<Self>) -> MemtableCursor {
        MemtableCursor {
            memtable: Arc::clone(self),
            leaf: LeafView::empty(),
            at: 0,
            anchor: AnchorAt::NONE,
            version: VersionAt::NONE,
            chain: Vec::new(),
            link: 0,
        }
    }
}

impl MemtableCursor {
    /// Whether the cursor stands on an entry.
    #[inline]
    #[must_use]
    pub fn valid(&self) -> bool {
        !self.anchor.is_none()
    }

    /// The highest sequence number of all entries.
    #[must_use]
    pub fn highest_seqno(&self) -> Option<SeqNo> {
        self.memtable.highest_seqno()
    }

    /// Moves to the first entry.
    pub fn seek_to_first(&mut self) {
        self.memtable.tree.view(self.memtable.keys(), self.memtable.tree.first_leaf, &mut self.leaf);
        self.at = 0;
        self.enter_newest();
    }

    /// Moves to the last entry.
    pub fn seek_to_last(&mut self) {
        self.memtable.tree.view_last(self.memtable.keys(), &mut self.leaf);
        self.at = self.leaf.count;
        self.previous_key();
    }

    /// Moves to the first entry (the newest version) whose user key is `key` or greater.
    pub fn seek(&mut self, key: &[u8]) {
        let rank = self.memtable.tree.view_for(self.memtable.keys(), key, Side::At, &mut self.leaf);
        self.at = rank.below;
        self.enter_newest();
    }

    /// Moves to the last entry (the oldest version) whose user key is `key` or less.
    pub fn seek_for_prev(&mut self, key: &[u8]) {
        let rank = self.memtable.tree.view_for(self.memtable.keys(), key, Side::At, &mut self.leaf);
        self.at = rank.below + usize::from(rank.found);
        self.previous_key();
    }

    /// Moves one entry forward: to the next older version of the key, or the newest one of the next key.
    #[inline]
    #[allow(
        clippy::should_implement_trait,
        reason = "a cursor borrows its entries and cannot be an iterator"
    )]
    pub fn next(&mut self) {
        if !self.valid() {
            return;
        }
        let older = if self.chain.is_empty() {
            self.version.older(&self.memtable.arena)
        } else {
            self.link += 1;
            self.chain.get(self.link).copied().unwrap_or(VersionAt::NONE)
        };
        if older.is_none() {
            self.at += 1;
            self.enter_newest();
        } else {
            self.version = older;
        }
    }

    /// Moves one entry backward: to the next newer version of the key, or the oldest one of the previous key.
    #[inline]
    pub fn prev(&mut self) {
        if !self.valid() {
            return;
        }
        if self.chain.is_empty() && self.version != self.anchor.newest(&self.memtable.arena) {
            self.remember_chain();
        }
        match self.link.checked_sub(1).and_then(|link| self.chain.get(link)) {
            Some(&newer) => {
                self.version = newer;
                self.link -= 1;
            }
            None => self.previous_key(),
        }
    }

    /// The user key here; empty when not valid.
    #[inline]
    #[must_use]
    pub fn key(&self) -> &[u8] {
        let arena = &self.memtable.arena;
        self.version.own_key(arena).unwrap_or_else(|| self.anchor.key(arena))
    }

    /// The sequence number here.
    #[inline]
    #[must_use]
    pub fn seqno(&self) -> SeqNo {
        self.version.seqno(&self.memtable.arena)
    }

    /// The kind here.
    #[inline]
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.version.kind(&self.memtable.arena)
    }

    /// The value here; empty when not valid.
    #[inline]
    #[must_use]
    pub fn value(&self) -> &[u8] {
        self.version.value(&self.memtable.arena)
    }

    /// The head of the key here.
    #[inline]
    #[must_use]
    pub fn head(&self) -> u64 {
        head(self.key())
    }

    /// Stands on the newest version of the key at the position, which may be beyond the leaf.
    #[inline]
    fn enter_newest(&mut self) {
        while self.at >= self.leaf.count {
            if self.leaf.next.is_none() {
                self.leave();
                return;
            }
            self.memtable.tree.view(self.memtable.keys(), self.leaf.next, &mut self.leaf);
            self.at = 0;
            self.leaf.prefetch_forward(&self.memtable.arena, AHEAD);
        }
        let arena = &self.memtable.arena;
        self.leaf.anchor(self.at + AHEAD).prefetch(arena);
        self.chain.clear();
        self.link = 0;
        self.anchor = self.leaf.anchor(self.at);
        self.version = self.anchor.newest(arena);
    }

    /// Stands on the oldest version of the key before the position.
    fn previous_key(&mut self) {
        if self.at == 0 && !self.view_leaf_before() {
            self.leave();
            return;
        }
        self.at -= 1;
        let arena = &self.memtable.arena;
        self.leaf.anchor(self.at.wrapping_sub(AHEAD)).prefetch(arena);
        self.chain.clear();
        self.link = 0;
        self.anchor = self.leaf.anchor(self.at);
        self.version = self.anchor.newest(arena);
        if !self.version.older(arena).is_none() {
            self.remember_chain();
            self.link = self.chain.len() - 1;
            self.version = self.chain.last().copied().unwrap_or(self.version);
        }
    }

    /// Views the leaf with the greatest key before the first one of this leaf, and stands behind that key.
    fn view_leaf_before(&mut self) -> bool {
        let first = self.leaf.anchor(0);
        if first.is_none() {
            return false;
        }
        let key = first.key(&self.memtable.arena);
        let rank = self.memtable.tree.view_for(self.memtable.keys(), key, Side::Before, &mut self.leaf);
        self.at = rank.below;
        rank.below > 0
    }

    /// Remembers all versions of the key here, and where among them we stand.
    fn remember_chain(&mut self) {
        let arena = &self.memtable.arena;
        self.chain.clear();
        self.link = 0;
        let mut at = self.anchor.newest(arena);
        let seqno = self.version.seqno(arena);
        let mut here = None;
        while !at.is_none() {
            // By place, as operands may have one number; else by number: a version that replaced ours stands for it.
            if at == self.version {
                here = Some(self.chain.len());
            }
            self.link += usize::from(at.seqno(arena) > seqno);
            self.chain.push(at);
            at = at.older(arena);
        }
        self.link = here.unwrap_or(self.link);
    }

    fn leave(&mut self) {
        self.anchor = AnchorAt::NONE;
        self.version = VersionAt::NONE;
        self.chain.clear();
        self.link = 0;
    }
}

impl fmt::Debug for MemtableCursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemtableCursor")
            .field("valid", &self.valid())
            .field("key", &self.key().escape_ascii().to_string())
            .field("seqno", &self.seqno())
            .finish_non_exhaustive()
    }
}
