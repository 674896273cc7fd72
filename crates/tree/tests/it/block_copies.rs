//! Blocks that a compaction copies as they are stored (INV-COMPACT-8): it must copy them, only where nothing would change, and
//! never a damaged one.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use esker_env::fs::{Fs, OpenOptions};
use esker_env::memory::MemFs;
use esker_tree::{Codec, Config, LevelPolicy, SeqNo, SequenceNumberCounter, Tree};

const RECORDS: u64 = 4000;

/// A tree, and the number below which all is visible.
fn open(fs: &Arc<MemFs>, codec: Codec, block_size_bytes: u32) -> (Tree, SequenceNumberCounter) {
    let visible = SequenceNumberCounter::default();
    let tree = Config::new("tree", SequenceNumberCounter::default(), visible.clone())
        .with_shared_fs(Arc::clone(fs) as esker_env::fs::SharedFs)
        .data_block_size_policy(LevelPolicy::all(block_size_bytes))
        .data_block_compression_policy(LevelPolicy::new([Codec::None, codec]))
        .open()
        .unwrap();
    (tree, visible)
}

fn key(i: u64) -> String {
    format!("key{i:06}")
}

fn value(i: u64, round: u64) -> String {
    format!("{i}-{round}-").repeat(3 + (i % 4) as usize)
}

/// A settled tree of [`RECORDS`] even numbers.
fn settled(fs: &Arc<MemFs>, codec: Codec) -> (Tree, SequenceNumberCounter) {
    let (tree, visible) = open(fs, codec, 1 << 10);
    for i in 0..RECORDS {
        tree.insert(key(2 * i), value(2 * i, 0), i).unwrap();
    }
    merge(&tree, &visible);
    (tree, visible)
}

fn merge(tree: &Tree, visible: &SequenceNumberCounter) {
    visible.set(tree.get_highest_seqno().unwrap() + 1);
    tree.flush_active_memtable(SeqNo::MAX).unwrap();
    assert!(tree.major_compact(64 << 20, SeqNo::MAX).unwrap());
}

fn only_table(tree: &Tree) -> PathBuf {
    let mut tables = tree.tables();
    assert_eq!(tables.len(), 1);
    tables.remove(0).path
}

fn contents(fs: &MemFs, path: &Path) -> Vec<u8> {
    let file = fs.open(path, &OpenOptions::read_only()).unwrap();
    let mut bytes = vec![0; file.len().unwrap() as usize];
    file.read_exact_at(&mut bytes, 0).unwrap();
    bytes
}

/// How many blocks of `old` are in `new`, by their trailers, which hold a checksum of the block; and how many there are.
fn shared_blocks(old: &[u8], new: &[u8], codec: Codec) -> (usize, usize) {
    let start = [1, codec.id(), 0, 0, 0, 0, 0, 0];
    let trailers = |file: &[u8]| -> HashSet<Vec<u8>> {
        file.windows(20).filter(|window| window.starts_with(&start)).map(<[u8]>::to_vec).collect()
    };
    let old = trailers(old);
    (old.intersection(&trailers(new)).count(), old.len())
}

fn check(tree: &Tree, expected: impl Fn(u64) -> Option<String>) {
    assert!(tree.verify().is_sound());
    for i in 0..2 * RECORDS + 2 {
        let found = tree.get(key(i), SeqNo::MAX).unwrap();
        assert_eq!(found.as_deref(), expected(i).as_deref().map(str::as_bytes), "{i}");
    }
    let wanted = (0..2 * RECORDS + 2).filter(|&i| expected(i).is_some());
    let found = tree.iter(SeqNo::MAX).unwrap().map(|entry| entry.key().unwrap().to_vec());
    assert!(found.eq(wanted.map(|i| key(i).into_bytes())));
}

/// New records, overwritten and deleted ones here and there: all reads are right, counts and bounds too, and what lies between
/// is the same blocks as before. The block size has changed meanwhile, so blocks that were built again would all be others.
#[test]
fn what_nothing_touches_is_copied_and_the_rest_is_merged() {
    let codecs = [Codec::None, Codec::Lz4];
    for codec in codecs.into_iter().filter(|codec| codec.is_available()) {
        let fs = Arc::new(MemFs::new());
        let (tree, _) = settled(&fs, codec);
        let before = contents(&fs, &only_table(&tree));
        drop(tree);
        let (tree, visible) = open(&fs, codec, 1300);
        let mut seqno = RECORDS;
        let mut next = || {
            seqno += 1;
            seqno
        };
        for i in (0..RECORDS).step_by(500) {
            tree.insert(key(2 * i + 1), value(2 * i + 1, 1), next()).unwrap();
            tree.insert(key(2 * i + 100), value(2 * i + 100, 1), next()).unwrap();
            tree.remove(key(2 * i + 200), next()).unwrap();
        }
        merge(&tree, &visible);
        check(&tree, |i| match i % 1000 {
            1 | 100 if i < 2 * RECORDS => Some(value(i, 1)),
            200 => None,
            n if n % 2 == 0 && i < 2 * RECORDS => Some(value(i, 0)),
            _ => None,
        });
        let table = tree.tables().remove(0);
        assert_eq!(table.entries, RECORDS, "{codec:?}");
        assert_eq!((table.lowest_seqno, table.highest_seqno), (0, 0), "{codec:?}");
        let (found, of) = shared_blocks(&before, &contents(&fs, &only_table(&tree)), codec);
        assert!(of > 100 && found > of * 3 / 4, "{codec:?}: {found} of {of} blocks are there again");
        assert!(found < of - 8, "{codec:?}: those with changes are not");
    }
}

/// The versions of a key that ends a block and begins the next belong together: the second block is not copied alone.
#[test]
fn a_key_in_two_blocks_keeps_only_what_is_seen() {
    let fs = Arc::new(MemFs::new());
    let (tree, visible) = open(&fs, Codec::None, 1 << 10);
    let long = "x".repeat(700);
    let held = tree.snapshot(0).unwrap();
    for seqno in 0..20 {
        tree.insert("b", format!("{seqno}{long}"), seqno).unwrap();
    }
    tree.insert("a", &long, 20).unwrap();
    tree.flush_active_memtable(0).unwrap();
    assert_eq!(tree.tables()[0].entries, 21);
    drop(held);
    tree.insert("z", &long, 21).unwrap();
    tree.flush_active_memtable(0).unwrap();
    merge(&tree, &visible);
    assert_eq!(tree.tables()[0].entries, 3);
    assert!(tree.get("b", SeqNo::MAX).unwrap().unwrap().starts_with(b"19"));
}

/// A block that is damaged on disk is not copied into a new table as if it were good: the compaction fails and changes nothing.
#[test]
fn a_damaged_block_is_never_copied() {
    let fs = Arc::new(MemFs::new());
    let (tree, _visible) = settled(&fs, Codec::None);
    let path = only_table(&tree);
    tree.insert(key(1), "new", RECORDS).unwrap();
    tree.flush_active_memtable(SeqNo::MAX).unwrap();
    let at = contents(&fs, &path).len() as u64 / 2;
    let file = fs.open(&path, &OpenOptions::read_write()).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 1], at).unwrap();
    let error = tree.major_compact(64 << 20, SeqNo::MAX).unwrap_err();
    assert_eq!(error.kind(), esker_tree::ErrorKind::Corruption, "{error}");
    assert_eq!(tree.tables().len(), 2);
}
