//! Memtables that were sorted elsewhere: installed, read, scanned, flushed, beside what is written meanwhile.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use esker_env::memory::MemFs;
use esker_env::random::{Random, SeededRandom};
use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::sorted_memtable::{Assembly, KeyCode, Section, SortedMemtable};
use esker_tree::{Cache, Config, ErrorKind, SeqNo, SequenceNumberCounter, Tree, UserComparator};

use crate::model::Reversed;

fn config(fs: &Arc<MemFs>) -> Config {
    Config::new(Path::new("tree"), SequenceNumberCounter::default(), SequenceNumberCounter::default())
        .with_shared_fs(Arc::clone(fs) as esker_env::fs::SharedFs)
}

fn sorted(order: &KeyOrder, ops: &[(String, SeqNo, Kind)]) -> SortedMemtable {
    let code = Arc::new(match order {
        KeyOrder::Bytes => KeyCode::of_sample(ops.iter().map(|op| op.0.as_bytes())),
        KeyOrder::Custom(_) => KeyCode::flat(),
    });
    let mut section = Section::new(Arc::clone(&code));
    for (key, seqno, kind) in ops {
        let value = if kind.is_tombstone() { String::new() } else { format!("{key} at {seqno}") };
        section.add(key.as_bytes(), *seqno, *kind, value.as_bytes()).unwrap();
    }
    section.sort(order);
    Assembly::new(order.clone(), code, vec![section]).build()
}

fn contents(tree: &Tree, bound: SeqNo) -> Vec<(String, String)> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let pairs = tree.iter(bound).unwrap().map(|entry| {
        let (key, value) = entry.into_inner().unwrap();
        (text(&key), text(&value))
    });
    pairs.collect()
}

#[test]
fn installed_memtables_are_read_like_any_other() {
    for order in [KeyOrder::Bytes, KeyOrder::new(Arc::new(Reversed))] {
        let random = SeededRandom::new(9);
        let fs = Arc::new(MemFs::new());
        let config = match &order {
            KeyOrder::Bytes => config(&fs),
            KeyOrder::Custom(comparator) => config(&fs).comparator(Arc::clone(comparator)),
        };
        let tree = config.open().unwrap();
        let mut model: BTreeMap<String, Vec<(SeqNo, bool)>> = BTreeMap::new();
        let mut seqno = 1;
        for round in 0..12 {
            let ops: Vec<(String, SeqNo, Kind)> = (0..200)
                .map(|_| {
                    seqno += 1;
                    let kind = if random.next_u64().is_multiple_of(5) { Kind::Delete } else { Kind::Put };
                    (format!("key{:03}", random.next_u64() % 300), seqno, kind)
                })
                .collect();
            for (key, seqno, kind) in &ops {
                model.entry(key.clone()).or_default().push((*seqno, !kind.is_tombstone()));
            }
            match round % 3 {
                0 => {
                    for (key, seqno, kind) in &ops {
                        let written = match kind {
                            Kind::Put => tree.insert(key, format!("{key} at {seqno}"), *seqno),
                            _ => tree.remove(key, *seqno),
                        };
                        assert!(written.is_ok());
                    }
                }
                _ => tree.install_sealed(sorted(&order, &ops)).unwrap(),
            }
            if round == 7 {
                tree.flush_active_memtable(0).unwrap();
                assert_eq!(tree.memtable_stats().sealed, 0);
            }
            for bound in [SeqNo::MAX, seqno / 2] {
                let visible = |versions: &Vec<(SeqNo, bool)>| {
                    let newest = versions.iter().rfind(|version| version.0 < bound);
                    newest.filter(|version| version.1).map(|version| version.0)
                };
                let mut expected: Vec<(String, String)> = model
                    .iter()
                    .filter_map(|(key, all)| Some((key.clone(), format!("{key} at {}", visible(all)?))))
                    .collect();
                if !order.is_bytes() {
                    expected.reverse();
                }
                assert_eq!(contents(&tree, bound), expected, "round {round}");
                for (key, versions) in &model {
                    let got =
                        tree.get(key, bound).unwrap().map(|value| String::from_utf8(value.to_vec()).unwrap());
                    assert_eq!(got, visible(versions).map(|seqno| format!("{key} at {seqno}")));
                }
            }
        }
    }
}

#[test]
fn an_unused_active_memtable_leaves_no_trace_and_a_used_one_is_sealed() {
    let fs = Arc::new(MemFs::new());
    let tree = config(&fs).open().unwrap();
    let ops = |seqno| [("a".to_owned(), seqno, Kind::Put)];
    tree.install_sealed(sorted(&KeyOrder::Bytes, &ops(1))).unwrap();
    assert_eq!(tree.memtable_stats().sealed, 1);
    tree.insert("b", "2", 2).unwrap();
    tree.install_sealed(sorted(&KeyOrder::Bytes, &ops(3))).unwrap();
    assert_eq!(tree.memtable_stats().sealed, 3);
    assert_eq!(tree.lowest_unflushed_seqno(), Some(1));
    tree.install_sealed(sorted(&KeyOrder::Bytes, &[])).unwrap();
    assert_eq!(tree.memtable_stats().sealed, 3, "nothing to install");
    tree.flush_active_memtable(0).unwrap();
    assert_eq!((tree.memtable_stats().sealed, tree.replay_floor()), (0, 4));
}

