//! One table against itself: every block, the order of all entries, the index, the filter, and the counts.
//!
//! Checks, in the order of the file: data blocks follow each other from the first byte to where the next part begins; each
//! block's checksum, structure and order; keys ascend from block to block and lie within their separators; the index has each
//! block's highest sequence number; the filter knows every key; properties count what is there.
//!
//! Under a comparator that this program does not know, order and separators are not checked, and a note says so.

use std::cmp::Ordering;
use std::path::Path;

use esker_format::data_block::DataBlock;
use esker_format::error::DecodeError;
use esker_format::index_block::Index;
use esker_format::properties::Properties;
use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::seqno::SeqNo;

use crate::inspect::table::{BYTE_ORDER, TableFile, TableFilter};
use crate::verify::findings::Findings;

/// What a table holds: compared with what others say of it.
#[derive(Debug, Default)]
pub(crate) struct Facts {
    pub(crate) size_bytes: u64,
    pub(crate) entries: u64,
    pub(crate) tombstones: u64,
    pub(crate) smallest: Vec<u8>,
    pub(crate) largest: Vec<u8>,
    pub(crate) lowest_seqno: SeqNo,
    pub(crate) highest_seqno: SeqNo,
    /// Of the whole file, if that could be read.
    pub(crate) checksum: Option<u64>,
    /// Some block could not be read, so the others say little.
    pub(crate) is_partial: bool,
}

/// Checks the table at `path`; `None` if it cannot be read at all.
pub(crate) fn check(path: &Path, findings: &mut Findings<'_>) -> Option<Facts> {
    findings.seen.tables += 1;
    let table = match TableFile::open(path) {
        Ok(table) => table,
        Err(flaw) => {
            findings.problem(path, flaw);
            return None;
        }
    };
    findings.seen.bytes += table.len();
    let properties = part(path, findings, table.properties());
    let index = part(path, findings, table.index());
    let filter = part(path, findings, table.filter()).flatten();
    let is_ordered = properties.as_ref().is_none_or(|properties| properties.comparator == BYTE_ORDER);
    if is_ordered {
        let _ = part(path, findings, table.range_tombstones());
    } else {
        findings.note(path, "ordered by a comparator of its own: order not checked");
    }
    // Prefixes of keys are beside them in such a filter; the keys themselves are there all the same.
    let mut walk = Walk { path, table: &table, filter, is_ordered, held: Held::default() };
    let index = index?;
    if let Some(index) = &index {
        walk.blocks(index, findings);
    }
    let held = walk.held;
    if let Some(properties) = &properties {
        compare(path, &held, properties, findings);
    }
    Some(Facts {
        size_bytes: table.len(),
        entries: held.entries,
        tombstones: held.tombstones,
        smallest: held.smallest.unwrap_or_default(),
        largest: held.last.map(|(key, _)| key).unwrap_or_default(),
        lowest_seqno: held.lowest_seqno.unwrap_or_default(),
        highest_seqno: held.highest_seqno.unwrap_or_default(),
        checksum: index.as_ref().and_then(|index| table.checksum(index).ok()),
        is_partial: held.is_partial,
    })
}

fn part<T>(
    path: &Path,
    findings: &mut Findings<'_>,
    part: Result<T, crate::inspect::flaw::Flaw>,
) -> Option<T> {
    part.map_err(|flaw| findings.problem(path, flaw)).ok()
}

/// What was seen in the blocks.
#[derive(Debug, Default)]
struct Held {
    blocks: u64,
    entries: u64,
    tombstones: u64,
    lowest_seqno: Option<SeqNo>,
    highest_seqno: Option<SeqNo>,
    /// The first key seen.
    smallest: Option<Vec<u8>>,
    /// The last entry seen.
    last: Option<(Vec<u8>, SeqNo)>,
    /// The separator before the block at hand.
    separator: Vec<u8>,
    /// Some block could not be read, so counts say nothing.
    is_partial: bool,
}

struct Walk<'a> {
    path: &'a Path,
    table: &'a TableFile,
    filter: Option<TableFilter>,
    is_ordered: bool,
    held: Held,
}

