//! The database: the face that users see. One-line methods; each names the file that does the work.
//!
//! A write goes database → [`crate::write`] → [`crate::commit`]; a read goes database → [`crate::keyspace`] → tree.

use std::ops::RangeBounds;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use esker_mem::slice::{UserKey, UserValue};

use esker_tree::PinnableSlice;

use crate::background;
use crate::changes::Changes;
use crate::checkpoint::{self, CheckpointInfo};
use crate::core::Core;
use crate::error::Result;
use crate::handle::Handle;
use crate::history;
use crate::keyspace::Keyspace;
use crate::keyspace::snapshot::Snapshot;
use crate::keyspaces;
use crate::options::{Durability, KeyspaceOptions};
use crate::prometheus;
use crate::scan::Scan;
use crate::snapshot;
use crate::state::KeyspaceState;
use crate::stats::{self, Stats};
use crate::write;
use crate::write_batch::WriteBatch;

/// An open database. Cheap to clone; any number of threads may use it. Point and range methods act on the default
/// keyspace.
///
/// The last handle to be dropped (of the database, a keyspace or a batch) closes it.
#[derive(Clone)]
pub struct Database {
    default: Keyspace,
}

/// Closing. Opening is [`Database::open`] and [`Database::builder`].
impl Database {
    /// Closes the database: refuses further use, ends background work, makes the log as durable as promised, and lets
    /// go of the directory. Dropping the last handle does the same, but cannot report.
    ///
    /// # Errors
    /// The log could not be written or synced.
    pub fn close(&self) -> Result<()> {
        self.default.handle.close()
    }

    pub(crate) fn new(core: Arc<Core>, default: Arc<KeyspaceState>) -> Self {
        Self { default: Keyspace { handle: Arc::new(Handle { core }), state: default } }
    }

    fn core(&self) -> &Arc<Core> {
        &self.default.handle.core
    }
}

/// Keyspaces.
impl Database {
    /// The keyspace of this name; created if there is none.
    ///
    /// # Errors
    /// [`crate::Error::InvalidKeyspaceName`]; [`crate::Error::WrongComparator`] if it exists under another comparator;
    /// what the file system reports.
    #[allow(clippy::needless_pass_by_value, reason = "options are made for the call")]
    pub fn keyspace(&self, name: &str, options: KeyspaceOptions) -> Result<Keyspace> {
        let state = keyspaces::open_or_create(self.core(), name, &options)?;
        Ok(Keyspace { handle: Arc::clone(&self.default.handle), state })
    }

    /// The keyspace that methods of the database act on.
    #[must_use]
    pub fn default_keyspace(&self) -> Keyspace {
        self.default.clone()
    }

    /// The names of all keyspaces, in the order of their creation; the first is the default one.
    #[must_use]
    pub fn keyspaces(&self) -> Vec<String> {
        self.core().registry.all().iter().map(|keyspace| keyspace.name.clone()).collect()
    }

    /// Drops a keyspace with all it holds. Handles of it refuse further writes; scans and snapshots go on.
    ///
    /// # Errors
    /// [`crate::Error::KeyspaceNotFound`]; [`crate::Error::InvalidKeyspaceName`] for the default keyspace.
    pub fn drop_keyspace(&self, name: &str) -> Result<()> {
        keyspaces::drop_keyspace(self.core(), name)
    }
}

/// Writing.
impl Database {
    /// As [`Keyspace::put`].
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn put(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<()> {
        self.default.put(key, value)
    }

    /// As [`Keyspace::put_with`].
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn put_with(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        durability: Durability,
    ) -> Result<()> {
        self.default.put_with(key, value, durability)
    }

    /// As [`Keyspace::put_with_ttl`].
    ///
    /// # Errors
    /// As there.
    pub fn put_with_ttl(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>, ttl: Duration) -> Result<()> {
        self.default.put_with_ttl(key, value, ttl)
    }

    /// As [`Keyspace::put_with_expiry`].
    ///
    /// # Errors
    /// As there.
    pub fn put_with_expiry(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        expires_at: u64,
    ) -> Result<()> {
        self.default.put_with_expiry(key, value, expires_at)
    }

    /// As [`Keyspace::delete`].
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn delete(&self, key: impl AsRef<[u8]>) -> Result<()> {
        self.default.delete(key)
    }

    /// As [`Keyspace::single_delete`].
    ///
    /// # Errors
    /// As there.
    pub fn single_delete(&self, key: impl AsRef<[u8]>) -> Result<()> {
        self.default.single_delete(key)
    }

    /// As [`Keyspace::merge`].
    ///
    /// # Errors
    /// As there.
    pub fn merge(&self, key: impl AsRef<[u8]>, operand: impl AsRef<[u8]>) -> Result<()> {
        self.default.merge(key, operand)
    }

    /// As [`Keyspace::delete_range`].
    ///
    /// # Errors
    /// As there.
    pub fn delete_range(&self, start: impl AsRef<[u8]>, end: impl AsRef<[u8]>) -> Result<()> {
        self.default.delete_range(start, end)
    }

    /// As [`Keyspace::delete_prefix`].
    ///
    /// # Errors
    /// As there.
    pub fn delete_prefix(&self, prefix: impl AsRef<[u8]>) -> Result<()> {
        self.default.delete_prefix(prefix)
    }

    /// An empty batch.
    #[must_use]
    pub fn batch(&self) -> WriteBatch {
        WriteBatch::new(Arc::clone(&self.default.handle), Arc::clone(&self.default.state))
    }

    /// Writes a batch; the same as [`WriteBatch::commit`].
    ///
    /// # Errors
    /// As there.
    pub fn write(&self, batch: WriteBatch) -> Result<()> {
        batch.commit()
    }

    /// Makes every write acknowledged so far at least this durable.
    ///
    /// # Errors
    /// [`crate::Error::Indeterminate`] if the sync fails; what the file system reports.
    pub fn persist(&self, durability: Durability) -> Result<()> {
        write::persist(self.core(), durability)
    }
}

/// Reading.
impl Database {
    /// As [`Keyspace::get`].
    ///
    /// # Errors
    /// As there.
    #[inline]
    pub fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<UserValue>> {
        self.default.get(key)
    }

