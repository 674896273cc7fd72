//! surrealkv. A commit is a future, driven here by a runtime of two threads; its `Eventual` durability leaves it in the
//! page cache, `Immediate` syncs. It compresses with snappy alone, so it has no lz4 row.

use std::path::Path;

use surrealkv::{
    CompactRangeOptions, Durability, Error, LSMIterator as _, Mode, ReadOptions, Transaction, Tree, TreeBuilder,
};
use tokio::runtime::Runtime;

use crate::engine::{self, Engine, Facts, Outcome, Settings, Settled};
use crate::engines::quiet;

/// An open surrealkv tree.
pub struct SurrealKv {
    tree: Tree,
    runtime: Runtime,
    durability: Durability,
}

impl SurrealKv {
    /// Commits a change, again while another thread's commit to the same keys comes between, as its documentation asks for.
    fn write(&self, change: impl Fn(&mut Transaction) -> surrealkv::Result<()>) -> Outcome<()> {
        loop {
            let mut transaction = self.begin()?;
            change(&mut transaction)?;
            match self.runtime.block_on(transaction.commit()) {
                Err(Error::TransactionWriteConflict | Error::TransactionRetry) => {}
                done => return Ok(done?),
            }
        }
    }

    fn begin(&self) -> Outcome<Transaction> {
        Ok(self.tree.begin_with_mode(Mode::WriteOnly)?.with_durability(self.durability))
    }
}

impl Engine for SurrealKv {
    const FACTS: Facts = Facts { lz4: false, ..Facts::ALL };

    fn open(folder: &Path, settings: Settings) -> Outcome<SurrealKv> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(settings.threads).enable_all().build()?;
        let guard = runtime.enter();
        let tree = TreeBuilder::new()
            .with_path(folder.to_path_buf())
            .with_max_memtable_size(usize::try_from(settings.write_buffer_bytes)?)
            .with_block_cache_capacity(settings.cache_bytes)
            .with_enable_vlog(settings.separate_values)
            .without_compression()
            .build()?;
        drop(guard);
        let durability = match settings.durability {
            engine::Durability::Os => Durability::Eventual,
            engine::Durability::Sync => Durability::Immediate,
        };
        Ok(SurrealKv { tree, runtime, durability })
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.write(|transaction| transaction.set(key, value))
    }

    fn delete(&self, key: &[u8]) -> Outcome<()> {
        self.write(|transaction| transaction.delete(key))
    }

    fn put_all<'a>(&self, pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Outcome<()> {
        let mut transaction = self.begin()?;
        for (key, value) in pairs {
            transaction.set(key, value)?;
        }
        Ok(self.runtime.block_on(transaction.commit())?)
    }

    fn get(&self, key: &[u8], show: impl FnOnce(Option<&[u8]>)) -> Outcome<()> {
        show(self.tree.begin_with_mode(Mode::ReadOnly)?.get(key)?.as_deref());
        Ok(())
    }

    fn scan(&self, from: &[u8], limit: usize, mut show: impl FnMut(&[u8], &[u8])) -> Outcome<()> {
        let transaction = self.tree.begin_with_mode(Mode::ReadOnly)?;
        let mut options = ReadOptions::new();
        options.set_iterate_lower_bound(Some(from.to_vec()));
        let mut cursor = transaction.range_with_options(&options)?;
        let mut valid = cursor.seek_first()?;
        for _ in 0..limit {
            if !valid {
                break;
            }
            show(cursor.key().user_key(), &cursor.value_ref()?);
            valid = cursor.next()?;
        }
        Ok(())
    }

    fn scan_back(&self, mut show: impl FnMut(&[u8], &[u8])) -> Outcome<()> {
        let transaction = self.tree.begin_with_mode(Mode::ReadOnly)?;
        let mut cursor = transaction.iter()?;
        let mut valid = cursor.seek_last()?;
        while valid {
            show(cursor.key().user_key(), &cursor.value_ref()?);
            valid = cursor.prev()?;
        }
        Ok(())
    }

    fn settle(&self) -> Outcome<Settled> {
        // Down to level 0 is a flush and no compaction; what the tree compacts by itself is waited for.
        let flush = CompactRangeOptions { flush_memtable: true, target_level: Some(0), rewrite_bottommost: false };
        self.tree.compact_range(None, None, &flush)?;
        Ok(quiet::wait(|| false))
    }
}
