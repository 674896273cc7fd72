//! The storage limit: what a tree uses, and whether a write that asks is let in.
//!
//! Used are the bytes of the tables, and those that the entries of the memtables take, which will become tables. It is two
//! loads and a sum over the memtables, so that every write may ask.
//!
//! The gate is for those who ask ([`admit`]): several that ask at once may together exceed the limit by what they
//! write, and compactions need room of their own for a while. So the limit belongs somewhat below what the disk has.
//!
//! Not here: the settings ([`crate::runtime`]), writing ([`crate::write`]).

use crate::core::Core;
use crate::error::{Error, Result};
use crate::state::View;

/// How a tree stands to its storage limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StorageStatus {
    /// There is no limit.
    Unlimited,
    /// More than a tenth of the limit is available.
    Ample,
    /// A tenth of the limit or less is available.
    Low,
    /// The limit is reached: writes that ask are refused, if [`crate::RuntimeConfig::storage_admission`] is on.
    Full,
}

/// What a tree uses, and what is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct StorageStats {
    /// Bytes in use: tables and what the entries of memtables take.
    pub used: u64,
    /// The limit in bytes, if there is one.
    pub capacity: Option<u64>,
    /// What is left of it in bytes.
    pub available: Option<u64>,
    /// Bytes of tables, among those in use.
    pub table_bytes: u64,
    /// Bytes of entries in memtables, among those in use.
    pub memtable_bytes: u64,
    /// Tables.
    pub tables: usize,
    /// Entries, tombstones and old versions included.
    pub entries: u64,
    /// Tombstones among them.
    pub tombstones: u64,
    /// Bytes that an entry takes on the average, all overhead included; 0 while there are none.
    pub mean_entry_bytes: u64,
    /// How many more entries of that size fit, if there is a limit and an entry.
    pub estimated_remaining_entries: Option<u64>,
    /// How the tree stands to its limit.
    pub status: StorageStatus,
}

/// About what an entry takes beside its key and its value, in a memtable.
const ENTRY_BYTES: usize = 32;

/// Bytes of memtables and of tables.
fn used(view: &View) -> (u64, u64) {
    let memtables = view.generations().filter(|generation| !generation.is_empty());
    let memtable_bytes = memtables.map(|generation| generation.used_bytes() as u64).sum();
    (memtable_bytes, view.version.file_bytes())
}

/// Lets a write of `entries` with `key_value_bytes` in, or refuses it because the limit is reached.
pub(crate) fn admit(core: &Core, entries: usize, key_value_bytes: usize) -> Result<()> {
    let runtime = core.runtime.get();
    let Some(limit) = runtime.storage_limit_bytes.filter(|_| runtime.storage_admission) else {
        return Ok(());
    };
    let (memtable_bytes, table_bytes) = used(&core.state.view());
    let used = memtable_bytes.saturating_add(table_bytes);
    let more = entries.saturating_mul(ENTRY_BYTES).saturating_add(key_value_bytes) as u64;
    if used >= limit || used.saturating_add(more) > limit {
        return Err(Error::StorageFull { used, limit });
    }
    Ok(())
}

/// What the tree uses, and what is left.
pub(crate) fn stats(core: &Core) -> StorageStats {
    let view = core.state.view_owned();
    let (memtable_bytes, table_bytes) = used(&view);
    let used = memtable_bytes.saturating_add(table_bytes);
    let (mut tables, mut entries, mut tombstones) = (0, 0, 0);
    for placed in view.version.placed() {
        tables += 1;
        entries += placed.table.meta().entries;
        tombstones += placed.table.meta().point_tombstones;
    }
    for generation in view.generations() {
        entries += generation.memtable.len() as u64;
        tombstones += generation.memtable.tombstones() as u64;
    }
    let capacity = core.runtime.get().storage_limit_bytes;
    let available = capacity.map(|capacity| capacity.saturating_sub(used));
    let mean_entry_bytes = used.checked_div(entries).unwrap_or(0);
    StorageStats {
        used,
        capacity,
        available,
        table_bytes,
        memtable_bytes,
        tables,
        entries,
        tombstones,
        mean_entry_bytes,
        estimated_remaining_entries: available.and_then(|left| left.checked_div(mean_entry_bytes)),
        status: status_of(used, capacity),
    }
}

/// How the tree stands to its limit.
pub(crate) fn status(core: &Core) -> StorageStatus {
    let (memtable_bytes, table_bytes) = used(&core.state.view());
    status_of(memtable_bytes.saturating_add(table_bytes), core.runtime.get().storage_limit_bytes)
}

fn status_of(used: u64, capacity: Option<u64>) -> StorageStatus {
    match capacity {
        None => StorageStatus::Unlimited,
        Some(capacity) if used >= capacity => StorageStatus::Full,
        Some(capacity) if capacity - used <= capacity / 10 => StorageStatus::Low,
        Some(_) => StorageStatus::Ample,
    }
}
