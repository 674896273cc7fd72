//! Random operations on a tree and on the oracle, over several option sets, with everything in the mix: flushes,
//! compactions, snapshots, rising watermarks, reopening.
//!
//! A failure prints its seed; `ESKER_SEED=n` runs that one alone.

use std::ops::Bound;
use std::sync::Arc;

use esker_env::memory::MemFs;
use esker_env::random::{Random, SeededRandom};
use esker_format::codec::Codec;
use esker_mem::comparator::{KeyOrder, SharedComparator, UserComparator};
use esker_tree::{
    Cache, Config, FilterPolicy, FilterPolicyEntry, LevelPolicy, Leveled, Range, SeqNo,
    SequenceNumberCounter, Snapshot, Tree,
};

use crate::oracle::Oracle;

/// Byte order, the other way round.
pub(crate) struct Reversed;

impl UserComparator for Reversed {
    fn name(&self) -> &str {
        "test.reversed"
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> std::cmp::Ordering {
        b.cmp(a)
    }
}

/// ASCII case does not count, not even to break ties.
pub(crate) struct CaseInsensitive;

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

struct Options {
    comparator: Option<SharedComparator>,
    block_size_bytes: u32,
    codec: Codec,
    filter: FilterPolicyEntry,
    memtable_bytes: usize,
    table_bytes: u64,
    expect_hits: bool,
}

fn option_set(seed: u64) -> Options {
    let comparator: Option<SharedComparator> = match seed % 4 {
        0 | 1 => None,
        2 => Some(Arc::new(Reversed)),
        _ => Some(Arc::new(CaseInsensitive)),
    };
    Options {
        comparator,
        block_size_bytes: [128, 512, 4096][(seed / 4 % 3) as usize],
        codec: if seed.is_multiple_of(2) { Codec::None } else { Codec::Lz4 },
        filter: [
            FilterPolicyEntry::None,
            FilterPolicyEntry::Bloom { bits_per_key: 10.0 },
            FilterPolicyEntry::Burr { false_positive_rate: 0.01 },
        ][(seed / 3 % 3) as usize],
        memtable_bytes: [16 << 10, 64 << 10][(seed / 5 % 2) as usize],
        table_bytes: [1 << 10, 16 << 10][(seed / 7 % 2) as usize],
        expect_hits: seed.is_multiple_of(11),
    }
}

struct Run {
    random: SeededRandom,
    fs: Arc<MemFs>,
    options: Options,
    order: KeyOrder,
    seqno: SequenceNumberCounter,
    visible: SequenceNumberCounter,
    oracle: Oracle,
    tree: Tree,
    snapshots: Vec<Snapshot>,
    /// The highest watermark that was given to the tree.
    watermark: SeqNo,
}

impl Run {
    fn new(seed: u64) -> Self {
        let options = option_set(seed);
        let order = options.comparator.clone().map_or(KeyOrder::Bytes, KeyOrder::new);
        let (seqno, visible) = (SequenceNumberCounter::default(), SequenceNumberCounter::default());
        let fs = Arc::new(MemFs::new());
        let tree = open(&fs, &options, &seqno, &visible);
        Self {
            random: SeededRandom::new(seed),
            fs,
            oracle: Oracle::new(order.clone()),
            options,
            order,
            seqno,
            visible,
            tree,
            snapshots: Vec::new(),
            watermark: 0,
        }
    }

    fn below(&self, n: u64) -> u64 {
        self.random.next_u64() % n
    }

    fn key(&self) -> Vec<u8> {
        let n = self.below(60);
        if n.is_multiple_of(7) {
            return format!("weak{n}").into_bytes();
        }
        match n % 5 {
            0 => format!("K{n}").into_bytes(),
            1 => format!("k{n}").into_bytes(),
            2 => format!("tenant/0001/object/{n}").into_bytes(),
            3 => vec![n as u8; (n % 3) as usize],
            _ => format!("tenant/0001/object/{n}/and a longer tail").into_bytes(),
        }
    }

    /// A bound that may be read at: a live snapshot's, or one at or above the watermark.
    fn bound(&self) -> SeqNo {
        match self.below(3) {
            0 => SeqNo::MAX,
            1 if !self.snapshots.is_empty() => {
                self.snapshots[self.below(self.snapshots.len() as u64) as usize].bound()
            }
            _ => self.watermark + self.below(self.seqno.get() - self.watermark + 1),
        }
    }

