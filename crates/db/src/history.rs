//! History that is kept in the tables of all keyspaces, for change feeds that the log does not reach back for.
//!
//! Each tree keeps its own horizon in its manifest; that of the database is the least of them. A keyspace that is made takes
//! it over before anything is written to it.
//!
//! Not here: what a tree keeps for it ([`esker_tree::Tree::set_feed_horizon`]), reading it ([`crate::changes`]).

use esker_mem::seqno::SeqNo;

use crate::core::Core;
use crate::error::{Error, Result};

/// From which number on history is kept.
pub(crate) fn horizon(core: &Core) -> Option<SeqNo> {
    core.registry.all().iter().filter_map(|keyspace| keyspace.tree.feed_horizon()).min()
}

/// Keeps the history of all keyspaces from `horizon` on, or none.
pub(crate) fn set_horizon(core: &Core, horizon: Option<SeqNo>) -> Result<()> {
    core.health.check_writable()?;
    // No keyspace is made meanwhile.
    let _catalog = core.catalog();
    let keyspaces = core.registry.all();
    let oldest = keyspaces.iter().map(|keyspace| keyspace.tree.oldest_history()).max().unwrap_or(0);
    if horizon.is_some_and(|horizon| horizon < oldest) {
        return Err(Error::HistoryGone { oldest });
    }
    let mut done = Vec::new();
    for keyspace in &keyspaces {
        let before = keyspace.tree.feed_horizon();
        if let Err(error) = keyspace.tree.set_feed_horizon(horizon) {
            // A flush came in between, or the disk is full: all as it was, where that can be.
            for (tree, before) in done {
                let _ = esker_tree::Tree::set_feed_horizon(tree, before);
            }
            return Err(keyspace.error(error));
        }
        done.push((&keyspace.tree, before));
    }
    Ok(())
}
