//! What the command line makes of words, and how it refuses them.

use clap::Parser as _;

use crate::args::{Arguments, Plan};

fn plan(words: &str) -> Result<Plan, String> {
    let words = std::iter::once("bench").chain(words.split_whitespace());
    let arguments = Arguments::try_parse_from(words).map_err(|error| error.to_string())?;
    arguments.plan().map_err(|error| error.to_string())
}

#[test]
fn everything_runs_three_times_by_default() {
    let plan = plan("").expect("defaults are valid");
    assert_eq!(plan.reps, 3);
    assert_eq!(plan.engines.first().map(String::as_str), Some("esker"), "ours is compared with the others");
    assert!(plan.workloads.contains(&("read".to_owned(), 2_000_000)));
    assert_eq!(plan.workloads.len(), crate::workload::ALL.len());
}

#[test]
fn quick_takes_what_builds_without_c_and_fewer_keys() {
    let plan = plan("--quick").expect("the default build can do it");
    assert_eq!(plan.engines, ["esker", "fjall", "redb"]);
    assert!(plan.workloads.iter().all(|(_, keys)| *keys < 1_000_000));
}

#[test]
fn names_and_numbers_are_taken() {
    let plan = plan("--engines redb,esker --workloads ycsb,sync --keys 5000 --reps 1").expect("valid");
    assert_eq!(plan.engines, ["redb", "esker"]);
    assert_eq!(plan.workloads, [("ycsb".to_owned(), 5_000), ("sync".to_owned(), 5_000)]);
    assert_eq!(plan.reps, 1);
}

#[test]
fn a_scaling_run_ends_at_the_keys_asked_for() {
    let plan = plan("--scaling --keys 5000000").expect("valid");
    assert_eq!(plan.workloads.iter().map(|(_, keys)| *keys / 1_000_000).collect::<Vec<_>>(), [1, 3]);
    assert_eq!(plan.reps, 1);
    assert!(!plan.engines.contains(&"redb".to_owned()), "it would take hours");
}

#[test]
fn refusals_say_what_there_is() {
    let refused = |words: &str| plan(words).expect_err("is no valid command line");
    assert!(refused("--engines leveldb").contains("no engine is called leveldb; there are esker, "));
    assert!(refused("--workloads fast").contains("there are read, ycsb"));
    assert!(refused("--keys many").contains("--keys"));
    assert!(refused("--keys 0").contains("at least 1"));
    assert!(refused("--sustained-seconds 0").contains("at least 1"));
    assert!(refused("--row-seconds 0").contains("0.001"));
    assert!(refused("--row-seconds NaN").contains("0.001"));
    assert!(refused("--scaling --keys 10").contains("1,000,000"));
    #[cfg(not(feature = "rocksdb"))]
    assert!(refused("--engines rocksdb").contains("--features rocksdb"));
}
