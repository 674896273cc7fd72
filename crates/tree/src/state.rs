//! What is current in a tree: the memtables, the version, the watermark.
//!
//! Readers take a [`View`] through [`State::view`] without a lock. Changes go through [`State::change`], one at a
//! time, each of which publishes a new view; whoever holds an older view keeps its memtables and tables alive.
//!
//! [`Snapshots`] is the register of live snapshots and the place where the watermark is computed. The watermark `W`
//! only rises. Below it a version that a newer version below `W` shadows may be gone (INV-VIEW-1), unless a live
//! snapshot sees it. A read at a bound below `W` is refused rather than answered wrongly (INV-VIEW-2).
//!
//! A snapshot has a time as well as a bound: that by which its reads tell what is expired. What is expired for a job is so for
//! every live snapshot, and none is registered later with a time before that (INV-TTL-2).
//!
//! Lock order: the change lock, then a memtable's write lock. The snapshot register is a leaf.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use arc_swap::{ArcSwap, Guard};
use esker_mem::comparator::KeyOrder;
use esker_mem::seqno::{MAX_SEQNO, SeqNo};

use crate::error::{Error, Result};
use crate::history::History;
use crate::memtable::Generation;
use crate::version::Version;
use crate::version::run::Run;

/// Everything that a reader needs, as of one moment.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) active: Arc<Generation>,
    /// Newest first.
    pub(crate) sealed: Vec<Arc<Generation>>,
    pub(crate) version: Arc<Version>,
    /// Reads at a bound below this need a registered snapshot.
    pub(crate) watermark: SeqNo,
}

impl View {
    /// All memtables, newest first.
    #[inline]
    pub(crate) fn generations(&self) -> impl Iterator<Item = &Arc<Generation>> {
        std::iter::once(&self.active).chain(&self.sealed)
    }

    /// Whether there may be a range tombstone anywhere.
    #[inline]
    pub(crate) fn has_range_tombstones(&self) -> bool {
        self.version.has_range_tombstones()
            || !self.active.ranges.is_empty()
            || self.sealed.iter().any(|generation| !generation.ranges.is_empty())
    }

    /// Whether there may be an entry that expires anywhere. To be asked once the bound of a read is known.
    #[inline]
    pub(crate) fn has_expiring(&self) -> bool {
        self.version.has_expiring() || self.generations().any(|generation| generation.memtable.has_expiring())
    }

    /// The newest range tombstone below `bound` over `key`, in all sources.
    #[inline]
    pub(crate) fn newest_covering(&self, key: &[u8], bound: SeqNo, order: &KeyOrder) -> Option<SeqNo> {
        if self.has_range_tombstones() { self.newest_of_all(key, bound, order) } else { None }
    }

    #[cold]
    #[inline(never)]
    fn newest_of_all(&self, key: &[u8], bound: SeqNo, order: &KeyOrder) -> Option<SeqNo> {
        let of_memtable = |generation: &Arc<Generation>| generation.ranges.newest_covering(key, bound, order);
        let of_memtables = self.generations().filter_map(of_memtable).max();
        let runs = self.version.runs().iter().map(Run::tombstones).filter(|run| !run.is_empty());
        let of_runs = runs.filter_map(|run| run.span(key, bound, order).newest).max();
        of_memtables.max(of_runs)
    }

    /// The bound to read at: refuses one below the watermark that no live snapshot holds, clamps one above the
    /// maximum.
    #[inline]
    pub(crate) fn admit(&self, bound: SeqNo, snapshots: &Snapshots) -> Result<SeqNo> {
        if bound < self.watermark && !snapshots.is_live(bound) {
            return Err(Error::SnapshotTooOld { bound, watermark: self.watermark });
        }
        Ok(bound.min(MAX_SEQNO))
    }
}

/// The current view and the lock under which it changes.
pub(crate) struct State {
    view: ArcSwap<View>,
    change: Mutex<()>,
}

/// The right to change a [`State`].
pub(crate) struct Change<'a> {
    state: &'a State,
    _guard: MutexGuard<'a, ()>,
}

impl State {
    pub(crate) fn new(view: View) -> Self {
        Self { view: ArcSwap::from_pointee(view), change: Mutex::new(()) }
    }

    /// The current view, for a short look: no reference count is touched.
    #[inline]
    pub(crate) fn view(&self) -> Guard<Arc<View>> {
        self.view.load()
    }

    /// The current view, to keep.
    pub(crate) fn view_owned(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// Waits for the right to change the state.
    pub(crate) fn change(&self) -> Change<'_> {
        Change { state: self, _guard: self.change.lock().unwrap_or_else(PoisonError::into_inner) }
    }
}

impl Change<'_> {
    /// The view as it is until [`Self::publish`].
    pub(crate) fn current(&self) -> Arc<View> {
        self.state.view_owned()
    }

    /// Makes `view` the current one.
    pub(crate) fn publish(&self, view: View) {
        self.state.view.store(Arc::new(view));
    }
}

/// The live snapshots and the watermark.
pub(crate) struct Snapshots {
    live: Mutex<Live>,
    resumed: Condvar,
    /// Only changed under the lock of `live`.
    watermark: AtomicU64,
    /// What is kept for change feeds.
    pub(crate) history: History,
}

/// What the register's lock guards.
#[derive(Default)]
struct Live {
    /// How many guards hold each bound, at each time.
    bounds: BTreeMap<SeqNo, BTreeMap<u64, usize>>,
    /// What expires up to here may have been let go.
    expired_at: u64,
    /// New ones wait.
    is_paused: bool,
}

impl Live {
    fn add(&mut self, bound: SeqNo, time: u64) {
        *self.bounds.entry(bound).or_default().entry(time).or_insert(0) += 1;
    }

