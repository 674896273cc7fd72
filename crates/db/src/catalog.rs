//! The catalog: which keyspaces exist, under which ids and comparators.
//!
//! It is small and changes rarely, so each change writes it whole: a new catalog file with one edit, synced; then
//! `CURRENT`, replaced in one step by a rename; the directory is synced after each, and the former file removed. Whoever
//! opens the database finds the old catalog or the new one, complete (INV-KEYSPACE-2). Reading takes a sequence of edits,
//! as the format has it.
//!
//! A change that fails may be durable or not. Until the catalog has been written again ([`CatalogFile::settle`]) the
//! database takes no writes, as they might go to a keyspace that the next opening does not know.
//!
//! Ids are never reused: the next one is part of the catalog (INV-KEYSPACE-1).
//!
//! Not here: the trees ([`crate::trees`]); what a change means to an open database ([`crate::keyspaces`]).

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use esker_env::fs::{OpenOptions, SharedFs};
use esker_env::random::Random;
use esker_format::catalog::{CatalogEdit, KeyspaceRecord};
use esker_format::current::{decode_current, encode_current};
use esker_format::error::DecodeError;
use esker_format::file_name::{FileKind, FileName};
use esker_format::ids::{CatalogId, KeyspaceId, LogId};
use esker_format::log::frame::decode::decode_frame;
use esker_format::log::frame::{FrameAt, FrameMeta, append_frame};
use esker_format::log::header::{LOG_HEADER_BYTES, LogHeader, LogKind};

use crate::error::{Error, Result};

/// More than any catalog takes: a longer file is not read.
const MAX_CATALOG_BYTES: u64 = 256 << 20;

/// The catalog of one database.
pub(crate) struct CatalogFile {
    fs: SharedFs,
    directory: PathBuf,
    random: Arc<dyn Random>,
    number: CatalogId,
    keyspaces: BTreeMap<KeyspaceId, KeyspaceRecord>,
    next: KeyspaceId,
    /// A change failed, and the disk may hold it or not.
    is_unsettled: bool,
}

impl CatalogFile {
    /// An empty catalog, not on disk before its first change.
    pub(crate) fn new(fs: SharedFs, directory: &Path, random: Arc<dyn Random>) -> Self {
        Self {
            fs,
            directory: directory.to_path_buf(),
            random,
            number: CatalogId(0),
            keyspaces: BTreeMap::new(),
            next: KeyspaceId(1),
            is_unsettled: false,
        }
    }

    /// The catalog that `CURRENT` names; none if there is no `CURRENT`. Removes what earlier changes left.
    pub(crate) fn open(fs: SharedFs, directory: &Path, random: Arc<dyn Random>) -> Result<Option<Self>> {
        let mut catalog = Self::new(fs, directory, random);
        let path = directory.join(FileKind::Current.name());
        if !catalog.fs.exists(&path).map_err(|error| Error::io("look at", &path, error))? {
            return Ok(None);
        }
        let current = catalog.read(&path)?;
        let number = decode_current(&current).map_err(|error| damaged(&path, &error))?;
        catalog.number = CatalogId(number);
        let path = directory.join(FileKind::Catalog(catalog.number).name());
        let bytes = catalog.read(&path)?;
        catalog.replay(&bytes).map_err(|error| damaged(&path, &error))?;
        catalog.remove_leftovers()?;
        Ok(Some(catalog))
    }

    /// The id that the next keyspace will have; every id of the past is smaller.
    pub(crate) fn next_id(&self) -> KeyspaceId {
        self.next
    }

    /// Every keyspace: id, name, comparator's name.
    pub(crate) fn keyspaces(&self) -> impl Iterator<Item = &KeyspaceRecord> {
        self.keyspaces.values()
    }

    /// What the catalog knows of a keyspace.
    pub(crate) fn keyspace(&self, id: KeyspaceId) -> Option<&KeyspaceRecord> {
        self.keyspaces.get(&id)
    }

    /// Adds a keyspace, which gets the next id; durable when this returns.
    pub(crate) fn add(&mut self, record: KeyspaceRecord) -> Result<()> {
        let id = self.next;
        self.keyspaces.insert(id, KeyspaceRecord { id, ..record });
        self.next = id.next();
        let written = self.write();
        if written.is_err() {
            self.keyspaces.remove(&id);
        }
        written
    }

    /// Names the prefix extractor of a keyspace that had none; durable when this returns.
    pub(crate) fn name_prefix_extractor(&mut self, id: KeyspaceId, extractor: &str) -> Result<()> {
        if let Some(keyspace) = self.keyspaces.get_mut(&id) {
            keyspace.prefix_extractor = Some(extractor.to_owned());
        }
        self.write()
    }

    /// Names the merge operator of a keyspace that had none; durable when this returns.
    pub(crate) fn name_merge_operator(&mut self, id: KeyspaceId, operator: &str) -> Result<()> {
        if let Some(keyspace) = self.keyspaces.get_mut(&id) {
            keyspace.merge_operator = Some(operator.to_owned());
        }
        self.write()
    }

    /// Changes how long values of a keyspace live; durable when this returns.
    pub(crate) fn set_ttl_millis(&mut self, id: KeyspaceId, millis: u64) -> Result<()> {
        if let Some(keyspace) = self.keyspaces.get_mut(&id) {
            keyspace.ttl_millis = millis;
        }
        self.write()
    }

    /// Removes a keyspace; durable when this returns.
    pub(crate) fn remove(&mut self, id: KeyspaceId) -> Result<()> {
        let Some(removed) = self.keyspaces.remove(&id) else { return Ok(()) };
        let written = self.write();
        if written.is_err() {
            self.keyspaces.insert(id, removed);
        }
        written
    }

