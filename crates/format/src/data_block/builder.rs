//! Building data blocks.
//!
//! The common prefix is known only when the block is cut, so entries are gathered first and laid down by
//! [`DataBlockBuilder::finish`]: two copies of each byte, both in cache. Nothing is allocated per entry, and after the first block
//! nothing per block.

use crate::column::ColumnShape;
use crate::data_block::fingerprints::{TieCounter, fingerprint};
use crate::data_block::layout::{
    FLAG_FINGERPRINTS, FLAG_HEADS, FLAG_KINDS, FLAG_WIDE_OFFSETS, FLAGS_AT, HEADER_BYTES,
};
use crate::limits::{MAX_KEY_BYTES, MAX_VALUE_BYTES};
use crate::varint::{put_varint, varint_len};
use esker_mem::head::head;
use esker_mem::kind::Kind;
use esker_mem::seqno::SeqNo;

/// Gathers sorted entries and lays them down as the payload of a data block.
#[derive(Debug, Default)]
pub struct DataBlockBuilder {
    order_is_bytes: bool,
    /// Keys and values, one after the other.
    data: Vec<u8>,
    entries: Vec<Gathered>,
    /// The common prefix of all keys so far.
    lcp: usize,
    key_bytes: usize,
    lowest_seqno: SeqNo,
    highest_seqno: SeqNo,
    has_several_kinds: bool,
}

#[derive(Debug, Clone, Copy)]
struct Gathered {
    seqno: SeqNo,
    key_at: usize,
    value_at: usize,
    value_end: usize,
    kind: Kind,
}

impl DataBlockBuilder {
    /// A builder for a table in byte order, or for one in any other order, which stores whole keys.
    #[must_use]
    pub fn new(order_is_bytes: bool) -> Self {
        Self { order_is_bytes, ..Self::default() }
    }

    /// Adds an entry, which must follow the last one: user key ascending, then seqno descending. The caller keeps the limits of
    /// the data model and cuts the block after an entry that makes it large.
    pub fn add(&mut self, key: &[u8], seqno: SeqNo, kind: Kind, value: &[u8]) {
        debug_assert!(
            key.len() <= MAX_KEY_BYTES && value.len() as u64 <= MAX_VALUE_BYTES,
            "the limits of the data model"
        );
        debug_assert!(
            !self.order_is_bytes
                || self.entries.last().is_none_or(|last| (self.last_key(), seqno) < (key, last.seqno)),
            "entries come in order"
        );
        if let Some(last) = self.entries.last() {
            self.has_several_kinds |= last.kind != kind;
            self.lowest_seqno = self.lowest_seqno.min(seqno);
            self.highest_seqno = self.highest_seqno.max(seqno);
            self.lcp = common_prefix(self.data.get(..self.lcp).unwrap_or_default(), key);
        } else {
            self.lowest_seqno = seqno;
            self.highest_seqno = seqno;
            self.lcp = if self.order_is_bytes { key.len() } else { 0 };
        }
        self.key_bytes += key.len();
        let key_at = self.data.len();
        self.data.extend_from_slice(key);
        let value_at = self.data.len();
        self.data.extend_from_slice(value);
        self.entries.push(Gathered { seqno, key_at, value_at, value_end: self.data.len(), kind });
    }

    /// Whether nothing was added since the last block.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Entries added since the last block.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// About how many bytes the payload has if it is cut now: exact but for long suffixes, short keys and fingerprints. O(1).
    #[must_use]
    pub fn size_estimate(&self) -> usize {
        let count = self.entries.len();
        let per_entry = 3 + usize::from(self.has_several_kinds) + usize::from(self.seqno_column().width);
        let value_bytes = self.data.len() - self.key_bytes;
        let suffix_bytes = self.key_bytes - count * self.lcp;
        let heads = if self.order_is_bytes { 8 * count } else { 0 };
        HEADER_BYTES + self.lcp + suffix_bytes.max(heads) + value_bytes + count * per_entry
    }

    /// The highest seqno added since the last block; 0 if there is none.
    #[must_use]
    pub const fn highest_seqno(&self) -> SeqNo {
        self.highest_seqno
    }

    /// The lowest seqno added since the last block; 0 if there is none.
    #[must_use]
    pub const fn lowest_seqno(&self) -> SeqNo {
        self.lowest_seqno
    }

    /// The first key since the last block; empty if there is none.
    #[must_use]
    pub fn first_key(&self) -> &[u8] {
        self.entries.first().map_or(&[], |entry| self.key(entry))
    }

    /// The last key added since the last block; empty if there is none.
    #[must_use]
    pub fn last_key(&self) -> &[u8] {
        self.entries.last().map_or(&[], |entry| self.key(entry))
    }

