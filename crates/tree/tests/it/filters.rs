//! Compaction filters in a tree: when they are asked, and what becomes of it.

use std::sync::{Arc, Mutex};

use esker_env::memory::MemFs;
use esker_tree::{
    CancelToken, CompactionFilter, CompactionFilterFactory, Config, CounterOperator, Error, FilterContext,
    FilterItem, SeqNo, SequenceNumberCounter, Tree, Verdict,
};

/// What filters were asked and told.
#[derive(Clone, Debug, Default)]
struct Log {
    contexts: Vec<FilterContext>,
    keys: Vec<String>,
    finished: usize,
}

type Judge = fn(&FilterItem<'_>) -> Verdict;

/// A factory whose filters write down what they see.
#[derive(Clone)]
struct Recording {
    log: Arc<Mutex<Log>>,
    judge: Judge,
}

impl CompactionFilterFactory for Recording {
    fn name(&self) -> &'static str {
        "recording"
    }

    fn make_filter(&self, context: FilterContext) -> Box<dyn CompactionFilter> {
        self.log.lock().unwrap().contexts.push(context);
        Box::new(self.clone())
    }
}

impl CompactionFilter for Recording {
    fn filter_item(&mut self, item: FilterItem<'_>) -> Verdict {
        self.log.lock().unwrap().keys.push(String::from_utf8(item.key().to_vec()).unwrap());
        (self.judge)(&item)
    }

    fn finish(self: Box<Self>) {
        self.log.lock().unwrap().finished += 1;
    }
}

struct Setup {
    tree: Tree,
    visible: SequenceNumberCounter,
    seqno: SequenceNumberCounter,
    log: Arc<Mutex<Log>>,
}

impl Setup {
    fn new(judge: Judge) -> Self {
        let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
        let log = Arc::new(Mutex::new(Log::default()));
        let tree = Config::new("tree", seqno.clone(), visible.clone())
            .with_shared_fs(Arc::new(MemFs::new()))
            .with_merge_operator(Arc::new(CounterOperator))
            .with_compaction_filter_factory(Arc::new(Recording { log: Arc::clone(&log), judge }))
            .open()
            .unwrap();
        Self { tree, visible, seqno, log }
    }

    fn insert(&self, key: &str, value: &str) {
        self.tree.insert(key, value, self.seqno.next()).unwrap();
        self.visible.set(self.seqno.get());
    }

    fn flush(&self) {
        self.tree.flush_active_memtable(SeqNo::MAX).unwrap();
    }

    fn compact(&self) {
        self.flush();
        assert!(self.tree.major_compact(1 << 20, SeqNo::MAX).unwrap());
    }

    fn live(&self) -> Vec<(String, String)> {
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        let entries = self.tree.iter(SeqNo::MAX).unwrap().map(|guard| guard.into_inner().unwrap());
        entries.map(|(key, value)| (text(&key), text(&value))).collect()
    }

    fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.log.lock().unwrap().keys)
    }
}

fn by_value(item: &FilterItem<'_>) -> Verdict {
    match item.value() {
        b"remove" => Verdict::Remove,
        b"weak" => Verdict::RemoveWeak,
        b"replace" => Verdict::ReplaceValue("replaced".into()),
        b"destroy" => Verdict::Destroy,
        _ => Verdict::Keep,
    }
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn with_compaction_filter_factory_asks_once_for_each_key_and_obeys() {
    let setup = Setup::new(by_value);
    for key in ["a", "b", "c", "d", "e"] {
        setup.insert(key, "old");
    }
    setup.flush();
    for (key, value) in [("a", "keep"), ("b", "remove"), ("c", "weak"), ("d", "replace"), ("e", "destroy")] {
        setup.insert(key, value);
    }
    setup.flush();
    assert_eq!(setup.asked(), Vec::<String>::new(), "flushes do not ask");
    setup.compact();
    assert_eq!(setup.asked(), ["a", "b", "c", "d", "e"]);
    assert_eq!(setup.live(), pairs(&[("a", "keep"), ("d", "replaced")]));
    let log = setup.log.lock().unwrap().clone();
    assert_eq!((log.finished, log.contexts.len()), (1, 1));
    assert!(log.contexts[0].is_last_level && log.contexts[0].level > 0);
    assert_eq!(setup.tree.metrics().entries_filtered.get(), 4);
    assert!(setup.tree.verify().damage.is_empty());
}

/// INV-FILTER-2: blocks that could be copied as they are, and tables that are in their place, are looked at all the same.
#[test]
fn major_compact_shows_everything_to_a_filter() {
    let setup = Setup::new(by_value);
    let keys: Vec<String> = (0..3000).map(|i| format!("key{i:05}")).collect();
    for key in &keys {
        setup.insert(key, "some value that is not very short");
    }
    setup.compact();
    assert_eq!(setup.asked(), keys);
    setup.compact();
    assert_eq!(setup.asked(), keys, "again, though nothing had changed");
    assert_eq!(setup.log.lock().unwrap().finished, 2);
}

/// INV-FILTER-1.
#[test]
fn filter_item_changes_nothing_that_a_live_snapshot_sees() {
    let setup = Setup::new(by_value);
    setup.insert("a", "remove");
    let snapshot = setup.tree.snapshot(setup.seqno.get()).unwrap();
    setup.insert("b", "remove");
    setup.insert("a2", "replace");
    setup.compact();
    assert_eq!(setup.asked(), ["a2", "b"]);
    assert_eq!(setup.live(), pairs(&[("a", "remove"), ("a2", "replaced")]));
    assert_eq!(setup.tree.get("a", snapshot.bound()).unwrap().as_deref(), Some(b"remove".as_slice()));
    drop(snapshot);
    setup.compact();
    assert_eq!(setup.live(), pairs(&[("a2", "replaced")]));
}

#[test]
fn filter_item_sees_what_operands_come_to() {
    let setup = Setup::new(|item| {
        if CounterOperator::count(item.value()) == Ok(3) { Verdict::Remove } else { Verdict::Keep }
    });
    for (key, times) in [("three", 3), ("two", 2)] {
        for _ in 0..times {
            setup.tree.merge(key, 1u64.to_le_bytes(), setup.seqno.next()).unwrap();
        }
    }
    setup.visible.set(setup.seqno.get());
    setup.compact();
    assert_eq!(setup.asked(), ["three", "two"]);
    assert!(!setup.tree.contains_key("three", SeqNo::MAX).unwrap());
    assert!(setup.tree.contains_key("two", SeqNo::MAX).unwrap());
}

#[test]
fn finish_is_not_called_for_a_compaction_that_fails() {
    let setup = Setup::new(|_| Verdict::Remove);
    for part in 0..8 {
        for i in 0..200 {
            setup.insert(&format!("key{i:05}"), &format!("part {part}"));
        }
        setup.flush();
    }
    let cancel = CancelToken::default();
    cancel.cancel();
    let job = setup.tree.pick_compaction(true).expect("eight runs of level 0 are to be merged");
    assert!(matches!(job.run(SeqNo::MAX, &cancel), Err(Error::Cancelled)));
    assert_eq!(setup.log.lock().unwrap().finished, 0);
    assert_eq!(setup.live().len(), 200);
    while let Some(job) = setup.tree.pick_compaction(true) {
        job.run(SeqNo::MAX, &CancelToken::default()).unwrap();
    }
    assert_eq!(setup.live().len(), 0);
    assert!(setup.log.lock().unwrap().finished > 0);
}
