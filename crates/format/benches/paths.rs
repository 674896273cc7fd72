//! The hot paths of the format beside search: walking, building and checking blocks, the envelope, index, filter and log.
//!
//! `cargo bench -p esker-format --bench paths [-- <filter>]`

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
use esker_format::batch::{Operation, put_operation};
use esker_format::block::{BlockHandle, BlockType, decode_block, encode_block};
use esker_format::checksum::key_hash;
use esker_format::codec::Codec;
use esker_format::data_block::DataBlock;
use esker_format::data_block::builder::DataBlockBuilder;
use esker_format::filter::Filter;
use esker_format::filter::bloom::BloomBuilder;
use esker_format::ids::{KeyspaceId, LogId};
use esker_format::index_block::Index;
use esker_format::index_block::builder::IndexBuilder;
use esker_format::index_block::separator::shortest_separator;
use esker_format::log::frame::{FrameMeta, append_frame, append_next_frame, begin_frame, finish_frame};
use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::slice::Slice;
use std::hint::black_box;
use std::time::Duration;

const VALUE: [u8; 100] = [b'v'; 100];

type Key = Vec<u8>;

fn fixed_keys(count: u64) -> Vec<Key> {
    let mut keys: Vec<Key> = (0..count)
        .map(|n| format!("user{:020}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15)).into_bytes())
        .collect();
    keys.sort();
    keys
}

fn var_keys(count: u64) -> Vec<Key> {
    let mut random = fastrand::Rng::with_seed(2);
    let mut keys: Vec<Key> = (0..count)
        .map(|n| {
            let group = n / 40;
            let tail = "x".repeat(random.usize(..24));
            format!("tenant/{:04}/object/{:08}/{:03}{tail}", group % 1000, group, n % 40).into_bytes()
        })
        .collect();
    keys.sort();
    keys.dedup();
    keys
}

/// Blocks of about `block_bytes`, and for each the keys in it.
fn cut(keys: &[Key], block_bytes: usize) -> (Vec<DataBlock>, Vec<Vec<Key>>) {
    let (mut blocks, mut groups, mut group) = (Vec::new(), Vec::new(), Vec::new());
    let mut builder = DataBlockBuilder::new(true);
    for key in keys {
        builder.add(key, 7 + group.len() as u64, Kind::Put, &VALUE);
        group.push(key.clone());
        if builder.size_estimate() >= block_bytes {
            let mut payload = Vec::new();
            builder.finish(&mut payload);
            blocks.push(DataBlock::decode(Slice::from(payload)).unwrap());
            groups.push(std::mem::take(&mut group));
        }
    }
    (blocks, groups)
}

fn walks(c: &mut Criterion<CpuTime>) {
    let keys = fixed_keys(20_000);
    let (blocks, groups) = cut(&keys, 8 << 10);
    let entries: usize = groups.iter().map(Vec::len).sum();
    let mut group = c.benchmark_group("walk");
    group.throughput(Throughput::Elements(entries as u64));
    group.bench_function("scan", |b| {
        let mut key = Vec::new();
        b.iter(|| {
            for block in &blocks {
                block.key_into(0, &mut key);
                for index in 0..block.len() {
                    let entry = block.entry(index);
                    block.suffix_into(&entry, &mut key);
                    black_box((key.as_slice(), entry.value, block.seqno(index), block.kind(index)));
                }
            }
        });
    });
    group.bench_function("build", |b| {
        let mut builder = DataBlockBuilder::new(true);
        let mut out = Vec::new();
        b.iter(|| {
            for keys in &groups {
                for (seqno, key) in keys.iter().enumerate() {
                    builder.add(key, seqno as u64, Kind::Put, &VALUE);
                }
                out.clear();
                builder.finish(&mut out);
                black_box(&out);
            }
        });
    });
    let payloads: Vec<Slice> = groups
        .iter()
        .map(|keys| {
            let mut builder = DataBlockBuilder::new(true);
            keys.iter().enumerate().for_each(|(n, key)| builder.add(key, n as u64, Kind::Put, &VALUE));
            let mut out = Vec::new();
            builder.finish(&mut out);
            Slice::from(out)
        })
        .collect();
    group.bench_function("decode", |b| {
        b.iter(|| {
            payloads.iter().map(|payload| DataBlock::decode(payload.clone()).unwrap().len()).sum::<usize>()
        });
    });
    group.finish();
    let mut group = c.benchmark_group("envelope");
    group.throughput(Throughput::Bytes(payloads[0].len() as u64));
    for codec in [Codec::None, Codec::Lz4] {
        let mut stored = Vec::new();
        group.bench_function(BenchmarkId::new("encode", codec.name()), |b| {
            b.iter(|| {
                stored.clear();
                encode_block(BlockType::Data, &payloads[0], codec, &mut stored)
            });
        });
        group.bench_function(BenchmarkId::new("decode", codec.name()), |b| {
            b.iter(|| decode_block(BlockType::Data, stored.clone(), 0).unwrap().len());
        });
    }
    group.finish();
}

fn indexes(c: &mut Criterion<CpuTime>) {
    for (name, keys) in [("fixed", fixed_keys(500_000)), ("var", var_keys(500_000))] {
        let mut builder = IndexBuilder::new(true);
        let mut separator = Vec::new();
        let blocks = keys.len() / 64;
        for ordinal in 0..blocks {
            let at = (ordinal + 1) * 64;
            if let Some(next) = keys.get(at) {
                shortest_separator(&keys[at - 1], next, &KeyOrder::Bytes, &mut separator);
                let handle = BlockHandle { offset: ordinal as u64 * 8_150, len: 8_100 + ordinal as u64 % 64 };
                builder.add(&separator, handle, ordinal as u64 * 997 % 500_000);
            }
        }
        let mut payload = Vec::new();
        builder.finish(&mut payload);
        println!(
            "size/index/{name}: {:.1} bytes a block, {blocks} blocks",
            payload.len() as f64 / blocks as f64
        );
        let index = Index::decode(Slice::from(payload)).unwrap();
        let mut random = fastrand::Rng::with_seed(4);
        // Copies, in the order of their use, so that the probes' own misses are not measured.
        let probes: Vec<Key> = (0..1 << 14).map(|_| keys[random.usize(..keys.len())].clone()).collect();
        let mut next = 0;
        c.bench_function(&format!("index/{name}"), |b| {
            b.iter(|| {
                next = (next + 1) & 0x3fff;
                index.seek(&probes[next], &KeyOrder::Bytes).map(|ordinal| index.entry(ordinal))
            });
        });
    }
}

fn filters(c: &mut Criterion<CpuTime>) {
    let hashes: Vec<u64> = (0..500_000u64).map(|n| key_hash(&n.to_le_bytes())).collect();
    let mut group = c.benchmark_group("bloom");
    group.throughput(Throughput::Elements(hashes.len() as u64));
    let mut payload = Vec::new();
    group.bench_function("build", |b| {
        let mut builder = BloomBuilder::new(10.0);
        b.iter(|| {
            payload.clear();
            hashes.iter().for_each(|&hash| builder.add_hash(hash));
            builder.finish(&mut payload);
        });
    });
    if payload.is_empty() {
        // The benchmark above was filtered out.
        return;
    }
    let filter = Filter::decode(Slice::from(payload)).unwrap();
    group.bench_function("hit", |b| {
        b.iter(|| hashes.iter().filter(|&&hash| filter.may_contain(hash)).count());
    });
    group.bench_function("miss", |b| {
        b.iter(|| hashes.iter().filter(|&&hash| filter.may_contain(hash.swap_bytes())).count());
    });
    group.finish();
}

fn logs(c: &mut Criterion<CpuTime>) {
    let key = *b"user00000000000000000042";
    let (log, meta) =
        (LogId(0x1234_5678_9abc_def0), FrameMeta { first_seqno: 7, count: 1, ..FrameMeta::default() });
    let mut out = Vec::new();
    let mut group = c.benchmark_group("log");
    group.bench_function("operation and frame in place", |b| {
        b.iter(|| {
            out.clear();
            let start = begin_frame(&mut out);
            put_operation(&mut out, KeyspaceId(1), Operation::Put, black_box(&key), &VALUE);
            finish_frame(&mut out, start, &meta, log, 64);
            out.len()
        });
    });
    let payload = [7; 140];
    group.bench_function("frame around a payload", |b| {
        b.iter(|| {
            out.clear();
            append_frame(&mut out, &meta, log, 64, black_box(&payload));
            out.len()
        });
    });
    let mut carry = None;
    append_next_frame(&mut out, &meta, log, 64, &payload, &mut carry);
    group.bench_function("frame behind another", |b| {
        b.iter(|| {
            out.clear();
            let (meta, mut carry) = (FrameMeta { first_seqno: 8, ..meta }, carry);
            append_next_frame(&mut out, &meta, log, 248, black_box(&payload), &mut carry);
            out.len()
        });
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default().with_measurement(CpuTime).sample_size(10).warm_up_time(Duration::from_millis(150)).measurement_time(Duration::from_millis(400));
    targets = walks, indexes, filters, logs
}
criterion_main!(benches);
