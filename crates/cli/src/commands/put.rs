//! `esker put`: one value, durable when the command ends.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::args::PutArgs;
use crate::failure::{Failure, Outcome};
use crate::store::{MAX_VALUE_BYTES, Store, check_key, check_value};
use crate::text::Notation;

/// Runs the command.
pub(crate) fn run(arguments: &PutArgs) -> Outcome {
    let notation = arguments.notation.notation();
    let key = notation.argument("the key", &arguments.key)?;
    check_key(&key)?;
    let value = value(arguments, notation)?;
    let store = Store::open_or_create(&arguments.target, &arguments.creation)?;
    store.keyspace.put(&key, &value)?;
    store.close()
}

fn value(arguments: &PutArgs, notation: Notation) -> Outcome<Vec<u8>> {
    match (&arguments.value, &arguments.value_file) {
        (Some(value), _) => notation.argument("the value", value),
        (None, Some(path)) => read(path),
        (None, None) => Err(Failure::usage("there is no value")),
    }
}

/// Reads a value, but not more than a database takes.
fn read(path: &Path) -> Outcome<Vec<u8>> {
    let unreadable = |error: io::Error| Failure::io("read", path, &error);
    let mut bytes = Vec::new();
    if path == Path::new("-") {
        io::stdin().lock().take(MAX_VALUE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    } else {
        let file = File::open(path).map_err(unreadable)?;
        // Asked first: nobody wants to wait for gigabytes to be read and refused.
        check_value(file.metadata().map_err(unreadable)?.len())?;
        file.take(MAX_VALUE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    }
    check_value(bytes.len() as u64)?;
    Ok(bytes)
}
