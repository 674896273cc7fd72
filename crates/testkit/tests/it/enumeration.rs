//! The crash enumeration passes a correct engine, and catches every planted bug: a proof that cannot fail is worthless.

use esker_testkit::enumerate::engine::{ScriptOptions, Step, Task, random_script};
use esker_testkit::enumerate::report::{Replay, Report};
use esker_testkit::enumerate::{EnumerateOptions, Points, Trouble, enumerate, replay};
use esker_testkit::fault_fs::plan::{FaultPlan, InjectedError};
use esker_testkit::oracle::change::{Change, Durability};

use crate::toy::{Mistake, Toy};

fn script(seed: u64) -> Vec<Step> {
    let options = ScriptOptions {
        seed,
        steps: 60,
        merges: true,
        range_deletes: true,
        keyspaces: 2,
        ..Default::default()
    };
    random_script(&options)
}

fn crash_everywhere(mistake: Mistake, options: &EnumerateOptions) -> Report {
    enumerate::<Toy>(&script(3), &mistake, options)
}

#[test]
fn a_correct_engine_passes() {
    for seed in 1..=2 {
        let report = enumerate::<Toy>(&script(seed), &Mistake::None, &EnumerateOptions::default());
        assert_eq!(report.failure, None, "script {seed}: {report}");
        assert_eq!(report.crash_points, report.mutating_calls + 1);
        assert!(report.recoveries > 5 * report.crash_points && report.recovery_crashes > 0, "{report}");
    }
}

#[test]
fn a_correct_engine_passes_when_calls_fail() {
    for trouble in [
        Trouble::ErrorOnce(InjectedError::DeviceFailed),
        Trouble::ErrorFrom(InjectedError::DeviceFailed),
        Trouble::ErrorOnce(InjectedError::StorageFull),
        Trouble::ErrorFrom(InjectedError::StorageFull),
        Trouble::ReadErrorOnce,
    ] {
        let points = Points::Every { stride: 5, first: 1 };
        let options = EnumerateOptions { trouble, points, recovery_crashes: vec![1], ..Default::default() };
        let report = crash_everywhere(Mistake::None, &options);
        assert_eq!(report.failure, None, "{trouble:?}: {report}");
        assert!(report.crash_points > 0, "{trouble:?}: {report}");
    }
}

#[test]
fn every_mistake_is_caught_and_its_replay_line_leads_there_again() {
    for mistake in [
        Mistake::AcknowledgesBeforeSync,
        Mistake::TrustsFrames,
        Mistake::SkipsBadFrames,
        Mistake::PointsBeforeSync,
        Mistake::ForgetsDirectorySync,
        Mistake::ForgetsOwnName,
        Mistake::AppendsBehindTornTail,
        Mistake::SplitsBatches,
        Mistake::ForgetsDeletes,
        Mistake::PanicsAtTornTail,
    ] {
        let options = EnumerateOptions { random_disks: 8, recovery_crashes: vec![1], ..Default::default() };
        let report = crash_everywhere(mistake, &options);
        let failure = report.failure.unwrap_or_else(|| unreachable!("{mistake:?} was not caught"));
        let line: Replay = failure.replay.to_string().parse().unwrap();
        assert_eq!(line, failure.replay);
        let again = replay::<Toy>(&script(3), &mistake, &options, &line);
        assert_eq!(again.unwrap_err(), failure, "{mistake:?} at {line}");
        replay::<Toy>(&script(3), &Mistake::None, &options, &line).unwrap();
    }
}

#[test]
fn ignored_errors_are_caught() {
    let trouble = Trouble::ErrorOnce(InjectedError::StorageFull);
    let options = EnumerateOptions { trouble, ..Default::default() };
    let report = crash_everywhere(Mistake::IgnoresErrors, &options);
    assert!(report.failure.is_some(), "{report}");
}

/// The switches of the file system itself: an engine under test cannot know of them, so they serve for any engine.
#[test]
fn a_skipped_sync_below_the_engine_is_caught() {
    let put = |key: &str, durability| Step::Write(vec![Change::put(key, "value")], durability);
    let steps = [
        put("a", Durability::Sync),
        put("b", Durability::Os),
        Step::Run(Task::Flush),
        put("c", Durability::Sync),
    ];
    let caught: Vec<u64> = (1..=8)
        .filter(|&nth| {
            let plan = FaultPlan { skip_nth_sync: Some(nth), ..FaultPlan::default() };
            let options = EnumerateOptions { plan, ..Default::default() };
            enumerate::<Toy>(&steps, &Mistake::None, &options).failure.is_some()
        })
        .collect();
    // The second and the sixth sync empty logs, of which nothing can be lost.
    assert_eq!(caught, [1, 3, 4, 5, 7, 8]);
}

#[test]
fn ignored_directory_syncs_below_the_engine_are_caught() {
    let plan = FaultPlan { ignore_dir_sync: true, ..FaultPlan::default() };
    let report = crash_everywhere(Mistake::None, &EnumerateOptions { plan, ..Default::default() });
    assert!(report.failure.is_some(), "{report}");
}

#[test]
fn same_seed_same_report() {
    let options = EnumerateOptions { points: Points::Sample(20), seed: 9, ..Default::default() };
    let report = crash_everywhere(Mistake::TrustsFrames, &options);
    assert_eq!(report, crash_everywhere(Mistake::TrustsFrames, &options));
    let strided = EnumerateOptions { points: Points::Every { stride: 10, first: 3 }, ..Default::default() };
    let report = crash_everywhere(Mistake::None, &strided);
    assert_eq!(report.crash_points, (report.mutating_calls - 2) / 10 + 1, "{report}");
}

#[test]
fn a_failure_reads_well() {
    let text = crash_everywhere(Mistake::AcknowledgesBeforeSync, &EnumerateOptions::default()).to_string();
    for part in ["FAILED, replay ", "/lose-unsynced", "key \"written after the crash\": expected", "[Crash]"]
    {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
}

#[test]
fn what_is_no_replay_line_is_refused() {
    for text in ["", "5", "x/keep-all", "5/some", "5/random:x", "5/keep-all+"] {
        text.parse::<Replay>().unwrap_err();
    }
    assert_eq!("none".parse::<Replay>().unwrap(), Replay::default());
}
