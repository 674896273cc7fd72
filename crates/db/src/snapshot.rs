//! A snapshot: every keyspace as it was at one moment, for as long as it is held.
//!
//! Taking one reads the visible sequence number and registers it as a bound with each keyspace's tree, which from then
//! on drops nothing that the bound sees. A tree may meanwhile have collected up to a newer number and refuse the bound;
//! then a newer one is taken for all (INV-KEYSPACE-5): the bound is always the same in every keyspace.
//!
//! Cost: a short lock per keyspace, no I/O. A held snapshot keeps old versions, and so disk space.
//!
//! Not here: reading at it ([`crate::keyspace`]).

use std::collections::BTreeMap;
use std::sync::Arc;

use esker_format::ids::KeyspaceId;
use esker_mem::seqno::SeqNo;

use crate::core::Core;
use crate::error::Result;
use crate::state::KeyspaceState;

/// A keyspace and the guard that holds its versions.
type Held = (Arc<KeyspaceState>, esker_tree::Snapshot);

/// The bound and the guards of one snapshot.
pub(crate) struct Guards {
    pub(crate) core: Arc<Core>,
    pub(crate) bound: SeqNo,
    held: BTreeMap<KeyspaceId, Held>,
}

impl Guards {
    /// Whether the keyspace existed when the snapshot was taken. One that did not is seen as empty.
    pub(crate) fn covers(&self, id: KeyspaceId) -> bool {
        self.held.contains_key(&id)
    }

    /// The keyspace of this name, as of the snapshot.
    pub(crate) fn find(&self, name: &str) -> Option<&Arc<KeyspaceState>> {
        self.held.values().map(|(keyspace, _)| keyspace).find(|keyspace| keyspace.name == name)
    }
}

/// Takes a snapshot of all keyspaces at one bound.
pub(crate) fn take(core: &Arc<Core>) -> Result<Guards> {
    core.health.check_open()?;
    loop {
        let bound = core.visible();
        let mut held = BTreeMap::new();
        let mut is_overtaken = false;
        for keyspace in core.registry.all() {
            match keyspace.tree.snapshot(bound) {
                Ok(guard) => {
                    held.insert(keyspace.id, (keyspace, guard));
                }
                Err(esker_tree::Error::SnapshotTooOld { .. }) => {
                    is_overtaken = true;
                    break;
                }
                Err(error) => return Err(keyspace.error(error)),
            }
        }
        if !is_overtaken {
            return Ok(Guards { core: Arc::clone(core), bound, held });
        }
    }
}
