//! The disk: files and directories by number, names as the living see them, names that are durable, and the
//! journal of changes of names in between.
//!
//! A change of names (creation, link, rename, removal) becomes durable when every directory it touches has been
//! synced. A crash keeps or loses each one as a whole: a rename is atomic even between directories. Changes of
//! *different* names survive in any combination; changes of the *same* name in order, so a later one never
//! survives an earlier one that is lost (every journalling file system keeps at least this).
//!
//! A file that was synced but whose name was not may vanish, as POSIX allows.
//!
//! Not here: what a crash leaves ([`crate::fault_fs::survivors`]), counting and faults ([`crate::fault_fs::machine`]), a file's bytes ([`crate::fault_fs::file`]).

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path};

use crate::fault_fs::file::FileState;

/// Number of a file or directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Inode(u64);

pub(super) const ROOT: Inode = Inode(0);

pub(super) type Names = BTreeMap<OsString, Inode>;

#[derive(Clone, Debug, Default)]
pub(super) struct DirState {
    /// What the living see.
    pub(super) live: Names,
    /// What a crash surely leaves.
    pub(super) durable: Names,
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    File(FileState),
    Dir(DirState),
}

/// A name in a directory.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Name {
    pub(super) dir: Inode,
    pub(super) name: OsString,
}

/// A creation, link, rename or removal.
#[derive(Clone, Debug)]
pub(super) struct NameChange {
    pub(super) removes: Option<Name>,
    pub(super) adds: Option<(Name, Inode)>,
    /// Directories that were not synced since.
    unsynced: Vec<Inode>,
}

impl NameChange {
    pub(super) fn names(&self) -> impl Iterator<Item = &Name> {
        self.removes.iter().chain(self.adds.iter().map(|(name, _)| name))
    }
}

/// Everything on the disk and in the system's memory before it.
#[derive(Clone, Debug)]
pub(super) struct Disk {
    pub(super) nodes: BTreeMap<Inode, Node>,
    pub(super) next_inode: u64,
    /// In the order they were made.
    pub(super) journal: Vec<NameChange>,
}

impl Disk {
    pub(super) fn new() -> Self {
        let nodes = BTreeMap::from([(ROOT, Node::Dir(DirState::default()))]);
        Self { nodes, next_inode: 1, journal: Vec::new() }
    }

    /// The summed length of all files that have a name or a handle.
    pub(super) fn used_bytes(&self) -> u64 {
        self.files().filter(|file| file.links > 0 || file.handles > 0).map(|file| file.len() as u64).sum()
    }

    fn files(&self) -> impl Iterator<Item = &FileState> {
        self.nodes.values().filter_map(|node| match node {
            Node::File(file) => Some(file),
            Node::Dir(_) => None,
        })
    }

    // --- looking up ---

    pub(super) fn find(&self, path: &Path) -> io::Result<Inode> {
        let mut inode = ROOT;
        for name in components(path) {
            inode = *self.dir(inode)?.live.get(name).ok_or(io::ErrorKind::NotFound)?;
        }
        Ok(inode)
    }

