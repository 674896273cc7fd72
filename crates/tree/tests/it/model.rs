//! The tree against the oracle: a bounded number of random runs; `cargo xtask model` plays as many as one likes.
//!
//! A failure prints the shortened script. `ESKER_SEED=n` plays that seed alone.

#[path = "model/harness.rs"]
mod harness;

use harness::{Operation, Planted, Tally, run};

pub(crate) use harness::Reversed;

const RUNS: u64 = 60;
const OPERATIONS: usize = 2500;

#[test]
fn a_tree_answers_as_the_oracle_does() {
    let only = std::env::var("ESKER_SEED").ok().and_then(|seed| seed.parse().ok());
    let mut tally = Tally::new();
    for seed in only.map_or(0..RUNS, |seed| seed..seed + 1) {
        match run(seed, OPERATIONS, None) {
            Ok(done) => tally.add(&done),
            Err(failure) => panic!("{failure}"),
        }
    }
    if only.is_none() {
        // Every kind of operation was done, not only drawn.
        for (name, count) in Operation::NAMES.iter().zip(&tally.checked) {
            assert!(*count > 0, "{name} was never done in {} operations", tally.total());
        }
    }
}

/// A model test that cannot fail is worth nothing: each fault must be found, and its script shortened to what a person can read.
#[test]
fn planted_faults_are_found_and_their_scripts_shortened() {
    for (planted, most) in [
        (Planted::LosesRemoves, 3),
        (Planted::ForgetsUpperBounds, 4),
        (Planted::ReleasesSnapshots, 8),
        (Planted::ForgetsExpiries, 3),
    ] {
        let failure = (0..40).find_map(|seed| run(seed, OPERATIONS, Some(planted)).err());
        let failure = failure.unwrap_or_else(|| panic!("{planted:?} was not found"));
        assert!(failure.script.len() <= most, "{planted:?}: {failure}");
    }
}
