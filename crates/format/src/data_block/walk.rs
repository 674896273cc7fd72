//! Walking inside one data block: a cursor that takes each entry apart once.
//!
//! Stepping onto an entry finds where its key ends and its value begins, and assembles the key over the block's prefix in a
//! buffer that stays from block to block. Both copies are of a fixed width where the bytes allow it: copying a length that is
//! only known at run time costs more than the rest of a step.
//!
//! A *stretch* is what a caller who merges several sources allows the cursor to walk by itself ([`BlockCursor::glide_next`],
//! [`BlockCursor::glide_prev`]): entries strictly before some limits (strictly after them when going backward). Limits are
//! given as whole keys and turned into heads of this block, the *fence*, so that a step within the stretch costs one
//! comparison of integers. Only where a head is equal to the fence is the block searched for the limits, once per stretch. A
//! glide stops at whatever needs more than a look at this block: an entry that is not a `Put` below the bound, a second
//! version of one key, the block's ends (INV-READ-3).
//!
//! Not here: moving from block to block, and comparing with other sources.

use crate::data_block::DataBlock;
use crate::data_block::layout::Parts;
use crate::sorted_heads::{Place, place};
use esker_mem::buffer::Buffer;
use esker_mem::comparator::KeyOrder;
use esker_mem::head::head;
use esker_mem::kind::Kind;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::{INLINE_MAX, Slice};

/// What became of a glide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Glide {
    /// The cursor stands on the next entry.
    Moved,
    /// It did not move: heads do not tell whether the next entry is within the limits. [`Stretch::exact`] will.
    Tied,
    /// It did not move.
    Stopped,
}

/// What a cursor is asked to allow itself.
#[derive(Debug, Clone, Copy)]
pub struct Stretch<'a> {
    /// Towards greater keys.
    pub forward: bool,
    /// Entries at or above it stop a glide.
    pub bound: SeqNo,
    /// Keys that are not to be reached, nor passed, in byte order.
    pub limits: [Option<&'a [u8]>; 2],
    /// Whether to search for the limits at once.
    pub exact: bool,
}

/// A position in a block, and what stands there; or none.
///
/// While not [`valid`](Self::valid), the accessors return empty values, and nothing moves but by [`BlockCursor::seek`].
#[derive(Debug)]
pub struct BlockCursor {
    block: Option<DataBlock<Buffer>>,
    /// Whether it stands on an entry of the block.
    valid: bool,
    at: usize,
    head: u64,
    parts: Parts,
    key: KeyRoom,
    open: Open,
    /// Whether the walk is expected to go on for long.
    streams: bool,
}

/// An open stretch in terms of the block.
#[derive(Debug, Clone, Copy)]
struct Open {
    /// A glide forward steps onto entries below it; 0 where there is no stretch forward.
    to: usize,
    /// A glide backward steps onto entries from it on; greater than any where there is no stretch backward.
    from: usize,
    /// A head that is not to be reached; unless `exact`.
    fence: u64,
    exact: bool,
    /// Whether each entry must be asked for its kind and seqno.
    checked: bool,
    bound: SeqNo,
}

const CLOSED: Open = Open { to: 0, from: usize::MAX, fence: 0, exact: false, checked: true, bound: 0 };

impl Default for BlockCursor {
    fn default() -> Self {
        Self::nowhere()
    }
}

impl BlockCursor {
    /// A cursor without a block.
    #[inline]
    #[must_use]
    pub const fn nowhere() -> Self {
        let parts = Parts { suffix_len: 0, remainder_at: 0, value_at: 0, end: 0 };
        Self {
            block: None,
            valid: false,
            at: 0,
            head: 0,
            parts,
            key: KeyRoom::new(),
            open: CLOSED,
            streams: false,
        }
    }

    /// A cursor on the entry at `at`.
    #[must_use]
    pub fn new(block: DataBlock<Buffer>, at: usize) -> Self {
        let mut cursor = Self::nowhere();
        cursor.hold(block);
        cursor.seek(at);
        cursor
    }

