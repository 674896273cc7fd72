//! Indexes and filters in partitions, pinned and not: what is read and kept of them, and that lookups are right whatever it is.

use std::path::Path;
use std::sync::Arc;

use esker_env::fs::{Fs, OpenOptions};
use esker_env::memory::MemFs;
use esker_format::block::{BlockHandle, BlockType, decode_block};
use esker_format::partitions::Partitions;
use esker_format::table::{FOOTER_BYTES, Footer};
use esker_tree::{
    Cache, Config, ErrorKind, FilterPolicy, FilterPolicyEntry, LevelPolicy, SeqNo, SequenceNumberCounter,
    Tree,
};

const RECORDS: u64 = 30_000;

#[derive(Clone, Copy, Debug)]
struct Parts {
    index: bool,
    filter: bool,
    pinned: bool,
}

const ALL: [Parts; 6] = [
    Parts { index: true, filter: false, pinned: true },
    Parts { index: false, filter: true, pinned: true },
    Parts { index: true, filter: true, pinned: true },
    Parts { index: true, filter: false, pinned: false },
    Parts { index: false, filter: true, pinned: false },
    Parts { index: true, filter: true, pinned: false },
];

fn open(fs: &Arc<MemFs>, cache: &Arc<Cache>, parts: Parts) -> Tree {
    Config::new("tree", SequenceNumberCounter::default(), SequenceNumberCounter::default())
        .with_shared_fs(Arc::clone(fs) as esker_env::fs::SharedFs)
        .use_cache(Arc::clone(cache))
        .data_block_size_policy(LevelPolicy::all(256))
        .index_block_partitioning_policy(LevelPolicy::all(parts.index))
        .filter_block_partitioning_policy(LevelPolicy::all(parts.filter))
        .index_block_pinning_policy(LevelPolicy::all(parts.pinned))
        .filter_block_pinning_policy(LevelPolicy::all(parts.pinned))
        .partition_blocks(64)
        .open()
        .unwrap()
}

fn cache() -> Arc<Cache> {
    Arc::new(Cache::with_capacity_bytes(16 << 20))
}

fn key(i: u64) -> String {
    format!("key{i:05}")
}

/// One table of some thousand blocks, opened anew.
fn loaded(fs: &Arc<MemFs>, cache: &Arc<Cache>, parts: Parts) -> Tree {
    let tree = open(fs, cache, parts);
    for i in 0..RECORDS {
        tree.insert(key(i), "a value of some length", i).unwrap();
    }
    tree.flush_active_memtable(0).unwrap();
    drop(tree);
    assert_eq!(cache.stats().blocks, 0);
    open(fs, cache, parts)
}

fn check(tree: &Tree) {
    for i in (0..RECORDS).step_by(7) {
        assert!(tree.contains_key(key(i), SeqNo::MAX).unwrap(), "{i}");
        assert!(!tree.contains_key(format!("{}a", key(i)), SeqNo::MAX).unwrap(), "{i}");
    }
    assert!(!tree.contains_key("a", SeqNo::MAX).unwrap() && !tree.contains_key("z", SeqNo::MAX).unwrap());
    let keys: Vec<_> = (0..RECORDS).step_by(97).map(key).collect();
    assert!(tree.multi_get(&keys, SeqNo::MAX).unwrap().iter().all(Option::is_some));
    assert_eq!(tree.len(SeqNo::MAX).unwrap() as u64, RECORDS);
    assert_eq!(tree.iter(SeqNo::MAX).unwrap().rev().count() as u64, RECORDS);
    for i in (0..RECORDS).step_by(501) {
        let found = tree.range(key(i).as_str().., SeqNo::MAX).unwrap().next().unwrap().key().unwrap();
        assert_eq!(&*found, key(i).as_bytes());
    }
    let report = tree.verify();
    assert!(report.is_sound(), "{report:?}");
}

