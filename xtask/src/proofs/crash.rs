//! `cargo xtask crash`: the whole crash enumeration of the database, on a simulated disk.
//!
//! For each option set a random script; a crash at every call of it, each with several disks that a power loss could
//! leave; crashes of recoveries, and of their recoveries. Then every call failing instead, once and for good. And the
//! planted bugs, each of which must be caught: a proof that cannot fail is worthless.
//!
//! A failure prints what was wrong, the way there, and the calls on the way.

use std::time::Instant;

use esker::PlantedBug;
use esker_testkit::enumerate::engine::random_script;
use esker_testkit::enumerate::report::Report;
use esker_testkit::enumerate::{EnumerateOptions, Points, Trouble, enumerate};
use esker_testkit::fault_fs::plan::{FaultPlan, InjectedError};

use crate::proofs::arguments::Crash;

use self::engine::{Esker, OptionSet, mapped_log, option_sets};

#[path = "../../../crates/db/tests/it/crash/engine.rs"]
mod engine;

/// Points of each script when bounded.
const BOUNDED_POINTS: usize = 40;

/// Runs everything; an error says what failed.
pub(crate) fn run(arguments: &Crash) -> Result<(), String> {
    let points = if arguments.bounded { Points::Sample(BOUNDED_POINTS) } else { Points::All };
    for (set, number) in option_sets().iter().zip(0..) {
        let crash = EnumerateOptions { seed: arguments.seed + number, points, ..EnumerateOptions::default() };
        sound(set, arguments.steps, &crash, "crashes")?;
        for (error, name) in
            [(InjectedError::StorageFull, "a full disk"), (InjectedError::DeviceFailed, "a broken device")]
        {
            for trouble in [Trouble::ErrorOnce(error), Trouble::ErrorFrom(error)] {
                let options = EnumerateOptions { trouble, recovery_crashes: Vec::new(), ..crash.clone() };
                sound(&set.clone().without_buffered(), arguments.steps, &options, name)?;
            }
        }
    }
    planted_bugs(arguments.seed)
}

fn explore(set: &OptionSet, steps: usize, options: &EnumerateOptions) -> Report {
    enumerate::<Esker>(&random_script(&set.script(options.seed, steps)), set, options)
}

fn sound(set: &OptionSet, steps: usize, options: &EnumerateOptions, what: &str) -> Result<(), String> {
    let start = Instant::now();
    let report = explore(set, steps, options);
    if let Some(failure) = report.failure {
        let trace = failure.trace.join("\n");
        let (name, seed) = (set.name, options.seed);
        return Err(format!("{name}, {what}, seed {seed}: {}\n{}\n{trace}", failure.message, failure.replay));
    }
    println!(
        "{:28} {what:16} {:6} points {:7} recoveries {:6} crashed recoveries {:6.1?}",
        set.name,
        report.crash_points,
        report.recoveries,
        report.recovery_crashes,
        start.elapsed()
    );
    Ok(())
}

fn planted_bugs(seed: u64) -> Result<(), String> {
    let sets = option_sets();
    let usual = sets.first().ok_or("no option sets")?;
    let skipped = (1..60).map(|nth| FaultPlan { skip_nth_sync: Some(nth), ..FaultPlan::default() });
    caught("a skipped sync", usual, seed, skipped)?;
    let ignored = FaultPlan { ignore_dir_sync: true, ..FaultPlan::default() };
    caught("skipped directory syncs", usual, seed, std::iter::once(ignored))?;
    let unsynced = FaultPlan { ignore_map_sync: true, ..FaultPlan::default() };
    caught("a mapped log that is never synced", &mapped_log(), seed, std::iter::once(unsynced))?;
    let wrong = OptionSet { bug: Some(PlantedBug::PublishBeforeAppend), ..usual.clone() };
    caught("publishing before appending", &wrong, seed, std::iter::once(FaultPlan::default()))
}

fn caught(
    name: &str,
    set: &OptionSet,
    seed: u64,
    mut plans: impl Iterator<Item = FaultPlan>,
) -> Result<(), String> {
    let is_caught = plans.any(|plan| {
        // Every point: one that is not sampled may be the only one to show the fault.
        let options = EnumerateOptions { seed, plan, points: Points::All, ..EnumerateOptions::default() };
        explore(set, 60, &options).failure.is_some()
    });
    if !is_caught {
        return Err(format!("the planted bug {name:?} was not caught"));
    }
    println!("planted bug caught: {name}");
    Ok(())
}
