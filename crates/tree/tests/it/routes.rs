//! Level routes: tables of some levels in folders, and on file systems, of their own.

use std::path::Path;
use std::sync::Arc;

use esker_env::fs::{Fs, OpenOptions, SharedFs};
use esker_env::memory::MemFs;
use esker_testkit::fault_fs::FaultFs;
use esker_testkit::fault_fs::crash::CrashPolicy;
use esker_testkit::fault_fs::plan::FaultPlan;
use esker_tree::{
    CancelToken, Config, Error, ErrorKind, LevelRoute, Leveled, Result, SeqNo, SequenceNumberCounter, Tree,
};

fn config(fs: SharedFs) -> Config {
    let strategy = Leveled {
        level_zero_trigger_runs: 2,
        target_table_bytes: 1 << 10,
        base_level_bytes: 2 << 10,
        level_multiplier: 2,
    };
    let seqno = SequenceNumberCounter::default();
    Config::new("db/tree", seqno.clone(), seqno)
        .with_shared_fs(fs)
        .manifest_rotate_bytes(1 << 10)
        .compaction_strategy(Arc::new(strategy))
}

fn route(levels: std::ops::Range<u8>, path: &str, fs: &SharedFs) -> LevelRoute {
    LevelRoute { levels, path: path.into(), fs: Arc::clone(fs) }
}

fn disks() -> (SharedFs, SharedFs) {
    (Arc::new(MemFs::new()), Arc::new(MemFs::new()))
}

/// Ascending keys, so that the tables of different rounds do not overlap: they may move.
fn write_round(tree: &Tree, round: u64) -> Result<()> {
    for i in round * 40..(round + 1) * 40 {
        tree.insert(format!("key{i:06}"), format!("value {i}"), i)?;
    }
    tree.flush_active_memtable(0)
}

fn settle(tree: &Tree) -> Result<()> {
    while let Some(job) = tree.pick_compaction(true) {
        job.run(0, &CancelToken::default())?;
    }
    Ok(())
}

fn filled(config: Config, rounds: u64) -> Tree {
    let tree = config.open().unwrap();
    for round in 0..rounds {
        write_round(&tree, round).unwrap();
        settle(&tree).unwrap();
    }
    tree
}

fn check(tree: &Tree, rounds: u64) {
    let keys = tree.iter(SeqNo::MAX).unwrap().map(|entry| entry.into_inner().unwrap());
    let found: Vec<_> = keys.map(|(key, value)| (key.to_vec(), value.to_vec())).collect();
    let expected =
        (0..rounds * 40).map(|i| (format!("key{i:06}").into_bytes(), format!("value {i}").into_bytes()));
    assert!(found == expected.collect::<Vec<_>>(), "{} of {} keys", found.len(), rounds * 40);
    assert!(tree.verify().is_sound());
}

fn tables_in(fs: &SharedFs, path: &str) -> Vec<String> {
    let entries = fs.read_dir(Path::new(path)).unwrap().into_iter();
    entries.map(|entry| entry.name.into_string().unwrap()).filter(|name| name.ends_with(".table")).collect()
}

/// Each table is where its level belongs, and nothing else is there.
fn check_places(tree: &Tree, own: &SharedFs, cold: &SharedFs, is_cold: impl Fn(usize) -> bool) {
    let (mut here, mut there) = (Vec::new(), Vec::new());
    for table in tree.tables() {
        let (folder, names) =
            if is_cold(table.level) { ("cold", &mut there) } else { ("db/tree", &mut here) };
        assert_eq!(table.path.parent(), Some(Path::new(folder)), "{table:?}");
        names.push(table.path.file_name().unwrap().to_str().unwrap().to_owned());
    }
    here.sort();
    there.sort();
    assert_eq!((tables_in(own, "db/tree"), tables_in(cold, "cold")), (here, there));
}

