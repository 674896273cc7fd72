//! Writes one table file: entries in internal order go in, a finished and synced file comes out.
//!
//! Data blocks are closed at the block size and gathered in a buffer that is written about a megabyte at a time. A
//! block's index entry waits for the next key, so that the separator between the two can be as short as possible.
//! Hashes for the filter are gathered once per user key ([`super::filter_keys`]); the filter is built at the end, when their
//! number is known. Index and filter may be cut into partitions on the way ([`super::cuts`]).
//! A block of another table may be taken over as it lies there ([`TableWriter::add_block`]); its keys are still hashed.
//!
//! The file is written under its final name: a table becomes part of a tree by the manifest alone, and one that no
//! manifest names is an orphan that the next open deletes (INV-FLUSH-2).

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::sync::Arc;

use esker_env::fs::{FsFile, OpenOptions, SharedFs};
use esker_env::sync_mode::SyncMode;
use esker_format::block::{BlockHandle, BlockType, encode_block, seal_block};
use esker_format::codec::Codec;
use esker_format::data_block::DataBlock;
use esker_format::data_block::builder::DataBlockBuilder;
use esker_format::data_block::fingerprints::Fingerprints;
use esker_format::expiry::split_expiring;
use esker_format::ids::TableId;
use esker_format::index_block::INDEX_KIND_WHOLE;
use esker_format::index_block::builder::IndexBuilder;
use esker_format::index_block::separator::shortest_separator;
use esker_format::manifest::AddedTable;
use esker_format::partitions::INDEX_KIND_PARTITIONED;
use esker_format::properties::Properties;
use esker_format::range_tombstones::RangeTombstonesBuilder;
use esker_format::table::{FORMAT_VERSION, Footer};
use esker_format::table_checksum::TableChecksum;
use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;

use crate::error::{Error, Result};
use crate::policy::FilterPolicyEntry;
use crate::prefix_extractor::SharedPrefixExtractor;
use crate::table::cuts::Cuts;
use crate::table::filter_keys::FilterKeys;

/// How a table is written.
#[derive(Clone, Debug)]
pub(crate) struct TableOptions {
    pub(crate) order: KeyOrder,
    /// The name of the tree's merge operator.
    pub(crate) merge_operator: Option<String>,
    pub(crate) block_size_bytes: u32,
    pub(crate) codec: Codec,
    pub(crate) index_codec: Codec,
    pub(crate) fingerprints: Fingerprints,
    pub(crate) filter: FilterPolicyEntry,
    pub(crate) prefix_extractor: Option<SharedPrefixExtractor>,
    pub(crate) sync_mode: SyncMode,
    /// Whether blocks are never to be copied on write.
    pub(crate) in_place: bool,
    /// Data blocks for each partition of the index; none if it is to be whole.
    pub(crate) index_partition_blocks: Option<u32>,
    /// As much for the filter.
    pub(crate) filter_partition_blocks: Option<u32>,
}

/// What is gathered before it is written to the file.
const WRITE_BYTES: usize = 1 << 20;

/// Keys that a filter is built for: their hashes take 8 MiB until then, and building a bumped ribbon filter up to four times that.
const MAX_FILTER_KEYS: usize = 1 << 20;

/// Writes one table. Dropped unfinished, it deletes its file.
pub(crate) struct TableWriter {
    fs: SharedFs,
    path: PathBuf,
    file: Arc<dyn FsFile>,
    options: TableOptions,
    block: DataBlockBuilder,
    index: IndexBuilder,
    index_cuts: Cuts,
    filter_cuts: Cuts,
    /// A closed block whose index entry waits for the next key.
    closed: Option<Closed>,
    filter_keys: Option<FilterKeys>,
    ranges: RangeTombstonesBuilder,
    /// The first and the last key that range tombstones reach, and their seqnos.
    range_bounds: Option<(Slice, Slice)>,
    range_seqnos: BTreeSet<SeqNo>,
    properties: Properties,
    id: TableId,
    smallest: Slice,
    /// The last key of the closed blocks.
    last_key: Vec<u8>,
    separator: Vec<u8>,
    /// Of all blocks so far.
    checksum: TableChecksum,
    /// The key of a block that is taken over.
    copied_key: Vec<u8>,
    payload: Vec<u8>,
    /// Bytes that are not written yet, and where they belong.
    buffer: Vec<u8>,
    written: u64,
    finished: bool,
}

