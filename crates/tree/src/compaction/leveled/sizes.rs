//! How large each level should be, counted upwards from the last.
//!
//! The largest level sets the scale, as if it were the last: each level above gets a tenth, down to the base.

use super::settings::Leveled;
use crate::compaction::picker::Shape;

/// Target sizes, and the level that level 0 is merged into.
#[derive(Debug)]
pub(super) struct LevelSizes {
    /// Where level 0 goes: never below a level that holds data (INV-COMPACT-1).
    pub(super) base: usize,
    /// By level; level 0 has none.
    targets: Vec<u64>,
}

impl LevelSizes {
    pub(super) fn of(options: &Leveled, shape: &Shape) -> LevelSizes {
        let last = shape.last_level();
        let multiplier = options.level_multiplier.max(2);
        let largest = (1..=last).map(|level| shape.level_bytes(level)).max().unwrap_or(0);
        let mut targets = vec![u64::MAX; last + 1];
        let mut ideal_base = last;
        let mut size = largest;
        for level in (1..=last).rev() {
            // The last level is never too large: there is nowhere to go from it.
            if let Some(target) = targets.get_mut(level).filter(|_| level < last) {
                *target = size.max(1);
            }
            if size > options.base_level_bytes && level > 1 {
                ideal_base = level - 1;
            }
            size /= multiplier;
        }
        let first_filled = (1..=last).find(|level| !shape.runs(*level).is_empty()).unwrap_or(last);
        LevelSizes { base: ideal_base.min(first_filled), targets }
    }

    pub(super) fn target_bytes(&self, level: usize) -> u64 {
        self.targets.get(level).copied().unwrap_or(u64::MAX)
    }
}
