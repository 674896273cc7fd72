//! Ingestion: bulk loads and files, what they are seen as, where they come to lie, and what is refused.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use esker_env::fs::{OpenOptions, SharedFs};
use esker_env::memory::MemFs;
use esker_testkit::fault_fs::FaultFs;
use esker_testkit::fault_fs::crash::CrashPolicy;
use esker_testkit::fault_fs::plan::{FaultPlan, InjectedError, Strike};
use esker_testkit::workload::keys::scramble;
use esker_tree::compaction::major::Major;
use esker_tree::{
    AppendOperator, CancelToken, Codec, Config, Error, ErrorKind, IngestMode, IngestOptions, LevelPolicy,
    Leveled, ScanSinceEvent, SeqNo, SequenceNumberCounter, TableWriter, Tree,
};

use crate::model::Reversed;

/// A tree and its numbers, which are all visible at once.
struct Bench {
    fs: SharedFs,
    seqno: SequenceNumberCounter,
    tree: Tree,
}

fn config(fs: &SharedFs, seqno: &SequenceNumberCounter) -> Config {
    let strategy = Leveled { level_zero_trigger_runs: 2, ..Leveled::default() };
    Config::new("tree", seqno.clone(), seqno.clone())
        .with_shared_fs(Arc::clone(fs))
        .data_block_size_policy(LevelPolicy::all(256))
        .compaction_strategy(Arc::new(strategy))
}

impl Bench {
    fn new() -> Self {
        Self::on(Arc::new(MemFs::new()))
    }

    fn on(fs: SharedFs) -> Self {
        let seqno = SequenceNumberCounter::default();
        let tree = config(&fs, &seqno).open().unwrap();
        Self { fs, seqno, tree }
    }

    fn reopened(self) -> Self {
        let Self { fs, tree, .. } = self;
        drop(tree);
        Self::on(fs)
    }

    /// The same, once `look` was had at the tree.
    fn reopened_after(self, look: impl FnOnce(&Tree)) -> Self {
        look(&self.tree);
        self.reopened()
    }

    fn put(&self, key: &str, value: &str) {
        self.tree.insert(key, value, self.seqno.next()).unwrap();
    }

    fn flush(&self) {
        self.tree.flush_active_memtable(SeqNo::MAX).unwrap();
    }

    fn load(&self, keys: &[&str], value: &str) {
        let mut ingestion = self.tree.ingestion().unwrap();
        keys.iter().for_each(|key| ingestion.write(key, value).unwrap());
        ingestion.finish().unwrap();
    }

    /// A file outside of the tree.
    fn file(&self, path: &str, keys: &[&str], value: &str) {
        write_file(&config(&self.fs, &self.seqno), path, keys, value);
    }

    fn ingest(&self, paths: &[&str]) -> Result<esker_tree::IngestOutcome, Error> {
        self.tree.ingest_files(paths, IngestOptions::default())
    }

    fn at(&self, bound: SeqNo) -> BTreeMap<String, String> {
        let text = |bytes: esker_tree::Slice| String::from_utf8(bytes.to_vec()).unwrap();
        let entries = self.tree.iter(bound).unwrap().map(|entry| entry.into_inner().unwrap());
        entries.map(|(key, value)| (text(key), text(value))).collect()
    }

    fn get(&self, key: &str) -> Option<String> {
        let value = self.tree.get(key, SeqNo::MAX).unwrap();
        value.map(|value| String::from_utf8(value.to_vec()).unwrap())
    }

    fn levels(&self) -> Vec<usize> {
        self.tree.tables().iter().map(|table| table.level).collect()
    }

    fn settle(&self) {
        while let Some(job) = self.tree.pick_compaction(true) {
            job.run(SeqNo::MAX, &CancelToken::default()).unwrap();
        }
    }

    fn names(&self) -> Vec<String> {
        let entries = self.fs.read_dir(Path::new("tree")).unwrap();
        entries.into_iter().map(|entry| entry.name.into_string().unwrap()).collect()
    }
}

