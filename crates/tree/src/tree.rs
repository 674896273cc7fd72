//! The facade: every verb of a tree, one line each.
//!
//! Not here: any logic. Each method names the file that does the work.

use std::ops::RangeBounds;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::memtable::Place;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::UserValue;
use esker_mem::sorted_memtable::SortedMemtable;

use crate::cache::CacheStats;
use crate::compact::{self, CancelToken, CompactionJob};
use crate::compaction::picker::CompactionStrategy;
use crate::core::Core;
use crate::error::{Error, Result};
use crate::flush::{self, FlushOutcome};
use crate::get;
use crate::memtable::Reservation;
use crate::metrics::Metrics;
use crate::multi_get;
use crate::open;
use crate::options::Config;
use crate::scan::Range;
use crate::scan::guard::{EntryGuard, KvPair};
use crate::snapshot::Snapshot;
use crate::stats::{self, LevelStats, MemtableStats, TableInfo};
use crate::verify::{self, VerifyReport};
use crate::write;

/// An ordered map of bytes to bytes, in memory and in files, with versions.
///
/// Clones are handles to the same tree. All methods may be called from any number of threads. A read at bound `R` sees
/// the entries with a smaller sequence number; [`SeqNo::MAX`] reads the latest.
///
/// Open one with [`crate::Config::open`].
#[derive(Clone)]
pub struct Tree(pub(crate) Arc<Core>);

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tree").field("path", &self.0.path()).finish_non_exhaustive()
    }
}

impl Config {
    /// Opens the tree, or makes a new one in an empty or missing folder.
    ///
    /// # Errors
    ///
    /// [`Error::Locked`] if it is open elsewhere, [`Error::NotATree`] if the folder holds other files,
    /// [`Error::WrongComparator`] under another order, [`Error::Corrupt`] or [`Error::MissingFile`] for damage, and what the
    /// file system says. A failed open deletes nothing.
    pub fn open(self) -> Result<Tree> {
        Ok(Tree(Arc::new(open::open(self)?)))
    }
}

/// Writes. Each returns the bytes that it took and the size of the active memtable afterwards.
///
/// # Errors
///
/// All fail, changing nothing, with [`Error::KeyTooLong`] or [`Error::ValueTooLong`], [`Error::SeqnoTooHigh`], or
/// [`Error::SeqnoTooOld`] if the sequence number is below the watermark.
impl Tree {
    /// Writes a value.
    ///
    /// # Errors
    ///
    /// See [above](Self#writes-each-returns-the-bytes-that-it-took-and-the-size-of-the-active-memtable-afterwards).
    pub fn insert(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>, seqno: SeqNo) -> Result<(u64, u64)> {
        write::insert(&self.0, key.as_ref(), value.as_ref(), seqno, Kind::Put)
    }

    /// Deletes a key: hides every older version.
    ///
    /// # Errors
    ///
    /// As [`Self::insert`].
    pub fn remove(&self, key: impl AsRef<[u8]>, seqno: SeqNo) -> Result<(u64, u64)> {
        write::insert(&self.0, key.as_ref(), &[], seqno, Kind::Delete)
    }

    /// Deletes a key that was written at most once since it was last deleted: the tombstone and that write vanish
    /// together when they meet in a compaction.
    ///
    /// If the key was written more than once, an older value may come back.
    ///
    /// # Errors
    ///
    /// As [`Self::insert`].
    pub fn remove_weak(&self, key: impl AsRef<[u8]>, seqno: SeqNo) -> Result<(u64, u64)> {
        write::insert(&self.0, key.as_ref(), &[], seqno, Kind::SingleDelete)
    }

    /// Reserves room in the active memtable for a batch that is applied later; seals the memtable if it does not fit.
    ///
    /// For callers with a log of their own, who reserve one batch at a time: reserve, log, apply, publish. Whoever reserves
    /// while an earlier reservation is not applied yet counts that in.
    #[must_use]
    pub fn reserve(&self, entries: usize, key_value_bytes: usize) -> Reservation {
        write::reserve(&self.0, entries, key_value_bytes)
    }

    /// Looks where `key` will go, and has fetched what inserting it will take; for [`crate::Apply::insert_at`]. Takes no
    /// lock: the time to do this is before taking the lock of one's log.
    #[inline]
    #[must_use]
    pub fn look(&self, key: &[u8]) -> Place {
        write::look(&self.0, key)
    }
}