    /// What expires up to here is so now and for every live snapshot.
    fn expired_for_all(&self, now: u64) -> u64 {
        let earliest = self.bounds.values().filter_map(|times| times.keys().next()).min();
        earliest.map_or(now, |earliest| now.min(*earliest))
    }
}

/// As long as it lives no snapshot is registered: whoever asks for one waits.
pub(crate) struct Pause<'a> {
    snapshots: &'a Snapshots,
    bounds: Vec<SeqNo>,
}

impl Pause<'_> {
    /// The bounds of the live snapshots, ascending. Some may be released meanwhile.
    pub(crate) fn bounds(&self) -> &[SeqNo] {
        &self.bounds
    }
}

impl Drop for Pause<'_> {
    fn drop(&mut self) {
        self.snapshots.live().is_paused = false;
        self.snapshots.resumed.notify_all();
    }
}

/// What a flush or a compaction may drop: fixed once, when it starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Horizon {
    /// Versions at or above it are never dropped, folded or zeroed.
    pub(crate) watermark: SeqNo,
    /// The bounds of live snapshots below the watermark, ascending.
    pub(crate) snapshots: Vec<SeqNo>,
    /// The highest bound of all live snapshots.
    pub(crate) newest_snapshot: Option<SeqNo>,
    /// What expires up to here is so for every reader: the earliest time of a live snapshot, or now.
    pub(crate) expired_at: u64,
}

impl Snapshots {
    pub(crate) fn new(history: History) -> Self {
        let (live, resumed) = (Mutex::default(), Condvar::new());
        Self { live, resumed, watermark: AtomicU64::new(0), history }
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The register, once it is not paused.
    fn resumed(&self) -> MutexGuard<'_, Live> {
        let mut live = self.live();
        while live.is_paused {
            live = self.resumed.wait(live).unwrap_or_else(PoisonError::into_inner);
        }
        live
    }

    /// Holds off new snapshots, for a change that must know which there are (INV-ERASE-2).
    pub(crate) fn pause(&self) -> Pause<'_> {
        let mut live = self.resumed();
        live.is_paused = true;
        Pause { snapshots: self, bounds: live.bounds.keys().copied().collect() }
    }

    /// Registers a snapshot at `bound`, which must not be below the watermark (INV-VIEW-3), and at the time `now`, or, if that
    /// came before a job had done with it, at the first that no job has touched (INV-TTL-2). Gives both.
    pub(crate) fn hold(&self, bound: SeqNo, now: u64) -> Result<(SeqNo, u64)> {
        let bound = bound.min(MAX_SEQNO);
        let mut live = self.resumed();
        let watermark = self.watermark();
        if bound < watermark && !live.bounds.contains_key(&bound) {
            return Err(Error::SnapshotTooOld { bound, watermark });
        }
        let time = now.max(live.expired_at);
        live.add(bound, time);
        Ok((bound, time))
    }

    /// Adds a guard to one that is live at `bound` and `time`.
    pub(crate) fn hold_again(&self, bound: SeqNo, time: u64) {
        self.live().add(bound, time);
    }

    /// Lets one guard at `bound` and `time` go.
    pub(crate) fn release(&self, bound: SeqNo, time: u64) {
        let mut live = self.live();
        let Some(times) = live.bounds.get_mut(&bound) else { return };
        if let Some(count) = times.get_mut(&time) {
            *count -= 1;
            if *count == 0 {
                times.remove(&time);
            }
        }
        if times.is_empty() {
            live.bounds.remove(&bound);
        }
    }

    /// The earliest time of the live snapshots at exactly `bound`; none at the maximum, at which everybody reads.
    pub(crate) fn time_at(&self, bound: SeqNo) -> Option<u64> {
        if bound >= MAX_SEQNO {
            return None;
        }
        self.live().bounds.get(&bound)?.keys().next().copied()
    }

    /// Raises the watermark as far as the caller's `advice` and what is `visible` allow.
    ///
    /// Live snapshots do not hold it down: their bounds are returned, and what they see is kept one by one. Nor does history
    /// that is kept for change feeds: that only holds back what may be dropped (INV-FEED-1). `now` is what the clock shows.
    pub(crate) fn raise(&self, advice: SeqNo, visible: SeqNo, now: u64) -> Horizon {
        let mut live = self.live();
        let watermark = advice.min(visible).min(MAX_SEQNO).max(self.watermark());
        self.watermark.store(watermark, Ordering::SeqCst);
        let watermark = self.history.cap(watermark);
        let snapshots = live.bounds.range(..watermark).map(|(&bound, _)| bound).collect();
        let newest_snapshot = live.bounds.keys().next_back().copied();
        let expired_at = live.expired_for_all(now);
        live.expired_at = live.expired_at.max(expired_at);
        Horizon { watermark, snapshots, newest_snapshot, expired_at }
    }

    /// What would be expired for a job that started now; it may not rely on that.
    pub(crate) fn expired_for_all(&self, now: u64) -> u64 {
        self.live().expired_for_all(now)
    }

    /// The watermark: the lowest bound that a new reader may use, and the lowest seqno that a write may carry.
    #[inline]
    pub(crate) fn watermark(&self) -> SeqNo {
        self.watermark.load(Ordering::SeqCst)
    }

    /// Whether a snapshot at exactly `bound` is live.
    #[cold]
    pub(crate) fn is_live(&self, bound: SeqNo) -> bool {
        self.live().bounds.contains_key(&bound)
    }

    /// How many snapshots are live, and the lowest of their bounds.
    pub(crate) fn count(&self) -> (usize, Option<SeqNo>) {
        let live = self.live();
        let guards = live.bounds.values().flat_map(BTreeMap::values).sum();
        (guards, live.bounds.keys().next().copied())
    }
}

#[cfg(test)]
mod tests;
