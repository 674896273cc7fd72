//! Latencies in log-linear buckets: [`LatencyHistogram`].
//!
//! Each power of two of nanoseconds is cut into 32 equal buckets, so that a percentile is right to about 3 % at any
//! scale; recording is one addition. Values below 64 ns are exact.

use std::fmt;
use std::time::Duration;

/// Binary digits kept of each value.
const KEPT_BITS: u32 = 5;
const BUCKETS_PER_OCTAVE: usize = 1 << KEPT_BITS;
const BUCKETS: usize = BUCKETS_PER_OCTAVE * (64 - KEPT_BITS as usize + 1);

/// A histogram of durations.
#[derive(Clone)]
pub struct LatencyHistogram {
    counts: Vec<u64>,
    count: u64,
    total_nanos: u128,
    max_nanos: u64,
}

impl LatencyHistogram {
    /// An empty histogram.
    #[must_use]
    pub fn new() -> Self {
        Self { counts: vec![0; BUCKETS], count: 0, total_nanos: 0, max_nanos: 0 }
    }

    /// Adds a duration.
    #[inline]
    pub fn record(&mut self, duration: Duration) {
        self.record_nanos(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
    }

    /// Adds a duration in nanoseconds.
    #[inline]
    pub fn record_nanos(&mut self, nanos: u64) {
        if let Some(count) = self.counts.get_mut(bucket(nanos)) {
            *count += 1;
        }
        self.count += 1;
        self.total_nanos += u128::from(nanos);
        self.max_nanos = self.max_nanos.max(nanos);
    }

    /// Adds all of another histogram.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.count += other.count;
        self.total_nanos += other.total_nanos;
        self.max_nanos = self.max_nanos.max(other.max_nanos);
    }

    /// How many durations were recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The longest one, exactly.
    #[must_use]
    pub fn max(&self) -> Duration {
        Duration::from_nanos(self.max_nanos)
    }

    /// The mean, exactly; zero if there is none.
    #[must_use]
    pub fn mean(&self) -> Duration {
        let mean = self.total_nanos / u128::from(self.count.max(1));
        Duration::from_nanos(u64::try_from(mean).unwrap_or(u64::MAX))
    }

    /// The duration that this share of all (0.99, say) does not exceed, to about 3 % above; zero if there is none.
    #[must_use]
    pub fn percentile(&self, share: f64) -> Duration {
        let mut seen = 0u64;
        for (bucket, &count) in self.counts.iter().enumerate() {
            seen += count;
            if count > 0 && seen as f64 >= share * self.count as f64 {
                return Duration::from_nanos(bucket_end(bucket).min(self.max_nanos));
            }
        }
        self.max()
    }

    /// The median.
    #[must_use]
    pub fn p50(&self) -> Duration {
        self.percentile(0.5)
    }

    /// What 99 % do not exceed.
    #[must_use]
    pub fn p99(&self) -> Duration {
        self.percentile(0.99)
    }

    /// What 99.9 % do not exceed.
    #[must_use]
    pub fn p999(&self) -> Duration {
        self.percentile(0.999)
    }
}

impl Default for LatencyHistogram {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for LatencyHistogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} calls, mean {:?}, p50 {:?}, p99 {:?}, p99.9 {:?}, max {:?}",
            self.count,
            self.mean(),
            self.p50(),
            self.p99(),
            self.p999(),
            self.max()
        )
    }
}

impl fmt::Debug for LatencyHistogram {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "LatencyHistogram({self})")
    }
}

fn bucket(nanos: u64) -> usize {
    let octave = (u64::BITS - nanos.leading_zeros()).saturating_sub(KEPT_BITS + 1);
    let within = usize::try_from(nanos >> octave).unwrap_or_default();
    octave as usize * BUCKETS_PER_OCTAVE + within
}

/// The largest value in a bucket.
fn bucket_end(bucket: usize) -> u64 {
    // Every octave but the first uses only the upper half of its numbers, as its first digit is 1.
    let octave = (bucket / BUCKETS_PER_OCTAVE).saturating_sub(1);
    let within = (bucket - octave * BUCKETS_PER_OCTAVE) as u64;
    ((u128::from(within + 1) << octave) - 1).try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
