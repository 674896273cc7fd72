//! Looking into an index or a filter that is not one pinned piece: in partitions, or not pinned, and then perhaps not in the cache.
//!
//! A filter that cannot be read when it is wanted is done without: the lookup reads a block, and says what is wrong with the file
//! if that fails, too. An index that cannot be read is an error.

use std::sync::Arc;

use esker_format::block::{BlockHandle, BlockType, decode_block};
use esker_format::error::DecodeError;
use esker_format::filter::Filter;
use esker_format::index_block::{Index, IndexEntry};
use esker_mem::comparator::KeyOrder;
use esker_mem::slice::Slice;

use crate::cache::part::Decoded;
use crate::error::{Error, Result};
use crate::table::parts::{FilterPart, IndexPart, OnDemand, check_index};
use crate::table::reader::Table;

impl Table {
    /// The first data block of a part of the index whose separator is at or after `key`.
    #[cold]
    #[inline(never)]
    pub(super) fn locate_in(&self, part: &IndexPart, key: &[u8]) -> Result<Option<usize>> {
        let order = &self.source.order;
        let parted = match part {
            IndexPart::Pinned(index) => return Ok(seek(index, key, order)),
            IndexPart::OnDemand(part) => return Ok(seek(&*self.load_index(part)?, key, order)),
            IndexPart::Parted(parted) => parted,
        };
        let Some(at) = seek(parted.partitions.directory(), key, order) else { return Ok(None) };
        let within = match parted.parts.get(at) {
            Some(part) => self.locate_in(part, key)?,
            None => None,
        };
        match within {
            Some(within) => Ok(Some(at * parted.partitions.per_partition() + within)),
            None => Err(self.corrupt_index("a partition ends with its separator")),
        }
    }

    /// What a part of the index says of its data block `at`.
    #[cold]
    #[inline(never)]
    pub(super) fn entry_in(&self, part: &IndexPart, at: usize) -> Result<IndexEntry> {
        match part {
            IndexPart::Pinned(index) => Ok(index.entry(at)),
            IndexPart::OnDemand(part) => Ok(self.load_index(part)?.entry(at)),
            IndexPart::Parted(parted) => {
                let each = parted.partitions.per_partition();
                match parted.parts.get(at / each) {
                    Some(part) => self.entry_in(part, at % each),
                    None => Err(self.corrupt_index("a table has the blocks that its index has")),
                }
            }
        }
    }

    /// Whether a part of the filter admits the hash of `key`.
    #[cold]
    #[inline(never)]
    pub(super) fn filter_admits(&self, part: &FilterPart, key: &[u8], hash: u64) -> bool {
        match part {
            FilterPart::None => true,
            FilterPart::Pinned(filter) => filter.may_contain(hash),
            FilterPart::OnDemand(part) => {
                self.load_filter(part).is_none_or(|filter| filter.may_contain(hash))
            }
            FilterPart::Parted(parted) => {
                let at = seek(parted.partitions.directory(), key, &self.source.order);
                let part = at.and_then(|at| parted.parts.get(at));
                part.is_none_or(|part| self.filter_admits(part, key, hash))
            }
        }
    }

    /// Whether the filter admits a boundary of this hash: all of its partitions that can have keys which begin with it are asked.
    pub(super) fn filter_admits_boundary(&self, boundary: &[u8], hash: u64) -> bool {
        let FilterPart::Parted(parted) = &self.filter else {
            return self.filter_admits(&self.filter, boundary, hash);
        };
        let directory = parted.partitions.directory();
        let is_bytes = self.source.order.is_bytes();
        let from = if is_bytes { seek(directory, boundary, &self.source.order) } else { Some(0) };
        let mut separator = Vec::new();
        for (at, part) in parted.parts.iter().enumerate().skip(from.unwrap_or(0)) {
            if self.filter_admits(part, boundary, hash) {
                return true;
            }
            directory.separator_into(at, &mut separator);
            // Under byte order, keys with the boundary stand together.
            if is_bytes && separator.as_slice() > boundary && !separator.starts_with(boundary) {
                return false;
            }
        }
        false
    }

    /// The blocks of the file that are partitions of index and filter.
    pub(crate) fn partitions(&self) -> Vec<(BlockType, BlockHandle)> {
        let mut found = Vec::new();
        if let IndexPart::Parted(parted) = &self.index {
            found.extend(parted.partitions.handles().map(|at| (BlockType::Index, at)));
        }
        if let FilterPart::Parted(parted) = &self.filter {
            found.extend(parted.partitions.handles().map(|at| (BlockType::Filter, at)));
        }
        found
    }

    fn load_index(&self, part: &OnDemand) -> Result<Arc<Index>> {
        if let Some(Decoded::Index(index)) = part.place.get() {
            return Ok(index);
        }
        let corrupt = |e: DecodeError| Error::corrupt(&self.path, e);
        let index = Index::decode(self.read_part(BlockType::Index, part.at)?).map_err(corrupt)?;
        check_index(&index, part.blocks, self.meta.file_bytes).map_err(corrupt)?;
        let index = Arc::new(index);
        part.place.insert(Decoded::Index(Arc::clone(&index)), index.memory_bytes() as u64);
        Ok(index)
    }

    fn load_filter(&self, part: &OnDemand) -> Option<Arc<Filter>> {
        if let Some(Decoded::Filter(filter)) = part.place.get() {
            return Some(filter);
        }
        let payload = self.read_part(BlockType::Filter, part.at).ok()?;
        let filter = Arc::new(Filter::decode(payload).ok()?);
        part.place.insert(Decoded::Filter(Arc::clone(&filter)), filter.memory_bytes() as u64);
        Some(filter)
    }

    fn read_part(&self, ty: BlockType, at: BlockHandle) -> Result<Slice> {
        let stored = self.read_at(at.offset, at.len)?;
        self.source.metrics.parts_read.add(1);
        decode_block(ty, stored, at.offset).map_err(|e| Error::corrupt(&self.path, e))
    }

    #[cold]
    fn corrupt_index(&self, rule: &'static str) -> Error {
        Error::corrupt(&self.path, DecodeError::invalid("index", 0, rule))
    }
}

/// The search of an index, once for all of this file: it is small enough to be a part of lookups that need none of this only as long as few
/// others want it.
#[inline(never)]
fn seek(index: &Index, key: &[u8], order: &KeyOrder) -> Option<usize> {
    index.seek(key, order)
}
