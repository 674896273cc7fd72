//! Opening a database: from a directory, whatever a crash left in it, to a running core.
//!
//! 1. **Whose directory?** One with files of others and no database is refused and left as it is. The lock is taken.
//! 2. **Catalog.** It names the keyspaces; without one, and without a log, the database is made (INV-RECOVER-6).
//! 3. **Trees.** Each keyspace's tree is opened, with the comparator that the caller names for it. Folders that no
//!    keyspace owns are removed.
//! 4. **Log.** What an earlier process may not have synced is made durable. Then frames are replayed into sorted
//!    memtables ([`crate::replay`]). An operation below its keyspace's replay floor is in tables already and skipped
//!    (INV-RECOVER-5), so is one of a dropped keyspace; an unknown keyspace is corruption. What outgrows its share of
//!    memory is flushed on the way.
//! 5. **Next segment.** A fresh one, durable before anything else happens, records where the log ends
//!    (INV-RECOVER-3); only then are files that no longer count removed. A crash in the midst of this finds either the
//!    old end or the new one, and both say the same.
//!
//! Sequence numbers go on above everything that the log or any tree has seen.
//!
//! Not here: telling a torn tail from corruption ([`crate::wal::reader`]).

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};

use esker_env::clock::Clock;
use esker_env::fs::{FileLock, SharedFs};
use esker_env::random::Random;
use esker_env::spawn::{Spawn, processors};
use esker_format::file_name::{FileKind, FileName, KEYSPACES_FOLDER, parse_keyspace_folder};
use esker_mem::seqno::SeqNo;
use esker_tree::{SequenceNumberCounter, ready_made_extractor};

use crate::background;
use crate::backpressure::Backpressure;
use crate::catalog::CatalogFile;
use crate::commit::Pipeline;
use crate::core::{Core, Engine, Jobs};
use crate::deletions::Deletions;
use crate::error::{Error, Result};
use crate::health::Health;
use crate::ingested::Ingested;
use crate::keyspaces::{DEFAULT_KEYSPACE, check_names};
use crate::options::{DatabaseOptions, KeyspaceOptions};
use crate::parallel::Team;
use crate::replay::{Replay, flush_all};
use crate::routes;
use crate::signal::{Signal, WORK};
use crate::state::{KeyspaceState, Registry};
use crate::trees::Trees;
use crate::wal::reader::{LogEnd, chain, find_segments, read_log};
use crate::wal::secure::secure;
use crate::wal::segment::SegmentFolder;
use crate::wal::writer::LogWriter;

/// The most threads that replay the log: beyond that, memory is what they would wait for.
const MOST_THREADS: usize = 8;

/// Gives the options of an existing keyspace by its name.
pub(crate) type Resolver = Arc<dyn Fn(&str) -> KeyspaceOptions + Send + Sync>;

/// What the database asks of the world.
pub(crate) struct Environs {
    pub(crate) fs: SharedFs,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) spawn: Arc<dyn Spawn>,
    pub(crate) random: Arc<dyn Random>,
}

/// Opens the database in `path`; gives the core and the default keyspace.
pub(crate) fn open(
    path: &Path,
    options: DatabaseOptions,
    environs: Environs,
    resolve: &Resolver,
) -> Result<(Arc<Core>, Arc<KeyspaceState>)> {
    let fs = &environs.fs;
    prepare_directory(fs, path, options.create_if_missing)?;
    let lock = take_lock(fs, path)?;
    let split = options.memory();
    let visible = SequenceNumberCounter::default();
    let clock = Arc::clone(&environs.clock);
    let signal = Arc::new(Signal::default());
    let deletions = Arc::new(Deletions::new(Arc::clone(&signal), options.background_threads > 0));
    let trees = Trees::new(Arc::clone(fs), clock, path, split, options.sync_mode, visible.clone(), deletions);
    let mut catalog = open_catalog(&environs, path, &trees, resolve, options.create_if_missing)?;
    let registry = open_trees(&trees, &mut catalog, resolve)?;
    remove_orphans(fs, &trees, &registry)?;

    let found = find_segments(fs, path)?;
    secure(fs, &found, &chain(&found).0, options.sync_mode)?;
    let threads = if options.background_threads > 0 { processors().min(MOST_THREADS) } else { 1 };
    let team = Team::new(Arc::clone(&environs.spawn), threads);
    let mut replay = Replay::new(fs, &found, team, &registry, &catalog, &split, options.planted_bug);
    let end = read_log(fs, &found, options.recovery_mode, &mut replay)?;
    replay.finish()?;
    let next_seqno = end.next_seqno.max(replay.lowest_unused()).max(1);
    let (folder, writer) = start_log(fs, path, &options, &environs.random, &registry, end, next_seqno)?;
    visible.set(next_seqno);

    let default = registry.find(DEFAULT_KEYSPACE);
    let default = default.ok_or_else(|| Error::corruption(path, 0, "the catalog has no default keyspace"))?;
    let engine = Engine::new(visible, signal, &options, &split);
    let core = Arc::new(Core {
        path: path.to_path_buf(),
        split,
        backpressure: Backpressure::new(Arc::clone(&environs.clock)),
        clock: environs.clock,
        spawn: environs.spawn,
        trees,
        registry,
        catalog: Mutex::new(catalog),
        folder,
        ingested: Ingested::default(),
        pipeline: Pipeline::new(engine, writer, next_seqno),
        health: Health::default(),
        jobs: Mutex::new(Jobs::default()),
        job_ended: Condvar::new(),
        cancel: esker_tree::CancelToken::default(),
        lock: Mutex::new(Some(lock)),
        timer: Mutex::new(None),
        options,
    });
    background::free_log(&core)?;
    core.measure();
    core.signal().raise(WORK);
    *core.timer.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = background::start(&core)?;
    Ok((core, default))
}

