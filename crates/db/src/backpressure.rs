//! Slowing writers down so that background work keeps up, without anyone noticing a stall.
//!
//! The background reports a [`Pressure`] after each change; it becomes a price in nanoseconds per byte written:
//!
//! * below the soft limits the price is zero, and a writer pays one relaxed load;
//! * above them, those of the database and those that each keyspace may have of its own, it rises exponentially from 200 MB/s to
//!   4 MB/s at the hard limits, so that a small excess costs little and no excess grows without bound;
//! * what writers owe accumulates in one counter, and whoever brings it to 100 µs sleeps it off: many short sleeps,
//!   never a long one (INV-COMMIT-7).
//!
//! A hard stop exists only at the memory cap: [`Backpressure::wait_for_memory`] blocks while the memtables hold more
//! than their share, until a flush is done or the database fails. It is passed *before* the log's lock is taken, as
//! the flush that ends it may need that lock (INV-COMMIT-8).
//!
//! Not here: measuring ([`crate::background`]).

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use esker_env::clock::Clock;
use esker_tree::BackpressureThresholds;

use crate::error::Result;

/// How far background work is behind.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Pressure {
    /// Bytes in all memtables.
    pub(crate) memtable_bytes: u64,
    /// Their cap.
    pub(crate) memtable_limit_bytes: u64,
    /// Bytes that compaction has yet to rewrite.
    pub(crate) debt_bytes: u64,
    /// How far the keyspace that is furthest behind has come from its own thresholds, 0, to its stops, 1.
    pub(crate) lag: f64,
    /// The longest single sleep: the least that a keyspace asks for.
    pub(crate) max_delay: Duration,
}

/// How far one keyspace is behind.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Behind {
    pub(crate) level_zero_runs: u64,
    pub(crate) debt_bytes: u64,
    pub(crate) sealed_memtables: u64,
}

/// Compaction debt of the whole database at which writers begin to slow down, and at which they are slowest.
const DEBT_BYTES: (u64, u64) = (8 << 30, 64 << 30);
/// Thousandths of the memtables' share at which writers begin to slow down; at the whole of it they stop.
const MEMTABLE_SOFT: u64 = 850;
/// The price of a byte where slowing begins and where it ends: 200 MB/s and 4 MB/s.
const PRICE_NANOS: (f64, f64) = (5.0, 250.0);
/// What is owed before someone sleeps.
const SLEEP_NANOS: u64 = 100_000;
/// The longest single sleep; what is owed beyond is forgiven, so that one huge batch does not stall its writer.
const LONGEST_SLEEP: Duration = Duration::from_millis(10);

impl Pressure {
    /// None yet, of memtables that may take so much.
    pub(crate) const fn none(memtable_limit_bytes: u64) -> Self {
        Self { memtable_bytes: 0, memtable_limit_bytes, debt_bytes: 0, lag: 0.0, max_delay: LONGEST_SLEEP }
    }

    /// Takes in how far a keyspace is behind.
    pub(crate) fn add(&mut self, behind: Behind, thresholds: &BackpressureThresholds) {
        self.debt_bytes += behind.debt_bytes;
        let ways = [
            (behind.level_zero_runs, thresholds.level_zero_runs),
            (behind.debt_bytes, thresholds.compaction_debt_bytes),
            (behind.sealed_memtables, thresholds.sealed_memtables),
        ];
        let lag = ways.map(|(value, threshold)| ramp(value, threshold.slowdown, threshold.stop));
        self.lag = lag.into_iter().fold(self.lag, f64::max);
        self.max_delay = self.max_delay.min(thresholds.max_delay);
    }

    /// From 0 (none) to 1 (as slow as it gets).
    fn excess(&self) -> f64 {
        let soft = self.memtable_limit_bytes / 1000 * MEMTABLE_SOFT;
        ramp(self.memtable_bytes, soft, self.memtable_limit_bytes).max(self.lag).max(ramp(
            self.debt_bytes,
            DEBT_BYTES.0,
            DEBT_BYTES.1,
        ))
    }

