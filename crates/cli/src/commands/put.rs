//! `esker put`: one value, durable when the command ends.

use std::io::Read;
use std::path::Path;

use crate::args::PutArgs;
use crate::failure::{Failure, Outcome};
use crate::store::{Store, check_key};
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

fn read(path: &Path) -> Outcome<Vec<u8>> {
    let mut bytes = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut bytes).map(|_| ())
    } else {
        std::fs::read(path).map(|read| bytes = read)
    };
    read.map_err(|error| Failure::io("read", path, &error))?;
    Ok(bytes)
}
