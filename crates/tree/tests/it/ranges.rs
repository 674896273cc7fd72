//! Range deletes: what they hide, what they cost to read past, where they go, and what is refused.

use std::sync::Arc;

use esker_env::memory::MemFs;
use esker_env::random::{Random, SeededRandom};
use esker_mem::comparator::{KeyOrder, SharedComparator, UserComparator};
use esker_mem::kind::Kind;
use esker_mem::sorted_memtable::{Assembly, KeyCode, Section, SortedMemtable};
use esker_tree::{
    Cache, CancelToken, Config, Error, ErrorKind, Leveled, RangeDelete, ScanSinceEvent, SeqNo,
    SequenceNumberCounter, Slice, Tree,
};

use self::oracle::Oracle;
use crate::model::Reversed;

mod oracle;

/// ASCII case does not count, not even to break ties.
struct CaseInsensitive;

impl UserComparator for CaseInsensitive {
    fn name(&self) -> &str {
        "test.case_insensitive"
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> std::cmp::Ordering {
        a.to_ascii_lowercase().cmp(&b.to_ascii_lowercase())
    }

    fn equal_implies_identical(&self) -> bool {
        false
    }
}

/// A tree whose numbers the test gives, all of them visible.
fn open(fs: &Arc<MemFs>, comparator: Option<SharedComparator>) -> Tree {
    let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
    visible.set(SeqNo::MAX / 2);
    let strategy = Leveled {
        level_zero_trigger_runs: 2,
        level_multiplier: 4,
        target_table_bytes: 4 << 10,
        base_level_bytes: 8 << 10,
    };
    let mut config = Config::new("tree", seqno, visible)
        .with_shared_fs(Arc::clone(fs) as esker_env::fs::SharedFs)
        .use_cache(Arc::new(Cache::with_capacity_bytes(1 << 20)))
        .data_block_size_policy(esker_tree::LevelPolicy::all(512))
        .compaction_strategy(Arc::new(strategy));
    if let Some(comparator) = comparator {
        config = config.comparator(comparator);
    }
    config.open().unwrap()
}

fn new_tree() -> Tree {
    open(&Arc::new(MemFs::new()), None)
}

fn key(n: u64) -> Vec<u8> {
    format!("key{n:07}").into_bytes()
}

fn keys(tree: &Tree, bound: SeqNo) -> Vec<Vec<u8>> {
    tree.iter(bound).unwrap().map(|entry| entry.key().unwrap().to_vec()).collect()
}

fn range_tombstones(tree: &Tree) -> u64 {
    tree.level_segment_stats().iter().map(|level| level.range_tombstones).sum()
}

/// INV-RANGE-1: strictly smaller numbers, whatever source they are in and whatever came first.
#[test]
fn remove_range_hides_strictly_smaller_numbers() {
    let tree = new_tree();
    tree.insert("b", "old", 5).unwrap();
    tree.remove_range("a", "c", 7).unwrap();
    tree.insert("a", "same number", 7).unwrap();
    tree.insert("b2", "late, with a smaller number", 6).unwrap();
    tree.insert("b3", "newer", 8).unwrap();
    tree.insert("c", "behind", 1).unwrap();
    for step in 0..3 {
        assert_eq!(keys(&tree, SeqNo::MAX), ["a", "b3", "c"].map(Vec::from), "step {step}");
        assert_eq!(keys(&tree, 7), ["b", "b2", "c"].map(Vec::from), "step {step}");
        assert_eq!(tree.get("b", SeqNo::MAX).unwrap(), None);
        assert_eq!(tree.get("b", 7).unwrap().as_deref(), Some(b"old".as_slice()));
        assert_eq!(
            tree.multi_get(["a", "b", "b2", "b3", "c"], SeqNo::MAX).unwrap().iter().flatten().count(),
            3
        );
        assert_eq!(tree.get("a", SeqNo::MAX).unwrap().as_deref(), Some(b"same number".as_slice()));
        match step {
            0 => tree.flush_active_memtable(0).unwrap(),
            _ => assert!(tree.major_compact(1 << 20, 0).unwrap() || step == 2),
        }
        assert!(tree.verify().is_sound(), "{:?}", tree.verify());
    }
    assert_eq!(range_tombstones(&tree), 1, "the watermark is 0: somebody may still read below it");
}

#[test]
fn remove_range_of_no_key_changes_nothing() {
    let tree = new_tree();
    tree.insert("a", "value", 1).unwrap();
    let (added, _) = tree.remove_range("a", "a", 2).unwrap();
    assert_eq!((added, keys(&tree, SeqNo::MAX).len()), (0, 1));
    assert_eq!(tree.memtable_stats().range_deletes, 0);
}

/// A range that ends before it begins in the order of the tree, which is not that of bytes for everybody.
#[test]
fn remove_range_refuses_an_inverted_range_and_long_keys() {
    let tree = new_tree();
    let refused = tree.remove_range("b", "a", 1).unwrap_err();
    assert!(matches!(refused, Error::InvertedRange), "{refused}");
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    let reversed = open(&Arc::new(MemFs::new()), Some(Arc::new(Reversed)));
    reversed.remove_range("b", "a", 1).unwrap();
    assert!(matches!(reversed.remove_range("a", "b", 2), Err(Error::InvertedRange)));
    let long = vec![b'x'; 65_536];
    assert!(matches!(tree.remove_range(b"a".as_slice(), &long, 1), Err(Error::KeyTooLong { len: 65_536 })));
    assert!(matches!(tree.remove_range(&long, b"y".as_slice(), 1), Err(Error::KeyTooLong { .. })));
    assert!(matches!(tree.remove_range("a", "b", SeqNo::MAX), Err(Error::SeqnoTooHigh { .. })));
    assert_eq!(tree.memtable_stats().range_deletes, 0);
    tree.insert("a", "value", 9).unwrap();
    tree.flush_active_memtable(9).unwrap();
    assert!(matches!(tree.remove_range("a", "b", 8), Err(Error::SeqnoTooOld { seqno: 8, watermark: 9 })));
}

#[test]
fn remove_prefix_ends_with_the_last_key_that_has_it() {
    let tree = new_tree();
    let last = vec![0xff; 65_535];
    let all: [&[u8]; 8] = [b"", b"a", b"a\xff", b"a\xff\xff\xff", b"b", b"\xff", b"\xff\xff\x01", &last];
    for key in all {
        tree.insert(key, "value", 1).unwrap();
    }
    tree.remove_prefix(b"a\xff", 2).unwrap();
    assert_eq!(keys(&tree, SeqNo::MAX), [&b""[..], b"a", b"b", b"\xff", b"\xff\xff\x01", &last]);
    tree.remove_prefix(b"\xff\xff", 3).unwrap();
    assert_eq!(keys(&tree, SeqNo::MAX), [&b""[..], b"a", b"b", b"\xff"]);
    tree.remove_prefix(&last, 4).unwrap();
    tree.remove_prefix(b"", 5).unwrap();
    assert_eq!(keys(&tree, SeqNo::MAX), Vec::<Vec<u8>>::new());
    assert_eq!(keys(&tree, 3), [&b""[..], b"a", b"b", b"\xff", b"\xff\xff\x01", &last]);
}

#[test]
fn remove_prefix_needs_byte_order() {
    let tree = open(&Arc::new(MemFs::new()), Some(Arc::new(CaseInsensitive)));
    let refused = tree.remove_prefix("a", 1).unwrap_err();
    assert!(matches!(&refused, Error::NoPrefixRange { comparator } if comparator == "test.case_insensitive"));
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
}

/// INV-RANGE-2: a memtable with nothing but range deletes is flushed, and what it hides stays hidden.
#[test]
fn remove_range_alone_makes_a_table_and_survives_reopening() {
    let fs = Arc::new(MemFs::new());
    let tree = open(&fs, None);
    for n in 0..100 {
        tree.insert(key(n), "value", n).unwrap();
    }
    tree.flush_active_memtable(0).unwrap();
    tree.remove_range(key(10), key(90), 100).unwrap();
    assert_eq!(tree.get_highest_memtable_seqno(), Some(100));
    assert_eq!(tree.lowest_unflushed_seqno(), Some(100));
    assert!(tree.rotate_memtable(), "it is not empty");
    tree.flush_active_memtable(0).unwrap();
    assert_eq!((tree.replay_floor(), range_tombstones(&tree)), (101, 1));
    let info = tree.tables().into_iter().find(|table| table.range_tombstones > 0).unwrap();
    assert_eq!((info.entries, info.lowest_seqno, info.highest_seqno), (0, 100, 100));
    assert_eq!((&*info.smallest, &*info.largest), (key(10).as_slice(), key(90).as_slice()));
    let check = |tree: &Tree| {
        assert_eq!(keys(tree, SeqNo::MAX).len(), 20);
        assert_eq!(keys(tree, 100).len(), 100);
        assert_eq!(tree.iter(SeqNo::MAX).unwrap().rev().count(), 20);
        assert!(tree.verify().is_sound(), "{:?}", tree.verify());
    };
    check(&tree);
    drop(tree);
    check(&open(&fs, None));
}

/// With nothing older under it, there is nothing for a range tombstone to hide.
#[test]
fn remove_range_leaves_nothing_at_the_bottom() {
    let tree = new_tree();
    tree.remove_range("a", "z", 1).unwrap();
    tree.flush_active_memtable(2).unwrap();
    assert!(tree.tables().is_empty(), "over an empty tree");
    for n in 0..2000 {
        tree.insert(key(n), "value", 2 + n).unwrap();
    }
    tree.flush_active_memtable(5000).unwrap();
    assert!(tree.major_compact(4 << 10, 5000).unwrap());
    let before = tree.disk_space();
    tree.remove_range(key(100), key(1900), 5000).unwrap();
    tree.flush_active_memtable(5001).unwrap();
    assert_eq!(range_tombstones(&tree), 1);
    // A strategy finds it without being told: it is worth more than its size.
    while let Some(job) = tree.pick_compaction(true) {
        job.run(SeqNo::MAX, &CancelToken::default()).unwrap();
    }
    assert_eq!((range_tombstones(&tree), keys(&tree, SeqNo::MAX).len()), (0, 200));
    assert!(tree.disk_space() < before / 5, "{} of {before} bytes", tree.disk_space());
}

/// INV-RANGE-4: tables that one range tombstone hides wholly are not read by the merge that drops them.
#[test]
fn remove_range_drops_hidden_tables_unread() {
    let tree = new_tree();
    for n in 0..4000 {
        tree.insert(key(n), "value", n).unwrap();
    }
    tree.flush_active_memtable(5000).unwrap();
    assert!(tree.major_compact(4 << 10, 5000).unwrap());
    let tables = tree.tables();
    assert!(tables.len() > 10);
    tree.remove_range(key(1), key(3999), 5000).unwrap();
    tree.flush_active_memtable(SeqNo::MAX).unwrap();
    let dropped = tree.metrics().entries_dropped.get();
    assert!(tree.major_compact(4 << 10, SeqNo::MAX).unwrap());
    assert_eq!(tree.metrics().entries_dropped.get() - dropped, 3998);
    assert_eq!(keys(&tree, SeqNo::MAX), [key(0), key(3999)]);
}

/// A snapshot keeps what it sees, and the range tombstone with it, for as long as it lives.
#[test]
fn remove_range_under_a_snapshot_keeps_what_it_sees() {
    let tree = new_tree();
    for n in 0..500 {
        tree.insert(key(n), "value", n).unwrap();
    }
    let snapshot = tree.snapshot(500).unwrap();
    tree.remove_range(key(0), key(499), 600).unwrap();
    tree.flush_active_memtable(SeqNo::MAX).unwrap();
    assert!(tree.major_compact(4 << 10, SeqNo::MAX).unwrap());
    assert_eq!((keys(&tree, SeqNo::MAX).len(), keys(&tree, 500).len()), (1, 500));
    assert!(range_tombstones(&tree) > 0);
    assert!(tree.verify().is_sound(), "{:?}", tree.verify());
    drop(snapshot);
    while let Some(job) = tree.pick_compaction(true) {
        job.run(SeqNo::MAX, &CancelToken::default()).unwrap();
    }
    assert_eq!((range_tombstones(&tree), tree.approximate_len()), (0, 1));
}

/// INV-RANGE-7: a range tombstone over many output tables is shared out, and each table holds its part alone.
#[test]
fn remove_range_is_not_copied_into_every_table() {
    let tree = new_tree();
    for n in 0..2000 {
        tree.insert(key(n), "value", n).unwrap();
    }
    let snapshot = tree.snapshot(2000).unwrap();
    tree.remove_range(key(500), key(1500), 3000).unwrap();
    for n in (0..2000).step_by(2) {
        tree.insert(key(n), "newer", 4000 + n).unwrap();
    }
    tree.flush_active_memtable(SeqNo::MAX).unwrap();
    assert!(tree.major_compact(4 << 10, SeqNo::MAX).unwrap());
    let tables = tree.tables();
    assert!(tables.windows(2).all(|pair| pair[0].largest < pair[1].smallest));
    let with: Vec<_> = tables.iter().filter(|table| table.range_tombstones > 0).collect();
    assert!(with.len() < tables.len() && with.len() > tables.len() / 4, "{} of {}", with.len(), tables.len());
    assert!(tree.verify().is_sound(), "{:?}", tree.verify());
    assert_eq!(keys(&tree, SeqNo::MAX).len(), 1000 + 500);
    assert_eq!(keys(&tree, snapshot.bound()).len(), 2000);
}

/// INV-RANGE-3: a scan over a deleted span in tables reads neither its blocks nor its entries, from either end.
#[test]
fn remove_range_costs_a_scan_no_step_per_deleted_key() {
    let tree = new_tree();
    for n in 0..20_000 {
        tree.insert(key(n), "value", n).unwrap();
    }
    tree.flush_active_memtable(0).unwrap();
    assert!(tree.major_compact(64 << 10, 0).unwrap());
    tree.remove_range(key(10), key(19_990), 30_000).unwrap();
    for step in 0..2 {
        let read = tree.metrics().blocks_read.get();
        let forward = keys(&tree, SeqNo::MAX);
        let backward: Vec<_> =
            tree.iter(SeqNo::MAX).unwrap().rev().map(|e| e.key().unwrap().to_vec()).collect();
        assert_eq!(forward.len(), 20);
        assert!(forward.iter().eq(backward.iter().rev()), "step {step}");
        let read = tree.metrics().blocks_read.get() - read;
        let blocks: u64 = tree.tables().iter().map(|table| table.data_blocks).sum();
        assert!(read <= 8 && blocks > 500, "{read} of {blocks} blocks, step {step}");
        // The same with the tombstone in a table of its own.
        tree.flush_active_memtable(0).unwrap();
    }
}

/// What a recovery sorts.
fn sorted(entries: &[(u64, SeqNo)]) -> SortedMemtable {
    let code = Arc::new(KeyCode::flat());
    let mut section = Section::new(Arc::clone(&code));
    for (n, seqno) in entries {
        section.add(&key(*n), *seqno, Kind::Put, b"recovered").unwrap();
    }
    section.sort(&KeyOrder::Bytes);
    let assembly = Assembly::new(KeyOrder::Bytes, code, vec![section]);
    let portions = (0..assembly.portions()).map(|portion| assembly.sort_portion(portion)).collect();
    assembly.finish(portions)
}

/// INV-RANGE-3: what a recovery sorted may hold writes that are newer than its range deletes.
#[test]
fn install_sealed_with_range_deletes_shows_what_is_newer() {
    let tree = new_tree();
    let number = |n| if n % 50 == 20 { 1000 + n } else { n };
    let entries: Vec<(u64, SeqNo)> = (0..300).map(|n| (n, number(n))).collect();
    let range = RangeDelete { start: Slice::from(key(10)), end: Slice::from(key(290)), seqno: 500 };
    tree.install_sealed_with(sorted(&entries), vec![range]).unwrap();
    let left: Vec<_> = (0..10).chain((20..290).step_by(50)).chain(290..300).map(key).collect();
    assert_eq!(keys(&tree, SeqNo::MAX), left);
    let backward = tree.iter(SeqNo::MAX).unwrap().rev().map(|entry| entry.key().unwrap().to_vec());
    assert!(backward.eq(left.into_iter().rev()));
}

/// A recovery hands over what it sorted, and range deletes beside it.
#[test]
fn install_sealed_with_range_deletes_hides_what_is_older() {
    let fs = Arc::new(MemFs::new());
    let tree = open(&fs, None);
    for n in 0..10 {
        tree.insert(key(n), "value", n).unwrap();
    }
    let range =
        |start, end, seqno| RangeDelete { start: Slice::from(key(start)), end: Slice::from(key(end)), seqno };
    tree.install_sealed_with(sorted(&[(3, 25), (4, 15)]), vec![range(2, 5, 20), range(6, 6, 21)]).unwrap();
    assert_eq!(tree.memtable_stats().range_deletes, 1, "one of them holds no key");
    tree.install_sealed_with(sorted(&[]), vec![range(8, 9, 30)]).unwrap();
    let inverted = tree.install_sealed_with(sorted(&[]), vec![range(9, 8, 31)]);
    assert!(matches!(inverted, Err(Error::InvertedRange)));
    let left = [0, 1, 3, 5, 6, 7, 9].map(key);
    assert_eq!(keys(&tree, SeqNo::MAX), left);
    tree.flush_active_memtable(0).unwrap();
    drop(tree);
    assert_eq!(keys(&open(&fs, None), SeqNo::MAX), left);
}

/// Each range delete comes once, whole, wherever its parts lie, and only where its number is asked for.
#[test]
fn scan_since_seqno_tells_each_range_delete_once() {
    let tree = new_tree();
    for n in 0..2000 {
        tree.insert(key(n), "value", n).unwrap();
    }
    let _snapshot = tree.snapshot(2000).unwrap();
    tree.remove_range(key(500), key(1500), 3000).unwrap();
    tree.flush_active_memtable(2000).unwrap();
    assert!(tree.major_compact(4 << 10, 2000).unwrap());
    assert!(range_tombstones(&tree) > 1, "in several tables");
    tree.remove_range(key(1), key(2), 3001).unwrap();
    let ranges = |since: SeqNo| -> Vec<(SeqNo, Slice, Slice)> {
        let events = tree.scan_since_seqno(since).map(|event| event.unwrap());
        let range = |event| match event {
            ScanSinceEvent::RangeTombstone { start, end, seqno } => Some((seqno, start, end)),
            _ => None,
        };
        events.filter_map(range).collect()
    };
    let last = (3001, Slice::from(key(1)), Slice::from(key(2)));
    assert_eq!(ranges(2500), [(3000, Slice::from(key(500)), Slice::from(key(1500))), last.clone()]);
    assert_eq!(ranges(3001), [last]);
}

/// A range delete asks for room as any write does.
#[test]
fn try_remove_range_is_refused_when_there_is_no_room() {
    let tree = new_tree();
    tree.try_remove_range("a", "b", 1).unwrap();
    tree.update_runtime_config(|config| config.storage_limit_bytes = Some(1));
    assert!(matches!(tree.try_remove_range("a", "b", 2), Err(Error::StorageFull { .. })));
    assert_eq!(tree.memtable_stats().range_deletes, 1);
}

/// Range deletes fill a memtable as entries do, or they would pile up for ever.
#[test]
fn remove_range_fills_the_memtable() {
    let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
    let tree = Config::new("tree", seqno, visible)
        .with_shared_fs(Arc::new(MemFs::new()))
        .memtable_capacity_bytes(64 << 10)
        .open()
        .unwrap();
    for n in 0..1000 {
        tree.remove_range(key(n), key(n + 1), n).unwrap();
    }
    assert!(tree.memtable_stats().sealed > 2, "{:?}", tree.memtable_stats());
    tree.flush_active_memtable(0).unwrap();
    assert!(tree.verify().is_sound());
}

/// Numbers that cross between memtables and tables, in all three orders of keys: only numbers count, not where they are.
///
/// It once found a scan that was allowed to glide before it knew what covers its first key, and so glided on into a deleted span
/// later (INV-RANGE-8).
#[test]
fn remove_range_with_numbers_out_of_order_answers_as_the_oracle_does() {
    for seed in 0..60 {
        let random = SeededRandom::new(seed);
        let below = |n: u64| random.next_u64() % n;
        let comparator: Option<SharedComparator> = match seed % 3 {
            0 => None,
            1 => Some(Arc::new(Reversed)),
            _ => Some(Arc::new(CaseInsensitive)),
        };
        let order = comparator.clone().map_or(KeyOrder::Bytes, KeyOrder::new);
        let tree = open(&Arc::new(MemFs::new()), comparator);
        let mut oracle = Oracle::new(order.clone());
        let mut numbers: Vec<SeqNo> = (1..=160).collect();
        for i in (1..numbers.len()).rev() {
            numbers.swap(i, below(i as u64 + 1) as usize);
        }
        for seqno in numbers {
            let (a, b) = (key(below(24)), key(below(24)));
            match below(8) {
                0 | 1 => {
                    let (start, end) = if order.compare(&a, &b).is_le() { (a, b) } else { (b, a) };
                    tree.remove_range(&start, &end, seqno).unwrap();
                    oracle.remove_range(&start, &end, seqno);
                }
                2 => {
                    tree.remove(&a, seqno).unwrap();
                    oracle.write(&a, seqno, None);
                }
                _ => {
                    let value = seqno.to_string().into_bytes();
                    tree.insert(&a, &value, seqno).unwrap();
                    oracle.write(&a, seqno, Some(value));
                }
            }
            // Nothing is settled while smaller numbers may still come.
            match below(12) {
                0 => tree.flush_active_memtable(0).unwrap(),
                1 => drop(tree.pick_compaction(true).map(|job| job.run(0, &CancelToken::default()).unwrap())),
                _ => {}
            }
            let bound = if below(2) == 0 { SeqNo::MAX } else { below(162) };
            assert_same(&tree, &oracle, bound, seed);
        }
        tree.flush_active_memtable(SeqNo::MAX).unwrap();
        tree.major_compact(4 << 10, SeqNo::MAX).unwrap();
        assert_same(&tree, &oracle, SeqNo::MAX, seed);
        assert!(tree.verify().is_sound(), "{:?}", tree.verify());
    }
}

fn assert_same(tree: &Tree, oracle: &Oracle, bound: SeqNo, seed: u64) {
    let expected: Vec<Vec<u8>> = oracle.live(bound).into_iter().map(|(_, value)| value).collect();
    let values = |entry: esker_tree::EntryGuard| entry.value().unwrap().to_vec();
    let forward: Vec<_> = tree.iter(bound).unwrap().map(values).collect();
    assert_eq!(forward, expected, "at {bound}, seed {seed}");
    let backward: Vec<_> = tree.iter(bound).unwrap().rev().map(values).collect();
    assert!(backward.iter().eq(expected.iter().rev()), "backward at {bound}, seed {seed}");
    for n in 0..24 {
        let (got, wanted) = (tree.get(key(n), bound).unwrap(), oracle.get(&key(n), bound));
        assert_eq!(got.as_deref(), wanted.as_deref(), "get {n} at {bound}, seed {seed}");
    }
}

/// INV-RANGE-7. The model test found this: a tombstone that was cut off behind "c" lay in a table that ended with "c"; merged once
/// more without that key, it gave its table the bound "c\0", which is where the table beside it began, and the tree did not open.
#[test]
fn remove_range_bounds_a_table_by_the_last_key_that_it_covers() {
    let seqno = SequenceNumberCounter::default();
    let tree = Config::new("tree", seqno.clone(), SequenceNumberCounter::default())
        .with_fs(MemFs::new())
        .open()
        .unwrap();
    tree.insert("a", "", seqno.next()).unwrap();
    tree.remove_range("b", "c\0", seqno.next()).unwrap();
    tree.flush_active_memtable(0).unwrap();
    let bounds = |tree: &Tree| tree.tables().into_iter().map(|t| (t.smallest, t.largest)).collect::<Vec<_>>();
    assert_eq!(bounds(&tree), [(Slice::new(b"a"), Slice::new(b"c"))]);
}
