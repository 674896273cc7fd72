//! Merge operators: what reads make of operands, wherever these are, and what is refused.

use std::collections::BTreeMap;
use std::sync::Arc;

use esker_env::memory::MemFs;
use esker_env::random::{Random, SeededRandom};
use esker_tree::{
    AppendOperator, Config, CounterOperator, Error, ErrorKind, MergeError, MergeOperator, SeqNo,
    SequenceNumberCounter, SharedMergeOperator, Snapshot, Tree, UserValue, WriteBatch,
};

/// As [`AppendOperator`], but keeps operands apart, and cannot read the operand "bad".
struct Strict;

impl MergeOperator for Strict {
    fn name(&self) -> &'static str {
        "strict"
    }

    fn merge(&self, key: &[u8], base: Option<&[u8]>, operands: &[&[u8]]) -> Result<UserValue, MergeError> {
        assert!(!operands.is_empty());
        if operands.contains(&b"bad".as_slice()) {
            return Err(MergeError::new("a bad operand"));
        }
        AppendOperator::new("+").merge(key, base, operands)
    }
}

fn config(fs: &Arc<MemFs>) -> Config {
    Config::new("tree", SequenceNumberCounter::default(), SequenceNumberCounter::default())
        .with_shared_fs(Arc::clone(fs) as esker_env::fs::SharedFs)
}

fn strict() -> (Arc<MemFs>, Tree) {
    let fs = Arc::new(MemFs::new());
    let tree = config(&fs).with_merge_operator(Arc::new(Strict)).open().unwrap();
    (fs, tree)
}

fn text(value: Option<UserValue>) -> Option<String> {
    value.map(|value| String::from_utf8(value.to_vec()).unwrap())
}

fn get(tree: &Tree, key: &str, bound: SeqNo) -> Option<String> {
    text(tree.get(key, bound).unwrap())
}

/// INV-MERGE-1, in memtable and tables.
#[test]
fn merge_folds_onto_values_deletions_and_nothing() {
    let (_, tree) = strict();
    tree.merge("new", "1", 1).unwrap();
    tree.merge("new", "2", 2).unwrap();
    tree.insert("put", "0", 3).unwrap();
    tree.merge("put", "1", 4).unwrap();
    tree.insert("gone", "0", 5).unwrap();
    tree.remove("gone", 6).unwrap();
    tree.merge("gone", "1", 7).unwrap();
    tree.merge("gone", "2", 8).unwrap();
    tree.insert("over", "0", 9).unwrap();
    tree.merge("over", "1", 10).unwrap();
    tree.insert("over", "2", 11).unwrap();
    let check = || {
        let values = [("gone", "1+2"), ("new", "1+2"), ("over", "2"), ("put", "0+1")];
        for (key, value) in values {
            assert_eq!(get(&tree, key, SeqNo::MAX).as_deref(), Some(value));
            assert!(tree.contains_key(key, SeqNo::MAX).unwrap());
        }
        let many = tree.multi_get(values.map(|(key, _)| key), SeqNo::MAX).unwrap();
        assert_eq!(many.into_iter().map(text).collect::<Vec<_>>(), values.map(|(_, v)| Some(v.to_owned())));
        let entry = |guard: esker_tree::EntryGuard| {
            let (key, value) = guard.into_inner().unwrap();
            (String::from_utf8(key.to_vec()).unwrap(), String::from_utf8(value.to_vec()).unwrap())
        };
        let pairs = values.map(|(key, value)| (key.to_owned(), value.to_owned()));
        assert_eq!(tree.iter(SeqNo::MAX).unwrap().map(entry).collect::<Vec<_>>(), pairs);
        let mut backward: Vec<_> = tree.iter(SeqNo::MAX).unwrap().rev().map(entry).collect();
        backward.reverse();
        assert_eq!(backward, pairs);
        assert_eq!(&*tree.first_key_value(SeqNo::MAX).unwrap().unwrap().1, b"1+2");
        assert_eq!(&*tree.last_key_value(SeqNo::MAX).unwrap().unwrap().1, b"0+1");
    };
    check();
    assert_eq!(get(&tree, "over", 11).as_deref(), Some("0+1"));
    assert_eq!(get(&tree, "new", 2).as_deref(), Some("1"));
    tree.flush_active_memtable(0).unwrap();
    check();
    assert_eq!(get(&tree, "over", 11).as_deref(), Some("0+1"));
}