#[test]
fn level_routes_put_tables_into_the_folders_of_their_levels() {
    let (own, cold) = disks();
    let routed = || config(Arc::clone(&own)).level_routes(vec![route(1..7, "cold", &cold)]);
    let tree = filled(routed(), 8);
    check(&tree, 8);
    write_round(&tree, 8).unwrap();
    check_places(&tree, &own, &cold, |level| level > 0);
    assert!(tables_in(&cold, "cold").len() > 1 && tables_in(&own, "db/tree").len() == 1);
    // Tables that moved down were copied.
    assert!(tree.metrics().moves.get() > 0);
    drop(tree);
    let tree = routed().open().unwrap();
    check(&tree, 9);
    tree.major_compact(1 << 20, 0).unwrap();
    check_places(&tree, &own, &cold, |_| true);
    check(&tree, 9);
}

#[test]
fn level_routes_that_are_missing_at_open_are_an_error() {
    let (own, cold) = disks();
    let routed = || config(Arc::clone(&own)).level_routes(vec![route(1..7, "cold", &cold)]);
    drop(filled(routed(), 4));
    // No route: the manifest knows where the tables are.
    let error = config(Arc::clone(&own)).open().unwrap_err();
    assert!(matches!(&error, Error::MissingRoute { path, .. } if path == Path::new("cold")), "{error}");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    // A route to a device that is not mounted: the folder is not made anew.
    let unmounted: SharedFs = Arc::new(MemFs::new());
    let error =
        config(Arc::clone(&own)).level_routes(vec![route(1..7, "cold", &unmounted)]).open().unwrap_err();
    assert!(matches!(error, Error::MissingRoute { level: 1, .. }), "{error}");
    assert!(!unmounted.exists(Path::new("cold")).unwrap());
    check(&routed().open().unwrap(), 4);
}

#[test]
fn level_routes_may_change_while_the_tree_is_closed() {
    let (own, cold) = disks();
    drop(filled(config(Arc::clone(&own)), 4));
    // A route that is new: tables stay where they are until they are compacted.
    let tree = config(Arc::clone(&own)).level_routes(vec![route(1..7, "old/cold", &cold)]).open().unwrap();
    check(&tree, 4);
    assert!(tree.tables().iter().all(|table| table.path.starts_with("db/tree")));
    write_round(&tree, 4).unwrap();
    assert!(tree.major_compact(1 << 10, 0).unwrap());
    assert!(tree.tables().iter().all(|table| table.path.starts_with("old/cold")));
    drop(tree);
    // The folder is moved.
    cold.rename(Path::new("old/cold"), Path::new("new")).unwrap();
    let tree = config(Arc::clone(&own)).level_routes(vec![route(1..7, "new", &cold)]).open().unwrap();
    check(&tree, 5);
    // The levels are cut in two, and a level comes back to the tree's folder.
    drop(tree);
    let two = vec![route(1..5, "warm", &cold), route(5..6, "new", &cold)];
    let tree = config(Arc::clone(&own)).level_routes(two).open().unwrap();
    check(&tree, 5);
    write_round(&tree, 5).unwrap();
    tree.major_compact(1 << 10, 0).unwrap();
    assert!(tree.tables().iter().all(|table| table.level == 6 && table.path.starts_with("db/tree")));
    drop(tree);
    check(&config(own).open().unwrap(), 6);
}

/// INV-TREE-7: and routes that make no sense.
#[test]
fn level_routes_that_lead_to_another_tree_are_refused() {
    let (own, cold) = disks();
    let with = |routes| config(Arc::clone(&own)).level_routes(routes).open();
    let overlapping = with(vec![route(1..4, "a", &cold), route(3..5, "b", &cold)]).unwrap_err();
    let invalid = |error: &Error| matches!(error, Error::InvalidRoute { .. });
    assert!(invalid(&overlapping) && overlapping.kind() == ErrorKind::InvalidInput, "{overlapping}");
    assert!(invalid(&with(vec![route(3..3, "a", &cold)]).unwrap_err()));
    assert!(invalid(&with(vec![route(5..8, "a", &cold)]).unwrap_err()));
    assert!(own.read_dir(Path::new("db")).is_err(), "nothing was made");
    // Another tree's routed folder, another tree's own folder.
    let (other_own, _) = disks();
    drop(filled(config(Arc::clone(&other_own)).level_routes(vec![route(1..7, "taken", &cold)]), 4));
    let before = tables_in(&cold, "taken");
    for route in [route(4..7, "taken", &cold), route(4..7, "db/tree", &other_own)] {
        let error = with(vec![route]).unwrap_err();
        assert!(invalid(&error), "{error}");
    }
    assert_eq!(tables_in(&cold, "taken"), before);
    assert!(other_own.exists(Path::new("db/tree/CURRENT")).unwrap());
}

