//! canopydb, a copy-on-write B-tree with a write-ahead log. Commits are written to the log before they return; a sync
//! waits for the device too. It compresses long values alone, so it has no lz4 row.

use std::path::Path;

use canopydb::{Database, DbOptions, EnvOptions, TreeOptions};

use crate::engine::{Durability, Engine, Facts, Outcome, Settings, Settled};
use crate::engines::show_pairs;

const TREE: &[u8] = b"bench";

/// An open canopydb database with one tree.
pub struct Canopydb {
    database: Database,
}

impl Canopydb {
    fn write(&self, change: impl FnOnce(&mut canopydb::Tree<'_>) -> Result<(), canopydb::Error>) -> Outcome<()> {
        let transaction = self.database.begin_write()?;
        // Its default compresses values from 12 KiB on.
        let mut options = TreeOptions::default();
        options.compress_overflow_values = None;
        change(&mut transaction.get_or_create_tree_with(TREE, options)?)?;
        transaction.commit()?;
        Ok(())
    }
}

impl Engine for Canopydb {
    const FACTS: Facts = Facts { lz4: false, note: "page checksums are off, its default", ..Facts::ALL };

    fn open(folder: &Path, settings: Settings) -> Outcome<Canopydb> {
        let mut environment = EnvOptions::new(folder);
        environment.page_cache_size = usize::try_from(settings.cache_bytes)?;
        let mut options = DbOptions::default();
        options.checkpoint_target_size = usize::try_from(settings.write_buffer_bytes)?;
        options.default_commit_sync = settings.durability == Durability::Sync;
        let canopydb = Canopydb { database: Database::with_options(environment, options)? };
        canopydb.write(|_| Ok(()))?;
        Ok(canopydb)
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.write(|tree| tree.insert(key, value))
    }

    fn delete(&self, key: &[u8]) -> Outcome<()> {
        self.write(|tree| tree.delete(key).map(|_| ()))
    }

    fn put_all<'a>(&self, mut pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Outcome<()> {
        self.write(|tree| pairs.try_for_each(|(key, value)| tree.insert(key, value)))
    }

    fn get(&self, key: &[u8], show: impl FnOnce(Option<&[u8]>)) -> Outcome<()> {
        let transaction = self.database.begin_read()?;
        let tree = transaction.get_tree(TREE)?.ok_or("the tree is gone")?;
        show(tree.get(key)?.as_deref());
        Ok(())
    }

    fn scan(&self, from: &[u8], limit: usize, show: impl FnMut(&[u8], &[u8])) -> Outcome<()> {
        let transaction = self.database.begin_read()?;
        let tree = transaction.get_tree(TREE)?.ok_or("the tree is gone")?;
        show_pairs(tree.range(from..)?.take(limit), show)
    }

    fn scan_back(&self, show: impl FnMut(&[u8], &[u8])) -> Outcome<()> {
        let transaction = self.database.begin_read()?;
        let tree = transaction.get_tree(TREE)?.ok_or("the tree is gone")?;
        show_pairs(tree.iter()?.rev(), show)
    }

    fn settle(&self) -> Outcome<Settled> {
        self.database.checkpoint()?;
        Ok(Settled::EXACTLY)
    }
}
