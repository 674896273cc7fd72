//! The leveled strategy.

use super::picker::{CompactionStrategy, Plan, Shape};

/// Leveled compaction with dynamic level sizes.
#[derive(Clone, Debug, Default)]
pub struct Leveled {}

impl CompactionStrategy for Leveled {
    fn name(&self) -> &'static str {
        "leveled"
    }
    fn pick(&self, _shape: &Shape) -> Option<Plan> {
        None
    }
    fn debt(&self, _shape: &Shape) -> u64 {
        0
    }
}
