//! A table opened for reading: point lookups and blocks for cursors.
//!
//! Opening reads the tail of the file once: footer, properties, index, filter and range tombstones. The latter three stay resident
//! with the table and count against the cache's capacity, unless index and filter are not pinned ([`super::parts`]). A lookup then
//! costs a filter probe, a search in the resident
//! index, a block from the cache or the file, and a search in the block.
//!
//! Every block is verified when it is read from the file, never after it is cached.
//!
//! A table that no version names any more is *obsolete*: its file is deleted when its last reader lets go
//! (INV-TREE-3).
//!
//! Not here: walking ([`super::cursor`]), writing ([`super::writer`]).

pub(crate) mod on_demand;

use std::cmp::Ordering as Order;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use esker_env::fs::SharedFs;
use esker_format::block::{BlockHandle, BlockType, Opened, decode_block, open_block};
use esker_format::data_block::DataBlock;
use esker_format::error::DecodeError;
use esker_format::ids::TableId;
use esker_format::index_block::IndexEntry;
use esker_format::manifest::AddedTable;
use esker_format::properties::Properties;
use esker_format::range_tombstones::RangeTombstones;
use esker_format::table::{FOOTER_BYTES, Footer};
use esker_mem::buffer::Buffer;
use esker_mem::comparator::KeyOrder;
use esker_mem::seqno::SeqNo;

use crate::cache::descriptors::DescriptorTable;
use crate::cache::key::FileKey;
use crate::cache::slots::{BlockSlots, HeldBlock};
use crate::cache::{Cache, Resident};
use crate::error::{Error, Result};
use crate::found::{Found, Keep};
use crate::metrics::Metrics;
use crate::prefix_extractor::SharedPrefixExtractor;
use crate::range_tombstones::span::RangeDelete;
use crate::table::deletion::{FileDeleter, FileDeletion};
use crate::table::parts::{FilterPart, IndexPart, Opening, Pinning};

/// What all tables of a tree share.
#[derive(Clone)]
pub(crate) struct TableSource {
    pub(crate) fs: SharedFs,
    pub(crate) cache: Arc<Cache>,
    pub(crate) descriptors: Arc<DescriptorTable>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) order: KeyOrder,
    /// The name of the tree's merge operator.
    pub(crate) merge_operator: Option<Arc<str>>,
    pub(crate) prefix_extractor: Option<SharedPrefixExtractor>,
    pub(crate) pinning: Pinning,
    /// Who deletes obsolete files; whoever lets go of them by default.
    pub(crate) deleter: Option<FileDeleter>,
}

/// One table file.
pub(crate) struct Table {
    source: TableSource,
    path: PathBuf,
    file: FileKey,
    meta: AddedTable,
    index: IndexPart,
    block_count: usize,
    filter: FilterPart,
    range_tombstones: Option<Arc<RangeTombstones>>,
    properties: Properties,
    slots: BlockSlots,
    /// How much of a block stands before its first entry: the most of all blocks that were read from the file, so far.
    lead_bytes: AtomicUsize,
    /// What all entries have in place of their own number, which is 0 then; 0 where they have their own.
    base_seqno: SeqNo,
    _resident: Resident,
    obsolete: AtomicBool,
}

