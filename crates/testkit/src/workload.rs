//! Seeded workloads: which keys, which values, which operations.
//!
//! * [`keys`]: the shapes of keys, a one-to-one function of a number.
//! * [`choice`]: which number comes next: uniform, zipfian, sequential.
//! * [`values`]: values of a given length, half of them compressible.
//!
//! [`Workload`] puts them together with a [`Mix`] of operations. Same seed, same operations.

pub mod choice;
pub mod keys;
pub mod values;

use crate::workload::choice::{Choice, Chooser};
use crate::workload::keys::KeyShape;
use crate::workload::values::value;

/// Shares of operations, as weights.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mix {
    /// Writing a key.
    pub put: u32,
    /// Reading a key.
    pub get: u32,
    /// Removing a key.
    pub delete: u32,
    /// Scanning from a key.
    pub scan: u32,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Write this value under this key.
    Put(Vec<u8>, Vec<u8>),
    /// Read this key.
    Get(Vec<u8>),
    /// Remove this key.
    Delete(Vec<u8>),
    /// Read up to this many entries from this key on.
    Scan(Vec<u8>, usize),
}

/// What a workload is made of.
#[derive(Clone, Copy, Debug)]
pub struct WorkloadOptions {
    /// Same seed, same operations.
    pub seed: u64,
    /// Keys are made of numbers below this.
    pub keys: u64,
    /// Which of them come when.
    pub choice: Choice,
    /// What they look like.
    pub shape: KeyShape,
    /// The length of values.
    pub value_len: usize,
    /// Shares of operations.
    pub mix: Mix,
    /// The length of scans.
    pub scan_len: usize,
}

/// An endless stream of operations.
#[derive(Clone, Debug)]
pub struct Workload {
    options: WorkloadOptions,
    chooser: Chooser,
    random: fastrand::Rng,
    /// Makes each written value differ from the one before it.
    writes: u64,
}

impl Workload {
    /// Begins a workload. A zipfian choice takes time proportional to the number of keys here.
    #[must_use]
    pub fn new(options: WorkloadOptions) -> Self {
        let chooser = Chooser::new(options.choice, options.keys, options.seed);
        Self { options, chooser, random: fastrand::Rng::with_seed(options.seed ^ 0x6F70), writes: 0 }
    }

    /// The next operation.
    pub fn next_operation(&mut self) -> Operation {
        let Mix { put, get, delete, scan } = self.options.mix;
        let number = self.chooser.next_number();
        let mut key = Vec::new();
        self.options.shape.key_into(number, &mut key);
        let total = u64::from(put) + u64::from(get) + u64::from(delete) + u64::from(scan);
        let drawn = self.random.u64(..total.max(1));
        if drawn < u64::from(put) {
            self.writes += 1;
            return Operation::Put(key, value(number ^ (self.writes << 32), self.options.value_len));
        }
        if drawn < u64::from(put) + u64::from(get) {
            return Operation::Get(key);
        }
        if drawn < u64::from(put) + u64::from(get) + u64::from(delete) {
            return Operation::Delete(key);
        }
        Operation::Scan(key, self.options.scan_len)
    }
}

impl Iterator for Workload {
    type Item = Operation;

    fn next(&mut self) -> Option<Operation> {
        Some(self.next_operation())
    }
}

#[cfg(test)]
mod tests;
