//! What the harness asks of an engine: little, so that a new peer is one short file in `engines/`.
//!
//! Every engine gets the same [`Settings`]. What it cannot do it says in [`Facts`], and the row becomes a dash: nothing is
//! imitated. Workloads are generic over [`Engine`], so that no dynamic call stands between the clock and an engine.

use std::error::Error;
use std::path::Path;
use std::time::Duration;

/// Any engine's error.
pub type Failure = Box<dyn Error + Send + Sync>;
/// What an engine gives, or its error.
pub type Outcome<T> = Result<T, Failure>;

/// When a write is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// The operating system has it: it survives a killed process.
    Os,
    /// The device has it.
    Sync,
}

/// What all engines are set to.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// Block cache.
    pub cache_bytes: u64,
    /// One memtable.
    pub write_buffer_bytes: u64,
    /// Filter.
    pub bits_per_key: u32,
    /// Background threads.
    pub threads: usize,
    /// When writes are acknowledged.
    pub durability: Durability,
    /// Compress data blocks with lz4 on all levels.
    pub lz4: bool,
    /// Keep values out of the tree where the engine can.
    pub separate_values: bool,
}

/// How far a write under [`Durability::Sync`] gets before it is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Synced {
    /// The device has it.
    Device,
    /// It was handed to the device, whose cache may lose it: marked in tables, and no peer to be measured by.
    #[allow(dead_code, reason = "a build may have no such engine")]
    Handed,
    /// Nowhere: there is no such durability.
    #[allow(dead_code, reason = "a build may have no such engine")]
    Nowhere,
}

/// What an engine can do.
#[derive(Clone, Copy, Debug)]
pub struct Facts {
    /// An acknowledged write survives a killed process under [`Durability::Os`]. Others are marked in tables.
    pub os: bool,
    /// How far its synced writes get.
    pub sync: Synced,
    /// It can compress with lz4.
    pub lz4: bool,
    /// How it differs from what its rows seem to say: printed under the tables.
    pub note: &'static str,
}

impl Facts {
    /// An engine that can do everything.
    pub const ALL: Facts = Facts { os: true, sync: Synced::Device, lz4: true, note: "" };
}

/// How the waiting for background work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    /// What the waiting itself added to the true time, such as the last quiet interval of a poll.
    pub overhead: Duration,
    /// Whether no work was left; otherwise patience was.
    pub idle: bool,
}

impl Settled {
    /// The engine said itself when it was idle.
    pub const EXACTLY: Settled = Settled { overhead: Duration::ZERO, idle: true };
}

/// An open database of some engine.
pub trait Engine: Sized + Send + Sync {
    /// What it can do.
    const FACTS: Facts;
    /// Whether batches are the fast way to load it; decides only how keys are put in off the clock.
    const LOADS_BY_BATCHES: bool = true;
    /// Opens it in `folder`, which is empty or holds what it left there.
    fn open(folder: &Path, settings: Settings) -> Outcome<Self>;
    /// Writes one pair.
    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()>;
    /// Removes one key.
    fn delete(&self, key: &[u8]) -> Outcome<()>;
    /// Writes pairs that become visible together.
    fn put_all<'a>(&self, pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Outcome<()>;
    /// Reads one key and shows its value.
    fn get(&self, key: &[u8], show: impl FnOnce(Option<&[u8]>)) -> Outcome<()>;
    /// Shows up to `limit` pairs from `from` on, ascending.
    fn scan(&self, from: &[u8], limit: usize, show: impl FnMut(&[u8], &[u8])) -> Outcome<()>;
    /// Shows all pairs, descending.
    fn scan_back(&self, show: impl FnMut(&[u8], &[u8])) -> Outcome<()>;
    /// Flushes what is in memory and waits until no background work is left.
    fn settle(&self) -> Outcome<Settled>;
}
