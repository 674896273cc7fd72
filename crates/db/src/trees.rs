//! Opening the trees of keyspaces, with what all of them share: one cache, one pool of memtable memory, one table of
//! open files, one visible sequence number.
//!
//! The tree of keyspace 5 lives in `keyspaces/000005`; some of its tables perhaps elsewhere ([`crate::routes`]). A keyspace is new or
//! old, never "whatever is there": an old one whose tree is gone is damage, not an empty keyspace (INV-KEYSPACE-3).
//!
//! Not here: which keyspaces there are ([`crate::catalog`]).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use esker_env::clock::Clock;
use esker_env::fs::SharedFs;
use esker_env::sync_mode::SyncMode;
use esker_format::file_name::{FileKind, KEYSPACES_FOLDER, keyspace_folder};
use esker_format::ids::KeyspaceId;
use esker_mem::arena::ArenaPool;
use esker_tree::{Cache, Config, DescriptorTable, SequenceNumberCounter};

use crate::deletions::Deletions;
use crate::error::{Error, Result};
use crate::options::{KeyspaceOptions, MemorySplit};
use crate::routes::{self, Folder};
use crate::state::KeyspaceState;

/// Memory of flushed memtables that is kept for the next ones: fresh memory costs more than filling it.
const IDLE_ARENAS: usize = 2;
/// Files that tables keep open, all keyspaces together.
const OPEN_FILES: usize = 512;

/// What the trees of one database share.
pub(crate) struct Trees {
    fs: SharedFs,
    clock: Arc<dyn Clock>,
    directory: PathBuf,
    split: MemorySplit,
    sync_mode: SyncMode,
    visible: SequenceNumberCounter,
    cache: Arc<Cache>,
    descriptors: Arc<DescriptorTable>,
    arenas: Arc<ArenaPool>,
    deletions: Arc<Deletions>,
}

impl Trees {
    /// The trees of the database in `path`.
    pub(crate) fn new(
        fs: SharedFs,
        clock: Arc<dyn Clock>,
        path: &Path,
        split: MemorySplit,
        sync_mode: SyncMode,
        visible: SequenceNumberCounter,
        deletions: Arc<Deletions>,
    ) -> Self {
        Self {
            fs,
            clock,
            directory: path.join(KEYSPACES_FOLDER),
            split,
            sync_mode,
            visible,
            cache: Arc::new(Cache::with_capacity_bytes(split.cache_bytes as u64)),
            descriptors: Arc::new(DescriptorTable::with_capacity(OPEN_FILES)),
            arenas: Arc::new(ArenaPool::new(split.memtable_bytes, IDLE_ARENAS)),
            deletions,
        }
    }

    /// Files of obsolete tables.
    pub(crate) fn deletions(&self) -> &Deletions {
        &self.deletions
    }

    /// The folder of all trees.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The folder of one keyspace.
    pub(crate) fn folder(&self, id: KeyspaceId) -> Folder {
        Folder { fs: Arc::clone(&self.fs), path: self.directory.join(keyspace_folder(id)) }
    }

    /// Makes the tree of a new keyspace, durably. What a crash left of an earlier attempt is removed.
    pub(crate) fn create(
        &self,
        id: KeyspaceId,
        name: &str,
        options: &KeyspaceOptions,
    ) -> Result<KeyspaceState> {
        options.check_names()?;
        let folder = self.folder(id);
        let exists =
            self.fs.exists(&folder.path).map_err(|error| Error::io("look at", &folder.path, error))?;
        if exists {
            let filesystems: Vec<_> = std::iter::once(&self.fs)
                .chain(options.policies.routes.iter().map(|route| &route.fs))
                .map(Arc::clone)
                .collect();
            let folders = routes::recorded(&folder, &filesystems);
            routes::remove_all(&folders).map_err(|error| Error::io("remove", &folder.path, error))?;
        }
        self.fs.create_dir_all(&folder.path).map_err(|error| Error::io("create", &folder.path, error))?;
        let keyspace = self.open_tree(id, name, options)?;
        self.fs.sync_dir(&self.directory).map_err(|error| Error::io("sync", &self.directory, error))?;
        Ok(keyspace)
    }

    /// Opens the tree of a keyspace that the catalog names (INV-KEYSPACE-3).
    pub(crate) fn open(
        &self,
        id: KeyspaceId,
        name: &str,
        options: &KeyspaceOptions,
    ) -> Result<KeyspaceState> {
        let current = self.folder(id).path.join(FileKind::Current.name());
        if !self.fs.exists(&current).map_err(|error| Error::io("look at", &current, error))? {
            let problem = format!("the tree of keyspace {name:?} is gone; restore its folder from a backup");
            return Err(Error::corruption(&current, 0, problem));
        }
        self.open_tree(id, name, options)
    }

    fn open_tree(&self, id: KeyspaceId, name: &str, options: &KeyspaceOptions) -> Result<KeyspaceState> {
        let folder = self.folder(id);
        let routes = routes::of_keyspace(&options.policies.routes, id);
        // The tree takes its numbers from the log, never from a counter of its own.
        let unused = SequenceNumberCounter::default();
        let deletions = Arc::clone(&self.deletions);
        let mut config = Config::new(&folder.path, unused, self.visible.clone())
            .with_shared_fs(Arc::clone(&self.fs))
            .with_clock(Arc::clone(&self.clock))
            .sync_mode(self.sync_mode)
            .with_directory_lock(false)
            .use_cache(Arc::clone(&self.cache))
            .use_descriptor_table(Some(Arc::clone(&self.descriptors)))
            .use_arena_pool(Arc::clone(&self.arenas))
            .delete_files_with(move |file| deletions.push(file))
            .data_block_compression_policy(options.compression_or_default())
            .expect_point_read_hits(options.expect_point_read_hits)
            .with_runtime_config(options.runtime_or_default())
            .memtable_capacity_bytes(
                options.memtable_bytes.unwrap_or(self.split.memtable_bytes).min(self.split.memtable_bytes),
            );
        config = options.policies.apply(config).level_routes(routes.clone());
        if let Some(comparator) = &options.comparator {
            config = config.comparator(Arc::clone(comparator));
        }
        if let Some(extractor) = &options.prefix_extractor {
            config = config.prefix_extractor(Arc::clone(extractor));
        }
        if let Some(operator) = &options.merge_operator {
            config = config.with_merge_operator(Arc::clone(operator));
        }
        if let Some(factory) = &options.compaction_filter {
            config = config.with_compaction_filter_factory(Arc::clone(factory));
        }
        let tree = config.open().map_err(|error| Error::tree(name, error))?;
        let routed = routes.into_iter().map(|route| Folder { fs: route.fs, path: route.path });
        let folders = std::iter::once(folder).chain(routed).collect();
        Ok(KeyspaceState::new(id, name.to_owned(), tree, folders))
    }
}
