//! Weak deletes: what they do where their contract is kept, and what can happen where it is broken.
//!
//! The contract: a key is written at most once, by an insert, between two of its deletes. That no reader notices anything of what
//! flushes and compactions do with a pair is proven for all small histories beside the drop rules; here it is the whole tree.

use std::collections::BTreeMap;
use std::sync::Arc;

use esker_env::memory::MemFs;
use esker_env::random::{Random, SeededRandom};
use esker_tree::{Config, SeqNo, SequenceNumberCounter, Tree};

struct Setup {
    tree: Tree,
    seqno: SequenceNumberCounter,
    visible: SequenceNumberCounter,
}

impl Setup {
    fn new() -> Self {
        let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
        let tree = Config::new("tree", seqno.clone(), visible.clone())
            .with_shared_fs(Arc::new(MemFs::new()))
            .open()
            .unwrap();
        Self { tree, seqno, visible }
    }

    fn insert(&self, key: &str, value: &str) {
        self.tree.insert(key, value, self.seqno.next()).unwrap();
        self.visible.set(self.seqno.get());
    }

    fn remove_weak(&self, key: &str) {
        self.tree.remove_weak(key, self.seqno.next()).unwrap();
        self.visible.set(self.seqno.get());
    }

    fn get(&self, key: &str) -> Option<String> {
        self.get_at(key, SeqNo::MAX)
    }

    fn get_at(&self, key: &str, bound: SeqNo) -> Option<String> {
        let value = self.tree.get(key, bound).unwrap();
        value.map(|value| String::from_utf8(value.to_vec()).unwrap())
    }

    fn flush(&self) {
        self.tree.flush_active_memtable(SeqNo::MAX).unwrap();
    }

    fn compact(&self) {
        self.flush();
        assert!(self.tree.major_compact(1 << 20, SeqNo::MAX).unwrap());
    }

    /// Entries in tables.
    fn entries(&self) -> u64 {
        self.tree.tables().iter().map(|table| table.entries).sum()
    }
}

#[test]
fn remove_weak_reads_as_a_delete_at_once() {
    let setup = Setup::new();
    setup.insert("a", "1");
    setup.insert("b", "1");
    let before = setup.seqno.get();
    setup.remove_weak("a");
    setup.remove_weak("absent");
    assert_eq!((setup.get("a"), setup.get("absent")), (None, None));
    assert_eq!(setup.get_at("a", before).as_deref(), Some("1"));
    assert!(!setup.tree.contains_key("a", SeqNo::MAX).unwrap());
    assert_eq!(setup.tree.len(SeqNo::MAX).unwrap(), 1);
    assert_eq!(setup.tree.iter(SeqNo::MAX).unwrap().rev().count(), 1);
    assert_eq!(&*setup.tree.first_key_value(SeqNo::MAX).unwrap().unwrap().0, b"b");
}

/// INV-DROP-4: in one memtable, and where a flush lies between.
#[test]
fn remove_weak_and_its_write_vanish_when_they_meet() {
    let setup = Setup::new();
    setup.insert("key", "1");
    setup.remove_weak("key");
    setup.flush();
    assert_eq!(setup.entries(), 0, "they met in the memtable");
    setup.insert("key", "2");
    setup.flush();
    setup.remove_weak("key");
    setup.flush();
    assert_eq!((setup.entries(), setup.get("key")), (2, None));
    setup.compact();
    assert_eq!((setup.entries(), setup.get("key")), (0, None));
}

/// What they are for: nothing has to be carried to the last level, where data of other keys lies.
#[test]
fn remove_weak_vanishes_above_older_data_where_a_delete_stays() {
    for (weak, left) in [(true, 2), (false, 3)] {
        let setup = Setup::new();
        setup.insert("a", "1");
        setup.insert("z", "1");
        setup.compact();
        setup.insert("key", "1");
        if weak {
            setup.remove_weak("key");
        } else {
            setup.tree.remove("key", setup.seqno.next()).unwrap();
            setup.visible.set(setup.seqno.get());
        }
        setup.flush();
        assert_eq!((setup.entries(), setup.get("key")), (left, None), "weak: {weak}");
    }
}

