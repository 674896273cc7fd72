//! Prefix extractors: scans of a prefix pass over tables that do not have it, and are right whatever an extractor says.

use std::collections::BTreeMap;
use std::sync::Arc;

use esker_env::memory::MemFs;
use esker_env::random::{Random, SeededRandom};
use esker_mem::comparator::SharedComparator;
use esker_tree::{
    Cache, Config, DelimitedPrefix, FilterPolicy, FilterPolicyEntry, FixedPrefix, LevelPolicy, Leveled,
    PrefixExtractor, SeqNo, SequenceNumberCounter, SharedPrefixExtractor, Tree,
};

use crate::comparators::{AnyCase, CaseLast, Reversed};

type Listed<'k> = Box<dyn Iterator<Item = &'k [u8]> + 'k>;

/// Up to the last delimiter: `a/b/c` does not list `a/`, though `a/` lists itself.
struct UpToLast;

impl PrefixExtractor for UpToLast {
    fn name(&self) -> &str {
        "test.up-to-last"
    }

    fn prefixes<'k>(&self, key: &'k [u8]) -> Listed<'k> {
        let end = key.iter().rposition(|byte| *byte == b'/');
        Box::new(end.and_then(|end| key.get(..=end)).into_iter())
    }
}

/// Lists what is no prefix, and takes everything for a boundary.
struct Nonsense;

impl PrefixExtractor for Nonsense {
    fn name(&self) -> &str {
        "test.nonsense"
    }

    fn prefixes<'k>(&self, _: &'k [u8]) -> Listed<'k> {
        Box::new(std::iter::repeat(b"b/".as_slice()))
    }

    fn is_valid_scan_boundary(&self, _: &[u8]) -> bool {
        true
    }
}

fn config(fs: &Arc<MemFs>, extractor: Option<SharedPrefixExtractor>) -> Config {
    let visible = SequenceNumberCounter::default();
    visible.set(1 << 40);
    let config = Config::new("tree", SequenceNumberCounter::default(), visible)
        .with_shared_fs(Arc::clone(fs) as esker_env::fs::SharedFs)
        .use_cache(Arc::new(Cache::with_capacity_bytes(0)))
        .filter_policy(FilterPolicy::all(FilterPolicyEntry::Bloom { bits_per_key: 20.0 }));
    match extractor {
        Some(extractor) => config.prefix_extractor(extractor),
        None => config,
    }
}

fn slash(depth: usize) -> Option<SharedPrefixExtractor> {
    Some(Arc::new(DelimitedPrefix::new(b'/', depth)))
}

fn found(tree: &Tree, prefix: &str) -> Vec<String> {
    let keys = tree.prefix(prefix, SeqNo::MAX).unwrap().map(|entry| entry.key().unwrap());
    keys.map(|key| String::from_utf8(key.to_vec()).unwrap()).collect()
}

/// Blocks that were read, and tables that were passed over, while `scans` ran.
fn cost(tree: &Tree, scans: impl FnOnce()) -> (u64, u64) {
    let now = || (tree.metrics().blocks_read.get(), tree.metrics().prefix_filter_skips.get());
    let before = now();
    scans();
    let after = now();
    (after.0 - before.0, after.1 - before.1)
}

/// Three tables of level 0, each with every third of a hundred folders.
fn folders(tree: &Tree) {
    for part in 0..3 {
        for folder in (part..100).step_by(3) {
            for file in 0..20 {
                tree.insert(format!("{folder:02}/{file}"), "value", folder * 20 + file).unwrap();
            }
        }
        tree.flush_active_memtable(0).unwrap();
    }
}

#[test]
fn prefix_passes_over_tables_whose_filter_lacks_it() {
    let tree = config(&Arc::new(MemFs::new()), slash(1)).open().unwrap();
    folders(&tree);
    // Each folder is in one of the three tables, within the key range of all of them.
    let (read, skipped) = cost(&tree, || {
        (5..95).for_each(|folder| assert_eq!(found(&tree, &format!("{folder:02}/")).len(), 20));
    });
    assert!((178..=180).contains(&skipped) && read < 200, "{read} blocks read, {skipped} tables skipped");
    let (read, skipped) = cost(&tree, || {
        (5..95).for_each(|folder| assert!(found(&tree, &format!("{folder:02}-/")).is_empty()));
    });
    assert!(skipped >= 268 && read <= 4, "{read} blocks read, {skipped} tables skipped");
    // What is longer than a boundary is looked for by it; what is shorter, by nothing.
    assert_eq!(found(&tree, "42/1").len(), 11);
    assert!(cost(&tree, || assert_eq!(found(&tree, "42/1").len(), 11)).1 == 2);
    assert!(cost(&tree, || assert_eq!(found(&tree, "4").len(), 200)).1 == 0);
    assert!(cost(&tree, || assert_eq!(found(&tree, "").len(), 2000)).1 == 0);
    let plain = config(&Arc::new(MemFs::new()), None).open().unwrap();
    folders(&plain);
    let (read, skipped) = cost(&plain, || {
        (5..95).for_each(|folder| assert!(found(&plain, &format!("{folder:02}-/")).is_empty()));
    });
    assert!(skipped == 0 && read >= 260, "without an extractor each table is read: {read}");
}

