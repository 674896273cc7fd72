//! By what a tree knows its files again: the checksum of each whole table.

use std::path::Path;
use std::sync::Arc;

use esker_env::fs::{Fs, OpenOptions, SharedFs};
use esker_env::memory::MemFs;
use esker_testkit::fault_fs::FaultFs;
use esker_tree::{
    Config, Error, IngestMode, IngestOptions, LevelRoute, SeqNo, SequenceNumberCounter, TableWriter, Tree,
};

use crate::files::{busy, config};

/// Of each table there is one, whatever way it came, and it outlives a reopen and the next manifests.
#[test]
fn tables_have_checksums_however_they_came() {
    let fs = FaultFs::new();
    let shared: SharedFs = Arc::new(fs.clone());
    let tree = busy(&fs, |config| config);
    let checksums = |tree: &Tree| {
        let tables = tree.tables();
        tables.iter().map(|table| (table.id, table.checksum.unwrap())).collect::<Vec<_>>()
    };
    let before = checksums(&tree);
    assert_eq!(before.len(), 3);
    assert!(tree.verify().is_sound());
    drop(tree);
    let deep = LevelRoute { levels: 6..7, path: "deep".into(), fs: Arc::clone(&shared) };
    let tree = config(&shared).level_routes(vec![deep]).open().unwrap();
    assert_eq!(checksums(&tree), before);
    let double = Config::new("/double", SequenceNumberCounter::default(), SequenceNumberCounter::default())
        .with_shared_fs(shared)
        .open()
        .unwrap();
    assert_eq!(checksums(&double), before);
    assert!(double.verify().is_sound());
}

#[test]
fn tables_that_were_ingested_have_the_checksum_that_their_writer_told() {
    let fs: SharedFs = Arc::new(MemFs::new());
    let mut writer = TableWriter::create("/sorted.table", &config(&fs)).unwrap();
    for i in 0..100 {
        writer.write(format!("key{i:05}"), "value").unwrap();
    }
    let told = writer.finish().unwrap().checksum;
    for (verify, expected) in [(true, Some(told)), (false, None)] {
        let tree = config(&fs).open().unwrap();
        tree.ingest_files(["/sorted.table"], IngestOptions { mode: IngestMode::Copy, verify }).unwrap();
        assert_eq!(tree.tables()[0].checksum, expected);
        assert!(tree.verify().is_sound());
        tree.clear().unwrap();
    }
}

/// INV-TREE-9. A file that came back from a backup: sound in every block, with the same keys, counts and bounds.
#[test]
fn tables_checksum_tells_a_sound_file_that_is_another() {
    let fs = Arc::new(MemFs::new());
    let shared: SharedFs = Arc::clone(&fs) as SharedFs;
    let write = |value: &str, path: &str| {
        let mut writer = TableWriter::create(path, &config(&shared)).unwrap();
        for i in 0..100 {
            writer.write(format!("key{i:05}"), value).unwrap();
        }
        writer.finish().unwrap()
    };
    let (old, new) = (write("old value", "/old.table"), write("new value", "/new.table"));
    assert_eq!(old.size_bytes, new.size_bytes);
    assert_ne!(old.checksum, new.checksum);
    let tree = config(&shared).open().unwrap();
    tree.ingest_files(["/new.table"], IngestOptions::default()).unwrap();
    let path = tree.tables()[0].path.clone();
    assert!(tree.verify().is_sound());
    drop(tree);
    let bytes = read(&fs, Path::new("/old.table"));
    fs.open(&path, &OpenOptions::read_write()).unwrap().write_all_at(&bytes, 0).unwrap();
    let tree = config(&shared).open().unwrap();
    assert_eq!(tree.get("key00001", SeqNo::MAX).unwrap().as_deref(), Some(b"old value".as_slice()));
    let report = tree.verify();
    let [damage] = report.damage.as_slice() else { panic!("{report:?}") };
    assert!(matches!(&damage.error, Error::Corrupt { .. }), "{damage:?}");
    assert!(damage.error.to_string().contains("checksum"), "{}", damage.error);
}

fn read(fs: &MemFs, path: &Path) -> Vec<u8> {
    let file = fs.open(path, &OpenOptions::read_only()).unwrap();
    let mut bytes = vec![0; file.len().unwrap() as usize];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}
