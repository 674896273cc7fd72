//! Checkpoints of a bare tree: what they hold, how they come about, and what a failure or a crash leaves.

use std::path::Path;
use std::sync::Arc;

use esker_env::fs::{Fs, OpenOptions, SharedFs};
use esker_env::memory::MemFs;
use esker_testkit::fault_fs::FaultFs;
use esker_testkit::fault_fs::crash::CrashPolicy;
use esker_testkit::fault_fs::plan::{FaultPlan, InjectedError, Strike};
use esker_tree::{
    CancelToken, Config, Error, ErrorKind, LevelRoute, Leveled, SeqNo, SequenceNumberCounter, Tree,
};

fn config(fs: &SharedFs, path: &str) -> Config {
    let strategy = Leveled { level_zero_trigger_runs: 2, ..Leveled::default() };
    Config::new(path, SequenceNumberCounter::default(), SequenceNumberCounter::default())
        .with_shared_fs(Arc::clone(fs))
        .compaction_strategy(Arc::new(strategy))
}

/// A tree with tables in several levels and something in memory.
fn filled(config: Config) -> Tree {
    let tree = config.open().unwrap();
    for round in 0..4u64 {
        for key in 0..20 {
            tree.insert(format!("key{key:02}"), format!("{round}"), round * 20 + key).unwrap();
        }
        if round < 3 {
            tree.flush_active_memtable(0).unwrap();
        }
        if round == 1 {
            assert!(tree.major_compact(1 << 20, 0).unwrap());
        }
    }
    tree
}

fn values(tree: &Tree) -> Vec<Vec<u8>> {
    let entries = tree.iter(SeqNo::MAX).unwrap();
    entries.map(|entry| entry.into_inner().unwrap().1.to_vec()).collect()
}

#[test]
fn create_checkpoint_makes_an_independent_tree() {
    let fs: SharedFs = Arc::new(MemFs::new());
    let tree = filled(config(&fs, "tree"));
    let info = tree.create_checkpoint("copies/one").unwrap();
    assert_eq!((info.table_files, info.blob_files), (tree.tables().len() as u64, 0));
    assert_eq!(info.total_bytes, tree.disk_space());
    assert_eq!(info.seqno, 79);
    assert!(info.version_id > 4);
    let expected = values(&tree);
    assert_eq!(expected, vec![b"3".to_vec(); 20]);

    // The one goes on, and deletes its tables; the other does not care.
    tree.remove("key00", 80).unwrap();
    tree.flush_active_memtable(0).unwrap();
    assert!(tree.major_compact(1 << 20, SeqNo::MAX).unwrap());
    let copy = config(&fs, "copies/one").open().unwrap();
    assert_eq!(values(&copy), expected);
    assert_eq!(copy.replay_floor(), 80);
    assert!(copy.verify().is_sound());
    copy.insert("key00", "of its own", 80).unwrap();
    copy.flush_active_memtable(0).unwrap();
    assert!(copy.major_compact(1 << 20, SeqNo::MAX).unwrap());
    assert_eq!(tree.len(SeqNo::MAX).unwrap(), 19);
    assert!(tree.verify().is_sound());

    let error = tree.create_checkpoint("copies/one").unwrap_err();
    assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(copy.len(SeqNo::MAX).unwrap(), 20);
}

/// A file that is linked is one file with the tree's; one that shares blocks, or is a copy, is not.
#[test]
fn use_reflink_for_checkpoint_decides_what_is_shared() {
    for (reflink, is_one_file) in [(true, false), (false, true)] {
        let fs: SharedFs = Arc::new(MemFs::new());
        let tree = filled(config(&fs, "tree").use_reflink_for_checkpoint(reflink));
        tree.create_checkpoint("copy").unwrap();
        let table = &tree.tables()[0];
        let name = table.path.file_name().unwrap();
        let file = fs.open(&Path::new("copy").join(name), &OpenOptions::read_write()).unwrap();
        file.write_all_at(b"damage", 0).unwrap();
        assert_eq!(tree.verify().is_sound(), !is_one_file, "reflink {reflink}");
    }
}

/// INV-CHECKPOINT-1: what was fixed is what is written, whatever happens in between.
#[test]
fn begin_checkpoint_holds_the_tables_of_its_moment() {
    let fs: SharedFs = Arc::new(MemFs::new());
    let tree = filled(config(&fs, "tree"));
    let moment = tree.begin_checkpoint();
    tree.flush_active_memtable(0).unwrap();
    while let Some(job) = tree.pick_compaction(true) {
        job.run(SeqNo::MAX, &CancelToken::default()).unwrap();
    }
    assert!(tree.major_compact(1 << 20, SeqNo::MAX).unwrap());
    moment.write(Path::new("copy")).unwrap();
    let copy = config(&fs, "copy").open().unwrap();
    assert_eq!(values(&copy), vec![b"2".to_vec(); 20], "memtables are for the log to bring");
    assert_eq!(copy.replay_floor(), 60);
    drop(moment);
    assert!(tree.verify().is_sound());
}

