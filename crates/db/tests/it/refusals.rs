//! What must be refused, with the kind that tells the caller what to do, and nothing touched.

use std::cmp::Ordering;
use std::path::Path;
use std::sync::Arc;

use esker::{Database, Error, ErrorKind, KeyspaceOptions, UserComparator};
use esker_env::fs::{Fs, OpenOptions};
use esker_env::memory::MemFs;

fn kind<T>(result: esker::Result<T>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind())
}

fn builder(fs: &Arc<MemFs>) -> esker::Builder {
    Database::builder("/db").fs(Arc::clone(fs) as Arc<dyn Fs>).memory_budget(16 << 20)
}

fn write_file(fs: &MemFs, path: &str, bytes: &[u8]) {
    let file = fs.open(Path::new(path), &OpenOptions::create()).unwrap();
    file.write_all_at(bytes, 0).unwrap();
}

/// Descending byte order.
struct Reversed;

impl UserComparator for Reversed {
    fn name(&self) -> &str {
        "reversed"
    }
    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        b.cmp(a)
    }
}

fn reversed() -> KeyspaceOptions {
    KeyspaceOptions::new().comparator(Arc::new(Reversed))
}

#[test]
fn oversized_keys_and_foreign_names() {
    let fs = Arc::new(MemFs::new());
    let db = builder(&fs).open().unwrap();
    assert_eq!(kind(db.put(vec![0; 65_536], "v")), Some(ErrorKind::InvalidInput));
    assert_eq!(kind(db.put(vec![0; 65_535], "v")), None);
    for name in ["", "tab\tbed", &"x".repeat(256)] {
        let refused = db.keyspace(name, KeyspaceOptions::new());
        assert!(matches!(refused, Err(Error::InvalidKeyspaceName { .. })), "{name:?}");
    }
    assert_eq!(kind(db.drop_keyspace("default")), Some(ErrorKind::InvalidInput));
    let other = Database::builder("/other").fs(Arc::clone(&fs) as Arc<dyn Fs>).open().unwrap();
    let mut batch = other.batch();
    batch.put_in(&db.default_keyspace(), "k", "v");
    assert!(matches!(batch.commit(), Err(Error::ForeignHandle { .. })));
    assert!(matches!(
        other.snapshot().unwrap().get_in(&db.default_keyspace(), "k"),
        Err(Error::ForeignHandle { .. })
    ));
}

#[test]
fn a_missing_directory_and_a_second_opener() {
    // INV-LIFE-1
    let fs = Arc::new(MemFs::new());
    assert_eq!(kind(builder(&fs).create_if_missing(false).open()), Some(ErrorKind::NotFound));
    assert!(!fs.exists(Path::new("/db")).unwrap(), "nothing was made");
    let db = builder(&fs).open().unwrap();
    assert_eq!(kind(builder(&fs).open()), Some(ErrorKind::Locked));
    db.close().unwrap();
    assert!(builder(&fs).create_if_missing(false).open().is_ok(), "closing lets go at once");
}

#[test]
fn a_directory_of_others_is_left_alone() {
    // INV-RECOVER-6
    let fs = Arc::new(MemFs::new());
    fs.create_dir_all(Path::new("/db")).unwrap();
    write_file(&fs, "/db/letters.txt", b"dear");
    let refused = builder(&fs).open();
    assert!(matches!(&refused, Err(Error::NotADatabase { found, .. }) if found.ends_with("letters.txt")));
    assert_eq!(fs.read_dir(Path::new("/db")).unwrap().len(), 1, "not even a lock");
}

#[test]
fn foreign_files_beside_a_database_are_no_obstacle() {
    let fs = Arc::new(MemFs::new());
    builder(&fs).open().unwrap().put("k", "v").unwrap();
    for name in ["/db/.DS_Store", "/db/keyspaces/.DS_Store", "/db/keyspaces/000001/.DS_Store", "/db/1.log"] {
        write_file(&fs, name, b"junk");
    }
    let db = builder(&fs).open().unwrap();
    assert!(db.contains("k").unwrap());
    assert!(fs.exists(Path::new("/db/.DS_Store")).unwrap() && fs.exists(Path::new("/db/1.log")).unwrap());
}

