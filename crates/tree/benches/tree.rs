//! The paths that users feel, on a settled tree of a million records in the operating system's files: point reads
//! that hit and miss, one by one and together, seeks, scans in both directions, flush and compaction.
//!
//! `cargo bench -p esker-tree --bench tree`
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    missing_docs,
    reason = "benches stop at the first error"
)]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use esker_mem::arena::ArenaPool;
use esker_testkit::workload::keys::KeyShape;
use esker_tree::{Cache, CancelToken, Config, SeqNo, SequenceNumberCounter, Tree};

const RECORDS: u64 = 1_000_000;
const VALUE: [u8; 100] = [b'v'; 100];

fn key(i: u64) -> Vec<u8> {
    KeyShape::User.key(i)
}

fn open(folder: &std::path::Path) -> (Tree, SequenceNumberCounter, SequenceNumberCounter) {
    let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
    let tree = Config::new(folder, seqno.clone(), visible.clone())
        .use_cache(Arc::new(Cache::with_capacity_bytes(512 << 20)))
        .use_arena_pool(Arc::new(ArenaPool::new(64 << 20, 3)))
        .open()
        .unwrap();
    (tree, seqno, visible)
}

/// Loads in random order; flushes and compacts when asked to.
fn load(tree: &Tree, seqno: &SequenceNumberCounter, visible: &SequenceNumberCounter) {
    for i in 0..RECORDS {
        tree.insert(key(i), VALUE, seqno.next()).unwrap();
    }
    visible.set(seqno.get());
}

fn flush(tree: &Tree) {
    tree.flush_active_memtable(SeqNo::MAX).unwrap();
}

fn settle(tree: &Tree) {
    while let Some(job) = tree.pick_compaction(true) {
        job.run(SeqNo::MAX, &CancelToken::default()).unwrap();
    }
}

fn reads(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let (tree, seqno, visible) = open(folder.path());
    load(&tree, &seqno, &visible);
    flush(&tree);
    settle(&tree);
    assert_eq!(tree.len(SeqNo::MAX).unwrap() as u64, RECORDS);
    let keys: Vec<_> =
        (0..1 << 16).map(|i: u64| key(i.wrapping_mul(0x9E37_79B9_7F4A_7C15) % RECORDS)).collect();
    let missing: Vec<_> = (0..1 << 16).map(|i| key(RECORDS + i)).collect();
    let mut group = c.benchmark_group("settled");
    let mut i = 0;
    let mut next = move || {
        i = (i + 1) % (1 << 16);
        i
    };
    group.bench_function("get hit", |b| {
        b.iter(|| black_box(tree.get(&keys[next()], SeqNo::MAX).unwrap()).unwrap());
    });
    group.bench_function("get miss", |b| {
        b.iter(|| black_box(tree.get(&missing[next()], SeqNo::MAX).unwrap()));
    });
    group.bench_function("100 gets", |b| {
        let mut batches = keys.chunks_exact(100).cycle();
        b.iter(|| {
            let batch = batches.next().unwrap();
            batch.iter().filter(|key| tree.get(key, SeqNo::MAX).unwrap().is_some()).count()
        });
    });
    group.bench_function("multi_get of 100", |b| {
        let mut batches = keys.chunks_exact(100).cycle();
        b.iter(|| black_box(tree.multi_get(batches.next().unwrap(), SeqNo::MAX).unwrap()).len());
    });
    group.bench_function("multi_get of 100 neighbours", |b| {
        let mut sorted: Vec<_> = (0..RECORDS).map(key).collect();
        sorted.sort();
        let mut at = 0;
        b.iter(|| {
            at = (at + 7919 * 100) % (sorted.len() - 100);
            black_box(tree.multi_get(&sorted[at..at + 100], SeqNo::MAX).unwrap()).len()
        });
    });
    group.bench_function("size_of", |b| {
        b.iter(|| black_box(tree.size_of(&keys[next()], SeqNo::MAX).unwrap()).unwrap());
    });
    group.bench_function("seek and 10", |b| {
        b.iter(|| {
            tree.range(keys[next()].as_slice().., SeqNo::MAX)
                .unwrap()
                .take(10)
                .map(|e| e.size().unwrap())
                .sum::<usize>()
        });
    });
    group.sample_size(10).throughput(Throughput::Elements(RECORDS));
    group.bench_function("scan", |b| b.iter(|| tree.iter(SeqNo::MAX).unwrap().count()));
    group.bench_function("len", |b| b.iter(|| tree.len(SeqNo::MAX).unwrap()));
    group.bench_function("scan reverse", |b| b.iter(|| tree.iter(SeqNo::MAX).unwrap().rev().count()));
    group.finish();
}

fn writes(c: &mut Criterion) {
    let mut group = c.benchmark_group("load");
    group.sample_size(10).throughput(Throughput::Elements(RECORDS));
    let timed = |prepare: fn(&Tree), part: fn(&Tree)| {
        move |rounds: u64| {
            let mut total = Duration::ZERO;
            for _ in 0..rounds {
                let folder = tempfile::tempdir().unwrap();
                let (tree, seqno, visible) = open(folder.path());
                load(&tree, &seqno, &visible);
                prepare(&tree);
                let start = Instant::now();
                part(&tree);
                total += start.elapsed();
            }
            total
        }
    };
    group.bench_function("flush", |b| b.iter_custom(timed(|_| {}, flush)));
    group.bench_function("compaction", |b| b.iter_custom(timed(flush, settle)));
    group.finish();
}

criterion_group!(benches, reads, writes);
criterion_main!(benches);
