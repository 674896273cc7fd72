//! What lies in the folder of a tree: good files, foreign files, damaged files, files of somebody else.

use std::path::Path;
use std::sync::{Arc, Mutex};

use esker_env::fs::{Fs, OpenOptions};
use esker_env::memory::MemFs;
use esker_tree::{
    Cache, Config, EntryGuard, Error, ErrorKind, LevelPolicy, SeqNo, SequenceNumberCounter, Tree,
};

use crate::model::Reversed;

fn config(fs: &Arc<MemFs>) -> Config {
    Config::new("tree", SequenceNumberCounter::default(), SequenceNumberCounter::default())
        .with_shared_fs(Arc::clone(fs) as esker_env::fs::SharedFs)
}

fn filled(fs: &Arc<MemFs>) -> Tree {
    let tree = config(fs).open().unwrap();
    for i in 0..3000u64 {
        tree.insert(format!("key{i:05}"), vec![b'v'; 50], i).unwrap();
    }
    tree.flush_active_memtable(0).unwrap();
    tree
}

fn write(fs: &MemFs, name: &str, bytes: &[u8]) {
    let file = fs.open(&Path::new("tree").join(name), &OpenOptions::create()).unwrap();
    file.write_all_at(bytes, 0).unwrap();
}

fn names(fs: &MemFs) -> Vec<String> {
    fs.read_dir(Path::new("tree")).unwrap().into_iter().map(|e| e.name.into_string().unwrap()).collect()
}

#[test]
fn keys_and_values_of_all_sizes_come_back() {
    let fs = Arc::new(MemFs::new());
    let tree = config(&fs).data_block_size_policy(LevelPolicy::all(4 << 10)).open().unwrap();
    let long_key = vec![b'k'; 65_535];
    let long_value = vec![b'v'; 5 << 20];
    let entries: [(&[u8], &[u8]); 5] =
        [(b"", b"empty key"), (b"\0", b""), (b"a", &long_value), (&long_key, b"long key"), (b"z", b"last")];
    for (seqno, (key, value)) in entries.iter().enumerate() {
        tree.insert(key, value, seqno as u64).unwrap();
    }
    for round in 0..3 {
        for (key, value) in entries {
            assert_eq!(tree.get(key, SeqNo::MAX).unwrap().as_deref(), Some(value), "round {round}");
        }
        assert_eq!(tree.len(SeqNo::MAX).unwrap(), 5);
        assert_eq!(tree.iter(SeqNo::MAX).unwrap().rev().count(), 5);
        tree.flush_active_memtable(0).unwrap();
    }
    assert!(tree.verify().is_sound());
    assert!(matches!(tree.insert(vec![0; 65_536], "x", 9), Err(Error::KeyTooLong { len: 65_536 })));
}

/// Versions of one key that fill many blocks: every one of them is found at its bound.
#[test]
fn versions_of_one_key_may_fill_many_blocks() {
    let fs = Arc::new(MemFs::new());
    let tree = config(&fs).data_block_size_policy(LevelPolicy::all(256)).open().unwrap();
    for seqno in 0..500u64 {
        tree.insert("key", seqno.to_string(), seqno).unwrap();
    }
    tree.insert("a", "before", 500).unwrap();
    tree.insert("z", "after", 501).unwrap();
    let _held = tree.snapshot(1).unwrap();
    tree.flush_active_memtable(0).unwrap();
    assert!(tree.tables()[0].data_blocks > 20);
    for seqno in 0..500u64 {
        let value = tree.get("key", seqno + 1).unwrap();
        assert_eq!(value.as_deref(), Some(seqno.to_string().as_bytes()));
    }
    let all: Vec<_> = tree.iter(SeqNo::MAX).unwrap().map(|entry| entry.key().unwrap().to_vec()).collect();
    assert_eq!(all, [b"a".to_vec(), b"key".to_vec(), b"z".to_vec()]);
    let mut range = tree.range("b"..="key", 250).unwrap();
    assert_eq!(range.next_back().unwrap().value().unwrap().as_ref() as &[u8], b"249");
}

#[test]
fn a_reopened_tree_holds_what_was_flushed() {
    let fs = Arc::new(MemFs::new());
    let floor = filled(&fs).replay_floor();
    assert_eq!(floor, 3000);
    let tree = config(&fs).open().unwrap();
    assert_eq!(tree.len(SeqNo::MAX).unwrap(), 3000);
    assert_eq!((tree.replay_floor(), tree.get_highest_persisted_seqno()), (3000, Some(2999)));
    assert!(tree.verify().is_sound());
}

