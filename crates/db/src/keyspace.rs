//! A keyspace: a named, ordered map of its own within a database, and reads of it.
//!
//! A point read takes one hop: keyspace → tree. A read without a snapshot reads at the newest published number, which is
//! asked for only *after* the tree's view is taken: so nothing that the number sees can have been collected in that
//! view (INV-KEYSPACE-6).
//!
//! Not here: how a tree is read (`esker_tree`); what a write does ([`crate::write`]); ranges ([`crate::scan`]);
//! reads that want no value, or more than that ([`reads`]); reads at a [`snapshot`].

mod expiry;
mod live;
mod reads;
pub(crate) mod snapshot;

use std::ops::RangeBounds;
use std::path::Path;
use std::sync::Arc;

use esker_format::batch::Operation;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::{UserKey, UserValue};
use esker_tree::{DroppedRange, IngestOptions, IngestOutcome, TableWriter};

use crate::batch::Operations;
use crate::erase;
use crate::error::{Error, Result};
use crate::handle::Handle;
use crate::ingest::{self, Ingestion};
use crate::options::Durability;
use crate::range_deletes;
use crate::scan::Scan;
use crate::state::KeyspaceState;
use crate::write;

/// A handle of a keyspace. Cheap to clone; any number of threads may use it.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let db = esker::Database::open(folder.path())?;
/// let users = db.keyspace("users", esker::KeyspaceOptions::new())?;
/// users.put(b"1", b"alice")?;
/// assert_eq!(users.get(b"1")?.as_deref(), Some(b"alice".as_slice()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Keyspace {
    pub(crate) handle: Arc<Handle>,
    pub(crate) state: Arc<KeyspaceState>,
}