#[test]
fn merge_spans_memtables_and_runs() {
    let (_, tree) = strict();
    for seqno in 0..6 {
        match seqno {
            0 => tree.insert("key", "0", seqno).unwrap(),
            _ => tree.merge("key", seqno.to_string(), seqno).unwrap(),
        };
        match seqno {
            0..3 => tree.flush_active_memtable(0).unwrap(),
            _ => drop(tree.rotate_memtable()),
        }
    }
    for bound in 1..=6 {
        let expected: Vec<String> = (0..bound).map(|seqno: u64| seqno.to_string()).collect();
        assert_eq!(get(&tree, "key", bound), Some(expected.join("+")));
    }
}

/// INV-READ-2 holds for operands, too: an older operand may be in a newer source.
#[test]
fn merge_finds_operands_whose_numbers_came_out_of_order() {
    let (_, tree) = strict();
    tree.merge("key", "4", 4).unwrap();
    tree.insert("key", "1", 1).unwrap();
    tree.flush_active_memtable(0).unwrap();
    tree.merge("key", "2", 2).unwrap();
    tree.rotate_memtable();
    tree.merge("key", "3", 3).unwrap();
    assert_eq!(get(&tree, "key", SeqNo::MAX).as_deref(), Some("1+2+3+4"));
    tree.remove("key", 0).unwrap();
    assert_eq!(get(&tree, "key", SeqNo::MAX).as_deref(), Some("1+2+3+4"));
    tree.insert("key", "x", 3).unwrap();
    assert_eq!(get(&tree, "key", SeqNo::MAX).as_deref(), Some("x+4"));
}

#[test]
fn merge_that_fails_names_the_key_and_loses_nothing() {
    let (_, tree) = strict();
    tree.insert("a", "1", 1).unwrap();
    tree.insert("key", "1", 2).unwrap();
    tree.merge("key", "bad", 3).unwrap();
    tree.insert("z", "1", 4).unwrap();
    let check = || {
        let error = tree.get("key", SeqNo::MAX).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(
            matches!(&error, Error::MergeFailed { key, operator, source }
                if &**key == b"key" && operator == "strict" && source.to_string() == "a bad operand"),
            "{error}"
        );
        assert!(tree.contains_key("key", SeqNo::MAX).unwrap());
        assert!(tree.multi_get(["a", "key"], SeqNo::MAX).is_err());
        assert_eq!(get(&tree, "key", 3).as_deref(), Some("1"), "what is under it is still there");
        // A scan ends with the error, and goes on behind it if told to.
        let mut range = tree.iter(SeqNo::MAX).unwrap();
        assert_eq!(&*range.next().unwrap().key().unwrap(), b"a");
        assert!(matches!(range.next().unwrap().key(), Err(Error::MergeFailed { .. })));
        assert!(range.next().is_none());
        range.seek_to(b"key\0").unwrap();
        assert_eq!(&*range.next().unwrap().key().unwrap(), b"z");
        let mut range = tree.iter(SeqNo::MAX).unwrap().rev();
        assert_eq!(&*range.next().unwrap().key().unwrap(), b"z");
        assert!(matches!(range.next().unwrap().key(), Err(Error::MergeFailed { .. })));
        assert!(range.next().is_none());
    };
    check();
    tree.flush_active_memtable(0).unwrap();
    check();
    assert!(tree.major_compact(1 << 20, SeqNo::MAX).unwrap());
    check();
    tree.insert("key", "2", 5).unwrap();
    assert_eq!(get(&tree, "key", SeqNo::MAX).as_deref(), Some("2"));
}

