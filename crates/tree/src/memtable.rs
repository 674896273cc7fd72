//! A memtable as the tree uses it: a generation that is first active, then sealed, then flushed.
//!
//! - *Active*: takes writes. There is one active generation at a time.
//! - *Sealed*: takes no new writers; it is read until its table is installed.
//!
//! A writer either inserts under the memtable's own lock ([`Generation::writer`]), or reserves room first and
//! inserts later ([`Generation::reserve`], for a caller whose log write stands in between). A generation may be
//! sealed while reservations are outstanding; a flush waits for them ([`Generation::wait_for_writers`]), so that what
//! was acknowledged is in the table (INV-FLUSH-1).
//!
//! A generation may also be born sealed, as a sorted memtable: what a recovery found. Its memory is taken off what the
//! block cache may use for as long as it lives, as the memtables' own share is for what is written.
//!
//! Range deletes stand beside the entries ([`RangeDeletes`]), and count wherever the generation is asked what it holds: whether
//! it is empty, and its lowest and highest sequence number (INV-RANGE-2).
//!
//! Lock order: the memtable's write lock, then nothing. `sealed` is only set under it.
//!
//! Not here: the structures themselves ([`esker_mem::memtable`], [`esker_mem::sorted_memtable`]); walking them (`cursors`).

mod cursors;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::memtable::{Memtable, MemtableWriter, Place, Version};
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;
use esker_mem::sorted_memtable::SortedMemtable;

use crate::cache::Resident;
use crate::range_tombstones::list::RangeDeletes;
use crate::range_tombstones::span::RangeDelete;

/// One memtable and its place in life.
pub(crate) struct Generation {
    /// Counts up with every generation of a tree.
    pub(crate) id: u64,
    pub(crate) memtable: EitherMemtable,
    /// Added to under the memtable's write lock.
    pub(crate) ranges: RangeDeletes,
    sealed: AtomicBool,
    reservations: AtomicUsize,
    /// A flush waits, or is about to: the last reservation wakes it. Without it, each write would pay for a wake-up.
    awaited: AtomicBool,
    idle: Mutex<()>,
    idle_signal: Condvar,
}

/// The entries of a generation: growing, or sorted once.
pub(crate) enum EitherMemtable {
    Growing(Arc<Memtable>),
    Sorted {
        memtable: Arc<SortedMemtable>,
        /// Its memory, taken off the cache's.
        _memory: Resident,
    },
}

macro_rules! on_either {
    ($self:ident, $memtable:ident => $call:expr) => {
        match $self {
            EitherMemtable::Growing($memtable) => $call,
            EitherMemtable::Sorted { memtable: $memtable, .. } => $call,
        }
    };
}

impl EitherMemtable {
    #[inline(always)]
    pub(crate) fn get(&self, key: &[u8], hash: u64, bound: SeqNo) -> Option<Version<'_>> {
        match self {
            Self::Growing(memtable) => memtable.get(key, hash, bound),
            Self::Sorted { memtable, .. } => memtable.get(key, bound),
        }
    }

    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        on_either!(self, memtable => memtable.is_empty())
    }

    #[inline]
    pub(crate) fn highest_seqno(&self) -> Option<SeqNo> {
        on_either!(self, memtable => memtable.highest_seqno())
    }

    pub(crate) fn lowest_seqno(&self) -> Option<SeqNo> {
        on_either!(self, memtable => memtable.lowest_seqno())
    }

    pub(crate) fn len(&self) -> usize {
        on_either!(self, memtable => memtable.len())
    }

    pub(crate) fn tombstones(&self) -> usize {
        on_either!(self, memtable => memtable.tombstones())
    }

    /// Whether an entry may expire.
    #[inline]
    pub(crate) fn has_expiring(&self) -> bool {
        on_either!(self, memtable => memtable.has_expiring())
    }

    /// About how many entries have keys from `from` up to `to`.
    pub(crate) fn approximate_len(&self, from: Option<&[u8]>, to: Option<&[u8]>) -> usize {
        on_either!(self, memtable => memtable.approximate_len(from, to))
    }

    pub(crate) fn order(&self) -> &KeyOrder {
        on_either!(self, memtable => memtable.order())
    }

    pub(crate) fn memory_bytes(&self) -> usize {
        on_either!(self, memtable => memtable.memory_bytes())
    }

    /// Whether it has a key in the inclusive range.
    pub(crate) fn has_key_within(&self, smallest: &[u8], largest: &[u8]) -> bool {
        on_either!(self, memtable => {
            let mut cursor = memtable.cursor();
            cursor.seek(smallest);
            cursor.valid() && self.order().compare(cursor.key(), largest) != std::cmp::Ordering::Greater
        })
    }

    /// Whether it has an operand of a merge in the inclusive range. Looks at each entry of the range until it finds one.
    pub(crate) fn has_operand_within(&self, smallest: &[u8], largest: &[u8]) -> bool {
        on_either!(self, memtable => {
            let mut cursor = memtable.cursor();
            cursor.seek(smallest);
            while cursor.valid() && self.order().compare(cursor.key(), largest) != std::cmp::Ordering::Greater {
                if cursor.kind() == Kind::Merge {
                    return true;
                }
                cursor.next();
            }
            false
        })
    }

    /// The bytes in use.
    pub(crate) fn allocated_bytes(&self) -> usize {
        match self {
            Self::Growing(memtable) => memtable.allocated_bytes(),
            Self::Sorted { memtable, .. } => memtable.memory_bytes(),
        }
    }

    /// Where `key` will go, as far as that can be seen now.
    #[inline]
    pub(crate) fn look(&self, key: &[u8], hash: u64) -> Place {
        match self {
            Self::Growing(memtable) => memtable.look(key, hash),
            Self::Sorted { .. } => Place::of_hash(hash),
        }
    }

    /// The memtable, if it is one that can grow.
    #[inline]
    pub(crate) const fn growing(&self) -> Option<&Arc<Memtable>> {
        match self {
            Self::Growing(memtable) => Some(memtable),
            Self::Sorted { .. } => None,
        }
    }

    /// Whether a batch fits beside what is reserved; a sorted memtable has room for nothing.
    #[inline]
    fn has_room(&self, entries: usize, key_value_bytes: usize) -> bool {
        match self {
            Self::Growing(memtable) => memtable.has_room(entries, key_value_bytes),
            Self::Sorted { .. } => false,
        }
    }

    /// Holds off writers, if it ever had any.
    fn write(&self) -> Option<MemtableWriter<'_>> {
        match self {
            Self::Growing(memtable) => Some(memtable.write()),
            Self::Sorted { .. } => None,
        }
    }
}

