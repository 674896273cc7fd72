//! The stand-in for `src/sync.rs`: every access may switch threads, and faults can be planted.

use std::cell::Cell;

use esker_testkit::model::Plantable;

pub(crate) use shuttle::hint::spin_loop;
pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering, fence};
pub(crate) use shuttle::sync::{Condvar, Mutex, MutexGuard};

/// A writer looks twice before it queues, and once before it sleeps.
pub(crate) const LOOKS_BEFORE_QUEUE: usize = 2;
pub(crate) const SPINS_PER_LOOK: usize = 1;
pub(crate) const LOOKS_BEFORE_SLEEP: usize = 1;

/// A defect to plant in the code under test.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    StartsInTwoSteps,
    CoversWhatCameLater,
    AsksForRoomFirst,
    ReleasesBeforeApplying,
    PromotesNobody,
    LetsGoBeforeApplying,
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

pub(crate) fn promotes_nobody() -> bool {
    FAULT.get() == Fault::PromotesNobody
}

pub(crate) fn lets_go_before_applying() -> bool {
    FAULT.get() == Fault::LetsGoBeforeApplying
}
