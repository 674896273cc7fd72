//! Scans and seeks, in nanoseconds: over one run, over three runs shaped as an LSM-tree's (nine tenths, most of the rest,
//! one hundredth), and over those with a populated memtable before them; with short keys and with long shared prefixes.
//!
//! `cargo bench -p esker-tree --bench scan [-- part of a row's name]`; everything is in the cache, medians of five.
#![allow(clippy::unwrap_used, missing_docs, clippy::print_stdout, reason = "benches stop at the first error")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use esker_mem::arena::ArenaPool;
use esker_testkit::workload::keys::KeyShape;
use esker_tree::{Cache, CancelToken, Config, EntryGuard, SeqNo, SequenceNumberCounter, Tree};

const RECORDS: u64 = 1_000_000;
const VALUE: [u8; 100] = [b'v'; 100];
const SEEKS: u64 = 30_000;

struct Subject {
    tree: Tree,
    seqno: SequenceNumberCounter,
    visible: SequenceNumberCounter,
    shape: KeyShape,
    _folder: tempfile::TempDir,
}

impl Subject {
    fn new(shape: KeyShape) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
        let tree = Config::new(&folder, seqno.clone(), visible.clone())
            .use_cache(Arc::new(Cache::with_capacity_bytes(512 << 20)))
            .use_arena_pool(Arc::new(ArenaPool::new(64 << 20, 3)))
            .open()
            .unwrap();
        Self { tree, seqno, visible, shape, _folder: folder }
    }

    /// Every key whose number leaves one of `remainders` when divided by a hundred.
    fn load(&self, remainders: std::ops::Range<u64>) {
        for number in (0..RECORDS).filter(|number| remainders.contains(&(number % 100))) {
            self.tree.insert(self.shape.key(number), VALUE, self.seqno.next()).unwrap();
        }
        self.visible.set(self.seqno.get());
    }

    fn flush(&self) {
        self.tree.flush_active_memtable(SeqNo::MAX).unwrap();
    }

    fn settle(&self) {
        while let Some(job) = self.tree.pick_compaction(true) {
            job.run(SeqNo::MAX, &CancelToken::default()).unwrap();
        }
    }

    fn seek(&self, number: u64, entries: usize) -> usize {
        let key = self.shape.key(number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % RECORDS);
        self.tree.range(key.as_slice().., SeqNo::MAX).unwrap().take(entries).map(touch).sum()
    }

    /// Times one row: the median of five, after a run that fills the cache.
    fn measure(&self, row: &str) {
        let range = || self.tree.iter(SeqNo::MAX).unwrap();
        let seeks = |entries| (0..SEEKS).map(|number| self.seek(number, entries)).sum();
        let (times, run): (u64, Box<dyn Fn() -> usize>) = match row.rsplit(' ').next() {
            Some("forward") => (RECORDS, Box::new(|| range().map(touch).sum())),
            Some("reverse") => (RECORDS, Box::new(|| range().rev().map(touch).sum())),
            Some("10") => (SEEKS, Box::new(|| seeks(10))),
            _ => (SEEKS, Box::new(|| seeks(100))),
        };
        run();
        println!("{row:<60}{:>10.1} ns", median(times, &*run));
    }
}

fn touch(entry: EntryGuard) -> usize {
    let (key, value) = entry.into_inner().unwrap();
    black_box(key.len() + usize::from(value.first().copied().unwrap_or_default()))
}

fn median(times: u64, run: &dyn Fn() -> usize) -> f64 {
    let mut took: Vec<f64> = (0..5)
        .map(|_| {
            let start = Instant::now();
            black_box(run());
            start.elapsed().as_nanos() as f64 / times as f64
        })
        .collect();
    took.sort_by(f64::total_cmp);
    took.get(2).copied().unwrap_or_default()
}

/// Loads a tree.
type Build = fn(&Subject);

fn one_run(subject: &Subject) {
    subject.load(0..100);
    subject.flush();
    subject.settle();
}

fn three_runs_and_a_memtable(subject: &Subject) {
    subject.load(0..89);
    subject.flush();
    subject.settle();
    subject.load(89..98);
    subject.flush();
    subject.load(98..99);
    subject.flush();
    subject.load(99..100);
}

fn three_runs(subject: &Subject) {
    subject.load(0..90);
    subject.flush();
    subject.settle();
    subject.load(90..99);
    subject.flush();
    subject.load(99..100);
    subject.flush();
}

fn main() {
    let wanted = std::env::args().skip(1).find(|word| !word.starts_with('-')).unwrap_or_default();
    let layouts: [(&str, Build); 3] = [
        ("one run", one_run),
        ("three runs", three_runs),
        ("three runs and a memtable", three_runs_and_a_memtable),
    ];
    for shape in [KeyShape::User, KeyShape::Tenant] {
        for (layout, build) in layouts {
            let rows: Vec<String> = ["forward", "reverse", "seek and 10", "seek and 100"]
                .iter()
                .map(|what| format!("{shape:?}, {layout}, {what}"))
                .filter(|row| row.contains(&wanted))
                .collect();
            if !rows.is_empty() {
                let subject = Subject::new(shape);
                build(&subject);
                rows.iter().for_each(|row| subject.measure(row));
            }
        }
    }
}