struct Closed {
    handle: BlockHandle,
    highest_seqno: SeqNo,
}

impl TableWriter {
    /// Begins table `id` at `path`.
    pub(crate) fn create(
        fs: &SharedFs,
        path: PathBuf,
        id: TableId,
        options: TableOptions,
        created_unix_millis: u64,
    ) -> Result<Self> {
        let create = OpenOptions::create_new().with_in_place(options.in_place);
        let file = fs.open(&path, &create).map_err(|e| Error::io("create", &path, e))?;
        let is_bytes = options.order.is_bytes();
        let filter_keys = FilterKeys::new(options.filter, options.prefix_extractor.as_ref());
        let properties = Properties {
            comparator: options.order.name().to_owned(),
            format_version: FORMAT_VERSION,
            created_unix_millis,
            codec_id: options.codec.id(),
            index_kind: INDEX_KIND_WHOLE,
            filter_kind: filter_keys.as_ref().map_or(0, FilterKeys::kind_id),
            filter_policy: filter_keys.as_ref().map(|keys| keys.policy_name().to_owned()),
            lowest_seqno: SeqNo::MAX,
            merge_operator: options.merge_operator.clone(),
            ..Properties::default()
        };
        Ok(Self {
            fs: Arc::clone(fs),
            path,
            file,
            block: DataBlockBuilder::new(is_bytes).with_fingerprints(options.fingerprints),
            index: IndexBuilder::new(is_bytes),
            index_cuts: Cuts::new(options.index_partition_blocks),
            filter_cuts: Cuts::new(options.filter_partition_blocks),
            closed: None,
            filter_keys,
            ranges: RangeTombstonesBuilder::new(),
            range_bounds: None,
            range_seqnos: BTreeSet::new(),
            properties,
            id,
            smallest: Slice::empty(),
            last_key: Vec::new(),
            separator: Vec::new(),
            checksum: TableChecksum::default(),
            copied_key: Vec::new(),
            payload: Vec::new(),
            buffer: Vec::with_capacity(WRITE_BYTES + (64 << 10)),
            written: 0,
            finished: false,
            options,
        })
    }

    /// What the file would be if it ended now, roughly: data blocks only.
    #[inline]
    pub(crate) fn size_bytes(&self) -> u64 {
        self.written + (self.buffer.len() + self.block.size_estimate()) as u64
    }

    /// Whether it holds no entry.
    pub(crate) fn is_empty(&self) -> bool {
        self.properties.entries == 0
    }

