//! Verification: reads every block of every table and checks what readers rely on.
//!
//! For each table: every block's checksum and structure, that the blocks are those that were written there
//! ([`crate::table::checksum`]), the order of all entries, that separators divide the blocks, that the filter knows every key,
//! and that counts and bounds are what the manifest and the properties say. Damage in one table does not end the
//! verification of the others.
//!
//! Blocks are read past the cache, so that what is verified is what lies in the file.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;

use esker_format::checksum::key_hash;
use esker_format::error::DecodeError;
use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::seqno::SeqNo;

use crate::core::Core;
use crate::cursor::Cursor;
use crate::error::Error;
use crate::range_tombstones::span::RangeDelete;
use crate::table::checksum;
use crate::table::cursor::{Fill, TableCursor};
use crate::table::reader::Table;

/// What a verification saw.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Tables read.
    pub tables: u64,
    /// Data blocks read.
    pub blocks: u64,
    /// Entries read.
    pub entries: u64,
    /// Bytes of the tables.
    pub bytes: u64,
    /// What is wrong, by file.
    pub damage: Vec<Damage>,
}

/// One finding of a verification.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Damage {
    /// The file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub error: Error,
}

impl VerifyReport {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damage.is_empty()
    }
}

/// Verifies every table of the current version.
pub(crate) fn verify(core: &Core) -> VerifyReport {
    let view = core.state.view_owned();
    let mut report = VerifyReport::default();
    for placed in view.version.placed() {
        let table = placed.table;
        report.tables += 1;
        report.bytes += table.meta().file_bytes;
        if let Err(error) = verify_table(core, &table, &mut report) {
            report.damage.push(Damage { path: table.path().to_path_buf(), error });
        }
    }
    report
}

/// Walks one table from end to end; gives the checksum of its file.
pub(crate) fn verify_table(core: &Core, table: &Arc<Table>, report: &mut VerifyReport) -> Result<u64, Error> {
    let order = core.order();
    let broken = |rule| Error::corrupt(table.path(), DecodeError::invalid("table", 0, rule));
    for at in 0..table.block_count() {
        let block = table.block_uncached(at)?;
        block.verify_order(order).map_err(|e| Error::corrupt(table.path(), e))?;
        report.blocks += 1;
    }
    let checksum = checksum::check(table)?;
    let mut cursor = TableCursor::new(Arc::clone(table), order.clone(), Fill::Bypass);
    cursor.seek_to_first()?;
    let mut previous: Option<(Vec<u8>, SeqNo, Kind)> = None;
    let mut first = None;
    let (mut entries, mut tombstones) = (0, 0);
    while cursor.valid() {
        let (key, seqno, kind) = (cursor.key(), cursor.seqno(), cursor.kind());
        if let Some((last_key, last_seqno, last_kind)) = &previous {
            let ordering = order.compare(last_key, key).then(seqno.cmp(last_seqno));
            // Operands of a key may share a number (INV-MERGE-4).
            let are_operands = (*last_kind, kind) == (Kind::Merge, Kind::Merge);
            if ordering == Ordering::Greater || (ordering == Ordering::Equal && !are_operands) {
                return Err(broken("entries ascend by key and descend by sequence number"));
            }
        } else {
            first = Some(key.to_vec());
        }
        if !table.may_contain(key, key_hash(key)) {
            return Err(broken("the filter knows every key"));
        }
        if seqno < table.meta().lowest_seqno || seqno > table.meta().highest_seqno {
            return Err(broken("sequence numbers are within the bounds of the manifest"));
        }
        entries += 1;
        tombstones += u64::from(kind.is_tombstone());
        previous = Some((key.to_vec(), seqno, kind));
        cursor.next()?;
    }
    report.entries += entries;
    let keys = first.zip(previous.map(|(last, ..)| last));
    check_bounds(order, table, keys).map_err(broken)?;
    if entries != table.meta().entries || tombstones != table.meta().point_tombstones {
        return Err(broken("the counts of the manifest are those of the entries"));
    }
    Ok(checksum)
}

/// Whether the bounds of the manifest are those of the first and last key, widened by the range tombstones (INV-RANGE-7).
fn check_bounds(
    order: &KeyOrder,
    table: &Table,
    keys: Option<(Vec<u8>, Vec<u8>)>,
) -> Result<(), &'static str> {
    let (mut first, mut last) = keys.map_or((None, None), |(first, last)| (Some(first), Some(last)));
    let mut seqnos = BTreeSet::new();
    for RangeDelete { start, end, seqno } in table.range_deletes() {
        seqnos.insert(seqno);
        if first.as_ref().is_none_or(|first| order.compare(&start, first) == Ordering::Less) {
            first = Some(start.to_vec());
        }
        // Where the last key before the end has a name, that is the bound.
        let covered = end.strip_suffix(&[0]).filter(|_| order.is_bytes()).unwrap_or(&end);
        if last.as_ref().is_none_or(|last| order.compare(covered, last) == Ordering::Greater) {
            last = Some(covered.to_vec());
        }
    }
    if first.is_none_or(|first| !order.same_key(&first, table.smallest())) {
        return Err("the first key is the smallest key of the manifest");
    }
    if last.is_none_or(|last| !order.same_key(&last, table.largest())) {
        return Err("the last key is the largest key of the manifest");
    }
    let meta = table.meta();
    let within = |seqno: &u64| (meta.lowest_seqno..=meta.highest_seqno).contains(seqno);
    if seqnos.len() as u64 != meta.range_tombstones || !seqnos.iter().all(within) {
        return Err("range tombstones are as many as the manifest says, and within its sequence numbers");
    }
    Ok(())
}
