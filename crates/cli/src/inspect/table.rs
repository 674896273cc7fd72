//! The parts of a table file: footer, properties, index, filter, range tombstones, data blocks.

use std::path::Path;

use esker_format::block::{BlockHandle, BlockType, CHECKSUM_BYTES, decode_block};
use esker_format::checksum::key_hash;
use esker_format::data_block::DataBlock;
use esker_format::error::DecodeError;
use esker_format::filter::Filter;
use esker_format::index_block::Index;
use esker_format::index_block::builder::IndexBuilder;
use esker_format::partitions::Partitions;
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

    /// The index; `None` in a table without data. One in partitions is put together.
    pub(crate) fn index(&self) -> Result<Option<Index>, Flaw> {
        let Some(at) = self.footer.index else { return Ok(None) };
        let payload = self.payload(BlockType::Index, at)?;
        if !Partitions::is_index(&payload) {
            return Ok(Some(in_file(Index::decode(payload), at)?));
        }
        let partitions = in_file(Partitions::decode(&payload), at)?;
        let (mut whole, mut separator) = (IndexBuilder::new(self.is_in_byte_order()?), Vec::new());
        for partition in 0..partitions.directory().len() {
            let at = partitions.directory().entry(partition).handle;
            let index = in_file(Index::decode(self.payload(BlockType::Index, at)?), at)?;
            if index.len() != partitions.blocks_of(partition) {
                let rule = "a partition has the data blocks that its directory says";
                return Err(DecodeError::invalid("index block", at.offset, rule).into());
            }
            for ordinal in 0..index.len() {
                let entry = index.entry(ordinal);
                index.separator_into(ordinal, &mut separator);
                whole.add(&separator, entry.handle, entry.highest_seqno);
            }
        }
        let mut payload = Vec::new();
        whole.finish(&mut payload);
        Ok(Some(Index::decode(payload.into())?))
    }

    /// The filter, if there is one.
    pub(crate) fn filter(&self) -> Result<Option<TableFilter>, Flaw> {
        let Some(at) = self.footer.filter else { return Ok(None) };
        let payload = self.payload(BlockType::Filter, at)?;
        if !Partitions::is_filter(&payload) {
            let filters = vec![in_file(Filter::decode(payload), at)?];
            return Ok(Some(TableFilter { places: None, filters }));
        }
        let partitions = in_file(Partitions::decode(&payload), at)?;
        let filter = |at| Ok(in_file(Filter::decode(self.payload(BlockType::Filter, at)?), at)?);
        let filters = partitions.handles().map(filter).collect::<Result<_, Flaw>>()?;
        let places = self.is_in_byte_order()?.then_some(partitions);
        Ok(Some(TableFilter { places, filters }))
    }

    fn is_in_byte_order(&self) -> Result<bool, Flaw> {
        Ok(self.properties()?.comparator == BYTE_ORDER)
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
        for (_, handle) in blocks_in_order(&self.footer, data, &self.partitions()?, footer_at)? {
            let end = handle.end().unwrap_or(footer_at);
            checksum.add_block(
                &self.file.read(end.saturating_sub(CHECKSUM_BYTES as u64), CHECKSUM_BYTES as u64)?,
            );
        }
        Ok(checksum.finish(&self.footer.encode()))
    }

    /// The blocks that are partitions of index and filter.
    fn partitions(&self) -> Result<Vec<(BlockType, BlockHandle)>, Flaw> {
        let mut found = Vec::new();
        for (ty, at) in [(BlockType::Index, self.footer.index), (BlockType::Filter, self.footer.filter)] {
            let Some(at) = at else { continue };
            let payload = self.payload(ty, at)?;
            let is_directory = match ty {
                BlockType::Index => Partitions::is_index(&payload),
                _ => Partitions::is_filter(&payload),
            };
            if is_directory {
                let partitions = in_file(Partitions::decode(&payload), at)?;
                found.extend(partitions.handles().map(|handle| (ty, handle)));
            }
        }
        Ok(found)
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

/// The filter of a table.
pub(crate) struct TableFilter {
    /// Which of the filters a key would be in; without it, in any.
    places: Option<Partitions>,
    filters: Vec<Filter>,
}

impl TableFilter {
    /// The filters: one of a whole filter, and one of each partition.
    pub(crate) fn filters(&self) -> &[Filter] {
        &self.filters
    }

    /// Whether `key` may be there. `false` is certain.
    pub(crate) fn may_contain(&self, key: &[u8]) -> bool {
        let hash = key_hash(key);
        let Some(places) = &self.places else {
            return self.filters.iter().any(|filter| filter.may_contain(hash));
        };
        let filter = places.directory().seek(key, &KeyOrder::Bytes).and_then(|at| self.filters.get(at));
        filter.is_none_or(|filter| filter.may_contain(hash))
    }
}