    /// Nanoseconds per KiB.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 256,000")]
    fn price_per_kib(&self) -> u64 {
        let excess = self.excess();
        if excess <= 0.0 {
            return 0;
        }
        (PRICE_NANOS.0 * (PRICE_NANOS.1 / PRICE_NANOS.0).powf(excess) * 1024.0) as u64
    }

    fn is_full(&self) -> bool {
        self.memtable_bytes >= self.memtable_limit_bytes
    }
}

/// Where `value` stands between `low` (0) and `high` (1).
#[allow(clippy::cast_precision_loss, reason = "a ratio")]
fn ramp(value: u64, low: u64, high: u64) -> f64 {
    let span = high.saturating_sub(low).max(1);
    (value.saturating_sub(low) as f64 / span as f64).min(1.0)
}

fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// The price of writing. Thread-safe; its mutex is a leaf.
pub(crate) struct Backpressure {
    clock: Arc<dyn Clock>,
    price_per_kib: AtomicU64,
    owed_nanos: AtomicU64,
    slept_nanos: AtomicU64,
    longest_sleep_nanos: AtomicU64,
    full: AtomicBool,
    gate: Mutex<()>,
    opened: Condvar,
}

impl Backpressure {
    /// No pressure yet.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            price_per_kib: AtomicU64::new(0),
            owed_nanos: AtomicU64::new(0),
            slept_nanos: AtomicU64::new(0),
            longest_sleep_nanos: AtomicU64::new(nanos(LONGEST_SLEEP)),
            full: AtomicBool::new(false),
            gate: Mutex::new(()),
            opened: Condvar::new(),
        }
    }

    /// Takes a new measurement.
    pub(crate) fn update(&self, pressure: &Pressure) {
        self.longest_sleep_nanos.store(nanos(pressure.max_delay), Ordering::Relaxed);
        self.price_per_kib.store(pressure.price_per_kib(), Ordering::Relaxed);
        let full = pressure.is_full();
        let was_full = self.full.swap(full, Ordering::AcqRel);
        if was_full && !full {
            self.wake();
        }
    }

    /// Wakes everyone who waits for memory, to look again (also: to learn of a failure).
    pub(crate) fn wake(&self) {
        drop(self.gate.lock().unwrap_or_else(PoisonError::into_inner));
        self.opened.notify_all();
    }

    /// Whether the memory cap is reached.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.full.load(Ordering::Acquire)
    }

    /// Charges a writer for `bytes`, and lets it sleep if the debt is due.
    #[inline]
    pub(crate) fn pay(&self, bytes: usize) {
        let price = self.price_per_kib.load(Ordering::Relaxed);
        if price != 0 {
            self.owe((bytes as u64).saturating_mul(price) / 1024);
        }
    }

    #[cold]
    fn owe(&self, nanos: u64) {
        let owed = self.owed_nanos.fetch_add(nanos, Ordering::Relaxed).saturating_add(nanos);
        if owed >= SLEEP_NANOS {
            let longest = self.longest_sleep_nanos.load(Ordering::Relaxed);
            let due = self.owed_nanos.swap(0, Ordering::Relaxed).min(longest);
            if due > 0 {
                self.slept_nanos.fetch_add(due, Ordering::Relaxed);
                self.clock.sleep(Duration::from_nanos(due));
            }
        }
    }

    /// Waits while the memory cap is reached. `check` is asked at each wake-up and ends the wait with its error.
    pub(crate) fn wait_for_memory(&self, check: &dyn Fn() -> Result<()>) -> Result<()> {
        let mut gate = self.gate.lock().unwrap_or_else(PoisonError::into_inner);
        while self.is_full() {
            check()?;
            gate = self.opened.wait(gate).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    /// How long writers have slept.
    pub(crate) fn slept(&self) -> Duration {
        Duration::from_nanos(self.slept_nanos.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests;