    /// Writes the catalog again if a change failed, so that the disk holds what this process does.
    pub(crate) fn settle(&mut self) -> Result<()> {
        if self.is_unsettled { self.write() } else { Ok(()) }
    }

    /// The same keyspaces for a database in another directory; not on disk before it is [written](Self::write).
    pub(crate) fn copy_for(&self, directory: &Path) -> Self {
        Self {
            keyspaces: self.keyspaces.clone(),
            next: self.next,
            ..Self::new(Arc::clone(&self.fs), directory, Arc::clone(&self.random))
        }
    }

    /// Writes the whole catalog to a new file and makes it the current one.
    pub(crate) fn write(&mut self) -> Result<()> {
        let former = self.number;
        self.number = former.next();
        self.is_unsettled = true;
        let path = self.directory.join(FileKind::Catalog(self.number).name());
        self.write_durably(&path, &self.encode())?;
        self.sync_directory()?;
        let temporary = self.directory.join(FileKind::Current.temporary_name());
        self.write_durably(&temporary, &encode_current(self.number.0))?;
        let current = self.directory.join(FileKind::Current.name());
        self.fs.rename(&temporary, &current).map_err(|error| Error::io("rename", &temporary, error))?;
        self.sync_directory()?;
        self.is_unsettled = false;
        // If not now, then at the next open.
        let _ = self.fs.remove_file(&self.directory.join(FileKind::Catalog(former).name()));
        Ok(())
    }

    fn encode(&self) -> Vec<u8> {
        let log = LogId(self.random.next_u64());
        let header = LogHeader { kind: LogKind::Catalog, number: self.number.0, log, predecessor: None };
        let edit = CatalogEdit {
            created: self.keyspaces.values().cloned().collect(),
            dropped: Vec::new(),
            next_keyspace: Some(self.next),
        };
        let mut payload = Vec::new();
        edit.encode(&mut payload);
        let mut bytes = header.encode().to_vec();
        append_frame(&mut bytes, &FrameMeta::default(), log, LOG_HEADER_BYTES as u64, &payload);
        bytes
    }

    /// Applies the edits of a catalog file.
    fn replay(&mut self, bytes: &[u8]) -> std::result::Result<(), DecodeError> {
        let header = LogHeader::decode(bytes)?;
        if header.kind != LogKind::Catalog || header.number != self.number.0 {
            return Err(DecodeError::invalid("catalog", 0, "the file is the catalog that its name says"));
        }
        let mut offset = LOG_HEADER_BYTES as u64;
        loop {
            let from = usize::try_from(offset).unwrap_or(usize::MAX);
            match decode_frame(bytes.get(from..).unwrap_or_default(), header.log, offset) {
                FrameAt::Frame(frame) => {
                    self.apply(CatalogEdit::decode(frame.payload).map_err(|error| error.shifted(offset))?);
                    offset = frame.end();
                }
                FrameAt::CleanEnd => return Ok(()),
                FrameAt::Bad(error) => return Err(error),
            }
        }
    }

    fn apply(&mut self, edit: CatalogEdit) {
        for keyspace in edit.created {
            self.next = self.next.max(keyspace.id.next());
            self.keyspaces.insert(keyspace.id, keyspace);
        }
        for id in edit.dropped {
            self.keyspaces.remove(&id);
        }
        self.next = self.next.max(edit.next_keyspace.unwrap_or_default());
    }

    /// Removes catalogs other than the current one, and files that were being written.
    fn remove_leftovers(&self) -> Result<()> {
        // What the directory shows may be the work of a change whose last sync failed.
        self.sync_directory()?;
        let entries = self.fs.read_dir(&self.directory);
        for entry in entries.map_err(|error| Error::io("list", &self.directory, error))? {
            let is_left_over = match FileName::parse_os(&entry.name) {
                Some(FileName::Finished(FileKind::Catalog(id))) => id != self.number,
                Some(FileName::Temporary(_)) => true,
                _ => false,
            };
            if is_left_over {
                let path = self.directory.join(&entry.name);
                self.fs.remove_file(&path).map_err(|error| Error::io("remove", &path, error))?;
            }
        }
        Ok(())
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>> {
        let io = |error: io::Error| match error.kind() {
            io::ErrorKind::NotFound => {
                Error::corruption(path, 0, "it is missing; restore the database from a backup")
            }
            _ => Error::io("read", path, error),
        };
        let file = self.fs.open(path, &OpenOptions::read_only()).map_err(io)?;
        let len = file.len().map_err(io)?;
        if len > MAX_CATALOG_BYTES {
            return Err(Error::corruption(path, 0, format!("{len} bytes are too many for a catalog")));
        }
        let mut bytes = vec![0; usize::try_from(len).unwrap_or_default()];
        file.read_exact_at(&mut bytes, 0).map_err(io)?;
        Ok(bytes)
    }

    fn write_durably(&self, path: &Path, bytes: &[u8]) -> Result<()> {
        let options = OpenOptions { truncate: true, ..OpenOptions::create() };
        let file = self.fs.open(path, &options).map_err(|error| Error::io("create", path, error))?;
        file.write_all_at(bytes, 0).map_err(|error| Error::io("write", path, error))?;
        file.sync_all().map_err(|error| Error::io("sync", path, error))
    }

    fn sync_directory(&self) -> Result<()> {
        self.fs.sync_dir(&self.directory).map_err(|error| Error::io("sync", &self.directory, error))
    }
}

fn damaged(path: &Path, error: &DecodeError) -> Error {
    if error.is_unsupported() {
        return Error::Unsupported { path: path.to_path_buf(), problem: error.to_string() };
    }
    Error::corruption(path, error.offset, error.to_string())
}

#[cfg(test)]
mod tests;
