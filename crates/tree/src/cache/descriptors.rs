//! Open files, bounded by their number.
//!
//! A file that is not open is opened by whoever reads it. Locks are sharded and never held over I/O; two who open one file at
//! once both may use what they opened.
//!
//! Not here: which files there are.

use std::io;
use std::path::Path;
use std::sync::Arc;

use esker_env::fs::{Fs, FsFile, OpenOptions};
use quick_cache::sync::Cache as Store;

use crate::cache::key::FileKey;

/// Open files, bounded by their number; may be shared by many trees.
pub struct DescriptorTable {
    files: Store<FileKey, Arc<dyn FsFile>>,
}

impl std::fmt::Debug for DescriptorTable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DescriptorTable").field("open", &self.files.len()).finish_non_exhaustive()
    }
}

impl DescriptorTable {
    /// A table of at most `capacity` open files. A file in use by a reader stays open beyond it.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self { files: Store::new(capacity.max(1)) }
    }

    /// The file `key`, opened for reading at `path` if it is not open.
    pub(crate) fn open(&self, key: FileKey, fs: &dyn Fs, path: &Path) -> io::Result<Arc<dyn FsFile>> {
        if let Some(file) = self.files.get(&key) {
            return Ok(file);
        }
        let file = fs.open(path, &OpenOptions::read_only())?;
        self.files.insert(key, Arc::clone(&file));
        Ok(file)
    }

    /// Closes `key`, once its readers let go.
    pub(crate) fn close(&self, key: FileKey) {
        self.files.remove(&key);
    }
}
