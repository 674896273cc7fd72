//! Range deletes as operations: checked by the order of their keyspace, and encoded.
//!
//! A range delete is one operation with one sequence number, so that of a batch it removes what came before it and leaves what
//! comes behind. A prefix of nothing but the highest byte takes two: see [`esker_tree::prefix_range`].
//!
//! Not here: what they do (`esker_tree`).

use esker_format::batch::Operation;

use crate::batch::Operations;
use crate::error::Result;
use crate::state::KeyspaceState;

/// Adds the deletion of the keys from `start` up to and without `end`, or remembers why there is none.
pub(crate) fn push_range(operations: &mut Operations, keyspace: &KeyspaceState, start: &[u8], end: &[u8]) {
    if let Err(error) = add_range(operations, keyspace, start, end) {
        operations.refuse(error);
    }
}

/// Adds the deletion of the keys that begin with `prefix`, or remembers why there is none.
pub(crate) fn push_prefix(operations: &mut Operations, keyspace: &KeyspaceState, prefix: &[u8]) {
    if let Err(error) = add_prefix(operations, keyspace, prefix) {
        operations.refuse(error);
    }
}

fn add_range(operations: &mut Operations, keyspace: &KeyspaceState, start: &[u8], end: &[u8]) -> Result<()> {
    keyspace.check()?;
    if keyspace.tree.check_range(start, end).map_err(|error| keyspace.error(error))? {
        operations.push(keyspace.id, Operation::RangeDelete, start, end);
    }
    Ok(())
}

fn add_prefix(operations: &mut Operations, keyspace: &KeyspaceState, prefix: &[u8]) -> Result<()> {
    let order = keyspace.tree.order();
    let range = esker_tree::prefix_range(order, prefix).map_err(|error| keyspace.error(error))?;
    add_range(operations, keyspace, prefix, &range.end)?;
    if let Some(last) = range.last {
        operations.push(keyspace.id, Operation::Delete, &last, &[]);
    }
    Ok(())
}
