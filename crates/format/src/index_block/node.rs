//! A node of the index tree: up to 64 keys and their blocks in a leaf, up to 128 keys in an inner node, searched in place.
//!
//! | at | bytes | field | |
//! |---|---|---|---|
//! | 0 | 1 | count | 1..=64 in a leaf, 1..=128 in an inner node |
//! | 1 | 1 | flags | 1 = heads (byte order), 2 = wide key offsets |
//! | 2 | 2 | lcp | length of the common prefix; 0 without heads |
//! | 4 | 3 | widths | of the columns: block offset, block length, highest seqno; 0 in an inner node |
//! | 7 | 1 | reserved | 0 |
//! | 8 | 24 | bases | of the three columns; absent in an inner node |
//! | | 8·count | heads | only with flag 1 |
//! | | 2·count or 4·count | key offsets | from the first key on |
//! | | | columns | block offsets, block lengths, highest seqnos ([`crate::column`]) |
//! | | lcp | prefix | |
//! | | | keys | each `suffix length varint ‖ remainder`; the suffix length counts the head |
//!
//! Without heads a remainder is the whole key.

use crate::column::ColumnShape;
use crate::error::{DecodeError, Problem};
use crate::limits::MAX_KEY_BYTES;
use crate::reader::Reader;
use crate::sorted_heads::{Place, StoredHead, compare_tied, equal_range, heads, load, place, push_head};
use crate::varint::get_varint;
use esker_mem::comparator::KeyOrder;
use esker_mem::head::head;
use esker_mem::seqno::SeqNo;
use std::cmp::Ordering;

pub(crate) const STRUCTURE: &str = "index";

/// Keys in a full leaf.
pub const LEAF_ENTRIES: usize = 64;

/// Keys in a full inner node. Its keys are far apart anyway, so that a narrower node would share little more of a prefix, and a
/// table of 64 MiB has two levels.
pub const INNER_ENTRIES: usize = 128;

pub(crate) const FLAG_HEADS: u8 = 1;
pub(crate) const FLAG_WIDE_OFFSETS: u8 = 2;

const INNER_HEADER_BYTES: usize = 8;
const LEAF_HEADER_BYTES: usize = 32;

/// Whether a node's entries are blocks or nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NodeLevel {
    Inner,
    Leaf,
}

impl NodeLevel {
    /// Keys in a full node.
    #[inline]
    pub(crate) const fn entries(self) -> usize {
        match self {
            Self::Inner => INNER_ENTRIES,
            Self::Leaf => LEAF_ENTRIES,
        }
    }
}

/// A view of one node's bytes.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Node<'a> {
    bytes: &'a [u8],
    count: usize,
    lcp: usize,
    has_heads: bool,
    wide_offsets: bool,
    offsets: ColumnShape,
    lens: ColumnShape,
    seqnos: ColumnShape,
    heads_at: usize,
    key_offsets_at: usize,
    columns_at: usize,
    prefix_at: usize,
    keys_at: usize,
}

impl<'a> Node<'a> {
    /// Reads the header of a node; everything else stays where it is. `None` if the bytes end inside the header.
    #[inline]
    pub(crate) fn parse(bytes: &'a [u8], level: NodeLevel) -> Option<Self> {
        let &[count, flags, lcp_low, lcp_high, offset_width, len_width, seqno_width, _] =
            bytes.first_chunk()?;
        let count = usize::from(count);
        let lcp = usize::from(u16::from_le_bytes([lcp_low, lcp_high]));
        let mut bases = [0; 3];
        let mut heads_at = INNER_HEADER_BYTES;
        if level == NodeLevel::Leaf {
            let (stored, _) = bytes.get(INNER_HEADER_BYTES..LEAF_HEADER_BYTES)?.as_chunks::<8>();
            for (base, &stored) in bases.iter_mut().zip(stored) {
                *base = u64::from_le_bytes(stored);
            }
            heads_at = LEAF_HEADER_BYTES;
        }
        let (has_heads, wide_offsets) = (flags & FLAG_HEADS != 0, flags & FLAG_WIDE_OFFSETS != 0);
        let key_offsets_at = heads_at + if has_heads { 8 * count } else { 0 };
        let columns_at = key_offsets_at + if wide_offsets { 4 * count } else { 2 * count };
        let row_bytes = usize::from(offset_width) + usize::from(len_width) + usize::from(seqno_width);
        let prefix_at = columns_at + count * row_bytes;
        Some(Self {
            bytes,
            count,
            lcp,
            has_heads,
            wide_offsets,
            offsets: ColumnShape { base: bases[0], width: offset_width },
            lens: ColumnShape { base: bases[1], width: len_width },
            seqnos: ColumnShape { base: bases[2], width: seqno_width },
            heads_at,
            key_offsets_at,
            columns_at,
            prefix_at,
            keys_at: prefix_at + lcp,
        })
    }

