//! The settings of a database and of its keyspaces, with their defaults and limits.
//!
//! [`DatabaseOptions`] is what the builder of [`crate::database`] fills in; [`KeyspaceOptions`] is what a keyspace
//! is opened with. Everything here is plain data: [`DatabaseOptions::check`] refuses what cannot work, and
//! [`DatabaseOptions::memory`] splits the one memory budget.
//!
//! Not here: the environment (file system, clock, threads), which the builder passes along.

use std::time::Duration;

use esker_env::spawn::processors;
use esker_env::sync_mode::SyncMode;
use esker_format::catalog::KeyspaceRecord;
use esker_format::limits::MAX_NAME_BYTES;
use esker_mem::comparator::{KeyOrder, SharedComparator};
use esker_tree::{
    Codec, FilterPolicy, FilterPolicyEntry, LevelPolicy, RuntimeConfig, SharedCompactionFilterFactory,
    SharedMergeOperator, SharedPrefixExtractor,
};

use crate::error::{Error, Result};
use crate::options::policies::Policies;

mod by_level;
mod live;
pub(crate) mod policies;

/// How long an acknowledged write is sure to live.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Durability {
    /// It sits in this process for up to 1 ms or 64 KiB before the operating system gets it: a killed process
    /// loses that much, and always the newest writes.
    Buffered,
    /// The operating system has it: it survives a killed process. A power loss takes what was written since the
    /// last sync, which runs in the background each 100 ms by default.
    #[default]
    Os,
    /// The device has it: it survives a power loss. Readers may see it a moment before that.
    Sync,
}

/// What opening does about a damaged log.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum RecoveryMode {
    /// An incomplete end, as a crash leaves it, ends the log; damage before it fails the open.
    #[default]
    TolerateTornTail,
    /// Even an incomplete end fails the open.
    AbsoluteConsistency,
    /// The log ends at the first damage, wherever it is: a consistent but possibly older state.
    PointInTime,
    /// What is damaged is left out, and so are the commits behind it in the same 4 KiB of the log, whose numbers it held:
    /// the most data, possibly with holes.
    SkipCorrupted,
}

/// Whether the log is written through a memory map, which spares each write a system call.
///
/// It is only ever done on file systems that are known to keep the space they have allocated (ext4, xfs and tmpfs, on
/// Linux); elsewhere the log is written, whatever is asked for. What it costs: a device that fails so that its file
/// system turns read-only may end the process with a signal (`SIGBUS`) instead of an error.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LogMapping {
    /// When the log runs ahead of its syncs.
    #[default]
    Auto,
    /// From the beginning of each segment, whose memory is then made ready while it is created: about 16 ms for 64 MiB.
    Always,
    /// Never: a failing device is an error and nothing else.
    Never,
}

/// The settings of one database; see the builder for what each means.
#[derive(Clone, Debug)]
pub(crate) struct DatabaseOptions {
    pub(crate) create_if_missing: bool,
    pub(crate) memory_budget_bytes: usize,
    pub(crate) memtable_bytes: usize,
    pub(crate) max_wal_bytes: u64,
    pub(crate) segment_bytes: u64,
    pub(crate) max_batch_bytes: usize,
    pub(crate) durability: Durability,
    pub(crate) sync_interval: Duration,
    pub(crate) log_mapping: LogMapping,
    pub(crate) sync_mode: SyncMode,
    pub(crate) background_threads: usize,
    pub(crate) recovery_mode: RecoveryMode,
    pub(crate) planted_bug: Option<PlantedBug>,
}

/// A deliberate fault, for the tests that prove that the crash harness sees faults.
#[doc(hidden)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PlantedBug {
    /// Writes are applied, published and acknowledged before they are appended, and a failed append is ignored.
    PublishBeforeAppend,
    /// A recovery leaves range deletes out.
    ForgetRangeDeletes,
    /// A recovery does not do the clears that the log names and the manifests do not.
    ForgetClears,
}

/// The bytes of frames that [`Durability::Buffered`] may hold back.
pub(crate) const LOG_BUFFER_BYTES: usize = 64 << 10;
/// How long [`Durability::Buffered`] may hold a frame back.
pub(crate) const LOG_BUFFER_DELAY: Duration = Duration::from_millis(1);
/// The longest legal key.
pub(crate) const MAX_KEY_BYTES: usize = 65_535;
/// The longest legal value.
pub(crate) const MAX_VALUE_BYTES: u64 = 4_294_967_295;

