//! The change feed over a settled tree of a million records: what it costs to read all of it, and only the newest writes, which lie
//! beside each other or are strewn over all blocks.
//!
//! `cargo bench -p esker-tree --bench feed`; files of the operating system, in its page cache.
#![allow(clippy::unwrap_used, missing_docs, clippy::print_stdout, reason = "benches stop at the first error")]

use std::time::Instant;

use esker_tree::{CancelToken, Config, SeqNo, SequenceNumberCounter, Tree};

const RECORDS: u64 = 1_000_000;
const NEWEST: u64 = 10_000;

fn key(number: u64) -> String {
    format!("user{number:016}")
}

/// A million records, then ten thousand of them again: neighbours, or strewn.
fn filled(folder: &tempfile::TempDir, strewn: bool) -> Tree {
    let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
    let tree = Config::new(folder, seqno.clone(), visible.clone()).open().unwrap();
    tree.set_feed_horizon(Some(0)).unwrap();
    let write = |number: u64| tree.insert(key(number), [b'v'; 100], seqno.next()).unwrap();
    for number in 0..RECORDS {
        write(number.wrapping_mul(0x9E37_79B1) % RECORDS);
    }
    for number in 0..NEWEST {
        write(if strewn { number.wrapping_mul(0x9E37_79B1) % RECORDS } else { RECORDS / 2 + number });
    }
    visible.set(seqno.get());
    tree.flush_active_memtable(SeqNo::MAX).unwrap();
    tree.major_compact(64 << 20, SeqNo::MAX).unwrap();
    while let Some(job) = tree.pick_compaction(true) {
        job.run(SeqNo::MAX, &CancelToken::default()).unwrap();
    }
    tree
}

fn row(name: &str, tree: &Tree, since: SeqNo) {
    let metrics = tree.metrics();
    let (read, skipped) = (metrics.feed_blocks_read.get(), metrics.feed_blocks_skipped.get());
    let started = Instant::now();
    let events = tree.scan_since_seqno(since).inspect(|event| assert!(event.is_ok())).count();
    let millis = started.elapsed().as_secs_f64() * 1e3;
    println!(
        "{name:<34} {events:>9} events in {millis:>8.1} ms, {} blocks read, {} skipped",
        metrics.feed_blocks_read.get() - read,
        metrics.feed_blocks_skipped.get() - skipped
    );
}

fn main() {
    for strewn in [false, true] {
        let folder = tempfile::tempdir().unwrap();
        let tree = filled(&folder, strewn);
        let name = if strewn { "strewn" } else { "neighbours" };
        row(&format!("all, newest {name}"), &tree, 0);
        for newest in [NEWEST, 100, 0] {
            row(&format!("newest {newest}, {name}"), &tree, RECORDS + NEWEST - newest);
        }
    }
}
