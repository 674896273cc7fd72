//! fjall. By default it hands each write to the operating system, as the row *os* asks; a sync is its documented
//! `persist`. Separated values are its own option.

use std::path::Path;

use fjall::config::{BloomConstructionPolicy, CompressionPolicy, FilterPolicy, FilterPolicyEntry};
use fjall::{
    CompressionType, Database, Guard, Keyspace, KeyspaceCreateOptions, KvSeparationOptions, PersistMode,
};

use crate::engine::{Durability, Engine, Facts, Outcome, Settings, Settled};
use crate::engines::{quiet, show_pairs};

/// An open fjall database with one keyspace.
pub struct Fjall {
    database: Database,
    keyspace: Keyspace,
    sync: bool,
}

impl Fjall {
    fn is_busy(&self) -> bool {
        self.keyspace.sealed_memtable_count() > 0
            || self.database.outstanding_flushes() > 0
            || self.database.active_compactions() > 0
    }

    fn acknowledge(&self) -> Outcome<()> {
        if self.sync { Ok(self.database.persist(PersistMode::SyncData)?) } else { Ok(()) }
    }
}

impl Engine for Fjall {
    const FACTS: Facts = Facts::ALL;

    fn open(folder: &Path, settings: Settings) -> Outcome<Fjall> {
        let codec = if settings.lz4 { CompressionType::Lz4 } else { CompressionType::None };
        let database = Database::builder(folder)
            .cache_size(settings.cache_bytes)
            .worker_threads(settings.threads)
            .journal_compression(CompressionType::None)
            .open()?;
        let bits = BloomConstructionPolicy::BitsPerKey(settings.bits_per_key as f32);
        let separation = KvSeparationOptions::default().compression(codec);
        let keyspace = database.keyspace("bench", || {
            KeyspaceCreateOptions::default()
                .max_memtable_size(settings.write_buffer_bytes)
                .filter_policy(FilterPolicy::all(FilterPolicyEntry::Bloom(bits)))
                .data_block_compression_policy(CompressionPolicy::all(codec))
                .index_block_compression_policy(CompressionPolicy::disabled())
                .with_kv_separation(settings.separate_values.then_some(separation))
        })?;
        Ok(Fjall { database, keyspace, sync: settings.durability == Durability::Sync })
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.keyspace.insert(key, value)?;
        self.acknowledge()
    }

    fn delete(&self, key: &[u8]) -> Outcome<()> {
        self.keyspace.remove(key)?;
        self.acknowledge()
    }

    fn put_all<'a>(&self, pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Outcome<()> {
        let mut batch = self.database.batch();
        for (key, value) in pairs {
            batch.insert(&self.keyspace, key, value);
        }
        batch.commit()?;
        self.acknowledge()
    }

    fn get(&self, key: &[u8], show: impl FnOnce(Option<&[u8]>)) -> Outcome<()> {
        show(self.keyspace.get(key)?.as_deref());
        Ok(())
    }

    fn scan(&self, from: &[u8], limit: usize, show: impl FnMut(&[u8], &[u8])) -> Outcome<()> {
        show_pairs(self.keyspace.range(from..).take(limit).map(Guard::into_inner), show)
    }

    fn scan_back(&self, show: impl FnMut(&[u8], &[u8])) -> Outcome<()> {
        show_pairs(self.keyspace.iter().rev().map(Guard::into_inner), show)
    }

    fn settle(&self) -> Outcome<Settled> {
        self.keyspace.rotate_memtable_and_wait()?;
        let mut done = self.database.compactions_completed();
        Ok(quiet::wait(|| {
            let before = std::mem::replace(&mut done, self.database.compactions_completed());
            self.is_busy() || before != done
        }))
    }
}
