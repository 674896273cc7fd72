//! esker and RocksDB do the same things, and everything that they say is compared.
//!
//! One stream of operations, drawn from a seed, goes to both: puts, deletes, range deletes, merges, batches, single deletes,
//! flushes, compactions, reopenings; gets one by one and many at once, and scans in both directions, of now and of snapshots.
//! Memtables are small, so that most of what is read comes from tables that were merged several times. Two engines that were
//! written apart seldom err alike.
//!
//! ```text
//! cargo test --release --no-default-features --features "esker rocksdb" --test differential -- --nocapture
//! OPERATIONS=1000000 SEED=7 cargo test --release ... --test differential -- --nocapture
//! ```
//!
//! **Single deletes** are compared where RocksDB defines them: on keys of their own, which are put exactly once in between and
//! never deleted otherwise, singly or by range, nor merged: a single delete meets one put and nothing else, or RocksDB does not
//! say what is left. What esker does beyond that is its own model's affair (`cargo xtask model`).
//!
//! **Range deletes** are narrow mostly, and now and then take a good part of all keys.
//!
//! **Merges** append, so that an operand in the wrong place shows.
//!
//! Not here: crashes, and what happens at once on several threads.

use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use esker::{AppendOperator, Database, KeyspaceOptions};
use rocksdb::{DB, MergeOperands, Options, ReadOptions, WriteBatch};

type Entries = Vec<(Vec<u8>, Vec<u8>)>;
type Range = (Bound<Vec<u8>>, Bound<Vec<u8>>);

/// Keys of the usual kind, and keys for single deletes.
const KEYS: u64 = 3_000;
const SINGLE_KEYS: u64 = 500;

/// What the latter begin with, and no other key does.
const SINGLE: &str = "single/";

/// Between the parts of a merged value.
const SEPARATOR: &[u8] = b", ";

const OPERATIONS: u64 = 60_000;
const SEEDS: u64 = 3;

/// What is done and compared, each as often as its share of the sum.
const SHARES: [(Action, u32); 15] = [
    (Action::Put, 3000),
    (Action::Delete, 700),
    (Action::DeleteRange, 60),
    (Action::Merge, 600),
    (Action::Single, 700),
    (Action::Batch, 200),
    (Action::Get, 1500),
    (Action::MultiGet, 100),
    (Action::Scan, 400),
    (Action::ScanBack, 400),
    (Action::Snapshot, 60),
    (Action::LetGo, 60),
    (Action::Flush, 4),
    (Action::Compact, 1),
    (Action::Reopen, 1),
];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    Put,
    Delete,
    DeleteRange,
    Merge,
    Single,
    Batch,
    Get,
    MultiGet,
    Scan,
    ScanBack,
    Snapshot,
    LetGo,
    Flush,
    Compact,
    Reopen,
}

/// The stream: the same whatever the engines answer.
struct Stream {
    random: fastrand::Rng,
    seed: u64,
    done: u64,
    /// Which keys for single deletes are there.
    singles: Vec<bool>,
}

impl Stream {
    fn new(seed: u64) -> Self {
        let singles = vec![false; SINGLE_KEYS as usize];
        Self { random: fastrand::Rng::with_seed(seed), seed, done: 0, singles }
    }

    fn action(&mut self) -> Action {
        let sum: u32 = SHARES.iter().map(|(_, share)| share).sum();
        let mut at = self.random.u32(..sum);
        let found = SHARES.iter().find(|(_, share)| {
            let is_here = at < *share;
            at = at.saturating_sub(*share);
            is_here
        });
        found.map_or(Action::Get, |(action, _)| *action)
    }

    /// One of any kind.
    fn read_key(&mut self) -> Vec<u8> {
        match self.random.u8(..6) {
            0 => single_key(self.random.u64(..SINGLE_KEYS)),
            _ => self.key(),
        }
    }

    /// Short and long keys, many under one prefix, some of them prefixes of others. Low numbers come more often.
    fn key(&mut self) -> Vec<u8> {
        let number = self.random.u64(..KEYS).min(self.random.u64(..KEYS));
        match number % 5 {
            0 => format!("k{number}"),
            1 => format!("k{}", number / 10),
            2 => format!("tenant/0042/object/{number:08}"),
            3 => format!("tenant/0042/object/{:08}/{}", number / 100, "x".repeat(number as usize % 40)),
            _ => format!("\u{0}{number}\u{ff}"),
        }
        .into_bytes()
    }

