//! How a tree is configured: [`Config`], a builder that ends in [`Config::open`].
//!
//! The modules below take narrow options of their own; this file composes them, and nothing below imports it.
//!
//! Not here: what the settings do, each names the module that reads it; those about file system, threads and shared memory
//! ([`surroundings`]).

mod surroundings;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use esker_env::clock::{Clock, SystemClock};
use esker_env::fs::SharedFs;
use esker_env::os::OsFs;
use esker_env::random::{Random, SystemRandom};
use esker_env::spawn::{Spawn, Threads, processors};
use esker_env::sync_mode::SyncMode;
use esker_format::codec::Codec;
use esker_format::data_block::fingerprints::Fingerprints;
use esker_mem::arena::ArenaPool;
use esker_mem::comparator::{KeyOrder, SharedComparator};

use crate::cache::descriptors::DescriptorTable;
use crate::cache::{Cache, Share};
use crate::compaction::filter::SharedCompactionFilterFactory;
use crate::compaction::leveled::Leveled;
use crate::compaction::picker::CompactionStrategy;
use crate::merge_operator::SharedMergeOperator;
use crate::policy::{
    BlockSizePolicy, CompressionPolicy, FilterPolicy, FilterPolicyEntry, HashRatioPolicy, LevelPolicy,
    PartitioningPolicy, PinningPolicy,
};
use crate::prefix_extractor::SharedPrefixExtractor;
use crate::routes::{Folder, LevelRoute};
use crate::runtime::RuntimeConfig;
use crate::seqno::{SequenceNumberCounter, SharedSequenceNumberGenerator};
use crate::table::deletion::FileDeleter;
use crate::table::parts::{Pinning, UPPER_LEVELS};
use crate::table::writer::TableOptions;
use crate::version::manifest_log::ManifestLog;

/// What opening does about damage in the manifest. A torn tail of an unsynced edit is always cut off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ManifestRecoveryMode {
    /// Any other damage fails the open.
    #[default]
    Strict,
    /// Edits up to the first damaged one are used; the tables named by later ones become orphans and are kept.
    PointInTime,
}

/// Settings of a tree and the way to open it.
///
/// ```
/// use esker_tree::{Config, SequenceNumberCounter};
///
/// let folder = tempfile::tempdir()?;
/// let seqno = SequenceNumberCounter::default();
/// let tree = Config::new(&folder, seqno.clone(), SequenceNumberCounter::default())
///     .memtable_capacity_bytes(16 << 20)
///     .open()?;
/// assert!(tree.is_empty(esker_tree::SeqNo::MAX)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Config {
    pub(crate) path: PathBuf,
    pub(crate) seqno: SharedSequenceNumberGenerator,
    pub(crate) visible: SharedSequenceNumberGenerator,
    pub(crate) fs: SharedFs,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) order: KeyOrder,
    pub(crate) merge_operator: Option<SharedMergeOperator>,
    pub(crate) compaction_filter: Option<SharedCompactionFilterFactory>,
    pub(crate) cache: Option<Arc<Cache>>,
    pub(crate) descriptors: Option<Arc<DescriptorTable>>,
    pub(crate) arenas: Option<Arc<ArenaPool>>,
    pub(crate) deleter: Option<FileDeleter>,
    pub(crate) strategy: Arc<dyn CompactionStrategy>,
    pub(crate) compaction_threads: usize,
    pub(crate) compaction_executor: Arc<dyn Spawn>,
    pub(crate) lock: bool,
    pub(crate) manifest_recovery: ManifestRecoveryMode,
    pub(crate) manifest_rotate_bytes: u64,
    pub(crate) memtable_capacity_bytes: usize,
    pub(crate) block_size_bytes: BlockSizePolicy,
    pub(crate) compression: CompressionPolicy,
    pub(crate) index_compression: CompressionPolicy,
    pub(crate) hash_ratio: Option<HashRatioPolicy>,
    pub(crate) pinning: Pinning,
    pub(crate) index_partitioning: Option<PartitioningPolicy>,
    pub(crate) filter_partitioning: Option<PartitioningPolicy>,
    pub(crate) partition_blocks: u32,
    pub(crate) filters: FilterPolicy,
    pub(crate) expect_point_read_hits: bool,
    pub(crate) routes: Vec<LevelRoute>,
    pub(crate) use_reflink_for_checkpoint: bool,
    pub(crate) sync_mode: SyncMode,
    pub(crate) disable_cow: bool,
    pub(crate) runtime: RuntimeConfig,
    pub(crate) prefix_extractor: Option<SharedPrefixExtractor>,
    pub(crate) feed_memory_bytes: usize,
    pub(crate) feed_history_bytes: u64,
}

impl std::fmt::Debug for Config {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Config").field("path", &self.path).finish_non_exhaustive()
    }
}

