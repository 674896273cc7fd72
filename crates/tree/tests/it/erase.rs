//! Erasing: the whole tree, whole tables of a range, and compaction of a range; what stays, and what comes back never.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use esker_env::clock::Clock;
use esker_env::fs::SharedFs;
use esker_env::memory::MemFs;
use esker_testkit::fault_fs::FaultFs;
use esker_testkit::fault_fs::crash::CrashPolicy;
use esker_testkit::fault_fs::plan::FaultPlan;
use esker_tree::{
    AppendOperator, CancelToken, Config, Error, ErrorKind, Leveled, SeqNo, SequenceNumberCounter, Tree,
};

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

    fn put(&self, keys: impl IntoIterator<Item = &'static str>, value: &str) {
        for key in keys {
            self.tree.insert(key, value, self.seqno.next()).unwrap();
        }
    }

    /// A table of these keys.
    fn table(&self, keys: impl IntoIterator<Item = &'static str>, value: &str) {
        self.put(keys, value);
        self.tree.flush_active_memtable(0).unwrap();
    }

    fn keys(&self) -> Vec<String> {
        let key = |entry: esker_tree::EntryGuard| String::from_utf8(entry.key().unwrap().to_vec()).unwrap();
        self.tree.iter(SeqNo::MAX).unwrap().map(key).collect()
    }

    fn get(&self, key: &str) -> Option<String> {
        let value = self.tree.get(key, SeqNo::MAX).unwrap();
        value.map(|value| String::from_utf8(value.to_vec()).unwrap())
    }
}

fn names(fs: &SharedFs) -> usize {
    let tables = fs.read_dir(Path::new("tree")).unwrap();
    tables.iter().filter(|entry| entry.name.to_str().unwrap().ends_with(".table")).count()
}

#[test]
fn clear_forgets_tables_and_memtables_and_nothing_comes_back() {
    let bench = Bench::new();
    bench.table(["a", "b"], "in a table");
    bench.put(["b", "c"], "sealed");
    bench.tree.rotate_memtable();
    bench.put(["c", "d"], "active");
    let last = bench.seqno.get() - 1;
    let mut held = bench.tree.iter(SeqNo::MAX).unwrap();
    assert_eq!(&*held.next().unwrap().key().unwrap(), b"a");
    bench.tree.clear().unwrap();
    assert!(bench.tree.is_empty(SeqNo::MAX).unwrap());
    assert_eq!(bench.tree.get("a", SeqNo::MAX).unwrap(), None);
    assert_eq!(bench.tree.replay_floor(), last + 1);
    assert_eq!(bench.tree.get_highest_seqno(), Some(last), "numbers are not used again");
    assert!(matches!(bench.tree.get("a", last), Err(Error::SnapshotTooOld { .. })), "the past is gone");
    assert_eq!(held.count(), 3, "an iterator reads on");
    assert_eq!(names(&bench.fs), 0, "the files went with their last reader");

    bench.put(["e"], "after");
    assert_eq!(bench.keys(), ["e"]);
    let bench = bench.reopened();
    assert_eq!(bench.keys(), [""; 0], "memtables of a bare tree are not kept");
    assert_eq!(bench.tree.replay_floor(), last + 1);
    assert_eq!(bench.seqno.get(), last + 1);
}

/// INV-ERASE-2: a snapshot's reads are repeatable, so what it sees cannot be cleared.
#[test]
fn clear_is_refused_while_a_snapshot_lives() {
    let bench = Bench::new();
    bench.table(["a"], "value");
    let snapshot = bench.tree.snapshot(bench.seqno.get()).unwrap();
    let error = bench.tree.clear().unwrap_err();
    assert!(matches!(error, Error::SnapshotsHeld { count: 1 }), "{error}");
    assert_eq!(error.kind(), ErrorKind::Busy);
    assert_eq!(bench.tree.get("a", snapshot.bound()).unwrap().as_deref(), Some(b"value".as_slice()));
    drop(snapshot);
    bench.tree.clear().unwrap();
    assert!(bench.tree.is_empty(SeqNo::MAX).unwrap());
    bench.tree.snapshot(SeqNo::MAX).unwrap();
}

