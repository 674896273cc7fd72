//! Level routes of keyspaces: folders below those that routes lead to, through reopening, drops, checkpoints and crashes.

use std::path::Path;
use std::sync::Arc;

use esker::{Builder, Database, Error, ErrorKind, Keyspace, KeyspaceOptions, LevelRoute, SharedFs};
use esker_env::clock::ManualClock;
use esker_env::memory::MemFs;
use esker_env::random::SeededRandom;
use esker_testkit::fault_fs::FaultFs;
use esker_testkit::fault_fs::crash::CrashPolicy;
use esker_testkit::fault_fs::plan::FaultPlan;

fn memory() -> SharedFs {
    Arc::new(MemFs::new())
}

fn builder(fs: &SharedFs, path: &str) -> Builder {
    Database::builder(path)
        .fs(Arc::clone(fs))
        .clock(Arc::new(ManualClock::default()))
        .random(Arc::new(SeededRandom::new(7)))
        .background_threads(0)
        .memory_budget(4 << 20)
        .memtable_bytes(64 << 10)
        .log_segment_bytes(16 << 10)
}

fn routed(cold: &SharedFs) -> KeyspaceOptions {
    let route = LevelRoute { levels: 1..7, path: "/cold".into(), fs: Arc::clone(cold) };
    KeyspaceOptions::new().level_routes(vec![route])
}

/// Every keyspace with tables below level 0 elsewhere.
fn open(fs: &SharedFs, cold: &SharedFs, path: &str) -> Result<Database, Error> {
    let cold = Arc::clone(cold);
    builder(fs, path).keyspace_resolver(move |_| routed(&cold)).open()
}

fn fill(keyspace: &Keyspace, round: u32) -> Result<(), Error> {
    (0..100).try_for_each(|i| keyspace.put(format!("key{i:03}"), format!("{round} in {}", keyspace.name())))
}

fn check(keyspace: &Keyspace, round: u32) {
    let value = format!("{round} in {}", keyspace.name());
    let entries: Vec<_> = keyspace.iter().map(|entry| entry.unwrap()).collect();
    assert_eq!(entries.len(), 100);
    assert!(entries.iter().all(|(_, found)| **found == *value.as_bytes()));
}

fn names(fs: &SharedFs, path: &str) -> Vec<String> {
    let entries = fs.read_dir(Path::new(path)).unwrap_or_default().into_iter();
    let mut names: Vec<_> = entries.map(|entry| entry.name.into_string().unwrap()).collect();
    names.sort();
    names
}

fn tables(fs: &SharedFs, path: &str) -> usize {
    names(fs, path).iter().filter(|name| name.ends_with(".table")).count()
}

#[test]
fn level_routes_of_keyspaces_lead_to_a_folder_for_each() {
    let (fs, cold) = (memory(), memory());
    let db = open(&fs, &cold, "/db").unwrap();
    let users = db.keyspace("users", routed(&cold)).unwrap();
    for keyspace in [&db.default_keyspace(), &users] {
        fill(keyspace, 1).unwrap();
    }
    db.flush().unwrap();
    assert_eq!((tables(&cold, "/cold/000001"), tables(&fs, "/db/keyspaces/000001")), (0, 1));
    db.compact().unwrap();
    for id in ["000001", "000002"] {
        assert_eq!(tables(&cold, &format!("/cold/{id}")), 1);
        assert_eq!(tables(&fs, &format!("/db/keyspaces/{id}")), 0);
    }
    assert!(users.tables().iter().all(|table| table.path.starts_with("/cold/000002")));
    fill(&users, 2).unwrap();
    drop((users, db));
    let db = open(&fs, &cold, "/db").unwrap();
    check(&db.default_keyspace(), 1);
    check(&db.keyspace("users", KeyspaceOptions::new()).unwrap(), 2);
    drop(db);
    // No route at open, or a device that is not there: the folder is not made anew.
    let nowhere = memory();
    for refused in [builder(&fs, "/db").open(), open(&fs, &nowhere, "/db")] {
        let error = refused.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        assert!(
            error.to_string().contains("default") && error.to_string().contains("/cold/000001"),
            "{error}"
        );
        assert!(matches!(error, Error::MissingRoute { level: 6, .. } | Error::MissingRoute { level: 1, .. }));
    }
    assert!(names(&nowhere, "/").is_empty());
    check(&open(&fs, &cold, "/db").unwrap().default_keyspace(), 1);
}

#[test]
fn level_routes_of_a_dropped_keyspace_go_with_its_last_reader() {
    // INV-KEYSPACE-1, INV-KEYSPACE-4
    let (fs, cold) = (memory(), memory());
    let db = open(&fs, &cold, "/db").unwrap();
    let first = db.keyspace("events", routed(&cold)).unwrap();
    fill(&first, 1).unwrap();
    db.flush().unwrap();
    db.compact().unwrap();
    let mut scan = first.iter();
    scan.next().unwrap().unwrap();
    db.drop_keyspace("events").unwrap();
    drop(first);
    // One of the same name does not meet the files of the first.
    let second = db.keyspace("events", routed(&cold)).unwrap();
    fill(&second, 2).unwrap();
    db.flush().unwrap();
    db.compact().unwrap();
    assert_eq!(names(&cold, "/cold"), ["000001", "000002", "000003"]);
    assert_eq!(scan.filter(Result::is_ok).count(), 99);
    assert_eq!(names(&cold, "/cold"), ["000001", "000003"]);
    assert_eq!(names(&fs, "/db/keyspaces"), ["000001", "000003"]);
    check(&second, 2);
    // What others put there stays, and so does what it lies in.
    let foreign = cold.open(Path::new("/cold/000003/notes.txt"), &esker_env::fs::OpenOptions::create_new());
    foreign.unwrap();
    db.drop_keyspace("events").unwrap();
    drop(second);
    assert_eq!(names(&cold, "/cold/000003"), ["notes.txt"]);
}

