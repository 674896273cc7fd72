//! The overlay: writes that are not in the tree yet, laid over it for reading. A transaction's write set, for one.
//!
//! An [`OverlayMemtable`] is a list of memtables of growing size, newest first, whose sequence numbers are *positions*: 0 for
//! the first write, then 1, and so on. An [`Overlay`] is what it held up to one position, and goes on showing that while more
//! is written: a bound of its own, beside that of the tree.
//!
//! Positions have nothing to do with the tree's sequence numbers. In a range read, where both meet, every entry of an overlay
//! shows the number just below the read's bound: the highest that the reader sees. The overlay's sources stand before
//! those of the tree, and decide ties (INV-OVERLAY-1). So all that merging and gliding do goes on as it was, and who reads
//! without an overlay pays nothing.
//!
//! A range delete has a position like any write. It hides what the overlay wrote there before, and all that the tree has there,
//! whatever its number (INV-OVERLAY-2): an overlay's own cursors pass over the one, and the tree's sources are read
//! [`under`](crate::scan::under) it.
//!
//! Not here: reading through it ([`crate::overlaid`], [`crate::scan`]).

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use esker_format::checksum::key_hash;
use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::memtable::{Memtable, MemtableCursor, MemtableOptions, Version};
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;

use crate::cursor::Cursor;
use crate::error::Result;
use crate::range_tombstones::forest::Forest;
use crate::range_tombstones::span::RangeDelete;

/// The memory of the first memtable: most write sets are small.
const FIRST_BYTES: usize = 16 << 10;
/// The memory of the largest ones; each before them is half as large as the next.
const MOST_BYTES: usize = 16 << 20;

/// Writes that are kept apart from a tree, in the order in which they were made. Made by
/// [`crate::Tree::overlay_memtable`]; read through [`Self::at`] and [`crate::Tree::overlaid`].
///
/// Any number of threads may write and read; a short lock is taken. The memory goes with the last handle.
pub struct OverlayMemtable {
    order: KeyOrder,
    parts: RwLock<Parts>,
}

#[derive(Default)]
struct Parts {
    /// Newest first.
    memtables: Vec<Arc<Memtable>>,
    /// Range deletes, by position.
    ranges: Option<Arc<Forest>>,
    range_bytes: usize,
    /// The position of the next write.
    next: SeqNo,
}

/// Memory of a range delete beside its keys, in the sets that it is part of.
const RANGE_BYTES: usize = 640;

impl OverlayMemtable {
    pub(crate) fn new(order: KeyOrder) -> Self {
        Self { order, parts: RwLock::default() }
    }

    /// The order of its keys.
    pub(crate) fn order(&self) -> &KeyOrder {
        &self.order
    }

    /// Writes one entry. Its lengths have been checked.
    pub(crate) fn push(&self, key: &[u8], kind: Kind, value: &[u8]) {
        let mut parts = self.parts.write().unwrap_or_else(PoisonError::into_inner);
        let (position, hash) = (parts.next, key_hash(key));
        parts.next += 1;
        if let Some(newest) = parts.memtables.first()
            && newest.write().insert(key, hash, position, kind, value).is_ok()
        {
            return;
        }
        let last = parts.memtables.first().map_or(FIRST_BYTES / 2, |newest| newest.capacity_bytes());
        let usual = last.saturating_mul(2).min(MOST_BYTES);
        let capacity_bytes = usual.max(Memtable::bytes_needed(1, key.len() + value.len()));
        let memtable = Memtable::new(MemtableOptions {
            order: self.order.clone(),
            capacity_bytes,
            expected_entries: capacity_bytes / 256,
            pool: None,
        });
        let inserted = memtable.write().insert(key, hash, position, kind, value);
        assert!(inserted.is_ok(), "a memtable made for an entry has no room for it");
        parts.memtables.insert(0, Arc::new(memtable));
    }

    /// Deletes a range of keys, which is not empty.
    pub(crate) fn push_range(&self, start: &[u8], end: &[u8]) {
        let mut parts = self.parts.write().unwrap_or_else(PoisonError::into_inner);
        let range = RangeDelete { start: Slice::new(start), end: Slice::new(end), seqno: parts.next };
        let ranges = match &parts.ranges {
            Some(ranges) => ranges.with(range, &self.order),
            None => Forest::default().with(range, &self.order),
        };
        parts.ranges = Some(Arc::new(ranges));
        parts.range_bytes += start.len() + end.len() + RANGE_BYTES;
        parts.next += 1;
    }

    /// How many writes there were: the position of the next one, and the bound below which all so far are seen.
    #[must_use]
    pub fn bound(&self) -> SeqNo {
        self.parts.read().unwrap_or_else(PoisonError::into_inner).next
    }

    /// Whether nothing was written.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bound() == 0
    }

    /// Bytes of memory that it takes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let parts = self.parts.read().unwrap_or_else(PoisonError::into_inner);
        parts.memtables.iter().map(|memtable| memtable.memory_bytes()).sum::<usize>() + parts.range_bytes
    }

    /// What was written below position `bound`, for reading. `SeqNo::MAX` stands for everything so far.
    #[must_use]
    pub fn at(&self, bound: SeqNo) -> Overlay {
        let parts = self.parts.read().unwrap_or_else(PoisonError::into_inner);
        let bound = bound.min(parts.next);
        let seen = |ranges: &&Arc<Forest>| ranges.lowest_seqno().is_some_and(|lowest| lowest < bound);
        let ranges = parts.ranges.as_ref().filter(seen).map(Arc::clone);
        Overlay { order: self.order.clone(), memtables: parts.memtables.clone(), ranges, bound }
    }
}

