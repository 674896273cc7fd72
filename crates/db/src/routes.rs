//! Where the folders of keyspaces are: one for each in the database's directory, and one below each folder that a level route of
//! its leads to.
//!
//! Keyspace 5 has its tree in `keyspaces/000005`, and the tables of levels that are routed to `/slow` in `/slow/000005`. As ids are
//! never reused, a keyspace that is made anew under the name of a dropped one, whose files live on, does not meet them
//! (INV-KEYSPACE-1).
//!
//! **Removal.** The folders of routes go first, durably, and the tree's own last, since its manifest says where the others are: a crash
//! in between leaves what the next opening goes on with (INV-KEYSPACE-8). It looks for them on every file system that it knows of. A
//! crash while a keyspace is made may leave an empty folder that no manifest names yet: the next keyspace, of the same id, takes it.
//!
//! Not here: what a route is (`esker_tree`), and when a keyspace is removed ([`crate::state`], [`crate::recover`]).

use std::io;
use std::path::PathBuf;

use esker_env::fs::SharedFs;
use esker_format::file_name::{FileName, keyspace_folder};
use esker_format::ids::KeyspaceId;
use esker_tree::{LevelRoute, routed_folders};

/// A folder of one keyspace.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    pub(crate) fs: SharedFs,
    pub(crate) path: PathBuf,
}

impl Folder {
    /// Removes the folder and our files in it, if it is there. What cannot be removed now goes at the next open.
    fn remove(&self) -> io::Result<()> {
        let entries = match self.fs.read_dir(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        for entry in entries {
            if FileName::parse_os(&entry.name).is_some() {
                self.fs.remove_file(&self.path.join(&entry.name))?;
            }
        }
        self.fs.remove_dir(&self.path)
    }

    /// Makes the removal durable.
    fn sync_parent(&self) -> io::Result<()> {
        match self.path.parent().map(|parent| self.fs.sync_dir(parent)) {
            // Nothing of it is there.
            Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            synced => synced.unwrap_or(Ok(())),
        }
    }
}

/// The routes of keyspace `id`, where each keyspace's options say `routes`.
pub(crate) fn of_keyspace(routes: &[LevelRoute], id: KeyspaceId) -> Vec<LevelRoute> {
    let folder = keyspace_folder(id);
    routes.iter().map(|route| LevelRoute { path: route.path.join(&folder), ..route.clone() }).collect()
}

/// Removes the folders of a keyspace: `folders` begins with its own, which goes once the others are durably gone (INV-KEYSPACE-8).
pub(crate) fn remove_all(folders: &[Folder]) -> io::Result<()> {
    let Some((own, routed)) = folders.split_first() else { return Ok(()) };
    for folder in routed {
        folder.remove()?;
        folder.sync_parent()?;
    }
    own.remove()
}

/// The folders of a keyspace that is not open: `own`, and those that its manifest names and that are found on one of `filesystems`.
pub(crate) fn recorded(own: &Folder, filesystems: &[SharedFs]) -> Vec<Folder> {
    // Without a manifest there was no table yet.
    let routed = routed_folders(&own.fs, &own.path, filesystems).unwrap_or_default();
    let routed = routed.into_iter().map(|(fs, path)| Folder { fs, path });
    std::iter::once(own.clone()).chain(routed).collect()
}
