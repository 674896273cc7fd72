//! redb, a copy-on-write B-tree without a log. Its durability below `Immediate` keeps commits in the process until a
//! durable one: a killed process loses them, so its *os* rows are marked.

use std::path::Path;

use redb::{Database, ReadableDatabase as _, TableDefinition};

use crate::engine::{Durability, Engine, Facts, Outcome, Settings, Settled};

const TABLE: TableDefinition<'_, &[u8], &[u8]> = TableDefinition::new("bench");

/// An open redb database.
pub struct Redb {
    database: Database,
    sync: bool,
}

impl Redb {
    fn write(&self, change: impl FnOnce(&mut redb::Table<'_, &'static [u8], &'static [u8]>) -> Outcome<()>) -> Outcome<()> {
        let mut transaction = self.database.begin_write()?;
        if !self.sync {
            transaction.set_durability(redb::Durability::None)?;
        }
        change(&mut transaction.open_table(TABLE)?)?;
        Ok(transaction.commit()?)
    }
}

impl Engine for Redb {
    const FACTS: Facts = Facts {
        os: false,
        lz4: false,
        note: "no log; unsynced commits (`Durability::None`) stay in the process until a synced one",
        ..Facts::ALL
    };

    fn open(folder: &Path, settings: Settings) -> Outcome<Redb> {
        let database = Database::builder()
            .set_cache_size(usize::try_from(settings.cache_bytes)?)
            .create(folder.join("redb"))?;
        let redb = Redb { database, sync: settings.durability == Durability::Sync };
        redb.write(|_| Ok(()))?;
        Ok(redb)
    }

    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        self.write(|table| {
            table.insert(key, value)?;
            Ok(())
        })
    }

    fn delete(&self, key: &[u8]) -> Outcome<()> {
        self.write(|table| {
            table.remove(key)?;
            Ok(())
        })
    }

    fn put_all<'a>(&self, pairs: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Outcome<()> {
        self.write(|table| {
            for (key, value) in pairs {
                table.insert(key, value)?;
            }
            Ok(())
        })
    }

    fn get(&self, key: &[u8], show: impl FnOnce(Option<&[u8]>)) -> Outcome<()> {
        let table = self.database.begin_read()?.open_table(TABLE)?;
        let value = table.get(key)?;
        show(value.as_ref().map(redb::AccessGuard::value));
        Ok(())
    }

    fn scan(&self, from: &[u8], limit: usize, mut show: impl FnMut(&[u8], &[u8])) -> Outcome<()> {
        let table = self.database.begin_read()?.open_table(TABLE)?;
        for entry in table.range(from..)?.take(limit) {
            let (key, value) = entry?;
            show(key.value(), value.value());
        }
        Ok(())
    }

    fn scan_back(&self, mut show: impl FnMut(&[u8], &[u8])) -> Outcome<()> {
        let table = self.database.begin_read()?.open_table(TABLE)?;
        for entry in table.range::<&[u8]>(..)?.rev() {
            let (key, value) = entry?;
            show(key.value(), value.value());
        }
        Ok(())
    }

    fn settle(&self) -> Outcome<Settled> {
        self.database.begin_write()?.commit()?;
        Ok(Settled::EXACTLY)
    }
}
