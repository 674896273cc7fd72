//! What flushes and merges cost: one flush of a full memtable, and merges of differently shaped inputs, in megabytes of
//! input a second, by the processor's time and by the clock.
//!
//! The inputs are built once and copied for each round, so a round measures the job and nothing else. Set `TMPDIR` to a
//! folder in memory (`/dev/shm`) to leave the disk out of it.
//!
//! `cargo bench -p esker-tree --bench compaction [-- <part of a name>]`
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "benches stop at the first error, and print rounded figures"
)]

use std::fs;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use esker_mem::arena::ArenaPool;
use esker_testkit::workload::keys::KeyShape;
use esker_tree::{Cache, Codec, Config, LevelPolicy, SeqNo, SequenceNumberCounter, Tree};
use rustix::time::{ClockId, clock_gettime};

/// As many records of 124 bytes as a memtable of 64 MiB takes.
const MEMTABLE_RECORDS: u64 = 380_000;
const ROUNDS: usize = 5;

struct Case {
    name: &'static str,
    shape: KeyShape,
    codec: Codec,
    /// The first batch is merged into the last level; each of the others is a run of level 0.
    has_base: bool,
    batches: fn() -> Vec<Vec<u64>>,
}

/// Numbers `from..to` that leave remainder `i` of `n`.
fn every(range: Range<u64>, n: u64, i: u64) -> Vec<u64> {
    range.filter(|number| number % n == i).collect()
}

fn overlapping() -> Vec<Vec<u64>> {
    (0..4).map(|i| every(0..4 * MEMTABLE_RECORDS, 4, i)).collect()
}

fn overwriting() -> Vec<Vec<u64>> {
    (0..4).map(|_| (0..MEMTABLE_RECORDS).collect()).collect()
}

fn disjoint() -> Vec<Vec<u64>> {
    (0..4).map(|i| (i * MEMTABLE_RECORDS..(i + 1) * MEMTABLE_RECORDS).collect()).collect()
}

fn upon_base() -> Vec<Vec<u64>> {
    let all = 4 * MEMTABLE_RECORDS;
    vec![every(0..all, 8, 0).into_iter().chain(every(0..all, 2, 1)).collect(), every(0..all, 8, 2)]
}

/// Level 0 holds a narrow part of the key range, and a record here and there.
fn clustered() -> Vec<Vec<u64>> {
    let all = 3 * MEMTABLE_RECORDS;
    let narrow = (all / 3..all / 3 + 100_000).chain(every(0..all, 20_000, 7));
    vec![(0..all).collect(), narrow.collect()]
}

const fn case(name: &'static str, batches: fn() -> Vec<Vec<u64>>) -> Case {
    Case { name, shape: KeyShape::User, codec: Codec::None, has_base: false, batches }
}

const CASES: [Case; 8] = [
    case("four overlapping", overlapping),
    Case { shape: KeyShape::Tenant, ..case("four overlapping, tenant keys", overlapping) },
    Case { codec: Codec::Lz4, ..case("four overlapping, lz4 output", overlapping) },
    case("four times the same keys", overwriting),
    Case { shape: KeyShape::OrderedUser, ..case("four disjoint", disjoint) },
    Case { has_base: true, ..case("one upon a base", upon_base) },
    Case { shape: KeyShape::OrderedUser, has_base: true, ..case("clusters upon a base", clustered) },
    Case {
        shape: KeyShape::OrderedUser,
        has_base: true,
        codec: Codec::Lz4,
        ..case("clusters upon a base, lz4", clustered)
    },
];

struct Opened {
    tree: Tree,
    seqno: SequenceNumberCounter,
    visible: SequenceNumberCounter,
}

