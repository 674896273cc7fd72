//! The ways to read keys and ranges: what each says, and what it does not touch.

use std::collections::BTreeMap;
use std::sync::Arc;

use esker_env::memory::MemFs;
use esker_env::random::{Random, SeededRandom};
use esker_tree::{AppendOperator, CancelToken, Config, Leveled, Range, SeqNo, SequenceNumberCounter, Tree};

fn tree() -> (Tree, SequenceNumberCounter, SequenceNumberCounter) {
    let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
    let strategy = Leveled { level_zero_trigger_runs: 2, ..Leveled::default() };
    let tree = Config::new("tree", seqno.clone(), visible.clone())
        .with_fs(MemFs::new())
        .compaction_strategy(Arc::new(strategy))
        .open()
        .unwrap();
    (tree, seqno, visible)
}

fn below(rng: &SeededRandom, n: u64) -> u64 {
    rng.next_u64() % n
}

fn settle(tree: &Tree) {
    while let Some(job) = tree.pick_compaction(true) {
        job.run(SeqNo::MAX, &CancelToken::default()).unwrap();
    }
}

#[test]
fn size_of_is_the_length_of_the_value_wherever_it_lies() {
    let (tree, seqno, _) = tree();
    for (key, len) in [("empty", 0_usize), ("short", 3), ("long", 5000), ("gone", 10)] {
        tree.insert(key, vec![b'v'; len], seqno.next()).unwrap();
    }
    tree.remove("gone", seqno.next()).unwrap();
    let bound = seqno.get();
    tree.insert("short", "rather longer", seqno.next()).unwrap();
    for in_tables in [false, true] {
        if in_tables {
            tree.flush_active_memtable(0).unwrap();
        }
        let size = |key: &str, bound| tree.size_of(key, bound).unwrap();
        assert_eq!(size("empty", SeqNo::MAX), Some(0));
        assert_eq!(size("short", SeqNo::MAX), Some(13));
        assert_eq!(size("short", bound), Some(3), "at an earlier bound");
        assert_eq!(size("long", SeqNo::MAX), Some(5000));
        assert_eq!(size("gone", SeqNo::MAX), None);
        assert_eq!(size("never", SeqNo::MAX), None);
        for key in ["empty", "short", "long", "gone", "never"] {
            assert_eq!(tree.contains_key(key, SeqNo::MAX).unwrap(), size(key, SeqNo::MAX).is_some(), "{key}");
        }
    }
}

#[test]
fn size_of_folds_operands() {
    let seqno = SequenceNumberCounter::default();
    let tree = Config::new("tree", seqno.clone(), SequenceNumberCounter::default())
        .with_fs(MemFs::new())
        .with_merge_operator(Arc::new(AppendOperator::new(b",")))
        .open()
        .unwrap();
    tree.insert("key", "one", seqno.next()).unwrap();
    tree.merge("key", "two", seqno.next()).unwrap();
    assert_eq!(tree.size_of("key", SeqNo::MAX).unwrap(), Some(7));
    tree.flush_active_memtable(0).unwrap();
    assert_eq!(tree.size_of("key", SeqNo::MAX).unwrap(), Some(7));
    assert!(tree.contains_key("key", SeqNo::MAX).unwrap());
}

#[test]
fn get_pinned_tells_whether_the_value_keeps_its_block_alive() {
    let (tree, seqno, _) = tree();
    tree.insert("long", [b'v'; 1000], seqno.next()).unwrap();
    tree.insert("short", "v", seqno.next()).unwrap();
    let copied = tree.get_pinned("long", SeqNo::MAX).unwrap().unwrap();
    assert!(!copied.is_pinned() && copied.pinned_bytes() < 1100, "one from a memtable is a copy");
    tree.flush_active_memtable(0).unwrap();
    let pinned = tree.get_pinned("long", SeqNo::MAX).unwrap().unwrap();
    assert!(pinned.is_pinned() && pinned.pinned_bytes() >= 1000);
    assert_eq!(pinned, copied);
    assert!(!tree.get_pinned("short", SeqNo::MAX).unwrap().unwrap().is_pinned(), "a short one is copied");
    assert!(tree.get_pinned("never", SeqNo::MAX).unwrap().is_none());
    let detached = pinned.clone().into_detached();
    assert_eq!((&*detached, detached.heap_bytes() < 1100), (&*pinned, true));
    drop(tree);
    assert_eq!(&*pinned.into_value(), [b'v'; 1000], "it outlives its tree");
}

