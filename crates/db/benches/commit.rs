//! The write path: single puts, overwrites, deletes and batches of 100, on one, two and eight threads.
//!
//! `cargo bench -p esker --bench commit`; add a filter such as `put` or `batch`. Keys of 24 bytes (`user` and 20 digits), values
//! of 100. Memtables are of 64 MiB and are flushed in the background, as in a database at work; the memory budget is large
//! enough that nobody is slowed down. Each measurement is a fresh database in the folder for temporary files
//! (`TMPDIR`), opened off the clock; on the clock is all that the writers do.
#![allow(missing_docs, clippy::unwrap_used, clippy::cast_possible_truncation, reason = "a benchmark")]

use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use criterion::{BenchmarkId, Criterion, Throughput};
use esker::{Database, Durability};

const VALUE: [u8; 100] = [7; 100];
const BATCH: u64 = 100;
/// Keys that are there before an overwrite or a delete is measured.
const PRESENT: u64 = 500_000;

/// A bijection of 64-bit numbers, so that random keys never repeat.
fn mix(mut number: u64) -> u64 {
    number = (number ^ (number >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    number = (number ^ (number >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    number ^ (number >> 33)
}

fn key(mut number: u64) -> [u8; 24] {
    let mut key = *b"user00000000000000000000";
    for digit in key.iter_mut().rev().take(20) {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
    key
}

/// What one thread does as its `i`th operation.
type Operation = fn(&Database, u64);

fn put_random(db: &Database, i: u64) {
    db.put(key(mix(i)), VALUE).unwrap();
}

fn put_in_order(db: &Database, i: u64) {
    db.put(key(i), VALUE).unwrap();
}

fn overwrite(db: &Database, i: u64) {
    db.put(key(mix(mix(i) % PRESENT)), VALUE).unwrap();
}

fn delete(db: &Database, i: u64) {
    db.delete(key(mix(mix(i) % PRESENT))).unwrap();
}

fn batch_random(db: &Database, i: u64) {
    let mut batch = db.batch();
    for j in 0..BATCH {
        batch.put(key(mix(i * BATCH + j)), VALUE);
    }
    batch.commit().unwrap();
}

/// How long `operations` take on so many threads together.
fn run(
    operation: Operation,
    present: u64,
    threads: u64,
    durability: Durability,
    operations: u64,
) -> Duration {
    let folder = tempfile::tempdir().unwrap();
    let db = Database::builder(folder.path())
        .memory_budget(4 << 30)
        .max_wal_bytes(8 << 30)
        .default_durability(durability)
        .background_threads(2)
        .open()
        .unwrap();
    for i in 0..present {
        put_random(&db, i);
    }
    let start = Barrier::new(threads as usize + 1);
    let each = operations.div_ceil(threads);
    thread::scope(|scope| {
        let writers: Vec<_> = (0..threads)
            .map(|thread| {
                let (db, start) = (&db, &start);
                scope.spawn(move || {
                    start.wait();
                    for i in thread * each..(thread + 1) * each {
                        operation(db, i);
                    }
                })
            })
            .collect();
        start.wait();
        let began = Instant::now();
        for writer in writers {
            writer.join().unwrap();
        }
        began.elapsed()
    })
}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let mut group = criterion.benchmark_group("commit");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(4));
    let rows: [(&str, Operation, u64, u64); 5] = [
        ("put", put_random, 0, 1),
        ("put in order", put_in_order, 0, 1),
        ("overwrite", overwrite, PRESENT, 1),
        ("delete", delete, PRESENT, 1),
        ("batch", batch_random, 0, BATCH),
    ];
    for (name, operation, present, elements) in rows {
        group.throughput(Throughput::Elements(elements));
        for threads in [1, 2, 8] {
            for durability in [Durability::Buffered, Durability::Os] {
                let id = BenchmarkId::new(name, format!("{durability:?}/{threads}"));
                group.bench_function(id, |bencher| {
                    // A database for a handful of puts measures its opening's aftermath: cold memory, a fresh log.
                    bencher.iter_custom(|iterations| {
                        let least = 100_000 / elements;
                        let took = run(operation, present, threads, durability, iterations.max(least));
                        took.mul_f64(iterations as f64 / iterations.max(least) as f64)
                    });
                });
            }
        }
    }
    group.finish();
    criterion.final_summary();
}