/// INV-MERGE-1, INV-RANGE-1: operands go onto nothing where a range delete lies under them, and one of the same number is not
/// deleted, in every way to read, from memory and from tables that keep what a snapshot sees.
#[test]
fn merge_over_a_range_delete_begins_from_nothing() {
    let (_, tree) = strict();
    for key in ["a", "b", "c"] {
        tree.insert(key, "0", 1).unwrap();
        tree.merge(key, "1", 2).unwrap();
    }
    let snapshot = tree.snapshot(3).unwrap();
    tree.merge("b", "5", 5).unwrap();
    tree.remove_range("a", "c", 5).unwrap();
    tree.merge("a", "6", 6).unwrap();
    tree.merge("a", "7", 7).unwrap();
    for step in 0..2 {
        for (bound, expected) in [
            (SeqNo::MAX, [Some("6+7"), Some("5"), Some("0+1")]),
            (7, [Some("6"), Some("5"), Some("0+1")]),
            (6, [None, Some("5"), Some("0+1")]),
            (snapshot.bound(), [Some("0+1"), Some("0+1"), Some("0+1")]),
        ] {
            let got = ["a", "b", "c"].map(|key| get(&tree, key, bound));
            assert_eq!(got.each_ref().map(Option::as_deref), expected, "at {bound}, step {step}");
            let expected: Vec<&str> = expected.into_iter().flatten().collect();
            let value =
                |entry: esker_tree::EntryGuard| String::from_utf8(entry.value().unwrap().to_vec()).unwrap();
            let forward: Vec<String> = tree.iter(bound).unwrap().map(value).collect();
            assert_eq!(forward, expected, "forward at {bound}, step {step}");
            let mut backward: Vec<String> = tree.iter(bound).unwrap().rev().map(value).collect();
            backward.reverse();
            assert_eq!(backward, expected, "backward at {bound}, step {step}");
        }
        tree.flush_active_memtable(0).unwrap();
    }
}

/// INV-MERGE-3, in what flushes and compactions write.
#[test]
fn merge_is_folded_by_flushes_and_compactions() {
    let fs = Arc::new(MemFs::new());
    let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
    let tree = Config::new("tree", seqno.clone(), visible.clone())
        .with_shared_fs(fs)
        .with_merge_operator(Arc::new(CounterOperator))
        .open()
        .unwrap();
    let add = |times| {
        for _ in 0..times {
            tree.merge("visits", 1u64.to_le_bytes(), seqno.next()).unwrap();
        }
        visible.set(seqno.get());
    };
    let count = |bound| CounterOperator::count(&tree.get("visits", bound).unwrap().unwrap()).unwrap();
    let entries = || tree.tables().iter().map(|table| table.entries).collect::<Vec<_>>();
    add(100);
    tree.flush_active_memtable(SeqNo::MAX).unwrap();
    assert_eq!((entries(), count(SeqNo::MAX)), (vec![1], 100));
    add(50);
    let snapshot = tree.snapshot(seqno.get()).unwrap();
    add(50);
    tree.flush_active_memtable(SeqNo::MAX).unwrap();
    assert_eq!(entries(), [2, 1], "one operand that the snapshot sees, and one that it does not");
    assert_eq!((count(SeqNo::MAX), count(snapshot.bound())), (200, 150));
    assert!(tree.major_compact(1 << 20, SeqNo::MAX).unwrap());
    assert_eq!((entries(), count(SeqNo::MAX), count(snapshot.bound())), (vec![2], 200, 150));
    drop(snapshot);
    add(1);
    tree.flush_active_memtable(SeqNo::MAX).unwrap();
    assert!(tree.major_compact(1 << 20, SeqNo::MAX).unwrap());
    assert_eq!((entries(), count(SeqNo::MAX)), (vec![1], 201));
}

