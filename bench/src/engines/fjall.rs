//! fjall 3: an LSM-tree in Rust. Its default journal mode hands each write to the operating system, which is the
//! durability *os*.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use fjall::config::{BloomConstructionPolicy, CompressionPolicy, FilterPolicy, FilterPolicyEntry};
use fjall::{CompressionType, Database, Keyspace, KeyspaceCreateOptions};

use crate::engine::{Engine, Outcome, Settings};

/// Quiet for this long means settled: its queue of messages cannot be asked.
const QUIET: Duration = Duration::from_millis(300);

/// An open fjall database with one keyspace.
pub struct Fjall {
    database: Database,
    keyspace: Keyspace,
}

impl Fjall {
    /// Opens it in `folder`.
    pub fn open(folder: &Path, settings: Settings) -> Outcome<Fjall> {
        let database = Database::builder(folder)
            .cache_size(settings.cache_bytes)
            .worker_threads(settings.threads)
            .journal_compression(CompressionType::None)
            .open()?;
        let bits = BloomConstructionPolicy::BitsPerKey(settings.bits_per_key as f32);
        let keyspace = database.keyspace("bench", || {
            KeyspaceCreateOptions::default()
                .max_memtable_size(settings.write_buffer_bytes)
                .filter_policy(FilterPolicy::all(FilterPolicyEntry::Bloom(bits)))
                .data_block_compression_policy(CompressionPolicy::disabled())
                .index_block_compression_policy(CompressionPolicy::disabled())
        })?;
        Ok(Fjall { database, keyspace })
    }

    fn is_busy(&self) -> bool {
        self.keyspace.sealed_memtable_count() > 0
            || self.database.outstanding_flushes() > 0
            || self.database.active_compactions() > 0
    }
}

impl Engine for Fjall {
    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        Ok(self.keyspace.insert(key, value)?)
    }

    fn get(&self, key: &[u8], show: &mut dyn FnMut(Option<&[u8]>)) -> Outcome<()> {
        let value = self.keyspace.get(key)?;
        show(value.as_deref());
        Ok(())
    }

    fn scan(&self, show: &mut dyn FnMut(&[u8], &[u8])) -> Outcome<()> {
        for guard in self.keyspace.iter() {
            let (key, value) = guard.into_inner()?;
            show(&key, &value);
        }
        Ok(())
    }

    fn settle(&self) -> Outcome<f64> {
        self.keyspace.rotate_memtable_and_wait()?;
        let mut quiet_since = Instant::now();
        let mut done = self.database.compactions_completed();
        while quiet_since.elapsed() < QUIET {
            sleep(Duration::from_millis(5));
            let now_done = self.database.compactions_completed();
            if self.is_busy() || now_done != done {
                done = now_done;
                quiet_since = Instant::now();
            }
        }
        Ok(quiet_since.elapsed().as_secs_f64())
    }
}
