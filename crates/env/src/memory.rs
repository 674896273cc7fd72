//! [`MemFs`]: a whole file system in memory, for tests and for databases that need not outlive the process.
//!
//! One mutex guards the tree of names (`memory/tree.rs`); each file has its own lock for its bytes (`memory/file.rs`). Files are
//! reference counted, so an unlinked file lives while it is open or has another name. Syncs succeed and do
//! nothing: everything written is "durable" for as long as the `MemFs` lives. A byte budget makes it run full.
//!
//! Clones share the same files. Lock order: names, then one file's bytes.
//!
//! Not here: losing unsynced data, or any other fault (`FaultFs` of the private crate `esker-testkit`).

mod file;
mod tree;

use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::fs::{Capabilities, DirEntry, FileLock, Fs, FsFile, Metadata, OpenOptions, Space};
use crate::memory::file::{Budget, MemFile, MemHandle, MemLock};
use crate::memory::tree::{Node, Tree};

/// A file system in memory.
#[derive(Clone, Debug)]
pub struct MemFs {
    names: Arc<Mutex<Tree>>,
    budget: Arc<Budget>,
}

impl MemFs {
    /// An empty file system without a limit.
    #[must_use]
    pub fn new() -> Self {
        Self::with_budget(u64::MAX)
    }

    /// An empty file system that holds at most `budget_bytes` of file contents, counted by file length; what would
    /// exceed it fails with `StorageFull`.
    #[must_use]
    pub fn with_budget(budget_bytes: u64) -> Self {
        Self { names: Arc::default(), budget: Arc::new(Budget::new(budget_bytes)) }
    }

    /// Changes the limit. Files stay as they are even if they exceed it.
    pub fn set_budget(&self, budget_bytes: u64) {
        self.budget.set_limit(budget_bytes);
    }

    /// The summed length of all files, unlinked but open ones included.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.budget.used()
    }

    fn names(&self) -> MutexGuard<'_, Tree> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn new_file(&self) -> Arc<MemFile> {
        Arc::new(MemFile::new(Arc::clone(&self.budget)))
    }
}

impl Default for MemFs {
    fn default() -> Self {
        Self::new()
    }
}

impl Fs for MemFs {
    fn open(&self, path: &Path, options: &OpenOptions) -> io::Result<Arc<dyn FsFile>> {
        options.validate()?;
        let mut names = self.names();
        let found = match names.find(path) {
            Ok(Node::Dir(_)) if options.create_new => return Err(io::ErrorKind::AlreadyExists.into()),
            Ok(Node::Dir(_)) => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(Node::File(_)) if options.create_new => return Err(io::ErrorKind::AlreadyExists.into()),
            Ok(Node::File(file)) => Some(Arc::clone(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        let file = match found {
            Some(file) => {
                if options.truncate {
                    file.set_len(0)?;
                }
                file
            }
            None if options.create || options.create_new => {
                let file = self.new_file();
                names.insert(path, Node::File(Arc::clone(&file)))?;
                file
            }
            None => return Err(io::ErrorKind::NotFound.into()),
        };
        Ok(Arc::new(MemHandle::new(file, options)))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        self.names().create_dir_all(path)
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let names = self.names();
        let Node::Dir(entries) = names.find(path)? else {
            return Err(io::ErrorKind::NotADirectory.into());
        };
        Ok(entries
            .iter()
            .map(|(name, node)| {
                let Metadata { len, is_dir } = node.metadata();
                DirEntry { name: name.clone(), is_dir, len }
            })
            .collect())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.names().rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.names().remove_file(path)
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.names().remove_dir(path)
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        Ok(self.names().find(path)?.metadata())
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        match self.names().find(path)? {
            Node::Dir(_) => Ok(()),
            Node::File(_) => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn hard_link(&self, src: &Path, dst: &Path) -> io::Result<()> {
        let mut names = self.names();
        let file = names.find_file(src)?;
        names.insert(dst, Node::File(file))
    }

    fn reflink(&self, src: &Path, dst: &Path) -> io::Result<()> {
        let mut names = self.names();
        let src = names.find_file(src)?;
        let copy = self.new_file();
        names.insert(dst, Node::File(Arc::clone(&copy)))?;
        copy.write(&src.contents(), 0).or_else(|error| names.remove_file(dst).and(Err(error)))
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn FileLock>> {
        let mut names = self.names();
        let file = match names.find_file(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let file = self.new_file();
                names.insert(path, Node::File(Arc::clone(&file)))?;
                file
            }
            result => result?,
        };
        Ok(Box::new(MemLock::acquire(file)?))
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        self.names().find(path)?;
        Ok(self.budget.space())
    }

    fn capabilities(&self, _path: &Path) -> Capabilities {
        Capabilities { preallocate: true, punch_hole: true, reflink: true, hard_link: true, mapped_log: true }
    }
}

#[cfg(test)]
mod tests;
