//! Leveled compaction: the default strategy.
//!
//! Level 0 takes what is flushed, a run each. Every deeper level is one run, each about ten times the one above, and the
//! *last* level of the tree holds most of the data. Sizes are counted upwards from there (`sizes.rs`): the level that level 0
//! is merged into, the *base*, is wherever they fall under [`Leveled::base_level_bytes`], and levels above it stay empty.
//! So space is used well at any size (upper levels hold a ninth of the data), and there are as few levels as can be.
//!
//! In this order:
//!
//! 1. **Moves** out of level 0, whenever one is possible: they cost nothing (`level_zero.rs`).
//! 2. **Level 0**, once it has [`Leveled::level_zero_trigger_runs`] runs: into the base, or, where that would
//!    rewrite more than four bytes of the base for each byte of level 0, among itself, like sizes with like. Runs that a
//!    running job takes down do not count; those that wait for one are merged among themselves once they are half as
//!    many again.
//! 3. The level that exceeds its size most (`deeper.rs`): the table whose way down rewrites least for its size.
//! 4. Tables of the last level full of tombstones that may go by now.
//! 5. If nothing else has work, **settling**: level 0 goes down even below its trigger, as long as more than
//!    [`SETTLED_RUNS`] sorted runs stand in the way of a seek or it is cheap, or a column of it is mostly tombstones, which scans
//!    step over one by one; then tables full of tombstones, level by level.
//!
//! # Where the numbers come from
//!
//! - A multiplier of **10**: writing costs about `m / ln m` per decade of size, which is least at `m = e` and 1.6 times that at
//!   ten, for less than half the levels, hence faster reads.
//! - **12** runs of level 0, of `f` bytes each, make merging into the base cost `(12 f + base) / 12 f` bytes per byte. Four would
//!   cost nearly three times that, and what is saved for reads lasts only while flushes come in: settling takes level 0 down
//!   anyway.
//! - Tables of **64 MiB**: the least unit of a job, about a tenth of a second of merging.
//! - A base of up to **768 MiB**: 64 GiB / 10² = 655 MiB and some margin, so that a settled tree up to 64 GiB has three runs
//!   (base, one between, last). Level 0 then costs at most `(768 + 768) / 768 = 2` bytes per byte at flushes of 64 MiB,
//!   and the rule under 2. guards smaller ones.
//!
//! `tests/simulation.rs` plays this through: 8.6 bytes written per byte of random keys at 32 GiB, 1.5 at 256 MiB, 1.0 for
//! ascending keys, logs not counted.
//!
//! Not here: what a plan must obey ([`super::check`]), running it.

use super::picker::{CompactionStrategy, Plan, Shape};

mod deeper;
mod draft;
mod level_zero;
mod settings;
mod sizes;

pub use settings::Leveled;
use sizes::LevelSizes;

/// A settled tree has no more sorted runs than this, up to `base_level_bytes · multiplier²` of data.
pub const SETTLED_RUNS: usize = 3;

impl CompactionStrategy for Leveled {
    fn name(&self) -> &'static str {
        "leveled"
    }

    fn pick(&self, shape: &Shape) -> Option<Plan> {
        let sizes = LevelSizes::of(self, shape);
        level_zero::pick_move(self, shape, &sizes)
            .or_else(|| level_zero::pick(self, shape, &sizes))
            .or_else(|| deeper::pick(self, shape, &sizes))
            .or_else(|| deeper::pick_tombstones_of_last_level(self, shape))
            .or_else(|| if shape.idle { settle(self, shape, &sizes) } else { None })
    }

    fn debt(&self, shape: &Shape) -> u64 {
        let sizes = LevelSizes::of(self, shape);
        let mut debt = 0u64;
        let mut coming = 0u64;
        if shape.level_zero_runs() >= self.level_zero_trigger_runs {
            coming = shape.level_bytes(0);
            debt = coming.saturating_add(shape.level_bytes(sizes.base));
        }
        for level in 1..shape.last_level() {
            let bytes = shape.level_bytes(level).saturating_add(if level == sizes.base { coming } else { 0 });
            let excess = bytes.saturating_sub(sizes.target_bytes(level));
            // Each byte that goes down meets its share of the next level.
            let met = shape.level_bytes(level + 1).checked_div(bytes).unwrap_or(0).min(self.level_multiplier);
            debt = debt.saturating_add(excess.saturating_mul(1 + met));
        }
        debt
    }
}

fn settle(options: &Leveled, shape: &Shape, sizes: &LevelSizes) -> Option<Plan> {
    let too_many = shape.sorted_runs() > SETTLED_RUNS;
    level_zero::pick_settling(options, shape, sizes, too_many)
        .or_else(|| if too_many { deeper::pick_topmost(options, shape) } else { None })
        .or_else(|| deeper::pick_tombstones(options, shape))
}

#[cfg(test)]
mod tests;