impl Table {
    /// Opens the table at `path`, which the manifest describes as `meta`.
    pub(crate) fn open(source: TableSource, path: PathBuf, meta: AddedTable) -> Result<Self> {
        let file = FileKey::next();
        let handle =
            source.descriptors.open(file, &*source.fs, &path).map_err(|e| Error::io("open", &path, e))?;
        let len = handle.len().map_err(|e| Error::io("read", &path, e))?;
        let corrupt = |e: DecodeError| Error::corrupt(&path, e);
        if len != meta.file_bytes {
            return Err(corrupt(DecodeError::invalid(
                "table",
                len,
                "the file is as long as the manifest says",
            )));
        }
        let footer_at = len.saturating_sub(FOOTER_BYTES as u64);
        let footer = read(&source, &path, file, footer_at, len - footer_at)?;
        let footer = Footer::decode(&footer, len).map_err(corrupt)?;
        let block = |ty: BlockType, at: BlockHandle| {
            let stored = read(&source, &path, file, at.offset, at.len)?;
            decode_block(ty, stored, at.offset).map_err(corrupt)
        };
        let properties =
            Properties::decode(&block(BlockType::Properties, footer.properties)?).map_err(corrupt)?;
        check_readable(&source, &path, &properties)?;
        if meta.global_seqno.is_some() && properties.highest_seqno != 0 {
            let rule = "entries have no numbers of their own beside a global one";
            return Err(corrupt(DecodeError::invalid("table", footer_at, rule)));
        }
        let no_index = || corrupt(DecodeError::invalid("footer", footer_at, "a table has an index"));
        let level = usize::from(meta.level);
        let opening = Opening { cache: &source.cache, file, path: &path, file_bytes: len, read: &block };
        let index_at = footer.index.ok_or_else(no_index)?;
        let (index, block_count) = opening.index(index_at, source.pinning.of_index(level, &source.cache))?;
        let filter = match footer.filter {
            Some(at) => opening.filter(at, source.pinning.of_filter(level, &source.cache))?,
            None => FilterPart::None,
        };
        let range_tombstones = match footer.range_tombstones {
            Some(at) => {
                let payload = block(BlockType::RangeTombstones, at)?;
                let decoded = RangeTombstones::decode(&payload, &source.order).map_err(corrupt)?;
                // INV-INGEST-3.
                Some(Arc::new(decoded.counting_from(meta.global_seqno.unwrap_or(0))))
            }
            None => None,
        };
        let slots = source.cache.slots(file, block_count);
        let tombstone_bytes = range_tombstones.as_ref().map_or(0, |tombstones| tombstones.memory_bytes());
        let part_bytes = index.resident_bytes() + filter.resident_bytes();
        let resident_bytes = part_bytes + tombstone_bytes + slots.memory_bytes();
        let resident = source.cache.hold_resident(resident_bytes as u64);
        Ok(Self {
            lead_bytes: AtomicUsize::new(0),
            base_seqno: meta.global_seqno.unwrap_or(0),
            obsolete: AtomicBool::new(false),
            _resident: resident,
            source,
            path,
            file,
            meta,
            index,
            block_count,
            filter,
            range_tombstones,
            properties,
            slots,
        })
    }

    pub(crate) fn id(&self) -> TableId {
        self.meta.table
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The file system that it lies in.
    pub(crate) fn fs(&self) -> &SharedFs {
        &self.source.fs
    }

    /// What the manifest says of it.
    pub(crate) fn meta(&self) -> &AddedTable {
        &self.meta
    }

    pub(crate) fn properties(&self) -> &Properties {
        &self.properties
    }

    /// The range tombstones, if there are any.
    pub(crate) fn range_tombstones(&self) -> Option<&Arc<RangeTombstones>> {
        self.range_tombstones.as_ref()
    }

    /// Each range tombstone over each of its fragments.
    pub(crate) fn range_deletes(&self) -> impl Iterator<Item = RangeDelete> + '_ {
        self.range_tombstones.iter().flat_map(|tombstones| {
            let fragments = tombstones.fragments().iter();
            fragments.flat_map(|fragment| {
                tombstones.seqnos(fragment).iter().map(|&seqno| RangeDelete {
                    start: fragment.start.clone(),
                    end: fragment.end.clone(),
                    seqno,
                })
            })
        })
    }

    /// The smallest user key.
    #[inline]
    pub(crate) fn smallest(&self) -> &[u8] {
        &self.meta.smallest_key
    }

    /// The largest user key.
    #[inline]
    pub(crate) fn largest(&self) -> &[u8] {
        &self.meta.largest_key
    }

    #[inline]
    pub(crate) fn highest_seqno(&self) -> SeqNo {
        self.meta.highest_seqno
    }

    /// What is added to the numbers that the file holds, in entries and in the index: 0, or the number that an ingested file
    /// got as a whole (INV-INGEST-3).
    #[inline]
    pub(crate) fn base_seqno(&self) -> SeqNo {
        self.base_seqno
    }

    /// What the index says of the `at`-th data block.
    #[inline]
    pub(crate) fn entry(&self, at: usize) -> Result<IndexEntry> {
        match &self.index {
            IndexPart::Pinned(index) => Ok(index.entry(at)),
            part => self.entry_in(part, at),
        }
    }

    /// The first data block whose separator is at or after `key`: the only one that can begin with it.
    #[inline]
    pub(crate) fn locate(&self, key: &[u8]) -> Result<Option<usize>> {
        match &self.index {
            IndexPart::Pinned(index) => Ok(index.seek(key, &self.source.order)),
            part => self.locate_in(part, key),
        }
    }

    /// The number of data blocks.
    #[inline]
    pub(crate) fn block_count(&self) -> usize {
        self.block_count
    }

    /// Bytes of memory that the table keeps of its filter.
    pub(crate) fn filter_bytes(&self) -> usize {
        self.filter.resident_bytes()
    }

    /// Bytes of memory that the table keeps of its index.
    pub(crate) fn index_bytes(&self) -> usize {
        self.index.resident_bytes()
    }

    /// Whether the table may hold `key`, which has this hash: always so without a filter.
    // Else the whole filter becomes a part of it, and each call of it saves registers for the case that is cold.
    #[inline(always)]
    pub(crate) fn may_contain(&self, key: &[u8], hash: u64) -> bool {
        match &self.filter {
            FilterPart::None => true,
            FilterPart::Pinned(filter) => filter.may_contain(hash),
            part => self.filter_admits(part, key, hash),
        }
    }

