//! Whether a table file is the one that was written, as a whole (INV-TREE-9).
//!
//! Each block says whether it is sound; the manifest's checksum says whether it is the right one
//! ([`esker_format::table_checksum`]). The blocks other than data are read whole and verified here; of data blocks only the
//! checksums are read, at some microsecond each.
//!
//! Not here: verifying data blocks ([`crate::verify`]).

use esker_format::block::{BlockType, CHECKSUM_BYTES, verify_block};
use esker_format::error::{DecodeError, Problem};
use esker_format::table::{FOOTER_BYTES, Footer};
use esker_format::table_checksum::{TableChecksum, blocks_in_order};

use crate::error::{Error, Result};
use crate::table::reader::Table;

/// The checksum of the file as it is now.
///
/// # Errors
/// What the file system says, and damage outside of data blocks.
fn checksum_of(table: &Table) -> Result<u64> {
    let corrupt = |e: DecodeError| Error::corrupt(table.path(), e);
    let len = table.meta().file_bytes;
    let footer_at = len.saturating_sub(FOOTER_BYTES as u64);
    let tail = table.read_at(footer_at, len - footer_at)?;
    let footer = Footer::decode(&tail, len).map_err(corrupt)?;
    let data = (0..table.block_count()).map(|at| table.entry(at).map(|block| block.handle));
    let data = data.collect::<Result<Vec<_>>>()?;
    let mut checksum = TableChecksum::default();
    for (ty, at) in blocks_in_order(&footer, data, &table.partitions(), footer_at).map_err(corrupt)? {
        if ty == BlockType::Data {
            let end = at.end().unwrap_or(footer_at);
            checksum.add_block(&table.read_at(end - CHECKSUM_BYTES as u64, CHECKSUM_BYTES as u64)?);
        } else {
            let stored = table.read_at(at.offset, at.len)?;
            verify_block(ty, &stored, at.offset).map_err(corrupt)?;
            checksum.add_block(&stored);
        }
    }
    // `decode` has looked at as many bytes.
    Ok(tail.last_chunk().map_or(0, |footer| checksum.finish(footer)))
}

/// Refuses a file with another checksum than the manifest has of it, if it has one; gives the checksum.
pub(crate) fn check(table: &Table) -> Result<u64> {
    let computed = checksum_of(table)?;
    match table.meta().file_checksum {
        Some(stored) if stored != computed => {
            let problem = Problem::ChecksumMismatch { stored, computed };
            Err(Error::corrupt(table.path(), DecodeError::new("table", 0, problem)))
        }
        _ => Ok(computed),
    }
}