/// INV-MERGE-3.
#[test]
fn merge_failures_are_counted_and_lose_nothing() {
    let visible = SequenceNumberCounter::default();
    let tree = Config::new("tree", SequenceNumberCounter::default(), visible.clone())
        .with_shared_fs(Arc::new(MemFs::new()))
        .with_merge_operator(Arc::new(Strict))
        .open()
        .unwrap();
    tree.insert("key", "1", 1).unwrap();
    tree.merge("key", "bad", 2).unwrap();
    tree.merge("key", "2", 3).unwrap();
    let snapshot = tree.snapshot(2).unwrap();
    visible.set(4);
    tree.flush_active_memtable(SeqNo::MAX).unwrap();
    assert!(tree.major_compact(1 << 20, SeqNo::MAX).unwrap());
    assert_eq!(tree.metrics().merge_failures.get(), 0, "the snapshot parts the operands from the value");
    assert_eq!(get(&tree, "key", snapshot.bound()).as_deref(), Some("1"));
    drop(snapshot);
    tree.insert("more", "1", 4).unwrap();
    visible.set(5);
    tree.flush_active_memtable(SeqNo::MAX).unwrap();
    assert!(tree.major_compact(1 << 20, SeqNo::MAX).unwrap());
    assert_eq!(tree.metrics().merge_failures.get(), 1);
    assert_eq!(tree.tables()[0].entries, 4);
    assert!(matches!(tree.get("key", SeqNo::MAX), Err(Error::MergeFailed { .. })));
}

/// INV-MERGE-4, INV-BATCH-2: operands of one key and number, over blocks that are too small for two of them.
#[test]
fn apply_batch_keeps_the_order_of_merges() {
    let fs = Arc::new(MemFs::new());
    let visible = SequenceNumberCounter::default();
    let open = || {
        Config::new("tree", SequenceNumberCounter::default(), visible.clone())
            .with_shared_fs(Arc::clone(&fs) as esker_env::fs::SharedFs)
            .data_block_size_policy(esker_tree::LevelPolicy::all(16))
            .with_merge_operator(Arc::new(Strict))
            .open()
            .unwrap()
    };
    let tree = open();
    tree.insert("key", "0", 1).unwrap();
    let mut batch = WriteBatch::new();
    batch.merge("key", "1");
    batch.insert("a", "x");
    batch.merge("key", "2");
    batch.merge("new", "7");
    batch.merge("key", "3");
    batch.merge("new", "8");
    tree.apply_batch(batch, 2).unwrap();
    tree.merge("key", "4", 3).unwrap();
    let check = |tree: &Tree| {
        for (key, value) in [("key", "0+1+2+3+4"), ("new", "7+8")] {
            assert_eq!(get(tree, key, SeqNo::MAX).as_deref(), Some(value));
            let mut range = tree.range(key..=key, SeqNo::MAX).unwrap();
            assert_eq!(text(range.next().map(|guard| guard.value().unwrap())).as_deref(), Some(value));
            let mut range = tree.range(key..=key, SeqNo::MAX).unwrap();
            assert_eq!(text(range.next_back().map(|guard| guard.value().unwrap())).as_deref(), Some(value));
        }
        assert_eq!(get(tree, "key", 3).as_deref(), Some("0+1+2+3"));
        assert_eq!(get(tree, "key", 2).as_deref(), Some("0"));
        let report = tree.verify();
        assert!(report.damage.is_empty(), "{:?}", report.damage);
    };
    check(&tree);
    tree.flush_active_memtable(0).unwrap();
    assert_eq!(tree.tables()[0].entries, 8);
    check(&tree);
    assert!(tree.major_compact(1 << 20, 0).unwrap());
    check(&tree);
    drop(tree);
    let tree = open();
    check(&tree);
    visible.set(4);
    tree.insert("more", "", 5).unwrap();
    tree.flush_active_memtable(0).unwrap();
    assert!(tree.major_compact(1 << 20, SeqNo::MAX).unwrap());
    assert_eq!(get(&tree, "key", SeqNo::MAX).as_deref(), Some("0+1+2+3+4"));
    let mixed = |change: fn(&mut WriteBatch)| {
        let mut batch = WriteBatch::new();
        batch.merge("key", "5");
        change(&mut batch);
        assert!(matches!(tree.apply_batch(batch, 9), Err(Error::DuplicateKey { .. })));
    };
    mixed(|batch| batch.insert("key", "6"));
    mixed(|batch| batch.remove("key"));
    let mut batch = WriteBatch::new();
    batch.merge("key", "5");
    let bare = config(&Arc::new(MemFs::new())).open().unwrap();
    assert!(matches!(bare.apply_batch(batch, 1), Err(Error::NoMergeOperator)));
}