    /// Up to 40 bytes or, seldom, some thousand; about every second stream of one length only.
    fn value(&mut self) -> Vec<u8> {
        let len = match self.random.u8(..100) {
            0 => self.random.usize(..5_000),
            _ if self.seed.is_multiple_of(2) => 20,
            _ => self.random.usize(..40),
        };
        (0..len).map(|_| self.random.u8(..)).collect()
    }

    fn bound(&mut self) -> Bound<Vec<u8>> {
        match self.random.u8(..5) {
            0 => Bound::Unbounded,
            1 => Bound::Excluded(self.key()),
            _ => Bound::Included(self.key()),
        }
    }

    /// Bounds that may be the wrong way round: then nothing lies between them.
    fn range(&mut self) -> Range {
        (self.bound(), self.bound())
    }

    /// Mostly narrow; never empty, nor with keys for single deletes in it.
    fn deleted_range(&mut self) -> (Vec<u8>, Vec<u8>) {
        let (start, mut end) = (self.key(), self.key());
        let is_behind_singles = |key: &[u8]| key >= SINGLE.as_bytes();
        let crosses_singles = is_behind_singles(&start) != is_behind_singles(&end);
        if self.random.u8(..16) != 0 || crosses_singles || start == end {
            end.clone_from(&start);
            end.push(self.random.u8(b'0'..=b'9'));
        }
        if start < end { (start, end) } else { (end, start) }
    }

    fn limit(&mut self) -> usize {
        *self.random.choice(&[1, 3, 30, 300, usize::MAX]).unwrap_or(&1)
    }
}

/// The two engines, and where they are.
struct Pair {
    esker: Database,
    rocks: DB,
}

impl Pair {
    fn open(folder: &Path) -> Self {
        let esker = Database::builder(folder.join("esker"))
            .memory_budget(32 << 20)
            .memtable_bytes(256 << 10)
            .log_segment_bytes(1 << 20)
            .keyspace(
                "default",
                KeyspaceOptions::default().merge_operator(Arc::new(AppendOperator::new(SEPARATOR))),
            )
            .open()
            .expect("esker opens");
        let mut options = Options::default();
        options.create_if_missing(true);
        options.set_write_buffer_size(256 << 10);
        options.set_target_file_size_base(256 << 10);
        options.set_merge_operator_associative("append", append);
        let rocks = DB::open(&options, folder.join("rocksdb")).expect("RocksDB opens");
        Self { esker, rocks }
    }

    /// Does what the stream says until it wants to reopen or is at its end; whether it is.
    fn run(&self, stream: &mut Stream, operations: u64) -> bool {
        let mut snapshots = Vec::new();
        while stream.done < operations {
            stream.done += 1;
            match stream.action() {
                Action::Reopen => {
                    self.compare_all(stream);
                    return false;
                }
                Action::Snapshot if snapshots.len() < 6 => {
                    snapshots.push((self.esker.snapshot().expect("a snapshot"), self.rocks.snapshot()));
                }
                Action::LetGo if !snapshots.is_empty() => {
                    snapshots.swap_remove(stream.random.usize(..snapshots.len()));
                }
                action @ (Action::Get | Action::MultiGet | Action::Scan | Action::ScanBack) => {
                    let pick = stream.random.usize(..=snapshots.len());
                    self.read(stream, action, snapshots.get(pick));
                }
                action => self.write(stream, action),
            }
        }
        self.compare_all(stream);
        for snapshot in &snapshots {
            self.compare_scans(
                stream,
                &(Bound::Unbounded, Bound::Unbounded),
                false,
                usize::MAX,
                Some(snapshot),
            );
        }
        true
    }

