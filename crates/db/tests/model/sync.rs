//! The stand-in for `src/sync.rs`: every access may switch threads, and faults can be planted.

use std::cell::Cell;

use esker_testkit::model::Plantable;

pub(crate) use shuttle::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard};

/// A defect to plant in the code under test.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    StartsInTwoSteps,
    CoversWhatCameLater,
    AsksForRoomFirst,
    ReleasesBeforeApplying,
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

pub(crate) fn is_planted(fault: Fault) -> bool {
    FAULT.get() == fault
}

pub(crate) fn starts_in_two_steps() -> bool {
    FAULT.get() == Fault::StartsInTwoSteps
}

pub(crate) fn covers_what_came_later() -> bool {
    FAULT.get() == Fault::CoversWhatCameLater
}