/// INV-PREFIX-2: by the name alone a table tells what its filter holds.
#[test]
fn prefix_extractor_of_another_name_is_not_believed() {
    let fs = Arc::new(MemFs::new());
    let tree = config(&fs, Some(Arc::new(FixedPrefix::new(3)))).open().unwrap();
    folders(&tree);
    let scan = |tree: &Tree, prefix| cost(tree, || drop(found(tree, prefix)));
    assert_eq!(scan(&tree, "42/").1, 2);
    assert_eq!(scan(&tree, "42+").1, 3);
    drop(tree);
    // Under another name with the same boundaries, and under none.
    let tree = config(&fs, slash(1)).open().unwrap();
    assert_eq!((found(&tree, "42/").len(), scan(&tree, "42/").1), (20, 0));
    assert!(found(&tree, "42/a/").is_empty());
    assert!(tree.get("42/1", SeqNo::MAX).unwrap().is_some(), "point reads go on using the filter");
    let absent =
        cost(&tree, || (0..90).for_each(|i| assert!(!tree.contains_key(format!("42/{i}x"), 1).unwrap())));
    assert!(absent.0 < 5, "{absent:?}");
    // New tables have the new one's prefixes; a compaction brings all of them under it.
    tree.insert("zz/1", "", 5000).unwrap();
    tree.insert("10/1", "", 5001).unwrap();
    tree.flush_active_memtable(0).unwrap();
    assert_eq!(scan(&tree, "42/").1, 1);
    assert!(tree.major_compact(64 << 20, 0).unwrap());
    assert_eq!(scan(&tree, "42+/").1, 1);
    drop(tree);
    let tree = config(&fs, None).open().unwrap();
    assert_eq!((found(&tree, "42/").len(), scan(&tree, "42+/").1), (20, 0));
    drop(tree);
    let tree = config(&fs, slash(1)).open().unwrap();
    assert_eq!((found(&tree, "42/").len(), scan(&tree, "42+/").1), (20, 1));
}

/// INV-PREFIX-2: a range tombstone hides keys of a prefix that its table has no key of.
#[test]
fn prefix_needs_the_tables_whose_range_tombstones_hide_its_keys() {
    let tree = config(&Arc::new(MemFs::new()), slash(1)).open().unwrap();
    for (seqno, key) in (0..).zip(["a/1", "b/1", "b/2", "c/1"]) {
        tree.insert(key, "", seqno).unwrap();
    }
    tree.flush_active_memtable(0).unwrap();
    tree.insert("a/2", "", 10).unwrap();
    tree.remove_range("b/", "c/", 11).unwrap();
    tree.insert("d/1", "", 12).unwrap();
    tree.flush_active_memtable(0).unwrap();
    assert_eq!(tree.tables().len(), 2);
    assert!(found(&tree, "b/").is_empty());
    assert_eq!(found(&tree, "c/"), ["c/1"]);
}

#[test]
fn prefix_extractor_that_contradicts_itself_is_counted_and_not_used() {
    let tree = config(&Arc::new(MemFs::new()), Some(Arc::new(UpToLast))).open().unwrap();
    for (key, seqno) in ["a/1", "a/b/1", "c/1"].iter().zip(0..) {
        tree.insert(key, "", seqno).unwrap();
    }
    tree.flush_active_memtable(0).unwrap();
    assert_eq!(tree.metrics().prefix_extractor_faults.get(), 1);
    assert_eq!(cost(&tree, || assert_eq!(found(&tree, "a/").len(), 2)).1, 0);
    assert_eq!(cost(&tree, || assert!(found(&tree, "b/").is_empty())).1, 0);
    for (key, seqno) in ["a/1", "d/1", "d/2"].iter().zip(10..) {
        tree.insert(key, "", seqno).unwrap();
    }
    tree.flush_active_memtable(0).unwrap();
    assert_eq!(tree.metrics().prefix_extractor_faults.get(), 1, "a table that does not show it");
    assert_eq!(cost(&tree, || assert!(found(&tree, "b/").is_empty())).1, 1);
}

#[test]
fn a_filter_is_sized_for_its_prefixes() {
    let filter_bytes = |extractor| {
        let tree = config(&Arc::new(MemFs::new()), extractor).open().unwrap();
        for i in 0..10_000 {
            tree.insert(format!("{i:05}/"), "", i).unwrap();
        }
        tree.flush_active_memtable(0).unwrap();
        let absent = (0..10_000).filter(|i| {
            let read = tree.metrics().blocks_read.get();
            assert!(!tree.contains_key(format!("{i:05}/a"), SeqNo::MAX).unwrap());
            tree.metrics().blocks_read.get() > read
        });
        (absent.count(), tree.tables()[0].filter_bytes)
    };
    let ((passed, plain), (passed_too, with_prefixes)) = (filter_bytes(None), filter_bytes(slash(1)));
    assert!(with_prefixes > plain * 19 / 10, "{plain} and {with_prefixes} bytes");
    assert!(passed < 20 && passed_too < 20, "{passed} and {passed_too} of 10,000 absent keys pass");
}

