//! A caller's own log and a caller's own sequence numbers: the example of the guide, crashed at every call, and numbers that
//! reach the tree out of order.

#[path = "../../examples/own_log/store.rs"]
mod store;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use esker_env::clock::{Clock, SystemClock};
use esker_env::fs::{Fs, SharedFs};
use esker_env::memory::MemFs;
use esker_testkit::fault_fs::FaultFs;
use esker_testkit::fault_fs::crash::CrashPolicy;
use esker_testkit::fault_fs::plan::FaultPlan;
use esker_tree::{Config, SeqNo, SequenceNumberGenerator, Tree};

use store::{HybridClock, Store};

fn open(fs: &Arc<FaultFs>) -> store::Result<Store> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    Store::open(&(Arc::clone(fs) as SharedFs), &clock, Path::new("db"))
}

fn fresh() -> Arc<FaultFs> {
    let fs = FaultFs::new();
    fs.create_dir_all(Path::new("db")).unwrap();
    fs.settle();
    Arc::new(fs)
}

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

const STEPS: u64 = 24;

/// What step `step` does to a store that is a map.
fn expected(steps: u64) -> Map {
    let mut map = Map::new();
    for step in 0..steps {
        let key = format!("key{}", step % 7).into_bytes();
        if step % 5 == 4 {
            map.remove(&key)
        } else {
            map.insert(key, step.to_string().into_bytes())
        };
    }
    map
}

