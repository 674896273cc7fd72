//! The memtable against crossbeam's skiplist: insert, hit, miss, scan, with two shapes of keys.
//!
//! `cargo bench -p esker-mem`; `ENTRIES=200000 cargo bench -p esker-mem` is a quick look. What is measured is processor
//! time of the thread, not the clock on the wall, as far as the system tells (Linux): everything here runs on one thread,
//! and other people's work on the machine is not ours. The skiplist holds the same internal keys (user key, then sequence number
//! descending) and copies key and value, as a memtable built on it would.
#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a benchmark"
)]

use criterion::measurement::{Measurement, ValueFormatter, WallTime};
use criterion::{BatchSize, BenchmarkGroup, Criterion, Throughput};
use crossbeam_skiplist::SkipMap;
use esker_mem::arena::ArenaPool;
use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::memtable::{Memtable, MemtableOptions};
use esker_mem::seqno::SeqNo;
use std::cmp::Reverse;
use std::hint::black_box;
use std::ops::Bound;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};
use xxhash_rust::xxh3::xxh3_64;

const VALUE: [u8; 100] = [7; 100];
/// Lookups per measured iteration.
const PROBES: usize = 100_000;

/// Processor time of this thread; wall-clock time where that is not to be had.
struct CpuTime;

fn thread_time() -> Duration {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let on_cpu = stat.as_deref().and_then(|text| text.split(' ').next()?.parse().ok());
    on_cpu.map_or_else(|| START.elapsed(), Duration::from_nanos)
}

impl Measurement for CpuTime {
    type Intermediate = Duration;
    type Value = Duration;

    fn start(&self) -> Duration {
        thread_time()
    }

    fn end(&self, start: Duration) -> Duration {
        thread_time().saturating_sub(start)
    }

    fn add(&self, a: &Duration, b: &Duration) -> Duration {
        *a + *b
    }

    fn zero(&self) -> Duration {
        Duration::ZERO
    }

    fn to_f64(&self, value: &Duration) -> f64 {
        value.as_nanos() as f64
    }

    fn formatter(&self) -> &dyn ValueFormatter {
        WallTime.formatter()
    }
}

type SkipKey = (Box<[u8]>, Reverse<SeqNo>);
type SkipList = SkipMap<SkipKey, (Kind, Box<[u8]>)>;

struct Keys {
    name: &'static str,
    present: Vec<Vec<u8>>,
    /// Present ones in another order, and absent ones.
    hits: Vec<Vec<u8>>,
    misses: Vec<Vec<u8>>,
}

fn fixed_key(random: &mut fastrand::Rng) -> Vec<u8> {
    let mut key = vec![0; 24];
    random.fill(&mut key);
    key
}

/// 8 to 64 bytes; most begin with one of some hundred long prefixes.
fn var_key(random: &mut fastrand::Rng) -> Vec<u8> {
    let (tenant, bucket) = (random.u32(0..20), random.u32(0..10));
    let mut key = match random.u8(0..8) {
        0 => Vec::new(),
        1..4 => format!("tenant/{tenant:04}/").into_bytes(),
        _ => format!("tenant/{tenant:04}/bucket/{bucket:02}/object/").into_bytes(),
    };
    let tail = random.usize(8..=24).max(8);
    key.extend((0..tail).map(|_| random.alphanumeric() as u8));
    key.truncate(64);
    key
}

fn keys(name: &'static str, entries: usize, key: fn(&mut fastrand::Rng) -> Vec<u8>) -> Keys {
    let mut random = fastrand::Rng::with_seed(42);
    let present: Vec<_> = (0..entries).map(|_| key(&mut random)).collect();
    let hits = (0..PROBES).map(|_| present[random.usize(0..entries)].clone()).collect();
    let misses = (0..PROBES).map(|_| key(&mut random)).collect();
    Keys { name, present, hits, misses }
}

fn build(keys: &Keys, pool: &Arc<ArenaPool>) -> Arc<Memtable> {
    let memtable = Arc::new(Memtable::new(MemtableOptions {
        order: KeyOrder::Bytes,
        capacity_bytes: pool.region_bytes(),
        expected_entries: keys.present.len(),
        pool: Some(Arc::clone(pool)),
    }));
    for (seqno, key) in (1..).zip(&keys.present) {
        memtable.write().insert(key, xxh3_64(key), seqno, Kind::Put, &VALUE).unwrap();
    }
    memtable
}

fn build_skiplist(keys: &Keys) -> SkipList {
    let list = SkipMap::new();
    for (seqno, key) in (1..).zip(&keys.present) {
        list.insert((key.as_slice().into(), Reverse(seqno)), (Kind::Put, Box::from(VALUE)));
    }
    list
}