const MIB: usize = 1 << 20;

impl Default for DatabaseOptions {
    fn default() -> Self {
        Self {
            create_if_missing: true,
            memory_budget_bytes: 512 * MIB,
            memtable_bytes: 64 * MIB,
            max_wal_bytes: 512 << 20,
            segment_bytes: 64 << 20,
            max_batch_bytes: 256 * MIB,
            durability: Durability::default(),
            sync_interval: Duration::from_millis(100),
            log_mapping: LogMapping::default(),
            sync_mode: SyncMode::default(),
            background_threads: (processors() / 2).max(2),
            recovery_mode: RecoveryMode::default(),
            planted_bug: None,
        }
    }
}

/// How the memory budget is spent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MemorySplit {
    /// The size of one memtable.
    pub(crate) memtable_bytes: usize,
    /// All memtables together: writers stop here until one is flushed.
    pub(crate) write_buffer_bytes: usize,
    /// The block cache, with the metadata of tables in it.
    pub(crate) cache_bytes: usize,
}

impl DatabaseOptions {
    /// Refuses values that cannot work.
    pub(crate) fn check(&self) -> Result<()> {
        let refuse = |option, problem| Err(Error::InvalidOption { option, problem });
        if self.memory_budget_bytes < MIB {
            return refuse("memory_budget", "at least 1 MiB is needed");
        }
        if self.memtable_bytes < 4 << 10 {
            return refuse("memtable_bytes", "at least 4 KiB are needed");
        }
        if self.segment_bytes < 4 << 10 {
            return refuse("log_segment_bytes", "at least 4 KiB are needed");
        }
        if self.max_wal_bytes < self.segment_bytes {
            return refuse("max_wal_bytes", "at least one log segment must fit");
        }
        if self.max_batch_bytes < 64 << 10 {
            return refuse("max_batch_bytes", "at least 64 KiB are needed");
        }
        if self.sync_interval.is_zero() {
            return refuse("sync_interval", "it cannot be zero; use Durability::Sync to sync each write");
        }
        Ok(())
    }

    /// Splits the budget: 40 % for memtables, a twentieth for the buffers of flushes, compactions and the log,
    /// the rest for the cache. A memtable is at most a third of its share, so that one fills while one is flushed.
    pub(crate) fn memory(&self) -> MemorySplit {
        let budget = self.memory_budget_bytes;
        let write_buffer_bytes = budget / 5 * 2;
        let work_bytes = budget / 20;
        MemorySplit {
            memtable_bytes: self.memtable_bytes.min(write_buffer_bytes / 3),
            write_buffer_bytes,
            cache_bytes: budget.saturating_sub(write_buffer_bytes).saturating_sub(work_bytes),
        }
    }
}

/// The settings of one keyspace.
///
/// ```
/// let options = esker::KeyspaceOptions::new().block_size_bytes(4096);
/// # let _ = options;
/// ```
#[derive(Clone, Default)]
pub struct KeyspaceOptions {
    pub(crate) comparator: Option<SharedComparator>,
    pub(crate) policies: Policies,
    pub(crate) runtime: Option<RuntimeConfig>,
    pub(crate) expect_point_read_hits: bool,
    pub(crate) memtable_bytes: Option<usize>,
    pub(crate) compression: Option<LevelPolicy<Codec>>,
    pub(crate) prefix_extractor: Option<SharedPrefixExtractor>,
    pub(crate) merge_operator: Option<SharedMergeOperator>,
    pub(crate) compaction_filter: Option<SharedCompactionFilterFactory>,
    pub(crate) ttl: Option<Duration>,
}

impl KeyspaceOptions {
    /// The defaults: byte order, 8 KiB blocks, 10 filter bits per key, the database's memtable size, lz4 below level 2.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Orders keys by `comparator`. Its name is stored; the keyspace can only be opened under the same name, so
    /// name it on the builder when opening the database again.
    #[must_use]
    pub fn comparator(mut self, comparator: SharedComparator) -> Self {
        self.comparator = Some(comparator);
        self
    }

    /// The size of a data block before compression, in bytes. Default: 8 KiB.
    #[must_use]
    pub fn block_size_bytes(mut self, bytes: u32) -> Self {
        self.policies.block_sizes = Some(LevelPolicy::all(bytes));
        self
    }