/// INV-DROP-4: a snapshot that sees the write keeps it, and the delete with it.
#[test]
fn remove_weak_waits_for_snapshots_that_part_it_from_its_write() {
    let setup = Setup::new();
    setup.insert("key", "1");
    let snapshot = setup.tree.snapshot(setup.seqno.get()).unwrap();
    setup.remove_weak("key");
    setup.compact();
    assert_eq!(setup.get_at("key", snapshot.bound()).as_deref(), Some("1"));
    assert_eq!((setup.get("key"), setup.entries()), (None, 2));
    drop(snapshot);
    setup.insert("other", "1");
    setup.compact();
    assert_eq!((setup.get("key"), setup.entries()), (None, 1));
}

/// INV-DROP-2: with nothing to delete it is a tombstone like any other.
#[test]
fn remove_weak_of_nothing_goes_at_the_bottom() {
    let setup = Setup::new();
    setup.insert("a", "1");
    setup.insert("z", "1");
    setup.compact();
    setup.remove_weak("key");
    setup.flush();
    assert_eq!(setup.entries(), 3);
    setup.compact();
    assert_eq!(setup.entries(), 2);
}

/// The contract is broken: the newest write goes with the delete, and the one before comes back.
#[test]
fn remove_weak_after_two_writes_may_bring_the_older_one_back() {
    let setup = Setup::new();
    setup.insert("key", "old");
    setup.compact();
    setup.insert("key", "new");
    setup.remove_weak("key");
    assert_eq!(setup.get("key"), None, "before the two have met it is a delete");
    setup.flush();
    assert_eq!(setup.get("key").as_deref(), Some("old"));
    setup.insert("key", "newest");
    assert_eq!(setup.get("key").as_deref(), Some("newest"));
    setup.tree.remove("key", setup.seqno.next()).unwrap();
    setup.visible.set(setup.seqno.get());
    setup.compact();
    assert_eq!((setup.get("key"), setup.entries()), (None, 0));
}

/// The contract is broken at random: what is read is the newest write or delete, unless that is a weak delete; then it is
/// nothing, or any older write.
#[test]
fn remove_weak_with_a_broken_contract_shows_nothing_but_older_writes() {
    let mut came_back = 0;
    for seed in 0..90 {
        let random = SeededRandom::new(seed);
        let below = |n: u64| random.next_u64() % n;
        let setup = Setup::new();
        // For each key what was written, newest first, and whether the last of it was a weak delete.
        let mut written: BTreeMap<String, (bool, Vec<Option<String>>)> = BTreeMap::new();
        for step in 0..300 {
            let key = format!("key{}", below(5));
            let (is_weak, values) = written.entry(key.clone()).or_insert_with(|| (false, vec![None]));
            match below(12) {
                0..4 => {
                    let value = format!("value {step}");
                    setup.insert(&key, &value);
                    (*is_weak, _) = (false, values.insert(0, Some(value)));
                }
                4..7 => {
                    setup.remove_weak(&key);
                    (*is_weak, _) = (true, values.insert(0, None));
                }
                7 => {
                    setup.tree.remove(&key, setup.seqno.next()).unwrap();
                    setup.visible.set(setup.seqno.get());
                    (*is_weak, _) = (false, values.insert(0, None));
                }
                8 => setup.flush(),
                9 => setup.compact(),
                _ => {
                    let found = setup.get(&key);
                    let allowed = if *is_weak { &values[..] } else { &values[..1] };
                    assert!(
                        allowed.contains(&found),
                        "seed {seed}, step {step}: {key} is {found:?}, {values:?}"
                    );
                    came_back += u64::from(values[0].is_none() && found.is_some());
                    let listed =
                        setup.tree.iter(SeqNo::MAX).unwrap().map(|guard| guard.into_inner().unwrap());
                    for (key, value) in listed {
                        let key = String::from_utf8(key.to_vec()).unwrap();
                        assert_eq!(setup.get(&key).unwrap().as_bytes(), &*value, "a scan agrees");
                    }
                }
            }
        }
        let report = setup.tree.verify();
        assert!(report.damage.is_empty(), "{:?}", report.damage);
    }
    assert!(came_back > 50, "the contract was hardly broken: {came_back}");
}
