//! Building the index of a table.
//!
//! Separators are gathered as blocks are written (a few dozen bytes each) and laid down as a tree when the table ends: leaves
//! first, then each level above from the last separators of the one below; in the payload the root comes first.

use crate::block::BlockHandle;
use crate::column::ColumnShape;
use crate::index_block::node::{FLAG_HEADS, FLAG_WIDE_OFFSETS, NodeLevel};
use crate::limits::MAX_KEY_BYTES;
use crate::varint::put_varint;
use esker_mem::head::head;
use esker_mem::seqno::SeqNo;

/// As in the byte table of the index.
const KIND_WHOLE: u8 = 1;
const HEADER_BYTES: usize = 8;

/// Gathers the entries of an index and lays them down as its payload.
#[derive(Debug, Default)]
pub struct IndexBuilder {
    order_is_bytes: bool,
    keys: Vec<u8>,
    entries: Vec<Gathered>,
}

#[derive(Debug, Clone, Copy)]
struct Gathered {
    key_at: usize,
    key_end: usize,
    handle: BlockHandle,
    highest_seqno: SeqNo,
}

impl IndexBuilder {
    /// A builder for a table in byte order, or for one in any other order, which stores whole keys.
    #[must_use]
    pub fn new(order_is_bytes: bool) -> Self {
        Self { order_is_bytes, ..Self::default() }
    }

    /// Adds a data block. Separators ascend; equal ones are allowed, where the versions of one key fill several blocks.
    pub fn add(&mut self, separator: &[u8], handle: BlockHandle, highest_seqno: SeqNo) {
        debug_assert!(separator.len() <= MAX_KEY_BYTES, "a separator is no longer than a key");
        let key_at = self.keys.len();
        self.keys.extend_from_slice(separator);
        self.entries.push(Gathered { key_at, key_end: self.keys.len(), handle, highest_seqno });
    }

    /// Blocks added.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether no block was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// About how many bytes the payload has if it is finished now: an upper bound in ordinary tables.
    #[must_use]
    pub fn size_estimate(&self) -> usize {
        64 + self.keys.len() + 24 * self.entries.len()
    }

    /// Appends the payload to `out` and begins the next index.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        // Nodes of each level, leaves first. A level's keys are the last keys of the nodes of the level below.
        let mut levels: Vec<Vec<Vec<u8>>> = Vec::new();
        let mut level_keys = self.entries.clone();
        while !level_keys.is_empty() {
            let level = if levels.is_empty() { NodeLevel::Leaf } else { NodeLevel::Inner };
            let chunks = || level_keys.chunks(level.entries());
            levels.push(chunks().map(|entries| self.node(entries, level)).collect());
            level_keys = match chunks().len() {
                1 => Vec::new(),
                _ => chunks().filter_map(|entries| entries.last().copied()).collect(),
            };
        }
        let count = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        out.extend_from_slice(&[KIND_WHOLE, 0, 0, 0]);
        out.extend_from_slice(&count.to_le_bytes());
        let nodes = || levels.iter().rev().flatten();
        let mut at = HEADER_BYTES + 8 * nodes().count();
        for node in nodes() {
            out.extend_from_slice(&(at as u64).to_le_bytes());
            at += node.len();
        }
        for node in nodes() {
            out.extend_from_slice(node);
        }
        self.keys.clear();
        self.entries.clear();
    }

    fn node(&self, entries: &[Gathered], level: NodeLevel) -> Vec<u8> {
        let lcp = if self.order_is_bytes { self.common_prefix(entries) } else { 0 };
        let (mut keys, mut offsets) = (Vec::new(), Vec::new());
        for entry in entries {
            offsets.push(keys.len());
            let suffix = self.key(entry).get(lcp..).unwrap_or_default();
            put_varint(&mut keys, suffix.len() as u64);
            let remainder = if self.order_is_bytes { suffix.get(8..).unwrap_or_default() } else { suffix };
            keys.extend_from_slice(remainder);
        }
        let wide = offsets.last().is_some_and(|&last| last > usize::from(u16::MAX));
        let flags =
            if self.order_is_bytes { FLAG_HEADS } else { 0 } | if wide { FLAG_WIDE_OFFSETS } else { 0 };
        let columns: &[fn(&Gathered) -> u64] = if level == NodeLevel::Leaf {
            &[|entry| entry.handle.offset, |entry| entry.handle.len, |entry| entry.highest_seqno]
        } else {
            &[]
        };
        let shapes: Vec<ColumnShape> = columns.iter().map(|value| shape(entries.iter().map(value))).collect();
        let width = |column: usize| shapes.get(column).map_or(0, |shape| shape.width);
        // At most 128 entries, and a prefix is no longer than a key.
        let count = u8::try_from(entries.len()).unwrap_or(u8::MAX);
        let [lcp_low, lcp_high] = u16::try_from(lcp).unwrap_or(u16::MAX).to_le_bytes();
        let mut node = vec![count, flags, lcp_low, lcp_high, width(0), width(1), width(2), 0];
        for shape in &shapes {
            node.extend_from_slice(&shape.base.to_le_bytes());
        }
        if self.order_is_bytes {
            for entry in entries {
                let suffix = self.key(entry).get(lcp..).unwrap_or_default();
                node.extend_from_slice(&head(suffix).to_le_bytes());
            }
        }
        for offset in offsets {
            // 128 keys of 64 KiB stay far below 4 GiB.
            let bytes = u32::try_from(offset).unwrap_or(u32::MAX).to_le_bytes();
            node.extend_from_slice(if wide { &bytes } else { &bytes[..2] });
        }
        for (shape, value) in shapes.iter().zip(columns) {
            for entry in entries {
                shape.push(&mut node, value(entry));
            }
        }
        if let Some(first) = entries.first() {
            node.extend_from_slice(self.key(first).get(..lcp).unwrap_or_default());
        }
        node.extend_from_slice(&keys);
        node
    }

    fn key(&self, entry: &Gathered) -> &[u8] {
        self.keys.get(entry.key_at..entry.key_end).unwrap_or_default()
    }

    /// What all keys of a node share: as they ascend, what the first shares with the last.
    fn common_prefix(&self, entries: &[Gathered]) -> usize {
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else { return 0 };
        self.key(first).iter().zip(self.key(last)).take_while(|(a, b)| a == b).count()
    }
}

fn shape(values: impl Iterator<Item = u64> + Clone) -> ColumnShape {
    ColumnShape::new(values.clone().min().unwrap_or(0), values.max().unwrap_or(0))
}