struct Case {
    extractor: SharedPrefixExtractor,
    order: Option<SharedComparator>,
    filter: FilterPolicyEntry,
    expect_hits: bool,
    partitions: bool,
}

/// Random keys in nested folders, with deletes, flushes and compactions between: every prefix of every key, and others, scanned both
/// ways, gives what a map gives.
fn scans_are_right(case: Case, seed: u64) -> u64 {
    let random = SeededRandom::new(seed);
    let below = |n: u64| random.next_u64() % n;
    let strategy = Leveled {
        level_zero_trigger_runs: 2,
        level_multiplier: 2,
        target_table_bytes: 1 << 10,
        base_level_bytes: 2 << 10,
    };
    let mut config = config(&Arc::new(MemFs::new()), Some(case.extractor))
        .data_block_size_policy(LevelPolicy::all(128))
        .filter_policy(FilterPolicy::new([FilterPolicyEntry::Bloom { bits_per_key: 10.0 }, case.filter]))
        .expect_point_read_hits(case.expect_hits)
        .filter_block_partitioning_policy(LevelPolicy::all(case.partitions))
        .partition_blocks(1)
        .compaction_strategy(Arc::new(strategy));
    if let Some(order) = case.order {
        config = config.comparator(order);
    }
    let tree = config.open().unwrap();
    let mut model = BTreeMap::new();
    let mut seqno = 0;
    for _ in 0..6 {
        for _ in 0..50 {
            let depth = 1 + below(3);
            let key: Vec<String> =
                (0..depth).map(|_| ["a", "b", "cc", ""][below(4) as usize].into()).collect();
            let key = format!("{}/{}", key.join("/"), below(3));
            seqno += 1;
            if below(4) == 0 {
                tree.remove(&key, seqno).unwrap();
                model.remove(&key);
            } else {
                tree.insert(&key, seqno.to_string(), seqno).unwrap();
                model.insert(key, seqno.to_string());
            }
        }
        if below(3) > 0 {
            tree.flush_active_memtable(seqno + 1).unwrap();
        }
        while let Some(job) = tree.pick_compaction(below(2) == 0) {
            job.run(seqno + 1, &esker_tree::CancelToken::default()).unwrap();
        }
        let mut prefixes: Vec<String> =
            model.keys().flat_map(|key| (0..=key.len()).map(|len| key[..len].to_owned())).collect();
        prefixes.extend(["d/", "a/d/", "a/cd/", "c", "b//b/b/", "//", "cc/cc/cc/cc/"].map(String::from));
        prefixes.sort();
        prefixes.dedup();
        for prefix in prefixes {
            let mut wanted: Vec<String> =
                model.keys().filter(|key| key.starts_with(&prefix)).cloned().collect();
            let mut forwards = found(&tree, &prefix);
            let back = tree.prefix(&prefix, SeqNo::MAX).unwrap().rev().map(|entry| entry.key().unwrap());
            let mut back: Vec<_> = back.map(|key| String::from_utf8(key.to_vec()).unwrap()).collect();
            back.reverse();
            assert_eq!(forwards, back, "{prefix:?}");
            forwards.sort();
            wanted.sort();
            assert_eq!(forwards, wanted, "{prefix:?}, seed {seed}");
        }
    }
    tree.metrics().prefix_filter_skips.get()
}

#[test]
fn prefix_is_right_under_any_extractor_order_and_filter() {
    let extractors: [SharedPrefixExtractor; 6] = [
        Arc::new(DelimitedPrefix::new(b'/', 1)),
        Arc::new(DelimitedPrefix::new(b'/', 3)),
        Arc::new(FixedPrefix::new(1)),
        Arc::new(FixedPrefix::new(4)),
        Arc::new(UpToLast),
        Arc::new(Nonsense),
    ];
    let orders: [Option<SharedComparator>; 4] =
        [None, Some(Arc::new(Reversed)), Some(Arc::new(CaseLast)), Some(Arc::new(AnyCase))];
    let burr = FilterPolicyEntry::Burr { false_positive_rate: 0.01 };
    for (seed, extractor) in (0..).zip(extractors) {
        let mut skipped = 0;
        for order in &orders {
            for (filter, expect_hits, partitions) in [
                (burr, false, false),
                (burr, true, false),
                (burr, false, true),
                (FilterPolicyEntry::None, false, false),
            ] {
                let (extractor, order) = (extractor.clone(), order.clone());
                let no_hash = order.as_ref().is_some_and(|order| !order.equal_implies_identical());
                let case = scans_are_right(Case { extractor, order, filter, expect_hits, partitions }, seed);
                assert!(case == 0 || !no_hash, "where bytes differ for one key there are no filters");
                skipped += case;
            }
        }
        assert!(skipped > 0 || seed > 3, "the cases have tables to skip");
    }
}