/// What blocks and resident metadata of a tree may use when no cache is given, in bytes.
const DEFAULT_CACHE_BYTES: u64 = 16 << 20;
/// How many files a tree keeps open when no descriptor table is given.
const DEFAULT_DESCRIPTORS: usize = 256;

impl Config {
    /// A tree in directory `path`. `seqno` gives sequence numbers for writes; `visible` says below which number
    /// writes are visible, and so may be collected when newer versions shadow them. Opening raises both above every
    /// number that is in tables.
    pub fn new(path: impl AsRef<Path>, seqno: SequenceNumberCounter, visible: SequenceNumberCounter) -> Self {
        Self::new_with_generators(path, Arc::new(seqno), Arc::new(visible))
    }

    /// As [`Self::new`], with generators of your own.
    pub fn new_with_generators(
        path: impl AsRef<Path>,
        seqno: SharedSequenceNumberGenerator,
        visible: SharedSequenceNumberGenerator,
    ) -> Self {
        Self {
            path: path.as_ref().to_path_buf(),
            seqno,
            visible,
            fs: Arc::new(OsFs::new()),
            clock: Arc::new(SystemClock::new()),
            random: Arc::new(SystemRandom::new()),
            order: KeyOrder::Bytes,
            merge_operator: None,
            compaction_filter: None,
            cache: None,
            descriptors: None,
            arenas: None,
            deleter: None,
            strategy: Arc::new(Leveled::default()),
            compaction_threads: (processors() / 2).max(2),
            compaction_executor: Arc::new(Threads),
            lock: true,
            manifest_recovery: ManifestRecoveryMode::Strict,
            manifest_rotate_bytes: 4 << 20,
            memtable_capacity_bytes: 64 << 20,
            block_size_bytes: LevelPolicy::all(8 << 10),
            compression: LevelPolicy::all(Codec::None),
            index_compression: LevelPolicy::all(Codec::None),
            hash_ratio: None,
            index_partitioning: None,
            filter_partitioning: None,
            partition_blocks: 512,
            pinning: Pinning::default(),
            filters: FilterPolicy::all(FilterPolicyEntry::Bloom { bits_per_key: 10.0 }),
            expect_point_read_hits: false,
            routes: Vec::new(),
            use_reflink_for_checkpoint: true,
            sync_mode: SyncMode::Normal,
            disable_cow: true,
            runtime: RuntimeConfig::default(),
            prefix_extractor: None,
            feed_memory_bytes: 16 << 20,
            feed_history_bytes: 1 << 30,
        }
    }

    /// The order of keys; byte order by default. Its name is stored: another one at the next open is an error.
    #[must_use]
    pub fn comparator(mut self, comparator: SharedComparator) -> Self {
        self.order = KeyOrder::new(comparator);
        self
    }

    /// How operands of [`crate::Tree::merge`] become values; none by default, and then merges are refused. Its name is
    /// stored at the first open that has one: another one, or none, at a later open is an error.
    #[must_use]
    pub fn with_merge_operator(mut self, operator: SharedMergeOperator) -> Self {
        self.merge_operator = Some(operator);
        self
    }

    /// Has compactions ask a filter what becomes of the newest version of each key; none by default. See
    /// [`crate::compaction::filter`].
    #[must_use]
    pub fn with_compaction_filter_factory(mut self, factory: SharedCompactionFilterFactory) -> Self {
        self.compaction_filter = Some(factory);
        self
    }

    /// How compactions are chosen; [`Leveled`] by default.
    #[must_use]
    pub fn compaction_strategy(mut self, strategy: Arc<dyn CompactionStrategy>) -> Self {
        self.strategy = strategy;
        self
    }

    /// What to do about a damaged manifest; strict by default.
    #[must_use]
    pub fn manifest_recovery_mode(mut self, mode: ManifestRecoveryMode) -> Self {
        self.manifest_recovery = mode;
        self
    }

    /// The size at which the manifest is written anew; 4 MiB by default.
    #[must_use]
    pub fn manifest_rotate_bytes(mut self, bytes: u64) -> Self {
        self.manifest_rotate_bytes = bytes;
        self
    }

    /// What a memtable holds before it is sealed, in bytes; 64 MiB by default. A larger batch gets a larger one.
    #[must_use]
    pub fn memtable_capacity_bytes(mut self, bytes: usize) -> Self {
        self.memtable_capacity_bytes = bytes;
        self
    }

    /// The size at which a data block is closed, in bytes, by level; 8 KiB by default.
    #[must_use]
    pub fn data_block_size_policy(mut self, policy: BlockSizePolicy) -> Self {
        self.block_size_bytes = policy;
        self
    }

    /// The codec of data blocks, by level; none by default.
    #[must_use]
    pub fn data_block_compression_policy(mut self, policy: CompressionPolicy) -> Self {
        self.compression = policy;
        self
    }

