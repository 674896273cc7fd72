//! Each setting shows in what the tree does.

use std::path::Path;
use std::sync::Arc;

use esker_env::fs::{Fs, OpenOptions};
use esker_env::memory::MemFs;
use esker_tree::{
    Cache, Codec, Config, DescriptorTable, ErrorKind, FilterPolicy, FilterPolicyEntry, LevelPolicy,
    ManifestRecoveryMode, SeqNo, SequenceNumberCounter, TableInfo, Tree,
};

fn config(fs: &Arc<MemFs>) -> Config {
    Config::new("tree", SequenceNumberCounter::default(), SequenceNumberCounter::default())
        .with_shared_fs(Arc::clone(fs) as esker_env::fs::SharedFs)
}

/// One table of each part of 2,000 compressible records.
fn fill(tree: &Tree, parts: u64) {
    for part in 0..parts {
        for i in 0..2000 {
            tree.insert(format!("key{i:05}"), vec![b'v'; 64], part * 2000 + i).unwrap();
        }
        tree.flush_active_memtable(0).unwrap();
    }
}

fn table_of(change: impl FnOnce(Config) -> Config, compact: bool) -> TableInfo {
    let fs = Arc::new(MemFs::new());
    let tree = change(config(&fs)).open().unwrap();
    fill(&tree, 1);
    if compact {
        assert!(tree.major_compact(64 << 20, 0).unwrap());
    }
    tree.tables().remove(0)
}

#[test]
fn block_size_codec_and_filter_bits_show_in_the_tables() {
    let usual = table_of(|config| config, false);
    let small = table_of(|config| config.data_block_size_policy(LevelPolicy::all(512)), false);
    assert!(small.data_blocks > 10 * usual.data_blocks, "{} and {}", small.data_blocks, usual.data_blocks);
    let bare = table_of(|config| config.filter_policy(FilterPolicy::disabled()), false);
    let twenty = FilterPolicy::all(FilterPolicyEntry::Bloom { bits_per_key: 20.0 });
    let rich = table_of(|config| config.filter_policy(twenty), false);
    assert_eq!(bare.filter_bytes, 0);
    assert!(rich.filter_bytes > usual.filter_bytes * 3 / 2);
    if Codec::Lz4.is_available() {
        let below = |config: Config| {
            config.data_block_compression_policy(LevelPolicy::new([Codec::None, Codec::Lz4]))
        };
        assert_eq!(table_of(below, false).size_bytes, usual.size_bytes, "level 0 is not compressed");
        assert!(table_of(below, true).size_bytes < usual.size_bytes / 2, "the last level is");
    }
}

/// One byte an entry, wherever it is said; without a word, where keys are alike.
#[test]
fn data_block_hash_ratio_policy_shows_in_the_blocks() {
    let size = |tied: bool, policy: Option<LevelPolicy<f32>>, compact| {
        let mut config = config(&Arc::new(MemFs::new()));
        if let Some(policy) = policy {
            config = config.data_block_hash_ratio_policy(policy);
        }
        let tree = config.open().unwrap();
        for i in 0..4000 {
            let key = if tied { format!("{:08}/object/{i}", i / 20) } else { format!("{i:08}") };
            tree.insert(key, [b'v'; 64], i).unwrap();
            if i == 1999 {
                tree.flush_active_memtable(0).unwrap();
            }
        }
        tree.flush_active_memtable(0).unwrap();
        if compact {
            assert!(tree.major_compact(64 << 20, 0).unwrap());
        }
        for i in (0..4000).step_by(7) {
            let key = if tied { format!("{:08}/object/{i}", i / 20) } else { format!("{i:08}") };
            assert!(tree.contains_key(&key, SeqNo::MAX).unwrap());
            assert!(!tree.contains_key(format!("{key}x"), SeqNo::MAX).unwrap());
        }
        tree.tables().iter().map(|table| table.size_bytes).sum::<u64>()
    };
    for (tied, compact) in [(false, false), (true, false), (false, true), (true, true)] {
        let with = size(tied, Some(LevelPolicy::all(1.0)), compact);
        let without = size(tied, Some(LevelPolicy::all(0.0)), compact);
        assert!((3900..4600).contains(&(with - without)), "{with} and {without} bytes");
        let usual = size(tied, None, compact);
        assert!(
            usual.abs_diff(if tied { with } else { without }) < 400,
            "{usual} of {without} to {with} bytes"
        );
    }
    // By level, also for blocks that a compaction could copy.
    let below = size(false, Some(LevelPolicy::new([0.0, 1.0])), true);
    assert!(below.abs_diff(size(false, Some(LevelPolicy::all(1.0)), true)) < 400);
    let above = size(false, Some(LevelPolicy::new([1.0, 0.0])), true);
    assert!(above.abs_diff(size(false, Some(LevelPolicy::all(0.0)), true)) < 400);
}

