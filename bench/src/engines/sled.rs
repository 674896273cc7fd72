//! sled. It hands its log to the operating system every 500 ms (its default) and not at each write, so its *os* rows are
//! marked; a sync is its `flush`, which on Linux is `sync_file_range` and leaves the data in the device's cache: marked too. Compression is zstd only, so it has no lz4 row.

use std::path::Path;

use sled::{Config, Db, Mode};

use crate::engine::{Durability, Engine, Facts, Outcome, Settings, Settled, Synced};
use crate::engines::show_pairs;

/// An open sled database.
pub struct Sled {
    database: Db,
    sync: bool,
}

impl Sled {
    fn acknowledge(&self) -> Outcome<()> {
        if self.sync {
            self.database.flush()?;
        }
        Ok(())
    }
}

impl Engine for Sled {
    const FACTS: Facts = Facts {
        os: false,
        sync: Synced::Handed,
        lz4: false,
        note: "writes its log every 500 ms; a sync is its `flush`: `sync_file_range`, which flushes no cache of the device",
    };

    const LOADS_BY_BATCHES: bool = false;

    fn open(folder: &Path, settings: Settings) -> Outcome<Sled> {
        let database = Config::new()
            .path(folder)
            .cache_capacity(settings.cache_bytes)
            .mode(Mode::HighThroughput)
            .open()?;
        Ok(Sled { database, sync: settings.durability == Durability::Sync })
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.database.insert(key, value)?;
        self.acknowledge()
    }

    fn delete(&self, key: &[u8]) -> Outcome<()> {
        self.database.remove(key)?;
        self.acknowledge()
    }

    fn put_all<'a>(&self, pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Outcome<()> {
        let mut batch = sled::Batch::default();
        for (key, value) in pairs {
            batch.insert(key, value);
        }
        self.database.apply_batch(batch)?;
        self.acknowledge()
    }

    fn get(&self, key: &[u8], show: impl FnOnce(Option<&[u8]>)) -> Outcome<()> {
        show(self.database.get(key)?.as_deref());
        Ok(())
    }

    fn scan(&self, from: &[u8], limit: usize, show: impl FnMut(&[u8], &[u8])) -> Outcome<()> {
        show_pairs(self.database.range(from..).take(limit), show)
    }

    fn scan_back(&self, show: impl FnMut(&[u8], &[u8])) -> Outcome<()> {
        show_pairs(self.database.iter().rev(), show)
    }

    fn settle(&self) -> Outcome<Settled> {
        self.database.flush()?;
        Ok(Settled::EXACTLY)
    }
}