/// INV-ERASE-4: a flush that has written its table when the tree is cleared gives the table up.
/// INV-ERASE-9: the replay floor tells whoever has a log whether the clear that it names was done.
#[test]
fn begin_clear_holds_snapshots_off_and_finishes_above_its_own_number() {
    let bench = Bench::new();
    bench.table(["a", "b"], "old");
    let pending = bench.tree.begin_clear().unwrap();
    assert!(matches!(pending.finish(SeqNo::MAX), Err(Error::SeqnoTooHigh { .. })));
    drop(bench.tree.begin_clear().unwrap());
    assert_eq!(bench.keys(), ["a", "b"], "what is not finished does nothing");
    let snapshot = bench.tree.snapshot(bench.seqno.get()).unwrap();
    assert!(matches!(bench.tree.begin_clear(), Err(Error::SnapshotsHeld { count: 1 })));
    drop(snapshot);
    bench.tree.begin_clear().unwrap().finish(100).unwrap();
    assert_eq!(bench.keys(), [""; 0]);
    assert_eq!(bench.tree.replay_floor(), 101);
    let bench = bench.reopened();
    assert_eq!(bench.tree.replay_floor(), 101);
    // A tree that never held anything can be cleared, too.
    let empty = Bench::new();
    empty.tree.begin_clear().unwrap().finish(7).unwrap();
    assert_eq!(empty.reopened().tree.replay_floor(), 8);
}

#[test]
fn clear_during_a_flush_leaves_nothing_behind() {
    let bench = Bench::new();
    bench.put(["a", "b"], "value");
    bench.tree.rotate_memtable();
    let outcome = bench.tree.flush_oldest::<Error>(0, |_| bench.tree.clear()).unwrap().unwrap();
    assert_eq!((outcome.entries, outcome.bytes), (0, 0));
    assert!(bench.tree.is_empty(SeqNo::MAX).unwrap());
    assert!(bench.tree.tables().is_empty());
    assert_eq!(names(&bench.fs), 0);
    assert!(bench.reopened().tree.is_empty(SeqNo::MAX).unwrap());
}

