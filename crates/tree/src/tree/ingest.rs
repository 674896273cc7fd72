//! What brings sorted data into a tree at once.
//!
//! Not here: any logic ([`crate::ingest`]).

use std::path::Path;

use crate::error::Result;
use crate::ingest::files::{self, IngestOptions};
use crate::ingest::load::AnyIngestion;
use crate::ingest::prepared::{IngestOutcome, PreparedIngestion};
use crate::ingest::writer::TableWriter;
use crate::tree::Tree;

/// Ingestion.
impl Tree {
    /// Begins a sorted bulk load. Reads, writes and compactions go on; nothing is seen of it until it is finished.
    ///
    /// # Errors
    ///
    /// None yet: files are made when they are needed.
    pub fn ingestion(&self) -> Result<AnyIngestion> {
        Ok(AnyIngestion::new(&self.0))
    }

    /// Begins a table file at `path`, outside of the tree's folder, that this tree can ingest later.
    ///
    /// # Errors
    ///
    /// [`crate::Error::AlreadyExists`]; what the file system says.
    pub fn table_writer(&self, path: impl AsRef<Path>) -> Result<TableWriter> {
        TableWriter::create(path, &self.0.config)
    }

    /// Brings files that a [`TableWriter`] wrote into the tree, all at once and durably, under the next number of its
    /// generator; then raises the visible number above it. Memtables that overlap are flushed first.
    ///
    /// # Errors
    ///
    /// [`crate::Error::MissingFile`], [`crate::Error::Corrupt`] for a damaged or unfinished file,
    /// [`crate::Error::Unsupported`] for one of a later version, [`crate::Error::WrongComparator`],
    /// [`crate::Error::NotIngestible`] for one that was not written for it, [`crate::Error::OverlappingFiles`]: nothing is
    /// ingested, and the files are as they were. What the file system says: likewise, though a crash right after a failed
    /// write of the manifest may find them ingested.
    pub fn ingest_files<P: AsRef<Path>>(
        &self,
        paths: impl IntoIterator<Item = P>,
        options: IngestOptions,
    ) -> Result<IngestOutcome> {
        self.prepare_files(paths, options)?.finish()
    }

    /// As [`Self::ingest_files`], up to where the number is given: for callers with an order of commits of their own.
    ///
    /// # Errors
    ///
    /// As there.
    pub fn prepare_files<P: AsRef<Path>>(
        &self,
        paths: impl IntoIterator<Item = P>,
        options: IngestOptions,
    ) -> Result<PreparedIngestion> {
        files::prepare(&self.0, paths, options)
    }
}