impl fmt::Debug for OverlayMemtable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OverlayMemtable").field("bound", &self.bound()).finish_non_exhaustive()
    }
}

/// What an [`OverlayMemtable`] held up to one position. Cheap to clone; holds the memory.
#[derive(Clone)]
pub struct Overlay {
    order: KeyOrder,
    /// Newest first.
    memtables: Vec<Arc<Memtable>>,
    /// Range deletes, if any are seen.
    ranges: Option<Arc<Forest>>,
    bound: SeqNo,
}

impl Overlay {
    /// Writes below this position are seen.
    #[must_use]
    pub fn bound(&self) -> SeqNo {
        self.bound
    }

    pub(crate) fn order(&self) -> &KeyOrder {
        &self.order
    }

    /// The range deletes, if any are seen.
    pub(crate) fn ranges(&self) -> Option<&Arc<Forest>> {
        self.ranges.as_ref()
    }

    /// The position of the newest range delete over `key`.
    fn newest_covering(&self, key: &[u8]) -> Option<SeqNo> {
        let span = self.ranges.as_ref()?.span(key, self.bound, &self.order);
        span.newest
    }

    /// Whether a range delete hides what the tree has of `key` (INV-OVERLAY-2).
    pub(crate) fn covers(&self, key: &[u8]) -> bool {
        self.newest_covering(key).is_some()
    }

    /// The versions of `key`, newest first, down to a range delete over it.
    pub(crate) fn versions<'a>(&'a self, key: &'a [u8]) -> impl Iterator<Item = Version<'a>> {
        let (hash, cover) = (key_hash(key), self.newest_covering(key));
        let versions =
            self.memtables.iter().flat_map(move |memtable| memtable.versions(key, hash, self.bound));
        versions.take_while(move |version| cover.is_none_or(|cover| version.seqno > cover))
    }

    /// A cursor for each memtable, newest first, whose entries show `stamp` as their sequence number.
    pub(crate) fn cursors(&self, stamp: SeqNo) -> impl Iterator<Item = OverlayCursor> {
        let cursor = move |memtable: &Arc<Memtable>| OverlayCursor {
            cursor: memtable.cursor(),
            ranges: self.ranges.as_ref().map(|ranges| (Arc::clone(ranges), self.order.clone())),
            bound: self.bound,
            stamp,
        };
        self.memtables.iter().map(cursor)
    }
}

impl fmt::Debug for Overlay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Overlay").field("bound", &self.bound).finish_non_exhaustive()
    }
}

/// Walks one memtable of an overlay, up to the overlay's bound (INV-OVERLAY-1).
pub(crate) struct OverlayCursor {
    cursor: MemtableCursor,
    ranges: Option<(Arc<Forest>, KeyOrder)>,
    bound: SeqNo,
    /// What its entries show as their sequence number.
    stamp: SeqNo,
}

impl OverlayCursor {
    /// Whether the entry came too late, or before a range delete over it.
    fn is_hidden(&self) -> bool {
        let position = self.cursor.seqno();
        let cover = self.ranges.as_ref().and_then(|(ranges, order)| {
            let span = ranges.span(self.cursor.key(), self.bound, order);
            span.newest
        });
        position >= self.bound || cover.is_some_and(|cover| cover > position)
    }

    /// Goes on to an entry that is seen.
    fn settle_forward(&mut self) {
        while self.cursor.valid() && self.is_hidden() {
            self.cursor.next();
        }
    }

    fn settle_backward(&mut self) {
        while self.cursor.valid() && self.is_hidden() {
            self.cursor.prev();
        }
    }
}

impl Cursor for OverlayCursor {
    fn valid(&self) -> bool {
        self.cursor.valid()
    }

    fn seek_to_first(&mut self) -> Result<()> {
        self.cursor.seek_to_first();
        self.settle_forward();
        Ok(())
    }

    fn seek_to_last(&mut self) -> Result<()> {
        self.cursor.seek_to_last();
        self.settle_backward();
        Ok(())
    }

    fn seek(&mut self, key: &[u8]) -> Result<()> {
        self.cursor.seek(key);
        self.settle_forward();
        Ok(())
    }

    fn seek_for_prev(&mut self, key: &[u8]) -> Result<()> {
        self.cursor.seek_for_prev(key);
        self.settle_backward();
        Ok(())
    }

    fn next(&mut self) -> Result<()> {
        self.cursor.next();
        self.settle_forward();
        Ok(())
    }

    fn prev(&mut self) -> Result<()> {
        self.cursor.prev();
        self.settle_backward();
        Ok(())
    }

    fn key(&self) -> &[u8] {
        self.cursor.key()
    }

    fn head(&self) -> u64 {
        self.cursor.head()
    }

    fn seqno(&self) -> SeqNo {
        self.stamp
    }

    fn kind(&self) -> Kind {
        self.cursor.kind()
    }

    fn value(&self) -> &[u8] {
        self.cursor.value()
    }

    /// A copy: pinning the value would pin the memtable.
    fn value_slice(&self) -> Slice {
        Slice::new(self.cursor.value())
    }
}
