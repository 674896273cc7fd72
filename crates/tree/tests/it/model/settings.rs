//! The settings of a run: drawn from its seed, so that runs by the thousand try thousands of combinations.

use std::cmp::Ordering;
use std::sync::Arc;

use esker_env::fs::SharedFs;
use esker_env::memory::MemFs;
use esker_env::spawn::SingleThreaded;
use esker_format::codec::Codec;
use esker_tree::{
    Cache, Clock, Config, DelimitedPrefix, DescriptorTable, FilterPolicy, FilterPolicyEntry, FixedPrefix,
    KeyOrder, LevelPolicy, Leveled, ManualClock, MergeError, MergeOperator, SequenceNumberCounter,
    SharedComparator, Tree, UserComparator, UserValue,
};

use super::dice::Dice;
use super::oracle::appended;
use super::universe::KeyShape;

/// Byte order, the other way round.
pub(crate) struct Reversed;

impl UserComparator for Reversed {
    fn name(&self) -> &str {
        "test.reversed"
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        b.cmp(a)
    }
}

/// ASCII case does not count; with a tie-break, only where nothing else differs.
pub(crate) struct CaseInsensitive {
    tie_break: bool,
}

impl UserComparator for CaseInsensitive {
    fn name(&self) -> &str {
        if self.tie_break { "test.case_insensitive_with_tie_break" } else { "test.case_insensitive" }
    }

    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        let folded = a.iter().map(u8::to_ascii_lowercase).cmp(b.iter().map(u8::to_ascii_lowercase));
        if self.tie_break { folded.then_with(|| a.cmp(b)) } else { folded }
    }

    fn equal_implies_identical(&self) -> bool {
        self.tie_break
    }
}

/// Appends operands to values, and keeps the last bytes: neither commutes nor forgets what it is given at once.
struct Appender {
    /// Whether it folds operands without what is under them.
    folds_operands: bool,
}

impl MergeOperator for Appender {
    fn name(&self) -> &str {
        "test.appender"
    }

    fn merge(&self, _: &[u8], base: Option<&[u8]>, operands: &[&[u8]]) -> Result<UserValue, MergeError> {
        Ok(UserValue::from(appended(base, operands)))
    }

    fn partial_merge(&self, _: &[u8], operands: &[&[u8]]) -> Option<UserValue> {
        self.folds_operands.then(|| UserValue::from(appended(None, operands)))
    }
}

/// What merges do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Merging {
    /// There is no operator.
    Refused,
    Folds,
    FoldsOperandsToo,
}

/// The order of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Bytes,
    Reversed,
    CaseInsensitive,
    CaseInsensitiveWithTieBreak,
}

impl Order {
    fn comparator(self) -> Option<SharedComparator> {
        Some(match self {
            Order::Bytes => return None,
            Order::Reversed => Arc::new(Reversed),
            Order::CaseInsensitive => Arc::new(CaseInsensitive { tie_break: false }),
            Order::CaseInsensitiveWithTieBreak => Arc::new(CaseInsensitive { tie_break: true }),
        })
    }

    /// As the tree sees it.
    pub(crate) fn key_order(self) -> KeyOrder {
        self.comparator().map_or(KeyOrder::Bytes, KeyOrder::new)
    }
}

/// The settings of a run.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) order: Order,
    pub(crate) shape: KeyShape,
    pub(crate) keys: usize,
    pub(crate) merging: Merging,
    /// Whether seqnos may be taken early and written late.
    pub(crate) out_of_order: bool,
    pub(crate) table_bytes: u64,
    level_multiplier: u64,
    level_zero_trigger_runs: usize,
    block_size_bytes: u32,
    upper_codec: Codec,
    lower_codec: Codec,
    filter: FilterPolicyEntry,
    last_filter: FilterPolicyEntry,
    expect_hits: bool,
    memtable_bytes: usize,
    cache_bytes: u64,
    descriptors: usize,
    manifest_rotate_bytes: u64,
    prefixes: Prefixes,
    index_codec: Codec,
    compaction_threads: usize,
    /// Whether anything is said of pins and partitions.
    says_of_parts: bool,
    pins_indexes: bool,
    pins_filters: bool,
    parts_indexes: bool,
    parts_filters: bool,
    partition_blocks: u32,
    /// Less than nothing leaves it unsaid.
    hash_ratio: f32,
}

/// The prefix extractor.
#[derive(Clone, Copy, Debug)]
enum Prefixes {
    None,
    Fixed(usize),
    Delimited(usize),
}

