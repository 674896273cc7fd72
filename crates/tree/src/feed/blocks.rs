//! The entries of one table with sequence numbers in a range, without reading the blocks that have none.
//!
//! The index says of each block the highest sequence number in it; a block below the range is skipped (INV-FEED-3), and so is
//! a table. Neighbouring blocks that are wanted are read together, past the block cache.
//!
//! Not here: the order of what is found ([`super::sort`]).

use std::ops::Range;

use esker_format::block::{BlockType, decode_block};
use esker_format::data_block::DataBlock;
use esker_mem::kind::Kind;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;

use crate::error::{Error, Result};
use crate::metrics::Metrics;
use crate::table::reader::Table;

/// What is read at once.
const READ_BYTES: u64 = 256 << 10;

/// Hands every entry of `table` with a number in `seqnos` to `take`: newest first within a key. Without `zone_maps` every block
/// is read, whatever is said of it.
pub(crate) fn each_entry_within(
    table: &Table,
    seqnos: &Range<SeqNo>,
    zone_maps: bool,
    metrics: &Metrics,
    mut take: impl FnMut(Kind, SeqNo, &[u8], &[u8]) -> Result<()>,
) -> Result<()> {
    // What is stored counts from the number that the table was ingested with.
    let base = table.base_seqno();
    let wanted = |at: usize| Ok(!zone_maps || base + table.entry(at)?.highest_seqno >= seqnos.start);
    let blocks = table.block_count();
    let mut at = if !zone_maps || table.highest_seqno() >= seqnos.start { 0 } else { blocks };
    let mut read = 0;
    while at < blocks {
        if !wanted(at)? {
            at += 1;
            continue;
        }
        let begin = at;
        let offset = table.entry(begin)?.handle.offset;
        let mut len = 0;
        while at < blocks && wanted(at)? {
            let handle = table.entry(at)?.handle;
            let end = handle.end().unwrap_or(u64::MAX).saturating_sub(offset);
            if at > begin && end > READ_BYTES {
                break;
            }
            len = end;
            at += 1;
        }
        let piece = Slice::from(table.read_at(offset, len)?);
        for block in begin..at {
            let handle = table.entry(block)?.handle;
            let from = usize::try_from(handle.offset - offset).unwrap_or(usize::MAX);
            let to = from.saturating_add(usize::try_from(handle.len).unwrap_or(usize::MAX));
            let stored = piece.get(from..to).unwrap_or_default();
            let payload = decode_block(BlockType::Data, stored, handle.offset);
            let block = payload.and_then(DataBlock::decode).map_err(|e| Error::corrupt(table.path(), e))?;
            each_entry_of(&block, base, seqnos, &mut take)?;
        }
        read += at - begin;
    }
    metrics.feed_blocks_read.add(read as u64);
    metrics.feed_blocks_skipped.add((blocks - read) as u64);
    Ok(())
}

fn each_entry_of(
    block: &DataBlock,
    base: SeqNo,
    seqnos: &Range<SeqNo>,
    take: &mut impl FnMut(Kind, SeqNo, &[u8], &[u8]) -> Result<()>,
) -> Result<()> {
    let mut key = Vec::new();
    for index in 0..block.len() {
        let seqno = base + block.seqno(index);
        if seqnos.contains(&seqno) {
            block.key_into(index, &mut key);
            take(block.kind(index), seqno, &key, block.value(index))?;
        }
    }
    Ok(())
}
