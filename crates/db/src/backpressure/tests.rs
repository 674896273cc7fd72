//! Prices, sleeps and the hard stop, under a clock that does not run by itself.

use std::thread;

use esker_env::clock::ManualClock;

use esker_tree::Threshold;

use super::*;
use crate::error::Error;

const LIMIT: u64 = 100 << 20;

fn idle() -> Pressure {
    Pressure::none(LIMIT)
}

fn with_runs(level_zero_runs: u64) -> Pressure {
    let mut pressure = idle();
    pressure.add(Behind { level_zero_runs, ..Behind::default() }, &BackpressureThresholds::default());
    pressure
}

fn setup() -> (Arc<ManualClock>, Backpressure) {
    let clock = Arc::new(ManualClock::default());
    let backpressure = Backpressure::new(Arc::clone(&clock) as Arc<dyn Clock>);
    (clock, backpressure)
}

#[test]
fn without_pressure_nobody_sleeps() {
    let (clock, backpressure) = setup();
    backpressure.update(&Pressure { memtable_bytes: LIMIT / 2, ..with_runs(20) });
    for _ in 0..100_000 {
        backpressure.pay(1024);
    }
    assert_eq!(clock.now(), Duration::ZERO);
}

#[test]
fn the_price_rises_smoothly() {
    let prices: Vec<u64> = (20..=44).map(|runs| with_runs(runs).price_per_kib()).collect();
    assert_eq!(prices.first(), Some(&0));
    assert!(prices.windows(2).all(|pair| pair[0] < pair[1]), "{prices:?}");
    assert!(
        prices.iter().skip(1).zip(prices.iter().skip(2)).all(|(a, b)| *b < a * 2),
        "no cliff: {prices:?}"
    );
}

#[test]
fn delays_accumulate_and_are_slept_in_short_pieces() {
    // INV-COMMIT-7
    let (clock, backpressure) = setup();
    backpressure.update(&with_runs(32));
    let (mut sleeps, mut longest, mut before) = (0u32, Duration::ZERO, clock.now());
    for _ in 0..100_000 {
        backpressure.pay(140);
        let slept = clock.now() - before;
        if !slept.is_zero() {
            sleeps += 1;
            longest = longest.max(slept);
        }
        before = clock.now();
    }
    assert!(sleeps > 100, "{sleeps}");
    assert!(longest < Duration::from_micros(200), "{longest:?}");
    assert_eq!(backpressure.slept(), clock.now());
}

#[test]
fn one_huge_write_does_not_sleep_for_long() {
    // INV-COMMIT-7
    let (clock, backpressure) = setup();
    backpressure.update(&with_runs(100));
    backpressure.pay(256 << 20);
    assert_eq!(clock.now(), LONGEST_SLEEP);
}

/// The keyspace that is furthest behind its own thresholds counts, and the shortest delay that one asks for.
#[test]
fn thresholds_are_each_keyspaces_own() {
    let mut patient = BackpressureThresholds::default();
    patient.level_zero_runs = Threshold { slowdown: 100, stop: 200 };
    patient.compaction_debt_bytes = Threshold::NEVER;
    let behind = Behind { level_zero_runs: 44, debt_bytes: 100 << 20, sealed_memtables: 2 };
    let mut pressure = idle();
    pressure.add(behind, &patient);
    assert_eq!((pressure.lag, pressure.price_per_kib()), (0.0, 0));
    let mut hasty = patient;
    hasty.sealed_memtables = Threshold { slowdown: 1, stop: 3 };
    hasty.max_delay = Duration::from_millis(2);
    pressure.add(behind, &hasty);
    assert_eq!((pressure.lag, pressure.debt_bytes), (0.5, 200 << 20));
    pressure.add(behind, &patient);
    assert_eq!(pressure.lag, 0.5);
    let (clock, backpressure) = setup();
    backpressure.update(&pressure);
    backpressure.pay(256 << 20);
    assert_eq!(clock.now(), Duration::from_millis(2));
}

#[test]
fn the_memory_cap_stops_until_a_flush_or_a_failure() {
    // INV-COMMIT-8
    let (_, backpressure) = setup();
    backpressure.update(&Pressure { memtable_bytes: LIMIT, ..idle() });
    assert!(backpressure.is_full());
    let refused = backpressure.wait_for_memory(&|| Err(Error::Closed));
    assert!(matches!(refused, Err(Error::Closed)), "a failure ends the wait");
    thread::scope(|scope| {
        let waiter = scope.spawn(|| backpressure.wait_for_memory(&|| Ok(())));
        backpressure.update(&Pressure { memtable_bytes: LIMIT / 3, ..idle() });
        assert!(waiter.join().is_ok_and(|outcome| outcome.is_ok()));
    });
}
