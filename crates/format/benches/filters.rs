//! What filters cost and give: bits per key, false positives, time to build and to probe, for each kind and width.
//!
//! `cargo bench -p esker-format --bench filters [-- <filter>]`
//!
//! A filter of 500,000 keys, as a table of 64 MiB has it. *hot*: one filter, in the processor's second cache; *cold*: one of 200 filters
//! at random, 85 MB and more of them, so that a probe's lines come from memory, each probe
//! after the one before. Hot, half of the keys are there; cold, hardly any.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "a benchmark measures known inputs"
)]

#[path = "support/cpu_time.rs"]
mod cpu_time;

use crate::cpu_time::CpuTime;
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use esker_format::checksum::key_hash;
use esker_format::filter::bloom::BloomBuilder;
use esker_format::filter::burr::BurrBuilder;
use esker_format::filter::{Filter, FilterBuilder};
use esker_mem::slice::Slice;
use std::time::Duration;

const KEYS: u64 = 500_000;
const COPIES: usize = 200;

fn kinds() -> Vec<(String, FilterBuilder)> {
    let bloom =
        |bits: u8| (format!("bloom {bits}"), FilterBuilder::Bloom(BloomBuilder::new(f32::from(bits))));
    let burr = |bits| (format!("burr {bits}"), FilterBuilder::Burr(BurrBuilder::new(bits)));
    [8, 10, 12, 16].map(bloom).into_iter().chain((5..=10).map(burr)).collect()
}

fn hash(n: u64) -> u64 {
    key_hash(&n.to_le_bytes())
}

fn filters(c: &mut Criterion<CpuTime>) {
    let hashes: Vec<u64> = (0..KEYS).map(hash).collect();
    let mut random = fastrand::Rng::with_seed(3);
    // Copies, in the order of their use, so that the probes' own misses are not measured.
    let probes: Vec<(usize, u64)> =
        (0..1 << 14).map(|_| (random.usize(..COPIES), hash(random.u64(..2 * KEYS)))).collect();
    let mut group = c.benchmark_group("filter");
    for (name, mut builder) in kinds() {
        let mut payload = Vec::new();
        group.throughput(Throughput::Elements(KEYS));
        group.bench_function(BenchmarkId::new("build", &name), |b| {
            b.iter(|| {
                payload.clear();
                hashes.iter().for_each(|&hash| builder.add_hash(hash));
                builder.finish(&mut payload);
            });
        });
        if payload.is_empty() {
            // The benchmark above was filtered out.
            hashes.iter().for_each(|&hash| builder.add_hash(hash));
            builder.finish(&mut payload);
        }
        let payload = Slice::from(payload);
        let copies: Vec<Filter> = (0..COPIES).map(|_| Filter::decode(payload.clone()).unwrap()).collect();
        let passed = (KEYS..5 * KEYS).filter(|&n| copies[0].may_contain(hash(n))).count();
        println!(
            "size/{name}: {:.3} bits a key, {:.4} % false positives",
            payload.len() as f64 * 8.0 / KEYS as f64,
            passed as f64 * 100.0 / (4 * KEYS) as f64
        );
        group.throughput(Throughput::Elements(1));
        let mut next = 0;
        group.bench_function(BenchmarkId::new("hot", &name), |b| {
            b.iter(|| {
                next = (next + 1) & 0x3fff;
                copies[0].may_contain(probes[next].1)
            });
        });
        // Each probe waits for the one before it, as the steps of a lookup do.
        let mut salt = 0u64;
        group.bench_function(BenchmarkId::new("cold", &name), |b| {
            b.iter(|| {
                next = (next + 1) & 0x3fff;
                let (copy, hash) = probes[next];
                salt = salt.wrapping_add(0x9e37_79b9_7f4a_7c15)
                    ^ u64::from(copies[copy].may_contain(hash ^ salt));
                salt
            });
        });
    }
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime).sample_size(10).warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(300));
    targets = filters
}
criterion_main!(benches);