    fn write(&self, stream: &mut Stream, action: Action) {
        match action {
            Action::Put => {
                let (key, value) = (stream.key(), stream.value());
                self.esker.put(&key, &value).expect("put");
                self.rocks.put(&key, &value).expect("put");
            }
            Action::Delete => {
                let key = stream.key();
                self.esker.delete(&key).expect("delete");
                self.rocks.delete(&key).expect("delete");
            }
            Action::DeleteRange => {
                let (start, end) = stream.deleted_range();
                self.esker.delete_range(&start, &end).expect("delete range");
                let mut batch = WriteBatch::default();
                batch.delete_range(&start, &end);
                self.rocks.write(batch).expect("delete range");
            }
            Action::Merge => {
                let (key, operand) = (stream.key(), stream.value());
                self.esker.merge(&key, &operand).expect("merge");
                self.rocks.merge(&key, &operand).expect("merge");
            }
            Action::Single => self.single(stream),
            Action::Batch => self.batch(stream),
            Action::Flush => {
                self.esker.flush().expect("flush");
                self.rocks.flush().expect("flush");
            }
            Action::Compact => {
                self.esker.compact().expect("compact");
                self.rocks.compact_range(None::<&[u8]>, None::<&[u8]>);
            }
            _ => {}
        }
    }

    /// Puts a key that is not there, or deletes one that was put once.
    fn single(&self, stream: &mut Stream) {
        let number = stream.random.usize(..stream.singles.len());
        let (key, value) = (single_key(number as u64), stream.value());
        let is_there = stream.singles[number];
        stream.singles[number] = !is_there;
        if is_there {
            self.esker.single_delete(&key).expect("single delete");
            let mut batch = WriteBatch::default();
            batch.single_delete(&key);
            self.rocks.write(batch).expect("single delete");
        } else {
            self.esker.put(&key, &value).expect("put");
            self.rocks.put(&key, &value).expect("put");
        }
    }

    fn batch(&self, stream: &mut Stream) {
        let (mut ours, mut theirs) = (self.esker.batch(), WriteBatch::default());
        for _ in 0..stream.random.usize(1..60) {
            let key = stream.key();
            let kind = stream.random.u8(..5);
            if kind == 0 {
                ours.delete(&key);
                theirs.delete(&key);
                continue;
            }
            if kind == 1 && stream.random.u8(..8) == 0 {
                let (start, end) = stream.deleted_range();
                ours.delete_range(&start, &end);
                theirs.delete_range(&start, &end);
                continue;
            }
            let value = stream.value();
            if kind == 1 {
                ours.merge(&key, &value);
                theirs.merge(&key, &value);
            } else {
                ours.put(&key, &value);
                theirs.put(&key, &value);
            }
        }
        self.esker.write(ours).expect("batch");
        self.rocks.write(theirs).expect("batch");
    }

    fn read(&self, stream: &mut Stream, action: Action, at: Option<&Moment<'_>>) {
        if action == Action::Get {
            let key = stream.read_key();
            let (ours, theirs) = match at {
                Some((ours, theirs)) => (ours.get(&key), theirs.get(&key)),
                None => (self.esker.get(&key), self.rocks.get(&key)),
            };
            let (ours, theirs) = (ours.expect("get"), theirs.expect("get"));
            assert_eq!(ours.as_deref(), theirs.as_deref(), "{} of {key:?}", place(stream));
            return;
        }
        if action == Action::MultiGet {
            self.read_many(stream, at);
            return;
        }
        let (range, limit) = (stream.range(), stream.limit());
        self.compare_scans(stream, &range, action == Action::ScanBack, limit, at);
    }

    fn read_many(&self, stream: &mut Stream, at: Option<&Moment<'_>>) {
        let keys: Vec<Vec<u8>> = (0..stream.random.usize(1..40)).map(|_| stream.read_key()).collect();
        let (ours, theirs) = match at {
            Some((ours, theirs)) => (ours.multi_get(&keys), theirs.multi_get(&keys)),
            None => (self.esker.multi_get(&keys), self.rocks.multi_get(&keys)),
        };
        let ours = ours.expect("multi get");
        assert_eq!(ours.len(), keys.len(), "{}", place(stream));
        for ((key, ours), theirs) in keys.iter().zip(&ours).zip(theirs) {
            assert_eq!(
                ours.as_deref(),
                theirs.expect("multi get").as_deref(),
                "{} of {key:?}",
                place(stream)
            );
        }
    }

    fn compare_all(&self, stream: &Stream) {
        for backward in [false, true] {
            self.compare_scans(stream, &(Bound::Unbounded, Bound::Unbounded), backward, usize::MAX, None);
        }
    }

