//! The advice, by the load.

use std::time::Duration;

use super::{Backpressure, Load, advise};
use crate::runtime::{BackpressureThresholds, Threshold};

fn of_runs(level_zero_runs: u64) -> Backpressure {
    let thresholds = BackpressureThresholds {
        level_zero_runs: Threshold { slowdown: 10, stop: 20 },
        max_delay: Duration::from_millis(10),
        ..BackpressureThresholds::default()
    };
    advise(Load { level_zero_runs, ..Load::default() }, &thresholds)
}

fn delay(advice: Backpressure) -> Duration {
    match advice {
        Backpressure::None => Duration::ZERO,
        Backpressure::Slowdown { suggested_delay } => suggested_delay,
        Backpressure::Stop => Duration::MAX,
    }
}

#[test]
fn the_delay_rises_from_the_slowdown_to_the_stop() {
    assert_eq!(of_runs(9), Backpressure::None);
    assert_eq!(of_runs(10), Backpressure::Slowdown { suggested_delay: Duration::from_micros(100) });
    assert_eq!(of_runs(19), Backpressure::Slowdown { suggested_delay: Duration::from_millis(10) });
    assert_eq!(of_runs(20), Backpressure::Stop);
    for runs in 9..20 {
        assert!(delay(of_runs(runs)) < delay(of_runs(runs + 1)), "{runs}");
    }
}

#[test]
fn the_worst_of_all_counts() {
    let thresholds = BackpressureThresholds::default();
    let advice = |load| delay(advise(load, &thresholds));
    let runs = Load { level_zero_runs: 21, ..Load::default() };
    let debt = Load { compaction_debt_bytes: 40 << 30, ..Load::default() };
    let both = Load { level_zero_runs: 21, compaction_debt_bytes: 40 << 30, ..Load::default() };
    assert!(advice(runs) > Duration::ZERO && advice(runs) < advice(debt));
    assert_eq!(advice(both), advice(debt));
    assert_eq!(advise(Load { sealed_memtables: 8, ..both }, &thresholds), Backpressure::Stop);
}

#[test]
fn thresholds_that_are_odd_make_no_panic() {
    for (slowdown, stop) in [(0, 0), (5, 5), (9, 3), (u64::MAX, u64::MAX), (0, u64::MAX)] {
        let thresholds = BackpressureThresholds {
            level_zero_runs: Threshold { slowdown, stop },
            max_delay: Duration::ZERO,
            ..BackpressureThresholds::default()
        };
        for level_zero_runs in [0, 3, 4, 5, 9, u64::MAX] {
            let advice = advise(Load { level_zero_runs, ..Load::default() }, &thresholds);
            assert_eq!(advice == Backpressure::Stop, level_zero_runs >= stop, "{slowdown} {stop}");
        }
    }
    assert_eq!(advise(Load::default(), &BackpressureThresholds::default()), Backpressure::None);
}