    /// Whether it stands on an entry.
    #[inline]
    #[must_use]
    pub const fn valid(&self) -> bool {
        self.valid
    }

    /// Takes another block, and stands nowhere yet.
    #[inline]
    pub fn hold(&mut self, block: DataBlock<Buffer>) {
        self.valid = false;
        self.close();
        self.key.set_prefix(block.prefix());
        self.block = Some(block);
    }

    /// Lets the block go, and stands nowhere.
    #[inline]
    pub fn leave(&mut self) {
        self.valid = false;
        self.block = None;
        self.close();
    }

    /// Goes to the entry at `at` of the block that it holds, and stands nowhere beyond the last. The stretch is closed.
    #[inline]
    pub fn seek(&mut self, at: usize) {
        self.close();
        self.valid = self.block.as_ref().is_some_and(|block| at < block.len());
        if self.valid {
            self.stand(at);
        }
    }

    /// Says whether the walk is expected to go on for long, so that it is worth while to ask for what lies ahead.
    #[inline]
    pub const fn expect_more(&mut self, streams: bool) {
        self.streams = streams;
    }

    /// Closes the stretch: nothing glides until another is opened.
    #[inline]
    pub fn close(&mut self) {
        self.open = CLOSED;
    }

    /// The block that it holds.
    #[inline]
    #[must_use]
    pub const fn block(&self) -> Option<&DataBlock<Buffer>> {
        self.block.as_ref()
    }

    /// The index of the entry here.
    #[inline]
    #[must_use]
    pub fn at(&self) -> usize {
        self.at
    }

    /// Goes to the next entry; says whether there is one in this block.
    #[inline]
    pub fn step_next(&mut self) -> bool {
        let inside = self.valid && self.block.as_ref().is_some_and(|block| self.at + 1 < block.len());
        if inside {
            self.stand(self.at + 1);
        }
        inside
    }

    /// Goes to the previous entry; says whether there is one in this block.
    #[inline]
    pub fn step_prev(&mut self) -> bool {
        let before = self.at.checked_sub(1).filter(|_| self.valid);
        if let Some(before) = before {
            self.stand(before);
        }
        before.is_some()
    }

    /// The user key.
    #[inline(always)]
    #[must_use]
    pub fn key(&self) -> &[u8] {
        self.key.bytes()
    }

    /// The user key as a slice of its own.
    #[inline]
    #[must_use]
    pub fn key_slice(&self) -> Slice {
        self.key.slice()
    }

    /// The seqno.
    #[inline]
    #[must_use]
    pub fn seqno(&self) -> SeqNo {
        self.block.as_ref().map_or(0, |block| block.seqno(self.at))
    }

