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
//! Lock order: the memtable's write lock, then nothing. `sealed` is only set under it.
//!
//! Not here: the structure itself ([`esker_mem::memtable`]).

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use esker_mem::kind::Kind;
use esker_mem::memtable::{Memtable, MemtableCursor, MemtableWriter, Place};
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;

use crate::cursor::Cursor;
use crate::error::Result;

/// One memtable and its place in life.
pub(crate) struct Generation {
    /// Counts up with every generation of a tree.
    pub(crate) id: u64,
    pub(crate) memtable: Arc<Memtable>,
    sealed: AtomicBool,
    reservations: AtomicUsize,
    /// A flush waits, or is about to: the last reservation wakes it. Without it, each write would pay for a wake-up.
    awaited: AtomicBool,
    idle: Mutex<()>,
    idle_signal: Condvar,
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
        Self {
            id,
            memtable: Arc::new(memtable),
            sealed: AtomicBool::new(false),
            reservations: AtomicUsize::new(0),
            awaited: AtomicBool::new(false),
            idle: Mutex::new(()),
            idle_signal: Condvar::new(),
        }
    }

    /// The writer of an unsealed generation.
    #[inline]
    pub(crate) fn writer(&self) -> std::result::Result<MemtableWriter<'_>, Refused> {
        let writer = self.memtable.write();
        if self.sealed.load(Ordering::Relaxed) {
            return Err(Refused::Sealed);
        }
        Ok(writer)
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
    ) -> std::result::Result<Reservation, Refused> {
        // In the one order of these and `seal`, then `wait_for_writers`: either we see that it is sealed, or the flush
        // sees us (INV-FLUSH-1).
        self.reservations.fetch_add(1, Ordering::SeqCst);
        let reservation = Reservation { generation: Arc::clone(self) };
        if self.sealed.load(Ordering::SeqCst) {
            return Err(Refused::Sealed);
        }
        if !self.memtable.has_room(entries, key_value_bytes) {
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
        Apply { writer: self.generation.memtable.write() }
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
}

impl std::fmt::Debug for Apply<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Apply").finish_non_exhaustive()
    }
}

/// A memtable's cursor never fails.
impl Cursor for MemtableCursor {
    #[inline]
    fn valid(&self) -> bool {
        MemtableCursor::valid(self)
    }

    fn seek_to_first(&mut self) -> Result<()> {
        MemtableCursor::seek_to_first(self);
        Ok(())
    }

    fn seek_to_last(&mut self) -> Result<()> {
        MemtableCursor::seek_to_last(self);
        Ok(())
    }

    fn seek(&mut self, key: &[u8]) -> Result<()> {
        MemtableCursor::seek(self, key);
        Ok(())
    }

    fn seek_for_prev(&mut self, key: &[u8]) -> Result<()> {
        MemtableCursor::seek_for_prev(self, key);
        Ok(())
    }

    #[inline]
    fn next(&mut self) -> Result<()> {
        MemtableCursor::next(self);
        Ok(())
    }

    #[inline]
    fn prev(&mut self) -> Result<()> {
        MemtableCursor::prev(self);
        Ok(())
    }

    #[inline]
    fn key(&self) -> &[u8] {
        MemtableCursor::key(self)
    }

    #[inline]
    fn head(&self) -> u64 {
        MemtableCursor::head(self)
    }

    #[inline]
    fn seqno(&self) -> SeqNo {
        MemtableCursor::seqno(self)
    }

    #[inline]
    fn kind(&self) -> Kind {
        MemtableCursor::kind(self)
    }

    /// A copy: pinning the value would pin the whole arena.
    #[inline]
    fn value_slice(&self) -> Slice {
        Slice::new(MemtableCursor::value(self))
    }
}
