//! The index of a table: for each data block a separator, the block's handle and its highest seqno.
//!
//! Separators ascend; a key belongs to the first block whose separator is `>=` it. They are as short as can be
//! ([`separator`]). The index is a **tree of nodes, each with its own common prefix and heads**, searched like a data block: leaves of 64 entries, inner nodes
//! of 128. (One flat array of heads after a table-wide prefix ties massively under shared prefixes.) An inner node's keys are
//! the last separators of its children; the child of entry `i` of node `n` is node `128·n + i` of the level below, so only
//! leaves store anything beside keys.
//!
//! | at | bytes | field | |
//! |---|---|---|---|
//! | 0 | 1 | kind | 1 = whole index in one payload; 2 is a directory of partitions ([`crate::partitions`]) |
//! | 1 | 3 | reserved | 0 |
//! | 4 | 4 | count | entries; 0 in a table without data blocks |
//! | 8 | 8·nodes | directory | where each node begins in the payload: root first, leaves last |
//! | | | nodes | [`node`] gives their byte table |
//!
//! The numbers of levels and nodes follow from the count: `ceil(count / 64)` leaves, `ceil(leaves / 128)` nodes above
//! them, and so on up to one root.
//!
//! **Limits.** 2³²−1 blocks. **Checksum scope.** The envelope's. **Damage.** [`Index::decode`] checks every node once; afterwards no
//! access can fail (INV-FMT-4). Whether a handle lies inside the file is for its reader to ask
//! ([`BlockHandle::fits`]). **Memory.** The payload and a few words; nothing per entry.
//! **Versions.** 1: as above.
//!
//! Example, one block at 0 of 100 bytes with separator `"m"` and highest seqno 5:
//!
//! ```text
//! 01 00 00 00               whole index
//! 01 00 00 00               1 entry
//! 10 00 00 00 00 00 00 00   the root, also a leaf, is at byte 16
//! 01 01 01 00               1 entry; heads; common prefix of 1 byte
//! 00 00 00 00               columns of width 0: all values equal their base
//! 00 00 00 00 00 00 00 00   offsets: base 0
//! 64 00 00 00 00 00 00 00   lengths: base 100
//! 05 00 00 00 00 00 00 00   seqnos: base 5
//! 00 00 00 00 00 00 00 00   head of ""
//! 00 00                     the key is at 0
//! 6d                        prefix "m"
//! 00                        suffix of 0 bytes
//! ```
//!
//! Not here: where the index is kept (resident, or in the cache).

pub mod builder;
pub mod node;
pub mod separator;

use crate::block::BlockHandle;
use crate::error::{DecodeError, Problem};
use crate::index_block::node::{INNER_ENTRIES, LEAF_ENTRIES, Node, NodeLevel, STRUCTURE};
use crate::reader::Reader;
use esker_mem::comparator::KeyOrder;
use esker_mem::prefetch::{LINE_BYTES, prefetch};
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;
use std::ops::Range;

/// The kind of an index that is one payload, as properties and payload name it.
pub const INDEX_KIND_WHOLE: u8 = 1;

pub(crate) const HEADER_BYTES: usize = 8;

/// A decoded index: the payload, and how many nodes each level has.
#[derive(Debug, Clone)]
pub struct Index {
    payload: Slice,
    count: usize,
    /// Node numbers of each level, root first.
    levels: Vec<Range<usize>>,
}

/// What the index says of one data block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexEntry {
    /// Where the block is.
    pub handle: BlockHandle,
    /// The highest seqno in the block.
    pub highest_seqno: SeqNo,
}

