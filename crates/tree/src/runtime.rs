//! What may be changed while a tree is open: [`RuntimeConfig`].
//!
//! Whoever reads it takes the settings of one moment, without a lock. Changes are made one at a time, each from what
//! the one before it left, so none is lost (INV-RUNTIME-1).
//!
//! Not here: what the settings do ([`crate::admission`], [`crate::pressure`], [`crate::feed`]); those that are fixed
//! ([`crate::options`]).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::{ArcSwap, Guard};

/// The settings of a tree that may be changed while it is open: see [`crate::Tree::update_runtime_config`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuntimeConfig {
    /// How many bytes the tree may use, memtables included; no limit by default. The limit is kept by those
    /// writes that ask first (`try_insert` and the others): the tree itself stops at no limit, since a flush or a compaction
    /// that was refused would help nobody.
    pub storage_limit_bytes: Option<u64>,
    /// Whether `try_insert` and the others ask whether there is room; true by default. Where it is false they write like
    /// those that do not ask, and the limit stands in the statistics only.
    pub storage_admission: bool,
    /// Whether a change feed goes by the highest sequence number that is kept of every block and table, and skips what lies
    /// below its range; true by default. Where it is false all of it is read, for who mistrusts those numbers, or wants every
    /// block to be verified on the way.
    pub zone_maps: bool,
    /// From when on [`crate::Tree::write_backpressure`] advises to slow down and to stop.
    pub backpressure: BackpressureThresholds,
}

impl Default for RuntimeConfig {
    fn default() -> Self {
        Self {
            storage_limit_bytes: None,
            storage_admission: true,
            zone_maps: true,
            backpressure: BackpressureThresholds::default(),
        }
    }
}

/// Where slowing down begins, and where it ends in a stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// From here on writers should slow down, the more the further it is exceeded.
    pub slowdown: u64,
    /// From here on writers should stop.
    pub stop: u64,
}

impl Threshold {
    /// One that is never reached.
    pub const NEVER: Self = Self { slowdown: u64::MAX, stop: u64::MAX };
}

/// When a tree is so far behind with its flushes and compactions that writers should wait for it. The worst of them counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BackpressureThresholds {
    /// Runs of level 0, each of which every read has to ask; 20 and 44 by default.
    pub level_zero_runs: Threshold,
    /// Bytes that compactions must still write; 8 GiB and 64 GiB by default.
    pub compaction_debt_bytes: Threshold,
    /// Sealed memtables that wait for a flush; 3 and 8 by default.
    pub sealed_memtables: Threshold,
    /// The longest delay that is suggested, just before the stop; 10 ms by default.
    pub max_delay: Duration,
}

impl Default for BackpressureThresholds {
    fn default() -> Self {
        Self {
            level_zero_runs: Threshold { slowdown: 20, stop: 44 },
            compaction_debt_bytes: Threshold { slowdown: 8 << 30, stop: 64 << 30 },
            sealed_memtables: Threshold { slowdown: 3, stop: 8 },
            max_delay: Duration::from_millis(10),
        }
    }
}

/// The settings of this moment, and the right to change them. The mutex is a leaf.
pub(crate) struct Runtime {
    current: ArcSwap<RuntimeConfig>,
    changing: Mutex<()>,
}

impl Runtime {
    pub(crate) fn new(config: RuntimeConfig) -> Self {
        Self { current: ArcSwap::from_pointee(config), changing: Mutex::new(()) }
    }

    /// The settings, for a short look.
    pub(crate) fn get(&self) -> Guard<Arc<RuntimeConfig>> {
        self.current.load()
    }

    /// Changes the settings from what they are to what `change` makes of them, with nobody in between (INV-RUNTIME-1).
    pub(crate) fn update(&self, change: impl FnOnce(&mut RuntimeConfig)) {
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut config = RuntimeConfig::clone(&self.get());
        change(&mut config);
        self.current.store(Arc::new(config));
    }
}
