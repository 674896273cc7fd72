//! esker. Its default durability hands each write to the operating system.
//!
//! Its one memory knob is split by itself: 55 % of the budget is the cache, so the budget is chosen to give the cache
//! that the peers get; a memtable then gets a little less than asked. It is built without its compression feature, as
//! compression is off for all.

use std::path::Path;

use esker::Database;

use crate::engine::{Engine, Outcome, Settings};

/// An open esker database.
pub struct Esker {
    database: Database,
}

impl Esker {
    /// Opens it in `folder`.
    pub fn open(folder: &Path, settings: Settings) -> Outcome<Esker> {
        let database = Database::builder(folder)
            .memory_budget(usize::try_from(settings.cache_bytes / 11 * 20)?)
            .memtable_bytes(usize::try_from(settings.write_buffer_bytes)?)
            .background_threads(settings.threads)
            .open()?;
        Ok(Esker { database })
    }
}

impl Engine for Esker {
    fn put(&self, key: &[u8], value: &[u8]) -> Outcome<()> {
        Ok(self.database.put(key, value)?)
    }

    fn get(&self, key: &[u8], show: &mut dyn FnMut(Option<&[u8]>)) -> Outcome<()> {
        let value = self.database.get(key)?;
        show(value.as_deref());
        Ok(())
    }

    fn scan(&self, show: &mut dyn FnMut(&[u8], &[u8])) -> Outcome<()> {
        for entry in self.database.iter() {
            let (key, value) = entry?;
            show(&key, &value);
        }
        Ok(())
    }

    fn settle(&self) -> Outcome<f64> {
        self.database.flush()?;
        self.database.wait_until_idle()?;
        Ok(0.0)
    }
}