/// Goes on from step `done`, with a reopening on the way; counts what was acknowledged.
fn script(fs: &Arc<FaultFs>, done: &mut u64) -> store::Result<()> {
    let mut store = open(fs)?;
    while *done < STEPS {
        let (step, key) = (*done, format!("key{}", *done % 7));
        if step % 5 == 4 {
            store.delete(key.as_bytes())?;
        } else {
            store.put(key.as_bytes(), step.to_string().as_bytes())?;
        }
        *done += 1;
        match step {
            5 | 9 | 10 | 19 => store.flush()?,
            14 => {
                drop(store);
                store = open(fs)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The steps that the store shows: those acknowledged, or one more that was under way.
fn check(fs: &Arc<FaultFs>, done: u64, what: &str) -> u64 {
    let store = open(fs).unwrap_or_else(|error| panic!("{what}: {error}"));
    let found: Map = store.iter().unwrap().into_iter().collect();
    for key in 0..7 {
        let key = format!("key{key}").into_bytes();
        assert_eq!(store.get(&key).unwrap().as_deref(), found.get(&key).map(Vec::as_slice), "{what}");
    }
    let steps = [done, done + 1].into_iter().find(|steps| found == expected(*steps));
    steps.unwrap_or_else(|| panic!("{what}: {done} steps were acknowledged, found {found:?}"))
}

#[test]
fn a_log_of_the_callers_own_survives_a_crash_at_any_call() {
    let fs = fresh();
    script(&fs, &mut 0).unwrap();
    check(&fs, STEPS, "without a crash");
    let calls = fs.mutating_calls();
    assert!(calls > 100, "{calls} calls");
    for crash in 1..=calls {
        let fs = fresh();
        fs.set_plan(FaultPlan::crash_at(crash));
        let mut done = 0;
        assert!(script(&fs, &mut done).is_err() || done == STEPS, "crash at {crash}");
        for policy in [CrashPolicy::LoseUnsynced, CrashPolicy::KeepAll, CrashPolicy::Random { seed: crash }] {
            let what = format!("crash at call {crash}, {policy:?}");
            let survived = Arc::new(fs.crash(policy));
            let mut done = check(&survived, done, &what);
            script(&survived, &mut done).unwrap();
            check(&survived, STEPS, &what);
        }
    }
}

/// A clock that stands, and may be set back.
#[derive(Debug)]
struct Hands(AtomicU64);

impl Clock for Hands {
    fn now(&self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0.load(Ordering::Relaxed))
    }

    fn unix_millis(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn sleep(&self, _duration: std::time::Duration) {}
}

#[test]
fn sequence_number_generators_of_the_callers_own_are_raised_at_open() {
    let hands = Arc::new(Hands(AtomicU64::new(1000)));
    let fs = Arc::new(MemFs::new());
    let numbers = || Arc::new(HybridClock::new(Arc::clone(&hands) as Arc<dyn Clock>));
    let open = |numbers: &Arc<HybridClock>, visible: &Arc<HybridClock>| {
        Config::new_with_generators("tree", Arc::clone(numbers) as _, Arc::clone(visible) as _)
            .with_shared_fs(Arc::clone(&fs) as SharedFs)
            .open()
            .unwrap()
    };
    let (seqno, visible) = (numbers(), numbers());
    let tree = open(&seqno, &visible);
    assert_eq!(
        (seqno.get(), seqno.next(), seqno.next(), seqno.get()),
        (1000 << 16, 1000 << 16, (1000 << 16) + 1, (1000 << 16) + 2)
    );
    hands.0.store(2000, Ordering::Relaxed);
    let last = seqno.next();
    assert_eq!(last, 2000 << 16);
    tree.insert("key", "value", last).unwrap();
    tree.flush_active_memtable(0).unwrap();
    drop(tree);
    // The clock was set back while the tree was closed.
    hands.0.store(1500, Ordering::Relaxed);
    let (seqno, visible) = (numbers(), numbers());
    let tree = open(&seqno, &visible);
    assert_eq!((seqno.next(), visible.get()), (last + 1, last + 1));
    assert_eq!(tree.get("key", visible.get()).unwrap().as_deref(), Some(b"value".as_slice()));
    seqno.set(5 << 40);
    assert_eq!(seqno.next(), 5 << 40);
}

/// Hands out numbers to threads; tells how far all of them are in the tree.
struct Unordered {
    next: AtomicU64,
    under_way: Mutex<BTreeSet<SeqNo>>,
}

impl Unordered {
    fn take(&self) -> SeqNo {
        let mut under_way = self.under_way.lock().unwrap();
        let seqno = self.next.fetch_add(1, Ordering::SeqCst);
        under_way.insert(seqno);
        seqno
    }

    /// The number is in the tree: what is visible is what nobody is under way below.
    fn publish(&self, seqno: SeqNo, visible: &dyn SequenceNumberGenerator) {
        let mut under_way = self.under_way.lock().unwrap();
        under_way.remove(&seqno);
        visible.fetch_max(under_way.first().copied().unwrap_or(self.next.load(Ordering::SeqCst)));
    }
}

/// The versions of each key, by number.
type Versions = BTreeMap<u64, BTreeMap<SeqNo, Option<String>>>;

fn check_versions(tree: &Tree, versions: &Versions, bound: SeqNo, what: &str) {
    for (key, versions) in versions {
        let expected = versions.range(..bound).next_back().and_then(|(_, value)| value.clone());
        let found = tree.get(format!("key{key}"), bound).unwrap();
        let found = found.map(|value| String::from_utf8(value.to_vec()).unwrap());
        assert_eq!(found, expected, "{what}: key{key} at {bound}");
    }
}

/// Each thread takes a stack of numbers and writes them last number first, so that neighbouring numbers of one key come in any
/// order, in any memtable, while flushes and compactions advise a watermark that is as high as it may be.
#[test]
fn sequence_numbers_out_of_order_between_threads_are_read_in_order() {
    const THREADS: u64 = 4;
    let numbers = Arc::new(Unordered { next: AtomicU64::new(0), under_way: Mutex::new(BTreeSet::new()) });
    let visible = esker_tree::SequenceNumberCounter::default();
    let tree = Config::new("tree", esker_tree::SequenceNumberCounter::default(), visible.clone())
        .with_shared_fs(Arc::new(MemFs::new()) as SharedFs)
        .open()
        .unwrap();
    let written = Mutex::new(Versions::new());
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let (tree, numbers, visible, written) = (&tree, &numbers, &visible, &written);
            scope.spawn(move || {
                for round in 0..60 {
                    let mut stack: Vec<SeqNo> = (0..8).map(|_| numbers.take()).collect();
                    while let Some(seqno) = stack.pop() {
                        let key = (seqno + thread) % 11;
                        let value = (seqno % 6 != 5).then(|| format!("value {seqno}"));
                        match &value {
                            Some(value) => tree.insert(format!("key{key}"), value, seqno).unwrap(),
                            None => tree.remove(format!("key{key}"), seqno).unwrap(),
                        };
                        written.lock().unwrap().entry(key).or_default().insert(seqno, value);
                        numbers.publish(seqno, visible);
                    }
                    if thread == 0 && round % 5 == 4 {
                        tree.flush_active_memtable(SeqNo::MAX).unwrap();
                    }
                    if thread == 1 && round % 20 == 19 {
                        tree.major_compact(1 << 20, SeqNo::MAX).unwrap();
                    }
                }
            });
        }
    });
    let versions = written.into_inner().unwrap();
    let end = THREADS * 60 * 8;
    assert_eq!((visible.get(), versions.values().map(BTreeMap::len).sum::<usize>() as u64), (end, end));
    check_versions(&tree, &versions, end, "after the threads");
    tree.flush_active_memtable(SeqNo::MAX).unwrap();
    tree.major_compact(1 << 20, SeqNo::MAX).unwrap();
    check_versions(&tree, &versions, end, "in the last level");
    assert!(tree.verify().is_sound());
}