#[test]
fn index_block_compression_policy_shows_in_the_file() {
    if !Codec::Lz4.is_available() {
        return;
    }
    let table = |policy: LevelPolicy<Codec>, compact| {
        let change = |config: Config| {
            config.data_block_size_policy(LevelPolicy::all(128)).index_block_compression_policy(policy)
        };
        table_of(change, compact)
    };
    let plain = table(LevelPolicy::all(Codec::None), false);
    let packed = table(LevelPolicy::all(Codec::Lz4), false);
    assert!(packed.size_bytes + packed.index_bytes / 8 < plain.size_bytes, "{packed:?} {plain:?}");
    assert_eq!(packed.index_bytes, plain.index_bytes, "in memory it is the same");
    let below = LevelPolicy::new([Codec::None, Codec::Lz4]);
    assert_eq!(table(below.clone(), false).size_bytes, plain.size_bytes);
    assert!(table(below, true).size_bytes < plain.size_bytes);
}

#[test]
fn the_last_level_has_no_filter_where_hits_are_expected() {
    assert!(table_of(|config| config, true).filter_bytes > 0);
    let hits = |config: Config| config.expect_point_read_hits(true);
    assert_eq!(table_of(hits, true).filter_bytes, 0);
    assert!(table_of(hits, false).filter_bytes > 0, "level 0 keeps its own");
}

/// Bits of filter per key, and which part of absent keys has a block read for it.
fn filtered(policy: FilterPolicy) -> (f64, f64) {
    const KEYS: u64 = 20_000;
    let fs = Arc::new(MemFs::new());
    let cache = Arc::new(Cache::with_capacity_bytes(0));
    let tree = config(&fs).use_cache(cache).filter_policy(policy).open().unwrap();
    for i in 0..KEYS {
        tree.insert(format!("key{i:05}"), "value", i).unwrap();
    }
    tree.flush_active_memtable(0).unwrap();
    for i in 0..KEYS {
        assert!(tree.contains_key(format!("key{i:05}"), SeqNo::MAX).unwrap());
    }
    let before = tree.metrics().blocks_read.get();
    for i in 0..KEYS - 1 {
        assert!(!tree.contains_key(format!("key{i:05}a"), SeqNo::MAX).unwrap());
    }
    let read = tree.metrics().blocks_read.get() - before;
    (tree.tables()[0].filter_bytes as f64 * 8.0 / KEYS as f64, read as f64 / KEYS as f64)
}

#[test]
fn each_filter_takes_its_bits_and_lets_its_part_through() {
    let bloom = |bits_per_key| FilterPolicy::all(FilterPolicyEntry::Bloom { bits_per_key });
    let burr = |false_positive_rate| FilterPolicy::all(FilterPolicyEntry::Burr { false_positive_rate });
    for (policy, bits, rate) in [
        (FilterPolicy::disabled(), 0.0, 1.0),
        (bloom(0.0), 0.0, 1.0),
        (bloom(5.0), 5.0, 0.1),
        (bloom(10.0), 10.0, 0.0097),
        (burr(0.5), 1.0, 0.5),
        (burr(0.01), 7.0, 1.0 / 128.0),
        (burr(0.001), 10.0, 1.0 / 1024.0),
    ] {
        let (taken, passed) = filtered(policy.clone());
        println!("{policy:?}: {taken:.2} bits, {passed:.5}");
        assert!(taken >= bits && taken < bits * 1.02 + 0.2, "{policy:?}: {taken} bits");
        let noise = 5.0 * (rate * (1.0 - rate) / 20_000.0_f64).sqrt() + 0.0001;
        assert!((passed - rate).abs() < noise + rate * 0.1, "{policy:?}: {passed} instead of {rate}");
    }
}

