//! The part of [`Config`] that is about what a tree lives in: file system, clock, randomness, threads, memory shared with others,
//! and what it asks of the file system for its files.
//!
//! Not here: what a tree is and how its tables are written ([`super`]).

use std::sync::Arc;

use esker_env::clock::Clock;
use esker_env::fs::{Fs, SharedFs};
use esker_env::random::Random;
use esker_env::spawn::Spawn;
use esker_env::sync_mode::SyncMode;
use esker_mem::arena::ArenaPool;

use crate::cache::Cache;
use crate::cache::descriptors::DescriptorTable;
use crate::options::Config;
use crate::table::deletion::FileDeletion;

/// Surroundings.
impl Config {
    /// The file system to use; the operating system's by default.
    #[must_use]
    pub fn with_fs(self, fs: impl Fs) -> Self {
        self.with_shared_fs(Arc::new(fs))
    }

    /// As [`Self::with_fs`], shared.
    #[must_use]
    pub fn with_shared_fs(mut self, fs: SharedFs) -> Self {
        self.fs = fs;
        self
    }

    /// The clock that stamps tables; the system's by default.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Where the numbers come from that tell the lives of log files apart; the system by default.
    #[must_use]
    pub fn with_random(mut self, random: Arc<dyn Random>) -> Self {
        self.random = random;
        self
    }

    /// A cache shared with other trees; 16 MiB of its own by default.
    #[must_use]
    pub fn use_cache(mut self, cache: Arc<Cache>) -> Self {
        self.cache = Some(cache);
        self
    }

    /// A descriptor table shared with other trees; 256 files of its own by default.
    #[must_use]
    pub fn use_descriptor_table(mut self, descriptors: Option<Arc<DescriptorTable>>) -> Self {
        self.descriptors = descriptors;
        self
    }

    /// A pool that memtables take their memory from, shared with other trees; none by default.
    #[must_use]
    pub fn use_arena_pool(mut self, arenas: Arc<ArenaPool>) -> Self {
        self.arenas = Some(arenas);
        self
    }

    /// Who deletes the files of tables that compactions have replaced; by default whoever lets go of one last, be that a lookup.
    ///
    /// `delete` is called on that thread, so it should hand the file on to another. Deleting a large file takes long where the
    /// file system gives freed blocks back to the device at once.
    ///
    /// ```
    /// use esker_tree::{Config, SequenceNumberCounter};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let seqno = SequenceNumberCounter::default();
    /// let (obsolete, files) = std::sync::mpsc::channel::<esker_tree::FileDeletion>();
    /// let deleter = std::thread::spawn(move || files.iter().for_each(|file| file.run()));
    /// let tree = Config::new(&folder, seqno.clone(), SequenceNumberCounter::default())
    ///     .delete_files_with(move |file| drop(obsolete.send(file)))
    ///     .open()?;
    /// drop(tree);
    /// deleter.join().unwrap();
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn delete_files_with(mut self, delete: impl Fn(FileDeletion) + Send + Sync + 'static) -> Self {
        self.deleter = Some(Arc::new(delete));
        self
    }

    /// How many compactions [`crate::Tree::compact`] runs at once, that of its caller included; half the processors by default, at
    /// least 2. What a caller does with [`crate::Tree::pick_compaction`] is for the caller to count.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use esker_tree::{Config, Leveled, SequenceNumberCounter};
    ///
    /// # let folder = tempfile::tempdir()?;
    /// # let seqno = SequenceNumberCounter::default();
    /// let tree = Config::new(&folder, seqno.clone(), SequenceNumberCounter::default())
    ///     .compaction_threads(4)
    ///     .open()?;
    /// tree.compact(Arc::new(Leveled::default()), 0)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn compaction_threads(mut self, threads: usize) -> Self {
        self.compaction_threads = threads;
        self
    }

    /// Who runs the compactions of [`crate::Tree::compact`] that its caller does not; a thread for each by default. A task may wait
    /// for as long as it likes, as none waits for another, and one that cannot be taken is the caller's.
    #[must_use]
    pub fn compaction_executor(mut self, executor: Arc<dyn Spawn>) -> Self {
        self.compaction_executor = executor;
        self
    }

    /// Whether to take the directory's lock; true by default. A second opener gets [`crate::Error::Locked`].
    #[must_use]
    pub fn with_directory_lock(mut self, lock: bool) -> Self {
        self.lock = lock;
        self
    }

    /// How far syncs of tables and manifests go; [`SyncMode::Normal`] by default.
    #[must_use]
    pub fn sync_mode(mut self, mode: SyncMode) -> Self {
        self.sync_mode = mode;
        self
    }

    /// Whether tables are written in place on file systems that else copy on write (btrfs); true by default. Tables are written
    /// once and have checksums of their own, so that they gain nothing by it, and fragment. Files that are there stay as
    /// they are, and other file systems take no notice.
    #[must_use]
    pub fn disable_cow_on_table_files(mut self, yes: bool) -> Self {
        self.disable_cow = yes;
        self
    }

    /// Whether checkpoints share blocks with the tree rather than whole files, where the file system can; true by default. A file
    /// that is shared as a whole is one file: damage to it damages both.
    #[must_use]
    pub fn use_reflink_for_checkpoint(mut self, yes: bool) -> Self {
        self.use_reflink_for_checkpoint = yes;
        self
    }
}