#[test]
fn contains_prefix_finds_live_keys_only() {
    let (tree, seqno, _) = tree();
    for key in ["ant", "bee", "beetle", "\u{ff}"] {
        tree.insert(key, "v", seqno.next()).unwrap();
    }
    let bound = seqno.get();
    tree.remove("ant", seqno.next()).unwrap();
    tree.remove("bee", seqno.next()).unwrap();
    for in_tables in [false, true] {
        if in_tables {
            tree.flush_active_memtable(0).unwrap();
        }
        let has = |prefix: &str, bound| tree.contains_prefix(prefix, bound).unwrap();
        assert!(has("an", bound) && !has("an", SeqNo::MAX), "its only key is deleted");
        assert!(has("bee", SeqNo::MAX) && has("beetle", SeqNo::MAX) && has("", SeqNo::MAX));
        assert!(!has("beetles", SeqNo::MAX) && !has("bed", SeqNo::MAX) && !has("z", SeqNo::MAX));
        assert!(!has("", 0), "nothing is visible at 0");
    }
}

/// A range that seeks and turns at random, beside a map that does the same.
struct Walker<'a> {
    keys: &'a BTreeMap<Vec<u8>, u64>,
    /// What is left to be yielded: `keys` from the first of these up to, but not including, the second.
    left: Vec<Vec<u8>>,
}

impl Walker<'_> {
    fn all(&self) -> Vec<Vec<u8>> {
        self.keys.keys().cloned().collect()
    }

    fn step(&mut self, range: &mut Range, rng: &SeededRandom, picks: &[Vec<u8>]) {
        let key = |bytes: Option<&[u8]>| bytes.map(<[u8]>::to_vec);
        let pick = &picks[below(rng, picks.len() as u64) as usize];
        match below(rng, 8) {
            0 => {
                range.seek_to(pick).unwrap();
                self.left = self.all();
                self.left.retain(|key| key >= pick);
            }
            1 => {
                range.seek_to_for_prev(pick).unwrap();
                self.left = self.all();
                self.left.retain(|key| key <= pick);
            }
            2 => assert_eq!(key(range.peek_key().unwrap()), self.left.first().cloned()),
            3 => assert_eq!(key(range.peek_back_key().unwrap()), self.left.last().cloned()),
            4 | 5 => {
                let expected = if self.left.is_empty() { None } else { Some(self.left.remove(0)) };
                assert_eq!(range.next().map(|entry| entry.key().unwrap().to_vec()), expected);
            }
            _ => {
                let found = range.next_back().map(|entry| entry.into_inner().unwrap());
                let expected = self.left.pop();
                assert_eq!(found.as_ref().map(|(key, _)| key.to_vec()), expected);
                if let Some((key, value)) = found {
                    assert_eq!(&*value, self.keys[&*key].to_be_bytes());
                }
            }
        }
    }
}

#[test]
fn range_seekable_seeks_peeks_and_turns_as_a_sorted_map_does() {
    for seed in 0..40 {
        let rng = SeededRandom::new(seed);
        let (tree, seqno, visible) = tree();
        let mut keys = BTreeMap::new();
        let picks: Vec<Vec<u8>> = (0..60).map(|i| format!("key{i:02}").into_bytes()).collect();
        for round in 0..400_u64 {
            let key = &picks[below(&rng, 60) as usize];
            if below(&rng, 3) == 0 {
                tree.remove(key, seqno.next()).unwrap();
                keys.remove(key);
            } else {
                tree.insert(key, round.to_be_bytes(), seqno.next()).unwrap();
                keys.insert(key.clone(), round);
            }
            if below(&rng, 80) == 0 {
                visible.set(seqno.get());
                tree.flush_active_memtable(SeqNo::MAX).unwrap();
                settle(&tree);
            }
        }
        let mut range = tree.range_seekable::<&[u8]>(.., SeqNo::MAX).unwrap();
        let mut walker = Walker { keys: &keys, left: keys.keys().cloned().collect() };
        for _ in 0..400 {
            walker.step(&mut range, &rng, &picks);
        }
    }
}

