//! Index and filter of a table: whole or in partitions, pinned to the table or cached like its blocks.
//!
//! Which it is, is said by level, or follows from how much of the cache such parts take: partitions when the table is written, pinning
//! ([`Pinning`]) when it is opened, and both hold as long as the table is open, wherever it moves. A pinned whole part costs a look at which kind it is. One that is too large
//! for the cache is pinned in any case.
//!
//! Of a partitioned part the directory is always in memory; of partitions that are not pinned nothing is read when the table is
//! opened. A whole part is read then in any case, as its number of blocks is wanted, and goes into the cache.
//!
//! Not here: reading those that are gone ([`crate::table::reader::on_demand`]).

use std::path::Path;
use std::sync::Arc;

use esker_format::block::{BLOCK_TRAILER_BYTES, BlockHandle, BlockType};
use esker_format::error::DecodeError;
use esker_format::filter::Filter;
use esker_format::index_block::Index;
use esker_format::partitions::Partitions;
use esker_mem::slice::Slice;

use crate::cache::key::FileKey;
use crate::cache::part::Decoded;
use crate::cache::place::PartPlace;
use crate::cache::{Cache, Share};
use crate::error::{Error, Result};
use crate::policy::PinningPolicy;

/// Which levels keep the indexes and filters of their tables in memory; without a policy, [by what there is](by_default).
#[derive(Clone, Debug, Default)]
pub(crate) struct Pinning {
    pub(crate) indexes: Option<PinningPolicy>,
    pub(crate) filters: Option<PinningPolicy>,
}

impl Pinning {
    /// Whether a table that is opened on `level` keeps its index.
    pub(crate) fn of_index(&self, level: usize, cache: &Cache) -> bool {
        self.indexes.as_ref().map_or_else(|| by_default(level, cache), |policy| *policy.get(level))
    }

    /// Whether a table that is opened on `level` keeps its filter.
    pub(crate) fn of_filter(&self, level: usize, cache: &Cache) -> bool {
        self.filters.as_ref().map_or_else(|| by_default(level, cache), |policy| *policy.get(level))
    }
}

/// Levels whose tables are few, and asked by every lookup.
pub(crate) const UPPER_LEVELS: usize = 3;

/// Upper levels always keep their parts, and the others as long as all tables together keep less than half of the cache: else a tree
/// that grows would leave no room for blocks, and then take more memory than it may.
fn by_default(level: usize, cache: &Cache) -> bool {
    level < UPPER_LEVELS || cache.resident_share() < Share::Half
}

/// A part that is read when it is wanted.
pub(crate) struct OnDemand {
    pub(crate) place: PartPlace,
    pub(crate) at: BlockHandle,
    /// Of an index: how many data blocks it has.
    pub(crate) blocks: usize,
}

/// A part in partitions, none of which has partitions of its own.
pub(crate) struct Parted<P> {
    pub(crate) partitions: Partitions,
    pub(crate) parts: Box<[P]>,
}

/// The index of a table, or a partition of it.
pub(crate) enum IndexPart {
    Pinned(Index),
    OnDemand(OnDemand),
    Parted(Box<Parted<IndexPart>>),
}

/// The filter of a table, or a partition of it.
pub(crate) enum FilterPart {
    None,
    Pinned(Filter),
    OnDemand(OnDemand),
    Parted(Box<Parted<FilterPart>>),
}

impl IndexPart {
    /// Bytes of memory that the table keeps for it.
    pub(crate) fn resident_bytes(&self) -> usize {
        match self {
            Self::Pinned(index) => index.memory_bytes(),
            Self::OnDemand(_) => 0,
            Self::Parted(parted) => parted.resident_bytes(Self::resident_bytes),
        }
    }
}

impl FilterPart {
    /// Bytes of memory that the table keeps for it.
    pub(crate) fn resident_bytes(&self) -> usize {
        match self {
            Self::Pinned(filter) => filter.memory_bytes(),
            Self::None | Self::OnDemand(_) => 0,
            Self::Parted(parted) => parted.resident_bytes(Self::resident_bytes),
        }
    }
}

impl<P> Parted<P> {
    fn resident_bytes(&self, of_part: impl Fn(&P) -> usize) -> usize {
        let parts: usize = self.parts.iter().map(of_part).sum();
        self.partitions.memory_bytes() + size_of_val(&*self.parts) + parts
    }
}

/// Refuses an index whose data blocks are not in the file, or not as many as expected.
pub(crate) fn check_index(
    index: &Index,
    blocks: usize,
    file_bytes: u64,
) -> std::result::Result<(), DecodeError> {
    let invalid = |at: usize, rule| Err(DecodeError::invalid("index block", at as u64, rule));
    if index.len() != blocks {
        return invalid(0, "a partition has the data blocks that its directory says");
    }
    match (0..index.len()).find(|at| !index.entry(*at).handle.fits(file_bytes)) {
        Some(at) => invalid(at, "blocks lie in the file"),
        None => Ok(()),
    }
}

