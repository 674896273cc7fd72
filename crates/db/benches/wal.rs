//! What a write costs in the log: as the log pays it, and as a put of the database feels it.
//!
//! `cargo bench -p esker --bench wal [-- <part of a name>]`, on a disk: `ESKER_BENCH_DIR` names the folder, else it is
//! the build's. Each row is a fresh file or database; percentiles are of single operations, measured one by one.
#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs, reason = "benches stop at the first error")]

use std::path::{Path, PathBuf};
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, Instant};

use esker::{Database, Durability, LogMapping};
use esker_env::fs::{Fs, FsFile, OpenOptions};
use esker_env::os::OsFs;
use esker_testkit::histogram::LatencyHistogram;
use esker_testkit::workload::keys::KeyShape;

const SEGMENT_BYTES: u64 = 64 << 20;
const FRAME: [u8; 136] = [7; 136];
const LARGE: [u8; 4096] = [7; 4096];

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let parent = std::env::var_os("ESKER_BENCH_DIR").map_or_else(|| PathBuf::from("."), PathBuf::from);
    let folder = tempfile::tempdir_in(parent).unwrap();
    let row = |name: &str, run: &dyn Fn(&Path) -> (LatencyHistogram, Duration)| {
        if wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str())) {
            let place = folder.path().join("row");
            std::fs::create_dir_all(&place).unwrap();
            let (latencies, taken) = run(&place);
            std::fs::remove_dir_all(&place).unwrap();
            report(name, &latencies, taken);
        }
    };
    println!("{:44} {:>10} {:>9} {:>9} {:>9} {:>9}", "", "ops/s", "mean", "p50", "p99.9", "max");
    row("frame: pwrite", &|place| frames(place, false));
    row("frame: copied", &|place| frames(place, true));
    for (record, name) in [(FRAME.as_slice(), "136 B"), (&LARGE, "4 KiB")] {
        row(&format!("synced frame of {name}: appended"), &|place| synced(place, record, 0, false));
        row(&format!("synced frame of {name}: preallocated"), &|place| {
            synced(place, record, SEGMENT_BYTES, false)
        });
        row(&format!("synced frame of {name}: recycled"), &|place| {
            synced(place, record, SEGMENT_BYTES, true)
        });
    }
    for (mapping, name) in
        [(LogMapping::Never, "never"), (LogMapping::Auto, "auto"), (LogMapping::Always, "always")]
    {
        row(&format!("put, os, mapped {name}"), &|place| puts(place, mapping, Durability::Os, 1, 1_500_000));
        row(&format!("put, sync, mapped {name}"), &|place| puts(place, mapping, Durability::Sync, 1, 5_000));
        row(&format!("put, sync, 8 threads, mapped {name}"), &|place| {
            puts(place, mapping, Durability::Sync, 8, 5_000)
        });
    }
}

fn report(name: &str, latencies: &LatencyHistogram, taken: Duration) {
    let rate = f64::from(u32::try_from(latencies.count()).unwrap_or(u32::MAX)) / taken.as_secs_f64();
    let [mean, p50, p999, max] = [latencies.mean(), latencies.p50(), latencies.p999(), latencies.max()]
        .map(|time| format!("{time:.1?}"));
    println!("{name:44} {rate:>10.0} {mean:>9} {p50:>9} {p999:>9} {max:>9}");
}

fn time(latencies: &mut LatencyHistogram, work: impl FnOnce()) {
    let start = Instant::now();
    work();
    latencies.record(start.elapsed());
}

fn log_file(place: &Path, allocated_bytes: u64) -> std::sync::Arc<dyn FsFile> {
    let file = OsFs::new().open(&place.join("log"), &OpenOptions::create()).unwrap();
    file.preallocate(0, allocated_bytes).unwrap();
    file.sync_all().unwrap();
    file
}

/// Frames handed to the operating system.
fn frames(place: &Path, copied: bool) -> (LatencyHistogram, Duration) {
    let file = log_file(place, SEGMENT_BYTES);
    let map = copied.then(|| file.map_log(SEGMENT_BYTES).unwrap());
    if let Some(map) = &map {
        map.populate(0..SEGMENT_BYTES).unwrap();
    }
    let mut latencies = LatencyHistogram::new();
    let start = Instant::now();
    for offset in (0..SEGMENT_BYTES - 136).step_by(136) {
        time(&mut latencies, || match &map {
            Some(map) => map.write_at(&FRAME, offset).unwrap(),
            None => file.write_all_at(&FRAME, offset).unwrap(),
        });
    }
    (latencies, start.elapsed())
}

/// Frames of a file, each synced; a recycled one was full once.
fn synced(place: &Path, record: &[u8], allocated_bytes: u64, recycled: bool) -> (LatencyHistogram, Duration) {
    let file = log_file(place, allocated_bytes);
    if recycled {
        for offset in (0..allocated_bytes).step_by(1 << 20) {
            file.write_all_at(&vec![1; 1 << 20], offset).unwrap();
        }
        file.sync_all().unwrap();
    }
    let mut latencies = LatencyHistogram::new();
    let start = Instant::now();
    for offset in (0..2000).map(|number| number * record.len() as u64) {
        time(&mut latencies, || {
            file.write_all_at(record, offset).unwrap();
            file.sync_data().unwrap();
        });
    }
    (latencies, start.elapsed())
}

/// Puts of 24-byte keys in random order with values of 100 bytes.
fn puts(
    place: &Path,
    mapping: LogMapping,
    durability: Durability,
    threads: u64,
    each: u64,
) -> (LatencyHistogram, Duration) {
    let db = Database::builder(place.join("db"))
        .log_mapping(mapping)
        .default_durability(durability)
        .open()
        .unwrap();
    let ready = Barrier::new(usize::try_from(threads).unwrap() + 1);
    let mut all = LatencyHistogram::new();
    let taken = thread::scope(|scope| {
        let writers: Vec<_> = (0..threads)
            .map(|thread| {
                let (db, ready) = (&db, &ready);
                scope.spawn(move || {
                    let mut latencies = LatencyHistogram::new();
                    let mut key = Vec::new();
                    ready.wait();
                    for number in thread * each..(thread + 1) * each {
                        key.clear();
                        KeyShape::User.key_into(number, &mut key);
                        time(&mut latencies, || db.put(&key, [b'v'; 100]).unwrap());
                    }
                    latencies
                })
            })
            .collect();
        ready.wait();
        let start = Instant::now();
        for writer in writers {
            all.merge(&writer.join().unwrap());
        }
        start.elapsed()
    });
    db.close().unwrap();
    (all, taken)
}
