//! Merge operators and compaction filters of keyspaces.

use std::sync::Arc;

use esker::{
    AppendOperator, CompactionFilter, CompactionFilterFactory, CounterOperator, Database, Error, ErrorKind,
    FilterContext, FilterItem, KeyspaceOptions, MaxOperator, Verdict,
};
use esker_env::fs::Fs;
use esker_env::memory::MemFs;

fn builder(fs: &Arc<MemFs>) -> esker::Builder {
    Database::builder("/db")
        .fs(Arc::clone(fs) as Arc<dyn Fs>)
        .memory_budget(16 << 20)
        .background_threads(0)
        .log_segment_bytes(1 << 20)
}

fn counters() -> KeyspaceOptions {
    KeyspaceOptions::new().merge_operator(Arc::new(CounterOperator))
}

fn text() -> KeyspaceOptions {
    KeyspaceOptions::new().merge_operator(Arc::new(AppendOperator::new(",")))
}

fn one() -> [u8; 8] {
    1u64.to_le_bytes()
}

/// Operands come back from the log in their order, those of one batch too, and are folded by the operator that the builder names.
#[test]
fn merge_survives_a_reopening_of_the_log() {
    let fs = Arc::new(MemFs::new());
    let open = || builder(&fs).keyspace("default", text()).keyspace("visits", counters()).open().unwrap();
    let db = open();
    let visits = db.keyspace("visits", counters()).unwrap();
    db.put("list", "a").unwrap();
    db.merge("list", "b").unwrap();
    let snapshot = db.snapshot().unwrap();
    let mut batch = db.batch();
    batch.merge("list", "c");
    batch.merge("list", "d");
    batch.merge_in(&visits, "home", one());
    batch.put("other", "x");
    batch.merge("other", "y");
    batch.single_delete("none");
    assert_eq!(batch.len(), 6);
    batch.commit().unwrap();
    visits.merge_with("home", one(), esker::Durability::Sync).unwrap();
    let check = |db: &Database| {
        let visits = db.keyspace("visits", counters()).unwrap();
        assert_eq!(CounterOperator::count(&visits.get("home").unwrap().unwrap()), Ok(2));
        assert_eq!(db.get("list").unwrap().as_deref(), Some(b"a,b,c,d".as_slice()));
        let all: Vec<_> = db.iter().map(|entry| entry.unwrap()).collect();
        assert_eq!(all.len(), 2);
        assert_eq!(&*all[1].1, b"x,y");
        assert!(db.contains("other").unwrap());
    };
    check(&db);
    assert_eq!(snapshot.get("list").unwrap().as_deref(), Some(b"a,b".as_slice()));
    drop((snapshot, visits, db));
    let db = open();
    check(&db);
    db.flush().unwrap();
    db.compact().unwrap();
    check(&db);
    drop(db);
    check(&open());
}

#[test]
fn merge_without_operator_writes_nothing() {
    let fs = Arc::new(MemFs::new());
    let db = builder(&fs).open().unwrap();
    let before = db.snapshot().unwrap().seqno();
    let refused = |result: esker::Result<()>| {
        let error = result.unwrap_err();
        assert!(matches!(&error, Error::NoMergeOperator { keyspace } if keyspace == "default"), "{error}");
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    };
    refused(db.merge("key", "operand"));
    let mut batch = db.batch();
    batch.put("key", "value");
    batch.merge("key", "operand");
    refused(batch.commit());
    let mut batch = db.batch();
    batch.merge_in(&db.default_keyspace(), "key", "operand");
    refused(batch.commit());
    assert_eq!(db.snapshot().unwrap().seqno(), before);
    assert_eq!(db.get("key").unwrap(), None);
}