/// INV-MERGE-2.
#[test]
fn merge_without_operator_is_refused_before_anything_is_written() {
    let fs = Arc::new(MemFs::new());
    let tree = config(&fs).open().unwrap();
    let error = tree.merge("key", "1", 1).unwrap_err();
    assert!(matches!(error, Error::NoMergeOperator), "{error}");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(tree.get_highest_seqno(), None);
}

/// INV-MERGE-2.
#[test]
fn with_merge_operator_stores_its_name_and_another_or_none_is_refused() {
    let fs = Arc::new(MemFs::new());
    // A tree may get its operator later.
    let tree = config(&fs).open().unwrap();
    tree.insert("key", 5u64.to_le_bytes(), 1).unwrap();
    tree.flush_active_memtable(0).unwrap();
    drop(tree);
    let counter = || config(&fs).with_merge_operator(Arc::new(CounterOperator));
    drop(counter().open().unwrap());
    let refused = |config: Config, wanted: Option<&str>| {
        let error = config.open().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(error.to_string().contains("esker.counter"), "{error}");
        let Error::WrongMergeOperator { stored, given } = error else { panic!("{error}") };
        assert_eq!((stored.as_str(), given.as_deref()), ("esker.counter", wanted));
    };
    // By the manifest: no table has an operand yet.
    refused(config(&fs), None);
    let tree = counter().open().unwrap();
    tree.merge("key", 2u64.to_le_bytes(), 2).unwrap();
    tree.flush_active_memtable(0).unwrap();
    drop(tree);
    refused(config(&fs), None);
    refused(config(&fs).with_merge_operator(Arc::new(Strict)), Some("strict"));
    let tree = counter().open().unwrap();
    let value = tree.get("key", SeqNo::MAX).unwrap().unwrap();
    assert_eq!(CounterOperator::count(&value).unwrap(), 7);
}

/// One key's changes, by seqno.
#[derive(Clone)]
enum Change {
    Put(String),
    Delete,
    Merge(String),
}

type History = BTreeMap<String, Vec<(SeqNo, Change)>>;

fn expected(history: &History, key: &str, bound: SeqNo) -> Option<String> {
    let mut value: Option<String> = None;
    for (_, change) in history.get(key)?.iter().filter(|(seqno, _)| *seqno < bound) {
        value = match (change, value) {
            (Change::Put(new), _) | (Change::Merge(new), None) => Some(new.clone()),
            (Change::Delete, _) => None,
            (Change::Merge(operand), Some(value)) => Some(format!("{value}+{operand}")),
        };
    }
    value
}

