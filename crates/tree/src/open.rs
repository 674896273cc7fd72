//! Opening a tree: a new one, or the one that a folder holds.
//!
//! 1. Take the lock.
//! 2. Find the manifest through `CURRENT`; without one the folder must hold nothing, or what a crash left of a creation.
//! 3. Replay the manifest's edits; refuse another comparator or merge operator before anything is touched.
//! 4. Open every table that they name, in whichever folder it is ([`crate::routed`]).
//! 5. Begin a new manifest, and mark the folders that level routes lead to as ours. No manifest is ever appended to by a second
//!    opener, so a torn tail is left behind with its file.
//! 6. Delete orphans: tables that no edit names, other manifests, temporary files, in all folders. Foreign files stay (INV-TREE-4).
//!
//! Nothing is deleted before the new manifest is durable, so that a crash at any point leaves a tree that opens.

use std::collections::HashSet;
use std::ffi::OsString;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex};

use esker_env::fs::{DirEntry, FileLock};
use esker_format::file_name::{FileKind, FileName};
use esker_format::ids::TableId;
use esker_format::manifest::VersionEdit;
use esker_mem::seqno::MAX_SEQNO;

use crate::core::{Core, Jobs, new_generation};
use crate::error::{Error, Result};
use crate::history::History;
use crate::metrics::Metrics;
use crate::names;
use crate::options::{Config, ManifestRecoveryMode};
use crate::routed::{self, Folders, lock, missing_folders, sync_folders};
use crate::runtime::Runtime;
use crate::state::{Snapshots, State, View};
use crate::table::reader::{Table, TableSource};
use crate::version::manifest_log::{Recovered, recover};
use crate::version::{LEVELS, Placed, Version};

/// The first run id of a flush. Lower ids belong to the sole runs of the levels of that number.
const FIRST_RUN: u64 = LEVELS as u64 + 1;

/// Opens the tree of `config`, or makes a new one. A failed open deletes nothing.
pub(crate) fn open(config: Config) -> Result<Core> {
    let path = config.path.clone();
    names::check(&config)?;
    routed::check(&config)?;
    let missing = missing_folders(&config.fs, &path)?;
    config.fs.create_dir_all(&path).map_err(|e| Error::io("create", &path, e))?;
    // A look before the lock file is made, so that a folder of somebody else is not touched; what counts is the look
    // under the lock.
    look(&config)?;
    let mut locks = Vec::new();
    if config.lock {
        locks.push(lock(&config.fs, &path)?);
    }
    let (entries, has_current) = look(&config)?;
    if !has_current {
        sync_folders(&config.fs, &path, &missing)?;
    }
    let recovered = match has_current {
        true => recover(&config.fs, &path, config.manifest_recovery == ManifestRecoveryMode::Strict)?,
        false => Recovered::default(),
    };
    let order_name = config.order.name();
    if let Some(stored) = recovered.state.comparator.as_deref().filter(|stored| *stored != order_name) {
        return Err(Error::WrongComparator { stored: stored.to_owned(), given: order_name.to_owned() });
    }
    check_merge_operator(&config, &recovered.state)?;
    let folders = routed::list(&config, entries, &recovered.state, &mut locks)?;
    let core = build(config, &recovered.state, &folders, locks)?;
    begin_manifest(&core, &recovered)?;
    folders.mark(core.owner, core.config.sync_mode)?;
    remove_orphans(&core, &folders, recovered.is_damaged);
    core.refresh_debt();
    let seqno_end = recovered.state.last_seqno.map_or(0, |last| last + 1);
    core.config.seqno.fetch_max(seqno_end);
    core.config.visible.fetch_max(seqno_end);
    Ok(core)
}

/// Refuses another merge operator than the stored one, and none where one is stored (INV-MERGE-2).
fn check_merge_operator(config: &Config, state: &VersionEdit) -> Result<()> {
    let given = config.merge_operator_name();
    match &state.merge_operator {
        Some(stored) if Some(stored.as_str()) != given => {
            Err(Error::WrongMergeOperator { stored: stored.clone(), given: given.map(str::to_owned) })
        }
        _ => Ok(()),
    }
}

/// What the folder holds, and whether that is a tree; refuses a folder that is neither that nor free.
fn look(config: &Config) -> Result<(Vec<DirEntry>, bool)> {
    let path = &config.path;
    let entries = config.fs.read_dir(path).map_err(|e| Error::io("list", path, e))?;
    let kinds: Vec<FileName> = entries.iter().filter_map(|entry| FileName::parse_os(&entry.name)).collect();
    let has_current = kinds.contains(&FileName::Finished(FileKind::Current));
    if !has_current {
        check_empty(config, &entries, &kinds)?;
    }
    Ok((entries, has_current))
}

