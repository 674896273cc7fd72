//! The public writer of table files: sorted entries go in, a file for [`crate::Tree::ingest_files`] comes out.
//!
//! All entries have sequence number 0: the number that counts is given to the file as a whole when it is ingested.
//!
//! Not here: the bytes ([`crate::table::writer`]).

use std::path::{Path, PathBuf};

use esker_env::fs::SharedFs;
use esker_format::ids::TableId;
use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::slice::UserKey;

use crate::cache::Share;
use crate::error::{Error, Result};
use crate::expiry::stored;
use crate::ingest::ascending::Ascending;
use crate::ingest::ranges::PendingRanges;
use crate::names;
use crate::options::Config;
use crate::table::writer as table;
use crate::version::LEVELS;
use crate::write::check_lengths;

/// Writes a table file anywhere, to be ingested by a tree of the same order. Dropped unfinished, it deletes its file.
///
/// ```
/// # use esker_tree::{Config, IngestOptions, SeqNo, SequenceNumberCounter, TableWriter};
/// # let folder = tempfile::tempdir()?;
/// # let seqno = SequenceNumberCounter::default();
/// let config = Config::new(folder.path().join("tree"), seqno.clone(), SequenceNumberCounter::default());
/// let path = folder.path().join("sorted.table");
/// let mut writer = TableWriter::create(&path, &config)?;
/// writer.write("a", "1")?;
/// writer.write("b", "2")?;
/// assert_eq!(writer.finish()?.entries, 2);
///
/// let tree = config.open()?;
/// tree.ingest_files([path], IngestOptions::default())?;
/// assert_eq!(tree.get("b", SeqNo::MAX)?.as_deref(), Some(b"2".as_slice()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TableWriter {
    inner: table::TableWriter,
    keys: Ascending,
    ranges: PendingRanges,
    has_merge_operator: bool,
    fs: SharedFs,
    order: KeyOrder,
    path: PathBuf,
}

/// A finished table file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TableFileInfo {
    /// The file.
    pub path: PathBuf,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// Entries, tombstones included.
    pub entries: u64,
    /// Tombstones among them.
    pub tombstones: u64,
    /// Spans of keys that it deletes.
    pub range_tombstones: u64,
    /// The first key, of entries and spans.
    pub smallest: UserKey,
    /// The last key; where a span reaches farther than the entries, its end.
    pub largest: UserKey,
    /// The checksum of the whole file, as [`esker_format::table_checksum`] has it: that of [`crate::TableInfo`] once it is ingested.
    pub checksum: u64,
}

impl TableWriter {
    /// Begins a file at `path`, as a tree of `config` would write it for its last level: its file system, order, block
    /// size, codec and filter.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyExists`]; [`Error::InvalidName`]; what the file system says.
    pub fn create(path: impl AsRef<Path>, config: &Config) -> Result<Self> {
        names::check(config)?;
        let path = path.as_ref().to_path_buf();
        let options = config.table_options(LEVELS - 1, false, Share::Little);
        let (fs, order) = (config.fs.clone(), config.order.clone());
        let created = config.clock.unix_millis();
        let inner = table::TableWriter::create(&fs, path.clone(), TableId::default(), options, created);
        let inner = inner.map_err(|error| match error {
            Error::Io { source, path, .. } if source.kind() == std::io::ErrorKind::AlreadyExists => {
                Error::AlreadyExists { path }
            }
            error => error,
        })?;
        let (keys, ranges) = (Ascending::default(), PendingRanges::default());
        let has_merge_operator = config.merge_operator.is_some();
        Ok(Self { inner, keys, ranges, has_merge_operator, fs, order, path })
    }

    /// Adds a value.
    ///
    /// # Errors
    ///
    /// [`Error::KeysNotAscending`], [`Error::KeyTooLong`], [`Error::ValueTooLong`]: the entry is left out, and the file may
    /// go on. What the file system says.
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

    /// Adds an operand, to be merged into what is older: as [`crate::Tree::merge`]. Only trees with the merge operator of that name
    /// take the file.
    ///
    /// # Errors
    ///
    /// [`Error::NoMergeOperator`] if the `config` of the writer has none; else as [`Self::write`].
    pub fn write_merge(&mut self, key: impl AsRef<[u8]>, operand: impl AsRef<[u8]>) -> Result<()> {
        if !self.has_merge_operator {
            return Err(Error::NoMergeOperator);
        }
        self.add(key.as_ref(), Kind::Merge, operand.as_ref())
    }

    /// Adds a deletion of the keys from `start` up to and without `end`, as [`crate::Tree::remove_range`]: of what is in the tree,
    /// and nothing of the file itself. Ranges may come in any order, before, amid and behind the keys.
    ///
    /// # Errors
    ///
    /// [`Error::InvertedRange`], [`Error::KeyTooLong`]: it is left out, and the file may go on.
    pub fn write_range_tombstone(&mut self, start: impl AsRef<[u8]>, end: impl AsRef<[u8]>) -> Result<()> {
        self.ranges.add(start.as_ref(), end.as_ref(), &self.order).map(|_| ())
    }

    /// What the file would be if it ended now, roughly, in bytes.
    #[must_use]
    pub fn size_bytes(&self) -> u64 {
        self.inner.size_bytes()
    }

    /// Ends the file and makes it durable, name included.
    ///
    /// # Errors
    ///
    /// [`Error::NotIngestible`] if nothing was written; what the file system says. There is no file then.
    pub fn finish(mut self) -> Result<TableFileInfo> {
        if self.inner.is_empty() && self.ranges.is_empty() {
            return Err(Error::NotIngestible { path: self.path, reason: "it holds no entry" });
        }
        let range_tombstones = self.ranges.finish(&mut self.inner, &self.order);
        let meta = self.inner.finish()?;
        let folder = match self.path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        self.fs.sync_dir(folder).map_err(|e| Error::io("sync", folder, e))?;
        Ok(TableFileInfo {
            path: self.path,
            size_bytes: meta.file_bytes,
            entries: meta.entries,
            tombstones: meta.point_tombstones,
            range_tombstones,
            smallest: meta.smallest_key,
            largest: meta.largest_key,
            checksum: meta.file_checksum.unwrap_or_default(),
        })
    }

    fn add(&mut self, key: &[u8], kind: Kind, value: &[u8]) -> Result<()> {
        check_lengths(key, value)?;
        self.keys.take(key, &self.order)?;
        self.inner.add(key, true, 0, kind, value)
    }
}

impl std::fmt::Debug for TableWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TableWriter").field("path", &self.path).finish_non_exhaustive()
    }
}
