//! LMDB through heed, a copy-on-write B-tree in a mapped file. With `NO_SYNC` a commit is written to the file with
//! `pwrite`, so that it survives a killed process: the row *os*. It has no cache of its own (it reads the page cache)
//! and no compression.

use std::ops::Bound;
use std::path::Path;

use heed::types::Bytes;
use heed::{CommitOrAbort, Database, Env, EnvFlags, EnvOpenOptions, RwTxn, WithTls};

use crate::engine::{Durability, Engine, Facts, Outcome, Settings, Settled};
use crate::engines::show_pairs;

/// Address space of the mapped file; the file itself grows as needed.
const MAP_BYTES: usize = 64 << 30;

/// An open LMDB environment with one database.
pub struct Heed {
    env: &'static Env<WithTls>,
    database: Database<'static, Bytes, Bytes>,
}

impl Heed {
    fn write(
        &self,
        change: impl FnOnce(&Database<'static, Bytes, Bytes>, &mut RwTxn<'_>) -> heed::Result<()>,
    ) -> Outcome<()> {
        let mut transaction = self.env.write_txn()?;
        change(&self.database, &mut transaction)?;
        Ok(transaction.commit()?)
    }
}

impl Engine for Heed {
    const FACTS: Facts = Facts { lz4: false, note: "reads the page cache; no cache of its own to limit", ..Facts::ALL };

    fn open(folder: &Path, settings: Settings) -> Outcome<Heed> {
        let mut options = EnvOpenOptions::new();
        options.map_size(MAP_BYTES);
        #[allow(unsafe_code, reason = "the flag is unsafe as it may lose commits in a power loss, which is what the row means")]
        if settings.durability == Durability::Os {
            // SAFETY: without a sync, a crash of the system may damage the file; the harness never reads it after one.
            unsafe { options.flags(EnvFlags::NO_SYNC) };
        }
        #[allow(unsafe_code, reason = "a map of a file is unsafe as others may change the file")]
        // SAFETY: the folder is this run's own; no other process touches the file.
        let env = unsafe { options.open(folder) }?;
        // A database borrows its environment, and both live as long as this child process.
        let env: &'static Env<WithTls> = Box::leak(Box::new(env));
        let opened = env.create_databases_and_commit(env.write_txn()?, |opener, transaction| {
            opener.create_database::<Bytes, Bytes>(transaction, None).map(CommitOrAbort::<_, ()>::Commit)
        })?;
        let database = opened.commit().ok_or("LMDB gave no database")?;
        Ok(Heed { env, database })
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.write(|database, transaction| database.put(transaction, key, value))
    }

    fn delete(&self, key: &[u8]) -> Outcome<()> {
        self.write(|database, transaction| database.delete(transaction, key).map(|_| ()))
    }

    fn put_all<'a>(&self, mut pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Outcome<()> {
        self.write(|database, transaction| pairs.try_for_each(|(key, value)| database.put(transaction, key, value)))
    }

    fn get(&self, key: &[u8], show: impl FnOnce(Option<&[u8]>)) -> Outcome<()> {
        let transaction = self.env.read_txn()?;
        show(self.database.get(&transaction, key)?);
        Ok(())
    }

    fn scan(&self, from: &[u8], limit: usize, show: impl FnMut(&[u8], &[u8])) -> Outcome<()> {
        let transaction = self.env.read_txn()?;
        // LMDB refuses empty keys, bounds included.
        let first = if from.is_empty() { Bound::Unbounded } else { Bound::Included(from) };
        let range = (first, Bound::Unbounded);
        show_pairs(self.database.range(&transaction, &range)?.take(limit), show)
    }

    fn scan_back(&self, show: impl FnMut(&[u8], &[u8])) -> Outcome<()> {
        let transaction = self.env.read_txn()?;
        show_pairs(self.database.rev_iter(&transaction)?, show)
    }

    fn settle(&self) -> Outcome<Settled> {
        self.env.force_sync()?;
        Ok(Settled::EXACTLY)
    }
}