    fn step(&mut self) {
        match self.below(100) {
            0..40 => self.write(),
            40..60 => self.check_point(),
            60..66 => self.check_range(),
            66..69 => self.check_seeks(),
            69 => self.check_walks(),
            70..74 => assert_eq!(self.tree.rotate_memtable() as u8 | 1, 1),
            74..80 => self.flush(),
            80..86 => self.compact(),
            86..90 => self.hold_snapshot(),
            90..94 => self.release_snapshot(),
            94..96 => self.check_whole(),
            96 => self.reopen(),
            _ => self.visible.set(self.seqno.get()),
        }
    }

    fn write(&mut self) {
        let key = self.key();
        let seqno = self.seqno.next();
        // The contract of a weak delete: every put of the key is followed by one, before the next put.
        let weak = key.starts_with(b"weak");
        let live = weak && self.oracle.get(&key, SeqNo::MAX).is_some();
        match self.below(6) {
            _ if live => {
                self.tree.remove_weak(&key, seqno).unwrap();
                self.oracle.write(&key, seqno, None);
            }
            0 if !weak => {
                self.tree.remove(&key, seqno).unwrap();
                self.oracle.write(&key, seqno, None);
            }
            _ => {
                let len = if self.below(50) == 0 { 3000 } else { self.below(40) as usize };
                let value = [seqno.to_string().into_bytes(), vec![b'x'; len]].concat();
                self.tree.insert(&key, &value, seqno).unwrap();
                self.oracle.write(&key, seqno, Some(value));
            }
        }
    }

    fn check_point(&self) {
        let (key, bound) = (self.key(), self.bound());
        let expected = self.oracle.get(&key, bound);
        assert_eq!(
            self.tree.get(&key, bound).unwrap().as_deref(),
            expected.as_deref(),
            "get {key:?} at {bound}"
        );
        assert_eq!(self.tree.contains_key(&key, bound).unwrap(), expected.is_some());
        let keys = [self.key(), key, self.key()];
        let values = self.tree.multi_get(&keys, bound).unwrap();
        for (key, value) in keys.iter().zip(values) {
            assert_eq!(
                value.as_deref(),
                self.oracle.get(key, bound).as_deref(),
                "multi_get {key:?} at {bound}"
            );
        }
    }

    fn random_bound(&self) -> Bound<Vec<u8>> {
        match self.below(3) {
            0 => Bound::Unbounded,
            1 => Bound::Included(self.key()),
            _ => Bound::Excluded(self.key()),
        }
    }

    fn is_inside(&self, (lower, upper): &(Bound<Vec<u8>>, Bound<Vec<u8>>), key: &[u8]) -> bool {
        let above = match lower {
            Bound::Unbounded => true,
            Bound::Included(k) => self.order.compare(key, k).is_ge(),
            Bound::Excluded(k) => self.order.compare(key, k).is_gt(),
        };
        above
            && match upper {
                Bound::Unbounded => true,
                Bound::Included(k) => self.order.compare(key, k).is_le(),
                Bound::Excluded(k) => self.order.compare(key, k).is_lt(),
            }
    }

    /// One step of `range`, owned or lent as it happens: both move the same range (INV-SCAN-1).
    fn take(&self, range: &mut Range, front: bool) -> Option<(Vec<u8>, Vec<u8>)> {
        if self.below(2) == 0 {
            let lent = if front { range.next_ref() } else { range.next_back_ref() };
            return lent.unwrap().map(|(key, value)| (key.to_vec(), value.to_vec()));
        }
        let owned = if front { range.next() } else { range.next_back() };
        owned.map(|entry| entry.into_inner().unwrap()).map(|(key, value)| (key.to_vec(), value.to_vec()))
    }

    fn check_range(&self) {
        let bound = self.bound();
        let (lower, upper) = (self.random_bound(), self.random_bound());
        let mut expected = self.oracle.live(bound);
        expected.retain(|(key, _)| self.is_inside(&(lower.clone(), upper.clone()), key));
        let mut range = self.tree.range((lower.clone(), upper.clone()), bound).unwrap();
        let mut expected = std::collections::VecDeque::from(expected);
        loop {
            let front = self.below(2) == 0;
            let got = self.take(&mut range, front);
            let wanted = if front { expected.pop_front() } else { expected.pop_back() };
            let Some((key, value)) = wanted else {
                assert!(got.is_none(), "an entry too many: {got:?}");
                break;
            };
            let (got_key, got_value) = got.expect("an entry");
            assert!(self.order.same_key(&got_key, &key), "{got_key:?} for {key:?} at {bound}");
            assert_eq!(&*got_value, &*value, "{key:?} at {bound} in {lower:?}..{upper:?}");
        }
    }