/// INV-KEYSPACE-7.
#[test]
fn merge_operator_is_asked_for_by_name_when_a_database_opens() {
    let fs = Arc::new(MemFs::new());
    let refused = |result: esker::Result<()>, stored: Option<&str>, given: Option<&str>| {
        let error = result.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
        let Error::WrongMergeOperator { keyspace, stored: s, given: g } = &error else { panic!("{error}") };
        assert_eq!((keyspace.as_str(), s.as_deref(), g.as_deref()), ("visits", stored, given));
        assert!(error.to_string().contains("visits"), "{error}");
    };
    let db = builder(&fs).open().unwrap();
    db.keyspace("visits", KeyspaceOptions::new()).unwrap();
    refused(db.keyspace("visits", counters()).map(drop), None, Some("esker.counter"));
    drop(db);
    // One that had none may get one, before anything is logged for it.
    let db = builder(&fs).keyspace("visits", counters()).open().unwrap();
    let visits = db.keyspace("visits", counters()).unwrap();
    visits.merge("home", one()).unwrap();
    let max = || KeyspaceOptions::new().merge_operator(Arc::new(MaxOperator));
    refused(db.keyspace("visits", KeyspaceOptions::new()).map(drop), Some("esker.counter"), None);
    refused(db.keyspace("visits", max()).map(drop), Some("esker.counter"), Some("esker.max"));
    drop((visits, db));
    refused(builder(&fs).open().map(drop), Some("esker.counter"), None);
    refused(
        builder(&fs).keyspace("visits", max()).open().map(drop),
        Some("esker.counter"),
        Some("esker.max"),
    );
    let db = builder(&fs).keyspace_resolver(|name| if name == "visits" { counters() } else { text() });
    let visits = db.open().unwrap().keyspace("visits", counters()).unwrap();
    assert_eq!(CounterOperator::count(&visits.get("home").unwrap().unwrap()), Ok(1));
}

#[test]
fn merge_that_fails_names_keyspace_and_key() {
    let fs = Arc::new(MemFs::new());
    let db = builder(&fs).keyspace("default", counters()).open().unwrap();
    db.merge("a", one()).unwrap();
    db.merge("b", "no counter").unwrap();
    let error = db.get("b").unwrap_err();
    assert!(
        matches!(&error, Error::MergeFailed { keyspace, key, .. } if keyspace == "default" && &**key == b"b"),
        "{error}"
    );
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    // Neither flushes nor compactions mind.
    db.flush().unwrap();
    db.compact().unwrap();
    assert!(matches!(db.get("b"), Err(Error::MergeFailed { .. })));
    assert!(db.get("a").unwrap().is_some());
    db.put("b", one()).unwrap();
    assert_eq!(CounterOperator::count(&db.get("b").unwrap().unwrap()), Ok(1));
}

/// Removes what is expired.
#[derive(Clone)]
struct Expired;

impl CompactionFilterFactory for Expired {
    fn name(&self) -> &'static str {
        "expired"
    }

    fn make_filter(&self, _: FilterContext) -> Box<dyn CompactionFilter> {
        Box::new(self.clone())
    }
}

impl CompactionFilter for Expired {
    fn filter_item(&mut self, item: FilterItem<'_>) -> Verdict {
        if item.value() == b"expired" { Verdict::Remove } else { Verdict::Keep }
    }
}

#[test]
fn compaction_filter_removes_what_no_snapshot_sees() {
    let fs = Arc::new(MemFs::new());
    let options = KeyspaceOptions::new().compaction_filter(Arc::new(Expired));
    let db = builder(&fs).keyspace("default", options).open().unwrap();
    db.put("a", "expired").unwrap();
    db.put("b", "fresh").unwrap();
    let snapshot = db.snapshot().unwrap();
    db.put("c", "expired").unwrap();
    db.compact().unwrap();
    let keys = || db.iter().map(|entry| entry.unwrap().0.to_vec()).collect::<Vec<_>>();
    assert_eq!(keys(), [b"a", b"b"]);
    drop(snapshot);
    db.compact().unwrap();
    assert_eq!(keys(), [b"b"]);
}

/// What the contract allows, through the log and back.
#[test]
fn single_delete_reads_as_a_delete_and_leaves_nothing() {
    let fs = Arc::new(MemFs::new());
    let db = builder(&fs).open().unwrap();
    for round in 0..3 {
        db.put("key", format!("value {round}")).unwrap();
        if round == 1 {
            db.flush().unwrap();
        }
        db.single_delete("key").unwrap();
        assert_eq!(db.get("key").unwrap(), None);
        assert!(db.is_empty().unwrap());
    }
    drop(db);
    let db = builder(&fs).open().unwrap();
    assert_eq!(db.get("key").unwrap(), None);
    db.compact().unwrap();
    assert_eq!(db.get("key").unwrap(), None);
    let levels = db.stats().keyspaces.into_iter().flat_map(|keyspace| keyspace.levels);
    assert_eq!(levels.map(|level| level.size_bytes).sum::<u64>(), 0);
}
