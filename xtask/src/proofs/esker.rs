//! esker as the proofs see it: the one file to change when the database's face does.

use std::path::Path;

use esker::{Database, LogMapping};
use esker_testkit::oracle::change::{Change, Durability, Op};

use crate::proofs::store::{Settings, Store};

/// An open database.
pub(crate) struct Esker {
    database: Database,
}

impl Esker {
    /// Opens the database in `folder`, or creates it.
    pub(crate) fn open(folder: &Path, settings: Settings) -> Result<Esker, String> {
        let mut builder = Database::builder(folder);
        if let Some(bytes) = settings.budget_bytes {
            builder = builder.memory_budget(in_memory(bytes)?);
        }
        if let Some(bytes) = settings.memtable_bytes {
            builder = builder.memtable_bytes(in_memory(bytes)?);
        }
        if let Some(bytes) = settings.log_bytes {
            builder = builder.max_wal_bytes(bytes);
        }
        if let Some(bytes) = settings.segment_bytes {
            builder = builder.log_segment_bytes(bytes);
        }
        if let Some(yes) = settings.maps_log {
            builder = builder.log_mapping(if yes { LogMapping::Always } else { LogMapping::Never });
        }
        let database = builder.open().map_err(told)?;
        Ok(Esker { database })
    }

    /// Closes it and says whether that went well.
    pub(crate) fn close(self) -> Result<(), String> {
        self.database.close().map_err(told)
    }
}

impl Store for Esker {
    fn put(&self, key: &[u8], value: &[u8]) -> Result<(), String> {
        self.database.put(key, value).map_err(told)
    }

    fn apply(&self, changes: &[Change], durability: Durability) -> Result<(), String> {
        let durability = match durability {
            Durability::Buffered => esker::Durability::Buffered,
            Durability::Os => esker::Durability::Os,
            Durability::Sync => esker::Durability::Sync,
        };
        let mut batch = self.database.batch();
        for change in changes {
            match &change.op {
                Op::Put(key, value) => batch.put(key, value),
                Op::Delete(key) => batch.delete(key),
                other => return Err(format!("the proofs do not write {other:?}")),
            }
        }
        batch.commit_with(durability).map_err(told)
    }

    fn get(&self, key: &[u8], show: &mut dyn FnMut(Option<&[u8]>)) -> Result<(), String> {
        let value = self.database.get(key).map_err(told)?;
        show(value.as_deref());
        Ok(())
    }

    fn scan(&self, reverse: bool, show: &mut dyn FnMut(&[u8], &[u8])) -> Result<(), String> {
        let mut scan = self.database.iter();
        while let Some(entry) = if reverse { scan.next_back() } else { scan.next() } {
            let (key, value) = entry.map_err(told)?;
            show(&key, &value);
        }
        Ok(())
    }

    fn settle(&self) -> Result<(), String> {
        self.database.flush().and_then(|()| self.database.wait_until_idle()).map_err(told)
    }
}

fn in_memory(bytes: u64) -> Result<usize, String> {
    usize::try_from(bytes).map_err(|_| format!("{bytes} bytes do not fit in this machine's memory"))
}

fn told(error: impl std::error::Error) -> String {
    error.to_string()
}