/// Step 1: refuses a directory that is not ours, and makes a missing one.
fn prepare_directory(fs: &SharedFs, path: &Path, create_if_missing: bool) -> Result<()> {
    let exists = fs.exists(path).map_err(|error| Error::io("look at", path, error))?;
    if !exists {
        if !create_if_missing {
            return Err(Error::DatabaseNotFound { path: path.to_path_buf() });
        }
        fs.create_dir_all(path).map_err(|error| Error::io("create", path, error))?;
        return sync_parent(fs, path);
    }
    let entries = fs.read_dir(path).map_err(|error| Error::io("list", path, error))?;
    let is_database = entries.iter().any(|entry| is_file(&entry.name, FileKind::Current));
    if is_database {
        return Ok(());
    }
    // The beginnings of a database whose making a crash cut short are ours, too.
    let foreign = entries.iter().find(|entry| {
        FileName::parse_os(&entry.name).is_none() && !(entry.is_dir && entry.name == KEYSPACES_FOLDER)
    });
    if let Some(foreign) = foreign {
        return Err(Error::NotADatabase { path: path.to_path_buf(), found: path.join(&foreign.name) });
    }
    let holds_log = entries.iter().any(|entry| {
        matches!(FileName::parse_os(&entry.name), Some(FileName::Finished(FileKind::Segment(_))))
    });
    if holds_log {
        let current = path.join(FileKind::Current.name());
        return Err(Error::corruption(
            &current,
            0,
            "it is missing, and there is a log; restore it from a backup",
        ));
    }
    if !create_if_missing {
        return Err(Error::DatabaseNotFound { path: path.to_path_buf() });
    }
    // An earlier attempt may have made the directory and failed to make its name durable.
    sync_parent(fs, path)
}

/// Makes the directory's name durable.
fn sync_parent(fs: &SharedFs, path: &Path) -> Result<()> {
    match path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        Some(parent) => fs.sync_dir(parent).map_err(|error| Error::io("sync", parent, error)),
        None => Ok(()),
    }
}

/// One opener at a time (INV-LIFE-1).
fn take_lock(fs: &SharedFs, path: &Path) -> Result<Box<dyn FileLock>> {
    let path = path.join(FileKind::Lock.name());
    fs.lock(&path).map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock => Error::Locked { path: path.clone() },
        _ => Error::io("lock", &path, error),
    })
}

/// Step 2: the catalog, made with the default keyspace if the database is new (INV-RECOVER-6).
fn open_catalog(
    environs: &Environs,
    path: &Path,
    trees: &Trees,
    resolve: &Resolver,
    create_if_missing: bool,
) -> Result<CatalogFile> {
    let fs = &environs.fs;
    if let Some(catalog) = CatalogFile::open(Arc::clone(fs), path, Arc::clone(&environs.random))? {
        return Ok(catalog);
    }
    if !create_if_missing {
        return Err(Error::DatabaseNotFound { path: path.to_path_buf() });
    }
    fs.create_dir_all(trees.directory()).map_err(|error| Error::io("create", trees.directory(), error))?;
    // Trees mark folders elsewhere as theirs, durably: by then they must be sure to be there after a crash themselves (INV-TREE-7).
    fs.sync_dir(path).map_err(|error| Error::io("sync", path, error))?;
    let options = resolve(DEFAULT_KEYSPACE);
    let mut catalog = CatalogFile::new(Arc::clone(fs), path, Arc::clone(&environs.random));
    trees.create(catalog.next_id(), DEFAULT_KEYSPACE, &options)?;
    catalog.add(options.record(DEFAULT_KEYSPACE, environs.clock.unix_millis()))?;
    Ok(catalog)
}

