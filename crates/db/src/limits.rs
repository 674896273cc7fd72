//! Storage limits of keyspaces: which writes they refuse.
//!
//! A keyspace with a limit says so in its flags, which every write looks at anyway; only then is the tree asked what it uses. Writes
//! that delete are let in, since they are how room is made. A batch is refused as a whole (INV-COMMIT-23).
//!
//! Several writers at once may exceed a limit by what they write, and compactions need room of their own. What is ingested
//! counts, but is not refused.
//!
//! Not here: what a tree uses (`esker_tree`), the settings ([`crate::options::live`]).

use esker_format::batch::{BatchReader, Operation};

use crate::error::Result;
use crate::state::KeyspaceState;

/// Refuses a write of `bytes` to a keyspace that is dropped, or for which there is no room.
#[cold]
#[inline(never)]
pub(crate) fn admit_one(keyspace: &KeyspaceState, operation: Operation, bytes: usize) -> Result<()> {
    keyspace.check()?;
    if makes_room(operation) || !keyspace.is_limited() { Ok(()) } else { admit(keyspace, 1, bytes) }
}

/// Refuses a batch of `count` operations if there is no room for what of it goes to `keyspace`.
#[cold]
#[inline(never)]
pub(crate) fn admit_batch(keyspace: &KeyspaceState, payload: &[u8], count: u32) -> Result<()> {
    let (mut entries, mut bytes) = (0, 0);
    for operation in BatchReader::new(payload, count).flatten() {
        if operation.keyspace == keyspace.id && !makes_room(operation.operation) {
            entries += 1;
            bytes += operation.key.len() + operation.value.len();
        }
    }
    if entries == 0 { Ok(()) } else { admit(keyspace, entries, bytes) }
}

fn admit(keyspace: &KeyspaceState, entries: usize, bytes: usize) -> Result<()> {
    keyspace.tree.has_room_for(entries, bytes).map_err(|error| keyspace.error(error))
}

const fn makes_room(operation: Operation) -> bool {
    matches!(operation, Operation::Delete | Operation::SingleDelete | Operation::RangeDelete)
}
