//! A scan over a million deleted keys: until its first entry, which lies behind them. Deleted one by one, and by one range
//! delete, over tables and over the memtable that holds it and the keys and goes on being written to; and settled, when compactions
//! have dropped all of it.
//!
//! `cargo bench -p esker-tree --bench deleted`
#![allow(clippy::unwrap_used, missing_docs, reason = "benches stop at the first error")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use esker_tree::{Cache, CancelToken, Config, SeqNo, SequenceNumberCounter, Tree};

const RECORDS: u64 = 1_000_000;
const VALUE: [u8; 100] = [b'v'; 100];

fn key(i: u64) -> Vec<u8> {
    format!("user{i:020}").into_bytes()
}

/// A settled tree of a million records, and one key before and one behind them.
fn tree(folder: &std::path::Path) -> (Tree, SequenceNumberCounter, SequenceNumberCounter) {
    let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
    let cache = Arc::new(Cache::with_capacity_bytes(512 << 20));
    let tree = Config::new(folder, seqno.clone(), visible.clone()).use_cache(cache).open().unwrap();
    tree.insert("a", VALUE, seqno.next()).unwrap();
    tree.insert("z", VALUE, seqno.next()).unwrap();
    for i in 0..RECORDS {
        tree.insert(key(i), VALUE, seqno.next()).unwrap();
    }
    visible.set(seqno.get());
    settle(&tree);
    (tree, seqno, visible)
}

/// A memtable of a million records, deleted by a range, and of writes before and behind the range since.
fn memtable(folder: &std::path::Path) -> Tree {
    let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
    let config = Config::new(folder, seqno.clone(), visible).memtable_capacity_bytes(512 << 20);
    let tree = config.open().unwrap();
    for i in 0..RECORDS {
        tree.insert(key(i), VALUE, seqno.next()).unwrap();
    }
    tree.remove_range("b", "y", seqno.next()).unwrap();
    tree.insert("a", VALUE, seqno.next()).unwrap();
    tree.insert("z", VALUE, seqno.next()).unwrap();
    assert!(tree.tables().is_empty() && tree.sealed_memtable_count() == 0);
    tree
}

fn settle(tree: &Tree) {
    tree.flush_active_memtable(SeqNo::MAX).unwrap();
    while let Some(job) = tree.pick_compaction(true) {
        job.run(SeqNo::MAX, &CancelToken::default()).unwrap();
    }
}

/// From the key before the span to the one behind it, and back.
fn measure(c: &mut Criterion, tree: &Tree, name: &str) {
    let mut group = c.benchmark_group("deleted span");
    group.sample_size(20);
    let range = || tree.range("b".., SeqNo::MAX).unwrap();
    assert_eq!(&*range().next().unwrap().key().unwrap(), b"z");
    group.bench_function(format!("{name}, forward"), |b| b.iter(|| black_box(range().next())));
    let range = || tree.range(.."z", SeqNo::MAX).unwrap();
    assert_eq!(&*range().next_back().unwrap().key().unwrap(), b"a");
    group.bench_function(format!("{name}, backward"), |b| b.iter(|| black_box(range().next_back())));
    group.finish();
}

fn deleted(c: &mut Criterion) {
    let folder = tempfile::tempdir().unwrap();
    let (by_range, seqno, visible) = tree(folder.path());
    by_range.remove_range("b", "y", seqno.next()).unwrap();
    measure(c, &by_range, "by a range, in memory");
    by_range.flush_active_memtable(SeqNo::MAX).unwrap();
    measure(c, &by_range, "by a range, in a table");
    visible.set(seqno.get());
    settle(&by_range);
    measure(c, &by_range, "settled");
    drop(by_range);
    let folder = tempfile::tempdir().unwrap();
    measure(c, &memtable(folder.path()), "by a range, all in one memtable");
    let folder = tempfile::tempdir().unwrap();
    let (by_key, seqno, _visible) = tree(folder.path());
    for i in 0..RECORDS {
        by_key.remove(key(i), seqno.next()).unwrap();
    }
    by_key.flush_active_memtable(SeqNo::MAX).unwrap();
    measure(c, &by_key, "one by one, in tables");
}

criterion_group!(benches, deleted);
criterion_main!(benches);