fn write_file(config: &Config, path: &str, keys: &[&str], value: &str) {
    let mut writer = TableWriter::create(path, config).unwrap();
    keys.iter().for_each(|key| writer.write(key, value).unwrap());
    let info = writer.finish().unwrap();
    assert_eq!((info.entries, &*info.smallest), (keys.len() as u64, keys[0].as_bytes()));
}

#[test]
fn ingestion_brings_everything_in_at_once() {
    let bench = Bench::new();
    bench.put("a", "old");
    bench.put("c", "old");
    let before = bench.at(SeqNo::MAX);
    let mut ingestion = bench.tree.ingestion().unwrap();
    ingestion.write("a", "new").unwrap();
    ingestion.write("b", "new").unwrap();
    ingestion.write_tombstone("c").unwrap();
    ingestion.write_weak_tombstone("d").unwrap();
    assert_eq!(bench.at(SeqNo::MAX), before);
    let snapshot = bench.tree.snapshot(bench.seqno.get()).unwrap();
    let outcome = ingestion.finish().unwrap();
    assert_eq!((outcome.seqno, outcome.tables, outcome.entries), (Some(2), 1, 4));
    let after = BTreeMap::from([("a", "new"), ("b", "new")].map(|(k, v)| (k.to_owned(), v.to_owned())));
    // INV-INGEST-3: in all ways of reading, at bounds on both sides of the number, before and after compactions.
    assert_eq!(bench.at(snapshot.bound()), before);
    assert_eq!(bench.tree.get("a", 2).unwrap().as_deref(), Some(b"old".as_slice()));
    assert_eq!(bench.tree.get("b", 2).unwrap(), None);
    assert_eq!(bench.tree.multi_get(["b", "c"], 2).unwrap()[1].as_deref(), Some(b"old".as_slice()));
    assert_eq!(bench.tree.multi_get(["a", "c"], 3).unwrap()[1], None);
    assert_eq!(bench.tree.iter(2).unwrap().rev().count(), 2);
    assert_eq!(bench.at(3), after);
    assert!(bench.tree.verify().is_sound());
    bench.settle();
    assert!(bench.tree.major_compact(1 << 20, SeqNo::MAX).unwrap());
    assert_eq!((bench.at(snapshot.bound()), bench.at(3)), (before, after.clone()));
    drop(snapshot);
    let bench = bench.reopened();
    assert_eq!(bench.at(SeqNo::MAX), after);
    assert_eq!(bench.seqno.get(), 3, "the number is not given again");
    assert!(bench.tree.verify().is_sound());
}

