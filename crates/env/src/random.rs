//! Randomness: seeds, jitter and choices; never keys or nonces.
//!
//! Both sources are SplitMix64 (Steele, Lea and Flood, *Fast Splittable Pseudorandom Number Generators*, OOPSLA
//! 2014): a counter with a fixed odd step, scrambled. The counter is one atomic, so any thread may draw without
//! a lock and no state repeats within 2⁶⁴ draws. They differ in the seed.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};

/// A source of random numbers.
pub trait Random: Send + Sync {
    /// Sixty-four random bits.
    fn next_u64(&self) -> u64;
}

/// Seeded by the operating system. Not for cryptography.
#[derive(Debug)]
pub struct SystemRandom(SeededRandom);

impl SystemRandom {
    /// A source that differs from every other one.
    #[must_use]
    pub fn new() -> Self {
        // The standard library's hash keys are the system's randomness, without a dependency or a system call.
        Self(SeededRandom::new(RandomState::new().hash_one(0u64)))
    }
}

impl Default for SystemRandom {
    fn default() -> Self {
        Self::new()
    }
}

impl Random for SystemRandom {
    fn next_u64(&self) -> u64 {
        self.0.next_u64()
    }
}

/// Same seed, same numbers (as long as one thread draws).
#[derive(Debug)]
pub struct SeededRandom {
    state: AtomicU64,
}

impl SeededRandom {
    /// A source that repeats itself for the same seed.
    #[must_use]
    pub const fn new(seed: u64) -> Self {
        Self { state: AtomicU64::new(seed) }
    }
}

impl Random for SeededRandom {
    fn next_u64(&self) -> u64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let state = self.state.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}

#[cfg(test)]
mod tests;
