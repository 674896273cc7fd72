//! The child process of the tour: puts numbered records as fast as it can, until it is killed.
//!
//! After each acknowledged put it notes the count of acknowledged ones in a file, eight bytes at the same place each time:
//! the kernel has them when the process dies. The parent, which knows what each number stands for, checks that every one noted is
//! there afterwards.

use std::path::Path;

use esker::{Builder, Database};
use esker_env::fs::{Fs, OpenOptions};
use esker_env::os::OsFs;

use crate::args::TourWriterArgs;
use crate::failure::{Failure, Outcome};
use crate::tour::reading::scatter;

/// Small, so that a short life has flushes and compactions in it.
const MEMTABLE_BYTES: usize = 8 << 20;

/// Runs until it is killed.
pub(crate) fn run(arguments: &TourWriterArgs) -> Outcome {
    let path = &arguments.acknowledged;
    let note = OsFs.open(path, &OpenOptions::create());
    let note = note.map_err(|error| Failure::io("write", path, &error))?;
    let keyspace = builder(&arguments.directory).open()?.default_keyspace();
    let mut value = Vec::new();
    for number in arguments.first.. {
        value_into(number, &mut value);
        keyspace.put(key(number), &value)?;
        let acknowledged = (number + 1).to_le_bytes();
        note.write_all_at(&acknowledged, 0).map_err(|error| Failure::io("write", path, &error))?;
    }
    Ok(())
}

/// How writer and checker open the database: defaults, but for memtables that fill in a moment.
pub(crate) fn builder(path: &Path) -> Builder {
    Database::builder(path).memtable_bytes(MEMTABLE_BYTES)
}

/// The key of a number: no two alike, and in no order.
pub(crate) fn key(number: u64) -> [u8; 8] {
    scatter(number).to_be_bytes()
}

/// The value of a number: about a hundred bytes that no other number has.
pub(crate) fn value_into(number: u64, value: &mut Vec<u8>) {
    value.clear();
    let mut word = number;
    for _ in 0..13 {
        word = scatter(word ^ number);
        value.extend_from_slice(&word.to_le_bytes());
    }
}
