//! Prefix extractors and comparators of keyspaces: stored by name, asked for at open, and in force after a recovery.

use std::cmp::Ordering;
use std::sync::Arc;

use esker::{
    ByteOrder, Database, DelimitedPrefix, Error, ErrorKind, FixedPrefix, KeyspaceOptions, PrefixExtractor,
    UserComparator,
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

/// An extractor of a user's own: the first byte.
struct Initial(&'static str);

impl PrefixExtractor for Initial {
    fn name(&self) -> &str {
        self.0
    }

    fn prefixes<'k>(&self, key: &'k [u8]) -> Box<dyn Iterator<Item = &'k [u8]> + 'k> {
        Box::new(key.get(..1).into_iter())
    }
}

fn initial(name: &'static str) -> KeyspaceOptions {
    KeyspaceOptions::new().prefix_extractor(Arc::new(Initial(name)))
}

fn plain() -> KeyspaceOptions {
    KeyspaceOptions::new()
}

fn is_refused<T>(result: esker::Result<T>, stored: Option<&str>, given: Option<&str>) -> bool {
    let error = result.err().expect("a refusal");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert!(error.to_string().contains("words"), "{error}");
    matches!(&error, Error::WrongPrefixExtractor { keyspace, stored: s, given: g }
        if keyspace == "words" && s.as_deref() == stored && g.as_deref() == given)
}

#[test]
fn prefix_extractor_is_asked_for_by_name_when_a_database_opens() {
    // INV-KEYSPACE-7
    let fs = Arc::new(MemFs::new());
    let db = builder(&fs).open().unwrap();
    let words = db.keyspace("words", initial("test.initial")).unwrap();
    words.put("apple", "1").unwrap();
    assert!(is_refused(db.keyspace("words", plain()), Some("test.initial"), None));
    assert!(is_refused(db.keyspace("words", initial("other")), Some("test.initial"), Some("other")));
    assert!(db.keyspace("words", initial("test.initial")).is_ok());
    drop((words, db));
    assert!(is_refused(builder(&fs).open(), Some("test.initial"), None));
    let other = builder(&fs).keyspace("words", initial("other")).open();
    assert!(is_refused(other, Some("test.initial"), Some("other")));
    let db = builder(&fs)
        .keyspace_resolver(|name| if name == "words" { initial("test.initial") } else { plain() });
    let words = db.open().unwrap().keyspace("words", initial("test.initial")).unwrap();
    assert_eq!(words.prefix("a").count(), 1);
}

#[test]
fn prefix_extractor_can_be_given_to_a_keyspace_that_has_none() {
    let fs = Arc::new(MemFs::new());
    let db = builder(&fs).open().unwrap();
    db.keyspace("words", plain()).unwrap().put("apple", "1").unwrap();
    // It could not take effect now.
    assert!(is_refused(db.keyspace("words", initial("test.initial")), None, Some("test.initial")));
    drop(db);
    let db = builder(&fs).keyspace("words", initial("test.initial")).open().unwrap();
    db.keyspace("words", initial("test.initial")).unwrap().put("banana", "1").unwrap();
    drop(db);
    assert!(is_refused(builder(&fs).open(), Some("test.initial"), None));
    let db = builder(&fs).keyspace("words", initial("test.initial")).open().unwrap();
    assert_eq!(db.keyspace("words", initial("test.initial")).unwrap().iter().count(), 2);
}

#[test]
fn ready_made_prefix_extractors_need_not_be_named_again() {
    let fs = Arc::new(MemFs::new());
    let fixed = || plain().prefix_extractor(Arc::new(FixedPrefix::new(2)));
    let db = builder(&fs).open().unwrap();
    db.keyspace("words", fixed()).unwrap().put("apple", "1").unwrap();
    assert!(db.keyspace("words", plain()).is_ok());
    drop(db);
    let delimited = plain().prefix_extractor(Arc::new(DelimitedPrefix::new(b'/', 1)));
    let refused = builder(&fs).keyspace("words", delimited).open();
    assert!(is_refused(refused, Some("esker.fixed(2)"), Some("esker.delimited(47,1)")));
    let db = builder(&fs).open().unwrap();
    let words = db.keyspace("words", plain()).unwrap();
    assert_eq!((words.prefix("ap").count(), words.prefix("ba").count()), (1, 0));
}

/// What recovery puts into memtables and tables is found by prefix, in both.
#[test]
fn prefix_scans_are_right_after_a_recovery() {
    let fs = Arc::new(MemFs::new());
    let options = || plain().prefix_extractor(Arc::new(DelimitedPrefix::new(b'/', 1)));
    for round in 0..4 {
        let db = builder(&fs).keyspace("words", options()).open().unwrap();
        let words = db.keyspace("words", options()).unwrap();
        for folder in 0..50 {
            assert_eq!(words.prefix(format!("{folder:02}/")).count(), round, "{folder} in round {round}");
            words.put(format!("{folder:02}/{round}"), "v").unwrap();
        }
        if round % 2 == 0 {
            db.flush().unwrap();
        }
        assert_eq!(words.prefix("50/").count(), 0);
        assert_eq!(db.snapshot().unwrap().prefix_in(&words, "07/").count(), round + 1);
    }
}

/// Byte order under a name of the user's own.
struct MyBytes;

impl UserComparator for MyBytes {
    fn name(&self) -> &str {
        "test.my-bytes"
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        a.cmp(b)
    }

    fn is_lexicographic(&self) -> bool {
        true
    }
}

/// The tree took a lexicographic comparator for byte order, and the catalog went by its name: such a keyspace did not open as what it
/// is.
#[test]
fn comparator_that_is_lexicographic_is_byte_order_by_any_name() {
    let fs = Arc::new(MemFs::new());
    let db = builder(&fs).open().unwrap();
    let words = db.keyspace("words", plain().comparator(Arc::new(MyBytes))).unwrap();
    words.put("apple", "1").unwrap();
    drop((words, db));
    let db = builder(&fs).open().unwrap();
    for options in [plain(), plain().comparator(Arc::new(ByteOrder)), plain().comparator(Arc::new(MyBytes))] {
        assert_eq!(
            db.keyspace("words", options).unwrap().get("apple").unwrap().as_deref(),
            Some(b"1".as_slice())
        );
    }
}
