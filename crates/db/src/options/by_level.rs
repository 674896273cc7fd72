//! Settings of keyspaces that differ by level: how tables are written and held, and where they lie.
//!
//! They go by the names that the bare tree has for them. What a policy says of writing holds for tables that are written from
//! now on; none of it is stored, so give it again when the database is opened.
//!
//! Not here: filters and the codec of data blocks, which nearly everybody sets ([`super`]).

use esker_tree::{
    BlockSizePolicy, CompressionPolicy, HashRatioPolicy, LevelRoute, PartitioningPolicy, PinningPolicy,
};

use crate::options::KeyspaceOptions;

/// Settings by level.
impl KeyspaceOptions {
    /// The size of data blocks before compression, by level, in bytes: as [`Self::block_size_bytes`], which sets it for all.
    /// Default: 8 KiB.
    ///
    /// ```
    /// use esker::{KeyspaceOptions, LevelPolicy};
    ///
    /// // Small blocks where most reads end, large ones where most data is.
    /// let options = KeyspaceOptions::new().data_block_size_policy(LevelPolicy::new([4096, 4096, 4096, 16384]));
    /// # let _ = options;
    /// ```
    #[must_use]
    pub fn data_block_size_policy(mut self, policy: BlockSizePolicy) -> Self {
        self.policies.block_sizes = Some(policy);
        self
    }

    /// Bytes of hash index for each entry of a data block, by level: 0 for none, more for one of a byte. Default: where many keys of
    /// a block begin alike.
    #[must_use]
    pub fn data_block_hash_ratio_policy(mut self, policy: HashRatioPolicy) -> Self {
        self.policies.hash_ratio = Some(policy);
        self
    }

    /// The codec of index blocks, by level. Default: none.
    #[must_use]
    pub fn index_block_compression_policy(mut self, policy: CompressionPolicy) -> Self {
        self.policies.index_compression = Some(policy);
        self
    }

    /// Whether tables keep their indexes in memory as long as they are open, by level; elsewhere they are cached like blocks, and
    /// read again when they are wanted and gone. Default: on levels 0 to 2, and deeper as long as what tables keep takes less than half of the
    /// cache.
    ///
    /// ```
    /// use esker::{KeyspaceOptions, LevelPolicy};
    ///
    /// // Of the last levels, where most data is, memory holds only what is used.
    /// let above = || LevelPolicy::new([true, true, true, true, false]);
    /// let below = || LevelPolicy::new([false, false, false, false, true]);
    /// let options = KeyspaceOptions::new()
    ///     .index_block_pinning_policy(above())
    ///     .filter_block_pinning_policy(above())
    ///     .index_block_partitioning_policy(below())
    ///     .filter_block_partitioning_policy(below());
    /// # let _ = options;
    /// ```
    #[must_use]
    pub fn index_block_pinning_policy(mut self, policy: PinningPolicy) -> Self {
        self.policies.index_pinning = Some(policy);
        self
    }

    /// Whether tables keep their filters in memory, by level: as [`Self::index_block_pinning_policy`], and with the same default.
    #[must_use]
    pub fn filter_block_pinning_policy(mut self, policy: PinningPolicy) -> Self {
        self.policies.filter_pinning = Some(policy);
        self
    }

    /// Whether tables are written with their index in partitions, by level, so that a read of one that is not pinned reads and caches the
    /// partition that it needs. Default: below level 2, once what tables keep in memory takes a quarter of the cache.
    #[must_use]
    pub fn index_block_partitioning_policy(mut self, policy: PartitioningPolicy) -> Self {
        self.policies.index_partitioning = Some(policy);
        self
    }

    /// Whether tables are written with their filter in partitions, by level: as [`Self::index_block_partitioning_policy`], and with
    /// the same default.
    #[must_use]
    pub fn filter_block_partitioning_policy(mut self, policy: PartitioningPolicy) -> Self {
        self.policies.filter_partitioning = Some(policy);
        self
    }

    /// How many data blocks a partition is for, at least 1; a table with fewer has none. Default: 512.
    #[must_use]
    pub fn partition_blocks(mut self, blocks: u32) -> Self {
        self.policies.partition_blocks = Some(blocks);
        self
    }

    /// Folders, perhaps of other file systems, for the tables of some levels. The keyspace's tables lie in a folder of its own
    /// below each, so keyspaces may share routes, but databases may not. Default: none, and all tables lie in the database's
    /// directory.
    ///
    /// Name them on the builder when opening the database again: opening fails if tables lie where no route leads, or if the folder is
    /// not there. Tables stay where they are until they are compacted. A checkpoint has all of its tables in its own
    /// directory.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let (fast, slow) = (folder.path().join("fast"), folder.path().join("slow"));
    /// use std::sync::Arc;
    /// use esker::{Database, KeyspaceOptions, LevelRoute, OsFs};
    ///
    /// let routes = vec![LevelRoute { levels: 5..7, path: slow, fs: Arc::new(OsFs::new()) }];
    /// let options = KeyspaceOptions::new().level_routes(routes);
    /// let db = Database::builder(&fast).keyspace("events", options.clone()).open()?;
    /// let events = db.keyspace("events", options)?;
    /// # events.put("1", "")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn level_routes(mut self, routes: Vec<LevelRoute>) -> Self {
        self.policies.routes = routes;
        self
    }
}
