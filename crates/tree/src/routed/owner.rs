//! Whose a folder is that a level route leads to: the file `OWNER` in it holds a number that the tree's manifest has, too.
//!
//! A tree draws its number at the first open with routes. The manifest has it first, durably; then the file is made in each folder
//! that has none, before any table is. So a folder with the number of another tree is never written to (INV-TREE-7), and one
//! without a number, or with half a file, as a crash leaves it, holds no table of ours that the manifest does not name. A checkpoint
//! does not take the number along: it draws its own.
//!
//! Not here: what else opening asks of such folders ([`super`]).

use std::io;
use std::path::{Path, PathBuf};

use esker_env::fs::{OpenOptions, SharedFs};
use esker_env::sync_mode::SyncMode;
use esker_format::current::{CURRENT_BYTES, decode_current, encode_current};
use esker_format::file_name::{FileKind, FileName};

use crate::error::{Error, Result};
use crate::version::manifest_log::recover;

/// What a folder says of its owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mark {
    /// Nothing that counts.
    None,
    /// The number of the tree that it belongs to.
    Owner(u64),
}

/// Reads the mark of a folder.
pub(crate) fn read_mark(fs: &SharedFs, folder: &Path) -> Result<Mark> {
    let path = folder.join(FileKind::Owner.name());
    let mut bytes = [0; CURRENT_BYTES];
    let read = fs.open(&path, &OpenOptions::read_only()).and_then(|file| file.read_exact_at(&mut bytes, 0));
    match read {
        Ok(()) => Ok(decode_current(&bytes).map_or(Mark::None, Mark::Owner)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof) => {
            Ok(Mark::None)
        }
        Err(error) => Err(Error::io("read", &path, error)),
    }
}

/// Marks a folder, durably.
pub(crate) fn write_mark(fs: &SharedFs, folder: &Path, owner: u64, sync_mode: SyncMode) -> Result<()> {
    let path = folder.join(FileKind::Owner.name());
    let file = fs.open(&path, &OpenOptions::create()).map_err(|e| Error::io("create", &path, e))?;
    file.write_all_at(&encode_current(owner), 0).map_err(|e| Error::io("write", &path, e))?;
    sync_mode.sync(&*file).map_err(|e| Error::io("sync", &path, e))?;
    fs.sync_dir(folder).map_err(|e| Error::io("sync", folder, e))
}

/// The folders that level routes of the closed tree in `folder` lead to, as its manifest has them: each with that of `filesystems` on
/// which it is found and belongs to the tree, or to none and is empty, as a crash of the first open leaves it. For whoever removes a tree.
///
/// # Errors
/// There is no tree, or its manifest is damaged.
pub fn routed_folders(
    fs: &SharedFs,
    folder: &Path,
    filesystems: &[SharedFs],
) -> Result<Vec<(SharedFs, PathBuf)>> {
    let state = recover(fs, folder, false)?.state;
    let Some(owner) = state.owner else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for route in state.level_routes {
        let path = PathBuf::from(route.path);
        for fs in filesystems {
            let is_ours = match read_mark(fs, &path)? {
                Mark::Owner(number) => number == owner,
                Mark::None => is_unused(fs, &path)?,
            };
            if is_ours {
                found.push((SharedFs::clone(fs), path.clone()));
            }
        }
    }
    Ok(found)
}

/// Whether a folder is there, and holds no table and no tree.
fn is_unused(fs: &SharedFs, folder: &Path) -> Result<bool> {
    if !fs.exists(folder).map_err(|e| Error::io("look at", folder, e))? {
        return Ok(false);
    }
    let entries = fs.read_dir(folder).map_err(|e| Error::io("list", folder, e))?;
    Ok(entries.iter().all(|entry| match FileName::parse_os(&entry.name) {
        Some(FileName::Finished(kind)) => matches!(kind, FileKind::Owner | FileKind::Lock),
        Some(FileName::Temporary(_)) => true,
        _ => false,
    }))
}