    /// Bits per key of the filters that spare reads of absent keys; 0 builds none. Default: 10.
    #[must_use]
    pub fn filter_bits_per_key(self, bits: u8) -> Self {
        self.filter_policy(FilterPolicy::all(FilterPolicyEntry::Bloom { bits_per_key: bits.into() }))
    }

    /// The filters that spare reads of absent keys, by level. Default: Bloom filters of 10 bits per key.
    ///
    /// ```
    /// use esker::{FilterPolicy, FilterPolicyEntry, KeyspaceOptions};
    ///
    /// // 30 % less memory for filters of the last level, where nearly all keys are, for slower compactions.
    /// let small = FilterPolicyEntry::Burr { false_positive_rate: 0.01 };
    /// let bloom = FilterPolicyEntry::Bloom { bits_per_key: 10.0 };
    /// let policy = FilterPolicy::new([bloom, bloom, bloom, bloom, bloom, bloom, small]);
    /// let options = KeyspaceOptions::new().filter_policy(policy);
    /// # let _ = options;
    /// ```
    #[must_use]
    pub fn filter_policy(mut self, policy: FilterPolicy) -> Self {
        self.policies.filters = Some(policy);
        self
    }

    /// Whether most point reads find their key: then tables that are written for the last level get no filter. Default: false.
    #[must_use]
    pub fn expect_point_read_hits(mut self, yes: bool) -> Self {
        self.expect_point_read_hits = yes;
        self
    }

    /// The size of this keyspace's memtable, in bytes. Default: the database's.
    #[must_use]
    pub fn memtable_bytes(mut self, bytes: usize) -> Self {
        self.memtable_bytes = Some(bytes);
        self
    }

    /// The codec of the data blocks that are written from now on, by level. Default: none on levels 0 to 2, which are
    /// rewritten often, and [`Codec::Lz4`] below, in builds with the feature `lz4`. A block that a codec does not
    /// shrink by an eighth, or whose codec this build lacks, is stored as it is.
    ///
    /// ```
    /// use esker::{Codec, KeyspaceOptions, LevelPolicy};
    ///
    /// let off = KeyspaceOptions::new().compression(LevelPolicy::all(Codec::None));
    /// # let _ = off;
    /// ```
    #[must_use]
    pub fn compression(mut self, policy: LevelPolicy<Codec>) -> Self {
        self.compression = Some(policy);
        self
    }