/// While keys are mostly found, the last run's filter is not asked first. It is asked all the same before a file is read for
/// a key, and the answers are what they were.
#[test]
fn a_filter_spares_files_also_where_keys_are_expected() {
    for cache_bytes in [0, 64 << 20] {
        let cache = Arc::new(Cache::with_capacity_bytes(cache_bytes));
        let tree = config(&Arc::new(MemFs::new())).use_cache(cache).open().unwrap();
        for i in 0..20_000 {
            tree.insert(format!("key{i:05}"), "value", i).unwrap();
        }
        tree.flush_active_memtable(0).unwrap();
        let found = |key: &str| tree.get(key, SeqNo::MAX).unwrap().is_some();
        let mut read_in_vain = 0;
        for i in (0..20_000).step_by(20) {
            assert!((i..i + 20).all(|i| found(&format!("key{i:05}"))));
            let before = tree.metrics().blocks_read.get();
            assert!(!found(&format!("key{i:05}a")) && !found("before") && !found("last"), "{i}");
            read_in_vain += tree.metrics().blocks_read.get() - before;
        }
        assert!(read_in_vain < 50, "{read_in_vain} blocks were read for 2000 absent keys");
    }
}

/// Level by level: level 0 as the first entry says, the last level as the last does.
#[test]
fn each_level_has_its_own_filter() {
    let policy = FilterPolicy::new([
        FilterPolicyEntry::Bloom { bits_per_key: 20.0 },
        FilterPolicyEntry::Burr { false_positive_rate: 0.01 },
    ]);
    let upper = table_of(|config| config.filter_policy(policy.clone()), false);
    let last = table_of(|config| config.filter_policy(policy), true);
    assert!(upper.filter_bytes > 5_000 && last.filter_bytes < 2_300, "{upper:?} {last:?}");
}

/// The hashes of a table's keys are kept until its filter is built, so a table ends when there are very many of them.
#[test]
fn tables_of_very_many_keys_are_cut() {
    let keys = (1u64 << 20) + 1000;
    let tables = |policy| {
        let config = config(&Arc::new(MemFs::new())).memtable_capacity_bytes(512 << 20);
        let tree = config.filter_policy(policy).open().unwrap();
        for i in 0..keys {
            tree.insert(i.to_be_bytes(), "", i).unwrap();
        }
        tree.flush_active_memtable(0).unwrap();
        assert_eq!(tree.len(SeqNo::MAX).unwrap() as u64, keys);
        assert!(tree.contains_key((keys - 1001).to_be_bytes(), SeqNo::MAX).unwrap());
        assert!(tree.contains_key((keys - 1000).to_be_bytes(), SeqNo::MAX).unwrap());
        tree.tables().iter().map(|table| table.entries).collect::<Vec<_>>()
    };
    assert_eq!(tables(FilterPolicy::all(FilterPolicyEntry::Bloom { bits_per_key: 1.0 })), [1 << 20, 1000]);
    assert_eq!(tables(FilterPolicy::disabled()), [keys]);
}

#[test]
fn a_memtable_is_as_large_as_asked() {
    let sealed_after = |bytes: usize| {
        let tree = config(&Arc::new(MemFs::new())).memtable_capacity_bytes(bytes).open().unwrap();
        (0..).find(|i| {
            tree.insert(i.to_string(), vec![0; 100], *i).unwrap();
            tree.memtable_stats().sealed > 0
        })
    };
    let (small, large) = (sealed_after(32 << 10).unwrap(), sealed_after(256 << 10).unwrap());
    assert!(large > 4 * small, "{small} and {large} entries");
}

#[test]
fn no_more_files_are_open_than_the_descriptor_table_holds() {
    let descriptors = Arc::new(DescriptorTable::with_capacity(2));
    let tree =
        config(&Arc::new(MemFs::new())).use_descriptor_table(Some(Arc::clone(&descriptors))).open().unwrap();
    fill(&tree, 6);
    assert_eq!(tree.len(SeqNo::MAX).unwrap(), 2000);
    assert_eq!(
        (tree.tables().len(), format!("{descriptors:?}")),
        (6, "DescriptorTable { open: 2, .. }".to_owned())
    );
}

#[test]
fn the_lock_can_be_left_to_the_caller() {
    let fs = Arc::new(MemFs::new());
    let held = config(&fs).open().unwrap();
    assert_eq!(config(&fs).open().unwrap_err().kind(), ErrorKind::Locked);
    let unlocked = config(&fs).with_directory_lock(false).open().unwrap();
    drop((held, unlocked));
}