    /// Whether the table may hold a key that begins with `boundary`, which has this hash
    /// ([`esker_format::filter::prefix_hash`]). Always so unless the filter has the boundaries of the tree's own extractor
    /// (INV-PREFIX-2).
    pub(crate) fn may_contain_prefix(&self, boundary: &[u8], hash: u64) -> bool {
        let extractor = self.source.prefix_extractor.as_ref().map(|extractor| extractor.name());
        let has_prefixes = extractor.is_some() && self.properties.prefix_extractor.as_deref() == extractor;
        !has_prefixes || self.properties.range_tombstones > 0 || self.filter_admits_boundary(boundary, hash)
    }

    /// Asks the processor for what [`Table::may_contain`] will look at.
    #[inline]
    pub(crate) fn prefetch_filter(&self, hash: u64) {
        if let FilterPart::Pinned(filter) = &self.filter {
            filter.prefetch(hash);
        }
    }

    /// The newest version of `key` below `bound`. `hash` is the key's hash.
    ///
    /// Does not ask the filter: that is for the caller, unless the key is `expected` to be here, since a key that is here would
    /// only wait for it. Then the filter is asked before a block is read from the file.
    #[inline(never)]
    pub(crate) fn get<V: Keep>(
        &self,
        key: &[u8],
        hash: u64,
        bound: SeqNo,
        expected: bool,
    ) -> Result<Option<Found<V>>> {
        let Some(at) = self.place_of(key)? else { return Ok(None) };
        let held = match self.cached(at) {
            Some(held) => held,
            None if expected && !self.may_contain(key, hash) => return Ok(None),
            None => self.load_from_file(at)?,
        };
        self.find(at, held, key, bound)
    }

    /// The first block that may hold `key`.
    #[inline(always)]
    pub(crate) fn place_of(&self, key: &[u8]) -> Result<Option<usize>> {
        let order = &self.source.order;
        if order.compare(self.smallest(), key) == Order::Greater {
            return Ok(None);
        }
        match &self.index {
            IndexPart::Pinned(index) => {
                Ok(index.seek_ahead(key, order, |blocks| self.slots.prefetch(blocks)))
            }
            part => self.locate_in(part, key),
        }
    }

    /// The newest version of `key` below `bound`, in the block `at`, which is `held`, or in those after it.
    #[inline(always)]
    pub(crate) fn find<V: Keep>(
        &self,
        mut at: usize,
        mut held: HeldBlock,
        key: &[u8],
        bound: SeqNo,
    ) -> Result<Option<Found<V>>> {
        let order = &self.source.order;
        // Nothing is below bound 0 anyway; and where there is a base, all entries are at it.
        if self.base_seqno >= bound {
            return Ok(None);
        }
        loop {
            let block = held.block();
            if let Some(i) = block.find(key, bound, order) {
                let (seqno, kind) = (self.base_seqno + block.seqno(i), block.kind(i));
                return Ok(Some(Found { seqno, kind, value: V::of_block(&held, block.value_range(i)) }));
            }
            // Versions of one key may fill more than one block.
            at += 1;
            if at == self.block_count || !ends_with(&block, key, order) {
                return Ok(None);
            }
            held = self.load(at)?;
        }
    }

    /// The `at`-th data block, from the cache or through it.
    #[inline]
    pub(crate) fn block(&self, at: usize) -> Result<DataBlock<Buffer>> {
        Ok(self.load(at)?.into_block())
    }

    /// Asks the processor for what a search of the `at`-th data block looks at first, if the block is cached.
    #[inline]
    pub(crate) fn prefetch(&self, at: usize) {
        if let Some(held) = self.slots.get(at) {
            held.prefetch(self.lead_bytes.load(Ordering::Relaxed));
        }
    }

    /// The `at`-th data block, from the cache or through it, for a short look.
    #[inline]
    pub(crate) fn load(&self, at: usize) -> Result<HeldBlock> {
        self.cached(at).map_or_else(|| self.load_from_file(at), Ok)
    }

    /// The `at`-th data block, if it is in the cache.
    #[inline]
    pub(crate) fn cached(&self, at: usize) -> Option<HeldBlock> {
        let held = self.slots.get(at)?;
        // What a search looks at before it knows the entry: all of these misses overlap.
        held.prefetch(self.lead_bytes.load(Ordering::Relaxed));
        self.slots.note_use(at, &held);
        Some(held)
    }

