//! Scans of a prefix with and without a prefix extractor, in nanoseconds and blocks read a scan: a million records in three runs shaped
//! as an LSM-tree's, twenty to a tenant, `tenant/00000042/object/0007`; every other tenant is absent, though within the range of keys.
//!
//! `cargo bench -p esker-tree --bench prefix`; medians of five. *Cached* is a cache that holds everything, *small* one of 16 MiB, pinned
//! indexes and filters included. The rows of writing are flushes and compactions, which find the prefixes, a record.
#![allow(clippy::unwrap_used, missing_docs, clippy::print_stdout, reason = "benches stop at the first error")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use esker_tree::{
    Cache, CancelToken, Config, DelimitedPrefix, EntryGuard, SeqNo, SequenceNumberCounter, Tree,
};

const TENANTS: u64 = 50_000;
const OBJECTS: u64 = 20;
const VALUE: [u8; 100] = [b'v'; 100];
const SCANS: u64 = 20_000;

fn median(mut took: Vec<f64>) -> f64 {
    took.sort_by(f64::total_cmp);
    took.get(took.len() / 2).copied().unwrap_or_default()
}

struct Subject {
    tree: Tree,
    cache: Arc<Cache>,
    write_ns: f64,
    _folder: tempfile::TempDir,
}

/// Nine tenths of the objects of each present tenant in the last run, and the others in the runs above.
fn load(with_extractor: bool) -> Subject {
    let folder = tempfile::tempdir().unwrap();
    let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
    let cache = Arc::new(Cache::with_capacity_bytes(512 << 20));
    let mut config = Config::new(&folder, seqno.clone(), visible.clone()).use_cache(Arc::clone(&cache));
    if with_extractor {
        config = config.prefix_extractor(Arc::new(DelimitedPrefix::new(b'/', 2)));
    }
    let tree = config.open().unwrap();
    let mut took = 0.0;
    let mut write = |settle: bool| {
        visible.set(seqno.get());
        let start = Instant::now();
        while tree.memtable_stats().sealed > 0 {
            tree.flush_active_memtable(SeqNo::MAX).unwrap();
        }
        tree.flush_active_memtable(SeqNo::MAX).unwrap();
        while settle && let Some(job) = tree.pick_compaction(true) {
            job.run(SeqNo::MAX, &CancelToken::default()).unwrap();
        }
        took += start.elapsed().as_nanos() as f64;
    };
    for (objects, settle) in [(0..18, true), (18..19, false), (19..20, false)] {
        for tenant in 0..TENANTS {
            for object in objects.clone() {
                let key = format!("tenant/{:08}/object/{object:04}", 2 * tenant);
                tree.insert(key, VALUE, seqno.next()).unwrap();
            }
        }
        write(settle);
    }
    let write_ns = took / (TENANTS * OBJECTS) as f64;
    Subject { tree, cache, write_ns, _folder: folder }
}

fn touch(entry: EntryGuard) -> usize {
    black_box(entry.key().unwrap().len())
}

impl Subject {
    /// Nanoseconds and blocks read, for each scan.
    fn scans(&self, present: bool) -> (f64, f64) {
        let scan = |number: u64| {
            let tenant = number.wrapping_mul(0x9E37_79B9_7F4A_7C15) % TENANTS * 2 + u64::from(!present);
            let found =
                self.tree.prefix(format!("tenant/{tenant:08}/"), SeqNo::MAX).unwrap().map(touch).count();
            assert_eq!(found as u64, if present { OBJECTS } else { 0 });
        };
        (0..SCANS).for_each(scan);
        let read = self.tree.metrics().blocks_read.get();
        let took = (0..5).map(|_| {
            let start = Instant::now();
            (0..SCANS).for_each(scan);
            start.elapsed().as_nanos() as f64 / SCANS as f64
        });
        let took = median(took.collect());
        (took, (self.tree.metrics().blocks_read.get() - read) as f64 / (5 * SCANS) as f64)
    }
}

fn main() {
    let subjects = [("no extractor", load(false)), ("extractor", load(true))];
    for (name, subject) in &subjects {
        let filters: u64 = subject.tree.tables().iter().map(|table| table.filter_bytes).sum();
        println!("{name}, writing{:>42.1} ns a record; filters {} KiB", subject.write_ns, filters >> 10);
    }
    for (cache, capacity) in [("cached", 512 << 20), ("small", 16 << 20)] {
        for (prefixes, present) in [("absent", false), ("present, 20 entries", true)] {
            for (name, subject) in &subjects {
                subject.cache.set_capacity_bytes(capacity);
                let (took, read) = subject.scans(present);
                println!(
                    "{:<50}{took:>9.0} ns, {read:.2} blocks read",
                    format!("{name}, {cache}, {prefixes}")
                );
            }
        }
    }
}