    /// The kind.
    #[inline]
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.block.as_ref().map_or(Kind::Put, |block| block.kind(self.at))
    }

    /// The value.
    #[inline(always)]
    #[must_use]
    pub fn value(&self) -> &[u8] {
        let payload = self.block.as_ref().map(|block| block.payload.as_bytes());
        payload.and_then(|payload| payload.get(self.parts.value_at..self.parts.end)).unwrap_or_default()
    }

    /// The value as a slice that keeps the block alive.
    #[inline]
    #[must_use]
    pub fn value_slice(&self) -> Slice {
        let range = self.parts.value_at..self.parts.end;
        self.block.as_ref().and_then(|block| Slice::of_buffer(&block.payload, range)).unwrap_or_default()
    }

    /// Opens a stretch. `all_visible` says that every entry of the block is below the stretch's bound. Without heads in the
    /// block nothing can glide.
    pub fn open(&mut self, stretch: &Stretch<'_>, all_visible: bool) {
        self.close();
        let Some(block) = self.block.as_ref().filter(|block| block.layout.has_heads && self.valid) else {
            return;
        };
        let checked = !(all_visible && block.layout.uniform_kind() == Some(Kind::Put));
        let (to, from) = if stretch.forward { (block.len(), usize::MAX) } else { (0, 1) };
        let mut open = Open { to, from, fence: 0, exact: true, checked, bound: stretch.bound };
        for limit in stretch.limits.into_iter().flatten() {
            match (place(limit, block.prefix()), stretch.forward) {
                (Place::Above, true) | (Place::Below, false) => {}
                (Place::Below, true) | (Place::Above, false) => return,
                (Place::Inside(_), true) if stretch.exact => {
                    open.to = open.to.min(block.lower_bound(limit, &KeyOrder::Bytes));
                }
                (Place::Inside(_), false) if stretch.exact => {
                    open.from = open.from.max(block.upper_bound(limit, &KeyOrder::Bytes));
                }
                (Place::Inside(suffix), forward) => {
                    let fence = head(suffix);
                    if open.exact || (fence < open.fence) == forward {
                        open.fence = fence;
                    }
                    open.exact = false;
                }
            }
        }
        self.open = open;
    }

    /// Goes to the next entry if it lies within the stretch, is a `Put` below the bound, and has another key than this one.
    #[inline(always)]
    pub fn glide_next(&mut self) -> Glide {
        let next = self.at + 1;
        let Some(block) = &self.block else { return Glide::Stopped };
        if next >= self.open.to {
            return Glide::Stopped;
        }
        let (payload, layout) = (block.payload.as_bytes(), &block.layout);
        let head = layout.head(payload, next);
        if !self.open.exact && head >= self.open.fence {
            return if head == self.open.fence { Glide::Tied } else { Glide::Stopped };
        }
        if self.open.checked && !is_plain(block, next, self.open.bound) {
            return Glide::Stopped;
        }
        let parts = layout.parts_from(payload, next, self.parts.end);
        if head == self.head && self.parts.same_key(&parts, payload) {
            return Glide::Stopped;
        }
        if self.streams {
            block.payload.prefetch_at(parts.end + AHEAD_BYTES);
        }
        self.key.assemble(layout.has_heads, head, &parts, payload);
        self.at = next;
        self.head = head;
        self.parts = parts;
        Glide::Moved
    }

    /// Goes to the previous entry, or with `here` stays at this one, if that entry lies within the stretch, is a `Put` below
    /// the bound, and is the newest version of its key: the entry before it has another key.
    #[inline(always)]
    pub fn glide_prev(&mut self, here: bool) -> Glide {
        let candidate = if here { self.at } else { self.at.wrapping_sub(1) };
        let Some(block) = &self.block else { return Glide::Stopped };
        // Closed, or before the first: the index is not below the length.
        if candidate < self.open.from || candidate >= block.len() {
            return Glide::Stopped;
        }
        let (payload, layout) = (block.payload.as_bytes(), &block.layout);
        let head = layout.head(payload, candidate);
        if !self.open.exact && head <= self.open.fence {
            return if head == self.open.fence { Glide::Tied } else { Glide::Stopped };
        }
        if self.open.checked && !is_plain(block, candidate, self.open.bound) {
            return Glide::Stopped;
        }
        // A stretch backward begins at entry 1.
        let before = candidate.wrapping_sub(1);
        if layout.head(payload, before) == head
            && layout.parts(payload, before).same_key(&layout.parts(payload, candidate), payload)
        {
            return Glide::Stopped;
        }
        if !here {
            if self.streams {
                block.payload.prefetch_at(self.parts.remainder_at.wrapping_sub(AHEAD_BYTES));
            }
            self.stand(candidate);
        }
        Glide::Moved
    }

    #[inline]
    fn stand(&mut self, at: usize) {
        let Some(block) = &self.block else { return };
        let (payload, layout) = (block.payload.as_bytes(), &block.layout);
        self.at = at;
        self.head = layout.head(payload, at);
        self.parts = layout.parts(payload, at);
        self.key.assemble(layout.has_heads, self.head, &self.parts, payload);
    }
}

