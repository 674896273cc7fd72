//! Time: [`Clock`] for deadlines, delays and time stamps.
//!
//! [`SystemClock`] is the machine's. [`ManualClock`] stands still until told otherwise; sleeping on it moves it,
//! so that a simulation runs through hours of virtual time at once and always the same way.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// A source of time.
pub trait Clock: Send + Sync {
    /// Time since the clock was made. Never goes back.
    fn now(&self) -> Duration;

    /// Wall-clock time in milliseconds since 1970; may jump either way.
    fn unix_millis(&self) -> u64;

    /// Returns once this much time has passed.
    fn sleep(&self, duration: Duration);
}

/// The machine's clock.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock {
    start: Instant,
}

impl SystemClock {
    /// A clock that starts now.
    #[must_use]
    pub fn new() -> Self {
        Self { start: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    #[inline]
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn unix_millis(&self) -> u64 {
        // A clock set before 1970 reads as 1970.
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    fn sleep(&self, duration: Duration) {
        thread::sleep(duration);
    }
}

/// A clock that moves only when told to, or when someone sleeps on it.
#[derive(Debug)]
pub struct ManualClock {
    nanos: AtomicU64,
    unix_millis_at_start: u64,
}

impl ManualClock {
    /// A clock at zero, whose wall clock shows `unix_millis_at_start`.
    #[must_use]
    pub const fn new(unix_millis_at_start: u64) -> Self {
        Self { nanos: AtomicU64::new(0), unix_millis_at_start }
    }

    /// Moves the clock forward. After 584 years it stands still.
    pub fn advance(&self, duration: Duration) {
        let step = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        // The closure never returns `None`, so this cannot fail.
        let _ = self
            .nanos
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |nanos| Some(nanos.saturating_add(step)));
    }
}

impl Default for ManualClock {
    /// A clock at zero, whose wall clock shows 2020-01-01.
    fn default() -> Self {
        Self::new(1_577_836_800_000)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        Duration::from_nanos(self.nanos.load(Ordering::Relaxed))
    }

    fn unix_millis(&self) -> u64 {
        self.unix_millis_at_start.saturating_add(self.nanos.load(Ordering::Relaxed) / 1_000_000)
    }

    /// Moves the clock and returns at once.
    fn sleep(&self, duration: Duration) {
        self.advance(duration);
    }
}

#[cfg(test)]
mod tests;
