//! What opening does about the folders of a tree: its own, and those that level routes lead to.
//!
//! 1. [`check`] the routes: they share no level.
//! 2. [`list`] each folder. One that the manifest knows must be there; another one is made if need be. One that is not marked as ours
//!    ([`owner`]) must not be marked at all, and hold no table that the manifest does not name: it would be another tree's, and be
//!    deleted as an orphan. None may be another tree's own folder (INV-TREE-7).
//! 3. [`Folders::find`] each table: where its level is routed, or else wherever it is.
//! 4. [`Folders::mark`] what is not marked, once the manifest is durable.
//!
//! Routes may change between two openings, and folders may move, as long as every table is found in one of them.
//!
//! Not here: the rest of opening ([`crate::open`]).

pub(crate) mod owner;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use esker_env::fs::{DirEntry, FileLock, SharedFs};
use esker_env::sync_mode::SyncMode;
use esker_format::file_name::{FileKind, FileName};
use esker_format::ids::TableId;
use esker_format::manifest::{AddedTable, MAX_PATH_BYTES, RoutedLevels, VersionEdit};

use crate::error::{Error, Result};
use crate::options::Config;
use crate::routed::owner::{Mark, read_mark, write_mark};
use crate::routes::{Folder, LevelRoute};
use crate::version::LEVELS;

/// A folder of the tree, and what was in it.
struct Listed {
    fs: SharedFs,
    path: PathBuf,
    entries: Vec<DirEntry>,
    is_marked: bool,
}

/// The folders of the tree: its own first.
pub(crate) struct Folders(Vec<Listed>);

/// Refuses routes that share a level or have none.
pub(crate) fn check(config: &Config) -> Result<()> {
    let mut taken = [false; LEVELS];
    for LevelRoute { levels, path, .. } in &config.routes {
        let invalid = |problem| Err(Error::InvalidRoute { path: path.clone(), problem });
        let range = usize::from(levels.start)..usize::from(levels.end);
        let Some(levels) = taken.get_mut(range).filter(|levels| !levels.is_empty()) else {
            return invalid("it has no levels, or levels that trees do not have");
        };
        if levels.contains(&true) {
            return invalid("another route has a level of it");
        }
        levels.fill(true);
        if path.as_os_str().len() > MAX_PATH_BYTES / 4 {
            return invalid("the path is too long");
        }
    }
    Ok(())
}

/// Lists and locks the folders that the routes lead to; `own` is what is in the tree's own folder.
pub(crate) fn list(
    config: &Config,
    own: Vec<DirEntry>,
    recovered: &VersionEdit,
    locks: &mut Vec<Box<dyn FileLock>>,
) -> Result<Folders> {
    let (fs, path) = (SharedFs::clone(&config.fs), config.path.clone());
    let mut folders = Folders(vec![Listed { fs, path, entries: own, is_marked: true }]);
    let named: HashSet<TableId> = recovered.added.iter().map(|table| table.table).collect();
    for route in &config.routes {
        let LevelRoute { path, fs, .. } = route;
        if folders.0.iter().any(|listed| Folder { fs, path }.is(&listed.fs, Some(&listed.path))) {
            continue;
        }
        let known = recovered.level_routes.iter().find(|known| known.path == path.to_string_lossy());
        make(route, known)?;
        if config.lock {
            locks.push(lock(fs, path)?);
        }
        let entries = fs.read_dir(path).map_err(|e| Error::io("list", path, e))?;
        let mark = read_mark(fs, path)?;
        let is_ours = mark != Mark::None && recovered.owner.map(Mark::Owner) == Some(mark);
        let is_strange = |entry: &DirEntry| match FileName::parse_os(&entry.name) {
            Some(FileName::Finished(FileKind::Table(id))) => !is_ours && !named.contains(&id),
            Some(FileName::Finished(FileKind::Current | FileKind::Manifest(_))) => true,
            _ => false,
        };
        if mark != Mark::None && !is_ours || entries.iter().any(is_strange) {
            return Err(Error::InvalidRoute { path: path.clone(), problem: "it belongs to another tree" });
        }
        folders.0.push(Listed { fs: SharedFs::clone(fs), path: path.clone(), entries, is_marked: is_ours });
    }
    Ok(folders)
}

/// Takes the lock of a folder.
pub(crate) fn lock(fs: &SharedFs, folder: &Path) -> Result<Box<dyn FileLock>> {
    let path = folder.join(FileKind::Lock.name());
    fs.lock(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock => Error::Locked { path },
        _ => Error::io("lock", &path, error),
    })
}

