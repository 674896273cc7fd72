//! Orders of the user's own: reversed, and blind to case with and without a tie-break, in memtables, tables and after a reopen.

use std::cmp::Ordering;
use std::sync::Arc;

use esker_env::memory::MemFs;
use esker_env::random::{Random, SeededRandom};
use esker_tree::{
    CancelToken, Config, Error, KeyOrder, LevelPolicy, Leveled, SeqNo, SequenceNumberCounter,
    SharedComparator, Tree, UserComparator,
};

/// Byte order, the other way round.
pub(crate) struct Reversed;

impl UserComparator for Reversed {
    fn name(&self) -> &str {
        "test.reversed"
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        b.cmp(a)
    }
}

/// ASCII case does not count, not even to break ties.
pub(crate) struct AnyCase;

impl UserComparator for AnyCase {
    fn name(&self) -> &str {
        "test.any-case"
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        a.to_ascii_lowercase().cmp(&b.to_ascii_lowercase())
    }

    fn equal_implies_identical(&self) -> bool {
        false
    }
}

/// ASCII case counts only where nothing else differs.
pub(crate) struct CaseLast;

impl UserComparator for CaseLast {
    fn name(&self) -> &str {
        "test.case-last"
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        AnyCase.compare(a, b).then_with(|| a.cmp(b))
    }
}

fn open(fs: &Arc<MemFs>, comparator: SharedComparator) -> esker_tree::Result<Tree> {
    let strategy = Leveled {
        level_zero_trigger_runs: 2,
        level_multiplier: 2,
        target_table_bytes: 2 << 10,
        base_level_bytes: 4 << 10,
    };
    // Nobody reads below what a flush or a compaction is told, so that they drop what they may.
    let visible = SequenceNumberCounter::default();
    visible.set(1 << 40);
    Config::new("tree", SequenceNumberCounter::default(), visible)
        .with_shared_fs(Arc::clone(fs) as esker_env::fs::SharedFs)
        .data_block_size_policy(LevelPolicy::all(256))
        .compaction_strategy(Arc::new(strategy))
        .comparator(comparator)
        .open()
}

/// What should be there, in order.
struct Model {
    order: KeyOrder,
    live: Vec<(String, String)>,
}

impl Model {
    fn place(&self, key: &str) -> Result<usize, usize> {
        self.live.binary_search_by(|(other, _)| self.order.compare(other.as_bytes(), key.as_bytes()))
    }

    fn set(&mut self, key: &str, value: Option<String>) {
        match (self.place(key), value) {
            (Ok(at), Some(value)) => self.live[at] = (key.to_owned(), value),
            (Ok(at), None) => drop(self.live.remove(at)),
            (Err(at), Some(value)) => self.live.insert(at, (key.to_owned(), value)),
            (Err(_), None) => {}
        }
    }

    fn get(&self, key: &str) -> Option<&str> {
        self.place(key).ok().map(|at| self.live[at].1.as_str())
    }

    fn values(&self, from: usize, to: usize) -> Vec<&str> {
        self.live[from.min(to)..to].iter().map(|(_, value)| value.as_str()).collect()
    }
}

fn spelled(number: u64, spelling: u64) -> String {
    let word = ["key", "Key", "KEY", "kEy"][(spelling % 4) as usize];
    format!("{word}/{:02}/{number}", number % 7)
}

/// Everything that can be asked, for all keys in all spellings.
fn check(tree: &Tree, model: &Model, numbers: u64) {
    let text = |value: &[u8]| String::from_utf8(value.to_vec()).unwrap();
    let all: Vec<String> = (0..numbers).flat_map(|n| (0..4).map(move |s| spelled(n, s))).collect();
    let together = tree.multi_get(&all, SeqNo::MAX).unwrap();
    for (key, value) in all.iter().zip(together) {
        let wanted = model.get(key);
        assert_eq!(tree.get(key, SeqNo::MAX).unwrap().as_deref().map(text).as_deref(), wanted, "get {key}");
        assert_eq!(value.as_deref().map(text).as_deref(), wanted, "multi_get {key}");
        assert_eq!(tree.contains_key(key, SeqNo::MAX).unwrap(), wanted.is_some());
    }
    let values = |range: esker_tree::Range| -> Vec<String> {
        range.map(|entry| text(&entry.value().unwrap())).collect()
    };
    let end = model.live.len();
    assert_eq!(values(tree.iter(SeqNo::MAX).unwrap()), model.values(0, end));
    let mut backwards: Vec<String> =
        tree.iter(SeqNo::MAX).unwrap().rev().map(|entry| text(&entry.value().unwrap())).collect();
    backwards.reverse();
    assert_eq!(backwards, model.values(0, end));
    let first = tree.first_key_value(SeqNo::MAX).unwrap().map(|(_, value)| text(&value));
    let last = tree.last_key_value(SeqNo::MAX).unwrap().map(|(_, value)| text(&value));
    assert_eq!(first.as_deref(), model.live.first().map(|(_, value)| value.as_str()));
    assert_eq!(last.as_deref(), model.live.last().map(|(_, value)| value.as_str()));
    for (from, to) in all.iter().step_by(13).zip(all.iter().rev().step_by(11)) {
        let place = |key: &str| model.place(key).unwrap_or_else(|at| at);
        let wanted = model.values(place(from), place(to));
        let range = || tree.range(from.as_str()..to.as_str(), SeqNo::MAX).unwrap();
        assert_eq!(values(range()), wanted, "{from}..{to}");
        let mut sought = tree.iter(SeqNo::MAX).unwrap();
        sought.seek_to(from.as_bytes()).unwrap();
        let found = sought.next().map(|entry| text(&entry.value().unwrap()));
        assert_eq!(found.as_deref(), model.live.get(place(from)).map(|(_, value)| value.as_str()));
    }
}

