//! Values that expire: per write, per keyspace, through the log, tables, snapshots, feeds and checkpoints.

use std::sync::Arc;
use std::time::Duration;

use esker::{
    AppendOperator, Builder, ChangeOperation, Clock, Database, Durability, Error, ErrorKind, KeyspaceOptions,
    ManualClock, Scan,
};
use esker_env::fs::SharedFs;
use esker_env::memory::MemFs;
use esker_testkit::fault_fs::FaultFs;
use esker_testkit::fault_fs::crash::CrashPolicy;

struct Setup {
    fs: SharedFs,
    clock: Arc<ManualClock>,
}

/// The clock's time when a setup begins.
const START: u64 = 5_000_000;

impl Setup {
    fn new() -> Self {
        Self { fs: Arc::new(MemFs::new()), clock: Arc::new(ManualClock::new(START)) }
    }

    fn builder(&self) -> Builder {
        Database::builder("db")
            .fs(Arc::clone(&self.fs))
            .clock(Arc::clone(&self.clock) as Arc<dyn Clock>)
            .memory_budget(16 << 20)
            .background_threads(0)
            .log_segment_bytes(256 << 10)
    }

    fn open(&self) -> Database {
        self.builder().open().unwrap()
    }

    fn wait(&self, millis: u64) {
        self.clock.advance(Duration::from_millis(millis));
    }
}

fn keys(scan: Scan) -> String {
    scan.map(|entry| String::from_utf8(entry.unwrap().0.to_vec()).unwrap()).collect::<Vec<_>>().join(" ")
}

