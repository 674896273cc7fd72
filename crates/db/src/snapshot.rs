//! A snapshot: every keyspace as it was at one moment, for as long as it is held.
//!
//! Taking one reads the visible sequence number and registers it as a bound with each keyspace's tree, which from then
//! on drops nothing that the bound sees. A tree may meanwhile have collected up to a newer number and refuse the bound;
//! then a newer one is taken for all (INV-KEYSPACE-5): the bound is always the same in every keyspace. So is the time by which
//! values expire for it.
//!
//! Cost: a short lock per keyspace, no I/O. A held snapshot keeps old versions, and so disk space.
//!
//! Not here: reading at it ([`crate::keyspace`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use esker_format::ids::KeyspaceId;
use esker_mem::seqno::SeqNo;
use esker_tree::Tree;

use crate::core::Core;
use crate::error::Result;
use crate::state::KeyspaceState;

/// A keyspace as a snapshot holds it.
struct Held {
    keyspace: Arc<KeyspaceState>,
    /// Its tree at the time of the snapshot, for reading.
    tree: Tree,
    /// Holds what is seen at the bound.
    _guard: esker_tree::Snapshot,
}

/// The bound, the time and the guards of one snapshot.
pub(crate) struct Guards {
    pub(crate) core: Arc<Core>,
    pub(crate) bound: SeqNo,
    held: BTreeMap<KeyspaceId, Held>,
}

impl Guards {
    /// The tree of a keyspace, for reading at the bound and by the time of the snapshot; none if the keyspace is younger, which is
    /// seen as empty.
    pub(crate) fn tree(&self, id: KeyspaceId) -> Option<&Tree> {
        self.held.get(&id).map(|held| &held.tree)
    }

    /// The keyspace of this name, as of the snapshot.
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<KeyspaceState>> {
        self.held.values().map(|held| &held.keyspace).find(|keyspace| keyspace.name == name)
    }
}

/// Takes a snapshot of all keyspaces at one bound.
pub(crate) fn take(core: &Arc<Core>) -> Result<Guards> {
    core.health.check_open()?;
    loop {
        let bound = core.visible();
        let mut guards = Vec::new();
        let mut is_overtaken = false;
        for keyspace in core.registry.all() {
            match keyspace.tree.snapshot(bound) {
                Ok(guard) => guards.push((keyspace, guard)),
                Err(esker_tree::Error::SnapshotTooOld { .. }) => {
                    is_overtaken = true;
                    break;
                }
                Err(error) => return Err(keyspace.error(error)),
            }
        }
        if !is_overtaken {
            // The latest of their times is one up to which none of them has let anything go that was not expired by then.
            let time = guards.iter().map(|(_, guard)| guard.time()).max().unwrap_or_default();
            let held = guards.into_iter().map(|(keyspace, guard)| {
                let tree = keyspace.tree.at_time(time);
                (keyspace.id, Held { keyspace, tree, _guard: guard })
            });
            return Ok(Guards { core: Arc::clone(core), bound, held: held.collect() });
        }
    }
}