#[test]
fn an_iterator_outlives_flushes_compactions_and_its_tree() {
    let folder = tempfile::tempdir().unwrap();
    let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
    let tree = Config::new(folder.path(), seqno.clone(), visible.clone()).open().unwrap();
    for i in 0..3000 {
        tree.insert(format!("key{i:05}"), format!("old {i}"), seqno.next()).unwrap();
        if i == 1500 {
            tree.flush_active_memtable(0).unwrap();
        }
    }
    let bound = seqno.get();
    let mut iter = tree.iter(bound).unwrap();
    let mut unasked = tree.iter(bound).unwrap();
    assert_eq!(&*iter.next().unwrap().value().unwrap(), b"old 0");
    for i in 0..3000 {
        tree.insert(format!("key{i:05}"), "new", seqno.next()).unwrap();
    }
    visible.set(seqno.get());
    tree.flush_active_memtable(SeqNo::MAX).unwrap();
    assert!(tree.major_compact(64 << 20, SeqNo::MAX).unwrap());
    let last = iter.next_back().unwrap().value().unwrap();
    drop(tree);
    assert_eq!(&*last, b"old 2999");
    for i in 1..2999 {
        assert_eq!(iter.next().unwrap().value().unwrap(), *format!("old {i}").as_bytes());
    }
    assert!(iter.next().is_none() && iter.next_back().is_none());
    assert_eq!(unasked.by_ref().count(), 3000, "one that had not read yet as well");
    drop((iter, unasked));
    let tables = std::fs::read_dir(folder.path()).unwrap();
    let tables =
        tables.filter(|file| file.as_ref().unwrap().path().extension().is_some_and(|e| e == "table"));
    assert!(tables.count() <= 1, "the files went with the last iterator");
}
#[test]
fn batch_range_scan_yields_range_after_range_at_one_moment() {
    let (tree, seqno, visible) = tree();
    for i in 0..100 {
        tree.insert(format!("key{i:02}"), format!("{i}"), seqno.next()).unwrap();
        if i == 50 {
            tree.flush_active_memtable(0).unwrap();
        }
    }
    let bound = seqno.get();
    // Out of order, overlapping, empty, inverted.
    let ranges =
        ["key90".."key93", "key10".."key12", "key11".."key13", "a".."b", "key20".."key10", "key48".."key53"];
    let expected: Vec<(usize, String)> = ranges
        .iter()
        .enumerate()
        .flat_map(|(at, range)| {
            let keys = (0..100).map(|i| format!("key{i:02}"));
            keys.filter(|key| range.contains(&key.as_str())).map(move |key| (at, key)).collect::<Vec<_>>()
        })
        .collect();
    let mut scan = tree.batch_range_scan(ranges, bound).unwrap();
    let mut found = vec![scan.next().map(|(at, entry)| (at, entry.key().unwrap())).unwrap()];
    for i in 0..100 {
        tree.remove(format!("key{i:02}"), seqno.next()).unwrap();
    }
    visible.set(seqno.get());
    tree.flush_active_memtable(SeqNo::MAX).unwrap();
    assert!(tree.major_compact(64 << 20, SeqNo::MAX).unwrap());
    found.extend(scan.by_ref().map(|(at, entry)| (at, entry.key().unwrap())));
    let text = |key: &[u8]| String::from_utf8(key.to_vec()).unwrap();
    let found: Vec<_> = found.into_iter().map(|(at, key)| (at, text(&key))).collect();
    assert_eq!(found, expected);
    assert!(scan.next().is_none(), "the end is the end");
    let none: [std::ops::Range<&str>; 0] = [];
    assert!(tree.batch_range_scan(none, SeqNo::MAX).unwrap().next().is_none());
    assert!(tree.batch_range_scan([.."a"], 0).is_err(), "below the watermark");
}

#[test]
fn guards_give_what_is_asked_of_them() {
    let (tree, seqno, _) = tree();
    tree.insert("a", "one", seqno.next()).unwrap();
    tree.insert("b", "three", seqno.next()).unwrap();
    let guards = || tree.iter(SeqNo::MAX).unwrap();
    let keys: Vec<_> = guards().map(|guard| guard.key().unwrap().to_vec()).collect();
    assert_eq!(keys, [b"a", b"b"]);
    let values: Vec<_> = guards().map(|guard| guard.value().unwrap().to_vec()).collect();
    assert_eq!(values, [b"one".to_vec(), b"three".to_vec()]);
    assert_eq!(guards().map(|guard| guard.size().unwrap()).collect::<Vec<_>>(), [3, 5]);
    let values: Vec<_> = guards().map(|guard| guard.into_inner_if(|key| &**key == b"b").unwrap().1).collect();
    assert_eq!(values[0], None);
    assert_eq!(values[1].as_deref(), Some(b"three".as_slice()));
    let (key, value) = guards().next().unwrap().into_inner().unwrap();
    assert_eq!((&*key, &*value), (b"a".as_slice(), b"one".as_slice()));
}
