//! Settings that differ by level.
//!
//! A [`LevelPolicy`] gives a value for each level; the last one repeats for all deeper levels. A [`FilterPolicy`] is one of filters:
//! what kind a level gets, and how much memory for a key.
//!
//! How many bits are best where follows N. Dayan, M. Athanassoulis, S. Idreos, *Monkey: Optimal Navigable Key-Value Store*, 2017: a
//! lookup asks one filter a level whatever the level's size, so a false positive is cheapest to avoid where keys are
//! few. The sum of the rates is least, for a given memory, where each level's rate is in proportion to its keys.
//!
//! The other policies are plain values by level, under the names that users know.
//!
//! Not here: what a filter looks like (`esker_format::filter`), when it is built ([`crate::table::writer`]).

use esker_format::codec::Codec;
use esker_format::filter::FilterBuilder;
use esker_format::filter::bloom::BloomBuilder;
use esker_format::filter::burr::BurrBuilder;

/// A setting with a value for each level; the last value repeats.
///
/// ```
/// use esker_tree::LevelPolicy;
///
/// let bits = LevelPolicy::new([14, 12, 10]);
/// assert_eq!((*bits.get(0), *bits.get(2), *bits.get(6)), (14, 10, 10));
/// assert_eq!(*LevelPolicy::all(4096).get(3), 4096);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LevelPolicy<T> {
    first: Vec<T>,
    last: T,
}

impl<T> LevelPolicy<T> {
    /// The same value for all levels.
    pub const fn all(value: T) -> Self {
        Self { first: Vec::new(), last: value }
    }

    /// One value a level, from level 0 down; the last one repeats.
    pub fn new<const N: usize>(values: [T; N]) -> Self {
        const { assert!(N > 0, "a policy needs at least one value") };
        let mut first = Vec::from(values);
        match first.pop() {
            Some(last) => Self { first, last },
            None => unreachable!("the array is not empty"),
        }
    }

    /// The value for `level`.
    pub fn get(&self, level: usize) -> &T {
        self.first.get(level).unwrap_or(&self.last)
    }
}

/// Sizes of data blocks by level, in bytes.
pub type BlockSizePolicy = LevelPolicy<u32>;

/// Codecs by level.
pub type CompressionPolicy = LevelPolicy<Codec>;

/// Whether a part of each table is kept in memory as long as the table is open, by level.
pub type PinningPolicy = LevelPolicy<bool>;

/// Whether a part of each table is cut into partitions, by level.
pub type PartitioningPolicy = LevelPolicy<bool>;

/// Bytes of hash index for each entry of a data block, by level: see [`crate::Config::data_block_hash_ratio_policy`].
pub type HashRatioPolicy = LevelPolicy<f32>;

/// The filters of each level's tables.
///
/// ```
/// use esker_tree::{FilterPolicy, FilterPolicyEntry};
///
/// // Sharp above, small at the bottom.
/// let policy = FilterPolicy::new([
///     FilterPolicyEntry::Bloom { bits_per_key: 14.0 },
///     FilterPolicyEntry::Burr { false_positive_rate: 0.01 },
/// ]);
/// assert_eq!(*policy.get(5), FilterPolicyEntry::Burr { false_positive_rate: 0.01 });
/// ```
pub type FilterPolicy = LevelPolicy<FilterPolicyEntry>;

/// The filters of one level's tables.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum FilterPolicyEntry {
    /// None: every lookup that comes to a table reads a block.
    None,
    /// A Bloom filter cut into cache lines: quick to build and to ask. 10 bits per key let about 1 % of absent keys through.
    /// No bits are no filter.
    Bloom {
        /// Bits for each key: up to 64.
        bits_per_key: f32,
    },
    /// A bumped ribbon filter: 30 % smaller at the same rate, and about ten times as dear to build.
    Burr {
        /// Which part of absent keys is let through at most; the filter takes the next power of two below, 2^-16 at the
        /// least, at about that many bits per key and a hundredth more: 0.01 is 1/128 at 7.05 bits.
        false_positive_rate: f64,
    },
}

impl FilterPolicyEntry {
    /// What builds such a filter.
    pub(crate) fn builder(self) -> Option<FilterBuilder> {
        match self {
            Self::None => None,
            Self::Bloom { bits_per_key } if bits_per_key > 0.0 => {
                Some(FilterBuilder::Bloom(BloomBuilder::new(bits_per_key)))
            }
            Self::Bloom { .. } => None,
            Self::Burr { false_positive_rate } => {
                Some(FilterBuilder::Burr(BurrBuilder::new(result_bits(false_positive_rate))))
            }
        }
    }
}

/// The bits of a result that is right by chance as seldom as asked.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 1 and 16")]
fn result_bits(false_positive_rate: f64) -> u8 {
    (-false_positive_rate.log2()).ceil().clamp(1.0, 16.0) as u8
}

impl LevelPolicy<FilterPolicyEntry> {
    /// No filters.
    #[must_use]
    pub const fn disabled() -> Self {
        Self::all(FilterPolicyEntry::None)
    }

    /// Bloom filters with bits shared out after Monkey, for a tree of seven levels that grow tenfold: about half a bit per key less
    /// than the mean in the last level, and more in each above, up to six bits more than the mean.
    ///
    /// Tables that move down unchanged, as those of a sequential load do, keep the filter of the level that they were
    /// written for: such a tree takes more memory than the mean says.
    #[must_use]
    pub fn monkey(mean_bits_per_key: f32) -> Self {
        // Level 0 holds some memtables, like the level below it.
        let bits = monkey_bits(mean_bits_per_key, [1.0, 1.0, 10.0, 1e2, 1e3, 1e4, 1e5]);
        Self::new(
            bits.map(|bits| FilterPolicyEntry::Bloom { bits_per_key: bits.min(mean_bits_per_key + 6.0) }),
        )
    }
}

/// Shares out `mean_bits_per_key` so that the sum of the levels' false positive rates is least. `keys` are the keys of each
/// level, in any unit, above 0. A level that would get less than a bit gets none, and the others what it leaves.
fn monkey_bits<const N: usize>(mean_bits_per_key: f32, keys: [f64; N]) -> [f32; N] {
    /// The rate of a Bloom filter falls by 1/e for so many bits: 1 / ln² 2.
    const BITS_PER_E: f64 = 2.081_368_981;
    let memory = f64::from(mean_bits_per_key) * keys.iter().sum::<f64>();
    let mut largest = f64::INFINITY;
    loop {
        // Bits are `level - ln(keys) / ln² 2` with the same `level` for all that have a filter.
        let filtered = keys.iter().copied().filter(|keys| *keys <= largest);
        let (total, shift) = filtered
            .fold((0.0, 0.0), |(total, shift), keys| (total + keys, shift + keys * keys.ln() * BITS_PER_E));
        if total == 0.0 {
            return [0.0; N];
        }
        let bits =
            keys.map(
                |keys| {
                    if keys <= largest { (memory + shift) / total - keys.ln() * BITS_PER_E } else { 0.0 }
                },
            );
        let poorest = bits.iter().zip(&keys).filter(|(_, keys)| **keys <= largest);
        match poorest.map(|(bits, keys)| (*bits, *keys)).min_by(|a, b| a.0.total_cmp(&b.0)) {
            Some((bits, keys)) if bits < 1.0 => largest = keys.next_down(),
            #[allow(clippy::cast_possible_truncation, reason = "bits need no more digits")]
            _ => return bits.map(|bits| bits as f32),
        }
    }
}

#[cfg(test)]
mod tests;
