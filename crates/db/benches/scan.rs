//! Scans and seeks of a settled database, as a user meets them: two million records (24-byte keys, 100-byte values), all of
//! them in the cache.
//!
//! `cargo bench -p esker --bench scan`; nanoseconds, medians of seven.
#![allow(clippy::unwrap_used, missing_docs, clippy::print_stdout, reason = "benches stop at the first error")]

use std::hint::black_box;
use std::time::Instant;

use esker::{Database, Result, UserKey, UserValue};
use esker_testkit::workload::keys::KeyShape;

const RECORDS: u64 = 2_000_000;
const SEEKS: u64 = 50_000;

fn touch(entry: Result<(UserKey, UserValue)>) -> usize {
    let (key, value) = entry.unwrap();
    black_box(key.len() + usize::from(value.first().copied().unwrap_or_default()))
}

fn report(what: &str, times: u64, run: impl Fn() -> usize) {
    run();
    let mut took: Vec<f64> = (0..7)
        .map(|_| {
            let start = Instant::now();
            black_box(run());
            start.elapsed().as_nanos() as f64 / times as f64
        })
        .collect();
    took.sort_by(f64::total_cmp);
    println!("{what:<20}{:>10.1} ns", took.get(3).copied().unwrap_or_default());
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let database = Database::builder(folder.path()).memory_budget(1 << 30).open().unwrap();
    for number in 0..RECORDS {
        database.put(KeyShape::User.key(number), [b'v'; 100]).unwrap();
    }
    database.flush().unwrap();
    database.wait_until_idle().unwrap();
    let seeks = |entries: usize| {
        let seek = |number: u64| -> usize {
            let key = KeyShape::User.key(number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % RECORDS);
            database.scan(key.as_slice()..).take(entries).map(touch).sum()
        };
        (0..SEEKS).map(seek).sum()
    };
    report("forward", RECORDS, || database.iter().map(touch).sum());
    report("reverse", RECORDS, || database.iter().rev().map(touch).sum());
    report("seek and 10", SEEKS, || seeks(10));
    report("seek and 100", SEEKS, || seeks(100));
}