/// Reads.
impl Tree {
    /// The value of `key` at `bound`. Values in tables are pinned, not copied.
    ///
    /// # Errors
    ///
    /// [`Error::SnapshotTooOld`] if `bound` is below the watermark and no snapshot holds it; so for all reads. Damage
    /// and I/O errors of the tables that are read.
    #[inline]
    pub fn get(&self, key: impl AsRef<[u8]>, bound: SeqNo) -> Result<Option<UserValue>> {
        let view = self.0.state.view();
        let bound = view.admit(bound, &self.0.snapshots)?;
        get::get(&view, self.0.order(), key.as_ref(), bound)
    }

    /// As [`Self::get`], at a bound that is asked for once the state of the tree is fixed: a bound taken so can
    /// never be too old.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    #[inline]
    pub fn get_latest(&self, key: &[u8], bound: impl FnOnce() -> SeqNo) -> Result<Option<UserValue>> {
        let view = self.0.state.view();
        let bound = view.admit(bound(), &self.0.snapshots)?;
        get::get(&view, self.0.order(), key, bound)
    }

    /// Whether `key` has a value at `bound`.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub fn contains_key(&self, key: impl AsRef<[u8]>, bound: SeqNo) -> Result<bool> {
        let view = self.0.state.view();
        let bound = view.admit(bound, &self.0.snapshots)?;
        get::contains(&view, self.0.order(), key.as_ref(), bound)
    }

    /// The values of several keys, all at one moment, in the order of the keys.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub fn multi_get<K: AsRef<[u8]>>(
        &self,
        keys: impl IntoIterator<Item = K>,
        bound: SeqNo,
    ) -> Result<Vec<Option<UserValue>>> {
        multi_get::multi_get(&self.0, keys, || bound)
    }

    /// As [`Self::multi_get`], at a bound that is asked for once the state of the tree is fixed.
    ///
    /// # Errors
    ///
    /// As [`Self::get`].
    pub fn multi_get_latest<K: AsRef<[u8]>>(
        &self,
        keys: impl IntoIterator<Item = K>,
        bound: impl FnOnce() -> SeqNo,
    ) -> Result<Vec<Option<UserValue>>> {
        multi_get::multi_get(&self.0, keys, bound)
    }

    /// The live keys of a range at `bound`, from both ends. An inverted range is empty.
    ///
    /// ```
    /// # use esker_tree::{Config, SeqNo, SequenceNumberCounter};
    /// # let folder = tempfile::tempdir()?;
    /// # let seqno = SequenceNumberCounter::default();
    /// # let tree = Config::new(&folder, seqno.clone(), SequenceNumberCounter::default()).open()?;
    /// for key in ["a", "b", "c"] {
    ///     tree.insert(key, "value", seqno.next())?;
    /// }
    /// let mut range = tree.range("a".."c", SeqNo::MAX)?;
    /// assert_eq!(&*range.next_back().expect("b").key()?, b"b");
    /// assert_eq!(&*range.next().expect("a").key()?, b"a");
    /// assert!(range.next().is_none());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Self::get`]; errors of the files come with the entries.
    pub fn range<K: AsRef<[u8]>>(&self, range: impl RangeBounds<K>, bound: SeqNo) -> Result<Range> {
        self.range_latest(range, || bound)
    }

    /// As [`Self::range`], at a bound that is asked for once the state of the tree is fixed.
    ///
    /// # Errors
    ///
    /// As [`Self::range`].
    pub fn range_latest<K: AsRef<[u8]>>(
        &self,
        range: impl RangeBounds<K>,
        bound: impl FnOnce() -> SeqNo,
    ) -> Result<Range> {
        let view = self.0.state.view_owned();
        let bound = view.admit(bound(), &self.0.snapshots)?;
        Ok(Range::new(view, self.0.order().clone(), bound, &range))
    }

    /// All live keys at `bound`.
    ///
    /// # Errors
    ///
    /// As [`Self::range`].
    pub fn iter(&self, bound: SeqNo) -> Result<Range> {
        self.range::<&[u8]>(.., bound)
    }

    /// The live keys that begin with `prefix`, at `bound`. Under a comparator of your own that means looking at all keys.
    ///
    /// # Errors
    ///
    /// As [`Self::range`].
    pub fn prefix(&self, prefix: impl AsRef<[u8]>, bound: SeqNo) -> Result<Range> {
        self.prefix_latest(prefix, || bound)
    }

    /// As [`Self::prefix`], at a bound that is asked for once the state of the tree is fixed.
    ///
    /// # Errors
    ///
    /// As [`Self::range`].
    pub fn prefix_latest(&self, prefix: impl AsRef<[u8]>, bound: impl FnOnce() -> SeqNo) -> Result<Range> {
        let view = self.0.state.view_owned();
        let bound = view.admit(bound(), &self.0.snapshots)?;
        Ok(Range::with_prefix(view, self.0.order().clone(), bound, prefix.as_ref()))
    }

    /// The first live key at `bound`, with its value.
    ///
    /// # Errors
    ///
    /// As [`Self::range`].
    pub fn first_key_value(&self, bound: SeqNo) -> Result<Option<KvPair>> {
        self.iter(bound)?.next().map(EntryGuard::into_inner).transpose()
    }

    /// The last live key at `bound`, with its value.
    ///
    /// # Errors
    ///
    /// As [`Self::range`].
    pub fn last_key_value(&self, bound: SeqNo) -> Result<Option<KvPair>> {
        self.iter(bound)?.next_back().map(EntryGuard::into_inner).transpose()
    }

    /// The number of live keys at `bound`. Walks all of them: O(n).
    ///
    /// # Errors
    ///
    /// As [`Self::range`].
    pub fn len(&self, bound: SeqNo) -> Result<usize> {
        self.iter(bound)?.try_fold(0, |count, entry| entry.key().map(|_| count + 1))
    }

    /// Whether there is no live key at `bound`.
    ///
    /// # Errors
    ///
    /// As [`Self::range`].
    pub fn is_empty(&self, bound: SeqNo) -> Result<bool> {
        Ok(self.first_key_value(bound)?.is_none())
    }

    /// Holds the versions that are visible at `bound` for as long as the guard lives.
    ///
    /// # Errors
    ///
    /// [`Error::SnapshotTooOld`].
    pub fn snapshot(&self, bound: SeqNo) -> Result<Snapshot> {
        Snapshot::new(&self.0, bound)
    }
}

