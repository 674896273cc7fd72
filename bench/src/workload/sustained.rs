//! How long single puts take while a load goes on and on, second by second: what a stall of a flush or of a compaction
//! costs, and whether it comes later than a short load would show.
//!
//! All keys once in random order, then any of them again, as fast as the engine takes them. Time is busy time: making keys and
//! values is not on the clock. A put that takes seconds belongs to the second in which it began.

use std::time::{Duration, Instant};

use esker_testkit::histogram::LatencyHistogram;
use esker_testkit::workload::choice::{self, Chooser};

use crate::child::Child;
use crate::engine::{Engine, Outcome};
use crate::keys::{Key, tag, tag_of};
use crate::row::Reading;
use crate::stretch::{Choice, Kind, Stretch};

/// Puts between two looks at the second.
const GROUP: usize = 256;
/// Every so many-th key is read back in the end.
const SAMPLE: usize = 97;
/// The percentiles of a second.
const OF_A_SECOND: [(&str, f64); 3] = [("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999)];
/// The percentiles of all.
const OF_ALL: [(&str, f64); 6] =
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999), ("p99.99", 0.9999), ("p99.999", 0.99999)];

/// The workload `sustained`.
pub(super) fn run<E: Engine>(child: &Child<'_>) -> Outcome<()> {
    let engine = child.open::<E>()?;
    let mut chooser = Chooser::new(choice::Choice::Uniform, child.keys, 71);
    let again = std::iter::repeat_with(move || chooser.next_number());
    let choices = (0..child.keys).chain(again).map(|number| Choice { kind: Kind::Put, number });
    let limit = Duration::from_secs(child.task.sustained_seconds);
    let stretch = Stretch { group: GROUP, ..Stretch::new(child.form, limit) };
    let mut seconds = Seconds::default();
    let done = stretch.run(choices, |group| {
        let mut last = Instant::now();
        for put in group {
            engine.put(put.key, put.value)?;
            let now = Instant::now();
            seconds.record(now - last);
            last = now;
        }
        Ok(())
    })?;
    child.row("sustained", done.rate())?;
    seconds.rows(child)?;
    engine.settle()?;
    let loaded = done.operations.min(child.keys);
    let wrong = (0..loaded).step_by(SAMPLE).try_fold(0u64, |wrong, number| {
        let mut right = false;
        engine.get(Key::new(child.form.shape, number).bytes(), |value| {
            right = value.is_some_and(|value| tag_of(value) == tag(number));
        })?;
        Outcome::Ok(wrong + u64::from(!right))
    })?;
    if wrong == 0 { Ok(()) } else { Err(format!("{wrong} keys are missing or wrong after the load").into()) }
}

/// The rows of a latency curve, in microseconds.
pub(super) fn percentiles(child: &Child<'_>, name: &str, latencies: &LatencyHistogram) -> Outcome<()> {
    for (percentile, share) in OF_ALL {
        child.row(&format!("{name} {percentile}"), micros(latencies.percentile(share)))?;
    }
    child.row(&format!("{name} longest"), micros(latencies.max()))
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// Latencies, a histogram for each second of busy time.
#[derive(Default)]
struct Seconds {
    busy: Duration,
    each: Vec<LatencyHistogram>,
}

impl Seconds {
    #[inline]
    fn record(&mut self, latency: Duration) {
        let second = usize::try_from(self.busy.as_secs()).unwrap_or(usize::MAX);
        if second >= self.each.len() {
            self.each.resize_with(second + 1, LatencyHistogram::new);
        }
        if let Some(histogram) = self.each.get_mut(second) {
            histogram.record(latency);
        }
        self.busy += latency;
    }

    /// The rows of each second in which a put began, then those of all.
    fn rows(&self, child: &Child<'_>) -> Outcome<()> {
        let mut all = LatencyHistogram::new();
        for (second, histogram) in (0..).zip(&self.each).filter(|(_, histogram)| histogram.count() > 0) {
            let give = |row: &str, figure: f64| child.reading(row, Some(second), Reading::Value(figure));
            give("puts", histogram.count() as f64)?;
            for (percentile, share) in OF_A_SECOND {
                give(&format!("put {percentile}"), micros(histogram.percentile(share)))?;
            }
            give("put longest", micros(histogram.max()))?;
            all.merge(histogram);
        }
        percentiles(child, "put", &all)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Seconds;

    #[test]
    fn a_stall_belongs_to_the_second_in_which_it_began() {
        let mut seconds = Seconds::default();
        for millis in [400, 500, 2_300, 10] {
            seconds.record(Duration::from_millis(millis));
        }
        let counts: Vec<u64> = seconds.each.iter().map(|histogram| histogram.count()).collect();
        assert_eq!(counts, [3, 0, 0, 1]);
        assert_eq!(seconds.each[0].max(), Duration::from_millis(2_300));
    }
}
