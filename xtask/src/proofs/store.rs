//! What the proofs ask of a database.
//!
//! The proofs know the database only through [`Store`], so that their tests can put one in its place that loses a key
//! or swaps a value, and show that the proof sees it.
//!
//! Not here: esker behind it ([`crate::proofs::esker`]).

use esker_testkit::oracle::change::{Change, Durability};

/// A database under proof.
pub(crate) trait Store: Sync {
    /// Writes one pair.
    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), String>;
    /// Makes all changes, together or not at all; they are this durable when it returns.
    fn apply(&self, changes: &[Change], durability: Durability) -> Result<(), String>;
    /// Reads one key and shows its value.
    fn get(&self, key: &[u8], show: &mut dyn FnMut(Option<&[u8]>)) -> Result<(), String>;
    /// Shows every pair in ascending order, or descending.
    fn scan(&self, reverse: bool, show: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), String>;
    /// Flushes, and waits until no background work is left.
    fn settle(&self) -> Result<(), String>;
}

/// How a database is opened for a proof; `None` keeps its default.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Settings {
    /// Memory for memtables, cache and table metadata.
    pub(crate) budget_bytes: Option<u64>,
    /// One memtable.
    pub(crate) memtable_bytes: Option<u64>,
    /// The log may grow to this before the laggard is flushed.
    pub(crate) log_bytes: Option<u64>,
    /// One segment of the log.
    pub(crate) segment_bytes: Option<u64>,
    /// Whether the log is mapped from the beginning of each segment, or never.
    pub(crate) maps_log: Option<bool>,
}