    /// Walks from one end only, which take the way without comparisons (INV-READ-3), and then turns to the other end.
    fn check_walks(&self) {
        let bound = self.bound();
        let range = (self.random_bound(), self.random_bound());
        let mut expected = self.oracle.live(bound);
        expected.retain(|(key, _)| self.is_inside(&range, key));
        let mut expected = std::collections::VecDeque::from(expected);
        let mut walk = self.tree.range(range, bound).unwrap();
        for front in if self.below(2) == 0 { [true, false] } else { [false, true] } {
            let steps = self.below(expected.len() as u64 + 2);
            for _ in 0..steps {
                let got = self.take(&mut walk, front);
                let wanted = if front { expected.pop_front() } else { expected.pop_back() };
                let (Some(got), Some((key, value))) = (&got, &wanted) else {
                    assert!(got.is_none() && wanted.is_none(), "{got:?} for {wanted:?} at {bound}");
                    return;
                };
                let (got_key, got_value) = got;
                assert!(self.order.same_key(got_key, key), "{got_key:?} for {key:?} at {bound}");
                assert_eq!(&**got_value, &**value, "{key:?} at {bound}");
            }
        }
    }

    /// Seeks of one range to and fro, walks from there, and looks ahead, within bounds.
    fn check_seeks(&self) {
        let bound = self.bound();
        let (lower, upper) = (self.random_bound(), self.random_bound());
        let mut range = self.tree.range((lower.clone(), upper.clone()), bound).unwrap();
        let inside: Vec<_> =
            self.tree.range((lower, upper), bound).unwrap().map(|e| e.key().unwrap()).collect();
        for _ in 0..6 {
            let key = self.key();
            let steps = self.below(4) as usize;
            if self.below(2) == 0 {
                range.seek_to(&key).unwrap();
                let mut wanted = inside.iter().filter(|k| self.order.compare(k, &key).is_ge());
                for _ in 0..steps {
                    let wanted = wanted.next();
                    if self.below(2) == 0 {
                        assert_eq!(range.peek_key().unwrap(), wanted.map(|k| &**k), "peek from {key:?}");
                    }
                    assert_eq!(range.next().map(|e| e.key().unwrap()).as_ref(), wanted, "next from {key:?}");
                }
            } else {
                range.seek_to_for_prev(&key).unwrap();
                let mut wanted = inside.iter().rev().filter(|k| self.order.compare(k, &key).is_le());
                for _ in 0..steps {
                    assert_eq!(
                        range.next_back().map(|e| e.key().unwrap()).as_ref(),
                        wanted.next(),
                        "back from {key:?}"
                    );
                }
            }
        }
        // The ends meet after a seek as they do without: each of the rest comes once.
        let key = self.key();
        range.seek_to(&key).unwrap();
        let mut rest: std::collections::VecDeque<_> =
            inside.iter().filter(|k| self.order.compare(k, &key).is_ge()).cloned().collect();
        loop {
            let front = self.below(2) == 0;
            if front && self.below(3) == 0 {
                assert_eq!(range.peek_key().unwrap(), rest.front().map(|k| &**k));
            }
            let got = if front { range.next() } else { range.next_back() };
            let wanted = if front { rest.pop_front() } else { rest.pop_back() };
            assert_eq!(got.map(|e| e.key().unwrap()), wanted);
            if wanted.is_none() {
                break;
            }
        }
    }

    fn check_whole(&self) {
        let bound = self.bound();
        let expected = self.oracle.live(bound);
        assert_eq!(self.tree.len(bound).unwrap(), expected.len());
        assert_eq!(self.tree.is_empty(bound).unwrap(), expected.is_empty());
        let first = self.tree.first_key_value(bound).unwrap().map(|(_, value)| value.to_vec());
        assert_eq!(first, expected.first().map(|(_, value)| value.clone()));
        let last = self.tree.last_key_value(bound).unwrap().map(|(_, value)| value.to_vec());
        assert_eq!(last, expected.last().map(|(_, value)| value.clone()));
        let prefix = b"tenant/0001/object/1";
        let found = self.tree.prefix(prefix, bound).unwrap().map(|entry| entry.value().unwrap().to_vec());
        let wanted =
            expected.iter().filter(|(key, _)| key.starts_with(prefix)).map(|(_, value)| value.clone());
        // Under the order without a tie-break the shown key may differ from the oracle's in case only: no such prefix.
        assert_eq!(found.collect::<Vec<_>>(), wanted.collect::<Vec<_>>());
        // INV-TREE-2: verification walks every table and finds it in order.
        let report = self.tree.verify();
        assert!(report.is_sound(), "{report:?}");
    }