#[test]
fn a_keyspace_opens_only_under_its_comparator() {
    // INV-KEYSPACE-7
    let fs = Arc::new(MemFs::new());
    let db = builder(&fs).open().unwrap();
    let words = db.keyspace("words", reversed()).unwrap();
    for word in ["a", "b", "c"] {
        words.put(word, word).unwrap();
    }
    assert_eq!(
        words.prefix("a").map(|entry| entry.unwrap().0).collect::<Vec<_>>(),
        ["a".into()] as [esker::UserKey; 1]
    );
    assert!(matches!(db.keyspace("words", KeyspaceOptions::new()), Err(Error::WrongComparator { .. })));
    drop((words, db));
    let refused = builder(&fs).open();
    assert!(matches!(&refused, Err(Error::WrongComparator { keyspace, .. }) if keyspace == "words"));
    for builder in [
        builder(&fs).keyspace("words", reversed()),
        builder(&fs).keyspace_resolver(
            |name| {
                if name == "words" { reversed() } else { KeyspaceOptions::new() }
            },
        ),
    ] {
        let db = builder.open().unwrap();
        let words = db.keyspace("words", reversed()).unwrap();
        let order: Vec<_> = words.iter().map(|entry| entry.unwrap().0.to_vec()).collect();
        assert_eq!(order, [b"c", b"b", b"a"]);
    }
}

#[test]
fn missing_or_damaged_files_are_named() {
    // INV-KEYSPACE-3
    let fs = Arc::new(MemFs::new());
    let db = builder(&fs).open().unwrap();
    db.put("k", "v").unwrap();
    drop(db);
    let current = Path::new("/db/keyspaces/000001/CURRENT");
    fs.rename(current, Path::new("/db/keyspaces/000001/away")).unwrap();
    let refused = builder(&fs).open();
    assert!(matches!(&refused, Err(Error::Corruption { path, .. }) if path == current), "{refused:?}");
    fs.rename(Path::new("/db/keyspaces/000001/away"), current).unwrap();
    fs.rename(Path::new("/db/CURRENT"), Path::new("/db/away")).unwrap();
    let refused = builder(&fs).open();
    assert!(refused.is_err(), "a database without a catalog is not made anew");
    fs.rename(Path::new("/db/away"), Path::new("/db/CURRENT")).unwrap();
    assert!(builder(&fs).open().unwrap().contains("k").unwrap());
}

#[test]
fn a_later_version_is_unsupported() {
    let fs = Arc::new(MemFs::new());
    drop(builder(&fs).open().unwrap());
    let file = fs.open(Path::new("/db/CURRENT"), &OpenOptions::read_write()).unwrap();
    file.write_all_at(&9u32.to_le_bytes(), 8).unwrap();
    assert_eq!(kind(builder(&fs).open()), Some(ErrorKind::Unsupported));
}

#[test]
fn options_that_cannot_work() {
    let fs = Arc::new(MemFs::new());
    assert_eq!(kind(builder(&fs).memory_budget(1).open()), Some(ErrorKind::InvalidInput));
    assert_eq!(kind(builder(&fs).max_wal_bytes(1).open()), Some(ErrorKind::InvalidInput));
    assert!(!fs.exists(Path::new("/db")).unwrap());
}

#[test]
fn a_batch_over_the_limit() {
    // INV-COMMIT-9
    let fs = Arc::new(MemFs::new());
    let db = builder(&fs).max_batch_bytes(64 << 10).open().unwrap();
    let mut batch = db.batch();
    for i in 0..100u32 {
        batch.put(i.to_be_bytes(), vec![0; 1000]);
    }
    assert!(matches!(batch.commit(), Err(Error::BatchTooLarge { .. })));
    assert!(db.is_empty().unwrap());
    db.put("large", vec![1; 200 << 10]).unwrap();
    drop(db);
    let value = builder(&fs).open().unwrap().get("large").unwrap().unwrap();
    assert_eq!(value.len(), 200 << 10);
}

/// Ordered as it likes to be called.
struct Named(String);

impl UserComparator for Named {
    fn name(&self) -> &str {
        &self.0
    }
    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        b.cmp(a)
    }
}

/// A name that the catalog could not hold is refused before there is a catalog, or a folder for the keyspace.
#[test]
fn names_that_cannot_be_stored() {
    let named = |len| KeyspaceOptions::new().comparator(Arc::new(Named("n".repeat(len))));
    for len in [0, 1025] {
        let fs = Arc::new(MemFs::new());
        let refused = builder(&fs).keyspace("words", named(len)).open();
        assert!(matches!(&refused, Err(Error::InvalidOption { option: "comparator", .. })), "{refused:?}");
        assert!(!fs.exists(Path::new("/db")).unwrap(), "nothing was touched");
        let db = builder(&fs).open().unwrap();
        assert_eq!(kind(db.keyspace("words", named(len))), Some(ErrorKind::InvalidInput));
        assert_eq!(fs.read_dir(Path::new("/db/keyspaces")).unwrap().len(), 1, "no folder was made");
        assert_eq!(db.keyspaces(), ["default"]);
        let words = db.keyspace("words", named(1024)).unwrap();
        words.put("a", "").unwrap();
        drop((words, db));
        let db = builder(&fs).keyspace("words", named(1024)).open().unwrap();
        assert!(db.keyspace("words", named(1024)).unwrap().contains("a").unwrap());
    }
}
