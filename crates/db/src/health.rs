//! Whether the database takes writes, and if not, why.
//!
//! Three states: *open*, *read-only* (an earlier failure, which is kept and told to every later write) and *closed*.
//! The write path asks with one atomic load; the reason lies behind a mutex that only failures and refusals touch.
//!
//! A failed sync is final for this life of the database (INV-LIFE-2): after it, nobody knows which of the unsynced
//! bytes the device holds, and a later success proves nothing. Other failures (a full disk, an unreadable table
//! during a compaction) can be lifted by [`Health::resume`].
//!
//! Not here: who reports failures ([`crate::background`], [`crate::commit`]).

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};

const OPEN: u8 = 0;
const READ_ONLY: u8 = 1;
const CLOSED: u8 = 2;

/// Whether writes are taken. Thread-safe; its mutex is a leaf.
#[derive(Debug, Default)]
pub(crate) struct Health {
    state: AtomicU8,
    failure: Mutex<Option<Failure>>,
}

#[derive(Clone, Debug)]
struct Failure {
    reason: Arc<Error>,
    can_resume: bool,
}

impl Health {
    /// Refuses unless writes are taken.
    #[inline]
    pub(crate) fn check_writable(&self) -> Result<()> {
        if self.state.load(Ordering::Acquire) == OPEN { Ok(()) } else { Err(self.refusal()) }
    }

    /// Refuses once closed; a read-only database is read.
    #[inline]
    pub(crate) fn check_open(&self) -> Result<()> {
        if self.state.load(Ordering::Acquire) == CLOSED { Err(Error::Closed) } else { Ok(()) }
    }

    /// Turns read-only. The first reason is kept, unless a final one follows.
    pub(crate) fn fail(&self, reason: Error) {
        let can_resume = !matches!(reason, Error::Indeterminate { .. });
        self.turn_read_only(reason, can_resume);
    }

    /// Turns read-only until the database is opened again: the log says what has not been done.
    pub(crate) fn fail_finally(&self, reason: Error) {
        self.turn_read_only(reason, false);
    }

    fn turn_read_only(&self, reason: Error, can_resume: bool) {
        let mut failure = self.failure();
        let keep = failure.as_ref().is_some_and(|earlier| !earlier.can_resume || can_resume);
        if !keep {
            *failure = Some(Failure { reason: Arc::new(reason), can_resume });
        }
        // A closed database stays closed.
        let _ = self.state.compare_exchange(OPEN, READ_ONLY, Ordering::AcqRel, Ordering::Acquire);
    }

    /// Takes writes again after a failure that allows it.
    pub(crate) fn resume(&self) -> Result<()> {
        self.check_open()?;
        let mut failure = self.failure();
        if failure.as_ref().is_some_and(|failure| !failure.can_resume) {
            drop(failure);
            return Err(self.refusal());
        }
        *failure = None;
        let _ = self.state.compare_exchange(READ_ONLY, OPEN, Ordering::AcqRel, Ordering::Acquire);
        Ok(())
    }

    /// Closes for good; says whether it was this call that did.
    pub(crate) fn close(&self) -> bool {
        self.state.swap(CLOSED, Ordering::AcqRel) != CLOSED
    }

    /// The failure that made the database read-only.
    pub(crate) fn reason(&self) -> Option<Arc<Error>> {
        self.failure().as_ref().map(|failure| Arc::clone(&failure.reason))
    }

    #[cold]
    fn refusal(&self) -> Error {
        if self.state.load(Ordering::Acquire) == CLOSED {
            return Error::Closed;
        }
        match self.failure().clone() {
            Some(Failure { reason, can_resume }) => Error::ReadOnly { reason, can_resume },
            // Lifted between the two looks: the caller may try again at once.
            None => Error::Closed,
        }
    }

    fn failure(&self) -> MutexGuard<'_, Option<Failure>> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