impl Keyspace {
    /// The keyspace's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.state.name
    }

    /// Sets `key` to `value`, as durable as the database's default: for ever, unless the keyspace says otherwise
    /// ([`crate::KeyspaceOptions::ttl`]).
    ///
    /// # Errors
    /// [`Error::KeyTooLong`], [`Error::ValueTooLong`], [`Error::KeyspaceDropped`]; a full disk; a closed or read-only
    /// database.
    #[inline]
    pub fn put(&self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<()> {
        self.put_with(key, value, self.handle.core.options.durability)
    }

    /// Sets `key` to `value`, as durable as asked.
    ///
    /// # Errors
    /// As [`Keyspace::put`]; with [`Durability::Sync`] also [`Error::Indeterminate`].
    #[inline]
    pub fn put_with(
        &self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        durability: Durability,
    ) -> Result<()> {
        if self.state.ttl_millis() != 0 {
            return self.put_for_default_ttl(key.as_ref(), value.as_ref(), durability);
        }
        self.write(Operation::Put, key.as_ref(), value.as_ref(), durability)
    }

    /// Removes `key`; no error if it is absent.
    ///
    /// # Errors
    /// As [`Keyspace::put`].
    #[inline]
    pub fn delete(&self, key: impl AsRef<[u8]>) -> Result<()> {
        self.delete_with(key, self.handle.core.options.durability)
    }

    /// Removes `key`, as durable as asked.
    ///
    /// # Errors
    /// As [`Keyspace::put_with`].
    #[inline]
    pub fn delete_with(&self, key: impl AsRef<[u8]>, durability: Durability) -> Result<()> {
        self.write(Operation::Delete, key.as_ref(), &[], durability)
    }

    /// Removes `key`, which was put exactly once since it was last removed: cheaper than [`Keyspace::delete`], since
    /// the two annihilate when they meet in a compaction, wherever that is, and leave nothing to be carried to the last level.
    ///
    /// At first it reads as a delete. For a key that was put more often, or merged, since it was last removed, an older value
    /// may come back once the two have met; nothing else can happen.
    ///
    /// # Errors
    /// As [`Keyspace::put`].
    pub fn single_delete(&self, key: impl AsRef<[u8]>) -> Result<()> {
        self.write(Operation::SingleDelete, key.as_ref(), &[], self.handle.core.options.durability)
    }

    /// Writes an operand for the keyspace's merge operator ([`crate::KeyspaceOptions::merge_operator`]): reads see what it makes of the
    /// value and all operands since. What is there is not read now.
    ///
    /// # Errors
    /// As [`Keyspace::put`]; [`Error::NoMergeOperator`]. Whether the operator can do anything with the operand shows when the
    /// key is read: [`Error::MergeFailed`].
    #[inline]
    pub fn merge(&self, key: impl AsRef<[u8]>, operand: impl AsRef<[u8]>) -> Result<()> {
        self.merge_with(key, operand, self.handle.core.options.durability)
    }

    /// Writes an operand, as durable as asked.
    ///
    /// # Errors
    /// As [`Keyspace::merge`]; with [`Durability::Sync`] also [`Error::Indeterminate`].
    #[inline]
    pub fn merge_with(
        &self,
        key: impl AsRef<[u8]>,
        operand: impl AsRef<[u8]>,
        durability: Durability,
    ) -> Result<()> {
        self.state.check_merges()?;
        self.write(Operation::Merge, key.as_ref(), operand.as_ref(), durability)
    }

    /// Removes all keys from `start` up to and without `end`, in the keyspace's order, in one operation whose cost does not
    /// depend on how many they are. A range that ends where it begins changes nothing.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let db = esker::Database::open(folder.path())?;
    /// for day in ["2026-01-30", "2026-01-31", "2026-02-01"] {
    ///     db.put(day, "events")?;
    /// }
    /// db.delete_range("2026-01", "2026-02")?;
    /// assert_eq!(db.len()?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`Keyspace::put`]; [`Error::InvertedRange`] if `end` comes before `start`.
    pub fn delete_range(&self, start: impl AsRef<[u8]>, end: impl AsRef<[u8]>) -> Result<()> {
        self.delete_range_with(start, end, self.handle.core.options.durability)
    }

    /// Removes all keys of a range, as [`Keyspace::delete_range`], as durable as asked.
    ///
    /// # Errors
    /// As there; with [`Durability::Sync`] also [`Error::Indeterminate`].
    pub fn delete_range_with(
        &self,
        start: impl AsRef<[u8]>,
        end: impl AsRef<[u8]>,
        durability: Durability,
    ) -> Result<()> {
        let mut operations = Operations::default();
        range_deletes::push_range(&mut operations, &self.state, start.as_ref(), end.as_ref());
        write::write_batch(&self.handle.core, &mut operations, durability)
    }

    /// Removes all keys that begin with `prefix`, as [`Keyspace::delete_range`].
    ///
    /// # Errors
    /// As there; [`Error::NoPrefixRange`] under another order than that of bytes, where such keys need not be neighbours.
    pub fn delete_prefix(&self, prefix: impl AsRef<[u8]>) -> Result<()> {
        let mut operations = Operations::default();
        range_deletes::push_prefix(&mut operations, &self.state, prefix.as_ref());
        write::write_batch(&self.handle.core, &mut operations, self.handle.core.options.durability)
    }

    /// The value of `key`. A value in the block cache is not copied: it shares the block's memory.
    ///
    /// # Errors
    /// A damaged or unreadable table; a closed database.
    #[inline]
    pub fn get(&self, key: impl AsRef<[u8]>) -> Result<Option<UserValue>> {
        let key = key.as_ref();
        self.check_open()?;
        self.state.tree.get_latest(key, || self.visible()).map_err(|error| self.state.error(error))
    }

    /// The values of `keys`, in their order, all as of one moment.
    ///
    /// # Errors
    /// As [`Keyspace::get`].
    pub fn multi_get<K: AsRef<[u8]>>(
        &self,
        keys: impl IntoIterator<Item = K>,
    ) -> Result<Vec<Option<UserValue>>> {
        self.check_open()?;
        self.state.tree.multi_get_latest(keys, || self.visible()).map_err(|error| self.state.error(error))
    }

    /// The entries of a range, ascending; [`rev`](Iterator::rev) for descending. All as of one moment.
    ///
    /// An error, if there is one, is the last item.
    pub fn scan<K: AsRef<[u8]>>(&self, range: impl RangeBounds<K>) -> Scan {
        let opened = self.check_open().and_then(|()| {
            let range = self.state.tree.range_latest(range, || self.visible());
            range.map_err(|error| self.state.error(error))
        });
        Scan::new(Arc::clone(&self.state), opened)
    }

    /// All entries, ascending.
    pub fn iter(&self) -> Scan {
        self.scan::<&[u8]>(..)
    }

    /// The entries whose key begins with `prefix`. Under a comparator of another than byte order such keys need not be
    /// neighbours, and all keys are looked at.
    pub fn prefix(&self, prefix: impl AsRef<[u8]>) -> Scan {
        let opened = self.check_open().and_then(|()| {
            let range = self.state.tree.prefix_latest(prefix, || self.visible());
            range.map_err(|error| self.state.error(error))
        });
        Scan::new(Arc::clone(&self.state), opened)
    }

    /// The entry with the smallest key.
    ///
    /// # Errors
    /// As [`Keyspace::get`].
    pub fn first(&self) -> Result<Option<(UserKey, UserValue)>> {
        self.iter().next().transpose()
    }

    /// The entry with the largest key.
    ///
    /// # Errors
    /// As [`Keyspace::get`].
    pub fn last(&self) -> Result<Option<(UserKey, UserValue)>> {
        self.iter().next_back().transpose()
    }

    /// How many keys have a value: exact, and so a scan of all of them.
    ///
    /// # Errors
    /// As [`Keyspace::get`].
    pub fn len(&self) -> Result<usize> {
        let (mut scan, mut count) = (self.iter(), 0);
        while scan.next_ref()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    /// Whether no key has a value.
    ///
    /// # Errors
    /// As [`Keyspace::get`].
    pub fn is_empty(&self) -> Result<bool> {
        Ok(self.iter().next_ref()?.is_none())
    }

    /// Bytes that the keyspace takes on disk and in memtables, roughly: superseded values count until they are
    /// compacted away.
    #[must_use]
    pub fn approximate_size_bytes(&self) -> u64 {
        let tree = &self.state.tree;
        tree.disk_space() + tree.memtable_stats().memory_bytes
    }

    /// Forgets everything that was written to the keyspace so far: all at once, at one point in the order of writes, and as a
    /// whole if a crash comes in between. It is durable when this returns, whatever the database's default is. Much cheaper
    /// than deleting; scans that are open go on over what they have.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let db = esker::Database::open(folder.path())?;
    /// let sessions = db.keyspace("sessions", esker::KeyspaceOptions::new())?;
    /// sessions.put(b"1", b"alice")?;
    /// sessions.clear()?;
    /// assert!(sessions.is_empty()?);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// While a [`crate::Snapshot`] lives, whose reads could not be repeated, an error of kind
    /// [`Busy`](crate::error::ErrorKind::Busy); [`Error::KeyspaceDropped`]; a closed or read-only database; what the file
    /// system reports turns it read-only.
    pub fn clear(&self) -> Result<()> {
        erase::clear(&self.handle.core, &self.state)
    }

    /// Removes all keys of `range`, as [`Keyspace::delete_range`] does, and gives their space back at once as far as it can:
    /// tables that lie wholly inside go, without being read ([`esker_tree::Tree::drop_range`] says which); the others shrink when
    /// they are compacted. What is written at the same time counts as before or after it. The history that was kept for change
    /// feeds in tables goes with the tables; the delete is told to those who follow the log. Durable when this returns, whatever
    /// the database's default is.
    ///
    /// # Errors
    /// As [`Keyspace::clear`], live snapshots apart; an inverted range; an operand at either end of the range that cannot be
    /// folded.
    pub fn drop_range<K: AsRef<[u8]>>(&self, range: impl RangeBounds<K>) -> Result<DroppedRange> {
        erase::drop_range(&self.handle.core, &self.state, range)
    }

    /// Flushes the keyspace, then merges the tables that hold keys of `range` into one level: old versions, tombstones and
    /// what they hide go, unless a snapshot needs them. The calling thread does the work while reads and writes go on.
    ///
    /// # Errors
    /// As [`crate::database::Database::flush`]; an inverted range.
    pub fn compact_range<K: AsRef<[u8]>>(&self, range: impl RangeBounds<K> + Clone) -> Result<()> {
        erase::compact_range(&self.handle.core, &self.state, range)
    }

    /// Begins a sorted bulk load: several times as fast as writing, past the log and the memtables. Reads and writes go on, and
    /// see nothing of it until it is finished; then all of it, at one point in the order of writes.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let db = esker::Database::open(folder.path())?;
    /// let mut load = db.default_keyspace().ingestion()?;
    /// for number in 0..1000 {
    ///     load.write(format!("key{number:04}"), "value")?;
    /// }
    /// load.finish()?;
    /// assert_eq!(db.len()?, 1000);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`Error::KeyspaceDropped`]; a closed or read-only database.
    pub fn ingestion(&self) -> Result<Ingestion> {
        Ingestion::begin(&self.handle, &self.state)
    }

    /// Begins a table file at `path`, to be ingested later by this keyspace or one of the same options.
    ///
    /// # Errors
    /// Something is at `path` already; what the file system reports.
    pub fn table_writer(&self, path: impl AsRef<Path>) -> Result<TableWriter> {
        self.state.tree.table_writer(path).map_err(|error| self.state.error(error))
    }

    /// Brings files in that a [`TableWriter`] wrote: all of them at one point in the order of writes, visible at once and
    /// durable when this returns.
    ///
    /// # Errors
    /// As [`esker_tree::Tree::ingest_files`], where nothing is ingested and the files are as they were; as
    /// [`Ingestion::finish`].
    pub fn ingest_files<P: AsRef<Path>>(
        &self,
        paths: impl IntoIterator<Item = P>,
        options: IngestOptions,
    ) -> Result<IngestOutcome> {
        ingest::ingest_files(&self.handle.core, &self.state, paths, options)
    }

    /// Everything published is below it.
    #[inline]
    fn visible(&self) -> SeqNo {
        self.handle.core.visible()
    }

    #[inline]
    fn check_open(&self) -> Result<()> {
        self.handle.core.health.check_open()
    }

    fn write(&self, operation: Operation, key: &[u8], value: &[u8], durability: Durability) -> Result<()> {
        write::write_one(&self.handle.core, &self.state, operation, key, value, durability)
    }

    /// Refuses a handle of another database.
    pub(crate) fn check_belongs_to(&self, handle: &Arc<Handle>) -> Result<()> {
        if Arc::ptr_eq(&self.handle, handle) {
            return Ok(());
        }
        Err(Error::ForeignHandle { name: self.state.name.clone() })
    }
}

impl std::fmt::Debug for Keyspace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keyspace").field("name", &self.state.name).finish_non_exhaustive()
    }
}