    /// The codec of index blocks, by level; none by default. They are decompressed when a table is opened, or the index is loaded.
    #[must_use]
    pub fn index_block_compression_policy(mut self, policy: CompressionPolicy) -> Self {
        self.index_compression = policy;
        self
    }

    /// Whether tables keep their filters in memory, by level. Where it is false, a filter is cached like a block, and read again when a lookup
    /// wants it and it is gone. What a level says holds for the tables that are opened on it, until they are opened again. A filter that
    /// is too large for the cache is kept all the same.
    ///
    /// By default levels 0 to 2 keep theirs, and deeper ones as long as what tables keep takes less than half of the cache.
    #[must_use]
    pub fn filter_block_pinning_policy(mut self, policy: PinningPolicy) -> Self {
        self.pinning.filters = Some(policy);
        self
    }

    /// Whether tables keep their indexes in memory, by level: as [`Self::filter_block_pinning_policy`], and with the same default.
    #[must_use]
    pub fn index_block_pinning_policy(mut self, policy: PinningPolicy) -> Self {
        self.pinning.indexes = Some(policy);
        self
    }

    /// Whether tables are written with an index in partitions, by level. With partitions that are not pinned, a lookup reads and
    /// caches the partition that it needs instead of the whole index. By default levels 0 to 2 have none, and deeper ones
    /// once what tables keep in memory takes a quarter of the cache, so that large parts are not read for one key when it takes half.
    #[must_use]
    pub fn index_block_partitioning_policy(mut self, policy: PartitioningPolicy) -> Self {
        self.index_partitioning = Some(policy);
        self
    }

    /// Whether tables are written with a filter in partitions, by level: as [`Self::index_block_partitioning_policy`], and with the
    /// same default.
    #[must_use]
    pub fn filter_block_partitioning_policy(mut self, policy: PartitioningPolicy) -> Self {
        self.filter_partitioning = Some(policy);
        self
    }

    /// How many data blocks a partition is for; 512 by default, which makes partitions of some 16 KiB of index and 60 KiB of filter.
    /// A table with fewer blocks has no partitions. At least 1.
    #[must_use]
    pub fn partition_blocks(mut self, blocks: u32) -> Self {
        self.partition_blocks = blocks.max(1);
        self
    }

    /// Bytes of hash index for each entry of a data block, by level. Zero is none; anything more is a fingerprint of one byte, the
    /// only size there is. By default a block has fingerprints where they pay: where many of its keys are alike in the eight bytes after
    /// their common prefix. Only byte order has use for them. It shows in tables written from now on.
    #[must_use]
    pub fn data_block_hash_ratio_policy(mut self, policy: HashRatioPolicy) -> Self {
        self.hash_ratio = Some(policy);
        self
    }

    /// The filters of tables, by level; Bloom filters of 10 bits per key by default.
    #[must_use]
    pub fn filter_policy(mut self, policy: FilterPolicy) -> Self {
        self.filters = policy;
        self
    }

    /// Whether most point reads find their key; false by default. If so, tables that are written
    /// for the last level get no filter; one that moves there unchanged keeps its own.
    #[must_use]
    pub fn expect_point_read_hits(mut self, yes: bool) -> Self {
        self.expect_point_read_hits = yes;
        self
    }

    /// The settings that may be changed while the tree is open, as they are when it is opened; see
    /// [`crate::Tree::update_runtime_config`]. They are not stored.
    #[must_use]
    pub fn with_runtime_config(mut self, runtime: RuntimeConfig) -> Self {
        self.runtime = runtime;
        self
    }

