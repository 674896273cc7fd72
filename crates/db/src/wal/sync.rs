//! Which part of the log the operating system has, which part the device has, and the one sync between the two.
//!
//! Every append reports how far the log is written ([`LogSync::written`]). Whoever needs durability calls
//! [`LogSync::sync_to`]:
//!
//! 1. If the synced point covers the caller, it returns.
//! 2. If a sync is in flight, it waits. That sync began before the caller's frame was known to be written, so it may
//!    not cover it: the caller looks again when it ends. All who waited share the next sync (INV-WAL-3).
//! 3. Otherwise it becomes the one that syncs: it notes how far the log is written, syncs every segment with unsynced
//!    frames, *oldest first* (INV-WAL-4), from where the device has it to where it is written (INV-WAL-8), and moves
//!    the synced point there (INV-COMMIT-21).
//!
//! After a failed sync the answer to everyone is [`Error::Indeterminate`], for ever (INV-LIFE-2).
//!
//! Points of the log are measured by a running count of frame bytes since the database was opened (`lsn`), so they
//! compare across segments. Lock order: the mutex here is a leaf, and it is not held while a sync runs.
//!
//! All of this is explored under a model scheduler, too (`tests/model`).
//!
//! Not here: appending ([`crate::wal::writer`]).

use std::collections::VecDeque;
use std::io;
use std::sync::{Arc, PoisonError};

use esker_format::log::frame::LogPosition;
use esker_mem::seqno::SeqNo;

use crate::error::{Error, Result};
use crate::sync::{
    AtomicU64, Condvar, Mutex, MutexGuard, Ordering, covers_what_came_later, starts_in_two_steps,
};
use crate::wal::file::LogFile;

/// A point between two frames of the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LogPoint {
    /// Frame bytes before it, counted since the database was opened.
    pub(crate) lsn: u64,
    /// Where it is on disk.
    pub(crate) position: LogPosition,
    /// Every smaller sequence number was logged before it.
    pub(crate) next_seqno: SeqNo,
}

/// The written and the synced end of the log. Thread-safe.
#[derive(Debug)]
pub(crate) struct LogSync {
    state: Mutex<State>,
    changed: Condvar,
    /// `state.synced.lsn`, for whoever only asks whether it has moved.
    synced_lsn: AtomicU64,
}

#[derive(Debug)]
struct State {
    /// Segments that may hold unsynced frames, oldest first; the last one is being written.
    unsynced: VecDeque<Unsynced>,
    written: LogPoint,
    synced: LogPoint,
    in_flight: bool,
    /// Whether anyone waits for the sync in flight. Without it, each sync would end in a system call that wakes nobody.
    is_awaited: bool,
    /// Counted for statistics.
    syncs: u64,
    failed: Option<Arc<io::Error>>,
}

/// A segment that the device may not have.
#[derive(Clone, Debug)]
struct Unsynced {
    file: Arc<LogFile>,
    /// The device has it up to here.
    from: u64,
    /// Where it ends; none while it is being written.
    end: Option<u64>,
}

impl LogSync {
    /// A log that is synced up to `start`.
    pub(crate) fn new(start: LogPoint) -> Self {
        Self {
            state: Mutex::new(State {
                unsynced: VecDeque::new(),
                written: start,
                synced: start,
                in_flight: false,
                is_awaited: false,
                syncs: 0,
                failed: None,
            }),
            changed: Condvar::new(),
            synced_lsn: AtomicU64::new(start.lsn),
        }
    }

    /// Frames now go to `file`, from `start` on; the one before ends at what is written.
    ///
    /// In one step (INV-COMMIT-21): a sync that saw the new segment beside a written end in the old one would take that end for the new
    /// one's, and pass over what is written there later.
    pub(crate) fn started_segment(&self, file: Arc<LogFile>, start: LogPoint) {
        let mut state = self.state();
        let end = state.written.position.offset;
        if let Some(complete) = state.unsynced.back_mut() {
            complete.end = Some(end);
        }
        // What the device has whole is let go of now, as the next sync may be far. By its bytes and not by `lsn`, which
        // does not count headers. A sync in flight counts on the list staying as it is.
        let mut synced = VecDeque::new();
        if !state.in_flight {
            let unsynced = std::mem::take(&mut state.unsynced);
            (synced, state.unsynced) =
                unsynced.into_iter().partition(|segment| segment.end.is_some_and(|end| segment.from >= end));
        }
        state.unsynced.push_back(Unsynced { file, from: 0, end: None });
        if starts_in_two_steps() {
            drop(state);
            state = self.state();
        }
        state.written = start;
        drop(state);
        // Unmapped here, not under the lock.
        drop(synced);
    }

    /// The operating system has everything before `point`.
    #[inline]
    pub(crate) fn wrote(&self, point: LogPoint) {
        self.state().written = point;
    }

    /// How far the operating system has the log.
    pub(crate) fn written(&self) -> LogPoint {
        self.state().written
    }

    /// How far the device has the log.
    #[inline]
    pub(crate) fn synced(&self) -> LogPoint {
        self.state().synced
    }

    /// How far that is in `lsn`; may lag behind [`Self::synced`].
    #[inline]
    pub(crate) fn synced_lsn(&self) -> u64 {
        self.synced_lsn.load(Ordering::Acquire)
    }

    /// How many syncs there were.
    pub(crate) fn syncs(&self) -> u64 {
        self.state().syncs
    }

    /// Refuses once a sync has failed.
    pub(crate) fn check(&self) -> Result<()> {
        match &self.state().failed {
            Some(source) => Err(Error::Indeterminate { source: Arc::clone(source) }),
            None => Ok(()),
        }
    }

    /// Returns once the device has every frame before `lsn`, which must have been written.
    pub(crate) fn sync_to(&self, lsn: u64) -> Result<()> {
        let mut state = self.state();
        loop {
            if let Some(source) = &state.failed {
                return Err(Error::Indeterminate { source: Arc::clone(source) });
            }
            if state.synced.lsn >= lsn {
                return Ok(());
            }
            if state.in_flight {
                state.is_awaited = true;
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            assert!(state.written.lsn >= lsn, "only written frames can be synced");
            state = self.sync_once(state);
        }
    }

    /// Runs the one sync. Takes and returns the lock, which is free meanwhile.
    fn sync_once<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        state.in_flight = true;
        let target = state.written;
        let files: Vec<Unsynced> = state.unsynced.iter().cloned().collect();
        drop(state);
        let outcome = files.iter().try_for_each(|unsynced| {
            let end = unsynced.end.unwrap_or(target.position.offset);
            if unsynced.from < end { unsynced.file.sync(unsynced.from..end) } else { Ok(()) }
        });
        let mut state = self.state();
        state.in_flight = false;
        state.syncs += 1;
        match outcome {
            Ok(()) => {
                let target = if covers_what_came_later() { state.written } else { target };
                state.synced = target;
                self.synced_lsn.store(target.lsn, Ordering::Release);
                // All but the last were complete when the sync began.
                let complete = files.len().saturating_sub(1);
                state.unsynced.drain(..complete);
                if let Some(last) = state.unsynced.front_mut() {
                    last.from = target.position.offset;
                }
            }
            Err(error) => state.failed = Some(Arc::new(error)),
        }
        if std::mem::take(&mut state.is_awaited) {
            self.changed.notify_all();
        }
        // The last to hold a complete segment unmaps it, which takes a while: not under the lock.
        drop(state);
        drop(files);
        self.state()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