/// INV-TREE-4.
#[test]
fn foreign_files_are_left_alone_and_orphans_go() {
    let fs = Arc::new(MemFs::new());
    drop(filled(&fs));
    write(&fs, ".DS_Store", b"not ours");
    write(&fs, "notes.txt", b"not ours either");
    write(&fs, "999999.table", b"a table that no manifest names");
    write(&fs, "CURRENT.tmp", b"half written");
    let tree = config(&fs).open().unwrap();
    assert_eq!(tree.len(SeqNo::MAX).unwrap(), 3000);
    let names = names(&fs);
    assert!(names.contains(&".DS_Store".to_owned()) && names.contains(&"notes.txt".to_owned()));
    assert!(!names.contains(&"999999.table".to_owned()) && !names.contains(&"CURRENT.tmp".to_owned()));
    assert_eq!(names.iter().filter(|name| name.ends_with(".manifest")).count(), 1, "{names:?}");
}

#[test]
fn a_directory_of_somebody_else_is_refused_and_not_touched() {
    let fs = Arc::new(MemFs::new());
    fs.create_dir_all(Path::new("tree")).unwrap();
    write(&fs, "precious.doc", b"x");
    let error = config(&fs).open().unwrap_err();
    assert!(matches!(error, Error::NotATree { .. }), "{error}");
    assert_eq!(error.kind(), ErrorKind::InvalidInput);
    assert_eq!(names(&fs), ["precious.doc"]);
}

#[test]
fn a_second_opener_is_refused_until_the_first_lets_go() {
    let fs = Arc::new(MemFs::new());
    let tree = config(&fs).open().unwrap();
    assert_eq!(config(&fs).open().unwrap_err().kind(), ErrorKind::Locked);
    drop(tree);
    config(&fs).open().unwrap();
}

#[test]
fn another_comparator_is_refused_by_name() {
    let fs = Arc::new(MemFs::new());
    drop(filled(&fs));
    let error = config(&fs).comparator(Arc::new(Reversed)).open().unwrap_err();
    assert!(matches!(error, Error::WrongComparator { .. }), "{error}");
    assert_eq!(config(&fs).open().unwrap().len(SeqNo::MAX).unwrap(), 3000, "and nothing is lost");
}

fn flip(fs: &MemFs, name: &str, offset: u64) {
    let file = fs.open(&Path::new("tree").join(name), &OpenOptions::read_write()).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], offset).unwrap();
}

/// Damage anywhere in a table is an error that names the file, at open or when the block is read, and never an answer.
#[test]
fn damage_in_a_table_is_named_and_never_served() {
    let fs = Arc::new(MemFs::new());
    drop(filled(&fs));
    let table = names(&fs).into_iter().find(|name| name.ends_with(".table")).unwrap();
    let len = fs.metadata(&Path::new("tree").join(&table)).unwrap().len;
    for offset in (0..len).step_by(911).chain(len - 120..len) {
        flip(&fs, &table, offset);
        let damage = match config(&fs).open() {
            Err(error) => Some(error),
            Ok(tree) => {
                let report = tree.verify();
                let scan = tree.iter(SeqNo::MAX).unwrap().map(EntryGuard::into_inner).find_map(Result::err);
                assert_eq!(report.is_sound(), scan.is_none(), "at {offset}: {report:?}");
                scan
            }
        };
        let damage = damage.unwrap_or_else(|| panic!("a flipped bit at {offset} went unnoticed"));
        // A flipped bit in the footer's version number reads as a later version.
        let kind = damage.kind();
        assert!(matches!(kind, ErrorKind::Corruption | ErrorKind::Unsupported), "at {offset}: {damage}");
        assert!(damage.to_string().contains(&table), "{damage}");
        flip(&fs, &table, offset);
    }
    assert_eq!(config(&fs).open().unwrap().len(SeqNo::MAX).unwrap(), 3000);
}

#[test]
fn a_missing_or_shortened_table_fails_the_open() {
    let fs = Arc::new(MemFs::new());
    drop(filled(&fs));
    let table = names(&fs).into_iter().find(|name| name.ends_with(".table")).unwrap();
    let path = Path::new("tree").join(table);
    let file = fs.open(&path, &OpenOptions::read_write()).unwrap();
    let len = file.len().unwrap();
    file.set_len(len - 1).unwrap();
    assert_eq!(config(&fs).open().unwrap_err().kind(), ErrorKind::Corruption);
    fs.remove_file(&path).unwrap();
    assert!(matches!(config(&fs).open().unwrap_err(), Error::MissingFile { .. }));
}

/// INV-TREE-5: the manifest is written anew when it grows, and the old one goes.
#[test]
fn the_manifest_does_not_grow_for_ever() {
    let fs = Arc::new(MemFs::new());
    let tree = config(&fs).manifest_rotate_bytes(1 << 10).open().unwrap();
    for i in 0..50u64 {
        tree.insert(format!("key{i}"), "value", i).unwrap();
        tree.flush_active_memtable(0).unwrap();
        let names = names(&fs);
        assert_eq!(names.iter().filter(|name| name.ends_with(".manifest")).count(), 1, "{names:?}");
    }
    drop(tree);
    assert_eq!(config(&fs).open().unwrap().len(SeqNo::MAX).unwrap(), 50);
}

