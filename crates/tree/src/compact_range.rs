//! Compaction of a key range on request: level by level down to the deepest one that holds keys of it.
//!
//! One level at a time keeps it in proportion: of each level only what overlaps the range is rewritten, where one merge of all
//! levels would spread to whatever a wide table of level 0 overlaps.
//!
//! Not here: which tables a step takes ([`crate::compaction::within`]).

use std::sync::Arc;

use esker_mem::seqno::SeqNo;

use crate::compact::{CancelToken, pick};
use crate::compaction::leveled::Leveled;
use crate::compaction::picker::CompactionStrategy;
use crate::compaction::within::Within;
use crate::core::Core;
use crate::error::Result;
use crate::key_range::KeyRange;
use crate::shape::shape;

/// Merges what holds keys of `range` into one level; false if running jobs stand in the way.
pub(crate) fn compact_range(core: &Arc<Core>, range: &KeyRange, advice: SeqNo) -> Result<bool> {
    let Some(deepest) = deepest_level(core, range) else { return Ok(true) };
    let target = deepest.max(1);
    for level in 0..target {
        let step = Within {
            range,
            level,
            all_below: level + 1 == target,
            target_table_bytes: Leveled::default().target_table_bytes,
        };
        match pick(core, &step, true) {
            Some(job) => {
                job.run(advice, &CancelToken::default())?;
            }
            None if has_work(core, &step) => return Ok(false),
            None => {}
        }
    }
    Ok(true)
}

fn has_work(core: &Core, step: &Within<'_>) -> bool {
    let jobs = core.jobs();
    step.debt(&shape(core, &core.state.view(), &jobs, true)) > 0
}

/// The deepest level with a table that overlaps the range.
fn deepest_level(core: &Core, range: &KeyRange) -> Option<usize> {
    let view = core.state.view_owned();
    let overlapping = view
        .version
        .placed()
        .filter(|placed| range.overlaps(placed.table.smallest(), placed.table.largest(), core.order()));
    overlapping.map(|placed| placed.level).max()
}