/// A table that is being opened.
pub(crate) struct Opening<'a> {
    pub(crate) cache: &'a Arc<Cache>,
    pub(crate) file: FileKey,
    pub(crate) path: &'a Path,
    pub(crate) file_bytes: u64,
    /// Reads the payload of a block.
    pub(crate) read: &'a dyn Fn(BlockType, BlockHandle) -> Result<Slice>,
}

/// Numbers tell the parts of a file apart: those of indexes are even, those of filters odd.
const INDEX: usize = 0;
const FILTER: usize = 1;

impl Opening<'_> {
    /// The index at `at`, and its number of data blocks.
    pub(crate) fn index(&self, at: BlockHandle, pinned: bool) -> Result<(IndexPart, usize)> {
        let payload = (self.read)(BlockType::Index, at)?;
        if !Partitions::is_index(&payload) {
            let index = self.decoded(Index::decode(payload))?;
            let blocks = index.len();
            return Ok((self.index_part(index, at, blocks, INDEX, pinned)?, blocks));
        }
        let (partitions, handles) = self.partitions(&payload)?;
        let part = |(partition, at): (usize, BlockHandle)| {
            let (number, blocks) = (2 * (partition + 1) + INDEX, partitions.blocks_of(partition));
            if !pinned && !self.cache.is_too_large(at.len) {
                return Ok(IndexPart::OnDemand(OnDemand {
                    place: self.cache.part_place(self.file, number),
                    at,
                    blocks,
                }));
            }
            let index = self.decoded(Index::decode((self.read)(BlockType::Index, at)?))?;
            self.index_part(index, at, blocks, number, true)
        };
        let parts = handles.into_iter().enumerate().map(part).collect::<Result<_>>()?;
        let blocks = partitions.blocks();
        Ok((IndexPart::Parted(Box::new(Parted { partitions, parts })), blocks))
    }

    fn index_part(
        &self,
        index: Index,
        at: BlockHandle,
        blocks: usize,
        number: usize,
        pinned: bool,
    ) -> Result<IndexPart> {
        self.decoded(check_index(&index, blocks, self.file_bytes))?;
        let bytes = index.memory_bytes() as u64;
        if pinned || self.cache.is_too_large(bytes) {
            return Ok(IndexPart::Pinned(index));
        }
        let place = self.cache.part_place(self.file, number);
        place.insert(Decoded::Index(Arc::new(index)), bytes);
        Ok(IndexPart::OnDemand(OnDemand { place, at, blocks }))
    }

    /// The filter at `at`.
    pub(crate) fn filter(&self, at: BlockHandle, pinned: bool) -> Result<FilterPart> {
        let payload = (self.read)(BlockType::Filter, at)?;
        if !Partitions::is_filter(&payload) {
            let filter = self.decoded(Filter::decode(payload))?;
            let bytes = filter.memory_bytes() as u64;
            if pinned || self.cache.is_too_large(bytes) {
                return Ok(FilterPart::Pinned(filter));
            }
            let place = self.cache.part_place(self.file, FILTER);
            place.insert(Decoded::Filter(Arc::new(filter)), bytes);
            return Ok(FilterPart::OnDemand(OnDemand { place, at, blocks: 0 }));
        }
        let (partitions, handles) = self.partitions(&payload)?;
        let part = |(partition, at): (usize, BlockHandle)| {
            if !pinned && !self.cache.is_too_large(at.len) {
                let place = self.cache.part_place(self.file, 2 * (partition + 1) + FILTER);
                return Ok(FilterPart::OnDemand(OnDemand { place, at, blocks: 0 }));
            }
            Ok(FilterPart::Pinned(self.decoded(Filter::decode((self.read)(BlockType::Filter, at)?))?))
        };
        let parts = handles.into_iter().enumerate().map(part).collect::<Result<_>>()?;
        Ok(FilterPart::Parted(Box::new(Parted { partitions, parts })))
    }

    /// A directory, and where its partitions are: in the file, which has room for as many data blocks.
    fn partitions(&self, payload: &Slice) -> Result<(Partitions, Vec<BlockHandle>)> {
        let partitions = self.decoded(Partitions::decode(payload))?;
        let directory = partitions.directory();
        self.decoded(check_index(directory, directory.len(), self.file_bytes))?;
        if partitions.blocks() as u64 > self.file_bytes / BLOCK_TRAILER_BYTES as u64 {
            let rule = "a file has room for all of its data blocks";
            return self.decoded(Err(DecodeError::invalid("partitions", 4, rule)));
        }
        let handles = partitions.handles().collect();
        Ok((partitions, handles))
    }

    fn decoded<T>(&self, decoded: std::result::Result<T, DecodeError>) -> Result<T> {
        decoded.map_err(|error| Error::corrupt(self.path, error))
    }
}
