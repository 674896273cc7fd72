//! Opening a database for one command.
//!
//! Reading commands never create anything, and writing ones make every write durable before they say that it is done: a
//! command ends right after its write, so nothing later could.
//!
//! Not here: the one command that works on closed databases ([`crate::commands::verify`]).

use std::path::Path;

use esker::{Builder, Database, Durability, Keyspace, KeyspaceOptions};

use crate::args::{Creation, Target};
use crate::failure::{Failure, Outcome};

/// The longest key that a database takes.
pub(crate) const MAX_KEY_BYTES: usize = 65_535;
/// The longest value that a database takes.
pub(crate) const MAX_VALUE_BYTES: u64 = 4_294_967_295;

/// Each opening begins a segment of the log; for one command a small one does.
const LOG_SEGMENT_BYTES: u64 = 1 << 20;
/// So many segments may gather, command by command, before one of them flushes what they hold and so frees them.
const MAX_LOG_SEGMENTS: usize = 16;

/// A database and the keyspace that the command works on.
pub(crate) struct Store {
    /// The database.
    pub(crate) database: Database,
    /// The keyspace named on the command line, or the default one.
    pub(crate) keyspace: Keyspace,
}

impl Store {
    /// Opens an existing database and an existing keyspace.
    pub(crate) fn open(target: &Target) -> Outcome<Self> {
        Self::with(open_existing(&target.directory)?, target.keyspace.as_deref())
    }

    /// Opens a database, which is created in a missing or empty directory, and a keyspace, which is created only if the
    /// caller says so.
    pub(crate) fn open_or_create(target: &Target, creation: &Creation) -> Outcome<Self> {
        // A keyspace that may not be created cannot be in a database that is yet to be.
        let database = if target.keyspace.is_some() && !creation.create_keyspace {
            open_existing(&target.directory)?
        } else {
            builder(&target.directory).open()?
        };
        match &target.keyspace {
            Some(name) if creation.create_keyspace => {
                let keyspace = database.keyspace(name, KeyspaceOptions::new())?;
                Ok(Self { database, keyspace })
            }
            name => Self::with(database, name.as_deref()),
        }
    }

    fn with(database: Database, name: Option<&str>) -> Outcome<Self> {
        if database.stats().log_segments > MAX_LOG_SEGMENTS {
            // Housekeeping: if it fails, what the command itself does is not worse off, and a write says why.
            let _ = database.flush();
        }
        let keyspace = match name {
            None => database.default_keyspace(),
            Some(name) if database.keyspaces().iter().any(|known| known == name) => {
                database.keyspace(name, KeyspaceOptions::new())?
            }
            Some(name) => return Err(unknown_keyspace(&database, name)),
        };
        Ok(Self { database, keyspace })
    }

    /// Ends the work on the database; what it could not do is the command's failure.
    pub(crate) fn close(self) -> Outcome {
        drop(self.keyspace);
        Ok(self.database.close()?)
    }
}

fn open_existing(directory: &Path) -> Outcome<Database> {
    Ok(builder(directory).create_if_missing(false).open()?)
}

fn builder(directory: &Path) -> Builder {
    Database::builder(directory).default_durability(Durability::Sync).log_segment_bytes(LOG_SEGMENT_BYTES)
}

fn unknown_keyspace(database: &Database, name: &str) -> Failure {
    let known = database.keyspaces().join(", ");
    Failure::usage(format!("there is no keyspace {name:?}; there are: {known}"))
}

/// Refuses a key that no database takes, before one is opened or created for it.
pub(crate) fn check_key(key: &[u8]) -> Outcome {
    if key.len() > MAX_KEY_BYTES {
        return Err(Failure::usage(format!("a key of {} bytes is over the limit of 65,535", key.len())));
    }
    Ok(())
}

/// Refuses a value that no database takes, before it is read into memory.
pub(crate) fn check_value(len: u64) -> Outcome {
    if len > MAX_VALUE_BYTES {
        return Err(Failure::usage(format!("a value of {len} bytes is over the limit of 4,294,967,295")));
    }
    Ok(())
}
