//! Ingestion of files that were built elsewhere, by [`super::writer`].
//!
//! 1. Read what each file says of itself. Refuse one with numbers of its own, and files that overlap each other.
//! 2. Give each a name in the tree's folder: by a link, by shared blocks, or by a copy. Both the bytes and the names are synced.
//! 3. Open each as the tree would, and verify it: every checksum, the order of the keys, the filter.
//!
//! Whatever fails, the files are as they were and the tree's folder, too. What is *moved* goes from where it was only when it is
//! part of the tree.

use std::cmp::Ordering;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use esker_env::duplicate::{Way, duplicate};
use esker_format::file_name::FileKind;
use esker_format::manifest::AddedTable;

use crate::core::Core;
use crate::error::{Error, Result};
use crate::ingest::prepared::PreparedIngestion;
use crate::table::describe::describe;
use crate::table::reader::Table;
use crate::verify::{VerifyReport, verify_table};

/// What becomes of an ingested file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IngestMode {
    /// It stays, and is a file of the tree as well: nobody may change it any more. Copied where links are not possible.
    Link,
    /// It stays; the tree gets a copy, which shares blocks where the file system can.
    #[default]
    Copy,
    /// It becomes a file of the tree, and is gone from where it was once that is durable.
    Move,
}

/// How files are ingested.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IngestOptions {
    /// What becomes of the files; copied by default.
    pub mode: IngestMode,
    /// Whether to read each file whole and check it first; true by default. Without, damage shows when it is read, and the tree
    /// has no checksum of the whole file.
    pub verify: bool,
}

impl Default for IngestOptions {
    fn default() -> Self {
        Self { mode: IngestMode::default(), verify: true }
    }
}

/// Brings files into the tree's folder, ready to be installed.
pub(crate) fn prepare<P: AsRef<Path>>(
    core: &Arc<Core>,
    paths: impl IntoIterator<Item = P>,
    options: IngestOptions,
) -> Result<PreparedIngestion> {
    let mut files = Vec::new();
    for path in paths {
        let path = path.as_ref().to_path_buf();
        let meta = describe(&core.config.fs, &path)?;
        check(core, &path, &meta, options.mode)?;
        files.push((path, meta));
    }
    check_disjoint(core, &mut files)?;
    let mut prepared = PreparedIngestion::new(core);
    let folder = core.config.own_folder();
    for (path, meta) in files {
        let id = core.next_table_id();
        let target = folder.table_path(id);
        duplicate(&**folder.fs, &path, &target, ways(options.mode), core.config.sync_mode)
            .map_err(|e| Error::io("copy", &path, e))?;
        let meta = AddedTable { table: id, ..meta };
        prepared.tables.push(meta.clone());
        let table = Table::open(core.table_source(folder), target, meta).map_err(|e| of_source(e, &path))?;
        if options.verify {
            let checksum = verify_table(core, &Arc::new(table), &mut VerifyReport::default())
                .map_err(|e| of_source(e, &path))?;
            if let Some(meta) = prepared.tables.last_mut() {
                meta.file_checksum = Some(checksum);
            }
        }
        if options.mode == IngestMode::Move {
            prepared.sources.push(path);
        }
    }
    if !prepared.is_empty() {
        folder.fs.sync_dir(folder.path).map_err(|e| Error::io("sync", folder.path, e))?;
    }
    Ok(prepared)
}

fn ways(mode: IngestMode) -> &'static [Way] {
    match mode {
        IngestMode::Link | IngestMode::Move => &[Way::Link, Way::Reflink, Way::Copy],
        IngestMode::Copy => &[Way::Reflink, Way::Copy],
    }
}

/// Refuses a file that cannot be ingested.
fn check(core: &Core, path: &Path, meta: &AddedTable, mode: IngestMode) -> Result<()> {
    let refuse = |reason| Err(Error::NotIngestible { path: path.to_path_buf(), reason });
    if meta.entries == 0 && meta.range_tombstones == 0 {
        return refuse("it holds no entry");
    }
    if meta.highest_seqno != 0 {
        return refuse("its entries have sequence numbers of their own: it was not written for ingestion");
    }
    if mode == IngestMode::Move {
        let current = path.with_file_name(FileKind::Current.name());
        if core.config.fs.exists(&current).map_err(|e| Error::io("look at", &current, e))? {
            return refuse("it is moved out of the folder of a tree or database");
        }
    }
    Ok(())
}

/// Puts the files in order, and refuses two that overlap.
fn check_disjoint(core: &Core, files: &mut [(PathBuf, AddedTable)]) -> Result<()> {
    let order = core.order();
    files.sort_by(|(_, a), (_, b)| order.compare(&a.smallest_key, &b.smallest_key));
    for pair in files.windows(2) {
        if let [(first, a), (second, b)] = pair
            && order.compare(&a.largest_key, &b.smallest_key) != Ordering::Less
        {
            return Err(Error::OverlappingFiles { first: first.clone(), second: second.clone() });
        }
    }
    Ok(())
}

/// Damage is told of the file that the caller knows.
fn of_source(error: Error, path: &Path) -> Error {
    match error {
        Error::Corrupt { source, .. } => Error::Corrupt { path: path.to_path_buf(), source },
        Error::Unsupported { what, .. } => Error::Unsupported { path: path.to_path_buf(), what },
        error => error,
    }
}
