//! Crashes at every call, and errors of the file system at every call.

use std::path::Path;
use std::sync::Arc;

use esker_env::fs::{Fs, SharedFs};
use esker_testkit::fault_fs::FaultFs;
use esker_testkit::fault_fs::crash::CrashPolicy;
use esker_testkit::fault_fs::plan::{FaultPlan, InjectedError, Strike};
use esker_tree::{CancelToken, Config, Leveled, Result, SeqNo, SequenceNumberCounter, Tree};

const ROUNDS: u64 = 7;
const KEYS: u64 = 40;

fn open(fs: &Arc<FaultFs>) -> Result<Tree> {
    open_with(fs, &SequenceNumberCounter::default())
}

fn open_with(fs: &Arc<FaultFs>, visible: &SequenceNumberCounter) -> Result<Tree> {
    let strategy = Leveled {
        level_zero_trigger_runs: 2,
        target_table_bytes: 1 << 10,
        base_level_bytes: 2 << 10,
        level_multiplier: 2,
    };
    Config::new("db/tree", SequenceNumberCounter::default(), visible.clone())
        .with_shared_fs(Arc::clone(fs) as SharedFs)
        .manifest_rotate_bytes(1 << 10)
        .compaction_strategy(Arc::new(strategy))
        .open()
}

fn write_round(tree: &Tree, round: u64) -> Result<()> {
    for key in 0..KEYS {
        let seqno = round * KEYS + key;
        if (key + round).is_multiple_of(4) {
            tree.remove(format!("key{key:03}"), seqno)?;
        } else {
            tree.insert(format!("key{key:03}"), format!("round {round}"), seqno)?;
        }
    }
    Ok(())
}

/// What the tree holds once `rounds` rounds were flushed.
fn expected(rounds: u64) -> Vec<(Vec<u8>, Vec<u8>)> {
    let Some(round) = rounds.checked_sub(1) else { return Vec::new() };
    let keys = (0..KEYS).filter(|key| !(key + round).is_multiple_of(4));
    keys.map(|key| (format!("key{key:03}").into_bytes(), format!("round {round}").into_bytes())).collect()
}

/// Opens, then writes, flushes and compacts round by round; counts the rounds whose flush was acknowledged.
fn script(fs: &Arc<FaultFs>, flushed: &mut u64) -> Result<()> {
    let visible = SequenceNumberCounter::default();
    let tree = open_with(fs, &visible)?;
    for round in *flushed..ROUNDS {
        write_round(&tree, round)?;
        visible.set((round + 1) * KEYS);
        tree.flush_active_memtable(0)?;
        *flushed = round + 1;
        while let Some(job) = tree.pick_compaction(false) {
            job.run(SeqNo::MAX, &CancelToken::default())?;
        }
    }
    Ok(())
}

fn contents(tree: &Tree) -> Vec<(Vec<u8>, Vec<u8>)> {
    let entries = tree.iter(SeqNo::MAX).unwrap().map(|entry| entry.into_inner().unwrap());
    entries.map(|(key, value)| (key.to_vec(), value.to_vec())).collect()
}

/// After a crash the tree holds the rounds that were acknowledged, or one more whose flush was under way.
fn check(fs: &Arc<FaultFs>, flushed: u64, what: &str) -> u64 {
    let tree = open(fs).unwrap_or_else(|error| panic!("{what}: {error}"));
    let found = contents(&tree);
    let rounds = [flushed, flushed + 1].into_iter().find(|&rounds| found == expected(rounds));
    let report = tree.verify();
    assert!(report.is_sound(), "{what}: {report:?}");
    rounds.unwrap_or_else(|| panic!("{what}: {flushed} rounds were acknowledged, found {found:?}"))
}

fn policies(seed: u64) -> [CrashPolicy; 4] {
    [CrashPolicy::LoseUnsynced, CrashPolicy::KeepAll, CrashPolicy::NamesOnly, CrashPolicy::Random { seed }]
}

/// A parent that is durable, as a database's own folder is.
fn fresh() -> Arc<FaultFs> {
    let fs = FaultFs::new();
    fs.create_dir_all(Path::new("db")).unwrap();
    fs.settle();
    Arc::new(fs)
}

