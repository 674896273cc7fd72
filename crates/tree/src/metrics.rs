//! Counters of what a tree has done since it was opened.
//!
//! Every counter is a relaxed atomic that only grows; a reader may see one counter ahead of another. Counters on
//! the read path are only touched when something costly happened (a block came from the file system), so that
//! a cached read shares no written cache line with other threads.

use std::sync::atomic::{AtomicU64, Ordering};

/// A counter that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`.
    #[inline]
    pub fn add(&self, n: u64) {
        self.0.fetch_add(n, Ordering::Relaxed);
    }

    /// The count so far.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a counter of [`Metrics`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CounterValue {
    /// The name of the counter: that of its field.
    pub name: &'static str,
    /// What it counts, in a sentence.
    pub about: &'static str,
    /// The count so far.
    pub value: u64,
}

/// Declares [`Metrics`], and lists the counters with what they say, so that none can be forgotten where they are shown.
macro_rules! metrics {
    ($(#[$about:meta])* pub struct Metrics { $($(#[doc = $doc:literal])+ pub $name:ident: Counter,)* }) => {
        $(#[$about])*
        pub struct Metrics { $($(#[doc = $doc])+ pub $name: Counter,)* }

        impl Metrics {
            /// Every counter, in the order of the fields.
            #[must_use]
            pub fn all(&self) -> Vec<CounterValue> {
                vec![$(CounterValue {
                    name: stringify!($name),
                    about: concat!($($doc),+).trim_ascii(),
                    value: self.$name.get(),
                },)*]
            }
        }
    };
}

metrics! {
/// What a tree has done since it was opened.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Blocks read from the file system (cache misses included, compaction excluded).
    pub blocks_read: Counter,
    /// Bytes of those blocks as stored.
    pub block_bytes_read: Counter,
    /// Indexes and filters read again, as they are not pinned and were not in the cache.
    pub parts_read: Counter,
    /// Memtables flushed.
    pub flushes: Counter,
    /// Bytes of the tables that flushes wrote.
    pub flush_bytes_written: Counter,
    /// Compactions that rewrote data.
    pub compactions: Counter,
    /// Compactions that only moved tables to another level.
    pub moves: Counter,
    /// Bytes of tables that compactions read.
    pub compaction_bytes_read: Counter,
    /// Bytes of tables that compactions wrote.
    pub compaction_bytes_written: Counter,
    /// Entries that flushes and compactions dropped.
    pub entries_dropped: Counter,
    /// Entries that compaction filters removed or replaced.
    pub entries_filtered: Counter,
    /// Values that flushes and compactions let go because they had expired.
    pub entries_expired: Counter,
    /// How often flushes and compactions met operands that the merge operator could not fold: they are kept as they are, and
    /// reads of their keys fail.
    pub merge_failures: Counter,
    /// Memtables sealed.
    pub memtables_sealed: Counter,
    /// Tables that scans of a prefix passed over, as their filters said that it is not there.
    pub prefix_filter_skips: Counter,
    /// Tables that were written without prefixes in their filter, as the extractor contradicted itself.
    pub prefix_extractor_faults: Counter,
    /// Blocks that change feeds read.
    pub feed_blocks_read: Counter,
    /// Blocks that change feeds did not read, because the index says that they are older.
    pub feed_blocks_skipped: Counter,
}
}
