//! The stand-in for `src/sync.rs`: every access may switch threads, nodes are small, faults can be planted.

use esker_testkit::model::Plantable;
use shuttle::sync::atomic::AtomicBool;
use std::cell::Cell;

pub(crate) use shuttle::sync::atomic::AtomicUsize;
pub(crate) use shuttle::sync::{Mutex, MutexGuard};
pub(crate) use std::sync::atomic::{Ordering, fence};

pub(crate) type Settled32 = std::sync::atomic::AtomicU32;

pub(crate) const SLOTS: usize = 4;

/// A point where the scheduler may go on with another thread. The atomics below cannot be shuttle's own, as they lie in
/// raw memory and have to have the size of the integer.
fn switch() {
    AtomicBool::new(false).load(Ordering::SeqCst);
}

#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct AtomicU32(std::sync::atomic::AtomicU32);

#[derive(Debug)]
#[repr(transparent)]
pub(crate) struct AtomicU64(std::sync::atomic::AtomicU64);

impl AtomicU32 {
    pub(crate) const fn new(value: u32) -> Self {
        Self(std::sync::atomic::AtomicU32::new(value))
    }

    pub(crate) fn load(&self, order: Ordering) -> u32 {
        switch();
        self.0.load(order)
    }

    pub(crate) fn store(&self, value: u32, order: Ordering) {
        switch();
        self.0.store(value, order);
    }
}

impl AtomicU64 {
    pub(crate) fn load(&self, order: Ordering) -> u64 {
        switch();
        self.0.load(order)
    }

    pub(crate) fn store(&self, value: u64, order: Ordering) {
        switch();
        self.0.store(value, order);
    }
}

pub(crate) fn wait(_attempt: u32) {
    shuttle::thread::yield_now();
}

/// A defect to plant in the code under test.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    StaysLeft,
    BelievesTornReads,
    TrustsOldLeaves,
    FreesInTwoSteps,
    ClosesInTwoSteps,
    ForgetsMarks,
}

impl Plantable for Fault {
    const NONE: Self = Self::None;

    fn plant(self) {
        FAULT.set(self);
    }
}

thread_local! {
    // All threads of a model run on the thread that started it.
    static FAULT: Cell<Fault> = const { Cell::new(Fault::None) };
}

pub(crate) fn stays_left() -> bool {
    FAULT.get() == Fault::StaysLeft
}

pub(crate) fn believes_torn_reads() -> bool {
    FAULT.get() == Fault::BelievesTornReads
}

pub(crate) fn trusts_old_leaves() -> bool {
    FAULT.get() == Fault::TrustsOldLeaves
}

pub(crate) fn frees_in_two_steps() -> bool {
    FAULT.get() == Fault::FreesInTwoSteps
}

pub(crate) fn closes_in_two_steps() -> bool {
    FAULT.get() == Fault::ClosesInTwoSteps
}

pub(crate) fn forgets_marks() -> bool {
    FAULT.get() == Fault::ForgetsMarks
}
