//! The catalog over crashes, failures and damage.

use esker_env::fs::Fs;
use esker_env::random::SeededRandom;
use esker_testkit::fault_fs::FaultFs;
use esker_testkit::fault_fs::crash::CrashPolicy;
use esker_testkit::fault_fs::plan::{FaultPlan, InjectedError, Strike};

use super::*;
use crate::error::ErrorKind;

const BYTES: &str = "esker.bytes";

fn keyspace(name: &str, comparator: &str, created_unix_millis: u64) -> KeyspaceRecord {
    let (name, comparator) = (name.to_owned(), comparator.to_owned());
    KeyspaceRecord { name, comparator, created_unix_millis, ..KeyspaceRecord::default() }
}

fn directory() -> PathBuf {
    PathBuf::from("/db")
}

fn disk() -> FaultFs {
    let fs = FaultFs::new();
    fs.create_dir_all(&directory()).unwrap();
    fs.settle();
    fs
}

fn fresh(fs: &FaultFs) -> CatalogFile {
    CatalogFile::new(Arc::new(fs.clone()), &directory(), Arc::new(SeededRandom::new(1)))
}

fn reopen(fs: &FaultFs) -> Result<Option<CatalogFile>> {
    CatalogFile::open(Arc::new(fs.clone()), &directory(), Arc::new(SeededRandom::new(2)))
}

fn names(catalog: &CatalogFile) -> Vec<&str> {
    catalog.keyspaces().map(|keyspace| keyspace.name.as_str()).collect()
}

#[test]
fn keyspaces_and_the_next_id_survive() {
    // INV-KEYSPACE-1
    let fs = disk();
    assert!(reopen(&fs).unwrap().is_none());
    let mut catalog = fresh(&fs);
    catalog.add(keyspace("default", BYTES, 7)).unwrap();
    catalog.add(keyspace("users", "reversed", 8)).unwrap();
    catalog.remove(KeyspaceId(2)).unwrap();
    let catalog = reopen(&fs.crash(CrashPolicy::LoseUnsynced)).unwrap().unwrap();
    assert_eq!(names(&catalog), ["default"]);
    assert_eq!(catalog.next_id(), KeyspaceId(3), "2 is not used again");
    let found = catalog.keyspace(KeyspaceId(1)).unwrap();
    assert_eq!((found.comparator.as_str(), found.created_unix_millis), (BYTES, 7));
}

#[test]
fn a_crash_at_any_call_leaves_the_old_catalog_or_the_new_one() {
    // INV-KEYSPACE-2
    let calls = {
        let fs = disk();
        fresh(&fs).add(keyspace("a", BYTES, 0)).unwrap();
        fs.set_plan(FaultPlan::default());
        reopen(&fs).unwrap().unwrap().add(keyspace("b", BYTES, 0)).unwrap();
        fs.mutating_calls()
    };
    assert!(calls >= 8);
    for call in 1..=calls {
        for seed in 0..20 {
            let fs = disk();
            fresh(&fs).add(keyspace("a", BYTES, 0)).unwrap();
            let mut catalog = reopen(&fs).unwrap().unwrap();
            fs.set_plan(FaultPlan::crash_at(call));
            let added = catalog.add(keyspace("b", BYTES, 0));
            let found = reopen(&fs.crash(CrashPolicy::Random { seed })).unwrap().unwrap();
            let whole = names(&found) == ["a", "b"];
            assert!(whole || (added.is_err() && names(&found) == ["a"]), "call {call}, seed {seed}");
        }
    }
}

#[test]
fn a_failed_change_is_settled_by_writing_again() {
    let fs = disk();
    let mut catalog = fresh(&fs);
    catalog.add(keyspace("a", BYTES, 0)).unwrap();
    for call in 1..9 {
        fs.set_plan(FaultPlan::error(Strike::At(call), InjectedError::DeviceFailed));
        if catalog.remove(KeyspaceId(1)).is_ok() {
            catalog.keyspaces.insert(
                KeyspaceId(1),
                KeyspaceRecord { id: KeyspaceId(1), name: "a".into(), ..KeyspaceRecord::default() },
            );
            catalog.is_unsettled = true;
        }
        fs.set_plan(FaultPlan::default());
        catalog.settle().unwrap();
        let found = reopen(&fs.crash(CrashPolicy::LoseUnsynced)).unwrap().unwrap();
        assert_eq!(names(&found), ["a"], "call {call}");
    }
}

#[test]
fn damage_is_named() {
    let fs = disk();
    fresh(&fs).add(keyspace("a", BYTES, 0)).unwrap();
    for name in ["CURRENT", "000001.catalog"] {
        let path = directory().join(name);
        let whole = fs.contents(&path).unwrap();
        for offset in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[offset] ^= 1;
            fs.set_contents(&path, &bytes).unwrap();
            let kind = reopen(&fs).map(|_| ()).map_err(|error| error.kind());
            assert!(matches!(kind, Err(ErrorKind::Corruption | ErrorKind::Unsupported)), "{name} {offset}");
        }
        fs.set_contents(&path, &whole).unwrap();
    }
    fs.remove_file(&directory().join("000001.catalog")).unwrap();
    assert_eq!(reopen(&fs).map(|_| ()).map_err(|error| error.kind()), Err(ErrorKind::Corruption));
}
