//! A table that changes its folder: a move along a level route is a copy.
//!
//! The copy gets a number of its own, so that no two files of a tree ever have one name, wherever they lie. It is synced,
//! and its name with it, before the edit that names it (INV-TREE-6); the original goes as every table that an edit takes
//! out, when its last reader lets go. Blocks are copied as they are, damage included: their checksums go with them.
//!
//! Not here: deciding to move ([`crate::compaction`]).

use std::path::PathBuf;

use esker_env::fs::{OpenOptions, SharedFs};
use esker_format::ids::RunId;
use esker_format::manifest::AddedTable;

use crate::core::Core;
use crate::error::{Error, Result};
use crate::table::reader::Table;

/// What is read and written at once.
const PIECE_BYTES: u64 = 1 << 20;

/// A file that goes again unless it is kept.
struct Unfinished<'a> {
    fs: &'a SharedFs,
    path: PathBuf,
    kept: bool,
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        if !self.kept {
            // What cannot be deleted now is an orphan of the next open.
            let _ = self.fs.remove_file(&self.path);
        }
    }
}

/// Copies `table` to where tables of `level` are written; says what the manifest shall say of the copy.
pub(crate) fn copy_table(
    core: &Core,
    table: &Table,
    level: usize,
    run: RunId,
    is_cancelled: impl Fn() -> bool,
) -> Result<AddedTable> {
    let (folder, id) = (core.folder_of(level), core.next_table_id());
    let path = folder.table_path(id);
    let create = OpenOptions::create_new().with_in_place(core.config.disable_cow);
    let file = folder.fs.open(&path, &create).map_err(|e| Error::io("create", &path, e))?;
    let mut copy = Unfinished { fs: folder.fs, path, kept: false };
    let (mut at, end) = (0, table.meta().file_bytes);
    while at < end {
        if is_cancelled() {
            return Err(Error::Cancelled);
        }
        let piece = table.read_at(at, PIECE_BYTES.min(end - at))?;
        file.write_all_at(&piece, at).map_err(|e| Error::io("write", &copy.path, e))?;
        at += piece.len() as u64;
    }
    core.config.sync_mode.sync(&*file).map_err(|e| Error::io("sync", &copy.path, e))?;
    folder.fs.sync_dir(folder.path).map_err(|e| Error::io("sync", folder.path, e))?;
    copy.kept = true;
    let level = u8::try_from(level).unwrap_or(u8::MAX);
    Ok(AddedTable { table: id, level, run, ..table.meta().clone() })
}
