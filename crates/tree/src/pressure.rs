//! Backpressure: how far flushes and compactions are behind, and what writers should do about it.
//!
//! Three things are measured against the [thresholds](BackpressureThresholds): runs of level 0, compaction debt, sealed
//! memtables. At or above a stop the advice is to stop. Between a slowdown and its stop it is a delay per write that grows with
//! the square of the way gone, so that a small excess costs little. The worst of the three counts.
//!
//! A bare tree does not hold writers up by itself: it does not know whether anybody flushes. This is for who calls it.
//!
//! Not here: a database's own price of writing, over all its keyspaces (crate `esker`).

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::core::Core;
use crate::runtime::{BackpressureThresholds, Threshold};

/// What writers should do so that flushes and compactions keep up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backpressure {
    /// Nothing: the tree keeps up.
    None,
    /// Wait a little before the next write.
    Slowdown {
        /// How long.
        suggested_delay: Duration,
    },
    /// Write nothing before flushes and compactions have caught up.
    Stop,
}

/// The shortest delay: a system cannot sleep less.
const MIN_DELAY: Duration = Duration::from_micros(1);

/// What is measured.
#[derive(Clone, Copy, Debug, Default)]
struct Load {
    level_zero_runs: u64,
    compaction_debt_bytes: u64,
    sealed_memtables: u64,
}

/// The advice of this moment.
pub(crate) fn backpressure(core: &Core) -> Backpressure {
    let view = core.state.view();
    let load = Load {
        level_zero_runs: view.version.levels().first().map_or(0, Vec::len) as u64,
        compaction_debt_bytes: core.debt.load(Ordering::Relaxed),
        sealed_memtables: view.sealed.len() as u64,
    };
    advise(load, &core.runtime.get().backpressure)
}

fn advise(load: Load, thresholds: &BackpressureThresholds) -> Backpressure {
    let measured = [
        (load.level_zero_runs, thresholds.level_zero_runs),
        (load.compaction_debt_bytes, thresholds.compaction_debt_bytes),
        (load.sealed_memtables, thresholds.sealed_memtables),
    ];
    if measured.iter().any(|(value, threshold)| *value >= threshold.stop) {
        return Backpressure::Stop;
    }
    let slow = measured.iter().filter(|(value, threshold)| *value >= threshold.slowdown);
    match slow.map(|(value, threshold)| way_gone(*value, *threshold)).reduce(f64::max) {
        None => Backpressure::None,
        Some(way) => {
            let delay = thresholds.max_delay.mul_f64(way * way);
            Backpressure::Slowdown { suggested_delay: delay.max(MIN_DELAY).min(thresholds.max_delay) }
        }
    }
}

/// Which part of the way from slowdown to stop is gone: more than 0, up to 1.
#[allow(clippy::cast_precision_loss, reason = "a ratio")]
fn way_gone(value: u64, threshold: Threshold) -> f64 {
    let way = threshold.stop.saturating_sub(threshold.slowdown).max(1);
    let gone = value.saturating_sub(threshold.slowdown).saturating_add(1);
    (gone as f64 / way as f64).min(1.0)
}

#[cfg(test)]
mod tests;