    #[cold]
    fn load_from_file(&self, at: usize) -> Result<HeldBlock> {
        let handle = self.entry(at)?.handle;
        let held = HeldBlock::new(self.read_block(handle)?);
        self.source.metrics.blocks_read.add(1);
        self.source.metrics.block_bytes_read.add(handle.len);
        // More is fetched in vain where few entries are looked at, and a processor keeps some twenty misses in flight.
        self.lead_bytes.fetch_max(held.block().lead_bytes().min(MAX_LEAD_BYTES), Ordering::Relaxed);
        self.slots.insert(at, &held);
        Ok(held)
    }

    /// The `at`-th data block, past the cache.
    pub(crate) fn block_uncached(&self, at: usize) -> Result<DataBlock<Buffer>> {
        Ok(HeldBlock::new(self.read_block(self.entry(at)?.handle)?).into_block())
    }

    /// Bytes of the file as they are: for a merge, which takes many blocks at once.
    pub(crate) fn read_at(&self, offset: u64, len: u64) -> Result<Vec<u8>> {
        read(&self.source, &self.path, self.file, offset, len)
    }

    /// Reads, verifies and checks a data block.
    #[cold]
    fn read_block(&self, handle: BlockHandle) -> Result<Buffer> {
        let (source, path) = (&self.source, &self.path);
        let file =
            source.descriptors.open(self.file, &*source.fs, path).map_err(|e| Error::io("open", path, e))?;
        let len = usize::try_from(handle.len)
            .map_err(|_| Error::Unsupported { path: path.into(), what: "huge blocks" })?;
        let mut stored = source.cache.buffer(len);
        file.read_exact_at(stored.bytes_mut(), handle.offset).map_err(|e| Error::io("read", path, e))?;
        let corrupt = |e: DecodeError| Error::corrupt(path, e);
        let buffer = match open_block(BlockType::Data, stored.bytes_mut(), handle.offset).map_err(corrupt)? {
            Opened::InPlace(len) => {
                stored.truncate(len);
                stored.freeze()
            }
            Opened::Decompressed(payload) => {
                let mut buffer = source.cache.buffer(payload.len());
                buffer.bytes_mut().copy_from_slice(&payload);
                buffer.freeze()
            }
        };
        DataBlock::check(&buffer).map_err(corrupt)?;
        Ok(buffer)
    }

    /// Marks the table as named by no version: its file goes with its last reader.
    pub(crate) fn set_obsolete(&self) {
        self.obsolete.store(true, Ordering::Release);
    }
}

impl Drop for Table {
    fn drop(&mut self) {
        if !self.obsolete.load(Ordering::Acquire) {
            self.source.descriptors.close(self.file);
            return;
        }
        let deletion = FileDeletion {
            fs: Arc::clone(&self.source.fs),
            descriptors: Arc::clone(&self.source.descriptors),
            file: self.file,
            path: std::mem::take(&mut self.path),
        };
        match &self.source.deleter {
            Some(deleter) => deleter(deletion),
            None => deletion.run(),
        }
    }
}

/// The most of a block that is asked for before it is searched.
const MAX_LEAD_BYTES: usize = 1024;

/// Whether the last key of `block` is `key`.
#[cold]
fn ends_with(block: &DataBlock<&[u8]>, key: &[u8], order: &KeyOrder) -> bool {
    let mut last = Vec::new();
    block.key_into(block.len().saturating_sub(1), &mut last);
    order.same_key(&last, key)
}

/// Reads `len` bytes at `offset`, which the caller has checked against the file's length.
fn read(source: &TableSource, path: &Path, file: FileKey, offset: u64, len: u64) -> Result<Vec<u8>> {
    let handle = source.descriptors.open(file, &*source.fs, path).map_err(|e| Error::io("open", path, e))?;
    let len =
        usize::try_from(len).map_err(|_| Error::Unsupported { path: path.into(), what: "huge blocks" })?;
    let mut bytes = vec![0; len];
    handle.read_exact_at(&mut bytes, offset).map_err(|e| Error::io("read", path, e))?;
    Ok(bytes)
}

/// Refuses what this build would misread.
fn check_readable(source: &TableSource, path: &Path, properties: &Properties) -> Result<()> {
    let unsupported = |what| Err(Error::Unsupported { path: path.to_path_buf(), what });
    if properties.comparator != source.order.name() {
        return Err(Error::WrongComparator {
            stored: properties.comparator.clone(),
            given: source.order.name().to_owned(),
        });
    }
    let (stored, given) = (properties.merge_operator.as_deref(), source.merge_operator.as_deref());
    if properties.merges > 0 && stored != given {
        return Err(Error::WrongMergeOperator {
            stored: stored.unwrap_or_default().to_owned(),
            given: given.map(str::to_owned),
        });
    }
    if properties.blob_pointers > 0 {
        return unsupported("separated values");
    }
    Ok(())
}