/// INV-PART-1
#[test]
fn partitioning_policies_read_and_keep_only_what_lookups_need() {
    for parts in ALL {
        let (fs, cache) = (Arc::new(MemFs::new()), cache());
        let tree = loaded(&fs, &cache, parts);
        let parts_read = || tree.metrics().parts_read.get();
        // A whole part that is not pinned is cached when its table is opened; of partitions nothing is.
        let whole = u64::from(!parts.pinned) * (u64::from(!parts.index) + u64::from(!parts.filter));
        assert_eq!((cache.stats().blocks, parts_read()), (whole, 0), "{parts:?}");
        let wanted = u64::from(!parts.pinned) * (u64::from(parts.index) + u64::from(parts.filter));
        assert!(tree.contains_key(key(12_345), SeqNo::MAX).unwrap());
        assert_eq!(parts_read(), wanted, "one partition of each, {parts:?}");
        assert!(tree.contains_key(key(12_346), SeqNo::MAX).unwrap());
        assert_eq!(parts_read(), wanted, "the same again, {parts:?}");
        assert!(!tree.contains_key("key20000a", SeqNo::MAX).unwrap());
        let more = parts_read() - wanted;
        assert_eq!(
            more,
            u64::from(!parts.pinned && parts.filter),
            "an absent key needs the filter, {parts:?}"
        );
        check(&tree);
        if !parts.pinned {
            cache.set_capacity_bytes(0);
            cache.set_capacity_bytes(16 << 20);
            check(&tree);
        }
        assert!(tree.major_compact(64 << 20, 0).unwrap());
        check(&tree);
    }
}

/// What a table keeps for itself without pinning: a whole part nothing, a partitioned one its directory.
#[test]
fn partitioning_policies_keep_directories() {
    let resident = |parts| {
        let tree = loaded(&Arc::new(MemFs::new()), &cache(), parts);
        let table = tree.tables().remove(0);
        (table.index_bytes, table.filter_bytes)
    };
    let whole = resident(Parts { index: false, filter: false, pinned: true });
    let pinned = resident(Parts { index: true, filter: true, pinned: true });
    let directories = resident(Parts { index: true, filter: true, pinned: false });
    assert_eq!(resident(Parts { index: false, filter: false, pinned: false }), (0, 0));
    assert!(pinned.0 >= whole.0 && pinned.1 >= whole.1, "{pinned:?} {whole:?}");
    assert!((1..whole.0 / 5).contains(&directories.0), "{directories:?} {whole:?}");
    assert!((1..whole.1 / 2).contains(&directories.1), "{directories:?} {whole:?}");
}

#[test]
fn partitioning_policies_differ_by_level_and_leave_small_tables_whole() {
    let index_kind = |compact, records| {
        let fs = Arc::new(MemFs::new());
        let below = || LevelPolicy::new([false, true]);
        let tree = Config::new("tree", SequenceNumberCounter::default(), SequenceNumberCounter::default())
            .with_shared_fs(Arc::clone(&fs) as esker_env::fs::SharedFs)
            .data_block_size_policy(LevelPolicy::all(256))
            .index_block_partitioning_policy(below())
            .filter_block_partitioning_policy(below())
            .partition_blocks(64)
            .open()
            .unwrap();
        for i in 0..records {
            tree.insert(key(i), "a value of some length", i).unwrap();
        }
        tree.flush_active_memtable(0).unwrap();
        if compact {
            assert!(tree.major_compact(64 << 20, 0).unwrap());
        }
        let path = tree.tables()[0].path.clone();
        let footer = footer(&fs, &path);
        let payload = |ty, at: Option<BlockHandle>| payload(&fs, &path, ty, at.unwrap());
        (
            Partitions::is_index(&payload(BlockType::Index, footer.index)),
            Partitions::is_filter(&payload(BlockType::Filter, footer.filter)),
        )
    };
    assert_eq!(index_kind(false, RECORDS), (false, false));
    assert_eq!(index_kind(true, RECORDS), (true, true));
    assert_eq!(index_kind(true, 100), (false, false));
}

fn footer(fs: &MemFs, path: &Path) -> Footer {
    let len = fs.metadata(path).unwrap().len;
    let mut tail = [0; FOOTER_BYTES];
    let file = fs.open(path, &OpenOptions::read_only()).unwrap();
    file.read_exact_at(&mut tail, len - FOOTER_BYTES as u64).unwrap();
    Footer::decode(&tail, len).unwrap()
}