fn open(folder: &Path, codec: Codec, pool: &Arc<ArenaPool>) -> Opened {
    let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
    let tree = Config::new(folder, seqno.clone(), visible.clone())
        .use_cache(Arc::new(Cache::with_capacity_bytes(64 << 20)))
        .use_arena_pool(Arc::clone(pool))
        .memtable_capacity_bytes(256 << 20)
        .data_block_compression_policy(LevelPolicy::new([Codec::None, codec]))
        .open()
        .unwrap();
    Opened { tree, seqno, visible }
}

/// 100 bytes, half of them the same in all records.
fn value(number: u64) -> [u8; 100] {
    let mut value = [b'v'; 100];
    let mut random = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    for byte in &mut value[..50] {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        *byte = random.to_le_bytes()[3];
    }
    value
}

fn load(opened: &Opened, shape: KeyShape, numbers: &[u64]) {
    for &number in numbers {
        opened.tree.insert(shape.key(number), value(number), opened.seqno.next()).unwrap();
    }
    opened.visible.set(opened.seqno.get());
}

fn merge(opened: &Opened) {
    assert!(opened.tree.major_compact(64 << 20, SeqNo::MAX).unwrap());
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.try_into().unwrap(), time.tv_nsec.try_into().unwrap())
}

/// Prints the medians of several rounds of `(processor, clock)`.
fn report(name: &str, bytes: u64, records: u64, mut rounds: Vec<(Duration, Duration)>) {
    rounds.sort();
    let cpu = rounds[rounds.len() / 2].0.as_secs_f64();
    rounds.sort_by_key(|round| round.1);
    let elapsed = rounds[rounds.len() / 2].1.as_secs_f64();
    println!(
        "{name:34} {:6.1} MB: {:6.0} MB/s of processor time, {:6.1} ns a record, {:6.0} MB/s by the clock",
        bytes as f64 / 1e6,
        bytes as f64 / 1e6 / cpu,
        cpu * 1e9 / records as f64,
        bytes as f64 / 1e6 / elapsed,
    );
}

fn timed(job: impl FnOnce()) -> (Duration, Duration) {
    let (cpu, clock) = (cpu_time(), Instant::now());
    job();
    (cpu_time() - cpu, clock.elapsed())
}

fn flush(pool: &Arc<ArenaPool>) {
    let numbers: Vec<u64> = (0..MEMTABLE_RECORDS).collect();
    let mut bytes = 0;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let folder = tempfile::tempdir().unwrap();
        let opened = open(folder.path(), Codec::None, pool);
        load(&opened, KeyShape::User, &numbers);
        rounds.push(timed(|| opened.tree.flush_active_memtable(SeqNo::MAX).unwrap()));
        bytes = opened.tree.disk_space();
    }
    report("flush", bytes, MEMTABLE_RECORDS, rounds);
}

fn run(case: &Case, pool: &Arc<ArenaPool>) {
    let prepared = tempfile::tempdir().unwrap();
    let batches = (case.batches)();
    let opened = open(prepared.path(), case.codec, pool);
    for (i, batch) in batches.iter().enumerate() {
        load(&opened, case.shape, batch);
        opened.tree.flush_active_memtable(SeqNo::MAX).unwrap();
        if i == 0 && case.has_base {
            merge(&opened);
        }
    }
    let bytes = opened.tree.disk_space();
    drop(opened);
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let folder = tempfile::tempdir().unwrap();
        copy(prepared.path(), folder.path());
        let opened = open(folder.path(), case.codec, pool);
        rounds.push(timed(|| merge(&opened)));
    }
    let records = batches.iter().map(Vec::len).sum::<usize>() as u64;
    report(case.name, bytes, records, rounds);
}

fn main() {
    let wanted = std::env::args().skip(1).find(|arg| !arg.starts_with('-')).unwrap_or_default();
    let pool = Arc::new(ArenaPool::new(256 << 20, 3));
    if "flush".contains(&wanted) {
        flush(&pool);
    }
    for case in CASES.iter().filter(|case| case.name.contains(&wanted)) {
        run(case, &pool);
    }
}
