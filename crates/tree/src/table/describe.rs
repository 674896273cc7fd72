//! What a table file says of itself, before it is opened for a tree.
//!
//! The footer and the properties are read, both of which have checksums; nothing else is looked at, so what they say of the
//! entries is a claim until the table is verified.

use std::path::Path;

use esker_env::fs::{OpenOptions, SharedFs};
use esker_format::block::{BlockType, decode_block};
use esker_format::error::DecodeError;
use esker_format::manifest::AddedTable;
use esker_format::properties::Properties;
use esker_format::table::{FOOTER_BYTES, Footer};

use crate::error::{Error, Result};

/// The longest properties that are read: names and two keys fit many times.
const MAX_PROPERTIES_BYTES: u64 = 16 << 20;

/// The table at `path`, as a manifest would describe it; without an id and a place.
pub(crate) fn describe(fs: &SharedFs, path: &Path) -> Result<AddedTable> {
    let file = fs.open(path, &OpenOptions::read_only()).map_err(|e| Error::io("open", path, e))?;
    let len = file.len().map_err(|e| Error::io("read", path, e))?;
    let corrupt = |e: DecodeError| Error::corrupt(path, e);
    let read = |offset: u64, len: u64| {
        let mut bytes = vec![0; usize::try_from(len).unwrap_or_default()];
        file.read_exact_at(&mut bytes, offset).map(|()| bytes).map_err(|e| Error::io("read", path, e))
    };
    let footer_at = len.saturating_sub(FOOTER_BYTES as u64);
    let footer = Footer::decode(&read(footer_at, len - footer_at)?, len).map_err(corrupt)?;
    let at = footer.properties;
    if at.len > MAX_PROPERTIES_BYTES {
        return Err(corrupt(DecodeError::invalid("properties", at.offset, "properties are under 16 MiB")));
    }
    let payload =
        decode_block(BlockType::Properties, read(at.offset, at.len)?, at.offset).map_err(corrupt)?;
    let properties = Properties::decode(&payload).map_err(corrupt)?;
    Ok(AddedTable {
        file_bytes: len,
        entries: properties.entries,
        point_tombstones: properties.point_tombstones(),
        range_tombstones: properties.range_tombstones,
        lowest_seqno: properties.lowest_seqno,
        highest_seqno: properties.highest_seqno,
        created_unix_millis: properties.created_unix_millis,
        smallest_key: properties.smallest_key,
        largest_key: properties.largest_key,
        ..AddedTable::default()
    })
}