/// The folder and those above it that do not exist yet.
pub(crate) fn missing_folders(fs: &SharedFs, path: &Path) -> Result<Vec<PathBuf>> {
    let mut missing = Vec::new();
    for folder in path.ancestors().filter(|folder| !folder.as_os_str().is_empty()) {
        if fs.exists(folder).map_err(|e| Error::io("open", folder, e))? {
            break;
        }
        missing.push(folder.to_path_buf());
    }
    Ok(missing)
}

/// Makes a folder, and those that had to be made for it, durable entries of the folders above them. The folder itself may be
/// left of a creation that failed at this point.
pub(crate) fn sync_folders(fs: &SharedFs, path: &Path, missing: &[PathBuf]) -> Result<()> {
    let itself = std::iter::once(path).filter(|_| missing.is_empty());
    for folder in missing.iter().map(PathBuf::as_path).chain(itself) {
        let parent = match folder.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            Some(_) => Path::new("."),
            None => continue,
        };
        fs.sync_dir(parent).map_err(|e| Error::io("sync", parent, e))?;
    }
    Ok(())
}

/// Makes the folder of a route, durably, unless the manifest knows it: then it must be there.
fn make(route: &LevelRoute, known: Option<&RoutedLevels>) -> Result<()> {
    let LevelRoute { path, fs, .. } = route;
    let missing = missing_folders(fs, path)?;
    match known {
        Some(known) if !missing.is_empty() => {
            Err(Error::MissingRoute { level: known.from, path: path.clone() })
        }
        Some(_) => Ok(()),
        None => {
            fs.create_dir_all(path).map_err(|e| Error::io("create", path, e))?;
            sync_folders(fs, path, &missing)
        }
    }
}

fn tables_of(entries: &[DirEntry]) -> impl Iterator<Item = TableId> {
    entries.iter().filter_map(|entry| match FileName::parse_os(&entry.name) {
        Some(FileName::Finished(FileKind::Table(id))) => Some(id),
        _ => None,
    })
}

impl Folders {
    /// Above the number of every table file that is there.
    pub(crate) fn next_free_table(&self) -> u64 {
        let tables = self.0.iter().flat_map(|listed| tables_of(&listed.entries));
        tables.map(|id| id.0.saturating_add(1)).max().unwrap_or(1)
    }

    /// Marks the folders that routes lead to as those of the tree `owner`, which its manifest says durably.
    pub(crate) fn mark(&self, owner: Option<u64>, sync_mode: SyncMode) -> Result<()> {
        let Some(owner) = owner else { return Ok(()) };
        let mut unmarked = self.0.iter().filter(|listed| !listed.is_marked);
        unmarked.try_for_each(|listed| write_mark(&listed.fs, &listed.path, owner, sync_mode))
    }

    /// Where the tables of the manifest are, in its order.
    pub(crate) fn find(&self, config: &Config, recovered: &VersionEdit) -> Result<Vec<Folder<'_>>> {
        let ids: Vec<HashSet<TableId>> =
            self.0.iter().map(|listed| tables_of(&listed.entries).collect()).collect();
        let find = |meta: &AddedTable| {
            let wanted = config.folder_of(usize::from(meta.level));
            let found = || self.0.iter().zip(&ids).filter(|(_, ids)| ids.contains(&meta.table));
            let there = found().find(|(listed, _)| wanted.is(&listed.fs, Some(&listed.path)));
            match there.or_else(|| found().next()) {
                Some((listed, _)) => Ok(Folder { fs: &listed.fs, path: &listed.path }),
                None => Err(self.lost(&wanted, meta, recovered)),
            }
        };
        recovered.added.iter().map(find).collect()
    }

    /// Why a table is in no folder.
    fn lost(&self, wanted: &Folder<'_>, meta: &AddedTable, recovered: &VersionEdit) -> Error {
        let is_open = |path: &str| self.0.iter().any(|listed| listed.path.to_string_lossy() == path);
        let of_level = |route: &&RoutedLevels| (route.from..route.to).contains(&meta.level);
        let closed = recovered.level_routes.iter().filter(|route| !is_open(&route.path));
        match closed.clone().find(of_level).or(closed.clone().next()) {
            Some(route) => Error::MissingRoute { level: meta.level, path: PathBuf::from(&route.path) },
            None => Error::MissingFile { path: wanted.table_path(meta.table) },
        }
    }

    /// Deletes what is ours and `is_orphan` says is of no use. What cannot be deleted is left for the next open.
    pub(crate) fn remove(&self, is_orphan: impl Fn(FileName) -> bool) {
        for listed in &self.0 {
            let ours =
                listed.entries.iter().filter(|entry| FileName::parse_os(&entry.name).is_some_and(&is_orphan));
            for entry in ours {
                let _ = listed.fs.remove_file(&listed.path.join(&entry.name));
            }
        }
    }
}