fn run(seed: u64, operator: &SharedMergeOperator) {
    let random = SeededRandom::new(seed);
    let below = |n: u64| random.next_u64() % n;
    let fs = Arc::new(MemFs::new());
    let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
    let open = || {
        Config::new("tree", seqno.clone(), visible.clone())
            .with_shared_fs(Arc::clone(&fs) as esker_env::fs::SharedFs)
            .with_merge_operator(Arc::clone(operator))
            .data_block_size_policy(esker_tree::LevelPolicy::all(128))
            .open()
            .unwrap()
    };
    let mut tree = open();
    let mut history = History::new();
    let mut snapshots: Vec<Snapshot> = Vec::new();
    let mut watermark = 0;
    for _ in 0..400 {
        let key = format!("key{}", below(9));
        match below(40) {
            0..24 => {
                let at = seqno.next();
                let change = match below(8) {
                    0 => Change::Delete,
                    1 => Change::Put(format!("p{at}")),
                    _ => Change::Merge(at.to_string()),
                };
                match &change {
                    Change::Put(value) => tree.insert(&key, value, at).unwrap(),
                    Change::Delete => tree.remove(&key, at).unwrap(),
                    Change::Merge(operand) => tree.merge(&key, operand, at).unwrap(),
                };
                history.entry(key).or_default().push((at, change));
                visible.set(at + 1);
            }
            24..27 => {
                watermark = watermark.max(below(seqno.get() + 1));
                tree.flush_active_memtable(watermark).unwrap();
            }
            27 => drop(tree.rotate_memtable()),
            28..30 => {
                watermark = watermark.max(below(seqno.get() + 1));
                assert!(tree.major_compact(200, watermark).unwrap());
            }
            30 => {
                while let Some(job) = tree.pick_compaction(true) {
                    job.run(watermark, &esker_tree::CancelToken::default()).unwrap();
                }
            }
            31 => snapshots.push(tree.snapshot(seqno.get()).unwrap()),
            32 if !snapshots.is_empty() => drop(snapshots.remove(below(snapshots.len() as u64) as usize)),
            33 => {
                tree.flush_active_memtable(0).unwrap();
                snapshots.clear();
                drop(tree);
                tree = open();
            }
            _ => {
                let bound = match below(3) {
                    0 => SeqNo::MAX,
                    1 if !snapshots.is_empty() => snapshots[below(snapshots.len() as u64) as usize].bound(),
                    _ => watermark + below(seqno.get() - watermark + 1),
                };
                let wanted = expected(&history, &key, bound);
                assert_eq!(get(&tree, &key, bound), wanted, "seed {seed}: {key} at {bound}");
                assert_eq!(tree.contains_key(&key, bound).unwrap(), wanted.is_some());
                let live: Vec<(String, String)> = history
                    .keys()
                    .filter_map(|key| Some((key.clone(), expected(&history, key, bound)?)))
                    .collect();
                let entry = |guard: esker_tree::EntryGuard| {
                    let (key, value) = guard.into_inner().unwrap();
                    (String::from_utf8(key.to_vec()).unwrap(), String::from_utf8(value.to_vec()).unwrap())
                };
                let forward: Vec<_> = tree.iter(bound).unwrap().map(entry).collect();
                assert_eq!(forward, live, "seed {seed}: at {bound}");
                let mut backward: Vec<_> = tree.iter(bound).unwrap().rev().map(entry).collect();
                backward.reverse();
                assert_eq!(backward, live, "seed {seed}: at {bound}, backward");
                // Both ends at once, and turning in the midst.
                let mut range = tree.iter(bound).unwrap();
                let (mut front, mut back) = (Vec::new(), Vec::new());
                loop {
                    let (ends, next) = if below(2) == 0 {
                        (&mut front, range.next())
                    } else {
                        (&mut back, range.next_back())
                    };
                    let Some(next) = next else { break };
                    ends.push(entry(next));
                }
                back.reverse();
                front.append(&mut back);
                assert_eq!(front, live, "seed {seed}: at {bound}, both ends");
            }
        }
    }
    let report = tree.verify();
    assert!(report.damage.is_empty(), "{:?}", report.damage);
}

/// INV-MERGE-1, under flushes, compactions, snapshots and reopening.
#[test]
fn merges_agree_with_a_model() {
    let operators: [SharedMergeOperator; 2] = [Arc::new(Strict), Arc::new(AppendOperator::new("+"))];
    for seed in 0..60 {
        run(seed, &operators[(seed % 2) as usize]);
    }
}
