//! Bulk load: sorted entries become tables in the tree's folder, past the memtables.
//!
//! A range tombstone goes to the table that its start falls into, and as far as it reaches on, to those behind it.
//!
//! Cost: each entry is written once, and as a rule never again, since the tables go as deep as they can. Nothing is read until
//! the end, when all of it is.

use std::sync::Arc;

use esker_mem::kind::Kind;

use crate::core::Core;
use crate::error::{Error, Result};
use crate::expiry::stored;
use crate::ingest::ascending::Ascending;
use crate::ingest::prepared::{IngestOutcome, PreparedIngestion};
use crate::ingest::ranges::PendingRanges;
use crate::table::writer::TableWriter;
use crate::version::LEVELS;
use crate::write::check_lengths;

/// The size at which a table ends.
const TABLE_BYTES: u64 = 64 << 20;

/// A sorted bulk load under way: [`Self::finish`] brings all of it in at once. Dropped before, it leaves nothing behind.
///
/// ```
/// # use esker_tree::{Config, SeqNo, SequenceNumberCounter};
/// # let folder = tempfile::tempdir()?;
/// # let seqno = SequenceNumberCounter::default();
/// # let tree = Config::new(&folder, seqno.clone(), SequenceNumberCounter::default()).open()?;
/// let mut ingestion = tree.ingestion()?;
/// for number in 0..1000 {
///     ingestion.write(format!("key{number:04}"), "value")?;
/// }
/// assert!(tree.is_empty(SeqNo::MAX)?);
/// ingestion.finish()?;
/// assert_eq!(tree.len(SeqNo::MAX)?, 1000);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct AnyIngestion {
    prepared: PreparedIngestion,
    writer: Option<TableWriter>,
    keys: Ascending,
    ranges: PendingRanges,
}

impl AnyIngestion {
    pub(crate) fn new(core: &Arc<Core>) -> Self {
        let prepared = PreparedIngestion::new(core);
        Self { prepared, writer: None, keys: Ascending::default(), ranges: PendingRanges::default() }
    }