const fn millis(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

#[test]
fn put_with_ttl_counts_from_now_and_wins_over_the_keyspaces_own() {
    let setup = Setup::new();
    let db = setup.open();
    let sessions = db.keyspace("sessions", KeyspaceOptions::new().ttl(millis(100))).unwrap();
    assert_eq!(sessions.ttl(), Some(millis(100)));
    sessions.put("a", "by default").unwrap();
    sessions.put_with_ttl("b", "shorter", millis(10)).unwrap();
    sessions.put_with_ttl("c", "longer", millis(1_000)).unwrap();
    sessions.put_with_expiry("d", "until", START + 50).unwrap();
    sessions.put_with("e", "durable", Durability::Sync).unwrap();
    db.put("f", "for ever").unwrap();
    db.put_with_ttl("g", "in the default keyspace", millis(10)).unwrap();
    db.put_with_expiry("h", "past", START).unwrap();
    assert_eq!((keys(sessions.iter()), keys(db.iter())), ("a b c d e".into(), "f g".into()));
    for (wait, left) in [(10, "a c d e"), (40, "a c e"), (49, "a c e"), (1, "c"), (900, "")] {
        setup.wait(wait);
        assert_eq!(keys(sessions.iter()), left);
        assert_eq!(sessions.len().unwrap(), left.split_whitespace().count());
    }
    assert_eq!(keys(db.iter()), "f");
    assert!(sessions.is_empty().unwrap() && !sessions.contains("c").unwrap());
    assert_eq!((sessions.size_of("c").unwrap(), sessions.get("c").unwrap()), (None, None));
}

#[test]
fn a_batch_puts_values_that_expire() {
    let setup = Setup::new();
    let db = setup.open();
    let sessions = db.keyspace("sessions", KeyspaceOptions::new().ttl(millis(100))).unwrap();
    let mut batch = db.batch();
    batch.put("a", "1");
    batch.put_with_ttl("b", "2", millis(10));
    batch.put_with_expiry("c", "3", START + 20);
    batch.put_in(&sessions, "d", "4");
    batch.put_with_ttl_in(&sessions, "e", "5", millis(200));
    batch.put_with_expiry_in(&sessions, "f", "6", START + 300);
    assert_eq!(batch.len(), 6);
    // What counts is when the batch was told.
    setup.wait(5);
    batch.commit().unwrap();
    for (wait, left) in
        [(0, "a b c|d e f"), (5, "a c|d e f"), (10, "a|d e f"), (80, "a|e f"), (100, "a|f"), (100, "a|")]
    {
        setup.wait(wait);
        assert_eq!(format!("{}|{}", keys(db.iter()), keys(sessions.iter())), left);
    }
}

#[test]
fn a_ttl_of_zero_is_refused() {
    let setup = Setup::new();
    let db = setup.open();
    let refused = |error: Error| {
        assert!(matches!(error, Error::ZeroTtl) && error.kind() == ErrorKind::InvalidInput, "{error}");
    };
    refused(db.put_with_ttl("a", "1", Duration::ZERO).unwrap_err());
    refused(db.keyspace("b", KeyspaceOptions::new().ttl(Duration::ZERO)).err().unwrap());
    refused(db.default_keyspace().set_ttl(Some(Duration::ZERO)).unwrap_err());
    let mut batch = db.batch();
    batch.put("a", "1");
    batch.put_with_ttl("b", "2", Duration::ZERO);
    refused(batch.commit().unwrap_err());
    assert!(db.is_empty().unwrap());
    // The least there is, and the most.
    db.put_with_ttl("a", "1", Duration::from_nanos(1)).unwrap();
    db.put_with_ttl("b", "2", Duration::MAX).unwrap();
    assert_eq!(keys(db.iter()), "a b");
    setup.wait(1);
    assert_eq!(keys(db.iter()), "b");
}

/// INV-KEYSPACE-9.
#[test]
fn keyspace_ttl_is_kept_by_the_catalog_until_another_is_given() {
    let setup = Setup::new();
    let ttl = |db: &Database, options| db.keyspace("sessions", options).unwrap().ttl();
    let db = setup.open();
    assert_eq!(ttl(&db, KeyspaceOptions::new().ttl(millis(100))), Some(millis(100)));
    assert_eq!(ttl(&db, KeyspaceOptions::new()), Some(millis(100)), "who says nothing changes nothing");
    drop(db);
    let db = setup.open();
    let sessions = db.keyspace("sessions", KeyspaceOptions::new()).unwrap();
    sessions.put("a", "1").unwrap();
    assert_eq!(ttl(&db, KeyspaceOptions::new().ttl(millis(200))), Some(millis(200)));
    sessions.put("b", "2").unwrap();
    drop((sessions, db));
    let db = setup.builder().keyspace("sessions", KeyspaceOptions::new().ttl(millis(300))).open().unwrap();
    let sessions = db.keyspace("sessions", KeyspaceOptions::new()).unwrap();
    sessions.put("c", "3").unwrap();
    sessions.set_ttl(None).unwrap();
    sessions.put("d", "4").unwrap();
    drop((sessions, db));
    let db = setup.open();
    let sessions = db.keyspace("sessions", KeyspaceOptions::new()).unwrap();
    assert_eq!(sessions.ttl(), None);
    for (wait, left) in [(99, "a b c d"), (1, "b c d"), (100, "c d"), (100, "d"), (1 << 40, "d")] {
        setup.wait(wait);
        assert_eq!(keys(sessions.iter()), left);
    }
}

/// From the log, with and without tables under it.
#[test]
fn put_with_ttl_survives_a_reopening_with_its_expiry() {
    for flushed in [false, true] {
        let setup = Setup::new();
        let db = setup.open();
        db.put_with_ttl("a", "1", millis(10)).unwrap();
        db.put("b", "2").unwrap();
        if flushed {
            db.flush().unwrap();
        }
        db.put_with_ttl("c", "3", millis(20)).unwrap();
        drop(db);
        let db = setup.open();
        assert_eq!(keys(db.iter()), "a b c");
        let scan = db.iter();
        setup.wait(10);
        assert_eq!((keys(scan), keys(db.iter())), ("a b c".into(), "b c".into()), "flushed: {flushed}");
        drop(db);
        let db = setup.open();
        setup.wait(10);
        assert_eq!(keys(db.iter()), "b");
        assert_eq!(db.get("c").unwrap(), None);
    }
}

/// A power loss: a durable write with a time to live comes back with it.
#[test]
fn a_durable_put_with_ttl_survives_a_crash_with_its_expiry() {
    let clock = Arc::new(ManualClock::new(START));
    let open = |fs: &FaultFs| {
        let builder = Database::builder("/db").fs(Arc::new(fs.clone()) as SharedFs);
        let clock = Arc::clone(&clock) as Arc<dyn Clock>;
        builder.clock(clock).memory_budget(8 << 20).background_threads(0).open().unwrap()
    };
    let fs = FaultFs::new();
    let db = open(&fs);
    let sessions = db.keyspace("sessions", KeyspaceOptions::new().ttl(millis(50))).unwrap();
    sessions.put_with("a", "1", Durability::Sync).unwrap();
    let mut batch = db.batch();
    batch.put_with_ttl_in(&sessions, "b", "2", millis(100));
    batch.commit_with(Durability::Sync).unwrap();
    for policy in [CrashPolicy::LoseUnsynced, CrashPolicy::KeepAll] {
        let after = fs.crash(policy);
        let db = open(&after);
        let sessions = db.keyspace("sessions", KeyspaceOptions::new()).unwrap();
        assert_eq!(sessions.ttl(), Some(millis(50)));
        let snapshot = db.snapshot().unwrap();
        assert_eq!(keys(snapshot.scan_in(&sessions, ..=b"z".as_slice())), "a b");
    }
    clock.advance(millis(50));
    let db = open(&fs.crash(CrashPolicy::LoseUnsynced));
    let sessions = db.keyspace("sessions", KeyspaceOptions::new()).unwrap();
    assert_eq!(keys(sessions.iter()), "b");
    clock.advance(millis(50));
    assert_eq!(keys(sessions.iter()), "");
}

/// INV-TTL-1, INV-TTL-2: two snapshots of one number each go by their own time, in every keyspace, through compactions.
#[test]
fn a_snapshot_goes_by_the_time_at_which_it_was_taken() {
    let setup = Setup::new();
    let db = setup.open();
    let other = db.keyspace("other", KeyspaceOptions::new()).unwrap();
    db.put_with_ttl("a", "1", millis(10)).unwrap();
    other.put_with_ttl("b", "2", millis(10)).unwrap();
    let early = db.snapshot().unwrap();
    setup.wait(10);
    let late = db.snapshot().unwrap();
    assert_eq!(early.seqno(), late.seqno());
    for _ in 0..3 {
        for (snapshot, there) in [(&early, true), (&late, false)] {
            assert_eq!(snapshot.get("a").unwrap().is_some(), there);
            assert_eq!(snapshot.get_in(&other, "b").unwrap().is_some(), there);
            assert_eq!(snapshot.contains_in(&other, "b").unwrap(), there);
            assert_eq!(snapshot.size_of("a").unwrap(), there.then_some(1));
            assert_eq!(snapshot.multi_get(["a"]).unwrap()[0].is_some(), there);
            assert_eq!(snapshot.contains_prefix("a").unwrap(), there);
            assert_eq!(snapshot.scan::<&[u8]>(..).count(), usize::from(there));
            assert_eq!(snapshot.prefix_in(&other, "b").count(), usize::from(there));
        }
        assert_eq!(db.get("a").unwrap(), None);
        db.flush().unwrap();
        db.compact().unwrap();
    }
}

#[test]
fn merge_onto_a_value_that_expires_has_no_expiry() {
    let setup = Setup::new();
    let appending = || KeyspaceOptions::new().merge_operator(Arc::new(AppendOperator::new(",")));
    let db = setup.builder().keyspace("default", appending()).open().unwrap();
    db.put_with_ttl("list", "a", millis(10)).unwrap();
    db.merge("list", "b").unwrap();
    db.flush().unwrap();
    assert_eq!(db.get("list").unwrap().as_deref(), Some(b"a,b".as_slice()));
    setup.wait(10);
    assert_eq!(db.get("list").unwrap().as_deref(), Some(b"b".as_slice()));
    db.compact().unwrap();
    assert_eq!(db.get("list").unwrap().as_deref(), Some(b"b".as_slice()));
}

/// From the log, and from tables.
#[test]
fn changes_since_tells_values_that_expire() {
    let setup = Setup::new();
    let db = setup.open();
    db.set_feed_horizon(Some(0)).unwrap();
    db.put_with_ttl("a", "1", millis(10)).unwrap();
    db.put("b", "2").unwrap();
    setup.wait(20);
    let told = |db: &Database| {
        let changes = db.changes_since(0).unwrap().map(|change| change.unwrap().operation);
        changes.collect::<Vec<_>>()
    };
    let first = ChangeOperation::ExpiringPut { key: "a".into(), value: "1".into(), expires_at: START + 10 };
    assert_eq!(told(&db)[0], first);
    assert_eq!(told(&db).len(), 2);
}

#[test]
fn ingestion_takes_values_that_expire_and_statistics_count_them() {
    let setup = Setup::new();
    let db = setup.open();
    let keyspace = db.default_keyspace();
    keyspace.set_ttl(Some(millis(5))).unwrap();
    let mut load = keyspace.ingestion().unwrap();
    load.write_with_expiry("a", "1", START + 10).unwrap();
    load.write("b", "for ever, as the load says").unwrap();
    load.finish().unwrap();
    assert!(db.report().contains("values in tables that expire or have expired: 1"), "{}", db.report());
    assert!(db.prometheus().contains("esker_level_expiring{"), "{}", db.prometheus());
    assert_eq!(keys(db.iter()), "a b");
    setup.wait(10);
    assert_eq!(keys(db.iter()), "b");
    // What lies above all that the log has durably is not touched.
    keyspace.set_ttl(None).unwrap();
    db.put_with("c", "3", Durability::Sync).unwrap();
    db.compact().unwrap();
    assert!(!db.report().contains("values in tables that expire"), "{}", db.report());
    assert_eq!(keys(db.iter()), "b c");
}

#[test]
fn a_checkpoint_keeps_expiries_and_ttls() {
    let setup = Setup::new();
    let db = setup.open();
    db.default_keyspace().set_ttl(Some(millis(10))).unwrap();
    db.put("a", "1").unwrap();
    db.checkpoint("copy").unwrap();
    drop(db);
    let copy = Database::builder("copy")
        .fs(Arc::clone(&setup.fs))
        .clock(Arc::clone(&setup.clock) as Arc<dyn Clock>)
        .background_threads(0)
        .open()
        .unwrap();
    assert_eq!(copy.default_keyspace().ttl(), Some(millis(10)));
    assert_eq!(keys(copy.iter()), "a");
    setup.wait(10);
    assert_eq!(keys(copy.iter()), "");
}
