//! The parts of a table file: footer, properties, index, filter, range tombstones, data blocks.

use std::path::Path;

use esker_format::block::{BlockHandle, BlockType, CHECKSUM_BYTES, decode_block};
use esker_format::data_block::DataBlock;
use esker_format::error::DecodeError;
use esker_format::filter::Filter;
use esker_format::index_block::Index;
use esker_format::properties::Properties;
use esker_format::range_tombstones::RangeTombstones;
use esker_format::table::{FOOTER_BYTES, Footer};
use esker_format::table_checksum::{TableChecksum, blocks_in_order};
use esker_mem::comparator::KeyOrder;
use esker_mem::slice::Slice;

use crate::inspect::file::RawFile;
use crate::inspect::flaw::Flaw;

/// The comparator whose order this program knows.
pub(crate) const BYTE_ORDER: &str = "esker.bytes";

/// A table file whose footer could be read.
#[derive(Debug)]
pub(crate) struct TableFile {
    file: RawFile,
    footer: Footer,
}

impl TableFile {
    /// Opens a file and reads its footer.
    pub(crate) fn open(path: &Path) -> Result<Self, Flaw> {
        Self::of(RawFile::open(path)?)
    }

    /// Reads the footer of an open file.
    pub(crate) fn of(file: RawFile) -> Result<Self, Flaw> {
        let footer = Footer::decode(&file.tail(FOOTER_BYTES as u64)?, file.len())?;
        Ok(Self { file, footer })
    }

    /// Where the parts are.
    pub(crate) fn footer(&self) -> &Footer {
        &self.footer
    }

    /// The length of the file.
    pub(crate) fn len(&self) -> u64 {
        self.file.len()
    }

    /// What the table says of itself.
    pub(crate) fn properties(&self) -> Result<Properties, Flaw> {
        let handle = self.footer.properties;
        let payload = self.payload(BlockType::Properties, handle)?;
        Ok(in_file(Properties::decode(&payload), handle)?)
    }

    /// The index; `None` in a table without data.
    pub(crate) fn index(&self) -> Result<Option<Index>, Flaw> {
        self.optional(self.footer.index, BlockType::Index, Index::decode)
    }

    /// The filter, if there is one.
    pub(crate) fn filter(&self) -> Result<Option<Filter>, Flaw> {
        self.optional(self.footer.filter, BlockType::Filter, Filter::decode)
    }

    /// The range tombstones, if there are any.
    pub(crate) fn range_tombstones(&self) -> Result<Option<RangeTombstones>, Flaw> {
        self.optional(self.footer.range_tombstones, BlockType::RangeTombstones, |payload| {
            RangeTombstones::decode(&payload, &KeyOrder::Bytes)
        })
    }

    /// A data block.
    pub(crate) fn data_block(&self, handle: BlockHandle) -> Result<DataBlock, Flaw> {
        let payload = self.payload(BlockType::Data, handle)?;
        Ok(in_file(DataBlock::decode(payload), handle)?)
    }

    /// The checksum of the whole file; of its blocks only what they say of themselves is read.
    pub(crate) fn checksum(&self, index: &Index) -> Result<u64, Flaw> {
        let footer_at = self.len().saturating_sub(FOOTER_BYTES as u64);
        let data = (0..index.len()).map(|ordinal| index.entry(ordinal).handle);
        let mut checksum = TableChecksum::default();
        for (_, handle) in blocks_in_order(&self.footer, data, footer_at)? {
            let end = handle.end().unwrap_or(footer_at);
            checksum.add_block(
                &self.file.read(end.saturating_sub(CHECKSUM_BYTES as u64), CHECKSUM_BYTES as u64)?,
            );
        }
        Ok(checksum.finish(&self.footer.encode()))
    }

    fn optional<T>(
        &self,
        handle: Option<BlockHandle>,
        ty: BlockType,
        decode: impl FnOnce(Slice) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, Flaw> {
        let Some(handle) = handle else { return Ok(None) };
        let payload = self.payload(ty, handle)?;
        Ok(Some(in_file(decode(payload), handle)?))
    }

    fn payload(&self, ty: BlockType, handle: BlockHandle) -> Result<Slice, Flaw> {
        if !handle.fits(self.len()) {
            return Err(DecodeError::invalid("block", handle.offset, "a block lies inside its file").into());
        }
        let stored = self.file.read(handle.offset, handle.len)?;
        Ok(decode_block(ty, stored, handle.offset)?)
    }
}

/// A decoder of a payload knows places in the payload only; the block's place in the file is what can be looked at.
fn in_file<T>(decoded: Result<T, DecodeError>, handle: BlockHandle) -> Result<T, DecodeError> {
    decoded.map_err(|error| error.shifted(handle.offset))
}