fn payload(fs: &MemFs, path: &Path, ty: BlockType, at: BlockHandle) -> esker_tree::Slice {
    let mut stored = vec![0; at.len as usize];
    fs.open(path, &OpenOptions::read_only()).unwrap().read_exact_at(&mut stored, at.offset).unwrap();
    decode_block(ty, stored, at.offset).unwrap()
}

/// A damaged partition of the index fails the lookups that need it, and only those; one of the filter costs a block.
#[test]
fn partitions_that_are_damaged_never_make_a_wrong_answer() {
    let (fs, cache) = (Arc::new(MemFs::new()), cache());
    let tree = loaded(&fs, &cache, Parts { index: true, filter: true, pinned: false });
    let path = tree.tables()[0].path.clone();
    let footer = footer(&fs, &path);
    for (ty, at) in [(BlockType::Filter, footer.filter), (BlockType::Index, footer.index)] {
        let partitions = Partitions::decode(&payload(&fs, &path, ty, at.unwrap())).unwrap();
        assert!(partitions.directory().len() > 5);
        let first = partitions.directory().entry(0).handle;
        let file = fs.open(&path, &OpenOptions::read_write()).unwrap();
        let mut byte = [0];
        file.read_exact_at(&mut byte, first.offset + 20).unwrap();
        file.write_all_at(&[byte[0] ^ 4], first.offset + 20).unwrap();
    }
    let kind = |error: esker_tree::Error| error.kind();
    assert_eq!(tree.get(key(3), SeqNo::MAX).map_err(kind).err(), Some(ErrorKind::Corruption));
    assert_eq!(tree.len(SeqNo::MAX).map_err(kind).err(), Some(ErrorKind::Corruption));
    assert!(!tree.verify().is_sound());
    assert!(tree.contains_key(key(RECORDS - 1), SeqNo::MAX).unwrap());
    let far = tree.range(key(RECORDS - 100).as_str().., SeqNo::MAX).unwrap();
    assert_eq!(far.count(), 100);
}

/// A tree that outgrows its cache: what its tables kept took all of it and then more memory than there should be, and nothing was left for
/// blocks.
#[test]
fn parts_that_outgrow_the_cache_are_partitioned_and_let_go() {
    let kept = |says: Option<bool>| {
        let cache = Arc::new(Cache::with_capacity_bytes(1 << 20));
        let mut config =
            Config::new("tree", SequenceNumberCounter::default(), SequenceNumberCounter::default())
                .with_fs(MemFs::new())
                .use_cache(Arc::clone(&cache))
                .data_block_size_policy(LevelPolicy::all(1 << 10))
                .filter_policy(FilterPolicy::all(FilterPolicyEntry::Bloom { bits_per_key: 60.0 }))
                .partition_blocks(32);
        if let Some(says) = says {
            config = config
                .index_block_pinning_policy(LevelPolicy::all(says))
                .filter_block_pinning_policy(LevelPolicy::all(says));
        }
        let tree = config.open().unwrap();
        for i in 0..100_000 {
            tree.insert(format!("key{i:05}"), [7; 40], i).unwrap();
            if i % 10_000 == 9_999 {
                tree.flush_active_memtable(0).unwrap();
                assert!(tree.major_compact(128 << 10, 0).unwrap());
            }
        }
        for i in (0..100_000).step_by(61) {
            assert!(tree.contains_key(format!("key{i:05}"), SeqNo::MAX).unwrap());
            assert!(!tree.contains_key(format!("key{i:05}a"), SeqNo::MAX).unwrap());
        }
        let stats = cache.stats();
        assert!(says.is_some() || stats.block_bytes + stats.resident_bytes <= stats.capacity_bytes);
        stats.resident_bytes
    };
    let (by_default, all, none) = (kept(None), kept(Some(true)), kept(Some(false)));
    assert!(all > 900 << 10, "{all}");
    // What a compaction reads counts as well, so it may be far less in the end.
    assert!((none..(700 << 10)).contains(&by_default), "{by_default} {none}");
    assert!(none < 256 << 10, "{none}");
}