#[test]
fn level_routes_do_not_lead_into_a_checkpoint_or_out_of_it() {
    // INV-TREE-7
    let (fs, cold) = (memory(), memory());
    let db = open(&fs, &cold, "/db").unwrap();
    let keyspace = db.default_keyspace();
    fill(&keyspace, 1).unwrap();
    db.flush().unwrap();
    db.compact().unwrap();
    fill(&keyspace, 2).unwrap();
    db.checkpoint("/copy").unwrap();
    assert_eq!(tables(&fs, "/copy/keyspaces/000001"), 1);
    fill(&keyspace, 3).unwrap();
    let copy = builder(&fs, "/copy").open().unwrap();
    check(&copy.default_keyspace(), 2);
    drop(copy);
    // The same routes again: the folder has all the tables that the copy names, and is another's all the same.
    let refused = open(&fs, &cold, "/copy").unwrap_err();
    assert!(
        matches!(&refused, Error::InvalidRoute { path, .. } if path == Path::new("/cold/000001")),
        "{refused}"
    );
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    // So it is for a database that begins, and leaves nothing of it.
    let refused = open(&memory(), &cold, "/db").unwrap_err();
    assert!(matches!(refused, Error::InvalidRoute { .. }), "{refused}");
    db.compact().unwrap();
    check(&keyspace, 3);
    drop((keyspace, db));
    check(&open(&fs, &cold, "/db").unwrap().default_keyspace(), 3);
    check(&builder(&fs, "/copy").open().unwrap().default_keyspace(), 2);
}

/// What a crash may find: the newest round of each keyspace that was acknowledged, or begun.
#[derive(Clone, Copy, Default)]
struct Progress {
    default: u32,
    events: u32,
    dropped: bool,
}

fn script(fs: &SharedFs, done: &mut Progress) -> Result<(), Error> {
    let db = open(fs, fs, "/db")?;
    let events = db.keyspace("events", routed(fs))?;
    for round in 1..3 {
        fill(&db.default_keyspace(), round)?;
        fill(&events, round)?;
        db.flush()?;
        done.default = round;
        done.events = round;
        db.compact()?;
    }
    drop(events);
    db.drop_keyspace("events")?;
    done.dropped = true;
    let events = db.keyspace("events", routed(fs))?;
    fill(&events, 9)?;
    db.flush()?;
    db.compact()?;
    Ok(())
}

fn newest_round(keyspace: &Keyspace) -> u32 {
    let value = keyspace.get("key000").unwrap();
    let text = value.map(|value| String::from_utf8(value.to_vec()).unwrap());
    text.map_or(0, |text| text.split(' ').next().unwrap().parse().unwrap())
}

#[test]
fn level_routes_of_keyspaces_survive_a_crash_at_any_call() {
    // INV-KEYSPACE-8
    let whole = FaultFs::new();
    script(&(Arc::new(whole.clone()) as SharedFs), &mut Progress::default()).unwrap();
    let calls = whole.mutating_calls();
    // Each call that is not a write to the log, of which there are many alike.
    for call in (1..=calls).filter(|call| call % 7 == 3 || *call > calls - 160) {
        let fs = FaultFs::with_plan(FaultPlan::crash_at(call));
        let mut done = Progress::default();
        let _ = script(&(Arc::new(fs.clone()) as SharedFs), &mut done);
        for policy in [CrashPolicy::LoseUnsynced, CrashPolicy::KeepAll, CrashPolicy::Random { seed: call }] {
            let what = format!("crash at call {call} of {calls}, {policy:?}");
            let disk: SharedFs = Arc::new(fs.crash(policy));
            let db = open(&disk, &disk, "/db").unwrap_or_else(|error| panic!("{what}: {error}"));
            assert!(newest_round(&db.default_keyspace()) >= done.default, "{what}");
            if db.keyspaces().iter().any(|name| name == "events") && !done.dropped {
                let events = db.keyspace("events", routed(&disk)).unwrap();
                assert!(newest_round(&events) >= done.events, "{what}");
            }
            // No folder without a keyspace, here or there, but for an empty one that the next keyspace takes.
            let own = names(&disk, "/db/keyspaces");
            assert_eq!(own.len(), db.keyspaces().len(), "{what}");
            let is_empty = |folder: &str| names(&disk, &format!("/cold/{folder}")).is_empty();
            let strays: Vec<_> =
                names(&disk, "/cold").into_iter().filter(|folder| !own.contains(folder)).collect();
            assert!(strays.len() <= 1 && strays.iter().all(|folder| is_empty(folder)), "{what}: {strays:?}");
            let events = db.keyspace("events", routed(&disk)).unwrap();
            fill(&events, 10).unwrap();
            db.flush().unwrap();
            db.compact().unwrap();
            check(&events, 10);
        }
    }
}