fn a_tree_is_right_under(comparator: fn() -> SharedComparator) {
    const NUMBERS: u64 = 60;
    let fs = Arc::new(MemFs::new());
    let random = SeededRandom::new(7);
    let mut tree = open(&fs, comparator()).unwrap();
    let mut model = Model { order: KeyOrder::new(comparator()), live: Vec::new() };
    let mut seqno = 0;
    for round in 0..12 {
        for _ in 0..80 {
            let (number, spelling) = (random.next_u64() % NUMBERS, random.next_u64());
            let key = spelled(number, spelling);
            seqno += 1;
            // The contract of a weak delete: one put since the last one. Those keys get nothing else.
            let is_weak = number.is_multiple_of(3);
            if is_weak && model.get(&key).is_some() {
                tree.remove_weak(&key, seqno).unwrap();
                model.set(&key, None);
            } else if !is_weak && spelling.is_multiple_of(5) {
                tree.remove(&key, seqno).unwrap();
                model.set(&key, None);
            } else {
                tree.insert(&key, seqno.to_string(), seqno).unwrap();
                model.set(&key, Some(seqno.to_string()));
            }
        }
        check(&tree, &model, NUMBERS);
        match round % 4 {
            0 => assert!(tree.rotate_memtable()),
            1 => tree.flush_active_memtable(seqno + 1).map(drop).unwrap(),
            2 => {
                tree.flush_active_memtable(seqno + 1).unwrap();
                while let Some(job) = tree.pick_compaction(true) {
                    job.run(seqno + 1, &CancelToken::default()).unwrap();
                }
            }
            _ => {
                tree.flush_active_memtable(seqno + 1).unwrap();
                assert!(tree.major_compact(2 << 10, seqno + 1).unwrap());
                drop(tree);
                tree = open(&fs, comparator()).unwrap();
            }
        }
        check(&tree, &model, NUMBERS);
        let report = tree.verify();
        assert!(report.is_sound(), "{report:?}");
    }
    let has_filters = tree.tables().iter().any(|table| table.filter_bytes > 0);
    assert_eq!(has_filters, comparator().equal_implies_identical(), "bytes that differ may be one key");
}

#[test]
fn comparator_reversed() {
    a_tree_is_right_under(|| Arc::new(Reversed));
}

#[test]
fn comparator_blind_to_case_with_a_tie_break() {
    a_tree_is_right_under(|| Arc::new(CaseLast));
}

#[test]
fn comparator_blind_to_case_without_a_tie_break() {
    a_tree_is_right_under(|| Arc::new(AnyCase));
}

/// An earlier engine let a weak delete of key A eat key B under a reversed comparator.
#[test]
fn remove_weak_of_one_key_leaves_its_neighbours_under_any_comparator() {
    let orders: [SharedComparator; 3] = [Arc::new(Reversed), Arc::new(CaseLast), Arc::new(AnyCase)];
    for order in orders {
        let tree = open(&Arc::new(MemFs::new()), Arc::clone(&order)).unwrap();
        for (key, seqno) in ["a", "b", "c", "B"].iter().zip(0..) {
            tree.insert(key, *key, seqno).unwrap();
        }
        tree.remove_weak("a", 10).unwrap();
        tree.remove_weak("c", 11).unwrap();
        tree.flush_active_memtable(12).unwrap();
        assert!(tree.major_compact(1 << 20, 12).unwrap());
        for key in ["a", "b", "c"] {
            let is_there = tree.contains_key(key, SeqNo::MAX).unwrap();
            assert_eq!(is_there, key == "b", "{key} under {}", order.name());
        }
        assert_eq!(tree.tables()[0].tombstones, 0, "the pairs are gone");
    }
}

#[test]
fn comparator_of_another_name_is_refused() {
    let fs = Arc::new(MemFs::new());
    let tree = open(&fs, Arc::new(Reversed)).unwrap();
    tree.insert("a", "", 0).unwrap();
    tree.flush_active_memtable(0).unwrap();
    drop(tree);
    let refused = open(&fs, Arc::new(CaseLast));
    assert!(
        matches!(&refused, Err(Error::WrongComparator { stored, given })
            if stored == "test.reversed" && given == "test.case-last"),
        "{refused:?}"
    );
    assert!(open(&fs, Arc::new(Reversed)).unwrap().contains_key("a", SeqNo::MAX).unwrap());
}