fn bench_memtable(group: &mut BenchmarkGroup<'_, CpuTime>, keys: &Keys) {
    let name = keys.name;
    let entries = keys.present.len();
    let pool = Arc::new(ArenaPool::new(entries * 280 + (1 << 20), 1));
    let table = build(keys, &pool);
    drop(table);
    group.throughput(Throughput::Elements(entries as u64));
    group.bench_function(format!("esker/{name}/insert"), |b| {
        b.iter_batched(|| (), |()| build(keys, &pool), BatchSize::PerIteration);
    });
    let table = build(keys, &pool);
    group.bench_function(format!("esker/{name}/overwrite"), |b| {
        let small = Keys {
            present: keys.present[..entries / 10].to_vec(),
            hits: Vec::new(),
            misses: Vec::new(),
            name,
        };
        let mut seqno = entries as SeqNo;
        b.iter_batched(
            || build(&small, &pool),
            |table| {
                for key in &keys.hits {
                    seqno += 1;
                    let key = &small.present[xxh3_64(key) as usize % small.present.len()];
                    table.write().insert(key, xxh3_64(key), seqno, Kind::Put, &VALUE).unwrap();
                }
                table
            },
            BatchSize::PerIteration,
        );
    });
    group.throughput(Throughput::Elements(PROBES as u64));
    for (what, probes) in [("hit", &keys.hits), ("miss", &keys.misses)] {
        group.bench_function(format!("esker/{name}/{what}"), |b| {
            b.iter(|| {
                let find = |key: &&Vec<u8>| table.get(key, xxh3_64(key), SeqNo::MAX).is_some();
                black_box(probes.iter().filter(find).count())
            });
        });
    }
    group.bench_function(format!("esker/{name}/seek"), |b| {
        let mut cursor = table.cursor();
        b.iter(|| {
            for key in &keys.misses {
                cursor.seek(key);
                black_box(cursor.valid());
            }
        });
    });
    group.throughput(Throughput::Elements(entries as u64));
    group.bench_function(format!("esker/{name}/scan"), |b| {
        let mut cursor = table.cursor();
        b.iter(|| {
            let mut bytes = 0;
            cursor.seek_to_first();
            while cursor.valid() {
                bytes += cursor.key().len() + cursor.value().len();
                cursor.next();
            }
            bytes
        });
    });
    group.bench_function(format!("esker/{name}/scan back"), |b| {
        let mut cursor = table.cursor();
        b.iter(|| {
            let mut bytes = 0;
            cursor.seek_to_last();
            while cursor.valid() {
                bytes += cursor.key().len() + cursor.value().len();
                cursor.prev();
            }
            bytes
        });
    });
}

fn bench_skiplist(group: &mut BenchmarkGroup<'_, CpuTime>, keys: &Keys) {
    let name = keys.name;
    group.throughput(Throughput::Elements(keys.present.len() as u64));
    group.bench_function(format!("skiplist/{name}/insert"), |b| {
        b.iter_batched(|| (), |()| build_skiplist(keys), BatchSize::PerIteration);
    });
    let list = build_skiplist(keys);
    group.throughput(Throughput::Elements(PROBES as u64));
    for (what, probes) in [("hit", &keys.hits), ("miss", &keys.misses)] {
        group.bench_function(format!("skiplist/{name}/{what}"), |b| {
            b.iter(|| {
                let find = |key: &&Vec<u8>| {
                    let from: SkipKey = (key.as_slice().into(), Reverse(SeqNo::MAX));
                    list.lower_bound(Bound::Included(&from)).is_some_and(|entry| *entry.key().0 == ***key)
                };
                black_box(probes.iter().filter(find).count())
            });
        });
    }
    group.throughput(Throughput::Elements(keys.present.len() as u64));
    group.bench_function(format!("skiplist/{name}/scan"), |b| {
        b.iter(|| list.iter().map(|entry| entry.key().0.len() + entry.value().1.len()).sum::<usize>());
    });
}

fn main() {
    let entries = std::env::var("ENTRIES").ok().and_then(|text| text.parse().ok()).unwrap_or(2_000_000);
    let mut criterion = Criterion::default().with_measurement(CpuTime).configure_from_args();
    let mut group = criterion.benchmark_group("memtable");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    for shape in [keys("fixed", entries, fixed_key), keys("var", entries, var_key)] {
        bench_memtable(&mut group, &shape);
        bench_skiplist(&mut group, &shape);
    }
    group.finish();
    criterion.final_summary();
}
