//! What a keyspace says by level of how its tables are written and held.
//!
//! Each policy that was given goes to the tree as it is; where none was, the tree's own default holds.
//!
//! Not here: what the policies do (`esker_tree`), and their setters ([`super::by_level`]).

use esker_tree::{
    BlockSizePolicy, CompressionPolicy, Config, FilterPolicy, HashRatioPolicy, LevelRoute,
    PartitioningPolicy, PinningPolicy,
};

/// The policies of a keyspace.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policies {
    pub(crate) block_sizes: Option<BlockSizePolicy>,
    pub(crate) filters: Option<FilterPolicy>,
    pub(crate) hash_ratio: Option<HashRatioPolicy>,
    pub(crate) index_compression: Option<CompressionPolicy>,
    pub(crate) index_pinning: Option<PinningPolicy>,
    pub(crate) filter_pinning: Option<PinningPolicy>,
    pub(crate) index_partitioning: Option<PartitioningPolicy>,
    pub(crate) filter_partitioning: Option<PartitioningPolicy>,
    pub(crate) partition_blocks: Option<u32>,
    /// Folders that keyspaces share: each has one of its own below.
    pub(crate) routes: Vec<LevelRoute>,
}

impl Policies {
    /// Sets in `config` what was given, but for the routes: where they lead, the keyspace's id says.
    pub(crate) fn apply(&self, mut config: Config) -> Config {
        if let Some(policy) = &self.block_sizes {
            config = config.data_block_size_policy(policy.clone());
        }
        if let Some(policy) = &self.filters {
            config = config.filter_policy(policy.clone());
        }
        if let Some(policy) = &self.hash_ratio {
            config = config.data_block_hash_ratio_policy(policy.clone());
        }
        if let Some(policy) = &self.index_compression {
            config = config.index_block_compression_policy(policy.clone());
        }
        if let Some(policy) = &self.index_pinning {
            config = config.index_block_pinning_policy(policy.clone());
        }
        if let Some(policy) = &self.filter_pinning {
            config = config.filter_block_pinning_policy(policy.clone());
        }
        if let Some(policy) = &self.index_partitioning {
            config = config.index_block_partitioning_policy(policy.clone());
        }
        if let Some(policy) = &self.filter_partitioning {
            config = config.filter_block_partitioning_policy(policy.clone());
        }
        match self.partition_blocks {
            Some(blocks) => config.partition_blocks(blocks),
            None => config,
        }
    }
}