impl Index {
    /// Takes a payload apart and checks all of it: O(count).
    ///
    /// # Errors
    /// The payload is not an index of this version.
    pub fn decode(payload: Slice) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(STRUCTURE, &payload);
        let [kind, reserved @ ..]: [u8; 4] = reader.array()?;
        if kind != INDEX_KIND_WHOLE || reserved != [0; 3] {
            return Err(reader.error(Problem::Unsupported { what: "index kind", id: kind.into() }));
        }
        let count = reader.u32()? as usize;
        let levels = levels(count);
        let nodes = levels.last().map_or(0, |leaves| leaves.end);
        reader.bytes(8 * nodes as u64)?;
        let directory_end = HEADER_BYTES + 8 * nodes;
        let index = Self { payload, count, levels };
        let mut expected_start = directory_end;
        for (depth, level) in index.levels.iter().enumerate() {
            let of_level = index.entries_of_level(depth);
            for number in level.clone() {
                let range = index.node_range(number);
                let full = index.node_level(depth).entries();
                let entries = (of_level - (number - level.start) * full).min(full);
                let at = expected_start as u64;
                let bytes =
                    index.payload.as_bytes().get(range.clone()).filter(|_| range.start == expected_start);
                let Some(bytes) = bytes else {
                    return Err(DecodeError::invalid(
                        STRUCTURE,
                        at,
                        "nodes follow each other inside the payload",
                    ));
                };
                Node::check(bytes, index.node_level(depth), entries).map_err(|error| error.shifted(at))?;
                expected_start = range.end;
            }
        }
        if expected_start != index.payload.len() {
            return Err(DecodeError::invalid(STRUCTURE, expected_start as u64, "nothing follows the nodes"));
        }
        Ok(index)
    }

    /// The number of data blocks.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.count
    }

    /// Whether the table has no data blocks.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of memory that the index holds on to.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.payload.len() + self.levels.capacity() * size_of::<Range<usize>>()
    }

    /// The first block whose separator is `>= key`: the only one that can begin with `key`, and where a search for it
    /// starts. `None` if the key lies after the table.
    #[inline]
    #[must_use]
    pub fn seek(&self, key: &[u8], order: &KeyOrder) -> Option<usize> {
        self.seek_ahead(key, order, |_| {})
    }

    /// As [`Index::seek`]; `ahead` is told among which blocks the answer will be as soon as that is known, which is before the
    /// last node is looked at.
    #[inline]
    #[must_use]
    pub fn seek_ahead(
        &self,
        key: &[u8],
        order: &KeyOrder,
        ahead: impl FnOnce(Range<usize>),
    ) -> Option<usize> {
        let mut ordinal = 0;
        let mut ahead = Some(ahead);
        for (depth, level) in self.levels.iter().enumerate() {
            if depth + 1 == self.levels.len()
                && let Some(ahead) = ahead.take()
            {
                self.prefetch(level.start + ordinal);
                ahead(ordinal * LEAF_ENTRIES..((ordinal + 1) * LEAF_ENTRIES).min(self.count));
            }
            let node = self.node(depth, level.start + ordinal)?;
            let place = node.lower_bound(key, order);
            if place == node.len() {
                // Only the root can end below the key, unless the bytes lie: then this is an answer like any other.
                return None;
            }
            ordinal = ordinal * self.node_level(depth).entries() + place;
        }
        (self.count > 0).then_some(ordinal)
    }

    /// What the index says of the block at `ordinal`, which must be below [`Index::len`]: an empty handle beyond.
    #[inline]
    #[must_use]
    pub fn entry(&self, ordinal: usize) -> IndexEntry {
        let Some(leaf) = self.leaf(ordinal) else {
            return IndexEntry { handle: BlockHandle::default(), highest_seqno: 0 };
        };
        let (offset, len, highest_seqno) = leaf.columns(ordinal % LEAF_ENTRIES);
        IndexEntry { handle: BlockHandle { offset, len }, highest_seqno }
    }

    /// Replaces `separator` by that of the block at `ordinal`: at least its last key, and below the first key of the next block
    /// unless that block goes on with the same key.
    pub fn separator_into(&self, ordinal: usize, separator: &mut Vec<u8>) {
        separator.clear();
        if let Some(leaf) = self.leaf(ordinal) {
            leaf.key_into(ordinal % LEAF_ENTRIES, separator);
        }
    }

    #[inline]
    fn leaf(&self, ordinal: usize) -> Option<Node<'_>> {
        let depth = self.levels.len().checked_sub(1)?;
        let leaves = self.levels.get(depth)?;
        self.node(depth, leaves.start + ordinal / LEAF_ENTRIES)
    }

    /// Asks the processor for what a search in a leaf looks at first.
    #[inline]
    fn prefetch(&self, number: usize) {
        const SEARCHED_BYTES: usize = 32 + 8 * LEAF_ENTRIES;
        let leaf = self.payload.as_bytes().get(self.node_range(number)).unwrap_or_default();
        leaf.iter().take(SEARCHED_BYTES).step_by(LINE_BYTES).for_each(|byte| prefetch(byte));
    }

    #[inline]
    fn node(&self, depth: usize, number: usize) -> Option<Node<'_>> {
        Node::parse(self.payload.as_bytes().get(self.node_range(number))?, self.node_level(depth))
    }

    #[inline]
    fn node_level(&self, depth: usize) -> NodeLevel {
        if depth + 1 == self.levels.len() { NodeLevel::Leaf } else { NodeLevel::Inner }
    }

    #[inline]
    fn node_range(&self, number: usize) -> Range<usize> {
        let nodes = self.levels.last().map_or(0, |leaves| leaves.end);
        let directory =
            self.payload.as_bytes().get(HEADER_BYTES..HEADER_BYTES + 8 * nodes).unwrap_or_default();
        let (directory, _) = directory.as_chunks::<8>();
        let at = |number: usize| {
            let start = directory.get(number).map(|&start| u64::from_le_bytes(start));
            start.map_or(self.payload.len(), |start| usize::try_from(start).unwrap_or(usize::MAX))
        };
        at(number)..at(number + 1)
    }

    /// How many entries all nodes of a level have together.
    fn entries_of_level(&self, depth: usize) -> usize {
        self.levels.get(depth + 1).map_or(self.count, ExactSizeIterator::len)
    }
}

/// The node numbers of each level, root first, in an index of `count` entries.
pub(crate) fn levels(count: usize) -> Vec<Range<usize>> {
    let mut sizes = Vec::new();
    let mut nodes = count.div_ceil(LEAF_ENTRIES);
    while nodes > 0 {
        sizes.push(nodes);
        nodes = if nodes == 1 { 0 } else { nodes.div_ceil(INNER_ENTRIES) };
    }
    let mut next = 0;
    let numbered = sizes.iter().rev().map(|&nodes| {
        next += nodes;
        next - nodes..next
    });
    numbered.collect()
}

#[cfg(test)]
mod tests;
