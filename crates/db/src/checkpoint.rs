//! A checkpoint of a database: a second one that holds all keyspaces as they were at one commit, with the log up to there.
//!
//! 1. The catalog is fixed, and held: no keyspace comes or goes. Segments of the log are held: none is removed.
//! 2. In a slot of its own in the order of commits ([`Pipeline::at_slot`](crate::commit::Pipeline::at_slot)) the log is drained,
//!    and its end and the tables of every keyspace are fixed (INV-CHECKPOINT-2). Writers wait for that, but for no file to be
//!    copied.
//! 3. The tables are duplicated, keyspace by keyspace, as `esker_tree` does it. The log is *copied*, up to the end that was
//!    fixed: its files are written to and removed by this database, and must not be shared.
//! 4. The catalog is written last, as its `CURRENT` makes a database of the folder (INV-TREE-5).
//!
//! Opening it replays the log over the tables, as after a kill at that commit. What fails is removed again; what a crash leaves
//! is refused by whoever opens it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use esker_env::duplicate::copy_start;
use esker_env::folder::create_durably;
use esker_env::fs::SharedFs;
use esker_format::file_name::{FileKind, FileName, KEYSPACES_FOLDER, keyspace_folder};
use esker_mem::seqno::SeqNo;
use esker_tree::PendingCheckpoint;

use crate::background::free_log;
use crate::catalog::CatalogFile;
use crate::core::Core;
use crate::error::{Error, Result};
use crate::state::KeyspaceState;

/// What a checkpoint of a database holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckpointInfo {
    /// Keyspaces.
    pub keyspaces: u64,
    /// Tables, of all keyspaces.
    pub table_files: u64,
    /// Segments of the log.
    pub log_segments: u64,
    /// Bytes of all of them, shared or not.
    pub total_bytes: u64,
    /// Every write below this number is in it, and none from it on.
    pub seqno: SeqNo,
}

/// The database at one commit.
struct Fixed {
    catalog: CatalogFile,
    keyspaces: Vec<(Arc<KeyspaceState>, PendingCheckpoint)>,
    /// The files of the log, and how much of each counts.
    log: Vec<(PathBuf, u64)>,
    seqno: SeqNo,
}

/// Makes a checkpoint at `target`, which must not exist.
pub(crate) fn create(core: &Core, target: &Path) -> Result<CheckpointInfo> {
    core.health.check_writable()?;
    let fs = core.folder.fs();
    let exists = fs.exists(target).map_err(|error| Error::io("look at", target, error))?;
    if exists {
        return Err(Error::AlreadyExists { path: target.to_path_buf() });
    }
    let pinned = core.folder.pin();
    let written = fix(core, target)
        .and_then(|mut fixed| write(core, &mut fixed, target).inspect_err(|_| remove_all(fs, target)));
    drop(pinned);
    // What would have been removed meanwhile.
    free_log(core)?;
    written
}

/// Steps 1 and 2.
fn fix(core: &Core, target: &Path) -> Result<Fixed> {
    let catalog = core.catalog();
    core.pipeline.at_slot(|log| {
        let end = log.writer.drain()?.position;
        let mut files = core.folder.closed_files();
        files.retain(|(id, ..)| *id != end.segment);
        files.push((end.segment, core.folder.path_of(end.segment), end.offset));
        let keyspaces = core.registry.all().into_iter();
        Ok(Fixed {
            catalog: catalog.copy_for(target),
            keyspaces: keyspaces
                .map(|keyspace| {
                    let moment = keyspace.tree.begin_checkpoint();
                    (keyspace, moment)
                })
                .collect(),
            log: files.into_iter().map(|(_, path, len)| (path, len)).collect(),
            seqno: log.next_seqno,
        })
    })
}

/// Steps 3 and 4.
fn write(core: &Core, fixed: &mut Fixed, target: &Path) -> Result<CheckpointInfo> {
    let fs = core.folder.fs();
    let folder = target.join(KEYSPACES_FOLDER);
    create_durably(&**fs, &folder).map_err(|error| Error::io("create", &folder, error))?;
    let mut info = CheckpointInfo { seqno: fixed.seqno, ..CheckpointInfo::default() };
    for (keyspace, moment) in &fixed.keyspaces {
        let path = folder.join(keyspace_folder(keyspace.id));
        let tree = moment.write(&path).map_err(|error| keyspace.error(error))?;
        info.keyspaces += 1;
        info.table_files += tree.table_files;
        info.total_bytes += tree.total_bytes;
    }
    for (path, len) in &fixed.log {
        let Some(name) = path.file_name() else { continue };
        let copied = copy_start(&**fs, path, &target.join(name), *len, core.options.sync_mode);
        info.total_bytes += copied.map_err(|error| Error::io("copy", path, error))?;
        info.log_segments += 1;
    }
    fs.sync_dir(target).map_err(|error| Error::io("sync", target, error))?;
    fixed.catalog.write()?;
    Ok(info)
}

/// Removes what was made of a checkpoint. What cannot be removed stays.
fn remove_all(fs: &SharedFs, target: &Path) {
    // What makes a database of it goes first.
    let _ = fs.remove_file(&target.join(FileKind::Current.name()));
    let keyspaces = target.join(KEYSPACES_FOLDER);
    for entry in fs.read_dir(&keyspaces).unwrap_or_default() {
        remove_files(fs, &keyspaces.join(entry.name));
    }
    let _ = fs.remove_dir(&keyspaces);
    remove_files(fs, target);
}

fn remove_files(fs: &SharedFs, folder: &Path) {
    for entry in fs.read_dir(folder).unwrap_or_default() {
        if FileName::parse_os(&entry.name).is_some() {
            let _ = fs.remove_file(&folder.join(&entry.name));
        }
    }
    let _ = fs.remove_dir(folder);
}
