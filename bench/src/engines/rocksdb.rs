//! RocksDB, set up as its tuning guide says: dynamic level sizes, the clock cache, pipelined writes off (the default),
//! blob files for separated values. Indexes and filters stay outside the block cache, which is its default and is to
//! its advantage here.

use std::path::Path;

use rocksdb::{
    BlockBasedOptions, Cache, DB, DBCompressionType, Options, WaitForCompactOptions, WriteBatch,
    WriteOptions,
};

use crate::engine::{Durability, Engine, Facts, Outcome, Settings, Settled};

/// Values from here on go to blob files when they are to be separated.
const SEPARATED_BYTES: u64 = 1_024;

/// An open RocksDB.
pub struct RocksDb {
    database: DB,
    write: WriteOptions,
}

impl Engine for RocksDb {
    const FACTS: Facts = Facts::ALL;

    fn open(folder: &Path, settings: Settings) -> Outcome<RocksDb> {
        let codec = if settings.lz4 { DBCompressionType::Lz4 } else { DBCompressionType::None };
        let cache = Cache::new_hyper_clock_cache(usize::try_from(settings.cache_bytes)?, 0);
        let mut table = BlockBasedOptions::default();
        table.set_block_cache(&cache);
        table.set_bloom_filter(f64::from(settings.bits_per_key), false);
        table.set_format_version(6);
        let mut options = Options::default();
        options.create_if_missing(true);
        options.set_block_based_table_factory(&table);
        options.set_write_buffer_size(usize::try_from(settings.write_buffer_bytes)?);
        options.set_max_background_jobs(i32::try_from(settings.threads)?);
        options.set_compression_type(codec);
        options.set_level_compaction_dynamic_level_bytes(true);
        options.set_bytes_per_sync(1 << 20);
        if settings.separate_values {
            options.set_enable_blob_files(true);
            options.set_min_blob_size(SEPARATED_BYTES);
            options.set_blob_compression_type(codec);
            options.set_enable_blob_gc(true);
            options.set_blob_cache(&cache);
        }
        let mut write = WriteOptions::default();
        write.set_sync(settings.durability == Durability::Sync);
        Ok(RocksDb { database: DB::open(&options, folder)?, write })
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        Ok(self.database.put_opt(key, value, &self.write)?)
    }

    fn delete(&self, key: &[u8]) -> Outcome<()> {
        Ok(self.database.delete_opt(key, &self.write)?)
    }

    fn put_all<'a>(&self, pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Outcome<()> {
        let mut batch = WriteBatch::default();
        for (key, value) in pairs {
            batch.put(key, value);
        }
        Ok(self.database.write_opt(batch, &self.write)?)
    }

    fn get(&self, key: &[u8], show: impl FnOnce(Option<&[u8]>)) -> Outcome<()> {
        show(self.database.get_pinned(key)?.as_deref());
        Ok(())
    }

    fn scan(&self, from: &[u8], limit: usize, mut show: impl FnMut(&[u8], &[u8])) -> Outcome<()> {
        let mut cursor = self.database.raw_iterator();
        cursor.seek(from);
        for _ in 0..limit {
            let Some((key, value)) = cursor.item() else { break };
            show(key, value);
            cursor.next();
        }
        Ok(cursor.status()?)
    }

    fn scan_back(&self, mut show: impl FnMut(&[u8], &[u8])) -> Outcome<()> {
        let mut cursor = self.database.raw_iterator();
        cursor.seek_to_last();
        while let Some((key, value)) = cursor.item() {
            show(key, value);
            cursor.prev();
        }
        Ok(cursor.status()?)
    }

    fn settle(&self) -> Outcome<Settled> {
        let mut wait = WaitForCompactOptions::default();
        wait.set_flush(true);
        self.database.wait_for_compact(&wait)?;
        Ok(Settled::EXACTLY)
    }
}
