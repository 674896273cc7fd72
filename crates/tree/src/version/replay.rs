//! Replay: version edits, one after the other, as one edit that says the whole.
//!
//! An edit that takes out a table that is not there, adds one that is, or places one below the last level was not written
//! by us, or not after the edits before it: it is refused.
//!
//! Not here: reading edits ([`super::manifest_log`]).

use std::collections::BTreeMap;

use esker_format::error::DecodeError;
use esker_format::ids::TableId;
use esker_format::manifest::{AddedTable, VersionEdit};

use crate::version::LEVELS;

/// The sum of edits.
#[derive(Debug, Default)]
pub(crate) struct Replay {
    tables: BTreeMap<TableId, AddedTable>,
    state: VersionEdit,
}

impl Replay {
    /// Adds the next edit.
    pub(crate) fn apply(&mut self, edit: VersionEdit) -> Result<(), DecodeError> {
        let broken = |rule| Err(DecodeError::invalid("version edit", 0, rule));
        for removed in &edit.removed {
            let place = self.tables.remove(&removed.table).map(|table| (table.level, table.run));
            if place != Some((removed.level, removed.run)) {
                return broken("a removed table is where the edits before put it");
            }
        }
        for table in edit.added {
            if usize::from(table.level) >= LEVELS {
                return broken("a table is in a level that trees have");
            }
            if self.tables.insert(table.table, table).is_some() {
                return broken("an added table is not there yet");
            }
        }
        let state = &mut self.state;
        state.replay_floor = edit.replay_floor.max(state.replay_floor);
        state.last_seqno = edit.last_seqno.max(state.last_seqno);
        state.watermark = edit.watermark.max(state.watermark);
        state.history_from = edit.history_from.max(state.history_from);
        state.feed_horizon = edit.feed_horizon.or(state.feed_horizon);
        state.next_table = edit.next_table.max(state.next_table);
        state.next_run = edit.next_run.max(state.next_run);
        state.next_blob_file = edit.next_blob_file.max(state.next_blob_file);
        state.comparator = edit.comparator.or_else(|| state.comparator.take());
        state.owner = edit.owner.or(state.owner);
        state.merge_operator = edit.merge_operator.or_else(|| state.merge_operator.take());
        if !edit.level_routes.is_empty() {
            state.level_routes = edit.level_routes;
        }
        state.prefix_extractor = edit.prefix_extractor.or_else(|| state.prefix_extractor.take());
        Ok(())
    }

    /// The whole as one edit.
    pub(crate) fn finish(self) -> VersionEdit {
        VersionEdit { added: self.tables.into_values().collect(), ..self.state }
    }
}

#[cfg(test)]
mod tests;