    /// Adds prefixes of keys to the filters, so that [`crate::Tree::prefix`] passes over tables that do not have the prefix;
    /// none by default. Tables that were written under another extractor, by its name, or without one, are read
    /// without that help.
    ///
    /// ```
    /// use std::sync::Arc;
    /// use esker_tree::{Config, DelimitedPrefix, SeqNo, SequenceNumberCounter};
    ///
    /// let folder = tempfile::tempdir()?;
    /// let seqno = SequenceNumberCounter::default();
    /// let tree = Config::new(&folder, seqno.clone(), SequenceNumberCounter::default())
    ///     .prefix_extractor(Arc::new(DelimitedPrefix::new(b'/', 1)))
    ///     .open()?;
    /// for key in ["ants/1", "bees/1", "dogs/1"] {
    ///     tree.insert(key, "", seqno.next())?;
    /// }
    /// tree.flush_active_memtable(0)?;
    /// assert_eq!(tree.prefix("bees/", SeqNo::MAX)?.count(), 1);
    /// assert_eq!(tree.prefix("cats/", SeqNo::MAX)?.count(), 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn prefix_extractor(mut self, extractor: SharedPrefixExtractor) -> Self {
        self.prefix_extractor = Some(extractor);
        self
    }

    /// Folders, perhaps of other file systems, for the tables of some levels; none by default: all tables lie in the tree's
    /// folder.
    ///
    /// A table whose level is routed elsewhere than where it lies stays there until it is compacted. A move from
    /// level to level that changes the folder copies the file. Manifests stay in the tree's folder.
    ///
    /// ```
    /// # use std::sync::Arc;
    /// # use esker_tree::{Config, LevelRoute, SequenceNumberCounter};
    /// use esker_env::os::OsFs;
    /// # let folder = tempfile::tempdir()?;
    /// # let (fast, slow) = (folder.path().join("fast"), folder.path().join("slow"));
    /// # let seqno = SequenceNumberCounter::default();
    /// let last_levels = LevelRoute { levels: 5..7, path: slow, fs: Arc::new(OsFs::new()) };
    /// let tree = Config::new(&fast, seqno.clone(), SequenceNumberCounter::default())
    ///     .level_routes(vec![last_levels])
    ///     .open()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn level_routes(mut self, routes: Vec<LevelRoute>) -> Self {
        self.routes = routes;
        self
    }

    /// The memory that a change feed sorts in, in bytes; 16 MiB by default, at least 256 KiB. Beyond, it takes temporary files.
    #[must_use]
    pub fn feed_memory_bytes(mut self, bytes: usize) -> Self {
        self.feed_memory_bytes = bytes;
        self
    }

    /// How much may be written by flushes since the feed horizon before the horizon gives up the oldest of it, in bytes; 1 GiB
    /// by default. Without a horizon nothing is kept.
    #[must_use]
    pub fn feed_history_bytes(mut self, bytes: u64) -> Self {
        self.feed_history_bytes = bytes;
        self
    }

    /// The tree's own folder.
    pub(crate) fn own_folder(&self) -> Folder<'_> {
        Folder { fs: &self.fs, path: &self.path }
    }

    /// Where tables of `level` are written.
    pub(crate) fn folder_of(&self, level: usize) -> Folder<'_> {
        let route = self
            .routes
            .iter()
            .find(|route| (usize::from(route.levels.start)..usize::from(route.levels.end)).contains(&level));
        route.map_or(self.own_folder(), |route| Folder { fs: &route.fs, path: &route.path })
    }

    pub(crate) fn cache_or_default(&self) -> Arc<Cache> {
        self.cache.clone().unwrap_or_else(|| Arc::new(Cache::with_capacity_bytes(DEFAULT_CACHE_BYTES)))
    }

    pub(crate) fn descriptors_or_default(&self) -> Arc<DescriptorTable> {
        self.descriptors
            .clone()
            .unwrap_or_else(|| Arc::new(DescriptorTable::with_capacity(DEFAULT_DESCRIPTORS)))
    }

    /// The name of the merge operator, if there is one.
    pub(crate) fn merge_operator_name(&self) -> Option<&str> {
        self.merge_operator.as_ref().map(|operator| operator.name())
    }

    /// A manifest in `folder`, which is yet to be begun.
    pub(crate) fn manifest_log(&self, folder: &Path) -> ManifestLog {
        ManifestLog::new(&self.fs, folder, &self.random, self.manifest_rotate_bytes, self.sync_mode)
    }

    /// How tables of `level` are written by a tree whose tables keep such a share of the cache.
    pub(crate) fn table_options(&self, level: usize, last_level: bool, resident: Share) -> TableOptions {
        let outgrown = level >= UPPER_LEVELS && resident >= Share::Quarter;
        let partition_blocks = |policy: &Option<PartitioningPolicy>| {
            let is_partitioned = policy.as_ref().map_or(outgrown, |policy| *policy.get(level));
            is_partitioned.then_some(self.partition_blocks)
        };
        let filtered = self.order.identity() && !(last_level && self.expect_point_read_hits);
        TableOptions {
            order: self.order.clone(),
            merge_operator: self.merge_operator_name().map(str::to_owned),
            block_size_bytes: *self.block_size_bytes.get(level),
            codec: *self.compression.get(level),
            index_codec: *self.index_compression.get(level),
            fingerprints: match self.hash_ratio.as_ref().map(|policy| *policy.get(level)) {
                None => Fingerprints::WhereTied,
                Some(ratio) if ratio > 0.0 => Fingerprints::Always,
                Some(_) => Fingerprints::Never,
            },
            filter: if filtered { *self.filters.get(level) } else { FilterPolicyEntry::None },
            prefix_extractor: self.prefix_extractor.clone(),
            sync_mode: self.sync_mode,
            in_place: self.disable_cow,
            index_partition_blocks: partition_blocks(&self.index_partitioning),
            filter_partition_blocks: partition_blocks(&self.filter_partitioning),
        }
    }
}