/// Step 3: opens the trees of all keyspaces, under the names that the catalog has for what orders and filters them.
fn open_trees(trees: &Trees, catalog: &mut CatalogFile, resolve: &Resolver) -> Result<Registry> {
    let registry = Registry::default();
    let (mut new_extractors, mut new_operators, mut new_ttls) = (Vec::new(), Vec::new(), Vec::new());
    for record in catalog.keyspaces() {
        let mut keyspace_options = resolve(&record.name);
        check_names(record, &keyspace_options)?;
        if let (Some(name), None) = (&record.prefix_extractor, &keyspace_options.prefix_extractor) {
            keyspace_options.prefix_extractor = ready_made_extractor(name);
        }
        let ttl_millis = keyspace_options.ttl_millis()?.unwrap_or(record.ttl_millis);
        if ttl_millis != record.ttl_millis {
            new_ttls.push((record.id, ttl_millis));
        }
        let keyspace = trees.open(record.id, &record.name, &keyspace_options)?;
        keyspace.set_ttl_millis(ttl_millis);
        registry.add(Arc::new(keyspace));
        if let (None, Some(name)) = (&record.prefix_extractor, keyspace_options.prefix_extractor_name()) {
            new_extractors.push((record.id, name.to_owned()));
        }
        if let (None, Some(name)) = (&record.merge_operator, keyspace_options.merge_operator_name()) {
            new_operators.push((record.id, name.to_owned()));
        }
    }
    for (id, name) in new_operators {
        catalog.name_merge_operator(id, &name)?;
    }
    for (id, name) in new_extractors {
        catalog.name_prefix_extractor(id, &name)?;
    }
    for (id, millis) in new_ttls {
        catalog.set_ttl_millis(id, millis)?;
    }
    Ok(registry)
}

/// Removes folders of keyspaces that are not in the catalog: dropped, or never finished.
fn remove_orphans(fs: &SharedFs, trees: &Trees, registry: &Registry) -> Result<()> {
    let directory = trees.directory();
    let entries = fs.read_dir(directory).map_err(|error| Error::io("list", directory, error))?;
    let mut filesystems = vec![Arc::clone(fs)];
    for folder in registry.all().iter().flat_map(|keyspace| keyspace.folders()) {
        if !filesystems.iter().any(|known| Arc::ptr_eq(known, &folder.fs)) {
            filesystems.push(Arc::clone(&folder.fs));
        }
    }
    for entry in entries {
        let id = entry.name.to_str().and_then(parse_keyspace_folder);
        if let Some(id) = id.filter(|id| registry.get(*id).is_none()) {
            // A folder with foreign files in it stays.
            let _ = routes::remove_all(&routes::recorded(&trees.folder(id), &filesystems));
        }
    }
    Ok(())
}

fn is_file(name: &std::ffi::OsStr, kind: FileKind) -> bool {
    FileName::parse_os(name) == Some(FileName::Finished(kind))
}

/// Step 5: the next segment, and then what no longer counts.
fn start_log(
    fs: &SharedFs,
    path: &Path,
    options: &DatabaseOptions,
    random: &Arc<dyn Random>,
    registry: &Registry,
    end: LogEnd,
    next_seqno: SeqNo,
) -> Result<(Arc<SegmentFolder>, LogWriter)> {
    let LogEnd { mut position, mut kept, mut dropped, next_id, damaged, .. } = end;
    if damaged {
        // What was read around the damage must never be read again: into tables with it.
        for keyspace in registry.all() {
            keyspace.tree.rotate_memtable();
            flush_all(&keyspace)?;
        }
        position = None;
        dropped.extend(kept.drain(..).map(|segment| segment.path));
    }
    let folder = SegmentFolder::new(
        Arc::clone(fs),
        path.to_path_buf(),
        Arc::clone(random),
        options.segment_bytes,
        options.log_mapping,
        next_id,
        kept,
    );
    // Beyond, keyspaces would be flushed in vain to make the log smaller.
    let folder = Arc::new(folder.holding_at_most(options.max_wal_bytes / 2).syncing(options.sync_mode));
    let writer = LogWriter::create(Arc::clone(&folder), position, next_seqno)?;
    for path in &dropped {
        fs.remove_file(path).map_err(|error| Error::io("remove", path, error))?;
    }
    if !dropped.is_empty() {
        fs.sync_dir(path).map_err(|error| Error::io("sync", path, error))?;
    }
    Ok((folder, writer))
}
