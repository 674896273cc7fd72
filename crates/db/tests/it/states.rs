//! What a database of two keyspaces holds after each step of a script, and crashes at every call of it.

use std::collections::BTreeMap;
use std::sync::Arc;

use esker::{Builder, Database, Durability, Error, Keyspace, KeyspaceOptions, PlantedBug};
use esker_env::clock::ManualClock;
use esker_env::fs::SharedFs;
use esker_env::random::SeededRandom;
use esker_testkit::fault_fs::FaultFs;
use esker_testkit::fault_fs::crash::CrashPolicy;
use esker_testkit::fault_fs::plan::FaultPlan;

use crate::replica::Replica;

/// The default keyspace, and the one called "other".
pub(crate) type Contents = [BTreeMap<String, String>; 2];

/// A database that makes the same calls each time: small memtables, no threads, a clock that stands still.
pub(crate) fn open_at(fs: &FaultFs, path: &str) -> Result<Database, Error> {
    builder(fs, path).open()
}

/// The same with a fault in it.
pub(crate) fn open_with(fs: &FaultFs, bug: PlantedBug) -> Result<Database, Error> {
    builder(fs, "/db").planted_bug(bug).open()
}

fn builder(fs: &FaultFs, path: &str) -> Builder {
    let shared: SharedFs = Arc::new(fs.clone());
    Database::builder(path)
        .fs(shared)
        .clock(Arc::new(ManualClock::default()))
        .random(Arc::new(SeededRandom::new(7)))
        .background_threads(0)
        .memory_budget(4 << 20)
        .memtable_bytes(64 << 10)
        .log_segment_bytes(16 << 10)
}

pub(crate) fn open(fs: &FaultFs) -> Result<Database, Error> {
    open_at(fs, "/db")
}

pub(crate) fn both(db: &Database) -> Result<[Keyspace; 2], Error> {
    Ok([db.default_keyspace(), db.keyspace("other", KeyspaceOptions::new())?])
}

pub(crate) fn contents(db: &Database) -> Contents {
    let text = |bytes: esker::Slice| String::from_utf8(bytes.to_vec()).unwrap();
    let all = |keyspace: Keyspace| {
        keyspace.iter().map(|entry| entry.unwrap()).map(|(key, value)| (text(key), text(value))).collect()
    };
    both(db).unwrap().map(all)
}

/// What a script has done.
#[derive(Default)]
pub(crate) struct Steps {
    now: Contents,
    /// The last one was begun; those before it were acknowledged.
    pub(crate) states: Vec<Contents>,
}

impl Steps {
    /// Notes what the database will hold if what comes next is done.
    pub(crate) fn begin(&mut self, change: impl FnOnce(&mut Contents)) {
        change(&mut self.now);
        self.states.push(self.now.clone());
    }

    pub(crate) fn put(&mut self, at: usize, key: &str, value: &str) {
        self.begin(|now| drop(now[at].insert(key.to_owned(), value.to_owned())));
    }
}

/// Runs a script into a crash at each of its calls. What is found then is the database as it was after some step: after the last
/// acknowledged one or the one begun where nothing may be lost, with `Sync` or as long as the system lives.
pub(crate) fn crash_everywhere(
    durability: Durability,
    script: impl Fn(&FaultFs, &mut Steps) -> Result<(), Error>,
    look: impl Fn(&FaultFs, &Steps, &str),
) {
    let fs = FaultFs::new();
    let mut all = Steps::default();
    script(&fs, &mut all).unwrap();
    let (calls, mut followed) = (fs.mutating_calls(), 0);
    for call in 1..=calls + 1 {
        let fs = FaultFs::with_plan(FaultPlan::crash_at(call));
        let mut steps = Steps::default();
        let done = script(&fs, &mut steps).is_ok();
        for policy in [CrashPolicy::LoseUnsynced, CrashPolicy::KeepAll, CrashPolicy::Random { seed: call }] {
            let what = format!("{durability:?}, crash at call {call} of {calls}, {policy:?}");
            let disk = fs.crash(policy);
            let db = open(&disk).unwrap_or_else(|error| panic!("{what}: {error}"));
            let found = contents(&db);
            let allowed = if steps.states.is_empty() { &all.states[..1] } else { &steps.states[..] };
            let certain = durability == Durability::Sync || policy == CrashPolicy::KeepAll;
            let from = if certain { allowed.len() - if done { 1 } else { allowed.len().min(2) } } else { 0 };
            assert!(allowed[from..].contains(&found), "{what}: {found:?}");
            followed += usize::from(assert_followed(&db, &what));
            db.put("goes", "on").unwrap();
            look(&disk, &steps, &what);
        }
    }
    assert!(followed > calls as usize, "{followed} feeds of the databases after {calls} calls");
}

/// What the change feed tells from the beginning on is what the database holds; false if the beginning is gone.
fn assert_followed(db: &Database, what: &str) -> bool {
    let mut replica = Replica::default();
    let told = db.changes_since(0).and_then(|mut changes| replica.follow(&mut changes, usize::MAX));
    match told {
        Ok(_) => both(db).unwrap().iter().for_each(|keyspace| replica.assert_equals(keyspace, what)),
        Err(Error::HistoryGone { .. }) => return false,
        Err(error) => panic!("{what}: {error}"),
    }
    true
}