impl Settings {
    /// The settings of a seed.
    pub(crate) fn drawn(dice: &mut Dice) -> Self {
        let filters = [
            FilterPolicyEntry::None,
            FilterPolicyEntry::Bloom { bits_per_key: 10.0 },
            FilterPolicyEntry::Bloom { bits_per_key: 3.0 },
            FilterPolicyEntry::Burr { false_positive_rate: 0.01 },
        ];
        let orders = [Order::Reversed, Order::CaseInsensitive, Order::CaseInsensitiveWithTieBreak];
        Self {
            order: if dice.one_in(2) { Order::Bytes } else { dice.pick(&orders) },
            shape: dice.pick(&[
                KeyShape::Mixed,
                KeyShape::Mixed,
                KeyShape::Groups,
                KeyShape::Binary,
                KeyShape::Plain,
            ]),
            keys: dice.pick(&[8, 30, 60, 200]),
            merging: dice.pick(&[Merging::Refused, Merging::Folds, Merging::FoldsOperandsToo]),
            out_of_order: dice.one_in(3),
            table_bytes: dice.pick(&[1 << 10, 4 << 10, 16 << 10]),
            level_multiplier: dice.pick(&[2, 3, 10]),
            level_zero_trigger_runs: dice.pick(&[2, 4, 8]),
            block_size_bytes: dice.pick(&[128, 512, 4096, 8192]),
            upper_codec: dice.pick(&[Codec::None, Codec::None, Codec::Lz4]),
            lower_codec: dice.pick(&[Codec::None, Codec::Lz4]),
            filter: dice.pick(&filters),
            last_filter: dice.pick(&filters),
            expect_hits: dice.one_in(8),
            memtable_bytes: dice.pick(&[16 << 10, 64 << 10, 256 << 10]),
            cache_bytes: dice.pick(&[0, 16 << 10, 64 << 10, 1 << 20]),
            descriptors: dice.pick(&[1, 8, 64]),
            manifest_rotate_bytes: dice.pick(&[2 << 10, 64 << 10]),
            says_of_parts: !dice.one_in(3),
            pins_indexes: dice.one_in(2),
            pins_filters: dice.one_in(2),
            parts_indexes: dice.one_in(2),
            parts_filters: dice.one_in(2),
            partition_blocks: dice.pick(&[1, 2, 5]),
            index_codec: dice.pick(&[Codec::None, Codec::Lz4]),
            hash_ratio: dice.pick(&[-1.0, 0.0, 1.0]),
            prefixes: dice.pick(&[
                Prefixes::None,
                Prefixes::Fixed(1),
                Prefixes::Fixed(6),
                Prefixes::Delimited(3),
            ]),
            compaction_threads: dice.pick(&[1, 2, 4]),
        }
    }

    /// Opens a tree with them.
    pub(crate) fn open(
        &self,
        fs: &Arc<MemFs>,
        path: &str,
        seqno: &SequenceNumberCounter,
        visible: &SequenceNumberCounter,
        clock: &Arc<ManualClock>,
    ) -> esker_tree::Result<Tree> {
        let mut config = Config::new(path, seqno.clone(), visible.clone())
            .with_shared_fs(Arc::clone(fs) as SharedFs)
            .with_clock(Arc::clone(clock) as Arc<dyn Clock>)
            .use_cache(Arc::new(Cache::with_capacity_bytes(self.cache_bytes)))
            .use_descriptor_table(Some(Arc::new(DescriptorTable::with_capacity(self.descriptors))))
            .memtable_capacity_bytes(self.memtable_bytes)
            .data_block_size_policy(LevelPolicy::all(self.block_size_bytes))
            .data_block_compression_policy(LevelPolicy::new([self.upper_codec, self.lower_codec]))
            .filter_policy(FilterPolicy::new([self.filter, self.filter, self.filter, self.last_filter]))
            .expect_point_read_hits(self.expect_hits)
            .manifest_rotate_bytes(self.manifest_rotate_bytes)
            .compaction_strategy(Arc::new(self.leveled()))
            // Side by side, and yet in one order for each seed.
            .compaction_threads(self.compaction_threads)
            .compaction_executor(Arc::new(SingleThreaded::new()));
        if let Some(comparator) = self.order.comparator() {
            config = config.comparator(comparator);
        }
        if self.merging != Merging::Refused {
            let folds_operands = self.merging == Merging::FoldsOperandsToo;
            config = config.with_merge_operator(Arc::new(Appender { folds_operands }));
        }
        config = config
            .index_block_compression_policy(LevelPolicy::all(self.index_codec))
            .partition_blocks(self.partition_blocks);
        if self.says_of_parts {
            config = config
                .index_block_pinning_policy(LevelPolicy::all(self.pins_indexes))
                .filter_block_pinning_policy(LevelPolicy::all(self.pins_filters))
                .index_block_partitioning_policy(LevelPolicy::all(self.parts_indexes))
                .filter_block_partitioning_policy(LevelPolicy::all(self.parts_filters));
        }
        if self.hash_ratio >= 0.0 {
            config = config.data_block_hash_ratio_policy(LevelPolicy::new([1.0, self.hash_ratio]));
        }
        match self.prefixes {
            Prefixes::None => {}
            Prefixes::Fixed(len) => config = config.prefix_extractor(Arc::new(FixedPrefix::new(len))),
            Prefixes::Delimited(depth) => {
                config = config.prefix_extractor(Arc::new(DelimitedPrefix::new(b'/', depth)));
            }
        }
        config.open()
    }

    /// The strategy of its compactions.
    pub(crate) fn leveled(&self) -> Leveled {
        Leveled {
            level_zero_trigger_runs: self.level_zero_trigger_runs,
            level_multiplier: self.level_multiplier,
            target_table_bytes: self.table_bytes,
            base_level_bytes: 2 * self.table_bytes,
        }
    }
}