impl Walk<'_> {
    fn blocks(&mut self, index: &Index, findings: &mut Findings<'_>) {
        let mut expected_start = 0;
        for ordinal in 0..index.len() {
            let indexed = index.entry(ordinal);
            let offset = indexed.handle.offset;
            if offset != expected_start {
                self.broken(findings, offset, "data blocks follow each other without gaps");
            }
            expected_start = indexed.handle.end().unwrap_or(offset);
            match self.table.data_block(indexed.handle) {
                Ok(block) => {
                    let highest = self.block(&block, offset, findings);
                    if highest != Some(indexed.highest_seqno) {
                        self.broken(findings, offset, "the index has the highest seqno of each block");
                    }
                }
                Err(flaw) => {
                    self.held.is_partial = true;
                    findings.problem(self.path, flaw);
                }
            }
            self.separator(index, ordinal, offset, findings);
        }
    }

    /// Checks the entries of a block; hands back its highest seqno.
    fn block(&mut self, block: &DataBlock, offset: u64, findings: &mut Findings<'_>) -> Option<SeqNo> {
        self.held.blocks += 1;
        findings.seen.blocks += 1;
        findings.seen.entries += block.len() as u64;
        if self.is_ordered
            && let Err(error) = block.verify_order(&KeyOrder::Bytes)
        {
            findings.problem(self.path, error.shifted(offset));
        }
        let mut key = Vec::new();
        let mut highest = None;
        let mut unknown_to_filter = 0_u64;
        for at in 0..block.len() {
            block.key_into(at, &mut key);
            let seqno = block.seqno(at);
            if at == 0 {
                let is_operand = block.kind(at) == Kind::Merge;
                self.first_of_block(&key, seqno, is_operand, offset, findings);
            }
            if self.filter.as_ref().is_some_and(|filter| !filter.may_contain(&key)) {
                unknown_to_filter += 1;
            }
            self.held.entries += 1;
            self.held.tombstones += u64::from(block.kind(at).is_tombstone());
            highest = highest.max(Some(seqno));
            self.held.lowest_seqno = Some(self.held.lowest_seqno.map_or(seqno, |lowest| lowest.min(seqno)));
            self.held.last = Some((std::mem::take(&mut key), seqno));
        }
        if unknown_to_filter > 0 {
            self.broken(findings, offset, "the filter knows every key");
        }
        self.held.highest_seqno = self.held.highest_seqno.max(highest);
        highest
    }

    fn first_of_block(
        &mut self,
        key: &[u8],
        seqno: SeqNo,
        is_operand: bool,
        offset: u64,
        findings: &mut Findings<'_>,
    ) {
        let Some((last_key, last_seqno)) = self.held.last.take() else {
            self.held.smallest = Some(key.to_vec());
            return;
        };
        if !self.is_ordered {
            return;
        }
        // Operands of a key may share a number.
        let ordering = last_key.as_slice().cmp(key).then(seqno.cmp(&last_seqno));
        let ascends = ordering == Ordering::Less || (ordering == Ordering::Equal && is_operand);
        if !ascends {
            self.broken(findings, offset, "entries ascend from block to block");
        }
        let continues = last_key == key;
        if self.held.separator.as_slice() >= key && !continues {
            self.broken(findings, offset, "a block begins after the separator before it");
        }
    }

    fn separator(&mut self, index: &Index, ordinal: usize, offset: u64, findings: &mut Findings<'_>) {
        index.separator_into(ordinal, &mut self.held.separator);
        let Some((last_key, _)) = &self.held.last else { return };
        if self.is_ordered && self.held.separator < *last_key {
            self.broken(findings, offset, "a separator is not below the last key of its block");
        }
    }

    fn broken(&self, findings: &mut Findings<'_>, offset: u64, rule: &'static str) {
        findings.problem(self.path, DecodeError::invalid("table", offset, rule));
    }
}

/// Compares what is there with what the properties say.
fn compare(path: &Path, held: &Held, properties: &Properties, findings: &mut Findings<'_>) {
    if held.is_partial {
        return;
    }
    let mut differs = |what: &str, found: u64, said: u64| {
        if found != said {
            findings.problem(path, format_args!("properties say {said} {what}, and there are {found}"));
        }
    };
    differs("entries", held.entries, properties.entries);
    differs("tombstones", held.tombstones, properties.point_tombstones());
    differs("data blocks", held.blocks, properties.data_blocks);
    // Range tombstones widen the bounds beyond what the entries show.
    if properties.range_tombstones == 0 && held.entries > 0 {
        let (lowest, highest) = (held.lowest_seqno, held.highest_seqno);
        if (lowest, highest) != (Some(properties.lowest_seqno), Some(properties.highest_seqno)) {
            findings.problem(path, "properties have other bounds of sequence numbers than the entries");
        }
        if held.last.as_ref().is_some_and(|(key, _)| **key != *properties.largest_key) {
            findings.problem(path, "properties have another largest key than the entries");
        }
    }
}

#[cfg(test)]
mod tests;