/// INV-TREE-3: files of inputs go once nobody reads them, not before.
#[test]
fn the_files_of_replaced_tables_go_with_their_last_reader() {
    let fs = Arc::new(MemFs::new());
    let tree = config(&fs).open().unwrap();
    for round in 0..6u64 {
        for i in 0..100u64 {
            tree.insert(format!("key{i:03}"), "value", round * 100 + i).unwrap();
        }
        tree.flush_active_memtable(0).unwrap();
    }
    let tables = |fs: &MemFs| names(fs).iter().filter(|name| name.ends_with(".table")).count();
    let mut reader = tree.iter(SeqNo::MAX).unwrap();
    reader.next().unwrap().key().unwrap();
    let before = tables(&fs);
    while let Some(job) = tree.pick_compaction(true) {
        job.run(0, &esker_tree::CancelToken::default()).unwrap();
    }
    assert!(tables(&fs) > tree.tables().len(), "the reader still holds {before} files");
    assert_eq!(reader.count(), 99);
    assert_eq!(tables(&fs), tree.tables().len());
}

/// INV-TREE-3: with a deleter of the caller's own, files go when it says; what it leaves is deleted by the next open.
#[test]
fn delete_files_with_hands_replaced_files_over() {
    let fs = Arc::new(MemFs::new());
    let waiting = Arc::new(Mutex::new(Vec::new()));
    let to_wait = Arc::clone(&waiting);
    let tree = config(&fs).delete_files_with(move |file| to_wait.lock().unwrap().push(file)).open().unwrap();
    for round in 0..4u64 {
        tree.insert("key", "value", round).unwrap();
        tree.flush_active_memtable(0).unwrap();
    }
    let tables = |fs: &MemFs| names(fs).iter().filter(|name| name.ends_with(".table")).count();
    tree.major_compact(1 << 20, SeqNo::MAX).unwrap();
    assert_eq!((tables(&fs), tree.tables().len()), (5, 1));
    let file = waiting.lock().unwrap().pop().unwrap();
    let path = file.path().to_path_buf();
    assert!(fs.exists(&path).unwrap());
    file.run();
    assert!(!fs.exists(&path).unwrap());
    drop(tree);
    waiting.lock().unwrap().clear();
    assert_eq!(tables(&fs), 4);
    let tree = config(&fs).open().unwrap();
    assert_eq!((tables(&fs), tree.len(SeqNo::MAX).unwrap()), (1, 1));
}

/// Keys that are looked up side by side get what each would alone: over memtables, several runs, tombstones, versions that
/// fill several blocks, absent keys, repeated keys, and blocks that are not cached.
#[test]
fn many_keys_at_once_get_what_each_gets_alone() {
    for (cache_bytes, shape) in
        [(0, "k"), (64 << 20, "k"), (64 << 20, "a long prefix that all of the keys share/")]
    {
        let fs = Arc::new(MemFs::new());
        let cache = Arc::new(Cache::with_capacity_bytes(cache_bytes));
        let tree = config(&fs).use_cache(cache).data_block_size_policy(LevelPolicy::all(512)).open().unwrap();
        let key = |i: u64| format!("{shape}{i:04}");
        let held = tree.snapshot(1).unwrap();
        let mut seqno = 0;
        for round in 0..4u64 {
            for i in (0..2000).filter(|i| i % (round + 2) == 0) {
                if (i + round) % 7 == 0 {
                    tree.remove(key(i), seqno).unwrap();
                } else {
                    tree.insert(key(i), format!("{round}@{seqno}"), seqno).unwrap();
                }
                seqno += 1;
            }
            for _ in 0..100 {
                tree.insert(key(6), format!("{round}@{seqno}, of many"), seqno).unwrap();
                seqno += 1;
            }
            if round < 3 {
                tree.flush_active_memtable(0).unwrap();
            }
        }
        drop(held);
        let keys: Vec<_> = (0..2100).map(|i| key(i * 1103 % 2100)).chain([key(6), key(6)]).collect();
        for bound in [seqno / 3, seqno / 2, SeqNo::MAX] {
            for keys in [&keys[..], &keys[..1], &keys[1000..1013], &[]] {
                let alone: Vec<_> = keys.iter().map(|key| tree.get(key, bound).unwrap()).collect();
                assert_eq!(tree.multi_get(keys, bound).unwrap(), alone, "{cache_bytes} {shape} {bound}");
            }
        }
    }
}

/// INV-SCAN-1: behind the end a range used to lend the entry that it had stopped at, which lies outside.
#[test]
fn a_range_lends_nothing_outside_of_it() {
    let tree = filled(&Arc::new(MemFs::new()));
    let mut range = tree.range("key00010"..="key00012", SeqNo::MAX).unwrap();
    while range.advance().unwrap() {}
    assert_eq!(range.front(), None);
    let mut range = tree.range("key00010"..="key00012", SeqNo::MAX).unwrap();
    while range.advance_back().unwrap() {}
    assert_eq!(range.back(), None);
}
