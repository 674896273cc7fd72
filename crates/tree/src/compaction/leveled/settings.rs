//! The settings of the leveled strategy. Where the numbers come from stands in [`super`].

const MIB: u64 = 1 << 20;

/// Leveled compaction, see its module. The settings have defaults that suit most trees.
#[derive(Clone, Debug)]
pub struct Leveled {
    /// How much larger each level is than the one above. At least 2.
    pub level_multiplier: u64,
    /// Level 0 is compacted from this many runs on. At least 2.
    pub level_zero_trigger_runs: usize,
    /// Size of a full table.
    pub target_table_bytes: u64,
    /// The base level, where level 0 goes, is the one whose size falls to this or below.
    pub base_level_bytes: u64,
}

impl Default for Leveled {
    fn default() -> Leveled {
        Leveled {
            level_multiplier: 10,
            level_zero_trigger_runs: 12,
            target_table_bytes: 64 * MIB,
            base_level_bytes: 12 * 64 * MIB,
        }
    }
}

impl Leveled {
    /// A table that overlaps more of the next level than this is expensive to get rid of.
    pub(super) fn max_overlap_bytes(&self) -> u64 {
        self.target_table_bytes.saturating_mul(self.level_multiplier)
    }

    /// Tables below this size are merged rather than moved, so that small flushes do not fill a level with small tables.
    pub(super) fn small_table_bytes(&self) -> u64 {
        self.target_table_bytes / 8
    }
}
