//! A bounded crash enumeration, and the bugs that it must catch. All of it: `cargo xtask crash`.

use esker::PlantedBug;
use esker_testkit::enumerate::engine::random_script;
use esker_testkit::enumerate::report::Report;
use esker_testkit::enumerate::{EnumerateOptions, Points, Trouble, enumerate};
use esker_testkit::fault_fs::plan::{FaultPlan, InjectedError};

use self::engine::{Esker, OptionSet, mapped_log, option_sets};

mod engine;

fn run(set: &OptionSet, steps: usize, options: &EnumerateOptions) -> Report {
    let script = random_script(&set.script(options.seed, steps));
    enumerate::<Esker>(&script, set, options)
}

fn assert_sound(set: &OptionSet, report: &Report) {
    if let Some(failure) = &report.failure {
        let trace = failure.trace.iter().rev().take(80).rev().cloned().collect::<Vec<_>>().join("\n");
        panic!("{}: {}\n{}\n{trace}", set.name, failure.message, failure.replay);
    }
}

#[test]
fn acknowledged_writes_survive_crashes_and_crashes_of_recoveries() {
    // INV-WAL-2, INV-RECOVER-2, INV-RECOVER-3, INV-RECOVER-4, INV-RECOVER-5, INV-RECOVER-6, INV-RECOVER-7,
    // INV-KEYSPACE-2
    for (set, seed) in option_sets().iter().zip(1..) {
        let options = EnumerateOptions {
            seed,
            points: Points::Sample(30),
            recovery_crashes: vec![1, 1],
            random_disks: 1,
            ..EnumerateOptions::default()
        };
        let report = run(set, 60, &options);
        assert_sound(set, &report);
        assert!(report.recoveries > 200, "{}: {report:?}", set.name);
    }
}

#[test]
fn any_call_may_fail_and_the_database_works_on_or_refuses() {
    // INV-COMMIT-3, INV-LIFE-2, INV-WAL-2: a full disk and a broken device, once and from then on.
    for (set, seed) in option_sets().into_iter().zip(11..) {
        let set = &set.without_buffered();
        for error in [InjectedError::StorageFull, InjectedError::DeviceFailed] {
            for trouble in [Trouble::ErrorOnce(error), Trouble::ErrorFrom(error)] {
                let options = EnumerateOptions {
                    seed,
                    points: Points::Sample(14),
                    trouble,
                    recovery_crashes: Vec::new(),
                    random_disks: 1,
                    ..EnumerateOptions::default()
                };
                assert_sound(set, &run(set, 50, &options));
            }
        }
    }
}

/// A proof that cannot fail is worthless.
fn assert_caught(set: &OptionSet, plans: impl Iterator<Item = FaultPlan>) {
    for plan in plans {
        let options = EnumerateOptions { plan, points: Points::Sample(40), ..EnumerateOptions::default() };
        if run(set, 50, &options).failure.is_some() {
            return;
        }
    }
    panic!("the planted bug was not caught");
}

#[test]
fn a_skipped_sync_is_caught() {
    let plans = (1..60).map(|nth| FaultPlan { skip_nth_sync: Some(nth), ..FaultPlan::default() });
    assert_caught(&option_sets()[2], plans);
}

#[test]
fn a_mapped_log_that_is_not_synced_is_caught() {
    // INV-WAL-8
    let plan = FaultPlan { ignore_map_sync: true, ..FaultPlan::default() };
    assert_caught(&mapped_log(), std::iter::once(plan));
}

#[test]
fn skipped_directory_syncs_are_caught() {
    let plan = FaultPlan { ignore_dir_sync: true, ..FaultPlan::default() };
    assert_caught(&option_sets()[3], std::iter::once(plan));
}

#[test]
fn a_recovery_without_range_deletes_is_caught() {
    let set = OptionSet { bug: Some(PlantedBug::ForgetRangeDeletes), ..option_sets().swap_remove(0) };
    assert_caught(&set, std::iter::once(FaultPlan::default()));
}

#[test]
fn publishing_before_appending_is_caught() {
    let set = OptionSet { bug: Some(PlantedBug::PublishBeforeAppend), ..option_sets().swap_remove(0) };
    assert_caught(&set, std::iter::once(FaultPlan::default()));
}