/// Damage amid the manifest: refused as a rule; on request the edits before it count, and no table is thrown away.
#[test]
fn a_damaged_manifest_is_refused_or_used_up_to_the_damage() {
    let fs = Arc::new(MemFs::new());
    let tree = config(&fs).open().unwrap();
    let manifest = || {
        let names = fs.read_dir(Path::new("tree")).unwrap().into_iter().map(|entry| entry.name);
        Path::new("tree")
            .join(names.map(|n| n.into_string().unwrap()).find(|n| n.ends_with(".manifest")).unwrap())
    };
    fill(&tree, 1);
    let damaged_at = fs.metadata(&manifest()).unwrap().len;
    fill(&tree, 3);
    drop(tree);
    let file = fs.open(&manifest(), &OpenOptions::read_write()).unwrap();
    file.write_all_at(&[0xff], damaged_at + 20).unwrap();
    assert_eq!(config(&fs).open().unwrap_err().kind(), ErrorKind::Corruption);
    let tree = config(&fs).manifest_recovery_mode(ManifestRecoveryMode::PointInTime).open().unwrap();
    assert_eq!(tree.tables().len(), 1);
    let files = || {
        let names = fs.read_dir(Path::new("tree")).unwrap().into_iter().map(|entry| entry.name);
        names.filter(|name| name.to_str().unwrap().ends_with(".table")).count()
    };
    assert_eq!(files(), 4, "tables that later edits named are kept");
    for i in 0..10 {
        tree.insert(i.to_string(), "new", 10_000 + i).unwrap();
    }
    tree.flush_active_memtable(0).unwrap();
    assert_eq!((tree.tables().len(), files()), (2, 5), "and not written over");
}

/// A tree of one table with a large index and a large filter, and what it may keep in memory.
fn pinned(indexes: bool, filters: bool, cache: &Arc<Cache>) -> Tree {
    let tree = config(&Arc::new(MemFs::new()))
        .use_cache(Arc::clone(cache))
        .data_block_size_policy(LevelPolicy::all(256))
        .index_block_pinning_policy(LevelPolicy::all(indexes))
        .filter_block_pinning_policy(LevelPolicy::all(filters))
        .open()
        .unwrap();
    for i in 0..50_000 {
        tree.insert(format!("key{i:05}"), "a value of some length", i).unwrap();
    }
    tree.flush_active_memtable(0).unwrap();
    tree
}

fn check_pinned(tree: &Tree) {
    for i in (0..50_000).step_by(9) {
        assert!(tree.contains_key(format!("key{i:05}"), SeqNo::MAX).unwrap());
        assert!(!tree.contains_key(format!("key{i:05}a"), SeqNo::MAX).unwrap());
    }
    let keys: Vec<_> = (0..50_000).step_by(997).map(|i| format!("key{i:05}")).collect();
    assert!(tree.multi_get(&keys, SeqNo::MAX).unwrap().iter().all(Option::is_some));
    assert_eq!(tree.len(SeqNo::MAX).unwrap(), 50_000);
    let mut range = tree.range("key20000".., SeqNo::MAX).unwrap();
    assert_eq!(&*range.next().unwrap().key().unwrap(), b"key20000");
    assert_eq!(&*range.next_back().unwrap().key().unwrap(), b"key49999");
    assert!(tree.verify().is_sound());
}

/// What is not pinned is no resident memory, counts as cached, and comes back from the file when the cache let it go.
#[test]
fn pinning_policies_say_what_stays_in_memory() {
    let resident = |indexes, filters| {
        let cache = Arc::new(Cache::with_capacity_bytes(16 << 20));
        let tree = pinned(indexes, filters, &cache);
        let table = tree.tables().remove(0);
        assert_eq!((table.index_bytes > 0, table.filter_bytes > 0), (indexes, filters));
        let stats = cache.stats();
        assert_eq!(
            stats.blocks,
            u64::from(!indexes) + u64::from(!filters),
            "they are cached when a table is opened"
        );
        assert!(stats.block_bytes + stats.resident_bytes > 150_000, "and count, pinned or not");
        check_pinned(&tree);
        assert_eq!(tree.metrics().parts_read.get(), 0, "there is room for all");
        drop(tree);
        assert_eq!(
            (cache.stats().blocks, cache.stats().block_bytes, cache.stats().resident_bytes),
            (0, 0, 0)
        );
        stats.resident_bytes
    };
    let (both, index, filter, none) =
        (resident(true, true), resident(true, false), resident(false, true), resident(false, false));
    assert!(both > index + 60_000 && both > filter + 60_000 && none < index.min(filter) - 60_000);
    // Whatever the cache still has is pushed out by other blocks.
    for (indexes, filters) in [(true, false), (false, true), (false, false)] {
        let cache = Arc::new(Cache::with_capacity_bytes(16 << 20));
        let tree = pinned(indexes, filters, &cache);
        for _ in 0..3 {
            let before = tree.metrics().parts_read.get();
            cache.set_capacity_bytes(0);
            assert_eq!(cache.stats().blocks, 0);
            cache.set_capacity_bytes(16 << 20);
            check_pinned(&tree);
            let read = tree.metrics().parts_read.get() - before;
            assert_eq!(read, u64::from(!indexes) + u64::from(!filters), "each is read once");
        }
        assert!(tree.major_compact(64 << 20, 0).unwrap());
        check_pinned(&tree);
    }
}