    /// Checks that `bytes` are a node of `entries` entries in which every access lies inside (INV-FMT-4).
    pub(crate) fn check(bytes: &'a [u8], level: NodeLevel, entries: usize) -> Result<(), DecodeError> {
        let mut reader = Reader::new(STRUCTURE, bytes);
        let [count, flags, _, _, widths @ .., reserved] = reader.array::<8>()?;
        let unknown = flags & !(FLAG_HEADS | FLAG_WIDE_OFFSETS);
        if unknown != 0 || reserved != 0 {
            let id = u64::from(unknown) << 8 | u64::from(reserved);
            return Err(reader.error(Problem::Unsupported { what: "index node flags", id }));
        }
        let greatest_width = if level == NodeLevel::Leaf { 8 } else { 0 };
        if usize::from(count) != entries || widths.iter().any(|&width| width > greatest_width) {
            return Err(reader.invalid("a node has its share of entries and sound columns"));
        }
        let Some(node) = Self::parse(bytes, level).filter(|node| node.keys_at <= bytes.len()) else {
            return Err(reader.invalid("a node holds its columns and its prefix"));
        };
        if node.lcp > 0 && !node.has_heads || !node.heads().is_sorted_by_key(|&head| load(head)) {
            return Err(reader.invalid("heads ascend, and a prefix comes with heads"));
        }
        let mut start = node.keys_at;
        for index in 0..node.count {
            let range = node.key_range(index);
            let key = bytes.get(range.clone()).filter(|_| range.start == start);
            if !key.is_some_and(|key| node.key_is_sound(key, index)) {
                return Err(DecodeError::invalid(
                    STRUCTURE,
                    start as u64,
                    "keys follow each other inside the node",
                ));
            }
            start = range.end;
        }
        Ok(())
    }

    /// The number of entries.
    #[inline]
    pub(crate) const fn len(&self) -> usize {
        self.count
    }

    /// The first entry whose key is `>= key`.
    // A part of each lookup: a call costs 3 % of one that finds its key in memory.
    #[inline(always)]
    pub(crate) fn lower_bound(&self, key: &[u8], order: &KeyOrder) -> usize {
        if !(self.has_heads && order.is_bytes()) {
            let mut assembled = Vec::new();
            return partition(0, self.count, |index| order.compare(self.key_ref(index, &mut assembled), key));
        }
        let prefix = self.bytes.get(self.prefix_at..self.keys_at).unwrap_or_default();
        let suffix = match place(key, prefix) {
            Place::Below => return 0,
            Place::Above => return self.count,
            Place::Inside(suffix) => suffix,
        };
        let (start, end) = equal_range(self.heads(), head(suffix));
        partition(start, end, |index| {
            let (suffix_len, remainder) = self.stored_key(index);
            compare_tied(suffix_len, remainder, suffix)
        })
    }

    /// Offset, length and highest seqno of the block at `index`.
    #[inline]
    pub(crate) fn columns(&self, index: usize) -> (u64, u64, SeqNo) {
        let columns = self.bytes.get(self.columns_at..).unwrap_or_default();
        let lens = columns.get(self.offsets.len(self.count)..).unwrap_or_default();
        let seqnos = lens.get(self.lens.len(self.count)..).unwrap_or_default();
        (self.offsets.get(columns, index), self.lens.get(lens, index), self.seqnos.get(seqnos, index))
    }

    /// Replaces `key` by the key at `index`.
    pub(crate) fn key_into(&self, index: usize, key: &mut Vec<u8>) {
        key.clear();
        key.extend_from_slice(self.bytes.get(self.prefix_at..self.keys_at).unwrap_or_default());
        let (suffix_len, remainder) = self.stored_key(index);
        if let Some(&head) = self.heads().get(index) {
            push_head(key, load(head), suffix_len);
        }
        key.extend_from_slice(remainder);
    }

    #[inline]
    fn heads(&self) -> &'a [StoredHead] {
        heads(self.bytes.get(self.heads_at..self.key_offsets_at).unwrap_or_default(), self.count)
    }

    #[inline]
    fn key_range(&self, index: usize) -> std::ops::Range<usize> {
        let offsets = self.bytes.get(self.key_offsets_at..self.columns_at).unwrap_or_default();
        let at = |index: usize| {
            let offset = if self.wide_offsets {
                let (offsets, _) = offsets.as_chunks::<4>();
                offsets.get(index).map(|&offset| u32::from_le_bytes(offset) as usize)
            } else {
                let (offsets, _) = offsets.as_chunks::<2>();
                offsets.get(index).map(|&offset| usize::from(u16::from_le_bytes(offset)))
            };
            offset.map_or(self.bytes.len(), |offset| self.keys_at + offset)
        };
        at(index)..at(index + 1)
    }

    /// The suffix length and the remainder of the key at `index`.
    #[inline]
    fn stored_key(&self, index: usize) -> (usize, &'a [u8]) {
        let bytes = self.bytes.get(self.key_range(index)).unwrap_or_default();
        let (suffix_len, varint_len) = get_varint(bytes).unwrap_or_default();
        let suffix_len = usize::try_from(suffix_len).unwrap_or(usize::MAX);
        (suffix_len, bytes.get(varint_len..).unwrap_or_default())
    }

    fn key_ref<'b>(&self, index: usize, assembled: &'b mut Vec<u8>) -> &'b [u8]
    where
        'a: 'b,
    {
        if !self.has_heads {
            return self.stored_key(index).1;
        }
        self.key_into(index, assembled);
        assembled
    }

    fn key_is_sound(&self, key: &[u8], index: usize) -> bool {
        let Some((suffix_len, varint_len)) = get_varint(key) else { return false };
        if suffix_len > (MAX_KEY_BYTES - self.lcp) as u64 {
            return false;
        }
        let Some(head) = self.heads().get(index).map(|&head| load(head)) else {
            return (key.len() - varint_len) as u64 == suffix_len;
        };
        // The head of a short suffix is padded with zero bits.
        let padding_mask = if suffix_len < 8 { u64::MAX >> (8 * suffix_len) } else { 0 };
        (key.len() - varint_len) as u64 == suffix_len.saturating_sub(8) && head & padding_mask == 0
    }
}

/// The first index of `low..high` that does not compare as less.
#[inline]
fn partition(mut low: usize, mut high: usize, mut compare: impl FnMut(usize) -> Ordering) -> usize {
    while low < high {
        let middle = low.midpoint(high);
        if compare(middle) == Ordering::Less {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    low
}
