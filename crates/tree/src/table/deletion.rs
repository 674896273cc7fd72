//! Deleting the file of a table that no version names and nobody reads any more.
//!
//! Whoever lets go of a table last may be in the middle of a lookup, and a file system that hands freed blocks back to its device
//! at once takes hundreds of milliseconds to delete a large file. So a tree can be told who does it.
//!
//! Not here: when a table becomes obsolete ([`crate::install`]).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use esker_env::fs::SharedFs;

use crate::cache::descriptors::DescriptorTable;
use crate::cache::key::FileKey;

/// Takes the files that are to be deleted.
pub(crate) type FileDeleter = Arc<dyn Fn(FileDeletion) + Send + Sync>;

/// The file of a table that nobody reads any more, which is to be deleted ([`crate::Config::delete_files_with`]).
///
/// Dropped without [`FileDeletion::run`], it leaves the file behind, and the next open of the tree deletes it.
pub struct FileDeletion {
    pub(super) fs: SharedFs,
    pub(super) descriptors: Arc<DescriptorTable>,
    pub(super) file: FileKey,
    pub(super) path: PathBuf,
}

impl FileDeletion {
    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Closes and deletes the file. One that cannot be deleted now is left to the next open of the tree.
    pub fn run(self) {
        self.descriptors.close(self.file);
        let _ = self.fs.remove_file(&self.path);
    }
}

impl std::fmt::Debug for FileDeletion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FileDeletion").field("path", &self.path).finish_non_exhaustive()
    }
}