/// INV-TREE-7: a folder without tables was anybody's, and so was one whose tables a checkpoint named. What the one tree then wrote
/// there, the other deleted as orphans when it was opened.
#[test]
fn level_routes_lead_to_folders_of_one_tree() {
    let (own, cold) = disks();
    let with_route = |fs: &SharedFs| config(Arc::clone(fs)).level_routes(vec![route(1..7, "cold", &cold)]);
    drop(with_route(&own).open().unwrap());
    assert!(tables_in(&cold, "cold").is_empty());
    let (other, _) = disks();
    let is_refused = |result: Result<Tree>| matches!(result, Err(Error::InvalidRoute { .. }));
    assert!(is_refused(with_route(&other).open()));
    let tree = filled(with_route(&own), 4);
    tree.major_compact(1 << 20, 0).unwrap();
    tree.create_checkpoint(Path::new("copy")).unwrap();
    let copy = || Config::new("copy", SequenceNumberCounter::default(), SequenceNumberCounter::default());
    let copy = |path| {
        let routes = vec![route(1..7, path, &cold)];
        copy().with_shared_fs(Arc::clone(&own)).level_routes(routes).with_directory_lock(false).open()
    };
    assert!(is_refused(copy("cold")));
    check(&copy("elsewhere").unwrap(), 4);
    check(&copy("elsewhere").unwrap(), 4);
    drop(tree);
    // The number outlives an opening without routes.
    let tree = with_route(&own).open().unwrap();
    let back = vec![route(1..6, "cold", &cold)];
    drop(tree);
    let tree = config(Arc::clone(&own)).level_routes(back).open().unwrap();
    write_round(&tree, 4).unwrap();
    tree.major_compact(1 << 20, 0).unwrap();
    drop(tree);
    check(&config(Arc::clone(&own)).open().unwrap(), 5);
    check(&with_route(&own).open().unwrap(), 5);
}

/// A crash may leave a name without bytes: that is no mark, and the folder is used only if nothing strange is in it.
#[test]
fn level_routes_mark_their_folders_again_after_a_crash() {
    let (own, cold) = disks();
    let routed = || config(Arc::clone(&own)).level_routes(vec![route(1..7, "cold", &cold)]);
    drop(filled(routed(), 4));
    let mark = || {
        let file = cold.open(Path::new("cold/OWNER"), &OpenOptions::read_write()).unwrap();
        let mut bytes = vec![0; usize::try_from(file.len().unwrap()).unwrap()];
        file.read_exact_at(&mut bytes, 0).unwrap();
        (file, bytes)
    };
    let (file, whole) = mark();
    for len in [0, 5] {
        file.set_len(len).unwrap();
        check(&routed().open().unwrap(), 4);
        assert_eq!(mark().1, whole);
    }
    file.set_len(5).unwrap();
    cold.open(Path::new("cold/000900.table"), &OpenOptions::create_new()).unwrap();
    assert!(matches!(routed().open(), Err(Error::InvalidRoute { .. })));
    assert!(cold.exists(Path::new("cold/000900.table")).unwrap());
    cold.remove_file(Path::new("cold/000900.table")).unwrap();
    check(&routed().open().unwrap(), 4);
}

