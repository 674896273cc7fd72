//! Where tables lie: in the tree's own folder or, by level, in folders elsewhere.
//!
//! A route takes some levels to a folder of a file system of its own, say the last levels to a cheaper device. It says where
//! tables are *written*; where one is found again, opening looks it up ([`crate::routed`]), so that routes may be added,
//! and their folders moved, between two openings.
//!
//! Not here: copying a table that changes its folder ([`crate::compact`]).

use std::ops::Range;
use std::path::{Path, PathBuf};

use esker_env::fs::SharedFs;
use esker_format::file_name::FileKind;
use esker_format::ids::TableId;
use esker_format::manifest::RoutedLevels;

/// Takes the tables of some levels to another folder.
#[derive(Clone, Debug)]
pub struct LevelRoute {
    /// The levels; no two routes share one. Level 0 is what flushes write, level 6 is the last.
    pub levels: Range<u8>,
    /// The folder. It belongs to one tree; it is made if it is not there at the first open.
    pub path: PathBuf,
    /// The file system that it is in.
    pub fs: SharedFs,
}

impl LevelRoute {
    /// What the manifest keeps of it.
    pub(crate) fn recorded(&self) -> RoutedLevels {
        let path = self.path.to_string_lossy().into_owned();
        RoutedLevels { from: self.levels.start, to: self.levels.end, path }
    }
}

/// A folder of tables.
#[derive(Clone, Copy)]
pub(crate) struct Folder<'a> {
    pub(crate) fs: &'a SharedFs,
    pub(crate) path: &'a Path,
}

impl Folder<'_> {
    /// Where table `id` lies in it.
    pub(crate) fn table_path(&self, id: TableId) -> PathBuf {
        self.path.join(FileKind::Table(id).name())
    }

    /// Whether this is the same folder.
    pub(crate) fn is(&self, fs: &SharedFs, path: Option<&Path>) -> bool {
        std::ptr::addr_eq(SharedFs::as_ptr(self.fs), SharedFs::as_ptr(fs)) && path == Some(self.path)
    }
}
