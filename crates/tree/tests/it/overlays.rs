//! Reads with an overlay on top: what the overlay holds below its own bound hides what the tree holds below its.

use std::collections::BTreeMap;
use std::sync::Arc;

use esker_env::memory::MemFs;
use esker_env::random::{Random, SeededRandom};
use esker_tree::{
    AppendOperator, Config, Error, Overlaid, Overlay, OverlayMemtable, Range, SeqNo, SequenceNumberCounter,
    Tree, UserComparator,
};

fn tree() -> (Tree, SequenceNumberCounter, SequenceNumberCounter) {
    let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
    let tree = Config::new("tree", seqno.clone(), visible.clone())
        .with_fs(MemFs::new())
        .with_merge_operator(Arc::new(AppendOperator::new(b",")))
        .open()
        .unwrap();
    (tree, seqno, visible)
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn entries(range: impl Iterator<Item = esker_tree::EntryGuard>) -> Vec<(String, String)> {
    let entries = range.map(|entry| entry.into_inner().unwrap());
    entries.map(|(key, value)| (text(&key), text(&value))).collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

/// INV-OVERLAY-1: in the tree's memtable, and in its tables.
#[test]
fn overlaid_reads_see_puts_deletes_and_operands_over_the_tree() {
    let (tree, seqno, _) = tree();
    for key in ["a", "b", "c", "d"] {
        tree.insert(key, "tree", seqno.next()).unwrap();
    }
    let writes = tree.overlay_memtable();
    assert!(writes.is_empty());
    writes.insert("b", "mine").unwrap();
    writes.remove("c").unwrap();
    writes.merge("d", "more").unwrap();
    writes.merge("e", "first").unwrap();
    writes.remove("e").unwrap();
    writes.merge("e", "second").unwrap();
    writes.remove("never").unwrap();
    for flushed in [false, true] {
        if flushed {
            tree.flush_active_memtable(0).unwrap();
        }
        let mine = tree.overlaid(writes.at(SeqNo::MAX)).unwrap();
        let expected = pairs(&[("a", "tree"), ("b", "mine"), ("d", "tree,more"), ("e", "second")]);
        assert_eq!(entries(mine.iter(SeqNo::MAX).unwrap()), expected);
        let mut backward = entries(mine.iter(SeqNo::MAX).unwrap().rev());
        backward.reverse();
        assert_eq!(backward, expected);
        assert_eq!(entries(mine.range("b".."e", SeqNo::MAX).unwrap()), expected[1..3]);
        assert_eq!(entries(mine.prefix("e", SeqNo::MAX).unwrap()), expected[3..]);
        let ranges =
            mine.batch_range_scan([("d", "z"), ("b", "c")].map(|(from, to)| from..to), SeqNo::MAX).unwrap();
        let ranges: Vec<_> = ranges.map(|(at, entry)| (at, text(&entry.value().unwrap()))).collect();
        let values = [(0, "tree,more"), (0, "second"), (1, "mine")];
        assert_eq!(ranges, values.map(|(at, value)| (at, value.to_owned())));
        assert!(mine.contains_prefix("e", SeqNo::MAX).unwrap());
        assert!(!mine.contains_prefix("c", SeqNo::MAX).unwrap());
        assert_eq!(mine.len(SeqNo::MAX).unwrap(), 4);
        assert_eq!(text(&mine.first_key_value(SeqNo::MAX).unwrap().unwrap().0), "a");
        assert_eq!(text(&mine.last_key_value(SeqNo::MAX).unwrap().unwrap().1), "second");
        let keys = ["a", "b", "c", "d", "e", "never"];
        let together = mine.multi_get(keys, SeqNo::MAX).unwrap();
        for (key, value) in keys.iter().zip(together) {
            assert_eq!(mine.get(key, SeqNo::MAX).unwrap(), value, "{key}");
            assert_eq!(mine.contains_key(key, SeqNo::MAX).unwrap(), value.is_some(), "{key}");
            let size = value.as_ref().map(|value| u32::try_from(value.len()).unwrap());
            assert_eq!(mine.size_of(key, SeqNo::MAX).unwrap(), size, "{key}");
            let expected = expected.iter().find(|(known, _)| known == key);
            assert_eq!(value.map(|value| text(&value)), expected.map(|(_, value)| value.clone()), "{key}");
        }
        assert_eq!(entries(tree.iter(SeqNo::MAX).unwrap()).len(), 4, "the tree is as it was");
    }
}

/// INV-OVERLAY-2: whatever the numbers of the tree, up to the last one below the read's bound.
#[test]
fn overlay_remove_range_hides_what_came_before_and_all_of_the_tree() {
    let (tree, seqno, _) = tree();
    for key in ["a", "b", "c", "d", "e"] {
        tree.insert(key, "tree", seqno.next()).unwrap();
    }
    let writes = tree.overlay_memtable();
    writes.insert("b", "before").unwrap();
    writes.insert("bb", "before").unwrap();
    writes.remove_range("b", "d").unwrap();
    writes.insert("c", "after").unwrap();
    writes.merge("cc", "operand").unwrap();
    let first = writes.at(SeqNo::MAX);
    writes.remove_range("c", "e").unwrap();
    writes.remove_range("x", "x").unwrap();
    assert!(matches!(writes.remove_range("z", "a"), Err(Error::InvertedRange)));
    assert!(matches!(writes.remove_range("a", [b'z'; 65_536]), Err(Error::KeyTooLong { .. })));
    assert_eq!(writes.bound(), 6, "what deletes nothing takes no position");
    assert!(writes.memory_bytes() > 2 * 640);
    let last = writes.at(SeqNo::MAX);
    // Newer than the overlay, and hidden all the same: where they lie in time is not said.
    tree.insert("bbb", "tree", seqno.next()).unwrap();
    let expected = |overlay: &Overlay| match overlay.bound() {
        5 => pairs(&[("a", "tree"), ("c", "after"), ("cc", "operand"), ("d", "tree"), ("e", "tree")]),
        _ => pairs(&[("a", "tree"), ("e", "tree")]),
    };
    for flushed in [false, true] {
        if flushed {
            tree.flush_active_memtable(0).unwrap();
        }
        for overlay in [&first, &last] {
            let mine = tree.overlaid(overlay.clone()).unwrap();
            for bound in [SeqNo::MAX, seqno.get()] {
                assert_eq!(entries(mine.iter(bound).unwrap()), expected(overlay));
                let mut backward = entries(mine.iter(bound).unwrap().rev());
                backward.reverse();
                assert_eq!(backward, expected(overlay));
                for key in ["a", "b", "bb", "bbb", "c", "cc", "d", "e"] {
                    let value = expected(overlay).into_iter().find(|(known, _)| known == key);
                    let value = value.map(|(_, value)| value);
                    let found = mine.get(key, bound).unwrap();
                    assert_eq!(found.as_deref().map(text), value, "{key}");
                    assert_eq!(mine.contains_key(key, bound).unwrap(), value.is_some(), "{key}");
                    let size = value.as_ref().map(|value| u32::try_from(value.len()).unwrap());
                    assert_eq!(mine.size_of(key, bound).unwrap(), size, "{key}");
                    let together = mine.multi_get([key], bound).unwrap().remove(0);
                    assert_eq!(together.as_deref().map(text), value, "{key}");
                }
                assert_eq!(mine.contains_prefix("d", bound).unwrap(), overlay.bound() == 5);
            }
        }
        let early = tree.overlaid(writes.at(2)).unwrap();
        assert_eq!(text(&early.get("b", SeqNo::MAX).unwrap().unwrap()), "before");
    }
}

#[test]
fn overlay_at_a_bound_goes_on_showing_that() {
    let (tree, seqno, _) = tree();
    tree.insert("key", "tree", seqno.next()).unwrap();
    let writes = tree.overlay_memtable();
    writes.insert("key", "one").unwrap();
    writes.insert("other", "one").unwrap();
    let savepoint = writes.at(SeqNo::MAX);
    assert_eq!(savepoint.bound(), 2);
    for i in 0..20_000 {
        writes.insert("key", format!("two {i}")).unwrap();
        writes.remove(format!("other{i}")).unwrap();
    }
    writes.remove("other").unwrap();
    assert!(writes.memory_bytes() > 1 << 20, "several memtables");
    let read = |overlay: Overlay, bound| entries(tree.overlaid(overlay).unwrap().iter(bound).unwrap());
    let then = pairs(&[("key", "one"), ("other", "one")]);
    for savepoint in [savepoint.clone(), writes.at(2)] {
        assert_eq!(read(savepoint.clone(), SeqNo::MAX), then);
        let mine = tree.overlaid(savepoint).unwrap();
        assert_eq!(mine.get("key", SeqNo::MAX).unwrap().as_deref(), Some(b"one".as_slice()));
        assert_eq!(entries(mine.iter(SeqNo::MAX).unwrap().rev()).len(), 2);
    }
    assert_eq!(read(writes.at(SeqNo::MAX), SeqNo::MAX), pairs(&[("key", "two 19999")]));
    assert_eq!(read(writes.at(0), SeqNo::MAX), pairs(&[("key", "tree")]));
    assert_eq!(read(savepoint.clone(), 0), then, "nothing of the tree is seen at 0, and all of the overlay");
    drop(writes);
    assert_eq!(read(savepoint, SeqNo::MAX), then, "it holds the memory");
}

struct Backwards;

impl UserComparator for Backwards {
    fn name(&self) -> &str {
        "test.backwards"
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> std::cmp::Ordering {
        b.cmp(a)
    }
}

#[test]
fn overlaid_refuses_an_overlay_of_another_order_and_what_is_too_long() {
    let (tree, _, _) = tree();
    let other = Config::new("other", SequenceNumberCounter::default(), SequenceNumberCounter::default())
        .with_fs(MemFs::new())
        .comparator(Arc::new(Backwards))
        .open()
        .unwrap();
    let writes = other.overlay_memtable();
    writes.insert("a", "1").unwrap();
    writes.insert("b", "2").unwrap();
    assert!(matches!(tree.overlaid(writes.at(SeqNo::MAX)), Err(Error::WrongComparator { .. })));
    let mine = other.overlaid(writes.at(SeqNo::MAX)).unwrap();
    assert_eq!(entries(mine.iter(SeqNo::MAX).unwrap()), pairs(&[("b", "2"), ("a", "1")]));
    assert!(matches!(writes.insert([0; 65_536], ""), Err(Error::KeyTooLong { len: 65_536 })));
    assert_eq!(writes.bound(), 2, "what is refused takes no position");
}

/// The tree and the overlay at one pair of bounds, as a map.
struct Moment {
    bound: SeqNo,
    overlay: Overlay,
    map: BTreeMap<String, String>,
}

fn below(rng: &SeededRandom, n: u64) -> u64 {
    rng.next_u64() % n
}

fn write_tree(tree: &Tree, map: &mut BTreeMap<String, String>, key: &str, value: String, at: SeqNo) {
    if value.is_empty() {
        tree.remove(key, at).unwrap();
        map.remove(key);
    } else {
        tree.insert(key, &value, at).unwrap();
        map.insert(key.to_owned(), value);
    }
}

fn write_overlay(
    writes: &OverlayMemtable,
    mine: &mut BTreeMap<String, Option<String>>,
    key: &str,
    value: String,
) {
    if value.is_empty() {
        writes.remove(key).unwrap();
        mine.insert(key.to_owned(), None);
    } else {
        writes.insert(key, &value).unwrap();
        mine.insert(key.to_owned(), Some(value));
    }
}

/// Walks to and fro, with seeks, beside the map.
fn walk(rng: &SeededRandom, mut range: Range, map: &BTreeMap<String, String>, keys: &[String]) {
    let mut left: Vec<&String> = map.keys().collect();
    for _ in 0..60 {
        let pick = &keys[below(rng, keys.len() as u64) as usize];
        let (found, expected) = match below(rng, 6) {
            0 => {
                range.seek_to(pick.as_bytes()).unwrap();
                left = map.keys().filter(|key| *key >= pick).collect();
                continue;
            }
            1 => {
                range.seek_to_for_prev(pick.as_bytes()).unwrap();
                left = map.keys().filter(|key| *key <= pick).collect();
                continue;
            }
            2 | 3 => (range.next(), (!left.is_empty()).then(|| left.remove(0))),
            _ => (range.next_back(), left.pop()),
        };
        let found = found.map(|entry| entry.into_inner().unwrap());
        let found = found.map(|(key, value)| (text(&key), text(&value)));
        assert_eq!(found, expected.map(|key| (key.clone(), map[key].clone())));
    }
}

#[test]
fn overlaid_reads_agree_with_a_model() {
    for seed in 0..30 {
        let rng = SeededRandom::new(seed);
        let (tree, seqno, visible) = tree();
        let keys: Vec<String> = (0..40).map(|i| format!("key{i:02}")).collect();
        let writes = tree.overlay_memtable();
        let (mut below_it, mut mine) = (BTreeMap::new(), BTreeMap::new());
        let mut moments: Vec<Moment> = Vec::new();
        for step in 0..500 {
            let key = &keys[below(&rng, 40) as usize];
            let value = if below(&rng, 3) == 0 { String::new() } else { format!("{step}") };
            if below(&rng, 3) > 0 {
                write_tree(&tree, &mut below_it, key, value, seqno.next());
            } else {
                write_overlay(&writes, &mut mine, key, value);
            }
            if below(&rng, 20) == 0 {
                let (a, b) = (below(&rng, 40) as usize, below(&rng, 40) as usize);
                let (from, to) = (a.min(b), a.max(b));
                writes.remove_range(&keys[from], &keys[to]).unwrap();
                mine.extend(keys[from..to].iter().map(|key| (key.clone(), None)));
            }
            if below(&rng, 40) == 0 {
                let from = below(&rng, 39) as usize;
                tree.remove_range(&keys[from], &keys[from + 1], seqno.next()).unwrap();
                below_it.remove(&keys[from]);
            }
            if below(&rng, 60) == 0 {
                tree.flush_active_memtable(0).unwrap();
            }
            if below(&rng, 25) == 0 {
                let mut map = below_it.clone();
                for (key, value) in &mine {
                    match value {
                        Some(value) => map.insert(key.clone(), value.clone()),
                        None => map.remove(key),
                    };
                }
                moments.push(Moment { bound: seqno.get(), overlay: writes.at(SeqNo::MAX), map });
            }
        }
        for moment in &moments {
            let mine: Overlaid = tree.overlaid(moment.overlay.clone()).unwrap();
            let values = mine.multi_get(&keys, moment.bound).unwrap();
            for (key, value) in keys.iter().zip(values) {
                assert_eq!(value.as_deref(), moment.map.get(key).map(String::as_bytes), "seed {seed}");
                assert_eq!(mine.get(key, moment.bound).unwrap(), value, "seed {seed}");
            }
            walk(&rng, mine.iter(moment.bound).unwrap(), &moment.map, &keys);
        }
        visible.set(seqno.get());
    }
}
