//! One line of a result file: what one child measured in one row.

use serde::{Deserialize, Serialize};

/// One figure.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Engine.
    pub engine: String,
    /// Workload that the row belongs to, as on the command line.
    pub workload: String,
    /// Row within the workload, such as `readrandom` or `readrandom 2t`.
    pub row: String,
    /// Which repetition, from 0.
    pub repetition: u32,
    /// Number of keys loaded.
    pub keys: u64,
    /// The figure, in the unit that the row has.
    pub value: f64,
}