/// Whoever removes a tree finds its folders, and no other's.
#[test]
fn routed_folders_are_those_that_belong_to_the_tree() {
    let (own, cold) = disks();
    drop(filled(config(Arc::clone(&own)).level_routes(vec![route(1..7, "cold", &cold)]), 4));
    let nowhere: SharedFs = Arc::new(MemFs::new());
    let another: SharedFs = Arc::new(MemFs::new());
    let tree = Config::new("x", SequenceNumberCounter::default(), SequenceNumberCounter::default());
    drop(tree.with_shared_fs(Arc::clone(&own)).level_routes(vec![route(1..7, "cold", &another)]).open());
    let filesystems = [nowhere, another, Arc::clone(&cold)];
    let found = esker_tree::routed_folders(&own, Path::new("db/tree"), &filesystems).unwrap();
    assert_eq!(found.len(), 1);
    assert!(Arc::ptr_eq(&found[0].0, &cold) && found[0].1 == Path::new("cold"));
    assert!(esker_tree::routed_folders(&own, Path::new("nothing"), &filesystems).is_err());
    drop(filled(config(Arc::new(MemFs::new())), 1));
}

#[test]
fn level_routes_lock_their_folders_and_lose_their_orphans() {
    let (own, cold) = disks();
    let routed = || config(Arc::clone(&own)).level_routes(vec![route(1..7, "cold", &cold)]);
    let tree = filled(routed(), 4);
    assert!(cold.lock(Path::new("cold/LOCK")).is_err());
    drop(tree);
    for orphan in ["000900.table", "000901.table.tmp", "notes.txt"] {
        cold.open(&Path::new("cold").join(orphan), &OpenOptions::create_new()).unwrap();
    }
    let tree = routed().open().unwrap();
    check_places(&tree, &own, &cold, |level| level > 0);
    assert!(cold.exists(Path::new("cold/notes.txt")).unwrap());
    // A number that an orphan had is not used again.
    write_round(&tree, 4).unwrap();
    assert!(tree.tables().iter().map(|table| table.id.0).max() > Some(900));
}

fn on_one_machine(fs: &Arc<FaultFs>) -> Config {
    let fs = Arc::clone(fs) as SharedFs;
    let routes = vec![route(1..3, "db/warm", &fs), route(3..7, "db/cold", &fs)];
    config(fs).level_routes(routes)
}

fn script(fs: &Arc<FaultFs>, flushed: &mut u64) -> Result<()> {
    let tree = on_one_machine(fs).open()?;
    for round in *flushed..5 {
        write_round(&tree, round)?;
        *flushed = round + 1;
        settle(&tree)?;
    }
    Ok(())
}

fn fresh() -> Arc<FaultFs> {
    let fs = FaultFs::new();
    fs.create_dir_all(Path::new("db")).unwrap();
    fs.settle();
    Arc::new(fs)
}

/// INV-TREE-6: at whichever call the machine goes down, all three folders together hold what was flushed.
#[test]
fn level_routes_survive_a_crash_at_any_call() {
    let fs = fresh();
    script(&fs, &mut 0).unwrap();
    let calls = fs.mutating_calls();
    for crash in 1..=calls {
        let fs = fresh();
        fs.set_plan(FaultPlan::crash_at(crash));
        let mut flushed = 0;
        assert!(script(&fs, &mut flushed).is_err() || flushed == 5, "crash at {crash}");
        for policy in [CrashPolicy::LoseUnsynced, CrashPolicy::NamesOnly, CrashPolicy::Random { seed: crash }]
        {
            let survived = Arc::new(fs.crash(policy));
            let tree = on_one_machine(&survived)
                .open()
                .unwrap_or_else(|error| panic!("crash at call {crash}, {policy:?}: {error}"));
            let rounds = tree.len(SeqNo::MAX).unwrap() as u64 / 40;
            assert!((flushed..=flushed + 1).contains(&rounds), "crash at call {crash}, {policy:?}");
            check(&tree, rounds);
            let named = tree.tables().len();
            let disk = Arc::clone(&survived) as SharedFs;
            let files: usize =
                ["db/tree", "db/warm", "db/cold"].iter().map(|path| tables_in(&disk, path).len()).sum();
            assert_eq!(files, named, "crash at call {crash}, {policy:?}");
        }
    }
}