    /// A watermark as a caller might advise it; what the tree makes of it.
    fn advise(&mut self) -> SeqNo {
        let advice = if self.below(2) == 0 { SeqNo::MAX } else { self.below(self.seqno.get() + 1) };
        self.watermark = self.watermark.max(advice.min(self.visible.get()));
        advice
    }

    fn flush(&mut self) {
        let advice = self.advise();
        self.tree.flush_active_memtable(advice).unwrap();
    }

    fn compact(&mut self) {
        let idle = self.below(2) == 0;
        if self.below(6) == 0 {
            let advice = self.advise();
            assert!(
                self.tree.major_compact(self.options.table_bytes, advice).unwrap(),
                "no job is in the way"
            );
            return;
        }
        let Some(job) = self.tree.pick_compaction(idle) else { return };
        // INV-COMPACT-7: a second job beside the first, run before it.
        if let Some(second) = self.tree.pick_compaction(idle) {
            let advice = self.advise();
            second.run(advice, &esker_tree::CancelToken::default()).unwrap();
        }
        if self.below(5) > 0 {
            let advice = self.advise();
            job.run(advice, &esker_tree::CancelToken::default()).unwrap();
        }
    }

    fn hold_snapshot(&mut self) {
        let bound = self.watermark + self.below(self.seqno.get() - self.watermark + 1);
        self.snapshots.push(self.tree.snapshot(bound).unwrap());
    }

    fn release_snapshot(&mut self) {
        if !self.snapshots.is_empty() {
            let at = self.below(self.snapshots.len() as u64) as usize;
            self.snapshots.swap_remove(at);
        }
    }

    /// A bare tree keeps what was flushed: flush, close, open.
    fn reopen(&mut self) {
        self.flush();
        self.snapshots.clear();
        let idle_folder = MemFs::new();
        let placeholder = open(&Arc::new(idle_folder), &self.options, &self.seqno, &self.visible);
        drop(std::mem::replace(&mut self.tree, placeholder));
        // Without snapshots everything below the last watermark may be gone.
        self.tree = open(&self.fs, &self.options, &self.seqno, &self.visible);
        assert_eq!(self.tree.get_highest_memtable_seqno(), None);
    }
}

fn open(
    fs: &Arc<MemFs>,
    options: &Options,
    seqno: &SequenceNumberCounter,
    visible: &SequenceNumberCounter,
) -> Tree {
    let strategy = Leveled {
        level_zero_trigger_runs: 2,
        level_multiplier: 2,
        target_table_bytes: options.table_bytes,
        base_level_bytes: 2 * options.table_bytes,
    };
    let mut config = Config::new("tree", seqno.clone(), visible.clone())
        .with_shared_fs(Arc::clone(fs) as esker_env::fs::SharedFs)
        .use_cache(Arc::new(Cache::with_capacity_bytes(64 << 10)))
        .memtable_capacity_bytes(options.memtable_bytes)
        .data_block_size_policy(LevelPolicy::all(options.block_size_bytes))
        .data_block_compression_policy(LevelPolicy::new([Codec::None, options.codec]))
        .filter_policy(FilterPolicy::all(options.filter))
        .expect_point_read_hits(options.expect_hits)
        .manifest_rotate_bytes(2 << 10)
        .compaction_strategy(Arc::new(strategy));
    if let Some(comparator) = &options.comparator {
        config = config.comparator(Arc::clone(comparator));
    }
    config.open().unwrap()
}

#[test]
fn a_tree_answers_as_the_oracle_does() {
    let only = std::env::var("ESKER_SEED").ok().and_then(|seed| seed.parse().ok());
    for seed in only.map_or(0..44, |seed| seed..seed + 1) {
        let caught = std::panic::catch_unwind(|| {
            let mut run = Run::new(seed);
            for _ in 0..2500 {
                run.step();
            }
            run.check_whole();
        });
        if let Err(panic) = caught {
            eprintln!("failed with ESKER_SEED={seed}");
            std::panic::resume_unwind(panic);
        }
    }
}
