//! One line of a result file: what one child measured in one row, or why there is nothing to measure.

use serde::{Deserialize, Serialize};

/// The row that stands for all rows of a workload where there is none.
pub const EVERY_ROW: &str = "all rows";

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
    /// Which second of a sustained load the figure is of, from 0; the others are of the whole row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<u64>,
    /// The figure: a line has `value`, `cut` or `absent`.
    #[serde(flatten)]
    pub reading: Reading,
}

/// A figure, in the unit that its row has, or its absence.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Reading {
    /// All that was to be done was done.
    Value(f64),
    /// Time was up first: the figure is of what was done until then.
    Cut(f64),
    /// There is none.
    Absent(Absence),
}

/// Why there is no figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Absence {
    /// The engine cannot do it.
    Unsupported,
    /// The child failed, or did not end in time.
    Failed,
}

impl Reading {
    /// The figure, if there is one.
    pub fn figure(self) -> Option<f64> {
        match self {
            Reading::Value(figure) | Reading::Cut(figure) => Some(figure),
            Reading::Absent(_) => None,
        }
    }

    /// The figure, if it is of all that was to be done.
    pub fn whole(self) -> Option<f64> {
        match self {
            Reading::Value(figure) => Some(figure),
            Reading::Cut(_) | Reading::Absent(_) => None,
        }
    }
}

#[cfg(test)]
mod tests;
