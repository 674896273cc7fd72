//! Building data blocks.
//!
//! The common prefix is known only when the block is cut, so entries are gathered first and laid down by
//! [`DataBlockBuilder::finish`]: two copies of each byte, both in cache. A gathered key is followed by its value, so what an
//! entry stores of both is one stretch, copied at once. Nothing is allocated per entry, and after the first block nothing per block.

use crate::column::ColumnShape;
use crate::data_block::fingerprints::{Fingerprints, TieCounter, fingerprint};
use crate::data_block::layout::{
    FLAG_EVEN, FLAG_FINGERPRINTS, FLAG_HEADS, FLAG_KINDS, FLAG_WIDE_OFFSETS, HEADER_BYTES,
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
    fingerprints: Fingerprints,
    /// Keys and values, one after the other.
    data: Vec<u8>,
    entries: Vec<Gathered>,
    /// The common prefix of all keys so far.
    lcp: usize,
    key_bytes: usize,
    lowest_seqno: SeqNo,
    highest_seqno: SeqNo,
    has_several_kinds: bool,
    /// Keys or values differ in length.
    is_uneven: bool,
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

    /// Which blocks get fingerprints, from the next one on.
    #[must_use]
    pub fn with_fingerprints(self, fingerprints: Fingerprints) -> Self {
        Self { fingerprints, ..self }
    }

    /// Adds an entry, which must follow the last one: user key ascending, then seqno descending; merge operands of a key may share
    /// a seqno, and then come newest first. The caller keeps the limits of
    /// the data model and cuts the block after an entry that makes it large.
    #[inline]
    pub fn add(&mut self, key: &[u8], seqno: SeqNo, kind: Kind, value: &[u8]) {
        debug_assert!(
            key.len() <= MAX_KEY_BYTES && value.len() as u64 <= MAX_VALUE_BYTES,
            "the limits of the data model"
        );
        debug_assert!(
            !self.order_is_bytes
                || self.entries.last().is_none_or(|last| {
                    let (before, here) = ((self.last_key(), seqno), (key, last.seqno));
                    before < here || (before == here && (last.kind, kind) == (Kind::Merge, Kind::Merge))
                }),
            "entries come in order"
        );
        if let Some(last) = self.entries.last() {
            self.has_several_kinds |= last.kind != kind;
            self.is_uneven |=
                (last.value_at - last.key_at, last.value_end - last.value_at) != (key.len(), value.len());
            // Without heads, two of these would have no byte of their own: a reader does not believe in such entries.
            self.is_uneven |= !self.order_is_bytes && key.is_empty() && value.is_empty();
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
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Entries added since the last block.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// About how many bytes the payload has if it is cut now: exact but for long suffixes, short keys and fingerprints. O(1).
    #[inline]
    #[must_use]
    pub fn size_estimate(&self) -> usize {
        let count = self.entries.len();
        let lengths = if self.is_uneven { 3 } else { 0 };
        let per_entry =
            lengths + usize::from(self.has_several_kinds) + usize::from(self.seqno_column().width);
        let value_bytes = self.data.len() - self.key_bytes;
        let suffix_bytes = self.key_bytes - count * self.lcp;
        let heads = if self.order_is_bytes { 8 * count } else { 0 };
        HEADER_BYTES + self.lcp + suffix_bytes.max(heads) + value_bytes + count * per_entry
    }

    /// The highest seqno added since the last block; 0 if there is none.
    #[inline]
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
        let count = self.entries.len();
        let mut ties = TieCounter::default();
        let (mut last_start, mut end) = (0, 0);
        for entry in &self.entries {
            let suffix = self.suffix(entry);
            let length_len = if self.is_uneven { varint_len(suffix.len() as u64) } else { 0 };
            (last_start, end) = (end, end + length_len + self.stored(entry).len());
            if self.order_is_bytes {
                ties.add(head(suffix));
            }
        }
        let wide = self.is_uneven && last_start > usize::from(u16::MAX);
        assert!(u32::try_from(last_start).is_ok(), "the caller cuts the block after a large entry");
        let has_fingerprints = match self.fingerprints {
            Fingerprints::WhereTied => ties.asks_for_fingerprints(),
            Fingerprints::Always => self.order_is_bytes,
            Fingerprints::Never => false,
        };
        self.put_header(wide, has_fingerprints, out);
        let seqnos = self.seqno_column();
        let heads_len = if self.order_is_bytes { 8 * count } else { 0 };
        let offsets_len = match (self.is_uneven, wide) {
            (false, _) => 0,
            (true, false) => 2 * count,
            (true, true) => 4 * count,
        };
        let fingerprints_len = if has_fingerprints { count } else { 0 };
        let kinds_len = if self.has_several_kinds { count } else { 0 };
        let at = out.len();
        let columns_len = heads_len + offsets_len + fingerprints_len + seqnos.len(count) + kinds_len;
        out.resize(at + columns_len + self.lcp + end, 0);
        let rest = out.get_mut(at..).unwrap_or_default();
        let (heads, rest) = rest.split_at_mut(heads_len);
        let (offsets, rest) = rest.split_at_mut(offsets_len);
        let (fingerprints, rest) = rest.split_at_mut(fingerprints_len);
        let (seqno_bytes, rest) = rest.split_at_mut(seqnos.len(count));
        let (kinds, rest) = rest.split_at_mut(kinds_len);
        let (prefix, stored) = rest.split_at_mut(self.lcp);
        for (head_bytes, entry) in heads.as_chunks_mut::<8>().0.iter_mut().zip(&self.entries) {
            *head_bytes = head(self.suffix(entry)).to_le_bytes();
        }
        for (byte, entry) in fingerprints.iter_mut().zip(&self.entries) {
            *byte = fingerprint(self.key(entry));
        }
        if !seqnos.is_empty() {
            let values = self.entries.iter().map(|entry| entry.seqno);
            seqnos.fill(seqno_bytes, values);
        }
        for (kind, entry) in kinds.iter_mut().zip(&self.entries) {
            *kind = entry.kind as u8;
        }
        prefix.copy_from_slice(self.data.get(..self.lcp).unwrap_or_default());
        if !self.is_uneven {
            self.put_even_entries(stored);
        } else if wide {
            self.put_entries(stored, offsets.as_chunks_mut().0.iter_mut(), u32::to_le_bytes);
        } else {
            // No start is beyond 65,535.
            let narrow = |start: u32| [start.to_le_bytes()[0], start.to_le_bytes()[1]];
            self.put_entries(stored, offsets.as_chunks_mut().0.iter_mut(), narrow);
        }
        self.reset();
    }

    /// Fills the entries behind the prefix, where all have one shape.
    #[inline]
    fn put_even_entries(&self, mut rest: &mut [u8]) {
        for entry in &self.entries {
            let stored = self.stored(entry);
            let (target, behind) = std::mem::take(&mut rest).split_at_mut(stored.len());
            target.copy_from_slice(stored);
            rest = behind;
        }
    }

    /// Fills the offsets column and the entries behind the prefix.
    #[inline]
    fn put_entries<'a, const N: usize>(
        &self,
        mut rest: &mut [u8],
        offsets: impl Iterator<Item = &'a mut [u8; N]>,
        offset_bytes: impl Fn(u32) -> [u8; N],
    ) {
        let len = rest.len();
        for (offset, entry) in offsets.zip(&self.entries) {
            // The last one was checked to fit.
            *offset = offset_bytes(u32::try_from(len - rest.len()).unwrap_or(u32::MAX));
            rest = put_varint_at(rest, entry.value_at - entry.key_at - self.lcp);
            let stored = self.stored(entry);
            let (target, behind) = std::mem::take(&mut rest).split_at_mut(stored.len());
            target.copy_from_slice(stored);
            rest = behind;
        }
    }

    fn put_header(&self, wide: bool, has_fingerprints: bool, out: &mut Vec<u8>) {
        let mut flags = 0;
        for (set, flag) in [
            (self.order_is_bytes, FLAG_HEADS),
            (wide, FLAG_WIDE_OFFSETS),
            (self.has_several_kinds, FLAG_KINDS),
            (has_fingerprints, FLAG_FINGERPRINTS),
            (!self.is_uneven, FLAG_EVEN),
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
        out.extend_from_slice(&[uniform_kind, seqnos.width]);
        // Both fit: these are limits of the data model.
        let shape = self.entries.first().filter(|_| !self.is_uneven).map(|entry| {
            let suffix_len = u16::try_from(self.suffix(entry).len()).unwrap_or(u16::MAX);
            (suffix_len, u32::try_from(entry.value_end - entry.value_at).unwrap_or(u32::MAX))
        });
        let (suffix_len, value_len) = shape.unwrap_or_default();
        out.extend_from_slice(&suffix_len.to_le_bytes());
        out.extend_from_slice(&value_len.to_le_bytes());
        out.extend_from_slice(&seqnos.base.to_le_bytes());
    }

    #[inline]
    fn seqno_column(&self) -> ColumnShape {
        ColumnShape::new(self.lowest_seqno, self.highest_seqno)
    }

    #[inline]
    fn key(&self, entry: &Gathered) -> &[u8] {
        self.data.get(entry.key_at..entry.value_at).unwrap_or_default()
    }

    #[inline]
    fn suffix(&self, entry: &Gathered) -> &[u8] {
        self.data.get(entry.key_at + self.lcp..entry.value_at).unwrap_or_default()
    }

    /// What an entry stores behind the length of its suffix: the remainder of the key, and the value, which follows it.
    #[inline]
    fn stored(&self, entry: &Gathered) -> &[u8] {
        let head_len = if self.order_is_bytes { 8 } else { 0 };
        let from = (entry.key_at + self.lcp + head_len).min(entry.value_at);
        self.data.get(from..entry.value_end).unwrap_or_default()
    }

    fn reset(&mut self) {
        self.data.clear();
        self.entries.clear();
        self.lcp = 0;
        self.key_bytes = 0;
        self.lowest_seqno = 0;
        self.highest_seqno = 0;
        self.has_several_kinds = false;
        self.is_uneven = false;
    }
}

/// Writes a varint to the front of `room`, and gives back what is behind it.
#[inline]
fn put_varint_at(room: &mut [u8], value: usize) -> &mut [u8] {
    let Ok(byte @ 0..0x80) = u8::try_from(value) else { return put_long_varint_at(room, value as u64) };
    let (target, behind) = room.split_at_mut(1);
    target.fill(byte);
    behind
}

#[cold]
fn put_long_varint_at(room: &mut [u8], value: u64) -> &mut [u8] {
    let mut bytes = Vec::new();
    put_varint(&mut bytes, value);
    let (target, behind) = room.split_at_mut(bytes.len());
    target.copy_from_slice(&bytes);
    behind
}

/// How many leading bytes two strings share.
#[inline]
#[must_use]
pub(crate) fn common_prefix(one: &[u8], other: &[u8]) -> usize {
    let mut shared = 0;
    for (a, b) in one.as_chunks::<8>().0.iter().zip(other.as_chunks::<8>().0) {
        let differing = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        if differing != 0 {
            return shared + differing.trailing_zeros() as usize / 8;
        }
        shared += 8;
    }
    let tail = |bytes| <[u8]>::get(bytes, shared..).unwrap_or_default();
    shared + tail(one).iter().zip(tail(other)).take_while(|(a, b)| a == b).count()
}