/// What was kept elsewhere.
impl Tree {
    /// Takes over a memtable that was sorted elsewhere, say from a caller's log, as the newest sealed one: it is read at
    /// once, and waits for a flush. The active memtable is sealed before it, if anything was written to it. Its memory
    /// counts against the cache until it is flushed.
    ///
    /// As with [`Self::reserve`], numbers below the watermark are not refused: a log brings back what an earlier process
    /// had written before it raised the watermark. No number may be one that the tree holds already.
    ///
    /// # Errors
    ///
    /// [`Error::WrongComparator`] if it has another order than the tree, [`Error::SeqnoTooHigh`] if it holds a number over
    /// the maximum. Nothing is changed then.
    pub fn install_sealed(&self, memtable: SortedMemtable) -> Result<()> {
        write::install_sealed(&self.0, memtable)
    }
}

/// Maintenance. A bare tree does nothing of this by itself.
impl Tree {
    /// Seals the active memtable; false if it is empty.
    pub fn rotate_memtable(&self) -> bool {
        write::rotate(&self.0)
    }

    /// Whether [`Self::prepare_memory`] has something to do.
    #[must_use]
    pub fn wants_memory(&self, ahead_bytes: usize) -> bool {
        write::wants_memory(&self.0, ahead_bytes)
    }

    /// Has the system provide memory for what is written next, so that writers do not wait for it: `ahead_bytes` of the
    /// active memtable, and a whole one in the arena pool when the active one is half full. For a background thread.
    pub fn prepare_memory(&self, ahead_bytes: usize) {
        write::prepare_memory(&self.0, ahead_bytes);
    }

    /// Seals the active memtable and flushes all sealed ones. `watermark` advises below which sequence number
    /// shadowed versions may be dropped: it is capped by what is visible and by live snapshots.
    ///
    /// # Errors
    ///
    /// What the file system says. Nothing is lost: what was not flushed stays in memory, to be flushed again.
    pub fn flush_active_memtable(&self, watermark: SeqNo) -> Result<()> {
        self.rotate_memtable();
        while flush::flush_oldest::<Error>(&self.0, watermark, |_| Ok(()))?.is_some() {}
        Ok(())
    }

    /// Flushes the oldest sealed memtable; `None` if none is sealed. Before the table becomes part of the tree,
    /// `before_install` is told its highest sequence number, so that a caller can make its log durable that far.
    ///
    /// # Errors
    ///
    /// As [`Self::flush_active_memtable`], and those of `before_install`.
    pub fn flush_oldest<E: From<Error>>(
        &self,
        watermark: SeqNo,
        before_install: impl FnOnce(SeqNo) -> std::result::Result<(), E>,
    ) -> std::result::Result<Option<FlushOutcome>, E> {
        flush::flush_oldest(&self.0, watermark, before_install)
    }