/// INV-INGEST-3: blocks that a compaction might copy as they are would bring numbers of 0 with them.
#[test]
fn ingestion_keeps_its_number_through_a_compaction_that_copies_blocks() {
    let bench = Bench::new();
    let keys: Vec<String> = (0..300).map(|number| format!("key{number:03}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    bench.put("a", "before");
    let snapshot = bench.tree.snapshot(bench.seqno.get()).unwrap();
    let before = bench.at(SeqNo::MAX);
    bench.load(&keys, "a value of some length, so that blocks are full");
    bench.load(&["key000", "key2995"], "newer, and around all others");
    assert!(bench.tree.compact_range::<&str>(.., SeqNo::MAX).unwrap());
    let tables = bench.tree.tables();
    assert_eq!((tables.len(), tables[0].entries), (1, 301));
    assert_eq!(bench.at(snapshot.bound()), before);
    assert_eq!(bench.tree.get("key150", snapshot.bound()).unwrap(), None);
    assert_eq!(bench.at(SeqNo::MAX).len(), 302);
}

/// INV-RANGE-7, INV-INGEST-3: a range tombstone counts as of the number of its ingestion, for what is older and nothing else.
#[test]
fn ingestion_write_range_tombstone_deletes_what_is_older() {
    for by_file in [false, true] {
        let bench = Bench::new();
        for key in ["a", "b", "c", "d", "e", "x"] {
            bench.put(key, "old");
        }
        bench.flush();
        bench.settle();
        bench.put("bb", "in memory");
        let snapshot = bench.tree.snapshot(bench.seqno.get()).unwrap();
        let before = bench.seqno.get();
        if by_file {
            let mut writer = TableWriter::create("ranges.table", &config(&bench.fs, &bench.seqno)).unwrap();
            writer.write("c", "new").unwrap();
            writer.write_range_tombstone("b", "d").unwrap();
            writer.write_range_tombstone("x", "x").unwrap();
            assert!(matches!(writer.write_range_tombstone("d", "b"), Err(Error::InvertedRange)));
            writer.write_range_tombstone("a", "b").unwrap();
            writer.write_range_tombstone("bb", "cc").unwrap();
            let info = writer.finish().unwrap();
            assert_eq!((info.entries, info.range_tombstones), (1, 1), "what touches is one");
            assert_eq!((&*info.smallest, &*info.largest), (b"a".as_slice(), b"d".as_slice()));
            bench.ingest(&["ranges.table"]).unwrap();
        } else {
            let mut load = bench.tree.ingestion().unwrap();
            load.write_range_tombstone("a", "b").unwrap();
            load.write_range_tombstone("b", "d").unwrap();
            assert!(matches!(load.write_range_tombstone("d", "b"), Err(Error::InvertedRange)));
            let long = load.write_range_tombstone("d", [b'd'; 65_536]);
            assert!(matches!(long, Err(Error::KeyTooLong { .. })));
            load.write("c", "new").unwrap();
            let late = load.write_range_tombstone("bb", "z");
            assert!(matches!(late, Err(Error::KeysNotAscending { .. })));
            assert_eq!(load.finish().unwrap().tables, 1);
        }
        bench.put("b", "after");
        let pairs = |pairs: &[(&str, &str)]| -> BTreeMap<String, String> {
            pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let now = pairs(&[("b", "after"), ("c", "new"), ("d", "old"), ("e", "old"), ("x", "old")]);
        assert_eq!(bench.at(SeqNo::MAX), now);
        assert_eq!(bench.get("a"), None);
        assert_eq!(bench.at(before).len(), 7, "a snapshot of before sees what was there");
        let bench = bench.reopened_after(|tree| {
            assert!(tree.verify().damage.is_empty());
            drop(snapshot);
        });
        assert_eq!(bench.at(SeqNo::MAX).len(), 4 + usize::from(bench.get("b").is_some()));
        bench.put("b", "after");
        assert_eq!(bench.at(SeqNo::MAX), now);
        assert!(bench.tree.verify().damage.is_empty());
        bench.flush();
        bench.tree.major_compact(1 << 20, SeqNo::MAX).unwrap();
        assert_eq!(bench.at(SeqNo::MAX), now);
        assert_eq!(bench.tree.tables().iter().map(|table| table.range_tombstones).sum::<u64>(), 0);
    }
}

/// INV-RANGE-7: a range over several tables lies in each of them as far as it reaches, under any order.
#[test]
fn ingestion_write_range_tombstone_over_many_tables() {
    for reversed in [false, true] {
        let (fs, seqno): (SharedFs, _) = (Arc::new(MemFs::new()), SequenceNumberCounter::default());
        let config = config(&fs, &seqno).data_block_compression_policy(LevelPolicy::all(Codec::None));
        let config = if reversed { config.comparator(Arc::new(Reversed)) } else { config };
        let tree = config.open().unwrap();
        let mut keys: Vec<String> = (0..400).map(|number| format!("{number:03}")).collect();
        if reversed {
            keys.reverse();
        }
        for key in &keys {
            tree.insert(key, "old", seqno.next()).unwrap();
        }
        tree.flush_active_memtable(0).unwrap();
        let mut load = tree.ingestion().unwrap();
        load.write_range_tombstone(&keys[50], &keys[350]).unwrap();
        // Two tables of 64 MiB and more.
        let value = vec![7; 1 << 20];
        for key in keys[..145].iter().filter(|key| !key.ends_with('9')) {
            load.write(key, &value).unwrap();
        }
        let outcome = load.finish().unwrap();
        assert_eq!(outcome.tables, if reversed { 1 } else { 3 }, "other orders cannot part a range");
        assert!(tree.verify().damage.is_empty());
        let is_live = |at: usize, key: &str| !(50..350).contains(&at) || (at < 145 && !key.ends_with('9'));
        for (at, key) in keys.iter().enumerate() {
            assert_eq!(tree.contains_key(key, SeqNo::MAX).unwrap(), is_live(at, key), "{key}");
        }
        let live = keys.iter().enumerate().filter(|(at, key)| is_live(*at, key)).count();
        assert_eq!(tree.len(SeqNo::MAX).unwrap(), live);
        // The feed tells one range delete, first of all.
        let mut events = tree.scan_since_seqno(outcome.seqno.unwrap());
        let first = events.next().unwrap().unwrap();
        assert!(
            matches!(&first, ScanSinceEvent::RangeTombstone { start, end, .. }
                if **start == *keys[50].as_bytes() && **end == *keys[350].as_bytes()),
            "{first:?}"
        );
        assert!(!events.any(|event| matches!(event, Ok(ScanSinceEvent::RangeTombstone { .. }))));
    }
}

#[test]
fn ingestion_write_merge_folds_onto_what_is_older() {
    let (fs, seqno): (SharedFs, _) = (Arc::new(MemFs::new()), SequenceNumberCounter::default());
    let appending = config(&fs, &seqno).with_merge_operator(Arc::new(AppendOperator::new(",")));
    let tree = appending.open().unwrap();
    tree.insert("a", "old", seqno.next()).unwrap();
    let mut load = tree.ingestion().unwrap();
    load.write_merge("a", "load").unwrap();
    load.write_merge("b", "load").unwrap();
    assert!(matches!(load.write_merge("b", "twice"), Err(Error::KeysNotAscending { .. })));
    load.finish().unwrap();
    let mut writer = tree.table_writer("merges.table").unwrap();
    writer.write_range_tombstone("b", "c").unwrap();
    writer.write_merge("a", "file").unwrap();
    writer.write_merge("b", "file").unwrap();
    writer.finish().unwrap();
    tree.ingest_files(["merges.table"], IngestOptions::default()).unwrap();
    let text = |key: &str| {
        tree.get(key, SeqNo::MAX).unwrap().map(|value| String::from_utf8(value.to_vec()).unwrap())
    };
    for compacted in [false, true] {
        if compacted {
            tree.flush_active_memtable(0).unwrap();
            tree.major_compact(1 << 20, SeqNo::MAX).unwrap();
        }
        assert_eq!(text("a").as_deref(), Some("old,load,file"));
        assert_eq!(text("b").as_deref(), Some("file"), "the range came with it, and hides what is older");
    }
    // Without an operator there are no operands, and a tree without it takes no such file.
    let plain = Bench::new();
    assert!(matches!(plain.tree.ingestion().unwrap().write_merge("a", "1"), Err(Error::NoMergeOperator)));
    let mut writer = plain.tree.table_writer("plain.table").unwrap();
    assert!(matches!(writer.write_merge("a", "1"), Err(Error::NoMergeOperator)));
    drop(writer);
    let other = Config::new("other", seqno.clone(), seqno).with_shared_fs(Arc::clone(&fs)).open().unwrap();
    let refused = other.ingest_files(["merges.table"], IngestOptions::default()).unwrap_err();
    assert!(matches!(refused, Error::WrongMergeOperator { .. }), "{refused}");
    assert!(other.is_empty(SeqNo::MAX).unwrap());
}

#[test]
fn ingestion_that_is_dropped_leaves_nothing_behind() {
    let bench = Bench::new();
    bench.put("a", "old");
    bench.flush();
    let before = bench.names();
    let mut ingestion = bench.tree.ingestion().unwrap();
    ingestion.write("b", "new").unwrap();
    assert_ne!(bench.names(), before);
    drop(ingestion);
    let mut ingestion = bench.tree.ingestion().unwrap();
    ingestion.write("b", "new").unwrap();
    drop(ingestion.prepare().unwrap());
    assert_eq!(bench.names(), before);
    assert_eq!(bench.tree.ingestion().unwrap().finish().unwrap().seqno, None);
    assert_eq!(bench.seqno.get(), 1, "nothing takes no number");
}

#[test]
fn ingestion_and_table_writer_refuse_keys_that_do_not_ascend() {
    let bench = Bench::new();
    let mut ingestion = bench.tree.ingestion().unwrap();
    let mut writer = bench.tree.table_writer("a.table").unwrap();
    ingestion.write("b", "1").unwrap();
    writer.write("b", "1").unwrap();
    for key in ["b", "a", ""] {
        for error in [ingestion.write_tombstone(key).unwrap_err(), writer.write(key, "2").unwrap_err()] {
            assert!(matches!(&error, Error::KeysNotAscending { given, .. } if **given == *key.as_bytes()));
            assert_eq!(error.kind(), ErrorKind::InvalidInput);
        }
    }
    assert!(matches!(ingestion.write(vec![b'z'; 65_536], ""), Err(Error::KeyTooLong { .. })));
    ingestion.write("c", "3").unwrap();
    assert_eq!(ingestion.finish().unwrap().entries, 2);
    assert!(matches!(bench.tree.table_writer("a.table"), Err(Error::AlreadyExists { .. })));
    drop(writer);
    let empty = bench.tree.table_writer("a.table").unwrap().finish();
    assert!(matches!(empty, Err(Error::NotIngestible { .. })));
    assert!(!bench.fs.exists(Path::new("a.table")).unwrap());
}

#[test]
fn ingest_files_copies_links_or_moves() {
    for (mode, stays) in [(IngestMode::Copy, true), (IngestMode::Link, true), (IngestMode::Move, false)] {
        let bench = Bench::new();
        bench.file("one.table", &["a", "c"], "1");
        bench.file("two.table", &["d"], "2");
        let options = IngestOptions { mode, ..IngestOptions::default() };
        let outcome = bench.tree.ingest_files(["two.table", "one.table"], options).unwrap();
        assert_eq!((outcome.tables, outcome.entries), (2, 3));
        assert_eq!(bench.fs.exists(Path::new("one.table")).unwrap(), stays, "{mode:?}");
        let bench = bench.reopened();
        assert_eq!(bench.at(SeqNo::MAX).into_keys().collect::<Vec<_>>(), ["a", "c", "d"]);
        assert!(bench.tree.major_compact(1 << 20, SeqNo::MAX).unwrap());
        assert_eq!(bench.fs.exists(Path::new("one.table")).unwrap(), stays, "the tree deletes its own name");
        assert_eq!(bench.get("d").as_deref(), Some("2"));
    }
}

/// A tree with something in it, and a refusal that changes nothing.
fn refused(prepare: impl FnOnce(&Bench), paths: &[&str], options: IngestOptions) -> Error {
    let bench = Bench::new();
    bench.put("a", "old");
    prepare(&bench);
    let (names, before) = (bench.names(), bench.at(SeqNo::MAX));
    let sizes =
        |bench: &Bench| paths.iter().map(|path| bench.fs.metadata(Path::new(path)).ok()).collect::<Vec<_>>();
    let files = sizes(&bench);
    let error = bench.tree.ingest_files(paths, options).unwrap_err();
    assert_eq!((bench.names(), bench.at(SeqNo::MAX), sizes(&bench)), (names, before, files), "{error}");
    assert_eq!(bench.seqno.get(), 1, "{error}");
    error
}

#[test]
fn ingest_files_refuses_what_it_cannot_take() {
    let options = IngestOptions::default();
    let file = |bench: &Bench| bench.file("a.table", &["a", "c"], "1");
    let error = refused(file, &["a.table", "gone.table"], options);
    assert!(matches!(error, Error::MissingFile { .. }), "{error}");

    let two = |bench: &Bench| {
        file(bench);
        bench.file("b.table", &["c", "d"], "1");
    };
    let error = refused(two, &["b.table", "a.table"], options);
    assert!(
        matches!(&error, Error::OverlappingFiles { first, .. } if first == Path::new("a.table")),
        "{error}"
    );
    let error = refused(file, &["a.table", "a.table"], options);
    assert!(matches!(error, Error::OverlappingFiles { .. }), "{error}");

    let reversed = |bench: &Bench| {
        let config = config(&bench.fs, &bench.seqno).comparator(Arc::new(Reversed));
        write_file(&config, "a.table", &["c", "a"], "1");
    };
    let error = refused(reversed, &["a.table"], options);
    assert!(matches!(error, Error::WrongComparator { .. }), "{error}");

    // A file of a tree, whose entries have numbers; and one that is moved out of a tree.
    let of_a_tree = |bench: &Bench| {
        bench.put("b", "old");
        bench.flush();
        bench.seqno.set(1);
    };
    let error = refused(of_a_tree, &["tree/000001.table"], options);
    assert!(matches!(error, Error::NotIngestible { .. }), "{error}");
    let in_a_tree = |bench: &Bench| bench.file("tree/000099.table", &["a"], "1");
    let error =
        refused(in_a_tree, &["tree/000099.table"], IngestOptions { mode: IngestMode::Move, ..options });
    assert!(matches!(error, Error::NotIngestible { .. }), "{error}");

    // Unfinished: its writer lives.
    let bench = Bench::new();
    let mut writer = bench.tree.table_writer("a.table").unwrap();
    writer.write("a", vec![b'v'; 2 << 20]).unwrap();
    writer.write("b", "2").unwrap();
    let error = bench.ingest(&["a.table"]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corruption, "{error}");
    writer.finish().unwrap();
    bench.ingest(&["a.table"]).unwrap();
}

/// Whatever byte is damaged: a typed error, and nothing is half-done.
#[test]
fn ingest_files_refuses_a_damaged_file() {
    let keys: Vec<String> = (0..60).map(|number| format!("key{number:02}")).collect();
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let len = {
        let bench = Bench::new();
        bench.file("a.table", &keys, "value");
        bench.fs.metadata(Path::new("a.table")).unwrap().len
    };
    for at in (0..len).step_by(13).chain(len - 12..len) {
        let damage = |bench: &Bench| {
            bench.file("a.table", &keys, "value");
            let file = bench.fs.open(Path::new("a.table"), &OpenOptions::read_write()).unwrap();
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).unwrap();
            file.write_all_at(&[byte[0] ^ 0x20], at).unwrap();
        };
        let error = refused(damage, &["a.table"], IngestOptions::default());
        // A version of later looks like one.
        assert!(matches!(error.kind(), ErrorKind::Corruption | ErrorKind::Unsupported), "byte {at}: {error}");
    }
}

/// INV-INGEST-2: as deep as nothing over it overlaps, and no deeper.
#[test]
fn ingestion_goes_to_the_lowest_level_that_fits() {
    let bench = Bench::new();
    bench.load(&["a", "m"], "1");
    bench.load(&["n", "z"], "1");
    assert_eq!(bench.levels(), [6, 6]);
    bench.load(&["k", "p"], "2");
    assert_eq!(bench.levels(), [5, 6, 6]);
    bench.load(&["l", "o"], "3");
    assert_eq!(bench.levels(), [4, 5, 6, 6]);
    bench.load(&["b", "c"], "3");
    assert_eq!(bench.levels()[..2], [4, 5], "beside the one in level 5");
    bench.put("c", "in memory");
    bench.put("x", "in memory");
    bench.load(&["c", "d"], "4");
    assert_eq!(bench.levels()[..2], [0, 0], "the memtable was flushed, and stands below it");
    assert_eq!((bench.get("c").as_deref(), bench.get("x").as_deref()), (Some("4"), Some("in memory")));
    bench.put("e", "in memory");
    bench.put("y", "in memory");
    bench.load(&["f", "g"], "5");
    assert_eq!(bench.tree.memtable_stats().active_entries, 2, "no key in between: nothing to flush");
    bench.settle();
    assert_eq!(bench.get("l").as_deref(), Some("3"));
    assert_eq!(bench.get("k").as_deref(), Some("2"));
    assert!(bench.tree.verify().is_sound());
}

/// INV-INGEST-2: a running compaction's output may come to lie on both sides of the ingested keys.
#[test]
fn ingestion_stays_out_of_the_way_of_running_compactions() {
    let (fs, seqno): (SharedFs, _) = (Arc::new(MemFs::new()), SequenceNumberCounter::default());
    let everything = Arc::new(Major { target_table_bytes: 1 << 20, rewrites_all: false });
    let tree = config(&fs, &seqno).compaction_strategy(everything).open().unwrap();
    let bench = Bench { fs, seqno, tree };
    for key in ["a", "z"] {
        bench.put(key, "old");
        bench.flush();
    }
    let job = bench.tree.pick_compaction(true).unwrap();
    bench.load(&["k", "l"], "new");
    let placed = bench.tree.tables().into_iter().find(|table| &*table.smallest == b"k").unwrap();
    job.run(SeqNo::MAX, &CancelToken::default()).unwrap();
    let output = bench.tree.tables().into_iter().find(|table| table.smallest < placed.smallest).unwrap();
    assert_eq!((placed.level, output.level), (5, 6), "above it, though no table was in the way");
    bench.settle();
    assert_eq!(bench.at(SeqNo::MAX).len(), 4);
    assert!(bench.tree.verify().is_sound());
}

/// Numbers that look random, the same for each seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 += 1;
        scramble(self.0.wrapping_mul(0x9e37_79b9)) % sides
    }
}