/// Why a generation did not take an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// It is sealed: take the current one.
    Sealed,
    /// There is no room: seal it and take the next one.
    Full,
}

impl Generation {
    pub(crate) fn new(id: u64, memtable: Memtable) -> Self {
        Self::with(id, EitherMemtable::Growing(Arc::new(memtable)), false)
    }

    /// A generation that is sealed from the beginning; `memory` is what is taken off the cache for it.
    pub(crate) fn sorted(
        id: u64,
        memtable: SortedMemtable,
        ranges: Vec<RangeDelete>,
        memory: Resident,
    ) -> Self {
        let sorted = EitherMemtable::Sorted { memtable: Arc::new(memtable), _memory: memory };
        let generation = Self::with(id, sorted, true);
        for range in ranges {
            generation.ranges.add(range, generation.memtable.order());
        }
        generation
    }

    fn with(id: u64, memtable: EitherMemtable, sealed: bool) -> Self {
        Self {
            id,
            memtable,
            ranges: RangeDeletes::default(),
            sealed: AtomicBool::new(sealed),
            reservations: AtomicUsize::new(0),
            awaited: AtomicBool::new(false),
            idle: Mutex::new(()),
            idle_signal: Condvar::new(),
        }
    }

    /// The writer of an unsealed generation.
    #[inline]
    pub(crate) fn writer(&self) -> Result<MemtableWriter<'_>, Refused> {
        match self.memtable.write() {
            Some(writer) if !self.sealed.load(Ordering::Relaxed) => Ok(writer),
            _ => Err(Refused::Sealed),
        }
    }

    /// Adds a range delete; returns the bytes that it takes. From the first one on the memtable marks how new its parts are, so that
    /// a scan can pass over what range deletes cover (INV-RANGE-3).
    pub(crate) fn add_range(&self, writer: &mut MemtableWriter<'_>, range: RangeDelete) -> usize {
        writer.mark_from_now();
        self.ranges.add(range, self.memtable.order())
    }

    /// Passes through the write lock: every write that was admitted before is in place.
    pub(crate) fn pass(&self) {
        drop(self.memtable.write());
    }

    /// Seals it, and says whether nobody has ever written to it or is about to.
    pub(crate) fn seal_unused(&self) -> bool {
        self.seal();
        self.is_unused(|| self.is_empty())
    }

    /// INV-COMMIT-20: nobody has a place in it, *and then* it is empty. The other way round, a writer could apply and let go
    /// between the two questions.
    fn is_unused(&self, is_empty: impl FnOnce() -> bool) -> bool {
        self.reservations.load(Ordering::SeqCst) == 0 && is_empty()
    }

    /// Whether it holds neither entries nor range deletes.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.memtable.is_empty() && self.ranges.is_empty()
    }

    /// The highest sequence number of entries and range deletes.
    #[inline]
    pub(crate) fn highest_seqno(&self) -> Option<SeqNo> {
        self.memtable.highest_seqno().max(self.ranges.highest_seqno())
    }

    /// The lowest sequence number of entries and range deletes.
    pub(crate) fn lowest_seqno(&self) -> Option<SeqNo> {
        [self.memtable.lowest_seqno(), self.ranges.lowest_seqno()].into_iter().flatten().min()
    }

    /// Whether it holds an entry or a range delete that shares a key with the inclusive range.
    pub(crate) fn has_any_within(&self, smallest: &[u8], largest: &[u8]) -> bool {
        self.memtable.has_key_within(smallest, largest)
            || self.ranges.overlap(smallest, largest, self.memtable.order())
    }

    /// Bytes in use.
    pub(crate) fn used_bytes(&self) -> usize {
        self.memtable.allocated_bytes() + self.ranges.bytes()
    }

    /// Whether entries fit beside what is there: range deletes take of the same capacity, or they would pile up for ever.
    #[inline]
    pub(crate) fn has_room(&self, entries: usize, key_value_bytes: usize) -> bool {
        self.memtable.has_room(entries, key_value_bytes.saturating_add(self.ranges.bytes()))
    }

    /// Registers a writer that will come back with its entries, and checks for room: for them, and for what was reserved
    /// before and is not applied yet, which the caller counts in.
    ///
    /// Takes no lock, since the group before may hold the memtable's while it is applied. The room stays free because
    /// callers that reserve do so one at a time and are the only writers of their tree.
    #[inline]
    pub(crate) fn reserve(
        self: &Arc<Self>,
        entries: usize,
        key_value_bytes: usize,
    ) -> Result<Reservation, Refused> {
        // In the one order of these and `seal`, then `wait_for_writers`: either we see that it is sealed, or the flush
        // sees us (INV-FLUSH-1).
        self.reservations.fetch_add(1, Ordering::SeqCst);
        let reservation = Reservation { generation: Arc::clone(self) };
        if self.sealed.load(Ordering::SeqCst) {
            return Err(Refused::Sealed);
        }
        if !self.has_room(entries, key_value_bytes) {
            return Err(Refused::Full);
        }
        Ok(reservation)
    }

    /// Seals it: no writer begins after this returns.
    pub(crate) fn seal(&self) {
        let _writer = self.memtable.write();
        self.sealed.store(true, Ordering::SeqCst);
    }

    /// Waits until every reservation was applied or given up. The generation must be sealed.
    pub(crate) fn wait_for_writers(&self) {
        let mut guard = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        // In the one order of all four operations, either the last reservation sees this, or we see that it is gone.
        self.awaited.store(true, Ordering::SeqCst);
        while self.reservations.load(Ordering::SeqCst) != 0 {
            guard = self.idle_signal.wait(guard).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

/// Room for a known amount of entries in one memtable, held until dropped.
///
/// The protocol of a caller with a log of its own: reserve, append to the log, apply, publish. Applying cannot fail
/// by then.
pub struct Reservation {
    generation: Arc<Generation>,
}

impl Reservation {
    /// Begins to insert: holds the memtable's write lock until the result is dropped.
    #[must_use]
    pub fn apply(&self) -> Apply<'_> {
        match self.generation.memtable.write() {
            Some(writer) => Apply { writer, generation: &self.generation },
            None => unreachable!("a sorted memtable has no room to reserve"),
        }
    }
}

impl std::fmt::Debug for Reservation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reservation").field("generation", &self.generation.id).finish()
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let was_last = self.generation.reservations.fetch_sub(1, Ordering::SeqCst) == 1;
        if was_last && self.generation.awaited.load(Ordering::SeqCst) {
            let _guard = self.generation.idle.lock().unwrap_or_else(PoisonError::into_inner);
            self.generation.idle_signal.notify_all();
        }
    }
}