/// A folder without a `CURRENT` may hold what a crash left of a creation, and files that every system strews about.
fn check_empty(config: &Config, entries: &[DirEntry], kinds: &[FileName]) -> Result<()> {
    let tables = kinds.iter().any(|kind| matches!(kind, FileName::Finished(FileKind::Table(_))));
    if tables {
        return Err(Error::MissingFile { path: config.path.join(FileKind::Current.name()) });
    }
    let hidden = |name: &OsString| name.as_encoded_bytes().first() == Some(&b'.');
    let foreign =
        entries.iter().any(|entry| FileName::parse_os(&entry.name).is_none() && !hidden(&entry.name));
    if foreign {
        return Err(Error::NotATree { path: config.path.clone() });
    }
    Ok(())
}

/// Puts the tree together from what the manifest says.
fn build(
    config: Config,
    state: &VersionEdit,
    folders: &Folders,
    locks: Vec<Box<dyn FileLock>>,
) -> Result<Core> {
    let cache = config.cache_or_default();
    let descriptors = config.descriptors_or_default();
    let metrics = Arc::new(Metrics::default());
    let owner = state.owner.or_else(|| (!config.routes.is_empty()).then(|| config.random.next_u64()));
    let runtime = Runtime::new(config.runtime.clone());
    let source = TableSource {
        fs: Arc::clone(&config.fs),
        cache: Arc::clone(&cache),
        descriptors: Arc::clone(&descriptors),
        metrics: Arc::clone(&metrics),
        order: config.order.clone(),
        merge_operator: config.merge_operator_name().map(Arc::from),
        prefix_extractor: config.prefix_extractor.clone(),
        pinning: config.pinning.clone(),
        deleter: config.deleter.clone(),
    };
    let mut placed = Vec::with_capacity(state.added.len());
    for (meta, folder) in state.added.iter().zip(folders.find(&config, state)?) {
        let source = TableSource { fs: Arc::clone(folder.fs), ..source.clone() };
        let table = Table::open(source, folder.table_path(meta.table), meta.clone())?;
        placed.push(Placed { level: usize::from(meta.level), run: meta.run, table: Arc::new(table) });
    }
    let version = Version::empty().apply(&HashSet::new(), &placed, &config.order);
    if !version.is_consistent(&config.order) {
        let path = config.path.join(FileKind::Current.name());
        return Err(Error::Unsupported { path, what: "runs that overlap" });
    }
    let watermark = state.watermark.unwrap_or(0);
    let snapshots = Snapshots::new(history(&config, state, &version)?);
    snapshots.raise(watermark, watermark, 0);
    let view = View {
        active: new_generation(&config, 1, 0, 0),
        sealed: Vec::new(),
        version: Arc::new(version),
        watermark,
    };
    // Above every file that is there: one that no edit names may be kept.
    let next_table = state.next_table.map_or(1, |id| id.0).max(folders.next_free_table());
    let next_run = state.next_run.map_or(FIRST_RUN, |id| id.0).max(FIRST_RUN);
    Ok(Core {
        manifest: Mutex::new(config.manifest_log(&config.path)),
        config,
        cache,
        descriptors,
        metrics,
        state: State::new(view),
        snapshots,
        flushing: Mutex::new(()),
        jobs: Mutex::new(Jobs::default()),
        next_table: AtomicU64::new(next_table),
        next_run: AtomicU64::new(next_run),
        replay_floor: AtomicU64::new(state.replay_floor.unwrap_or(0)),
        seqno_end: AtomicU64::new(state.last_seqno.map_or(0, |last| last + 1)),
        debt: AtomicU64::new(0),
        runtime,
        owner,
        _locks: locks,
    })
}

/// The history that is kept for change feeds, and what it takes: the blocks that hold a part of it.
fn history(config: &Config, state: &VersionEdit, version: &Version) -> Result<History> {
    let complete_from = state.history_from.or(state.watermark).unwrap_or(0);
    let horizon = state.feed_horizon.filter(|horizon| *horizon < MAX_SEQNO);
    let mut bytes = 0;
    if let Some(horizon) = horizon {
        let tables = version.placed().map(|placed| placed.table);
        for table in tables.filter(|table| table.highest_seqno() >= horizon) {
            for at in 0..table.block_count() {
                let block = table.entry(at)?;
                if block.highest_seqno >= horizon {
                    bytes += block.handle.len;
                }
            }
        }
    }
    let last = (state.last_seqno.unwrap_or(0), bytes);
    Ok(History::new(config.feed_history_bytes, complete_from, horizon, last))
}

/// Writes the first manifest of this opening.
fn begin_manifest(core: &Core, recovered: &Recovered) -> Result<()> {
    let edit = core.snapshot_edit(&core.state.view().version);
    core.manifest().begin(recovered.id.next(), &edit)
}

/// Deletes what is ours and of no use; tables stay where damage hid which of them count.
fn remove_orphans(core: &Core, folders: &Folders, keep_tables: bool) {
    let named: HashSet<TableId> =
        core.state.view().version.placed().map(|placed| placed.table.id()).collect();
    let current = core.manifest().id();
    folders.remove(|name| match name {
        FileName::Temporary(_) => true,
        FileName::Finished(FileKind::Table(id)) => !named.contains(&id) && !keep_tables,
        FileName::Finished(FileKind::Manifest(id)) => id != current,
        _ => false,
    });
}