#[test]
fn their_memory_is_the_caches_until_they_are_flushed() {
    let fs = Arc::new(MemFs::new());
    let cache = Arc::new(Cache::with_capacity_bytes(1 << 20));
    let tree = config(&fs).use_cache(Arc::clone(&cache)).open().unwrap();
    let ops: Vec<_> = (0..1000).map(|i| (format!("key{i:04}"), i, Kind::Put)).collect();
    let memtable = sorted(&KeyOrder::Bytes, &ops);
    let bytes = memtable.memory_bytes() as u64;
    tree.install_sealed(memtable).unwrap();
    assert_eq!(cache.stats().resident_bytes, bytes);
    let stats = tree.memtable_stats();
    assert_eq!((stats.sorted_bytes, stats.sealed_bytes), (bytes, bytes));
    tree.flush_active_memtable(0).unwrap();
    assert!(cache.stats().resident_bytes < bytes / 4, "{:?}", cache.stats());
    assert_eq!(tree.memtable_stats().sorted_bytes, 0);
}

#[test]
fn what_no_write_may_carry_is_refused() {
    let fs = Arc::new(MemFs::new());
    let tree = config(&fs).open().unwrap();
    let refused = |memtable| tree.install_sealed(memtable).map_err(|error| error.kind());
    let reversed = KeyOrder::new(Arc::new(Reversed));
    let other_order = sorted(&reversed, &[("a".to_owned(), 1, Kind::Put)]);
    assert_eq!(refused(other_order), Err(ErrorKind::InvalidInput));
    let too_high = sorted(&KeyOrder::Bytes, &[("a".to_owned(), SeqNo::MAX >> 1, Kind::Put)]);
    assert_eq!(refused(too_high), Err(ErrorKind::InvalidInput));
    assert_eq!(tree.memtable_stats().sealed, 0);
}

#[test]
fn a_log_may_bring_back_numbers_below_the_watermark() {
    // Flushes raise the watermark past what lies in younger memtables: after a crash that is in the log only.
    let fs = Arc::new(MemFs::new());
    let visible = SequenceNumberCounter::default();
    let tree = Config::new(Path::new("tree"), SequenceNumberCounter::default(), visible.clone())
        .with_shared_fs(Arc::clone(&fs) as esker_env::fs::SharedFs)
        .open()
        .unwrap();
    tree.insert("a", "1", 4).unwrap();
    visible.set(10);
    tree.flush_active_memtable(10).unwrap();
    tree.install_sealed(sorted(&KeyOrder::Bytes, &[("a".to_owned(), 5, Kind::Put)])).unwrap();
    assert_eq!(contents(&tree, 10), [("a".to_owned(), "a at 5".to_owned())]);
    tree.flush_active_memtable(10).unwrap();
    assert_eq!(contents(&tree, 10), [("a".to_owned(), "a at 5".to_owned())]);
}

/// Byte order, and how often it was asked for.
struct Counting(Arc<AtomicU64>);

impl UserComparator for Counting {
    fn name(&self) -> &str {
        "test.counting"
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> std::cmp::Ordering {
        self.0.fetch_add(1, Ordering::Relaxed);
        a.cmp(b)
    }
}

/// A recovered memtable under a range tombstone is passed over as a whole, not entry by entry.
#[test]
fn a_scan_does_not_walk_an_installed_memtable_under_a_range_tombstone() {
    let asked = Arc::new(AtomicU64::new(0));
    let order = KeyOrder::new(Arc::new(Counting(Arc::clone(&asked))));
    let tree =
        config(&Arc::new(MemFs::new())).comparator(Arc::new(Counting(Arc::clone(&asked)))).open().unwrap();
    let ops: Vec<_> = (0..20_000).map(|i| (format!("key{i:05}"), i, Kind::Put)).collect();
    tree.install_sealed(sorted(&order, &ops)).unwrap();
    tree.remove_range("key00000", "key19999", 20_000).unwrap();
    let before = asked.load(Ordering::Relaxed);
    assert_eq!(&*tree.first_key_value(SeqNo::MAX).unwrap().unwrap().0, b"key19999");
    assert!(tree.iter(SeqNo::MAX).unwrap().rev().nth(1).is_none());
    let took = asked.load(Ordering::Relaxed) - before;
    assert!(took < 500, "{took} comparisons for one key");
}