/// Whether the entry at `index` is a `Put` below `bound`.
#[inline(always)]
fn is_plain(block: &DataBlock<Buffer>, index: usize, bound: SeqNo) -> bool {
    block.kind(index) == Kind::Put && block.seqno(index) < bound
}

/// How far ahead of a glide lines are asked for: the processor does not do that by itself across pages.
const AHEAD_BYTES: usize = 1024;

/// A copy of this width takes one instruction or two.
const COPIED_AT_ONCE: usize = 16;

/// Keys of so many bytes need no allocation.
const SHORT_ROOM: usize = 80;

/// The current key, in a buffer with room behind it.
#[derive(Debug)]
struct KeyRoom {
    /// Used while the prefix, a head and a copy's width fit.
    short: [u8; SHORT_ROOM],
    /// Used where it is not empty. Beyond the key's length there may be anything, here and there.
    long: Vec<u8>,
    prefix_len: usize,
    len: usize,
}

impl KeyRoom {
    const fn new() -> Self {
        Self { short: [0; SHORT_ROOM], long: Vec::new(), prefix_len: 0, len: 0 }
    }

    #[inline(always)]
    fn room(&self) -> &[u8] {
        if self.long.is_empty() { &self.short } else { &self.long }
    }

    #[inline(always)]
    fn room_mut(&mut self) -> &mut [u8] {
        if self.long.is_empty() { &mut self.short } else { &mut self.long }
    }

    #[inline]
    fn set_prefix(&mut self, prefix: &[u8]) {
        self.prefix_len = prefix.len();
        self.len = prefix.len();
        self.make_room(prefix.len() + 8 + COPIED_AT_ONCE);
        if let Some(place) = self.room_mut().get_mut(..prefix.len()) {
            place.copy_from_slice(prefix);
        }
    }

    /// Makes the room at least `least` bytes long.
    #[inline]
    fn make_room(&mut self, least: usize) {
        if self.room().len() < least {
            self.lengthen(least);
        }
    }

    #[cold]
    fn lengthen(&mut self, least: usize) {
        if self.long.is_empty() {
            self.long.extend_from_slice(&self.short);
        }
        self.long.resize(least, 0);
    }

    /// Makes it the key of the entry with these parts.
    #[inline(always)]
    fn assemble(&mut self, has_heads: bool, head: u64, parts: &Parts, payload: &[u8]) {
        let mut at = self.prefix_len;
        self.len = at + parts.suffix_len;
        let room = self.room_mut();
        if has_heads {
            // Bytes of the head beyond a short suffix are cut off by the length.
            if let Some(place) = room.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<8>) {
                *place = head.to_be_bytes();
            }
            at += 8;
        }
        if parts.value_at - parts.remainder_at <= COPIED_AT_ONCE
            && let Some(from) =
                payload.get(parts.remainder_at..).and_then(<[u8]>::first_chunk::<COPIED_AT_ONCE>)
            && let Some(place) = room.get_mut(at..).and_then(<[u8]>::first_chunk_mut::<COPIED_AT_ONCE>)
        {
            *place = *from;
            return;
        }
        self.append(at, payload.get(parts.remainder_at..parts.value_at).unwrap_or_default());
    }

    /// Copies a long remainder, or one near the payload's end.
    #[inline(never)]
    fn append(&mut self, at: usize, remainder: &[u8]) {
        let end = at + remainder.len();
        self.make_room(end);
        if let Some(place) = self.room_mut().get_mut(at..end) {
            place.copy_from_slice(remainder);
        }
    }

    #[inline(always)]
    fn bytes(&self) -> &[u8] {
        self.room().get(..self.len).unwrap_or_default()
    }

    #[inline]
    fn slice(&self) -> Slice {
        match self.room().first_chunk::<INLINE_MAX>() {
            Some(room) if self.len <= INLINE_MAX => Slice::from_room(room, self.len),
            _ => Slice::new(self.bytes()),
        }
    }
}

#[cfg(test)]
mod tests;
