//! Replay: opening a database whose every record is still in the log, in records a second.
//!
//! The database is written once; each run opens a copy of it, made before the clock starts. Copies are in the page cache,
//! as the log of a process that was just killed is.
#![allow(clippy::unwrap_used, missing_docs, reason = "a benchmark")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use esker::Database;
use esker_testkit::workload::keys::scramble;

const RECORDS: u64 = 1_000_000;

fn builder(folder: &Path) -> esker::Builder {
    Database::builder(folder).memory_budget(4 << 30).max_wal_bytes(2 << 30)
}

fn load(folder: &Path, batch: u64) {
    let db = builder(folder).memtable_bytes(512 << 20).open().unwrap();
    for first in (0..RECORDS).step_by(usize::try_from(batch).unwrap()) {
        let mut operations = db.batch();
        for i in first..first + batch {
            operations.put(format!("user{:020}", scramble(i)), [0x5a; 100]);
        }
        operations.commit().unwrap();
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn replay(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("replay");
    group.sample_size(10).measurement_time(Duration::from_secs(5)).throughput(Throughput::Elements(RECORDS));
    for batch in [1, 100] {
        let folder = tempfile::tempdir().unwrap();
        let original = folder.path().join("original");
        load(&original, batch);
        let run = folder.path().join("run");
        group.bench_function(format!("batches of {batch}"), |bencher| {
            bencher.iter_custom(|times| {
                let mut took = Duration::ZERO;
                for _ in 0..times {
                    copy(&original, &run);
                    let started = Instant::now();
                    let db = builder(&run).open().unwrap();
                    took += started.elapsed();
                    drop(db);
                    fs::remove_dir_all(&run).unwrap();
                }
                took
            });
        });
    }
    group.finish();
}

criterion_group!(benches, replay);
criterion_main!(benches);