    /// As [`Keyspace::contains`].
    ///
    /// # Errors
    /// As there.
    pub fn contains(&self, key: impl AsRef<[u8]>) -> Result<bool> {
        self.default.contains(key)
    }

    /// As [`Keyspace::get_pinned`].
    ///
    /// # Errors
    /// As there.
    pub fn get_pinned(&self, key: impl AsRef<[u8]>) -> Result<Option<PinnableSlice>> {
        self.default.get_pinned(key)
    }

    /// As [`Keyspace::size_of`].
    ///
    /// # Errors
    /// As there.
    pub fn size_of(&self, key: impl AsRef<[u8]>) -> Result<Option<u32>> {
        self.default.size_of(key)
    }

    /// As [`Keyspace::contains_prefix`].
    ///
    /// # Errors
    /// As there.
    pub fn contains_prefix(&self, prefix: impl AsRef<[u8]>) -> Result<bool> {
        self.default.contains_prefix(prefix)
    }

    /// As [`Keyspace::multi_get`].
    ///
    /// # Errors
    /// As there.
    pub fn multi_get<K: AsRef<[u8]>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<Option<UserValue>>> {
        self.default.multi_get(keys)
    }

    /// As [`Keyspace::scan`].
    pub fn scan<K: AsRef<[u8]>>(&self, range: impl RangeBounds<K>) -> Scan {
        self.default.scan(range)
    }

    /// As [`Keyspace::iter`].
    pub fn iter(&self) -> Scan {
        self.default.iter()
    }

    /// As [`Keyspace::prefix`].
    pub fn prefix(&self, prefix: impl AsRef<[u8]>) -> Scan {
        self.default.prefix(prefix)
    }

    /// As [`Keyspace::first`].
    ///
    /// # Errors
    /// As there.
    pub fn first(&self) -> Result<Option<(UserKey, UserValue)>> {
        self.default.first()
    }

    /// As [`Keyspace::last`].
    ///
    /// # Errors
    /// As there.
    pub fn last(&self) -> Result<Option<(UserKey, UserValue)>> {
        self.default.last()
    }

    /// As [`Keyspace::len`].
    ///
    /// # Errors
    /// As there.
    pub fn len(&self) -> Result<usize> {
        self.default.len()
    }

    /// As [`Keyspace::is_empty`].
    ///
    /// # Errors
    /// As there.
    pub fn is_empty(&self) -> Result<bool> {
        self.default.is_empty()
    }

    /// Every keyspace as it is now, for as long as the snapshot is held.
    ///
    /// # Errors
    /// A closed database.
    pub fn snapshot(&self) -> Result<Snapshot> {
        let guards = snapshot::take(self.core())?;
        Ok(Snapshot { guards: Arc::new(guards), default: Arc::clone(&self.default.state) })
    }
}

/// Following changes.
impl Database {
    /// Every operation with a sequence number from `seqno` on, in order and each once; then those that are committed later,
    /// without a gap. 0 is the beginning; [`Changes::next_seqno`] is where to go on after a restart.
    ///
    /// What the log still has comes from there; the rest comes from tables, as far as history was kept
    /// ([`Self::set_feed_horizon`]). Of dropped keyspaces nothing is told.
    ///
    /// Everything that changes what a keyspace holds is told in its place: writes, what ingestions brought in, clears, and
    /// dropped ranges, as the deletes that they are. So whoever applies the changes to a copy of the database as it was has a copy of the
    /// database as it is. What an ingestion brought in has one number, its range deletes first; the rest comes in no order of keys.
    ///
    /// An ingestion is not in the log but in tables: they are kept for a feed that lives, about as much as of the log. A feed that is
    /// resumed later finds them until a compaction reads them, and longer with a horizon ([`Self::set_feed_horizon`]); a clear takes
    /// that history with it.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// use esker::{ChangeOperation, Database};
    ///
    /// let db = Database::open(folder.path())?;
    /// let mut changes = db.changes_since(0)?;
    /// db.put("key", "value")?;
    /// let change = changes.next().expect("a change")?;
    /// assert!(matches!(change.operation, ChangeOperation::Put { key, .. } if &*key == b"key"));
    /// assert!(changes.next().is_none());
    /// db.delete("key")?;
    /// assert!(changes.next().is_some());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::HistoryGone`] if writes from there on may be gone: read the database, and its changes from the number
    /// that the error names. A closed database; what the file system reports.
    pub fn changes_since(&self, seqno: u64) -> Result<Changes> {
        Changes::new(&self.default.handle, seqno)
    }

