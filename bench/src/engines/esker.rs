//! esker. Its default durability hands each write to the operating system.
//!
//! Its one memory knob is split by itself: 55 % of the budget is the cache, so the budget is chosen to give the cache
//! that the peers get; a memtable then gets a little less than asked.

use std::path::Path;

use esker::{Codec, Database, KeyspaceOptions, LevelPolicy};

use crate::engine::{self, Engine, Facts, Outcome, Settings, Settled};

/// An open esker database.
pub struct Esker {
    database: Database,
}

impl Engine for Esker {
    const FACTS: Facts = Facts::ALL;

    fn open(folder: &Path, settings: Settings) -> Outcome<Esker> {
        let codec = if settings.lz4 { Codec::Lz4 } else { Codec::None };
        let options = KeyspaceOptions::default()
            .filter_bits_per_key(u8::try_from(settings.bits_per_key)?)
            .compression(LevelPolicy::all(codec));
        let database = Database::builder(folder)
            .memory_budget(usize::try_from(settings.cache_bytes / 11 * 20)?)
            .memtable_bytes(usize::try_from(settings.write_buffer_bytes)?)
            .background_threads(settings.threads)
            .default_durability(match settings.durability {
                engine::Durability::Os => esker::Durability::Os,
                engine::Durability::Sync => esker::Durability::Sync,
            })
            .keyspace("default", options)
            .open()?;
        Ok(Esker { database })
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        Ok(self.database.put(key, value)?)
    }

    fn delete(&self, key: &[u8]) -> Outcome<()> {
        Ok(self.database.delete(key)?)
    }

    fn put_all<'a>(&self, pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Outcome<()> {
        let mut batch = self.database.batch();
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
        let mut scan = self.database.scan(from..);
        for _ in 0..limit {
            let Some((key, value)) = scan.next_ref()? else { break };
            show(key, value);
        }
        Ok(())
    }

    fn scan_back(&self, mut show: impl FnMut(&[u8], &[u8])) -> Outcome<()> {
        let mut scan = self.database.iter();
        while let Some((key, value)) = scan.next_back_ref()? {
            show(key, value);
        }
        Ok(())
    }

    fn settle(&self) -> Outcome<Settled> {
        self.database.flush()?;
        self.database.wait_until_idle()?;
        Ok(Settled::EXACTLY)
    }
}