    /// Appends the payload to `out` and begins the next block. At least one entry must have been added.
    ///
    /// # Panics
    /// If nothing was added, or an entry was added after one that ended beyond 4 GiB: our own bugs.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        assert!(!self.entries.is_empty(), "a block has entries");
        out.reserve(self.size_estimate() + 16);
        let last_start = self.entry_starts().last().unwrap_or_default();
        let wide = last_start > usize::from(u16::MAX);
        let header_at = out.len();
        self.put_header(wide, out);
        let mut ties = TieCounter::default();
        if self.order_is_bytes {
            for entry in &self.entries {
                let head = head(self.suffix(entry));
                ties.add(head);
                out.extend_from_slice(&head.to_le_bytes());
            }
        }
        for start in self.entry_starts() {
            let start = u32::try_from(start).unwrap_or(u32::MAX);
            assert!(start < u32::MAX, "the caller cuts the block after a large entry");
            let bytes = start.to_le_bytes();
            out.extend_from_slice(if wide { &bytes } else { &bytes[..2] });
        }
        if ties.asks_for_fingerprints() {
            // Only now is it known that the block has them.
            if let Some(flags) = out.get_mut(header_at + FLAGS_AT) {
                *flags |= FLAG_FINGERPRINTS.to_le_bytes()[0];
            }
            out.extend(self.entries.iter().map(|entry| fingerprint(self.key(entry))));
        }
        let seqnos = self.seqno_column();
        if !seqnos.is_empty() {
            for entry in &self.entries {
                seqnos.push(out, entry.seqno);
            }
        }
        if self.has_several_kinds {
            out.extend(self.entries.iter().map(|entry| entry.kind as u8));
        }
        out.extend_from_slice(self.data.get(..self.lcp).unwrap_or_default());
        for entry in &self.entries {
            let suffix = self.suffix(entry);
            put_varint(out, suffix.len() as u64);
            let remainder = if self.order_is_bytes { suffix.get(8..).unwrap_or_default() } else { suffix };
            out.extend_from_slice(remainder);
            out.extend_from_slice(self.data.get(entry.value_at..entry.value_end).unwrap_or_default());
        }
        self.reset();
    }

    fn put_header(&self, wide: bool, out: &mut Vec<u8>) {
        let mut flags = 0;
        for (set, flag) in [
            (self.order_is_bytes, FLAG_HEADS),
            (wide, FLAG_WIDE_OFFSETS),
            (self.has_several_kinds, FLAG_KINDS),
        ] {
            flags |= if set { flag } else { 0 };
        }
        let uniform_kind =
            self.entries.first().filter(|_| !self.has_several_kinds).map_or(0, |entry| entry.kind as u8);
        // Both fit: the count by memory, the prefix by the limit of a key.
        let count = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let lcp = u16::try_from(self.lcp).unwrap_or(u16::MAX);
        let seqnos = self.seqno_column();
        out.extend_from_slice(&count.to_le_bytes());
        out.extend_from_slice(&lcp.to_le_bytes());
        out.extend_from_slice(&flags.to_le_bytes());
        out.extend_from_slice(&[uniform_kind, seqnos.width, 0, 0, 0, 0, 0, 0]);
        out.extend_from_slice(&seqnos.base.to_le_bytes());
    }

    /// Where each entry begins, from the first one on.
    fn entry_starts(&self) -> impl Iterator<Item = usize> {
        self.entries.iter().scan(0, |next, entry| {
            let start = *next;
            let suffix_len = self.suffix(entry).len();
            let remainder_len = if self.order_is_bytes { suffix_len.saturating_sub(8) } else { suffix_len };
            *next += varint_len(suffix_len as u64) + remainder_len + (entry.value_end - entry.value_at);
            Some(start)
        })
    }

    fn seqno_column(&self) -> ColumnShape {
        ColumnShape::new(self.lowest_seqno, self.highest_seqno)
    }

    fn key(&self, entry: &Gathered) -> &[u8] {
        self.data.get(entry.key_at..entry.value_at).unwrap_or_default()
    }

    fn suffix(&self, entry: &Gathered) -> &[u8] {
        self.data.get(entry.key_at + self.lcp..entry.value_at).unwrap_or_default()
    }

    fn reset(&mut self) {
        self.data.clear();
        self.entries.clear();
        self.lcp = 0;
        self.key_bytes = 0;
        self.lowest_seqno = 0;
        self.highest_seqno = 0;
        self.has_several_kinds = false;
    }
}

/// How many leading bytes two strings share.
#[inline]
#[must_use]
pub(crate) fn common_prefix(one: &[u8], other: &[u8]) -> usize {
    // Most keys of a block share all of its prefix: one comparison.
    if other.starts_with(one) {
        return one.len();
    }
    one.iter().zip(other).take_while(|(a, b)| a == b).count()
}
