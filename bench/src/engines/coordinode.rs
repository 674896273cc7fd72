//! coordinode-lsm-tree, a tree without a log and without threads of its own: whoever uses it flushes and compacts. Here one
//! thread flushes sealed memtables and one compacts by its leveled strategy, and a writer waits when two memtables are sealed
//! or when level 0 has as many runs as stop RocksDB's writers.
//!
//! Nothing that is acknowledged survives a kill before it is flushed: *os* rows are marked, and it has no *sync* rows.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use lsm_tree::compaction::{CompactionAction, CompactionStrategy, Leveled};
use lsm_tree::config::{BloomConstructionPolicy, CompressionPolicy, FilterPolicy, FilterPolicyEntry};
use lsm_tree::{
    AbstractTree, AnyTree, Cache, CompressionType, Config, Guard, KvSeparationOptions, SeqNo,
    SequenceNumberCounter, WriteBatch,
};

use crate::engine::{Engine, Facts, Outcome, Settings, Settled, Synced};
use crate::engines::show_pairs;

/// A writer waits when so many memtables are sealed.
const SEALED_AT_MOST: usize = 2;
/// And when level 0 has so many runs.
const RUNS_AT_MOST: usize = 36;

/// An open tree with its two threads.
pub struct Coordinode {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    tree: AnyTree,
    seqno: SequenceNumberCounter,
    memtable_bytes: u64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Memtables that were sealed, flushes that are done, and those of them after which compaction found nothing to do.
    sealed: u64,
    flushed: u64,
    compacted: u64,
    stop: bool,
    error: Option<String>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the state is as asked for, or until there is an error.
    fn wait<'a>(&'a self, state: MutexGuard<'a, State>, ready: impl Fn(&State) -> bool) -> MutexGuard<'a, State> {
        self.changed
            .wait_while(state, |state| !ready(state) && !state.stop && state.error.is_none())
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Seals the memtable if it is still as full as it was, and waits while the threads are behind.
    fn seal(&self, at_least: u64) -> Outcome<()> {
        let mut state = self.lock();
        if self.tree.active_memtable().size() >= at_least.max(1) && self.tree.rotate_memtable().is_some() {
            state.sealed += 1;
            self.changed.notify_all();
        }
        let state = self.wait(state, |_| {
            self.tree.sealed_memtable_count() < SEALED_AT_MOST && self.tree.l0_run_count() < RUNS_AT_MOST
        });
        state.error.clone().map_or(Ok(()), |error| Err(error.into()))
    }

    /// What the flushing thread does.
    fn flush(&self) {
        loop {
            let state = self.wait(self.lock(), |state| state.flushed < state.sealed);
            if state.stop || state.error.is_some() {
                return;
            }
            let sealed = state.sealed;
            drop(state);
            let done = self.tree.flush(&self.tree.get_flush_lock(), self.seqno.get());
            self.note(done.map(|_| ()), |state| state.flushed = sealed);
        }
    }

    /// What the compacting thread does.
    fn compact(&self) {
        let strategy: Arc<dyn CompactionStrategy> = Arc::new(Leveled::default());
        loop {
            let state = self.wait(self.lock(), |state| state.compacted < state.flushed);
            if state.stop || state.error.is_some() {
                return;
            }
            let flushed = state.flushed;
            drop(state);
            let done = self.tree.compact(Arc::clone(&strategy), self.seqno.get());
            let idle = matches!(&done, Ok(result) if result.action == CompactionAction::Nothing);
            self.note(done.map(|_| ()), |state| {
                if idle {
                    state.compacted = flushed;
                }
            });
        }
    }

    fn note(&self, done: lsm_tree::Result<()>, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        match done {
            Ok(()) => change(&mut state),
            Err(error) => state.error = Some(format!("in the background: {error:?}")),
        }
        self.changed.notify_all();
    }

    /// After a write that left the memtable with so many bytes.
    #[inline]
    fn written(&self, (_, memtable_bytes): (u64, u64)) -> Outcome<()> {
        if memtable_bytes >= self.memtable_bytes { self.seal(self.memtable_bytes) } else { Ok(()) }
    }
}

impl Engine for Coordinode {
    const FACTS: Facts = Facts {
        os: false,
        sync: Synced::Nowhere,
        note: "no log: what is not flushed is lost with the process; flushed and compacted by two threads of the adapter",
        ..Facts::ALL
    };

    fn open(folder: &Path, settings: Settings) -> Outcome<Coordinode> {
        let codec = if settings.lz4 { CompressionType::Lz4 } else { CompressionType::None };
        let bits = BloomConstructionPolicy::BitsPerKey(settings.bits_per_key as f32);
        let separation = KvSeparationOptions::default();
        let seqno = SequenceNumberCounter::default();
        let tree = Config::new(folder, seqno.clone(), SequenceNumberCounter::default())
            .use_cache(Arc::new(Cache::with_capacity_bytes(settings.cache_bytes)))
            .filter_policy(FilterPolicy::all(FilterPolicyEntry::Bloom(bits)))
            .data_block_compression_policy(CompressionPolicy::all(codec))
            .blob_compression(codec)
            .with_kv_separation(settings.separate_values.then_some(separation))
            .open()?;
        let shared = Arc::new(Shared {
            tree,
            seqno,
            memtable_bytes: settings.write_buffer_bytes,
            state: Mutex::default(),
            changed: Condvar::new(),
        });
        let start = |work: fn(&Shared)| {
            let shared = Arc::clone(&shared);
            std::thread::spawn(move || work(&shared))
        };
        let threads = vec![start(Shared::flush), start(Shared::compact)];
        Ok(Coordinode { shared, threads })
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.shared.written(self.shared.tree.insert(key, value, self.shared.seqno.next()))
    }

    fn delete(&self, key: &[u8]) -> Outcome<()> {
        self.shared.written(self.shared.tree.remove(key, self.shared.seqno.next()))
    }

    fn put_all<'a>(&self, pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Outcome<()> {
        let mut batch = WriteBatch::new();
        for (key, value) in pairs {
            batch.insert(key, value);
        }
        self.shared.written(self.shared.tree.apply_batch(batch, self.shared.seqno.next())?)
    }

    fn get(&self, key: &[u8], show: impl FnOnce(Option<&[u8]>)) -> Outcome<()> {
        show(self.shared.tree.get(key, SeqNo::MAX)?.as_deref());
        Ok(())
    }

    fn scan(&self, from: &[u8], limit: usize, show: impl FnMut(&[u8], &[u8])) -> Outcome<()> {
        show_pairs(self.shared.tree.range(from.., SeqNo::MAX, None).take(limit).map(Guard::into_inner), show)
    }

    fn scan_back(&self, show: impl FnMut(&[u8], &[u8])) -> Outcome<()> {
        show_pairs(self.shared.tree.iter(SeqNo::MAX, None).rev().map(Guard::into_inner), show)
    }

    fn settle(&self) -> Outcome<Settled> {
        self.shared.seal(0)?;
        let shared = &self.shared;
        let state = shared.wait(shared.lock(), |state| {
            state.flushed == state.sealed && state.compacted == state.flushed
        });
        state.error.clone().map_or(Ok(Settled::EXACTLY), |error| Err(error.into()))
    }
}

impl Drop for Coordinode {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.changed.notify_all();
        for thread in self.threads.drain(..) {
            let _ended = thread.join();
        }
    }
}
