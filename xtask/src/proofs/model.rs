//! `cargo xtask model`: random operations on trees and on an oracle, as many as one likes.
//!
//! Each seed is a script of its own with settings of its own, played on a tree in memory. A difference is shortened and printed with
//! its seed, and ends the run. It says at the end how often each kind of operation was done and compared.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use crate::proofs::arguments::Model;

use self::harness::{Failure, Operation, Tally};

#[path = "../../../crates/tree/tests/it/model/harness.rs"]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    dead_code,
    unused_imports,
    reason = "test code of the crate `esker-tree`: it fails by panicking, and its planted faults are for its own tests"
)]
mod harness;

/// Between two lines of progress.
const REPORT_EVERY: Duration = Duration::from_secs(30);

/// What the threads share.
struct Board {
    next_seed: AtomicU64,
    done: AtomicU64,
    stopped: AtomicBool,
    tally: Mutex<Tally>,
    failure: Mutex<Option<Box<Failure>>>,
}

/// Runs everything; an error shows a shortened script.
pub(crate) fn run(arguments: &Model) -> Result<(), String> {
    let start = Instant::now();
    let board = Board {
        next_seed: AtomicU64::new(arguments.seed),
        done: AtomicU64::new(0),
        stopped: AtomicBool::new(false),
        tally: Mutex::new(Tally::new()),
        failure: Mutex::new(None),
    };
    std::thread::scope(|scope| {
        for thread in 0..arguments.threads.max(1) {
            let board = &board;
            scope.spawn(move || board.play(arguments, thread == 0, start));
        }
    });
    if let Some(failure) = board.failure.into_inner().map_err(|_| "a thread panicked".to_owned())? {
        return Err(failure.to_string());
    }
    let tally = board.tally.into_inner().map_err(|_| "a thread panicked".to_owned())?;
    report(arguments, &tally, board.next_seed.into_inner(), start.elapsed());
    Ok(())
}

impl Board {
    /// Plays one seed after the other until enough is done.
    fn play(&self, arguments: &Model, reports: bool, start: Instant) {
        let mut next_report = REPORT_EVERY;
        while self.done.load(Ordering::Relaxed) < arguments.operations
            && !self.stopped.load(Ordering::Relaxed)
        {
            let seed = self.next_seed.fetch_add(1, Ordering::Relaxed);
            match harness::run(seed, arguments.steps, None) {
                Ok(tally) => {
                    self.done.fetch_add(tally.total(), Ordering::Relaxed);
                    if let Ok(mut all) = self.tally.lock() {
                        all.add(&tally);
                    }
                }
                Err(failure) => {
                    self.stopped.store(true, Ordering::Relaxed);
                    if let Ok(mut first) = self.failure.lock() {
                        first.get_or_insert(failure);
                    }
                }
            }
            if reports && start.elapsed() >= next_report {
                next_report += REPORT_EVERY;
                println!("{:9.0?}  {:>12} operations", start.elapsed(), self.done.load(Ordering::Relaxed));
            }
        }
    }
}

fn report(arguments: &Model, tally: &Tally, end: u64, took: Duration) {
    for (name, count) in Operation::NAMES.iter().zip(&tally.checked) {
        println!("{name:20} {count:>12}");
    }
    println!(
        "{} operations of {} kinds, done and compared, with seeds {}..{end}, each with settings of its own, in {took:.1?}",
        tally.total(),
        Operation::NAMES.len(),
        arguments.seed,
    );
}