    fn compare_scans(
        &self,
        stream: &Stream,
        range: &Range,
        backward: bool,
        limit: usize,
        at: Option<&Moment<'_>>,
    ) {
        let scan = match at {
            Some((ours, _)) => ours.scan(range.clone()),
            None => self.esker.scan(range.clone()),
        };
        let owned = |entry: esker::Result<(esker::UserKey, esker::UserValue)>| {
            let (key, value) = entry.expect("scan");
            (key.to_vec(), value.to_vec())
        };
        let ours: Entries = if backward {
            scan.rev().take(limit).map(owned).collect()
        } else {
            scan.take(limit).map(owned).collect()
        };
        let mut options = ReadOptions::default();
        if let Some((_, theirs)) = at {
            options.set_snapshot(theirs);
        }
        let theirs = scan_rocks(&self.rocks, options, range, backward, limit);
        let first = ours.iter().zip(&theirs).position(|(ours, theirs)| ours != theirs);
        assert!(
            ours == theirs,
            "{}, of {range:?}, backward: {backward}, of a snapshot: {}: {} entries and {} of RocksDB, other from {first:?} on",
            place(stream),
            at.is_some(),
            ours.len(),
            theirs.len()
        );
    }
}

/// As [`AppendOperator`] does.
fn append(_: &[u8], base: Option<&[u8]>, operands: &MergeOperands) -> Option<Vec<u8>> {
    let parts: Vec<&[u8]> = base.into_iter().chain(operands.iter()).collect();
    Some(parts.join(SEPARATOR))
}

/// A snapshot of each.
type Moment<'a> = (esker::Snapshot, rocksdb::Snapshot<'a>);

fn scan_rocks(rocks: &DB, options: ReadOptions, range: &Range, backward: bool, limit: usize) -> Entries {
    let mut cursor = rocks.raw_iterator_opt(options);
    match (backward, range) {
        (false, (Bound::Included(from) | Bound::Excluded(from), _)) => cursor.seek(from),
        (false, _) => cursor.seek_to_first(),
        (true, (_, Bound::Included(to) | Bound::Excluded(to))) => cursor.seek_for_prev(to),
        (true, _) => cursor.seek_to_last(),
    }
    let mut found = Entries::new();
    while let Some((key, value)) = cursor.item().filter(|_| found.len() < limit) {
        let (is_low, is_high) = (is_below(key, &range.0), is_above(key, &range.1));
        if (backward && is_low) || (!backward && is_high) {
            break;
        }
        if !is_low && !is_high {
            found.push((key.to_vec(), value.to_vec()));
        }
        if backward { cursor.prev() } else { cursor.next() }
    }
    cursor.status().expect("RocksDB scans");
    found
}

fn is_below(key: &[u8], from: &Bound<Vec<u8>>) -> bool {
    match from {
        Bound::Included(from) => key < from.as_slice(),
        Bound::Excluded(from) => key <= from.as_slice(),
        Bound::Unbounded => false,
    }
}

fn is_above(key: &[u8], to: &Bound<Vec<u8>>) -> bool {
    match to {
        Bound::Included(to) => key > to.as_slice(),
        Bound::Excluded(to) => key >= to.as_slice(),
        Bound::Unbounded => false,
    }
}

fn single_key(number: u64) -> Vec<u8> {
    format!("{SINGLE}{number:04}").into_bytes()
}

fn place(stream: &Stream) -> String {
    format!("SEED={} operation {}", stream.seed, stream.done)
}

fn folder_of(seed: u64) -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("differential-{seed}"))
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

fn compare(seed: u64, operations: u64) {
    let folder = folder_of(seed);
    // Left by a run that failed.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    println!("SEED={seed} OPERATIONS={operations}");
    let mut stream = Stream::new(seed);
    while !Pair::open(&folder).run(&mut stream, operations) {}
    std::fs::remove_dir_all(&folder).expect("the folder goes");
}

#[test]
fn esker_and_rocksdb_agree() {
    let operations = number("OPERATIONS").unwrap_or(OPERATIONS);
    match number("SEED") {
        Some(seed) => compare(seed, operations),
        None => (1..=SEEDS).for_each(|seed| compare(seed, operations)),
    }
}
