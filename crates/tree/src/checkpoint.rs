//! A checkpoint: a second tree that holds what this one does at one moment, for little more than names.
//!
//! 1. *Fix*: take the version and the whole tree as one edit, under the manifest's lock, so that the replay floor says what the
//!    tables hold (INV-CHECKPOINT-1). The version keeps its tables' files for as long as it is held, whatever compactions do
//!    meanwhile.
//! 2. *Write*: duplicate the tables into a new folder, by shared blocks, links or copies; sync them and their names; begin a
//!    manifest of its own there. `CURRENT`, which makes a tree of the folder, comes last (INV-TREE-5).
//!
//! What fails is removed again. What a crash leaves has no `CURRENT`, and is refused by whoever opens it.
//!
//! All tables come to lie in the checkpoint's own folder, whatever the level routes of the tree.
//!
//! Not here: the log and the catalog of a database.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use esker_env::duplicate::{Way, copy_between, duplicate};
use esker_env::folder::create_durably;
use esker_env::fs::SharedFs;
use esker_format::file_name::{FileKind, FileName};
use esker_format::ids::ManifestId;
use esker_format::manifest::VersionEdit;
use esker_mem::seqno::SeqNo;

use crate::core::Core;
use crate::error::{Error, Result};
use crate::flush;
use crate::version::Version;
use crate::write;

/// What a checkpoint holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckpointInfo {
    /// Tables.
    pub table_files: u64,
    /// Files of separated values.
    pub blob_files: u64,
    /// Bytes of all of them, shared or not.
    pub total_bytes: u64,
    /// How many times the tables of the tree had changed since it was opened.
    pub version_id: u64,
    /// The highest sequence number that was ever in the tables; 0 if there was none.
    pub seqno: SeqNo,
}

/// A moment of a tree that can still be written down: for callers with a log of their own, who fix it at a point in their order.
/// Holds the files of that moment.
pub struct PendingCheckpoint {
    core: Arc<Core>,
    version: Arc<Version>,
    edit: VersionEdit,
}

/// Flushes, and makes a checkpoint at `target`.
pub(crate) fn create(core: &Arc<Core>, target: &Path) -> Result<CheckpointInfo> {
    check_free(&core.config.fs, target)?;
    write::rotate(core);
    while flush::flush_oldest::<Error>(core, 0, |_| Ok(()))?.is_some() {}
    PendingCheckpoint::fix(core).write(target)
}

fn check_free(fs: &SharedFs, target: &Path) -> Result<()> {
    if fs.exists(target).map_err(|e| Error::io("look at", target, e))? {
        return Err(Error::AlreadyExists { path: target.to_path_buf() });
    }
    Ok(())
}

impl PendingCheckpoint {
    /// Fixes the tables of now.
    pub(crate) fn fix(core: &Arc<Core>) -> Self {
        let _unchanged = core.manifest();
        let version = Arc::clone(&core.state.view().version);
        // All tables will lie in its own folder.
        let edit = VersionEdit { level_routes: Vec::new(), owner: None, ..core.snapshot_edit(&version) };
        Self { core: Arc::clone(core), version, edit }
    }

    /// Makes the checkpoint at `target`, a folder that must not exist; durable when this returns.
    ///
    /// # Errors
    ///
    /// [`Error::AlreadyExists`]; what the file system says. There is nothing at `target` then that was not there before, unless
    /// it cannot be removed.
    pub fn write(&self, target: &Path) -> Result<CheckpointInfo> {
        let fs = &self.core.config.fs;
        check_free(fs, target)?;
        let made = create_durably(&**fs, target).map_err(|e| Error::io("create", target, e));
        made.and_then(|()| self.fill(target)).inspect_err(|_| remove_folder(fs, target))
    }

    fn fill(&self, target: &Path) -> Result<CheckpointInfo> {
        let core = &self.core;
        let fs = &core.config.fs;
        let sync = core.config.sync_mode;
        let reflink = core.config.use_reflink_for_checkpoint;
        let ways: &[Way] =
            if reflink { &[Way::Reflink, Way::Link, Way::Copy] } else { &[Way::Link, Way::Copy] };
        let mut info = CheckpointInfo {
            version_id: self.version.id(),
            seqno: self.edit.last_seqno.unwrap_or(0),
            ..CheckpointInfo::default()
        };
        for placed in self.version.placed() {
            let table = placed.table;
            let path = target.join(FileKind::Table(table.id()).name());
            // Tables may lie on another file system, along a level route.
            let copied = if Arc::ptr_eq(fs, table.fs()) {
                duplicate(&**fs, table.path(), &path, ways, sync).map(|_| ())
            } else {
                copy_between((&**table.fs(), table.path()), (&**fs, &path), u64::MAX, sync).map(|_| ())
            };
            copied.map_err(|e| Error::io("copy", table.path(), e))?;
            info.table_files += 1;
            info.total_bytes += table.meta().file_bytes;
        }
        let mut manifest = core.config.manifest_log(target);
        // Syncs the folder, the tables' names with it, before `CURRENT` is there.
        manifest.begin(ManifestId::default().next(), &self.edit)?;
        Ok(info)
    }
}

impl std::fmt::Debug for PendingCheckpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PendingCheckpoint").field("version", &self.version.id()).finish_non_exhaustive()
    }
}

/// Removes our files in a folder, and the folder if that empties it. What cannot be removed stays.
fn remove_folder(fs: &SharedFs, folder: &Path) {
    let entries = fs.read_dir(folder).unwrap_or_default();
    // What makes a tree of it goes first.
    let (current, others): (Vec<PathBuf>, Vec<PathBuf>) = entries
        .iter()
        .filter(|entry| FileName::parse_os(&entry.name).is_some())
        .map(|entry| folder.join(&entry.name))
        .partition(|path| path.file_name().is_some_and(|name| name == FileKind::Current.name().as_str()));
    for path in current.iter().chain(&others) {
        let _ = fs.remove_file(path);
    }
    let _ = fs.remove_dir(folder);
}
