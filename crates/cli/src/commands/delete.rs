//! `esker delete`: some keys, all at once, durable when the command ends.

use crate::args::DeleteArgs;
use crate::failure::Outcome;
use crate::store::{Store, check_key};

/// Runs the command.
pub(crate) fn run(arguments: &DeleteArgs) -> Outcome {
    let notation = arguments.notation.notation();
    let mut keys = Vec::with_capacity(arguments.keys.len());
    for key in &arguments.keys {
        let key = notation.argument("the key", key)?;
        check_key(&key)?;
        keys.push(key);
    }
    let store = Store::open(&arguments.target)?;
    let mut batch = store.database.batch();
    for key in &keys {
        batch.delete_in(&store.keyspace, key);
    }
    batch.commit()?;
    store.close()
}