/// INV-FLUSH-2: at whichever call the machine goes down, what was flushed is there, once, and the tree goes on.
#[test]
fn a_crash_at_any_call_loses_no_flushed_round() {
    let fs = fresh();
    script(&fs, &mut 0).unwrap();
    let calls = fs.mutating_calls();
    assert!(calls > 80, "{calls} calls");
    for crash in 1..=calls {
        let fs = fresh();
        fs.set_plan(FaultPlan::crash_at(crash));
        let mut flushed = 0;
        // A crash while the last obsolete files are deleted is not noticed by the script.
        assert!(script(&fs, &mut flushed).is_err() || flushed == ROUNDS, "crash at {crash}");
        for policy in policies(crash) {
            let survived = Arc::new(fs.crash(policy));
            let mut rounds = check(&survived, flushed, &format!("crash at call {crash}, {policy:?}"));
            script(&survived, &mut rounds).unwrap();
            check(&survived, ROUNDS, &format!("going on after a crash at call {crash}, {policy:?}"));
        }
    }
}

/// A crash while opening after a crash: recovery obeys the same rules.
#[test]
fn a_crash_during_the_open_after_a_crash_loses_nothing_either() {
    let calls = {
        let fs = fresh();
        script(&fs, &mut 0).unwrap();
        fs.mutating_calls()
    };
    for crash in (1..=calls).step_by(7) {
        let fs = fresh();
        fs.set_plan(FaultPlan::crash_at(crash));
        let mut flushed = 0;
        let _ = script(&fs, &mut flushed);
        for second in 1..20 {
            let survived = Arc::new(fs.crash(CrashPolicy::Random { seed: crash }));
            survived.set_plan(FaultPlan::crash_at(second));
            if open(&survived).is_ok() && !survived.is_down() {
                break;
            }
            let twice = Arc::new(survived.crash(CrashPolicy::Random { seed: second }));
            check(&twice, flushed, &format!("crashes at calls {crash} and {second}"));
        }
    }
}

/// An error of any call fails what was asked, loses nothing, and once it has passed the tree works on.
#[test]
fn an_error_of_any_call_passes() {
    let calls = {
        let fs = fresh();
        script(&fs, &mut 0).unwrap();
        fs.mutating_calls()
    };
    for (at, error) in
        (1..=calls).flat_map(|at| [(at, InjectedError::DeviceFailed), (at, InjectedError::StorageFull)])
    {
        let fs = fresh();
        fs.set_plan(FaultPlan::error(Strike::At(at), error));
        let what = format!("{error:?} at call {at}");
        let visible = SequenceNumberCounter::default();
        let Ok(tree) = open_with(&fs, &visible) else {
            fs.set_plan(FaultPlan::default());
            script(&fs, &mut 0).unwrap_or_else(|error| panic!("{what}: a second try: {error}"));
            continue;
        };
        for round in 0..ROUNDS {
            write_round(&tree, round).unwrap();
            visible.set((round + 1) * KEYS);
            if tree.flush_active_memtable(0).is_err() {
                assert_eq!(
                    contents(&tree),
                    expected(round + 1),
                    "{what}: what could not be flushed is still there"
                );
                tree.flush_active_memtable(0).unwrap_or_else(|error| panic!("{what}: a second try: {error}"));
            }
            while let Some(job) = tree.pick_compaction(false) {
                let _ = job.run(SeqNo::MAX, &CancelToken::default());
            }
            assert_eq!(contents(&tree), expected(round + 1), "{what}");
        }
        drop(tree);
        fs.set_plan(FaultPlan::default());
        check(&fs, ROUNDS, &what);
        let crashed = Arc::new(fs.crash(CrashPolicy::LoseUnsynced));
        check(&crashed, ROUNDS, &format!("{what}, then a power loss"));
    }
}

/// The harness catches what it is there for: a sync that is skipped somewhere loses a round at some crash.
#[test]
fn a_skipped_sync_or_directory_sync_is_caught() {
    let loses = |plan: &dyn Fn(u64) -> FaultPlan| {
        let calls = 400;
        (1..calls).any(|crash| {
            let fs = fresh();
            fs.set_plan(plan(crash));
            let mut flushed = 0;
            if script(&fs, &mut flushed).is_ok() {
                return false;
            }
            let survived = Arc::new(fs.crash(CrashPolicy::LoseUnsynced));
            survived.set_plan(FaultPlan::default());
            let Ok(tree) = open(&survived) else { return true };
            let found = contents(&tree);
            ![flushed, flushed + 1].into_iter().any(|rounds| found == expected(rounds))
        })
    };
    assert!(!loses(&FaultPlan::crash_at), "no false alarm");
    assert!(loses(&|crash| FaultPlan { ignore_dir_sync: true, ..FaultPlan::crash_at(crash) }));
    let caught = (3..12)
        .filter(|&n| loses(&|crash| FaultPlan { skip_nth_sync: Some(n), ..FaultPlan::crash_at(crash) }));
    assert!(caught.count() >= 5, "most of the first syncs matter");
}