/// INV-INGEST-3: numbers are taken over when the table is rewritten, and snapshots see on which side they are.
#[test]
fn ingestion_agrees_with_a_model_amid_everything_else() {
    for seed in 0..60 {
        let mut random = Dice(seed * 1_000_000);
        let mut bench = Bench::new();
        let mut model: BTreeMap<String, String> = BTreeMap::new();
        let mut snapshots = Vec::new();
        for step in 0..120 {
            let value = format!("{step}");
            match random.roll(100) {
                0..50 => {
                    let key = format!("{:02}", random.roll(40));
                    if random.roll(4) == 0 {
                        bench.tree.remove(&key, bench.seqno.next()).unwrap();
                        model.remove(&key);
                    } else {
                        bench.put(&key, &value);
                        model.insert(key, value);
                    }
                }
                50..70 => {
                    let mut ingestion = bench.tree.ingestion().unwrap();
                    let low = random.roll(40);
                    for key in
                        (low..40).step_by(1 + random.roll(5) as usize).take(1 + random.roll(11) as usize)
                    {
                        let key = format!("{key:02}");
                        if random.roll(4) == 0 {
                            ingestion.write_tombstone(&key).unwrap();
                            model.remove(&key);
                        } else {
                            ingestion.write(&key, &value).unwrap();
                            model.insert(key, value.clone());
                        }
                    }
                    ingestion.finish().unwrap();
                }
                70..80 => bench.flush(),
                80..88 => {
                    if let Some(job) = bench.tree.pick_compaction(random.roll(2) == 0) {
                        job.run(SeqNo::MAX, &CancelToken::default()).unwrap();
                    }
                }
                88..90 => assert!(bench.tree.compact_range("10".."20", SeqNo::MAX).unwrap()),
                90..96 => snapshots.push((bench.tree.snapshot(bench.seqno.get()).unwrap(), model.clone())),
                96..98 => drop((!snapshots.is_empty()).then(|| snapshots.swap_remove(0))),
                _ => {
                    bench.flush();
                    snapshots.clear();
                    bench = bench.reopened();
                }
            }
            assert_eq!(bench.at(SeqNo::MAX), model, "seed {seed}, step {step}");
            let key = format!("{:02}", random.roll(40));
            assert_eq!(bench.get(&key).as_ref(), model.get(&key), "seed {seed}, step {step}");
            for (snapshot, model) in &snapshots {
                assert_eq!(&bench.at(snapshot.bound()), model, "seed {seed}, step {step}");
                let value = bench.tree.get(&key, snapshot.bound()).unwrap();
                assert_eq!(
                    value.as_deref(),
                    model.get(&key).map(String::as_bytes),
                    "seed {seed}, step {step}"
                );
            }
        }
        assert!(bench.tree.verify().is_sound());
    }
}

