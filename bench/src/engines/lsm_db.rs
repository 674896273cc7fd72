//! lsm-db. Its log can only sync each write and is a compile-time feature, so it runs without: its *os* rows are marked and
//! it has no *sync* rows. A scan gathers its whole range in memory first, whatever is taken of it.

use std::ops::Bound;
use std::path::Path;

use lsm_db::{Batch, Lsm, LsmConfig};

use crate::engine::{Engine, Facts, Outcome, Settings, Settled, Synced};
use crate::engines::quiet;

/// An open lsm-db database.
pub struct LsmDb {
    database: Lsm,
}

impl Engine for LsmDb {
    const FACTS: Facts = Facts {
        os: false,
        sync: Synced::Nowhere,
        lz4: false,
        note: "no log (it can only sync each write); a scan gathers its whole range first",
    };

    fn open(folder: &Path, settings: Settings) -> Outcome<LsmDb> {
        let config = LsmConfig::new()
            .memtable_capacity(usize::try_from(settings.write_buffer_bytes)?)
            .block_cache_capacity(usize::try_from(settings.cache_bytes)?);
        Ok(LsmDb { database: Lsm::open_with(folder, config)? })
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        Ok(self.database.put(key, value)?)
    }

    fn delete(&self, key: &[u8]) -> Outcome<()> {
        Ok(self.database.delete(key)?)
    }

    fn put_all<'a>(&self, pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Outcome<()> {
        let mut batch = Batch::new();
        for (key, value) in pairs {
            batch.put(key, value);
        }
        Ok(self.database.write(batch)?)
    }

    fn get(&self, key: &[u8], show: impl FnOnce(Option<&[u8]>)) -> Outcome<()> {
        show(self.database.get(key)?.as_deref());
        Ok(())
    }

    fn scan(&self, from: &[u8], limit: usize, mut show: impl FnMut(&[u8], &[u8])) -> Outcome<()> {
        let range = (Bound::Included(from.to_vec()), Bound::Unbounded);
        self.database.scan(range)?.take(limit).for_each(|(key, value)| show(&key, &value));
        Ok(())
    }

    fn scan_back(&self, mut show: impl FnMut(&[u8], &[u8])) -> Outcome<()> {
        self.database.scan(..)?.rev().for_each(|(key, value)| show(&key, &value));
        Ok(())
    }

    fn settle(&self) -> Outcome<Settled> {
        self.database.flush()?;
        Ok(quiet::wait(|| false))
    }
}
