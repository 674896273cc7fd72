//! One writer's place in the commit queue: what it wants written, and how it went.
//!
//! A ticket belongs to one thread, which fills in its [`Request`], hands the ticket in, and waits. It is reused for
//! the thread's next write, so that a write allocates nothing in the steady state.
//!
//! Each ticket has two leaf mutexes: one over the request (the owner fills it, then a leader reads it), one over the
//! stage. `done` repeats "the stage is done" for the short spin before a writer goes to sleep.
//!
//! Not here: who leads, and what a leader does ([`crate::commit`]).

use std::sync::PoisonError;

use esker_format::ids::KeyspaceId;
use esker_mem::memtable::Place;
use esker_mem::seqno::SeqNo;

use crate::error::{Error, Result};
use crate::options::Durability;
use crate::sync::{AtomicBool, Condvar, Mutex, MutexGuard, Ordering};

/// How much one request writes to one keyspace.
#[derive(Clone, Debug)]
pub(crate) struct Touch<K> {
    pub(crate) id: KeyspaceId,
    pub(crate) keyspace: K,
    pub(crate) entries: usize,
    pub(crate) key_value_bytes: usize,
}

/// What a writer wants: encoded operations, and where they go.
#[derive(Debug)]
pub(crate) struct Request<K> {
    /// Encoded operations, back to back.
    pub(crate) payload: Vec<u8>,
    /// How many there are; each takes one sequence number.
    pub(crate) count: u32,
    /// One entry for each keyspace that occurs in the payload.
    pub(crate) touches: Vec<Touch<K>>,
    /// Where the first operations will go, as the writer saw it before it took a lock.
    pub(crate) places: Vec<Place>,
    pub(crate) durability: Durability,
}

/// Capacity of a request's buffer that is kept for the next one.
const KEPT_CAPACITY_BYTES: usize = 64 << 10;

impl<K> Request<K> {
    pub(crate) const fn new() -> Self {
        Self {
            payload: Vec::new(),
            count: 0,
            touches: Vec::new(),
            places: Vec::new(),
            durability: Durability::Os,
        }
    }

    /// Empties the request and keeps modest buffers.
    pub(crate) fn clear(&mut self) {
        self.payload.clear();
        self.payload.shrink_to(KEPT_CAPACITY_BYTES);
        self.touches.clear();
        self.places.clear();
        self.count = 0;
    }
}

/// Where a write ended up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Committed {
    /// The end of its group's frame in the log.
    pub(crate) lsn: u64,
    /// Every operation of the group has a smaller sequence number.
    pub(crate) next_seqno: SeqNo,
}

#[derive(Debug)]
enum Stage {
    /// In the queue, or in a leader's hands.
    Waiting,
    /// Nobody leads: the owner should.
    Promoted,
    Done(Result<Committed>),
}

#[derive(Debug)]
struct Progress {
    stage: Stage,
    parked: bool,
}

/// What a parked writer wakes up to.
pub(crate) enum Wake {
    Lead,
    Done(Result<Committed>),
}

/// One writer's place in the queue.
#[derive(Debug)]
pub(crate) struct Ticket<K> {
    request: Mutex<Request<K>>,
    progress: Mutex<Progress>,
    changed: Condvar,
    done: AtomicBool,
}

impl<K> Ticket<K> {
    pub(crate) const fn new() -> Self {
        Self {
            request: Mutex::new(Request::new()),
            progress: Mutex::new(Progress { stage: Stage::Waiting, parked: false }),
            changed: Condvar::new(),
            done: AtomicBool::new(false),
        }
    }

    /// The request; contended only if a leader reads it.
    pub(crate) fn request(&self) -> MutexGuard<'_, Request<K>> {
        self.request.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Back to waiting, before the ticket is handed in.
    pub(crate) fn reset(&self) {
        self.progress().stage = Stage::Waiting;
        self.done.store(false, Ordering::Relaxed);
    }

    /// Tells the owner the outcome.
    pub(crate) fn finish(&self, outcome: Result<Committed>) {
        let mut progress = self.progress();
        progress.stage = Stage::Done(outcome);
        self.done.store(true, Ordering::Release);
        if progress.parked {
            self.changed.notify_one();
        }
    }

    /// Asks the owner to lead, unless it is done.
    pub(crate) fn promote(&self) {
        let mut progress = self.progress();
        if matches!(progress.stage, Stage::Waiting) {
            progress.stage = Stage::Promoted;
            if progress.parked {
                self.changed.notify_one();
            }
        }
    }

    /// Whether [`Ticket::wait`] would return the outcome at once.
    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.done.load(Ordering::Acquire)
    }

    /// Sleeps until there is an outcome, or no leader.
    pub(crate) fn wait(&self) -> Wake {
        let mut progress = self.progress();
        loop {
            match std::mem::replace(&mut progress.stage, Stage::Waiting) {
                Stage::Done(outcome) => return Wake::Done(outcome),
                Stage::Promoted => return Wake::Lead,
                Stage::Waiting => {
                    progress.parked = true;
                    progress = self.changed.wait(progress).unwrap_or_else(PoisonError::into_inner);
                    progress.parked = false;
                }
            }
        }
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The outcome of a group for one of its members.
pub(crate) fn share(outcome: &Result<Committed>) -> Result<Committed> {
    match outcome {
        Ok(committed) => Ok(*committed),
        Err(error) => Err(Error::clone(error)),
    }
}
