//! Walking a block for a merge: each entry is decoded once, and its value found again without decoding.
//!
//! A merge holds the block, the key that it assembled, and where the value lies; it looks at the value only when the entry's turn
//! has come. Borrowed entries could not be held beside their block, so places in the payload are.
//!
//! Not here: search, and access in any order ([`super`]).

use std::ops::{Range, RangeInclusive};

use super::DataBlock;
use esker_mem::kind::Kind;
use esker_mem::seqno::SeqNo;

impl DataBlock {
    /// Makes `key`, which must begin with the block's prefix, the user key at `index`, and says where in the payload its value
    /// lies: for [`DataBlock::bytes`].
    #[inline]
    pub fn step(&self, index: usize, key: &mut Vec<u8>) -> Range<usize> {
        let end = self.layout.entry_range(&self.payload, index).end;
        let entry = self.entry(index);
        self.suffix_into(&entry, key);
        end - entry.value.len()..end
    }

    /// A part of the payload; nothing where it is out of bounds.
    #[inline]
    #[must_use]
    pub fn bytes(&self, part: Range<usize>) -> &[u8] {
        self.payload.as_bytes().get(part).unwrap_or_default()
    }

    /// The length of the payload: what the block takes before it is compressed.
    #[must_use]
    pub fn payload_len(&self) -> usize {
        self.payload.len()
    }

    /// The lowest and the highest seqno. O(count), or O(1) where all are equal.
    #[must_use]
    pub fn seqno_range(&self) -> RangeInclusive<SeqNo> {
        let base = self.seqno(0);
        let others = if self.layout.has_one_seqno() { 0..0 } else { 1..self.len() };
        others
            .map(|index| self.seqno(index))
            .fold(base..=base, |range, seqno| seqno.min(*range.start())..=seqno.max(*range.end()))
    }

    /// The kind of all entries, if they have one kind and different keys each.
    #[must_use]
    pub fn kind_of_distinct_keys(&self) -> Option<Kind> {
        let kind = self.layout.kind?;
        let heads = self.layout.heads(&self.payload);
        let distinct = (1..self.len()).all(|index| {
            let tied = index.checked_sub(1).and_then(|before| heads.get(before)) == heads.get(index);
            !tied || !self.stores_same_key(index - 1, index)
        });
        distinct.then_some(kind)
    }

    /// Whether two entries have the same bytes for a key.
    fn stores_same_key(&self, one: usize, other: usize) -> bool {
        let (one, other) = (self.entry(one), self.entry(other));
        one.suffix_len == other.suffix_len && one.remainder == other.remainder
    }
}
