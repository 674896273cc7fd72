//! Settings for opening a database.
//!
//! Not here: what opening does ([`crate::recover`]).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use esker_env::clock::{Clock, SystemClock};
use esker_env::fs::SharedFs;
use esker_env::os::OsFs;
use esker_env::random::{Random, SystemRandom};
use esker_env::spawn::{Spawn, Threads};
use esker_env::sync_mode::SyncMode;

use crate::database::Database;
use crate::error::Result;
use crate::options::{DatabaseOptions, Durability, KeyspaceOptions, LogMapping, PlantedBug, RecoveryMode};
use crate::recover::{self, Environs, Resolver};

/// Settings of a database, and the way to open it.
///
/// ```
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("my.db");
/// use esker::{Database, Durability};
///
/// let db = Database::builder(&path).memory_budget(64 << 20).default_durability(Durability::Sync).open()?;
/// db.put(b"k", b"v")?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct Builder {
    path: PathBuf,
    options: DatabaseOptions,
    environs: Environs,
    keyspaces: BTreeMap<String, KeyspaceOptions>,
    resolver: Option<Resolver>,
}

/// Opening.
impl Database {
    /// Opens the database in directory `path` with default settings; creates it if there is none.
    ///
    /// # Errors
    /// As [`Builder::open`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Self::builder(path).open()
    }

    /// Settings for opening the database in directory `path`.
    pub fn builder(path: impl AsRef<Path>) -> Builder {
        Builder::new(path.as_ref())
    }
}

impl Builder {
    fn new(path: &Path) -> Self {
        Self {
            path: path.to_path_buf(),
            options: DatabaseOptions::default(),
            environs: Environs {
                fs: Arc::new(OsFs::new()),
                clock: Arc::new(SystemClock::new()),
                spawn: Arc::new(Threads),
                random: Arc::new(SystemRandom::new()),
            },
            keyspaces: BTreeMap::new(),
            resolver: None,
        }
    }

    /// Whether to create the database if there is none. Default: true.
    pub fn create_if_missing(mut self, yes: bool) -> Self {
        self.options.create_if_missing = yes;
        self
    }

    /// What memtables, block cache and table metadata may hold together, in bytes. Default: 512 MiB.
    ///
    /// Memtables get 40 %, work buffers 5 %, the cache the rest.
    pub fn memory_budget(mut self, bytes: usize) -> Self {
        self.options.memory_budget_bytes = bytes;
        self
    }

    /// The size at which a memtable is sealed, in bytes; at most a third of the memtables' share of the budget.
    /// Default: 64 MiB.
    pub fn memtable_bytes(mut self, bytes: usize) -> Self {
        self.options.memtable_bytes = bytes;
        self
    }

    /// The size the log may reach before the keyspace that holds its oldest part is flushed, in bytes.
    /// Default: 512 MiB.
    pub fn max_wal_bytes(mut self, bytes: u64) -> Self {
        self.options.max_wal_bytes = bytes;
        self
    }

    /// The size that log segments grow to, in bytes: the first takes 1 MiB, or this if it is less, and each next one four
    /// times as much. They are allocated ahead. Default: 64 MiB.
    pub fn log_segment_bytes(mut self, bytes: u64) -> Self {
        self.options.segment_bytes = bytes;
        self
    }

    /// The largest batch, in bytes; a single larger value is legal. Default: 256 MiB.
    pub fn max_batch_bytes(mut self, bytes: usize) -> Self {
        self.options.max_batch_bytes = bytes;
        self
    }

    /// How durable writes are that do not say. Default: [`Durability::Os`].
    pub fn default_durability(mut self, durability: Durability) -> Self {
        self.options.durability = durability;
        self
    }

    /// How long the log may be unsynced. Default: 100 ms.
    pub fn sync_interval(mut self, interval: Duration) -> Self {
        self.options.sync_interval = interval;
        self
    }

    /// Whether the log is written through a memory map. Default: [`LogMapping::Auto`].
    pub fn log_mapping(mut self, mapping: LogMapping) -> Self {
        self.options.log_mapping = mapping;
        self
    }

    /// How far syncs go: of the log, of tables and of manifests. Default: [`SyncMode::Normal`], which goes through the cache of
    /// the drive on every system that lets it.
    pub fn sync_mode(mut self, mode: SyncMode) -> Self {
        self.options.sync_mode = mode;
        self
    }

    /// How many flushes and compactions run at once. With 0, nothing runs by itself: writers do the work when it is due,
    /// nothing is synced in the background, and a run is repeatable. Default: half the processors, at least 2.
    pub fn background_threads(mut self, threads: usize) -> Self {
        self.options.background_threads = threads;
        self
    }

    /// What to do about a damaged log. Default: [`RecoveryMode::TolerateTornTail`].
    pub fn recovery_mode(mut self, mode: RecoveryMode) -> Self {
        self.options.recovery_mode = mode;
        self
    }

    /// Options of a keyspace that may exist already. One with a comparator must be named here (or by
    /// [`Builder::keyspace_resolver`]), as recovery needs it before anyone asks for the keyspace.
    pub fn keyspace(mut self, name: &str, options: KeyspaceOptions) -> Self {
        self.keyspaces.insert(name.to_owned(), options);
        self
    }

    /// Asked for the options of each existing keyspace that [`Builder::keyspace`] did not name.
    pub fn keyspace_resolver(
        mut self,
        resolver: impl Fn(&str) -> KeyspaceOptions + Send + Sync + 'static,
    ) -> Self {
        self.resolver = Some(Arc::new(resolver));
        self
    }

    /// The file system. Default: the operating system's.
    pub fn fs(mut self, fs: SharedFs) -> Self {
        self.environs.fs = fs;
        self
    }

    /// The clock. Default: the system's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.environs.clock = clock;
        self
    }

    /// Where background threads come from. Default: the system.
    pub fn spawn(mut self, spawn: Arc<dyn Spawn>) -> Self {
        self.environs.spawn = spawn;
        self
    }

    /// Where log ids come from. Default: the system.
    pub fn random(mut self, random: Arc<dyn Random>) -> Self {
        self.environs.random = random;
        self
    }

    /// Commits a fault on purpose, for tests of test harnesses.
    #[doc(hidden)]
    pub fn planted_bug(mut self, bug: PlantedBug) -> Self {
        self.options.planted_bug = Some(bug);
        self
    }

    /// Opens the database: takes its lock, reads its log, and is ready for reads and writes.
    ///
    /// # Errors
    /// [`crate::Error::Locked`], [`crate::Error::DatabaseNotFound`], [`crate::Error::NotADatabase`],
    /// [`crate::Error::WrongComparator`], [`crate::Error::Corruption`], [`crate::Error::Unsupported`],
    /// [`crate::Error::InvalidOption`], or what the file system reports.
    pub fn open(self) -> Result<Database> {
        self.options.check()?;
        self.keyspaces.values().try_for_each(KeyspaceOptions::check_names)?;
        let named = self.keyspaces;
        let resolver = self.resolver;
        let resolve: Resolver = Arc::new(move |name: &str| match (named.get(name), &resolver) {
            (Some(options), _) => options.clone(),
            (None, Some(resolver)) => resolver(name),
            (None, None) => KeyspaceOptions::default(),
        });
        let (core, default) = recover::open(&self.path, self.options, self.environs, &resolve)?;
        Ok(Database::new(core, default))
    }
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("path", &self.path)
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}