/// Tables that lie elsewhere come to lie in the checkpoint's own folder, from another file system too.
#[test]
fn create_checkpoint_brings_routed_tables_together() {
    let [fs, other] = [(); 2].map(|()| Arc::new(MemFs::new()) as SharedFs);
    let route = LevelRoute { levels: 1..7, path: "elsewhere".into(), fs: Arc::clone(&other) };
    let tree = filled(config(&fs, "tree").level_routes(vec![route]));
    assert!(!other.read_dir(Path::new("elsewhere")).unwrap().is_empty());
    tree.create_checkpoint("copy").unwrap();
    drop(tree);
    let copy = config(&fs, "copy").open().unwrap();
    assert_eq!(values(&copy), vec![b"3".to_vec(); 20]);
    assert!(copy.verify().is_sound());
}

#[test]
fn create_checkpoint_goes_on_beside_writes_flushes_and_compactions() {
    let folder = tempfile::tempdir().unwrap();
    let fs: SharedFs = Arc::new(esker_env::os::OsFs::new());
    let seqno = SequenceNumberCounter::default();
    let strategy = Leveled { level_zero_trigger_runs: 2, ..Leveled::default() };
    let tree = Config::new(folder.path().join("tree"), seqno.clone(), seqno.clone())
        .memtable_capacity_bytes(64 << 10)
        .compaction_strategy(Arc::new(strategy))
        .open()
        .unwrap();
    let writers = tree.clone();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            for round in 0..30 {
                for key in 0..300 {
                    writers.insert(format!("key{key:03}"), format!("{round}"), seqno.next()).unwrap();
                }
                writers.flush_active_memtable(SeqNo::MAX).unwrap();
                while let Some(job) = writers.pick_compaction(true) {
                    job.run(SeqNo::MAX, &CancelToken::default()).unwrap();
                }
            }
        });
        let mut last = 0;
        for number in 0..10 {
            let target = folder.path().join(format!("copy{number}"));
            let info = tree.create_checkpoint(&target).unwrap();
            assert!(info.seqno >= last);
            last = info.seqno;
            let copy = config(&fs, target.to_str().unwrap()).open().unwrap();
            assert!(copy.verify().is_sound());
            let rounds: Vec<u32> = values(&copy)
                .iter()
                .map(|value| std::str::from_utf8(value).unwrap().parse().unwrap())
                .collect();
            assert!(
                rounds.windows(2).all(|pair| pair[0] >= pair[1]),
                "keys were written in order: {rounds:?}"
            );
        }
    });
}

/// The tree, and what becomes of a checkpoint of it under a plan.
fn attempt(plan: impl Fn(u64) -> Option<FaultPlan>) -> (Arc<FaultFs>, u64, Result<(), Error>) {
    let faulty = Arc::new(FaultFs::new());
    let fs = Arc::clone(&faulty) as SharedFs;
    let tree = filled(config(&fs, "tree"));
    tree.flush_active_memtable(0).unwrap();
    faulty.settle();
    let before = faulty.mutating_calls();
    if let Some(plan) = plan(before) {
        faulty.set_plan(plan);
    }
    let done = tree.create_checkpoint("copy").map(|_| ());
    (faulty, before, done)
}

/// INV-CHECKPOINT-1: at whichever call the machine goes down, the copy is whole, or there is none that opens.
#[test]
fn create_checkpoint_is_whole_or_no_tree_after_a_crash_at_any_call() {
    let (fs, before, done) = attempt(|_| None);
    done.unwrap();
    let calls = fs.mutating_calls() - before;
    assert!(calls > 8, "{calls} calls");
    for call in 1..=calls + 1 {
        let (fs, _, done) = attempt(|before| Some(FaultPlan::crash_at(before + call)));
        for policy in [CrashPolicy::LoseUnsynced, CrashPolicy::KeepAll, CrashPolicy::NamesOnly] {
            let survived: SharedFs = Arc::new(fs.crash(policy));
            let what = format!("crash at call {call} of {calls}, {policy:?}");
            let whole = vec![b"3".to_vec(); 20];
            assert_eq!(values(&config(&survived, "tree").open().unwrap()), whole, "{what}");
            let exists = survived.exists(Path::new("copy/CURRENT")).unwrap();
            assert!(exists || done.is_err(), "{what}: what was acknowledged is there");
            if exists {
                let copy = config(&survived, "copy").open().unwrap_or_else(|error| panic!("{what}: {error}"));
                assert_eq!(values(&copy), whole, "{what}");
                assert!(copy.verify().is_sound(), "{what}");
            }
        }
    }
}

#[test]
fn create_checkpoint_that_fails_leaves_nothing_behind() {
    let (fs, before, _) = attempt(|_| None);
    let calls = fs.mutating_calls() - before;
    for call in 1..=calls {
        for error in [InjectedError::StorageFull, InjectedError::DeviceFailed] {
            let (fs, _, done) = attempt(|before| Some(FaultPlan::error(Strike::At(before + call), error)));
            assert_eq!(
                fs.exists(Path::new("copy")).unwrap(),
                done.is_ok(),
                "{error:?} at call {call}: {done:?}"
            );
        }
    }
}