/// A clock that does something once when it is next asked for the time of day, as each new table does.
struct Alarm(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Clock for Alarm {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn unix_millis(&self) -> u64 {
        let rings = self.0.lock().unwrap().take();
        if let Some(ring) = rings {
            ring();
        }
        1
    }

    fn sleep(&self, _: Duration) {}
}

/// INV-ERASE-4: so does a compaction, whether it had begun or not.
#[test]
fn clear_during_a_compaction_leaves_nothing_behind() {
    for begun in [false, true] {
        let (fs, seqno): (SharedFs, _) = (Arc::new(MemFs::new()), SequenceNumberCounter::default());
        let alarm = Arc::new(Alarm(Mutex::default()));
        let clock = Arc::clone(&alarm) as Arc<dyn Clock>;
        let tree = config(&fs, &seqno).with_clock(clock).open().unwrap();
        for _ in 0..3 {
            for key in ["a", "b", "c"] {
                tree.insert(key, "value", seqno.next()).unwrap();
            }
            tree.flush_active_memtable(0).unwrap();
        }
        let job = tree.pick_compaction(true).unwrap();
        if begun {
            let cleared = tree.clone();
            *alarm.0.lock().unwrap() = Some(Box::new(move || cleared.clear().unwrap()));
        } else {
            tree.clear().unwrap();
        }
        let outcome = job.run(SeqNo::MAX, &CancelToken::default()).unwrap();
        assert_eq!(outcome.bytes_written, 0);
        assert!(tree.is_empty(SeqNo::MAX).unwrap());
        assert_eq!((tree.tables().len(), names(&fs)), (0, 0), "begun: {begun}");
        tree.insert("d", "value", seqno.next()).unwrap();
        tree.flush_active_memtable(0).unwrap();
        assert!(
            tree.pick_compaction(true).is_none_or(|job| job.input_bytes() > 0),
            "nothing is busy for ever"
        );
        drop(tree);
        assert_eq!(config(&fs, &seqno).open().unwrap().len(SeqNo::MAX).unwrap(), 1);
    }
}

/// INV-ERASE-1: at whichever call the machine goes down, the tree is as before or empty.
#[test]
fn clear_is_whole_or_not_at_all_after_a_crash_at_any_call() {
    let run = |plan: Option<FaultPlan>| {
        let fs = FaultFs::new();
        fs.settle();
        let fs = Arc::new(fs);
        let bench = Bench::on(Arc::clone(&fs) as SharedFs);
        bench.table(["a", "b"], "value");
        bench.table(["b", "c"], "value");
        bench.put(["d"], "in memory");
        let before = fs.mutating_calls();
        plan.into_iter().for_each(|plan| fs.set_plan(plan));
        let done = bench.tree.clear();
        (fs, before, done)
    };
    let (undisturbed, before, done) = run(None);
    done.unwrap();
    let calls = undisturbed.mutating_calls() - before;
    assert!(calls >= 3, "{calls} calls");
    for call in 1..=calls + 1 {
        for policy in [CrashPolicy::LoseUnsynced, CrashPolicy::KeepAll, CrashPolicy::NamesOnly] {
            let (fs, _, done) = run(Some(FaultPlan::crash_at(before + call)));
            let bench = Bench::on(Arc::new(fs.crash(policy)));
            let keys = bench.keys();
            let whole = keys == ["a", "b", "c"];
            assert!(keys.is_empty() || (whole && done.is_err()), "call {call}, {policy:?}: {keys:?}");
            assert!(bench.tree.verify().is_sound());
            assert_eq!(bench.tree.replay_floor(), if whole { 4 } else { 5 }, "call {call}, {policy:?}");
        }
    }
}

#[test]
fn drop_range_takes_whole_tables_and_leaves_the_rest() {
    let bench = Bench::new();
    bench.table(["a", "b"], "first");
    bench.table(["c", "e"], "second");
    bench.table(["f", "g"], "third");
    bench.put(["d"], "in memory");
    assert_eq!(bench.tree.drop_range("d".."z").unwrap().tables, 1, "a table with keys outside stays");
    assert_eq!(bench.keys(), ["a", "b", "c", "d", "e"]);
    let dropped = bench.tree.drop_range("c"..="e").unwrap();
    assert_eq!(dropped.tables, 1);
    assert!(dropped.bytes > 0);
    assert_eq!(bench.keys(), ["a", "b", "d"]);
    assert_eq!(bench.tree.drop_range("x"..).unwrap(), esker_tree::DroppedRange::default());
    assert!(matches!(bench.tree.drop_range("b".."a"), Err(Error::InvertedRange)));
    let bench = bench.reopened();
    assert_eq!(bench.keys(), ["a", "b"]);
    assert_eq!(bench.tree.drop_range::<&str>(..).unwrap().tables, 1);
    assert_eq!((bench.keys().len(), names(&bench.fs)), (0, 0));
}

/// INV-ERASE-3: a table that hides something which stays is not dropped.
#[test]
fn drop_range_brings_nothing_old_to_light() {
    let bench = Bench::new();
    bench.table(["a", "c"], "old");
    bench.table(["c", "d"], "new");
    assert_eq!(bench.tree.drop_range("b"..).unwrap().tables, 0, "the older table reaches outside");
    assert_eq!(bench.get("c").as_deref(), Some("new"));
    assert_eq!(bench.tree.drop_range("a"..).unwrap().tables, 2);
}

/// INV-ERASE-6. The model test found this: a number was taken, others were written and flushed, and then came the write under the
/// first number. It lay in the memtable, hidden by a newer version in a table, and dropping the table showed it.
/// INV-ERASE-8: what came at the same time as the delete that goes with it stays.
#[test]
fn drop_range_before_a_number_leaves_newer_tables() {
    let bench = Bench::new();
    bench.table(["a", "b"], "old");
    let before = bench.seqno.get();
    bench.table(["c", "d"], "new");
    assert_eq!(bench.tree.drop_range_before("a".."z", before).unwrap().tables, 1);
    assert_eq!(bench.keys(), ["c", "d"]);
    assert_eq!(bench.tree.drop_range_before("a".."z", before + 1).unwrap().tables, 0);
    assert_eq!(bench.tree.drop_range_before("a".."z", before + 2).unwrap().tables, 1);
    assert_eq!(bench.keys(), [""; 0]);
    assert!(matches!(bench.tree.drop_range_before("z".."a", 0), Err(Error::InvertedRange)));
}

#[test]
fn drop_range_brings_no_late_write_to_light() {
    let bench = Bench::new();
    let taken = bench.seqno.next();
    bench.table(["a"], "new");
    bench.tree.insert("a", "late", taken).unwrap();
    for in_tables in [false, true] {
        if in_tables {
            bench.tree.flush_active_memtable(0).unwrap();
        }
        bench.tree.drop_range::<&str>(..).unwrap();
        assert_eq!(bench.get("a").as_deref(), Some("new"), "in tables: {in_tables}");
    }
}

/// INV-ERASE-7. The model test found a key that read as its newest operand alone.
#[test]
fn drop_range_keeps_what_operands_that_stay_are_folded_onto() {
    let (fs, seqno): (SharedFs, _) = (Arc::new(MemFs::new()), SequenceNumberCounter::default());
    let operator = Arc::new(AppendOperator::new("+"));
    let tree = config(&fs, &seqno).with_merge_operator(operator).open().unwrap();
    let value = |key: &str| tree.get(key, SeqNo::MAX).unwrap().map(|value| value.to_vec());
    let flush = || tree.flush_active_memtable(0).unwrap();
    for key in ["a", "b", "d"] {
        tree.insert(key, "base", seqno.next()).unwrap();
        flush();
    }
    tree.merge("b", "1", seqno.next()).unwrap();
    assert_eq!(tree.drop_range("b"..="b").unwrap().tables, 0, "an operand lies in memory");
    assert_eq!(value("b").as_deref(), Some(b"base+1".as_slice()));
    tree.insert("c", "base", seqno.next()).unwrap();
    flush();
    assert_eq!(
        tree.drop_range("b"..="b").unwrap().tables,
        0,
        "an operand lies in a table that reaches outside"
    );
    assert_eq!(value("b").as_deref(), Some(b"base+1".as_slice()));
    assert_eq!(tree.drop_range("a"..="a").unwrap().tables, 1, "over this one there is none");
    assert_eq!(value("a"), None);
    tree.insert("d", "new", seqno.next()).unwrap();
    assert_eq!(tree.drop_range("d"..="d").unwrap().tables, 1, "a whole value needs nothing under it");
    assert_eq!(value("d").as_deref(), Some(b"new".as_slice()));
    assert_eq!(tree.drop_range("b"..="c").unwrap().tables, 2, "the operand goes with its base");
    assert_eq!((value("b"), value("c")), (None, None));
}

/// INV-ERASE-2: what a snapshot sees stays, and so does what a compaction works on.
#[test]
fn drop_range_leaves_what_snapshots_see_and_compactions_read() {
    let bench = Bench::new();
    bench.table(["a"], "seen");
    let snapshot = bench.tree.snapshot(bench.seqno.get()).unwrap();
    bench.table(["b"], "not seen");
    assert_eq!(bench.tree.drop_range::<&str>(..).unwrap().tables, 1);
    assert_eq!(bench.keys(), ["a"]);
    drop(snapshot);
    bench.table(["a"], "again");
    let job = bench.tree.pick_compaction(true).unwrap();
    assert_eq!(bench.tree.drop_range::<&str>(..).unwrap().tables, 0);
    job.run(SeqNo::MAX, &CancelToken::default()).unwrap();
    assert_eq!(bench.get("a").as_deref(), Some("again"));
    assert_eq!(bench.tree.drop_range::<&str>(..).unwrap().tables, 1);
}

/// Tables of the last level, each of its own.
fn spread(bench: &Bench) -> Vec<esker_format::ids::TableId> {
    for (low, high) in [("a", "b"), ("e", "f"), ("k", "l"), ("p", "q")] {
        bench.table([low, high], "old");
        assert!(bench.tree.compact_range(low..=high, SeqNo::MAX).unwrap());
    }
    bench.tree.tables().iter().map(|table| table.id).collect()
}

#[test]
fn compact_range_rewrites_what_overlaps_and_nothing_else() {
    let bench = Bench::new();
    let before = spread(&bench);
    assert!(bench.tree.tables().iter().all(|table| table.level == 1));
    bench.table(["e", "k"], "new");
    bench.tree.remove("f", bench.seqno.next()).unwrap();
    bench.tree.flush_active_memtable(0).unwrap();
    assert!(bench.tree.compact_range("e".."g", SeqNo::MAX).unwrap());
    let after = bench.tree.tables();
    assert!(after.iter().all(|table| table.level == 1), "{after:?}");
    assert_eq!(after.iter().map(|table| table.tombstones).sum::<u64>(), 0, "the tombstone met what it hid");
    assert_eq!(after.iter().filter(|table| before.contains(&table.id)).count(), 2, "two were not touched");
    assert_eq!(bench.keys(), ["a", "b", "e", "k", "l", "p", "q"]);
    assert_eq!(bench.get("e").as_deref(), Some("new"));
    assert!(bench.tree.verify().is_sound());
    assert!(matches!(bench.tree.compact_range("b".."a", 0), Err(Error::InvertedRange)));
    assert!(bench.tree.compact_range("x".., 0).unwrap(), "nothing to do");
}

/// Old versions that a snapshot held go once it is gone, also where all is in one level.
#[test]
fn compact_range_drops_what_nobody_sees_any_more() {
    let bench = Bench::new();
    bench.table(["a"], "old");
    let snapshot = bench.tree.snapshot(bench.seqno.get()).unwrap();
    bench.table(["a"], "new");
    assert!(bench.tree.compact_range::<&str>(.., SeqNo::MAX).unwrap());
    let entries = || bench.tree.tables().iter().map(|table| table.entries).sum::<u64>();
    assert_eq!(entries(), 2);
    drop(snapshot);
    assert!(bench.tree.compact_range::<&str>(.., SeqNo::MAX).unwrap());
    assert_eq!(entries(), 1);
}

#[test]
fn compact_range_says_when_a_running_job_is_in_the_way() {
    let bench = Bench::new();
    bench.table(["a", "c"], "old");
    bench.table(["b"], "new");
    let job = bench.tree.pick_compaction(true).unwrap();
    assert!(!bench.tree.compact_range("a".., SeqNo::MAX).unwrap());
    job.run(SeqNo::MAX, &CancelToken::default()).unwrap();
    assert!(bench.tree.compact_range("a".., SeqNo::MAX).unwrap());
}