    /// The compaction that the tree's strategy wants next, its inputs reserved. `idle` says that nothing else has
    /// work to do, so that the strategy may settle the tree for its readers.
    #[must_use]
    pub fn pick_compaction(&self, idle: bool) -> Option<CompactionJob> {
        compact::pick(&self.0, &*self.0.config.strategy, idle)
    }

    /// Merges all tables into the last level, in tables of about `target_size` bytes, and drops everything that nobody
    /// can see below `watermark`. False if running compactions stand in the way: nothing was done then.
    ///
    /// # Errors
    ///
    /// As [`Self::compact`].
    pub fn major_compact(&self, target_size: u64, watermark: SeqNo) -> Result<bool> {
        compact::major(&self.0, target_size, watermark)
    }

    /// Runs compactions of `strategy`, one after the other, until it has none.
    ///
    /// # Errors
    ///
    /// What the file system says, or damage in a table. What was compacted so far stays so.
    // The strategy is shared with other trees and threads, as with `Config::compaction_strategy`.
    #[allow(clippy::needless_pass_by_value, reason = "the signature that users of log-structured trees know")]
    pub fn compact(&self, strategy: Arc<dyn CompactionStrategy>, watermark: SeqNo) -> Result<()> {
        while let Some(job) = compact::pick(&self.0, &*strategy, true) {
            job.run(watermark, &CancelToken::default())?;
        }
        Ok(())
    }
}

/// What the tree looks like.
impl Tree {
    /// The order of its keys.
    #[must_use]
    pub fn order(&self) -> &KeyOrder {
        self.0.order()
    }

    /// Bytes that compactions must still write until the tree has the shape that its strategy wants.
    #[must_use]
    pub fn compaction_debt(&self) -> u64 {
        self.0.debt.load(Ordering::Relaxed)
    }

    /// The runs of level 0: each is one more place that a read has to ask.
    #[must_use]
    pub fn level_zero_runs(&self) -> usize {
        self.0.state.view().version.levels().first().map_or(0, Vec::len)
    }

    /// The memtables.
    #[must_use]
    pub fn memtable_stats(&self) -> MemtableStats {
        stats::memtables(&self.0)
    }

    /// The levels, empty ones included.
    #[must_use]
    pub fn level_stats(&self) -> Vec<LevelStats> {
        stats::levels(&self.0)
    }

    /// The tables, level by level, newest run first.
    #[must_use]
    pub fn tables(&self) -> Vec<TableInfo> {
        stats::tables(&self.0)
    }

    /// The number of entries, tombstones and old versions included: an upper bound for [`Self::len`], in O(tables).
    #[must_use]
    pub fn approximate_len(&self) -> u64 {
        stats::approximate_len(&self.0)
    }

    /// Bytes of all tables.
    #[must_use]
    pub fn disk_space(&self) -> u64 {
        self.level_stats().iter().map(|level| level.size_bytes).sum()
    }

    /// The cache that the tree uses.
    #[must_use]
    pub fn cache_stats(&self) -> CacheStats {
        self.0.cache.stats()
    }

    /// What the tree has done since it was opened.
    #[must_use]
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.0.metrics
    }

    /// Every smaller sequence number of this tree is in tables: what a log must be replayed from.
    #[must_use]
    pub fn replay_floor(&self) -> SeqNo {
        self.0.replay_floor()
    }

    /// The highest sequence number of the tree's tables that was ever recorded: never to be used again.
    #[must_use]
    pub fn get_highest_persisted_seqno(&self) -> Option<SeqNo> {
        self.0.last_seqno()
    }

    /// The highest sequence number in memory.
    #[must_use]
    pub fn get_highest_memtable_seqno(&self) -> Option<SeqNo> {
        self.0.state.view().generations().filter_map(|generation| generation.memtable.highest_seqno()).max()
    }

    /// The lowest sequence number that is in memory only.
    #[must_use]
    pub fn lowest_unflushed_seqno(&self) -> Option<SeqNo> {
        self.0.state.view().generations().filter_map(|generation| generation.memtable.lowest_seqno()).min()
    }

    /// The highest sequence number of the tree.
    #[must_use]
    pub fn get_highest_seqno(&self) -> Option<SeqNo> {
        self.get_highest_memtable_seqno().max(self.get_highest_persisted_seqno())
    }

    /// How many snapshots are live, and the lowest of their bounds.
    #[must_use]
    pub fn live_snapshots(&self) -> (usize, Option<SeqNo>) {
        self.0.snapshots.count()
    }

    /// Reads every block of every table and checks what readers rely on.
    #[must_use]
    pub fn verify(&self) -> VerifyReport {
        verify::verify(&self.0)
    }
}