#[test]
fn pinning_policies_differ_by_level() {
    let upper = |config: Config| {
        let policy = || LevelPolicy::new([true, false]);
        config.index_block_pinning_policy(policy()).filter_block_pinning_policy(policy())
    };
    let (above, below) = (table_of(upper, false), table_of(upper, true));
    assert!(above.filter_bytes > 0 && above.index_bytes > 0);
    assert!(below.filter_bytes == 0 && below.index_bytes == 0);
}

/// An earlier engine had filters larger than a shard of its cache: they never stayed, and every read read them again.
#[test]
fn a_part_that_is_too_large_for_the_cache_is_pinned() {
    let cache = Arc::new(Cache::with_capacity_bytes(512 << 10));
    let tree = pinned(false, false, &cache);
    let table = tree.tables().remove(0);
    assert!(table.filter_bytes > 0 && table.index_bytes > 0);
    check_pinned(&tree);
    assert_eq!(tree.metrics().parts_read.get(), 0);
}

/// An index that cannot be read is an error of the read; a filter that cannot be is done without.
#[test]
fn parts_that_are_damaged_after_opening_never_make_a_wrong_answer() {
    let fs = Arc::new(MemFs::new());
    let cache = Arc::new(Cache::with_capacity_bytes(16 << 20));
    let unpinned = LevelPolicy::all(false);
    let tree = config(&fs)
        .use_cache(Arc::clone(&cache))
        .index_block_pinning_policy(unpinned.clone())
        .filter_block_pinning_policy(unpinned)
        .open()
        .unwrap();
    fill(&tree, 1);
    let path = tree.tables()[0].path.clone();
    let file = fs.open(&path, &OpenOptions::read_write()).unwrap();
    let len = usize::try_from(fs.metadata(&path).unwrap().len).unwrap();
    let mut footer = [0; 88];
    file.read_exact_at(&mut footer, len as u64 - 88).unwrap();
    let offset_at = |at: usize| u64::from_le_bytes(footer[at..at + 8].try_into().unwrap());
    let forget = || {
        cache.set_capacity_bytes(0);
        cache.set_capacity_bytes(16 << 20);
    };
    let flip = |offset: u64| {
        let mut byte = [0];
        file.read_exact_at(&mut byte, offset).unwrap();
        file.write_all_at(&[byte[0] ^ 1], offset).unwrap();
    };
    let filter_at = offset_at(24) + 8;
    flip(filter_at);
    forget();
    assert!(tree.contains_key("key00007", SeqNo::MAX).unwrap());
    assert!(!tree.contains_key("key00007a", SeqNo::MAX).unwrap());
    let index_at = offset_at(8) + 8;
    flip(index_at);
    forget();
    let kind = |error: esker_tree::Error| error.kind();
    assert_eq!(tree.get("key00007", SeqNo::MAX).map_err(kind).err(), Some(ErrorKind::Corruption));
    assert_eq!(tree.multi_get(["key00007"], SeqNo::MAX).map_err(kind).err(), Some(ErrorKind::Corruption));
    let mut range = tree.range("key00007".., SeqNo::MAX).unwrap();
    assert_eq!(range.next().unwrap().key().map_err(kind).err(), Some(ErrorKind::Corruption));
    assert_eq!(tree.len(SeqNo::MAX).map_err(kind).err(), Some(ErrorKind::Corruption));
    assert_eq!(tree.major_compact(64 << 20, 0).map_err(kind).err(), Some(ErrorKind::Corruption));
    flip(filter_at);
    flip(index_at);
    assert_eq!(tree.len(SeqNo::MAX).unwrap(), 2000);
    assert!(tree.major_compact(64 << 20, 0).unwrap());
}