/// Inserts the entries of a [`Reservation`].
pub struct Apply<'a> {
    writer: MemtableWriter<'a>,
    generation: &'a Generation,
}

impl Apply<'_> {
    /// Inserts one entry. `hash` is [`esker_format::checksum::key_hash`] of the key.
    ///
    /// # Panics
    ///
    /// If more is inserted than was reserved: a bug of the caller.
    #[inline]
    pub fn insert(&mut self, key: &[u8], hash: u64, seqno: SeqNo, kind: Kind, value: &[u8]) {
        self.insert_at(key, &Place::of_hash(hash), seqno, kind, value);
    }

    /// Inserts one entry where [`crate::Tree::look`] saw its place.
    ///
    /// # Panics
    ///
    /// As [`Self::insert`].
    #[inline]
    pub fn insert_at(&mut self, key: &[u8], place: &Place, seqno: SeqNo, kind: Kind, value: &[u8]) {
        let inserted = self.writer.insert_at(key, place, seqno, kind, value);
        assert!(inserted.is_ok(), "more was applied than was reserved");
    }

    /// Deletes the keys from `start` up to and without `end`, which must come after `start` in the tree's order
    /// ([`crate::Tree::check_range`] says so). It was reserved as an entry with `start` for its key and `end` for its value.
    pub fn remove_range(&mut self, start: &[u8], end: &[u8], seqno: SeqNo) {
        let range = RangeDelete { start: Slice::new(start), end: Slice::new(end), seqno };
        self.generation.add_range(&mut self.writer, range);
    }
}

impl std::fmt::Debug for Apply<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Apply").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