/// Loads and ingests; counts the states that were acknowledged.
fn script(fs: &Arc<FaultFs>, done: &mut usize) -> Result<(), Error> {
    let seqno = SequenceNumberCounter::default();
    let fs = Arc::clone(fs) as SharedFs;
    let config = config(&fs, &seqno);
    for (path, keys) in [("x.table", ["d", "f"]), ("y.table", ["h", "i"])] {
        let mut writer = TableWriter::create(path, &config)?;
        keys.iter().try_for_each(|key| writer.write(key, "file"))?;
        writer.finish()?;
    }
    let tree = config.open()?;
    tree.insert("a", "put", seqno.next())?;
    tree.flush_active_memtable(0)?;
    *done = 1;
    let mut ingestion = tree.ingestion()?;
    ["a", "b", "c"].iter().try_for_each(|key| ingestion.write(key, "load"))?;
    ingestion.finish()?;
    *done = 2;
    let options = IngestOptions { mode: IngestMode::Move, ..IngestOptions::default() };
    tree.ingest_files(["x.table", "y.table"], options)?;
    *done = 3;
    Ok(())
}

/// What the tree holds after so many steps.
fn expected(done: usize) -> Vec<(&'static str, &'static str)> {
    let mut entries = vec![("a", if done < 2 { "put" } else { "load" })];
    if done >= 2 {
        entries.extend([("b", "load"), ("c", "load")]);
    }
    if done >= 3 {
        entries.extend([("d", "file"), ("f", "file"), ("h", "file"), ("i", "file")]);
    }
    if done == 0 { Vec::new() } else { entries }
}

