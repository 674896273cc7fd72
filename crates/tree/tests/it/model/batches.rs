//! Batches of a run.

use std::collections::HashSet;

use esker_tree::{Error, WriteBatch};

use super::oracle::What;
use super::subject::{Done, Outcome, Subject, same, told};
use super::universe::Universe;

impl Subject {
    /// A batch under one number: every third operation is a deletion, and every fifth a value that expires.
    pub(super) fn apply_batch(&mut self, keys: &[u16], len: usize) -> Outcome {
        let mut classes = HashSet::new();
        let mut batch = WriteBatch::new();
        let mut written = Vec::new();
        for (at, key) in keys.iter().enumerate() {
            let class = self.universe.class(*key);
            if Universe::is_weak(class) || !classes.insert(class) {
                continue;
            }
            if at % 3 == 2 {
                batch.remove(self.universe.key(*key));
                written.push((class, What::Delete));
            } else if at % 5 == 4 {
                let (value, expires_at) = self.expiring(len, 10);
                batch.insert_with_expiry(self.universe.key(*key), &value, expires_at);
                written.push((class, What::Expiring(value, expires_at)));
            } else {
                let value = self.value(len);
                batch.insert(self.universe.key(*key), &value);
                written.push((class, What::Put(value)));
            }
        }
        // A range that ends a few classes on, before it is known what the batch writes there.
        let covered = keys.first().map(|key| self.universe.class(*key)).filter(|_| keys.len() % 4 == 1);
        let covered = covered.map(|start| start..(start + 3).min(self.universe.classes() - 1));
        let covered = covered.filter(|classes| !classes.is_empty());
        if let Some(classes) = &covered {
            let ends = [classes.start, classes.end].map(|class| self.universe.key_of_class(class));
            batch.remove_range(ends[0], ends[1]);
        }
        let seqno = self.seqno.next();
        self.tree().apply_batch(batch, seqno).map_err(told("apply_batch"))?;
        covered.into_iter().flatten().for_each(|class| self.oracle.cover(class, seqno));
        for (class, what) in written {
            self.oracle.write(class, seqno, what);
        }
        Ok(Done::Checked)
    }

    /// A batch that writes a key twice is refused, and nothing of it is written: what follows would tell.
    pub(super) fn apply_batch_twice(&mut self, keys: &[u16], twice: u16) -> Outcome {
        let mut batch = WriteBatch::new();
        batch.insert(self.universe.key(twice), "never seen");
        for key in keys {
            batch.remove(self.universe.key(*key));
        }
        batch.insert(self.universe.key(twice), "never seen either");
        match self.tree().apply_batch(batch, self.seqno.get()) {
            Err(Error::DuplicateKey { .. }) => Ok(Done::Checked),
            other => Err(format!("a batch that writes a key twice: {other:?}")),
        }
    }

    /// Whether there is room is asked of everybody, and there is: no limit was set.
    pub(super) fn ask_for_room(&self) -> Outcome {
        self.tree().write_admission().map_err(told("write_admission"))?;
        let stats = self.tree().storage_stats();
        same("bytes in use", &stats.used, &(stats.table_bytes + stats.memtable_bytes))?;
        same("bytes of tables", &stats.table_bytes, &self.tree().disk_space())?;
        same("tables", &stats.tables, &self.tree().table_count())?;
        same("tombstones", &stats.tombstones, &self.tree().tombstone_count())?;
        Ok(Done::Checked)
    }
}