    pub(super) fn find_file(&self, path: &Path) -> io::Result<Inode> {
        let inode = self.find(path)?;
        match self.nodes.get(&inode) {
            Some(Node::File(_)) => Ok(inode),
            _ => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    /// The place a path names, whether or not anything is there. Its directory must exist.
    fn place(&self, path: &Path) -> io::Result<Name> {
        let mut names = components(path);
        let name = names.pop().ok_or(io::ErrorKind::InvalidInput)?.to_owned();
        let mut dir = ROOT;
        for name in names {
            dir = *self.dir(dir)?.live.get(name).ok_or(io::ErrorKind::NotFound)?;
        }
        self.dir(dir)?;
        Ok(Name { dir, name })
    }

    pub(super) fn node(&self, inode: Inode) -> io::Result<&Node> {
        self.nodes.get(&inode).ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn dir(&self, inode: Inode) -> io::Result<&DirState> {
        match self.node(inode)? {
            Node::Dir(dir) => Ok(dir),
            Node::File(_) => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    pub(super) fn file(&self, inode: Inode) -> io::Result<&FileState> {
        match self.node(inode)? {
            Node::File(file) => Ok(file),
            Node::Dir(_) => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    pub(super) fn file_mut(&mut self, inode: Inode) -> io::Result<&mut FileState> {
        match self.nodes.get_mut(&inode) {
            Some(Node::File(file)) => Ok(file),
            Some(Node::Dir(_)) => Err(io::ErrorKind::IsADirectory.into()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    // --- changing names ---

    pub(super) fn create_file(&mut self, path: &Path) -> io::Result<Inode> {
        self.create(path, Node::File(FileState::default()))
    }

    pub(super) fn create_dir(&mut self, path: &Path) -> io::Result<Inode> {
        self.create(path, Node::Dir(DirState::default()))
    }

    fn create(&mut self, path: &Path, node: Node) -> io::Result<Inode> {
        let place = self.free_place(path)?;
        let inode = Inode(self.next_inode);
        self.next_inode += 1;
        self.nodes.insert(inode, node);
        self.change(None, Some((place, inode)));
        Ok(inode)
    }

    pub(super) fn link(&mut self, inode: Inode, path: &Path) -> io::Result<()> {
        let place = self.free_place(path)?;
        self.change(None, Some((place, inode)));
        Ok(())
    }

    fn free_place(&self, path: &Path) -> io::Result<Name> {
        let place = self.place(path).map_err(|error| match error.kind() {
            // The root is always there.
            io::ErrorKind::InvalidInput => io::ErrorKind::AlreadyExists.into(),
            _ => error,
        })?;
        if self.dir(place.dir)?.live.contains_key(&place.name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        Ok(place)
    }

    pub(super) fn remove_file(&mut self, path: &Path) -> io::Result<()> {
        self.find_file(path)?;
        let place = self.place(path)?;
        self.change(Some(place), None);
        Ok(())
    }

    pub(super) fn remove_dir(&mut self, path: &Path) -> io::Result<()> {
        if !self.dir(self.find(path)?)?.live.is_empty() {
            return Err(io::ErrorKind::DirectoryNotEmpty.into());
        }
        let place = self.place(path)?;
        self.change(Some(place), None);
        Ok(())
    }

    pub(super) fn rename(&mut self, from: &Path, to: &Path) -> io::Result<()> {
        let inode = self.find(from)?;
        let moves_dir = matches!(self.node(inode)?, Node::Dir(_));
        let (from_names, to_names) = (components(from), components(to));
        if moves_dir && to_names.len() > from_names.len() && to_names.starts_with(&from_names) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a directory cannot move into itself"));
        }
        match self.find(to) {
            // Two names of one file, or one name twice: POSIX leaves both.
            Ok(target) if target == inode => return Ok(()),
            Ok(target) => match self.node(target)? {
                Node::File(_) if moves_dir => return Err(io::ErrorKind::NotADirectory.into()),
                Node::Dir(_) if !moves_dir => return Err(io::ErrorKind::IsADirectory.into()),
                Node::Dir(dir) if !dir.live.is_empty() => {
                    return Err(io::ErrorKind::DirectoryNotEmpty.into());
                }
                _ => {}
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        let (from, to) = (self.place(from)?, self.place(to)?);
        self.change(Some(from), Some((to, inode)));
        Ok(())
    }

    /// Changes what the living see, and notes it as not yet durable.
    fn change(&mut self, removes: Option<Name>, adds: Option<(Name, Inode)>) {
        let mut unsynced: Vec<Inode> = removes.iter().map(|name| name.dir).collect();
        unsynced.extend(adds.iter().map(|(name, _)| name.dir));
        unsynced.dedup();
        if let Some(Name { dir, name }) = &removes {
            let gone = self.names_mut(*dir).and_then(|names| names.remove(name));
            self.unlinked(gone);
        }
        if let Some((Name { dir, name }, inode)) = &adds {
            let replaced = self.names_mut(*dir).and_then(|names| names.insert(name.clone(), *inode));
            self.unlinked(replaced);
            if let Ok(file) = self.file_mut(*inode) {
                file.links += 1;
            }
        }
        self.journal.push(NameChange { removes, adds, unsynced });
    }

    fn names_mut(&mut self, dir: Inode) -> Option<&mut Names> {
        match self.nodes.get_mut(&dir) {
            Some(Node::Dir(dir)) => Some(&mut dir.live),
            _ => None,
        }
    }

    fn unlinked(&mut self, inode: Option<Inode>) {
        if let Some(file) = inode.and_then(|inode| self.file_mut(inode).ok()) {
            file.links = file.links.saturating_sub(1);
        }
    }

    // --- making durable ---

    pub(super) fn sync_dir(&mut self, dir: Inode) {
        for change in &mut self.journal {
            change.unsynced.retain(|unsynced| *unsynced != dir);
        }
        // What becomes durable takes along every earlier change of the same names.
        let mut settled_names = BTreeSet::new();
        let mut settled = vec![false; self.journal.len()];
        for (change, settled) in self.journal.iter().zip(&mut settled).rev() {
            if change.unsynced.is_empty() || change.names().any(|name| settled_names.contains(name)) {
                *settled = true;
                settled_names.extend(change.names().cloned());
            }
        }
        let mut settled = settled.into_iter();
        let journal = std::mem::take(&mut self.journal);
        let (durable, pending) = journal.into_iter().partition(|_| settled.next() == Some(true));
        self.journal = pending;
        let durable: Vec<NameChange> = durable;
        for change in &durable {
            self.make_durable(change);
        }
        self.collect();
    }

    /// Everything, names and bytes, becomes durable.
    pub(super) fn sync_all(&mut self) {
        for change in std::mem::take(&mut self.journal) {
            self.make_durable(&change);
        }
        for node in self.nodes.values_mut() {
            if let Node::File(file) = node {
                file.sync();
            }
        }
        self.collect();
    }

    fn make_durable(&mut self, change: &NameChange) {
        if let Some(Name { dir, name }) = &change.removes
            && let Some(Node::Dir(dir)) = self.nodes.get_mut(dir)
        {
            dir.durable.remove(name);
        }
        if let Some((Name { dir, name }, inode)) = &change.adds
            && let Some(Node::Dir(dir)) = self.nodes.get_mut(dir)
        {
            dir.durable.insert(name.clone(), *inode);
        }
    }

    /// Forgets what neither the living nor any crash can reach.
    fn collect(&mut self) {
        let mut reachable = BTreeSet::from([ROOT]);
        for node in self.nodes.values() {
            if let Node::Dir(dir) = node {
                reachable.extend(dir.live.values().chain(dir.durable.values()));
            }
        }
        for change in &self.journal {
            reachable.extend(change.unsynced.iter().chain(change.adds.iter().map(|(_, inode)| inode)));
        }
        self.nodes.retain(|inode, node| {
            reachable.contains(inode) || matches!(node, Node::File(file) if file.handles > 0)
        });
    }
}

/// The names a path consists of, from the root; `..` is taken lexically.
pub(super) fn components(path: &Path) -> Vec<&OsStr> {
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