fn is_after(bench: &Bench, done: usize) -> bool {
    let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
    bench.at(SeqNo::MAX) == expected(done).into_iter().map(owned).collect()
}

/// INV-INGEST-1: at whichever call the machine goes down, an ingestion is there as a whole or not at all; the files that it
/// was to move are there if it is not.
#[test]
fn ingestion_is_whole_or_not_at_all_after_a_crash_at_any_call() {
    let fs = Arc::new(FaultFs::new());
    script(&fs, &mut 0).unwrap();
    for call in 1..=fs.mutating_calls() + 1 {
        let fs = Arc::new(FaultFs::with_plan(FaultPlan::crash_at(call)));
        let mut done = 0;
        let _ = script(&fs, &mut done);
        for policy in [CrashPolicy::LoseUnsynced, CrashPolicy::KeepAll, CrashPolicy::NamesOnly] {
            let survived = Arc::new(fs.crash(policy));
            let bench = Bench::on(Arc::clone(&survived) as SharedFs);
            let found = (0..=3).find(|&done| is_after(&bench, done));
            let found =
                found.unwrap_or_else(|| panic!("call {call}, {policy:?}: {:?}", bench.at(SeqNo::MAX)));
            assert!(found == done || found == done + 1, "call {call}, {policy:?}: {found} after {done}");
            assert!(bench.tree.verify().is_sound());
            if found == 2 {
                bench.ingest(&["x.table", "y.table"]).unwrap();
                assert!(is_after(&bench, 3));
            }
        }
    }
}

/// An error of any call leaves the tree as it was, or the ingestion done; and the tree goes on.
#[test]
fn ingestion_fails_as_a_whole_when_any_call_fails() {
    let fs = Arc::new(FaultFs::new());
    script(&fs, &mut 0).unwrap();
    for call in 1..=fs.mutating_calls() {
        for error in [InjectedError::StorageFull, InjectedError::DeviceFailed] {
            let fs = Arc::new(FaultFs::with_plan(FaultPlan::error(Strike::At(call), error)));
            let mut done = 0;
            let failed = script(&fs, &mut done).is_err();
            fs.set_plan(FaultPlan::default());
            let bench = Bench::on(Arc::clone(&fs) as SharedFs);
            assert!(
                is_after(&bench, done) || (failed && is_after(&bench, done + 1)),
                "{error:?} at call {call}"
            );
            assert!(bench.tree.verify().is_sound());
        }
    }
}