    /// Whether so many hashes wait for the filter that the table should end before the next key.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.filter_keys.as_ref().is_some_and(|keys| keys.len() >= MAX_FILTER_KEYS)
    }

    /// Whether the prefix extractor contradicted itself, so that the table will not name it.
    pub(crate) fn contradicts_extractor(&self) -> bool {
        self.filter_keys.as_ref().is_some_and(FilterKeys::is_contradicted)
    }

    /// Adds an entry: after the last one in internal order. `is_new_key` says whether its key is another one.
    #[inline]
    pub(crate) fn add(
        &mut self,
        key: &[u8],
        is_new_key: bool,
        seqno: SeqNo,
        kind: Kind,
        value: &[u8],
    ) -> Result<()> {
        let block_bytes = self.block.size_estimate() + key.len() + value.len();
        if block_bytes > self.options.block_size_bytes as usize && !self.block.is_empty() {
            self.close_block()?;
        }
        if self.block.is_empty() {
            self.begin_block(key, is_new_key);
        }
        if is_new_key && let Some(keys) = &mut self.filter_keys {
            keys.add(key);
        }
        self.block.add(key, seqno, kind, value);
        self.properties.count(kind, key.len(), value.len());
        if kind == Kind::ExpiringPut {
            self.properties.note_expiry(split_expiring(value).1);
        }
        Ok(())
    }

    /// Whether a block of `payload_bytes` from elsewhere may follow here: it has about the block size, and leaves no block of
    /// less than half of it behind. Small blocks would make the index larger, and large ones reads slower. A table that is full
    /// ends at its next key, which only single entries show.
    pub(crate) fn takes_block(&self, payload_bytes: usize) -> bool {
        let (half, wanted) =
            (self.options.block_size_bytes as usize / 2, self.options.block_size_bytes as usize);
        !self.is_full()
            && (half..=wanted + half).contains(&payload_bytes)
            && (self.block.is_empty() || self.block.size_estimate() >= half)
    }

    /// Adds a whole block of another table as it is stored there, verified by the caller. Its keys are new ones, all
    /// different, and follow the last one; nothing in it expires. It was written with the codec of this table.
    pub(crate) fn add_block(
        &mut self,
        block: &DataBlock,
        stored: &[u8],
        seqnos: RangeInclusive<SeqNo>,
    ) -> Result<()> {
        if !self.block.is_empty() {
            self.close_block()?;
        }
        let mut key = std::mem::take(&mut self.copied_key);
        block.key_into(0, &mut key);
        self.begin_block(&key, true);
        for index in 0..block.len() {
            let value = block.step(index, &mut key);
            if let Some(keys) = &mut self.filter_keys {
                keys.add(&key);
            }
            self.properties.count(block.kind(index), key.len(), value.len());
        }
        self.last_key.clear();
        self.last_key.extend_from_slice(&key);
        self.copied_key = key;
        let offset = self.written + self.buffer.len() as u64;
        self.buffer.extend_from_slice(stored);
        self.note_block(BlockHandle { offset, len: stored.len() as u64 }, seqnos)
    }

    /// Adds the span from `start` up to and without `end`, behind the last one, and the seqnos of the range tombstones over it,
    /// descending. May come before, amid and behind the entries.
    pub(crate) fn add_range_tombstone(&mut self, start: &Slice, end: &Slice, seqnos: &[SeqNo]) {
        self.ranges.add(start, end, seqnos);
        let first = self.range_bounds.take().map_or_else(|| start.clone(), |(first, _)| first);
        self.range_bounds = Some((first, end.clone()));
        self.range_seqnos.extend(seqnos);
    }

    /// The last key so far; none before the first.
    pub(crate) fn last_key(&self) -> Option<&[u8]> {
        if self.properties.entries == 0 {
            return None;
        }
        Some(if self.block.is_empty() { &self.last_key } else { self.block.last_key() })
    }

    /// Takes note of the first key of a block: it parts this one from the block before.
    fn begin_block(&mut self, key: &[u8], is_new_key: bool) {
        if self.closed.is_some() {
            self.index_closed(is_new_key.then_some(key));
        } else {
            self.smallest = Slice::new(key);
        }
    }

    /// Takes note of a block that ends the buffer.
    fn note_block(&mut self, handle: BlockHandle, seqnos: RangeInclusive<SeqNo>) -> Result<()> {
        self.checksum.add_block(&self.buffer);
        self.properties.lowest_seqno = self.properties.lowest_seqno.min(*seqnos.start());
        self.properties.highest_seqno = self.properties.highest_seqno.max(*seqnos.end());
        self.properties.data_blocks += 1;
        self.properties.data_bytes += handle.len;
        self.closed = Some(Closed { handle, highest_seqno: *seqnos.end() });
        if self.buffer.len() >= WRITE_BYTES { self.write_buffer() } else { Ok(()) }
    }

    /// Ends the data block under construction.
    fn close_block(&mut self) -> Result<()> {
        let seqnos = self.block.lowest_seqno()..=self.block.highest_seqno();
        self.last_key.clear();
        self.last_key.extend_from_slice(self.block.last_key());
        let offset = self.written + self.buffer.len() as u64;
        let len = if self.options.codec == Codec::None {
            let start = self.buffer.len();
            self.block.finish(&mut self.buffer);
            seal_block(BlockType::Data, start, &mut self.buffer)
        } else {
            self.payload.clear();
            self.block.finish(&mut self.payload);
            encode_block(BlockType::Data, &self.payload, self.options.codec, &mut self.buffer)
        };
        self.note_block(BlockHandle { offset, len }, seqnos)
    }

    /// Enters the closed block into the index; `next` is the first key after it, if that is another one.
    fn index_closed(&mut self, next: Option<&[u8]>) {
        let Some(closed) = self.closed.take() else { return };
        self.separator.clear();
        match next {
            Some(next) => {
                shortest_separator(&self.last_key, next, &self.options.order, &mut self.separator);
            }
            None => self.separator.extend_from_slice(&self.last_key),
        }
        self.index.add(&self.separator, closed.handle, closed.highest_seqno);
        if self.index_cuts.is_full_with(closed.highest_seqno) {
            let mut payload = Vec::new();
            self.index.finish(&mut payload);
            self.index_cuts.cut(payload, &self.separator);
        }
        // The keys of the blocks so far: that of the next block is not hashed yet (INV-PART-1).
        if self.filter_cuts.is_full_with(closed.highest_seqno)
            && let Some(keys) = &mut self.filter_keys
        {
            let mut payload = Vec::new();
            keys.cut(&mut payload);
            self.filter_cuts.cut(payload, &self.separator);
        }
    }

    fn write_buffer(&mut self) -> Result<()> {
        self.file.write_all_at(&self.buffer, self.written).map_err(|e| Error::io("write", &self.path, e))?;
        self.written += self.buffer.len() as u64;
        self.buffer.clear();
        Ok(())
    }

    /// Appends a block of metadata.
    fn add_metadata(&mut self, ty: BlockType, codec: Codec) -> BlockHandle {
        let offset = self.written + self.buffer.len() as u64;
        let len = encode_block(ty, &self.payload, codec, &mut self.buffer);
        self.checksum.add_block(&self.buffer);
        BlockHandle { offset, len }
    }

    /// Appends the index or the filter, the end of which is the payload: in partitions if it was cut.
    fn add_part(&mut self, ty: BlockType, codec: Codec, mut cuts: Cuts) -> BlockHandle {
        if !cuts.is_partitioned() {
            return self.add_metadata(ty, codec);
        }
        if cuts.is_pending() {
            cuts.cut(std::mem::take(&mut self.payload), &self.separator);
        }
        let (is_bytes, mut directory) = (self.options.order.is_bytes(), Vec::new());
        let write = |payload| {
            self.payload = payload;
            self.add_metadata(ty, codec)
        };
        cuts.finish(is_bytes, write, &mut directory);
        self.payload = directory;
        self.add_metadata(ty, codec)
    }

    /// Ends the table: writes what is left, and syncs. At least one entry or range tombstone must have been added.
    pub(crate) fn finish(mut self) -> Result<AddedTable> {
        debug_assert!(self.properties.entries > 0 || !self.ranges.is_empty(), "a table holds something");
        if !self.block.is_empty() {
            self.close_block()?;
        }
        self.index_closed(None);
        let range_tombstones = (!self.ranges.is_empty()).then(|| {
            self.payload.clear();
            self.ranges.finish(&mut self.payload);
            self.add_metadata(BlockType::RangeTombstones, Codec::None)
        });
        let (index_cuts, filter_cuts) = self.take_cuts();
        let filter = self.filter_keys.take().map(|keys| {
            self.payload.clear();
            self.properties.prefix_extractor = keys.finish(&mut self.payload);
            self.add_part(BlockType::Filter, Codec::None, filter_cuts)
        });
        self.payload.clear();
        self.index.finish(&mut self.payload);
        if index_cuts.is_partitioned() {
            self.properties.index_kind = INDEX_KIND_PARTITIONED;
        }
        let index = self.add_part(BlockType::Index, self.options.index_codec, index_cuts);
        let largest_is_exclusive = self.note_bounds();
        self.payload.clear();
        self.properties.encode(&mut self.payload);
        let properties = self.add_metadata(BlockType::Properties, Codec::None);
        let footer = Footer { index: Some(index), filter, range_tombstones, properties };
        let footer = footer.encode();
        self.buffer.extend_from_slice(&footer);
        self.write_buffer()?;
        self.options.sync_mode.sync(&*self.file).map_err(|e| Error::io("sync", &self.path, e))?;
        self.finished = true;
        let file_checksum = Some(std::mem::take(&mut self.checksum).finish(&footer));
        Ok(AddedTable { largest_key_is_exclusive: largest_is_exclusive, file_checksum, ..self.meta() })
    }

    /// Enters the bounds of entries and range tombstones into the properties (INV-RANGE-7); says whether the largest key is but
    /// the end of a range tombstone.
    fn note_bounds(&mut self) -> bool {
        let properties = &mut self.properties;
        (properties.smallest_key, properties.largest_key) =
            (self.smallest.clone(), Slice::new(&self.last_key));
        let Some((first, end)) = self.range_bounds.take() else { return false };
        properties.range_tombstones = self.range_seqnos.len() as u64;
        let seqnos = self.range_seqnos.first().zip(self.range_seqnos.last());
        if let Some((&lowest, &highest)) = seqnos {
            properties.lowest_seqno = properties.lowest_seqno.min(lowest);
            properties.highest_seqno = properties.highest_seqno.max(highest);
        }
        let (order, is_empty) = (&self.options.order, properties.entries == 0);
        if is_empty || order.compare(&first, &properties.smallest_key) == Ordering::Less {
            properties.smallest_key = first;
        }
        // The end itself is not covered, so up to a key that is here it adds nothing.
        let reaches_on =
            |key: &[u8]| is_empty || order.compare(key, &properties.largest_key) == Ordering::Greater;
        if let Some(last_covered) = end.strip_suffix(&[0]).filter(|_| order.is_bytes()) {
            // The last key before the end has a name, and the table beside this one may begin at the end.
            if reaches_on(last_covered) {
                properties.largest_key = Slice::new(last_covered);
            }
            return false;
        }
        if !reaches_on(&end) {
            return false;
        }
        properties.largest_key = end;
        true
    }

    fn take_cuts(&mut self) -> (Cuts, Cuts) {
        let taken = |cuts| std::mem::replace(cuts, Cuts::new(None));
        (taken(&mut self.index_cuts), taken(&mut self.filter_cuts))
    }

    /// What the manifest says of the finished table.
    fn meta(&self) -> AddedTable {
        AddedTable {
            table: self.id,
            file_bytes: self.written,
            smallest_key: self.properties.smallest_key.clone(),
            largest_key: self.properties.largest_key.clone(),
            lowest_seqno: self.properties.lowest_seqno,
            highest_seqno: self.properties.highest_seqno,
            entries: self.properties.entries,
            point_tombstones: self.properties.point_tombstones(),
            range_tombstones: self.properties.range_tombstones,
            created_unix_millis: self.properties.created_unix_millis,
            ..AddedTable::default()
        }
    }
}

impl Drop for TableWriter {
    fn drop(&mut self) {
        if !self.finished {
            // What cannot be deleted now is an orphan of the next open.
            let _ = self.fs.remove_file(&self.path);
        }
    }
}
