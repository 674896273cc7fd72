//! A table made of all its parts in memory, and read back as a reader does: footer, properties, index, filter, blocks.

use esker_format::block::{BLOCK_TRAILER_BYTES, BlockHandle, BlockType, decode_block, encode_block};
use esker_format::checksum::key_hash;
use esker_format::codec::Codec;
use esker_format::data_block::DataBlock;
use esker_format::data_block::builder::DataBlockBuilder;
use esker_format::error::{DecodeError, Problem};
use esker_format::filter::Filter;
use esker_format::filter::bloom::BloomBuilder;
use esker_format::index_block::Index;
use esker_format::index_block::builder::IndexBuilder;
use esker_format::index_block::separator::{shortest_separator, shortest_successor};
use esker_format::properties::Properties;
use esker_format::range_tombstones::{RangeTombstones, RangeTombstonesBuilder};
use esker_format::table::{FOOTER_BYTES, FORMAT_VERSION, Footer};
use esker_mem::comparator::{KeyOrder, UserComparator};
use esker_mem::kind::Kind;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;
use std::cmp::Ordering;
use std::sync::Arc;

type Entry = (Vec<u8>, SeqNo, Kind, Vec<u8>);

struct Reversed;

impl UserComparator for Reversed {
    fn name(&self) -> &'static str {
        "reversed"
    }
    fn compare(&self, a: &[u8], b: &[u8]) -> Ordering {
        b.cmp(a)
    }
}

fn put_block(file: &mut Vec<u8>, ty: BlockType, payload: &[u8], codec: Codec) -> BlockHandle {
    let offset = file.len() as u64;
    let len = encode_block(ty, payload, codec, file);
    BlockHandle { offset, len }
}

/// The writer that a tree will have, in small: blocks cut at `block_bytes`, versions of one key may fall into several.
fn write(entries: &[Entry], order: &KeyOrder, block_bytes: usize, codec: Codec) -> Vec<u8> {
    let mut file = Vec::new();
    let mut block = DataBlockBuilder::new(order.is_bytes());
    let mut index = IndexBuilder::new(order.is_bytes());
    let mut filter = BloomBuilder::new(10.0);
    let mut properties = Properties {
        comparator: order.name().to_owned(),
        format_version: FORMAT_VERSION,
        ..Properties::default()
    };
    let (mut payload, mut separator) = (Vec::new(), Vec::new());
    for (number, (key, seqno, kind, value)) in entries.iter().enumerate() {
        block.add(key, *seqno, *kind, value);
        filter.add_hash(key_hash(key));
        properties.count(*kind, key.len(), value.len());
        let next = entries.get(number + 1);
        if block.size_estimate() >= block_bytes || next.is_none() {
            let highest_seqno = block.highest_seqno();
            payload.clear();
            block.finish(&mut payload);
            let handle = put_block(&mut file, BlockType::Data, &payload, codec);
            match next {
                Some(next) => shortest_separator(key, &next.0, order, &mut separator),
                None => shortest_successor(key, order, &mut separator),
            }
            index.add(&separator, handle, highest_seqno);
        }
    }
    let mut put = |ty, finish: &mut dyn FnMut(&mut Vec<u8>)| {
        let mut payload = Vec::new();
        finish(&mut payload);
        put_block(&mut file, ty, &payload, Codec::None)
    };
    let mut tombstones = RangeTombstonesBuilder::new();
    tombstones.add(
        if order.is_bytes() { b"b" } else { b"c" },
        if order.is_bytes() { b"c" } else { b"b" },
        &[77],
    );
    let footer = Footer {
        range_tombstones: Some(put(BlockType::RangeTombstones, &mut |out| tombstones.finish(out))),
        filter: Some(put(BlockType::Filter, &mut |out| filter.finish(out))),
        index: Some(put(BlockType::Index, &mut |out| index.finish(out))),
        properties: put(BlockType::Properties, &mut |out| properties.encode(out)),
    };
    file.extend_from_slice(&footer.encode());
    file
}

struct Table<'a> {
    file: &'a [u8],
    order: &'a KeyOrder,
    index: Index,
    filter: Filter,
    tombstones: RangeTombstones,
    properties: Properties,
}

impl<'a> Table<'a> {
    fn open(file: &'a [u8], order: &'a KeyOrder) -> Result<Self, DecodeError> {
        let footer = Footer::decode(&file[file.len().saturating_sub(FOOTER_BYTES)..], file.len() as u64)?;
        let part = |ty, handle: Option<BlockHandle>| read_block(file, ty, handle.unwrap_or_default());
        Ok(Self {
            file,
            order,
            properties: Properties::decode(&read_block(file, BlockType::Properties, footer.properties)?)?,
            index: Index::decode(part(BlockType::Index, footer.index)?)?,
            filter: Filter::decode(part(BlockType::Filter, footer.filter)?)?,
            tombstones: RangeTombstones::decode(
                &part(BlockType::RangeTombstones, footer.range_tombstones)?,
                order,
            )?,
        })
    }

    fn block(&self, ordinal: usize) -> Result<DataBlock, DecodeError> {
        DataBlock::decode(read_block(self.file, BlockType::Data, self.index.entry(ordinal).handle)?)
    }