    /// Adds a value.
    ///
    /// # Errors
    ///
    /// [`Error::KeysNotAscending`], [`Error::KeyTooLong`], [`Error::ValueTooLong`]: the entry is left out, and the load may go
    /// on. What the file system says: then it is lost, and the tree as it was.
    pub fn write(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Result<()> {
        self.add(key.as_ref(), Kind::Put, value.as_ref())
    }

    /// Adds a value that is there until `expires_at`, in milliseconds since 1970: as [`crate::Tree::insert_with_expiry`].
    ///
    /// # Errors
    ///
    /// As [`Self::write`].
    pub fn write_with_expiry(
        &mut self,
        key: impl AsRef<[u8]>,
        value: impl AsRef<[u8]>,
        expires_at: u64,
    ) -> Result<()> {
        self.add(key.as_ref(), Kind::ExpiringPut, &stored(value.as_ref(), expires_at))
    }

    /// Adds a tombstone: as [`crate::Tree::remove`].
    ///
    /// # Errors
    ///
    /// As [`Self::write`].
    pub fn write_tombstone(&mut self, key: impl AsRef<[u8]>) -> Result<()> {
        self.add(key.as_ref(), Kind::Delete, &[])
    }

    /// Adds a weak tombstone: as [`crate::Tree::remove_weak`].
    ///
    /// # Errors
    ///
    /// As [`Self::write`].
    pub fn write_weak_tombstone(&mut self, key: impl AsRef<[u8]>) -> Result<()> {
        self.add(key.as_ref(), Kind::SingleDelete, &[])
    }

    /// Adds an operand, to be merged into what is older: as [`crate::Tree::merge`].
    ///
    /// # Errors
    ///
    /// [`Error::NoMergeOperator`]; else as [`Self::write`].
    pub fn write_merge(&mut self, key: impl AsRef<[u8]>, operand: impl AsRef<[u8]>) -> Result<()> {
        if self.prepared.core().merge_operator().is_none() {
            return Err(Error::NoMergeOperator);
        }
        self.add(key.as_ref(), Kind::Merge, operand.as_ref())
    }

    /// Adds a deletion of the keys from `start` up to and without `end`, as [`crate::Tree::remove_range`]: of what is in the tree,
    /// and nothing of what is loaded with it. Its start is not before the last key that was written; keys of the range may follow.
    ///
    /// ```
    /// # use esker_tree::{Config, SeqNo, SequenceNumberCounter};
    /// # let folder = tempfile::tempdir()?;
    /// # let seqno = SequenceNumberCounter::default();
    /// # let tree = Config::new(&folder, seqno.clone(), SequenceNumberCounter::default()).open()?;
    /// tree.insert("2026-01-01", "old", seqno.next())?;
    /// let mut ingestion = tree.ingestion()?;
    /// ingestion.write_range_tombstone("2026-01", "2026-02")?;
    /// ingestion.write("2026-01-02", "new")?;
    /// ingestion.finish()?;
    /// assert_eq!(tree.len(SeqNo::MAX)?, 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// [`Error::InvertedRange`], [`Error::KeyTooLong`], [`Error::KeysNotAscending`]: it is left out, and the load may go on.
    pub fn write_range_tombstone(&mut self, start: impl AsRef<[u8]>, end: impl AsRef<[u8]>) -> Result<()> {
        let (start, end) = (start.as_ref(), end.as_ref());
        let order = self.prepared.core().order();
        self.keys.check_not_before(start, order)?;
        self.ranges.add(start, end, order).map(|_| ())
    }

    /// Brings everything in under the next number of the tree's generator, all at once, durably; then raises the visible
    /// number above it. Memtables that overlap are flushed first.
    ///
    /// # Errors
    ///
    /// What the file system says: nothing is ingested, though a crash right after a failed write of the manifest may
    /// find it so.
    pub fn finish(self) -> Result<IngestOutcome> {
        self.prepare()?.finish()
    }

    /// Writes and syncs what is left, for callers who give the number themselves.
    ///
    /// # Errors
    ///
    /// What the file system says.
    pub fn prepare(mut self) -> Result<PreparedIngestion> {
        if self.writer.is_none() && !self.ranges.is_empty() {
            self.writer = Some(begin(self.prepared.core())?);
        }
        if let Some(mut writer) = self.writer.take() {
            self.ranges.finish(&mut writer, self.prepared.core().order());
            self.prepared.tables.push(writer.finish()?);
        }
        if !self.prepared.is_empty() {
            let folder = self.prepared.core().config.own_folder();
            folder.fs.sync_dir(folder.path).map_err(|e| Error::io("sync", folder.path, e))?;
        }
        Ok(self.prepared)
    }

    fn add(&mut self, key: &[u8], kind: Kind, value: &[u8]) -> Result<()> {
        check_lengths(key, value)?;
        self.keys.take(key, self.prepared.core().order())?;
        if self.writer.as_ref().is_some_and(|writer| writer.is_full() || writer.size_bytes() >= TABLE_BYTES) {
            self.end_table()?;
        }
        match &mut self.writer {
            Some(writer) => writer.add(key, true, 0, kind, value),
            none => none.insert(begin(self.prepared.core())?).add(key, true, 0, kind, value),
        }
    }

    /// Ends the table behind its last key, unless a range forbids that.
    fn end_table(&mut self) -> Result<()> {
        let Some(mut writer) = self.writer.take() else { return Ok(()) };
        let last = writer.last_key().map(<[u8]>::to_vec).unwrap_or_default();
        if self.ranges.end_behind(&last, &mut writer, self.prepared.core().order()) {
            self.prepared.tables.push(writer.finish()?);
        } else {
            self.writer = Some(writer);
        }
        Ok(())
    }
}

/// Begins a table as the last level has them, but with a filter: it may come to lie elsewhere.
fn begin(core: &Core) -> Result<TableWriter> {
    let id = core.next_table_id();
    let options = core.config.table_options(LEVELS - 1, false, core.cache.resident_share());
    let folder = core.config.own_folder();
    TableWriter::create(folder.fs, folder.table_path(id), id, options, core.config.clock.unix_millis())
}

impl std::fmt::Debug for AnyIngestion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AnyIngestion").field("tables", &self.prepared).finish_non_exhaustive()
    }
}
