//! Model tests: code of the library under every interleaving that a scheduler comes up with.
//!
//! A model is a function that starts shuttle's threads and checks what they did. [`explore`] runs it under many schedules. What
//! such a test is worth is shown by the faults that it catches: [`catches`] plants one and says whether some schedule failed.
//!
//! The code under test is compiled a second time in the test crate, against a `sync` in which each access is a point where
//! threads may be switched, and in which functions say whether a fault is planted ([`Plantable`]); in the library these are
//! constants.
//!
//! Shuttle's memory is sequentially consistent: what is explored is the protocol, not the orderings of single accesses.
//!
//! Not here: the models, and the faults.

use std::panic::{AssertUnwindSafe, catch_unwind};

use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::{Config, Runner};

/// Schedules that look for a planted fault before it counts as missed.
const TO_CATCH: usize = 20_000;

/// Switches between threads that a schedule makes at points of its choice.
const PREEMPTIONS: usize = 3;

/// Of each thread of a model: what the library keeps on a stack, in a build without optimisation.
const STACK_BYTES: usize = 1 << 20;

/// A defect that a test crate can plant.
pub trait Plantable: Copy {
    /// That there is none.
    const NONE: Self;

    /// From now on the code under test commits this one, on this thread.
    fn plant(self);
}

/// How many schedules to explore: `MODEL_SCHEDULES`, or so many.
#[must_use]
pub fn schedules(default: usize) -> usize {
    std::env::var("MODEL_SCHEDULES").ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// Runs `model` under so many schedules with few preemptions at random depths, which find most races, and under a quarter as
/// many that switch at random, which find those that need many.
///
/// # Panics
/// As the model does under some schedule.
pub fn explore(model: impl Fn() + Clone + Send + Sync + 'static, schedules: usize) {
    let mut config = Config::new();
    config.stack_size = STACK_BYTES;
    Runner::new(PctScheduler::new(PREEMPTIONS, schedules), config.clone()).run(model.clone());
    Runner::new(RandomScheduler::new(schedules / 4 + 1), config).run(model);
}

/// Whether some schedule of `model` fails with `fault` planted.
pub fn catches<F: Plantable>(fault: F, model: impl Fn() + Clone + Send + Sync + 'static) -> bool {
    // Nothing that a failed schedule touched is looked at again.
    let caught = catch_unwind(AssertUnwindSafe(|| {
        fault.plant();
        explore(model, TO_CATCH);
    }));
    F::NONE.plant();
    caught.is_err()
}