    /// The newest version of `key` below `bound`, following its versions into later blocks.
    fn get(&self, key: &[u8], bound: SeqNo) -> Result<Option<(SeqNo, Kind, Slice)>, DecodeError> {
        if !self.filter.may_contain(key_hash(key)) {
            return Ok(None);
        }
        let mut ordinal = self.index.seek(key, self.order);
        while let Some(at) = ordinal.filter(|&at| at < self.index.len()) {
            let block = self.block(at)?;
            if let Some(found) = block.find(key, bound, self.order) {
                return Ok(Some((block.seqno(found), block.kind(found), block.value_slice(found))));
            }
            if block.upper_bound(key, self.order) < block.len() {
                return Ok(None);
            }
            ordinal = Some(at + 1);
        }
        Ok(None)
    }
}

fn read_block(file: &[u8], ty: BlockType, handle: BlockHandle) -> Result<Slice, DecodeError> {
    if !handle.fits(file.len() as u64) {
        return Err(DecodeError::invalid("block", handle.offset, "the handle lies inside the file"));
    }
    let (start, len) = (handle.offset as usize, handle.len as usize);
    decode_block(ty, file[start..start + len].to_vec(), handle.offset)
}

fn random_entries(random: &mut fastrand::Rng, order: &KeyOrder, keys: usize) -> Vec<Entry> {
    let mut entries = Vec::new();
    for _ in 0..keys {
        let key = format!("tenant/{:02}/object/{:x}", random.u8(..20), random.u32(..5_000)).into_bytes();
        let versions = if random.u8(..50) == 0 { 100 } else { random.u64(1..3) };
        for version in 0..versions {
            let kind = if random.u8(..9) == 0 { Kind::Delete } else { Kind::Put };
            let value = (0..random.usize(..60)).map(|_| random.u8(b'a'..b'e')).collect();
            entries.push((key.clone(), random.u64(..1_000) * 200 + version, kind, value));
        }
    }
    entries.sort_by(|a, b| order.compare(&a.0, &b.0).then(b.1.cmp(&a.1)));
    entries.dedup_by(|a, b| a.0 == b.0 && a.1 == b.1);
    entries
}

#[test]
fn a_table_answers_like_a_sorted_vector() {
    let mut random = fastrand::Rng::with_seed(101);
    let codecs = [Codec::None, Codec::Lz4];
    for order in [KeyOrder::Bytes, KeyOrder::new(Arc::new(Reversed))] {
        for (block_bytes, codec) in [(300, codecs[0]), (4_096, codecs[1]), (8_192, codecs[0])] {
            let entries = random_entries(&mut random, &order, 2_000);
            let file = write(&entries, &order, block_bytes, codec);
            let table = Table::open(&file, &order).unwrap();
            assert_eq!(table.properties.entries, entries.len() as u64);
            assert_eq!(table.properties.comparator, order.name());
            assert_eq!(table.tombstones.newest_covering(b"bb", 100, &order), Some(77));
            for _ in 0..3_000 {
                let (mut key, ..) = entries[random.usize(..entries.len())].clone();
                if random.u8(..4) == 0 {
                    key.push(random.u8(..));
                }
                let bound = random.u64(..250_000);
                let newest = entries.iter().find(|entry| entry.0 == key && entry.1 < bound);
                let found = table.get(&key, bound).unwrap();
                assert_eq!(
                    found.as_ref().map(|(seqno, kind, value)| (*seqno, *kind, value.as_bytes())),
                    newest.map(|(_, seqno, kind, value)| (*seqno, *kind, value.as_slice()))
                );
            }
            // A walk over all blocks gives every entry back, and the index knows each block's highest seqno.
            let mut walked = Vec::new();
            for ordinal in 0..table.index.len() {
                let block = table.block(ordinal).unwrap();
                let highest = (0..block.len()).map(|index| block.seqno(index)).max();
                assert_eq!(Some(table.index.entry(ordinal).highest_seqno), highest);
                for index in 0..block.len() {
                    let mut key = Vec::new();
                    block.key_into(index, &mut key);
                    walked.push((key, block.seqno(index), block.kind(index), block.value(index).to_vec()));
                }
            }
            assert_eq!(walked, entries);
        }
    }
}

/// INV-FMT-2, INV-FMT-6: whichever bit of a table flips, the part that it is in is refused; nothing else changes.
#[test]
fn every_flipped_bit_of_a_table_is_noticed() {
    let order = KeyOrder::Bytes;
    let entries = random_entries(&mut fastrand::Rng::with_seed(102), &order, 20);
    let mut file = write(&entries, &order, 300, Codec::None);
    for at in 0..file.len() {
        let bit = 1 << (at % 8);
        file[at] ^= bit;
        let noticed = Table::open(&file, &order).and_then(|table| {
            (0..table.index.len()).try_for_each(|ordinal| table.block(ordinal).map(|_| ()))
        });
        assert!(noticed.is_err(), "byte {at}");
        file[at] ^= bit;
    }
    for len in 0..file.len() {
        assert!(Table::open(&file[..len], &order).is_err(), "cut to {len}");
    }
}

/// A small table is small: no padding, no fixed parts beside footer and trailers.
#[test]
fn a_table_of_one_entry_is_small() {
    let entries = vec![(b"key".to_vec(), 1, Kind::Put, b"value".to_vec())];
    let file = write(&entries, &KeyOrder::Bytes, 8_192, Codec::None);
    assert!(file.len() < 450, "{} bytes", file.len());
    assert!(file.len() > FOOTER_BYTES + 5 * BLOCK_TRAILER_BYTES);
    let error = Table::open(&file[..40], &KeyOrder::Bytes).err().unwrap();
    assert!(matches!(error.problem, Problem::BadMagic { .. } | Problem::Truncated { .. }));
}
