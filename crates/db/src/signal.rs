//! How the write path tells the background that there is something to do.
//!
//! Three flags matter to the write path: *buffered* (frames wait in our buffer), *unsynced* (the log has frames that the device lacks) and *work*
//! (a memtable may want flushing, a tree compacting). Raising one that is already up is a relaxed load; only the first
//! raise after a quiet time takes the mutex and wakes the background thread, which sleeps without a deadline when
//! all three are down: an idle database wakes nobody.
//!
//! Not here: what the background then does ([`crate::background`]).

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Frames wait in our buffer.
pub(crate) const BUFFERED: u8 = 1;
/// The operating system has frames that the device lacks.
pub(crate) const UNSYNCED: u8 = 2;
/// Memtables or trees want a look.
pub(crate) const WORK: u8 = 4;
/// The next log segment should be prepared.
pub(crate) const SEGMENT: u8 = 8;
/// The memtables should be measured, by the next writer.
pub(crate) const MEASURE: u8 = 32;
/// Files of obsolete tables wait to be deleted.
pub(crate) const DELETE: u8 = 64;
/// The database is closing.
pub(crate) const STOP: u8 = 16;

/// The flags and the place where the background sleeps. Thread-safe; its mutex is a leaf.
#[derive(Default)]
pub(crate) struct Signal {
    flags: AtomicU8,
    gate: Mutex<()>,
    raised: Condvar,
}

impl Signal {
    /// Raises flags and wakes the background if they were down.
    #[inline]
    pub(crate) fn raise(&self, flags: u8) {
        if self.flags.load(Ordering::Relaxed) & flags != flags {
            self.raise_slowly(flags);
        }
    }

    #[cold]
    fn raise_slowly(&self, flags: u8) {
        let gate = self.gate();
        self.flags.fetch_or(flags, Ordering::AcqRel);
        drop(gate);
        self.raised.notify_all();
    }

    /// The flags that are up.
    #[inline]
    pub(crate) fn flags(&self) -> u8 {
        self.flags.load(Ordering::Acquire)
    }

    /// Takes flags down; gives those that were up. Lower them *before* doing what they ask for.
    pub(crate) fn lower(&self, flags: u8) -> u8 {
        self.flags.fetch_and(!flags, Ordering::AcqRel) & flags
    }

    /// Sleeps until another flag than `known` is up, or `timeout` has passed.
    pub(crate) fn wait(&self, known: u8, timeout: Option<Duration>) {
        let mut gate = self.gate();
        while self.flags() & !(known | MEASURE) == 0 {
            match timeout {
                None => gate = self.raised.wait(gate).unwrap_or_else(PoisonError::into_inner),
                Some(timeout) => {
                    let (_gate, _) =
                        self.raised.wait_timeout(gate, timeout).unwrap_or_else(PoisonError::into_inner);
                    // Woken, timed out or for no reason: the caller looks at its clock and comes back.
                    return;
                }
            }
        }
    }

    fn gate(&self) -> MutexGuard<'_, ()> {
        self.gate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
