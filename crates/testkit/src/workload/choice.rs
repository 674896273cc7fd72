//! Which number comes next: uniform, zipfian or sequential.
//!
//! The zipfian chooser is that of Gray et al., *Quickly Generating Billion-Record Synthetic Databases* (SIGMOD
//! 1994), with the ranks scattered over all numbers as in YCSB, so that the popular keys are no neighbours.

use crate::workload::keys::scramble;

/// The skew that YCSB made customary.
const SKEW: f64 = 0.99;

/// How numbers are chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Each as often as any other.
    Uniform,
    /// A few very often: zipfian with exponent 0.99, scattered.
    Zipfian,
    /// One after the other, starting again after the last.
    Sequential,
}

/// Chooses numbers below a limit.
#[derive(Clone, Debug)]
pub struct Chooser {
    limit: u64,
    random: fastrand::Rng,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Uniform,
    Zipfian { zeta: f64, eta: f64 },
    Sequential { next: u64 },
}

impl Chooser {
    /// A chooser of numbers below `limit` (at least 1). Zipfian takes time proportional to it.
    #[must_use]
    pub fn new(choice: Choice, limit: u64, seed: u64) -> Self {
        let limit = limit.max(1);
        let kind = match choice {
            Choice::Uniform => Kind::Uniform,
            Choice::Sequential => Kind::Sequential { next: 0 },
            Choice::Zipfian => {
                let zeta: f64 = (1..=limit).map(|rank| (rank as f64).powf(-SKEW)).sum();
                let zeta_of_two = 1.0 + 0.5f64.powf(SKEW);
                let eta = (1.0 - (2.0 / limit as f64).powf(1.0 - SKEW)) / (1.0 - zeta_of_two / zeta);
                Kind::Zipfian { zeta, eta }
            }
        };
        Self { limit, random: fastrand::Rng::with_seed(seed), kind }
    }

    /// The next number.
    pub fn next_number(&mut self) -> u64 {
        match &mut self.kind {
            Kind::Uniform => self.random.u64(..self.limit),
            Kind::Sequential { next } => {
                let number = *next;
                *next = (number + 1) % self.limit;
                number
            }
            Kind::Zipfian { .. } => scramble(self.next_rank().wrapping_add(1)) % self.limit,
        }
    }

    /// The next rank of a zipfian choice, 0 most often, before it is scattered: counted back from the newest key it makes
    /// YCSB's *latest*. Of the other choices, the next number.
    pub fn next_rank(&mut self) -> u64 {
        let Kind::Zipfian { zeta, eta } = self.kind else { return self.next_number() };
        let drawn = self.random.f64();
        let scaled = drawn * zeta;
        if scaled < 1.0 {
            0
        } else if scaled < 1.0 + 0.5f64.powf(SKEW) {
            1
        } else {
            let share = (eta * drawn - eta + 1.0).powf(1.0 / (1.0 - SKEW));
            #[allow(clippy::cast_possible_truncation, reason = "a share of the limit, rounded down")]
            let rank = (self.limit as f64 * share) as u64;
            rank.min(self.limit - 1)
        }
    }
}

/// The numbers `0..count` in an order that `seed` determines, each once, without keeping them.
pub fn shuffled(count: u64, seed: u64) -> impl Iterator<Item = u64> {
    // A linear congruential walk with full period over the next power of two (Hull and Dobell: an odd step, a factor
    // that is 1 modulo 4); numbers past the end are skipped. Its low bits are regular, so the state is mixed by an
    // odd factor and a shift, which stay bijections on that many bits.
    let size = count.next_power_of_two().max(2);
    let mask = size - 1;
    let half = size.trailing_zeros() / 2 + 1;
    let step = scramble(seed) | 1;
    let factor = (scramble(seed ^ 1) & !7) | 5;
    let spread = scramble(seed ^ 3) | 1;
    let mut at = scramble(seed ^ 2) & mask;
    (0..size)
        .map(move |_| {
            at = at.wrapping_mul(factor).wrapping_add(step) & mask;
            let spreaded = at.wrapping_mul(spread) & mask;
            spreaded ^ (spreaded >> half)
        })
        .filter(move |i| *i < count)
}