    /// Keeps the history of all keyspaces from `horizon` on in their tables, or none: what a change feed needs that the log no
    /// longer has. Durable when this returns, and found again at the next open. To be raised as those who follow get on.
    ///
    /// Of each keyspace at most 1 GiB of flushes is kept so.
    ///
    /// # Errors
    /// [`crate::Error::HistoryGone`] if `horizon` lies before what is complete; a read-only or closed database; what the file
    /// system reports.
    pub fn set_feed_horizon(&self, horizon: Option<u64>) -> Result<()> {
        history::set_horizon(self.core(), horizon)
    }

    /// From which number on history is kept in tables, if it is.
    #[must_use]
    pub fn feed_horizon(&self) -> Option<u64> {
        history::horizon(self.core())
    }
}

/// Maintenance. All of it happens by itself, too.
impl Database {
    /// Writes every memtable to tables.
    ///
    /// # Errors
    /// A read-only or closed database; what the file system reports turns it read-only.
    pub fn flush(&self) -> Result<()> {
        background::flush_all(self.core())
    }

    /// Flushes, then merges each keyspace into one run of its last level: old versions, tombstones and what they hide
    /// go, unless a snapshot needs them. Every byte is read and written once; the calling thread does the work, one
    /// keyspace after the other, while reads and writes go on.
    ///
    /// # Errors
    /// As [`Database::flush`].
    pub fn compact(&self) -> Result<()> {
        self.flush()?;
        background::compact_all(self.core())
    }

    /// Waits until no flush and no compaction is left to do.
    ///
    /// # Errors
    /// As [`Database::flush`].
    pub fn wait_until_idle(&self) -> Result<()> {
        background::wait_until_idle(self.core())
    }

    /// Makes a database at `target` that holds all keyspaces as they are at one commit. Tables are shared with this one where
    /// the file system can, so that it costs little time and space at first; the log is copied. Reads, writes and compactions
    /// go on. The checkpoint is durable when this returns, and opens as a database of its own.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let db = esker::Database::open(folder.path().join("db"))?;
    /// db.put(b"k", b"v")?;
    /// db.checkpoint(folder.path().join("copy"))?;
    /// db.delete(b"k")?;
    /// let copy = esker::Database::open(folder.path().join("copy"))?;
    /// assert_eq!(copy.get(b"k")?.as_deref(), Some(b"v".as_slice()));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::AlreadyExists`] if anything is at `target`; a closed or read-only database; what the file system
    /// reports. A checkpoint that fails leaves nothing behind.
    pub fn checkpoint(&self, target: impl AsRef<Path>) -> Result<CheckpointInfo> {
        checkpoint::create(self.core(), target.as_ref())
    }

    /// Takes writes again after a failure that turned the database read-only, and tries the failed work again.
    ///
    /// # Errors
    /// [`crate::Error::ReadOnly`] after a failed sync of the log, which only reopening clears; [`crate::Error::Closed`].
    pub fn resume(&self) -> Result<()> {
        background::resume(self.core())
    }

    /// What the database has done and what it holds.
    #[must_use]
    pub fn stats(&self) -> Stats {
        stats::collect(self.core())
    }

    /// The shape of every keyspace's tree and what they share, as a text to print: memtables, levels, cache, log, debts.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let db = esker::Database::open(folder.path())?;
    /// db.put("key", "value")?;
    /// println!("{}", db.report());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn report(&self) -> String {
        self.stats().to_string()
    }

    /// The same, and all counters, in the text format that Prometheus scrapes (version 0.0.4). Every name begins with
    /// `esker_`; counters end in `_total`; a label names the keyspace.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// let db = esker::Database::open(folder.path())?;
    /// assert!(db.prometheus().contains("esker_level_bytes{keyspace=\"default\",level=\"0\"} 0\n"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn prometheus(&self) -> String {
        prometheus::exposition(&self.stats())
    }
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("path", &self.core().path).finish_non_exhaustive()
    }
}
