//! Applying a batch: all of it under one sequence number, in one memtable, or none of it.
//!
//! 1. Refuse what is wrong with it: lengths, the sequence number, two operations on one key. Nothing has changed by then.
//! 2. Hold the active memtable's write lock. If the whole batch does not fit, seal the memtable, take one in which it
//!    does, and begin anew (INV-BATCH-1).
//! 3. Insert everything. That cannot fail any more.
//!
//! Since a batch lies in one memtable it is flushed as a whole: a crash between two flushes keeps all of it or none. A
//! reader sees nothing of it at a bound up to its number, and all of it above, once the call has returned: whoever
//! publishes bounds does so afterwards.
//!
//! Two operations on one key would have no order, having one number; so they are refused (INV-BATCH-2), by the
//! comparator's idea of one key. Merges of one key have an order all the same, that of the batch: a memtable keeps operands
//! of one number in the order in which they come (INV-MERGE-4).
//!
//! Range deletes stand beside the entries of the memtable, under the same lock and number. They cover strictly smaller numbers, and so
//! nothing of their own batch.
//!
//! Not here: single writes ([`crate::write`]), the batch itself ([`crate::batch`]).

use std::cmp::Ordering;

use esker_format::checksum::key_hash;
use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::memtable::{Memtable, MemtableWriter};
use esker_mem::seqno::{MAX_SEQNO, SeqNo};
use esker_mem::slice::Slice;

use crate::batch::WriteBatch;
use crate::core::Core;
use crate::error::{Error, Result};
use crate::memtable::{Generation, Refused};
use crate::range_tombstones::list::RangeDeletes;
use crate::range_tombstones::span::RangeDelete;
use crate::write::{check_lengths, check_range, replace_active};

/// What a batch of more than one operation may hold, in bytes of keys and values: with a memtable's overhead that must fit one
/// arena.
const MAX_BATCH_BYTES: usize = 1 << 30;

/// Applies `batch`; returns the bytes that it took and the size of the memtable afterwards.
pub(crate) fn apply_batch(core: &Core, batch: &WriteBatch, seqno: SeqNo) -> Result<(u64, u64)> {
    check(core.order(), batch, seqno)?;
    if core.merge_operator().is_none() && batch.operations().any(|(kind, ..)| kind == Kind::Merge) {
        return Err(Error::NoMergeOperator);
    }
    let range_bytes: usize = batch.ranges().map(|(start, end)| RangeDeletes::bytes_of(start, end)).sum();
    let (entries, bytes) = (batch.len(), batch.key_value_bytes().saturating_add(range_bytes));
    loop {
        let view = core.state.view();
        let generation = &view.active;
        let applied = generation.writer().and_then(|mut writer| {
            let watermark = core.snapshots.watermark();
            if seqno < watermark {
                return Ok(Err(Error::SeqnoTooOld { seqno, watermark }));
            }
            if !generation.has_room(entries, bytes) {
                return Err(Refused::Full);
            }
            let added = delete_ranges(&mut writer, generation, batch, seqno);
            Ok(Ok(added + insert_all(&mut writer, batch, seqno)))
        });
        match applied {
            Ok(added) => return Ok((added? as u64, generation.used_bytes() as u64)),
            Err(Refused::Sealed) => {}
            Err(Refused::Full) => {
                replace_active(core, generation, Memtable::bytes_needed(entries, bytes));
            }
        }
    }
}

/// Inserts a batch that fits (INV-BATCH-1).
fn insert_all(writer: &mut MemtableWriter<'_>, batch: &WriteBatch, seqno: SeqNo) -> usize {
    let mut added = 0;
    for (kind, key, value) in batch.operations() {
        let inserted = writer.insert(key, key_hash(key), seqno, kind, value);
        assert!(inserted.is_ok(), "a batch that had room did not fit");
        added += inserted.unwrap_or_default();
    }
    added
}

/// Adds the range deletes of a batch.
fn delete_ranges(
    writer: &mut MemtableWriter<'_>,
    generation: &Generation,
    batch: &WriteBatch,
    seqno: SeqNo,
) -> usize {
    let order = generation.memtable.order();
    // One that ends where it begins holds no key.
    let ranges = batch.ranges().filter(|(start, end)| order.compare(start, end) == Ordering::Less);
    ranges
        .map(|(start, end)| RangeDelete { start: Slice::new(start), end: Slice::new(end), seqno })
        .map(|range| generation.add_range(writer, range))
        .sum()
}

/// Refuses a batch that cannot be applied as a whole.
fn check(order: &KeyOrder, batch: &WriteBatch, seqno: SeqNo) -> Result<()> {
    if seqno >= MAX_SEQNO {
        return Err(Error::SeqnoTooHigh { seqno });
    }
    for (_, key, value) in batch.operations() {
        check_lengths(key, value)?;
    }
    for (start, end) in batch.ranges() {
        check_range(order, start, end)?;
    }
    let bytes = batch.key_value_bytes().saturating_add(batch.len());
    if batch.len() > 1 && bytes > MAX_BATCH_BYTES {
        return Err(Error::BatchTooLarge { bytes, limit: MAX_BATCH_BYTES });
    }
    check_distinct(order, batch)
}

/// Refuses a second operation on a key, unless all of its key are merges (INV-BATCH-2). Keys that come in order cost one comparison each.
fn check_distinct(order: &KeyOrder, batch: &WriteBatch) -> Result<()> {
    let mut keys: Vec<(&[u8], Kind)> = batch.operations().map(|(kind, key, _)| (key, kind)).collect();
    keys.sort_by(|a, b| order.compare(a.0, b.0));
    for pair in keys.windows(2) {
        if let [a, b] = pair
            && order.same_key(a.0, b.0)
            && (a.1, b.1) != (Kind::Merge, Kind::Merge)
        {
            return Err(Error::DuplicateKey { key: Slice::new(b.0) });
        }
    }
    Ok(())
}
