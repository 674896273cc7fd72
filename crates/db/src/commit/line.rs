//! Who leads, and in which order groups go on: the log lock, the queue before it and the apply lock behind it.
//!
//! Whoever finds the log lock free takes it and leads. Everyone else queues the ticket, looks for a moment whether the lock
//! comes free, and sleeps. Two rules keep this alive and in order:
//!
//! * Whoever lets go of the log lock promotes the first in the queue, if there is one ([`Line::let_go`]); and whoever has queued
//!   looks at the lock once more before sleeping. With a fence on both sides either the one sees the lock free, or the
//!   other sees the one in the queue (INV-COMMIT-5).
//! * The apply lock is taken before the log lock is let go ([`Line::go_on_to_apply`]), so groups are applied and published in the
//!   order in which they were logged (INV-COMMIT-4).
//!
//! Lock order: log → apply; log → queue; the queue's and the tickets' mutexes are leaves. The test crate `tests/model` compiles this
//! file and the tickets against a `sync` in which threads take turns at every access.
//!
//! Not here: what a leader does ([`crate::commit`]).

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError, TryLockError};

use crate::commit::ticket::{Committed, Ticket, Wake};
use crate::error::Result;
use crate::sync::{
    AtomicUsize, LOOKS_BEFORE_QUEUE, LOOKS_BEFORE_SLEEP, Mutex, MutexGuard, Ordering, SPINS_PER_LOOK, fence,
    lets_go_before_applying, promotes_nobody, spin_loop,
};

/// Bytes of payload that a leader takes from the queue.
const GROUP_BYTES: usize = 1 << 20;

/// The two locks of the pipeline and the queue before them. `S` is what the log lock guards.
pub(crate) struct Line<S, K> {
    log: Mutex<S>,
    apply: Mutex<()>,
    queue: Mutex<VecDeque<Queued<K>>>,
    /// The queue's length, to be asked without its lock.
    queued: AtomicUsize,
}

struct Queued<K> {
    ticket: Arc<Ticket<K>>,
    payload_len: usize,
}

impl<S, K> Line<S, K> {
    pub(crate) fn new(stage: S) -> Self {
        Self {
            log: Mutex::new(stage),
            apply: Mutex::new(()),
            queue: Mutex::new(VecDeque::new()),
            queued: AtomicUsize::new(0),
        }
    }

    /// The log lock, however long that takes; for those who write nothing.
    pub(crate) fn lock(&self) -> MutexGuard<'_, S> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The log lock, if it comes free in about the time that a frame takes and nobody else waits for it: going to
    /// sleep and being woken takes ten times as long.
    #[inline]
    pub(crate) fn try_lead_awhile(&self) -> Option<MutexGuard<'_, S>> {
        for _ in 0..LOOKS_BEFORE_QUEUE {
            if let Some(log) = self.try_lead() {
                return Some(log);
            }
            if self.queued.load(Ordering::Relaxed) > 0 {
                return None;
            }
            for _ in 0..SPINS_PER_LOOK {
                spin_loop();
            }
        }
        None
    }

    #[inline]
    fn try_lead(&self) -> Option<MutexGuard<'_, S>> {
        match self.log.try_lock() {
            Ok(log) => Some(log),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Lets go of the log lock; if someone waits, someone leads (INV-COMMIT-5).
    #[inline]
    pub(crate) fn let_go(&self, log: MutexGuard<'_, S>) {
        drop(log);
        self.promote_next();
    }

    /// Takes the apply lock and lets go of the log lock, hand over hand (INV-COMMIT-4): nobody can overtake between the two.
    #[inline]
    pub(crate) fn go_on_to_apply<'a>(&'a self, log: MutexGuard<'a, S>) -> MutexGuard<'a, ()> {
        if lets_go_before_applying() {
            self.let_go(log);
            return self.apply.lock().unwrap_or_else(PoisonError::into_inner);
        }
        let applying = self.apply.lock().unwrap_or_else(PoisonError::into_inner);
        self.let_go(log);
        applying
    }

    /// The apply lock, beside the log lock: every group that was logged is applied and published, and no other begins.
    pub(crate) fn wait_for_applied(&self, _log: &MutexGuard<'_, S>) -> MutexGuard<'_, ()> {
        self.apply.lock().unwrap_or_else(PoisonError::into_inner)
    }

    #[inline]
    fn promote_next(&self) {
        fence(Ordering::SeqCst);
        if self.queued.load(Ordering::Relaxed) == 0 || promotes_nobody() {
            return;
        }
        let first = self.queue().front().map(|queued| Arc::clone(&queued.ticket));
        if let Some(first) = first {
            first.promote();
        }
    }

    /// The first of the queue, up to the size of a group; for the leader.
    #[inline]
    pub(crate) fn take_queued(&self) -> Vec<Arc<Ticket<K>>> {
        let mut taken = Vec::new();
        if self.queued.load(Ordering::Relaxed) == 0 {
            return taken;
        }
        let mut queue = self.queue();
        let mut payload_len = 0;
        while payload_len < GROUP_BYTES
            && let Some(queued) = queue.pop_front()
        {
            payload_len += queued.payload_len;
            taken.push(queued.ticket);
        }
        self.queued.store(queue.len(), Ordering::Relaxed);
        taken
    }

    /// Queues the ticket and waits for a leader, or becomes one: `lead` commits what is queued.
    pub(crate) fn follow(
        &self,
        ticket: &Arc<Ticket<K>>,
        payload_len: usize,
        lead: impl Fn(MutexGuard<'_, S>),
    ) -> Result<Committed> {
        ticket.reset();
        {
            let mut queue = self.queue();
            queue.push_back(Queued { ticket: Arc::clone(ticket), payload_len });
            self.queued.store(queue.len(), Ordering::Relaxed);
        }
        // With the fence in `promote_next`: either we see the lock free, or its holder sees us (INV-COMMIT-5).
        fence(Ordering::SeqCst);
        for _ in 0..LOOKS_BEFORE_SLEEP {
            if ticket.is_done() {
                break;
            }
            if self.queued.load(Ordering::Relaxed) > 0
                && let Some(log) = self.try_lead()
            {
                lead(log);
            }
            spin_loop();
        }
        loop {
            match ticket.wait() {
                Wake::Done(outcome) => return outcome,
                Wake::Lead => lead(self.lock()),
            }
        }
    }

    fn queue(&self) -> MutexGuard<'_, VecDeque<Queued<K>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