    /// Adds prefixes of keys to the filters, so that scans of a prefix pass over tables that do not have it. Its name is stored: a
    /// keyspace can get one whenever the database is opened, and from then on opens with no other. One of your own must then be
    /// named on the builder, like a comparator; ready-made ones are known by their names. Default: none.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// use std::sync::Arc;
    /// use esker::{Database, DelimitedPrefix, KeyspaceOptions};
    ///
    /// let options = KeyspaceOptions::new().prefix_extractor(Arc::new(DelimitedPrefix::new(b'/', 1)));
    /// let db = Database::builder(folder.path().join("my.db")).keyspace("files", options.clone()).open()?;
    /// let files = db.keyspace("files", options)?;
    /// files.put("ants/1", "")?;
    /// assert_eq!(files.prefix("ants/").count(), 1);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn prefix_extractor(mut self, extractor: SharedPrefixExtractor) -> Self {
        self.prefix_extractor = Some(extractor);
        self
    }

    /// Folds operands of [`crate::Keyspace::merge`] into values. Its name is stored: a keyspace can get one whenever the database is
    /// opened, and from then on opens with no other, so name it on the builder, like a comparator. Default: none, and merges
    /// are refused.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// use std::sync::Arc;
    /// use esker::{CounterOperator, Database, KeyspaceOptions};
    ///
    /// let counters = KeyspaceOptions::new().merge_operator(Arc::new(CounterOperator));
    /// let db = Database::builder(folder.path().join("my.db")).keyspace("visits", counters.clone()).open()?;
    /// let visits = db.keyspace("visits", counters)?;
    /// visits.merge(b"home", 1u64.to_le_bytes())?;
    /// visits.merge(b"home", 1u64.to_le_bytes())?;
    /// assert_eq!(CounterOperator::count(&visits.get(b"home")?.expect("two visits"))?, 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn merge_operator(mut self, operator: SharedMergeOperator) -> Self {
        self.merge_operator = Some(operator);
        self
    }

    /// Has compactions ask a filter what becomes of the newest version of each key: see [`crate::CompactionFilter`]. Nothing of it
    /// is stored. Default: none.
    #[must_use]
    pub fn compaction_filter(mut self, factory: SharedCompactionFilterFactory) -> Self {
        self.compaction_filter = Some(factory);
        self
    }

    /// How long values live that are put without saying so: after that their keys read as deleted. It is stored with the keyspace,
    /// and counts from then on until another one is given, here or by [`crate::Keyspace::set_ttl`]; values that are there keep
    /// what they were put with. A part of a millisecond counts as a whole one. Default: what is stored, and at first for ever.
    ///
    /// Operands of a merge never expire: see [`crate::Keyspace::put_with_expiry`]. What is ingested lives as long as the ingestion
    /// says.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// use std::time::Duration;
    /// use esker::{Database, KeyspaceOptions};
    ///
    /// let db = Database::open(folder.path().join("my.db"))?;
    /// let sessions = db.keyspace("sessions", KeyspaceOptions::new().ttl(Duration::from_secs(3600)))?;
    /// sessions.put("1", "alice, for an hour")?;
    /// sessions.put_with_ttl("2", "bob, for a day", Duration::from_secs(86_400))?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// How long values live, in milliseconds, if that was said.
    pub(crate) fn ttl_millis(&self) -> Result<Option<u64>> {
        self.ttl.map(ttl_millis).transpose()
    }

    /// The codecs to write with.
    pub(crate) fn compression_or_default(&self) -> LevelPolicy<Codec> {
        match &self.compression {
            Some(policy) => policy.clone(),
            None if Codec::Lz4.is_available() => {
                LevelPolicy::new([Codec::None, Codec::None, Codec::None, Codec::Lz4])
            }
            None => LevelPolicy::all(Codec::None),
        }
    }

    /// The name of the comparator: that of byte order for whatever is byte order.
    pub(crate) fn comparator_name(&self) -> &str {
        match &self.comparator {
            Some(comparator) if !comparator.is_lexicographic() => comparator.name(),
            _ => KeyOrder::Bytes.name(),
        }
    }

    /// The name of the prefix extractor.
    pub(crate) fn prefix_extractor_name(&self) -> Option<&str> {
        self.prefix_extractor.as_ref().map(|extractor| extractor.name())
    }

    /// The name of the merge operator.
    pub(crate) fn merge_operator_name(&self) -> Option<&str> {
        self.merge_operator.as_ref().map(|operator| operator.name())
    }

    /// Refuses names that cannot be stored.
    pub(crate) fn check_names(&self) -> Result<()> {
        let names = [
            ("comparator", Some(self.comparator_name())),
            ("merge_operator", self.merge_operator_name()),
            ("prefix_extractor", self.prefix_extractor_name()),
        ];
        for (option, name) in names {
            if name.is_some_and(|name| name.is_empty() || name.len() > MAX_NAME_BYTES) {
                return Err(Error::InvalidOption { option, problem: "its name must have 1 to 1,024 bytes" });
            }
        }
        Ok(())
    }

    /// What the catalog is to know of a keyspace with these options, but for its id.
    pub(crate) fn record(&self, name: &str, created_unix_millis: u64) -> KeyspaceRecord {
        KeyspaceRecord {
            name: name.to_owned(),
            comparator: self.comparator_name().to_owned(),
            merge_operator: self.merge_operator_name().map(str::to_owned),
            prefix_extractor: self.prefix_extractor_name().map(str::to_owned),
            created_unix_millis,
            // Checked before.
            ttl_millis: self.ttl_millis().ok().flatten().unwrap_or_default(),
            ..KeyspaceRecord::default()
        }
    }
}

/// A time to live in milliseconds.
pub(crate) fn ttl_millis(ttl: Duration) -> Result<u64> {
    esker_tree::expires_after(0, ttl).map_err(|error| Error::tree("", error))
}

impl std::fmt::Debug for KeyspaceOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyspaceOptions")
            .field("comparator", &self.comparator_name())
            .field("policies", &self.policies)
            .field("runtime", &self.runtime)
            .field("expect_point_read_hits", &self.expect_point_read_hits)
            .field("memtable_bytes", &self.memtable_bytes)
            .field("compression", &self.compression)
            .field("prefix_extractor", &self.prefix_extractor_name())
            .field("merge_operator", &self.merge_operator_name())
            .field("compaction_filter", &self.compaction_filter.as_ref().map(|factory| factory.name()))
            .field("ttl", &self.ttl)
            .finish()
    }
}

#[cfg(test)]
mod tests;
