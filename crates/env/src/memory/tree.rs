//! The names of a [`MemFs`](crate::memory::MemFs): a tree of ordered maps.
//!
//! Paths are taken lexically: a root, a drive or `.` means nothing, `..` drops the component before it. So
//! `/db/a`, `db/a` and `db/x/../a` are the same file, and the root always exists.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path};
use std::sync::Arc;

use crate::fs::Metadata;
use crate::memory::file::MemFile;

/// A directory's entries by name; the order makes listings deterministic.
pub(super) type Entries = BTreeMap<OsString, Node>;

/// What a name stands for.
#[derive(Debug)]
pub(super) enum Node {
    /// A file, shared with its other names and open handles.
    File(Arc<MemFile>),
    /// A directory.
    Dir(Entries),
}

impl Node {
    pub(super) fn metadata(&self) -> Metadata {
        match self {
            Self::File(file) => Metadata { len: file.len(), is_dir: false },
            Self::Dir(_) => Metadata { len: 0, is_dir: true },
        }
    }
}

/// All names.
#[derive(Debug)]
pub(super) struct Tree {
    root: Node,
}

impl Default for Tree {
    fn default() -> Self {
        Self { root: Node::Dir(Entries::new()) }
    }
}

impl Tree {
    /// What is at a path.
    pub(super) fn find(&self, path: &Path) -> io::Result<&Node> {
        let mut node = &self.root;
        for name in components(path) {
            let Node::Dir(entries) = node else { return Err(io::ErrorKind::NotADirectory.into()) };
            node = entries.get(name).ok_or(io::ErrorKind::NotFound)?;
        }
        Ok(node)
    }

    /// The file at a path.
    pub(super) fn find_file(&self, path: &Path) -> io::Result<Arc<MemFile>> {
        match self.find(path)? {
            Node::File(file) => Ok(Arc::clone(file)),
            Node::Dir(_) => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    /// The directory that holds a path's last component, and that component.
    fn parent<'a>(&mut self, path: &'a Path) -> io::Result<(&mut Entries, &'a OsStr)> {
        let mut names = components(path);
        // The root itself has no parent: nothing can create, rename or remove it.
        let last = names.pop().ok_or(io::ErrorKind::InvalidInput)?;
        let mut node = &mut self.root;
        for name in names {
            let Node::Dir(entries) = node else { return Err(io::ErrorKind::NotADirectory.into()) };
            node = entries.get_mut(name).ok_or(io::ErrorKind::NotFound)?;
        }
        match node {
            Node::Dir(entries) => Ok((entries, last)),
            Node::File(_) => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    /// Gives a node a new name; `AlreadyExists` if the name is taken.
    pub(super) fn insert(&mut self, path: &Path, node: Node) -> io::Result<()> {
        let (entries, name) = self.parent(path)?;
        if entries.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        entries.insert(name.to_owned(), node);
        Ok(())
    }

    pub(super) fn create_dir_all(&mut self, path: &Path) -> io::Result<()> {
        let mut node = &mut self.root;
        for name in components(path) {
            let Node::Dir(entries) = node else { return Err(io::ErrorKind::NotADirectory.into()) };
            node = entries.entry(name.to_owned()).or_insert_with(|| Node::Dir(Entries::new()));
        }
        match node {
            Node::Dir(_) => Ok(()),
            Node::File(_) => Err(io::ErrorKind::AlreadyExists.into()),
        }
    }

    pub(super) fn remove_file(&mut self, path: &Path) -> io::Result<()> {
        self.find_file(path)?;
        let (entries, name) = self.parent(path)?;
        entries.remove(name);
        Ok(())
    }

    pub(super) fn remove_dir(&mut self, path: &Path) -> io::Result<()> {
        match self.find(path)? {
            Node::File(_) => return Err(io::ErrorKind::NotADirectory.into()),
            Node::Dir(entries) if !entries.is_empty() => return Err(io::ErrorKind::DirectoryNotEmpty.into()),
            Node::Dir(_) => {}
        }
        let (entries, name) = self.parent(path)?;
        entries.remove(name);
        Ok(())
    }

    /// Checks everything first, so that an error leaves both names as they were.
    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let source = self.find(from)?;
        if matches!(source, Node::Dir(_)) {
            let (from, to) = (components(from), components(to));
            if to.len() > from.len() && to.starts_with(&from) {
                return Err(io::Error::new(
                    io::ErrorKind::InvalidInput,
                    "a directory cannot move into itself",
                ));
            }
        }
        match (source, self.find(to)) {
            // Two names of one file, or one name twice: POSIX leaves both.
            (Node::File(a), Ok(Node::File(b))) if Arc::ptr_eq(a, b) => return Ok(()),
            (Node::File(_), Ok(Node::Dir(_))) => return Err(io::ErrorKind::IsADirectory.into()),
            (Node::Dir(_), Ok(Node::File(_))) => return Err(io::ErrorKind::NotADirectory.into()),
            (Node::Dir(_), Ok(Node::Dir(_))) if components(from) == components(to) => return Ok(()),
            (Node::Dir(_), Ok(Node::Dir(entries))) if !entries.is_empty() => {
                return Err(io::ErrorKind::DirectoryNotEmpty.into());
            }
            _ => {}
        }
        self.parent(to)?;
        let (entries, name) = self.parent(from)?;
        let Some(node) = entries.remove(name) else { return Err(io::ErrorKind::NotFound.into()) };
        let (entries, name) = self.parent(to)?;
        entries.insert(name.to_owned(), node);
        Ok(())
    }
}

/// The names a path consists of, from the root.
fn components(path: &Path) -> Vec<&OsStr> {
    let mut names = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => names.push(name),
            Component::ParentDir => {
                names.pop();
            }
            Component::Prefix(_) | Component::RootDir | Component::CurDir => {}
        }
    }
    names
}
