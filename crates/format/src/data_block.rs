//! The data block: sorted entries, searched in place.
//!
//! Keys share a prefix of `lcp` bytes, stored once. A *head* is the eight bytes after that prefix, zero-padded, as an integer
//! in key order; so a key is `prefix ‖ min(8, rest) bytes of its head ‖ remainder`. A search compares the wanted key with the
//! prefix, counts heads ([`crate::sorted_heads`]), and compares whole keys only among entries with equal heads. There are
//! no restart points and no deltas: every entry is reached directly, in both directions.
//!
//! | at | bytes | field | |
//! |---|---|---|---|
//! | 0 | 4 | count | entries, at least 1 |
//! | 4 | 2 | lcp | length of the common prefix; 0 without heads |
//! | 6 | 2 | flags | below |
//! | 8 | 1 | kind | of every entry; 0 if there is a kinds column |
//! | 9 | 1 | seqno width | 0..=8 bytes per entry |
//! | 10 | 2 | suffix length | of every entry with flag 64; else 0 |
//! | 12 | 4 | value length | of every entry with flag 64; else 0 |
//! | 16 | 8 | seqno base | the lowest seqno |
//! | 24 | 8·count | heads | little-endian numbers; only with flag 1 |
//! | | 2·count or 4·count | offsets | of entries, from the first entry on; 4 bytes each with flag 2; none with flag 64 |
//! | | count | fingerprints | only with flag 8 |
//! | | width·count | seqnos | seqno − base ([`crate::column`]) |
//! | | count | kinds | only with flag 4 |
//! | | lcp | prefix | |
//! | | | entries | each `suffix length varint ‖ remainder ‖ value`, with flag 64 `remainder ‖ value`; the suffix length counts the head |
//!
//! | flag | |
//! |--:|---|
//! | 1 | heads: keys are in byte order. Without it `lcp` is 0 and the remainder is the whole key: any comparator |
//! | 2 | wide offsets: the last entry begins beyond 65,535 |
//! | 4 | kinds column: entries differ in kind |
//! | 8 | fingerprints: many heads are equal; only with flag 1 |
//! | 64 | even: all entries have suffixes of one length and values of one length, so where an entry stands is a multiplication |
//! | 32 | reserved: entry checksums. A reader refuses it and all others |
//!
//! The value of an expiring put ends with its expiry ([`crate::expiry`]). An entry of a kind that a reader does not know is
//! *unsupported*, not damage.
//!
//! Entries are sorted by user key, then seqno descending; a user key may come several times.
//!
//! **Limits.** Keys to 65,535 bytes, values to 2³²−1: an entry of any size is the last of its block, so offsets fit.
//! **Checksum scope.** None here: the envelope ([`crate::block`]) covers the payload.
//! **Damage.** [`DataBlock::decode`] checks every length, offset, kind, seqno and the order of heads once; afterwards no
//! access can fail (INV-FMT-3). It neither compares nor hashes whole keys: [`DataBlock::verify_order`] does.
//! **Versions.** 1: as above.
//!
//! Example, `apple@7 = put "red"` and `apricot@9 = delete`:
//!
//! ```text
//! 02 00 00 00               2 entries
//! 02 00                     common prefix of 2 bytes
//! 05 00                     flags: heads, kinds column
//! 00 01                     no uniform kind; seqnos of 1 byte
//! 00 00 00 00 00 00         reserved
//! 07 00 00 00 00 00 00 00   seqno base 7
//! 00 00 00 00 00 65 6c 70   head "ple"
//! 00 00 00 74 6f 63 69 72   head "ricot"
//! 00 00 04 00               entries at 0 and 4
//! 00 02                     seqnos 7+0, 7+2
//! 00 01                     kinds: put, delete
//! 61 70                     prefix "ap"
//! 03 72 65 64               suffix of 3 bytes, all in the head; value "red"
//! 05                        suffix of 5 bytes; no value
//! ```
//!
//! And an even one, `ab@3 = put "x"` and `ac@3 = put "y"`:
//!
//! ```text
//! 02 00 00 00 01 00         2 entries, common prefix of 1 byte
//! 41 00 00 00               flags: heads, even; puts; no column of seqnos
//! 01 00 01 00 00 00         suffixes of 1 byte, values of 1 byte
//! 03 00 00 00 00 00 00 00   seqno base 3
//! 00 00 00 00 00 00 00 62   head "b"
//! 00 00 00 00 00 00 00 63   head "c"
//! 61 78 79                  prefix "a", values "x" and "y"
//! ```
//!
//! Not here: building ([`builder`]), checking and access by index ([`layout`]), walking ([`walk`]), steps of a merge (`step.rs`),
//! and moving from block to block.

pub mod builder;
pub mod fingerprints;
pub mod layout;
mod step;
pub mod walk;

use crate::data_block::fingerprints::{SHORT_TIE, fingerprint, matches};
use crate::data_block::layout::{Entry, Layout, STRUCTURE};
use crate::error::DecodeError;
use crate::sorted_heads::{Place, compare_tied, count_below, equal_range, place, push_head};
use esker_mem::comparator::KeyOrder;
use esker_mem::head::head;
use esker_mem::kind::Kind;
use esker_mem::prefetch::{LINE_BYTES, prefetch};
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;
use std::cmp::Ordering;
use std::ops::{Deref, Range};

/// How much of an entry is asked for ahead: the rest of a long one follows by itself.
const PREFETCHED_LINES: usize = 4;

/// A decoded data block: the payload, and where its parts are. Cheap to share: everything else stays in the payload,
/// which may be a slice that keeps it alive or bytes that somebody else does.
#[derive(Debug, Clone)]
pub struct DataBlock<P = Slice> {
    payload: P,
    layout: Layout,
}

impl DataBlock {
    /// Takes a payload apart and checks all of it: O(count).
    ///
    /// # Errors
    /// The payload is not a data block of this version, see the module's text.
    pub fn decode(payload: Slice) -> Result<Self, DecodeError> {
        let layout = Layout::parse(&payload)?;
        Ok(Self { payload, layout })
    }

    /// Checks all of a payload, as [`DataBlock::decode`] does.
    ///
    /// # Errors
    /// As there.
    pub fn check(payload: &[u8]) -> Result<(), DecodeError> {
        Layout::parse(payload).map(drop)
    }

    /// The value of the entry at `index` as a slice that keeps the block alive, not copied.
    #[inline]
    #[must_use]
    pub fn value_slice(&self, index: usize) -> Slice {
        self.payload.slice(self.value_range(index))
    }
}

impl<P: Deref<Target = [u8]>> DataBlock<P> {
    /// A block whose payload [`DataBlock::decode`] has admitted before: nothing is checked again. Of other bytes it is a
    /// block in which nothing or nonsense is found, but nothing fails (INV-FMT-3).
    #[inline]
    #[must_use]
    pub fn of_checked(payload: P) -> Self {
        let layout = Layout::of_checked(&payload);
        Self { payload, layout }
    }

    /// The number of entries, at least 1.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> usize {
        self.layout.count
    }

    /// Whether there are no entries: never.
    #[inline]
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.layout.count == 0
    }

    /// The length of the prefix that all keys share; 0 in a block of whole keys.
    #[inline]
    #[must_use]
    pub const fn lcp(&self) -> usize {
        self.layout.lcp
    }

    /// The prefix that all keys share.
    #[inline]
    #[must_use]
    pub fn prefix(&self) -> &[u8] {
        self.layout.prefix(&self.payload)
    }

    /// How much of the block stands before its first entry: all that a search looks at before it knows the entry.
    #[inline]
    #[must_use]
    pub const fn lead_bytes(&self) -> usize {
        self.layout.entries_at
    }

    /// Bytes of memory that the block holds on to.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.payload.len()
    }

    /// The first entry whose user key is `>= key`; [`DataBlock::len`] if there is none.
    #[inline]
    #[must_use]
    pub fn lower_bound(&self, key: &[u8], order: &KeyOrder) -> usize {
        if self.layout.has_heads && order.is_bytes() {
            return self.locate(key).index;
        }
        self.partition(0..self.layout.count, |entry_key| order.compare(entry_key, key) == Ordering::Less)
    }

    /// The first entry whose user key is `> key`; [`DataBlock::len`] if there is none.
    #[must_use]
    pub fn upper_bound(&self, key: &[u8], order: &KeyOrder) -> usize {
        if self.layout.has_heads && order.is_bytes() {
            let found = self.locate(key);
            return if found.equal { self.end_of_equals(&found, key) } else { found.index };
        }
        self.partition(0..self.layout.count, |entry_key| order.compare(entry_key, key) != Ordering::Greater)
    }

    /// The newest version of `key` that a read at `bound` sees (`seqno < bound`). If there is none in this block and the block
    /// ends with the key, the next block may go on with it.
    // A part of each lookup, as what it calls: left to choose, the compiler makes calls of them that save and fetch registers.
    #[inline(always)]
    #[must_use]
    pub fn find(&self, key: &[u8], bound: SeqNo, order: &KeyOrder) -> Option<usize> {
        if !(self.layout.has_heads && order.is_bytes()) {
            return self.find_by_comparator(key, bound, order);
        }
        let found = self.locate_exactly(key)?;
        if self.seqno(found.index) < bound {
            return Some(found.index);
        }
        let end = self.end_of_equals(&found, key);
        self.first_below(found.index + 1..end, bound)
    }

    /// Asks the processor for the entry that [`DataBlock::find`] will most likely look at, without looking at it.
    #[inline]
    pub fn prefetch(&self, key: &[u8], order: &KeyOrder) {
        if self.layout.has_heads && order.is_bytes() && key.len() >= self.layout.lcp {
            let suffix = key.get(self.layout.lcp..).unwrap_or_default();
            let index = count_below(self.layout.heads(&self.payload), head(suffix));
            let entry = self.payload.get(self.layout.entry_range(&self.payload, index)).unwrap_or_default();
            entry.iter().step_by(LINE_BYTES).take(PREFETCHED_LINES).for_each(|byte| prefetch(byte));
        }
    }

    /// Whether the entries at `index` and before it have the same user key. False at the first entry.
    #[inline]
    #[must_use]
    pub fn same_key_as_previous(&self, index: usize, order: &KeyOrder) -> bool {
        let Some(previous) = index.checked_sub(1) else { return false };
        let (one, other) = (self.entry(previous), self.entry(index));
        let identical =
            one.head == other.head && one.suffix_len == other.suffix_len && one.remainder == other.remainder;
        identical || (!order.is_bytes() && self.same_by_comparator(previous, index, order))
    }

    /// The head of the key at `index` after the block's prefix, without touching the entry; 0 in a block of whole keys.
    #[inline]
    #[must_use]
    pub fn head(&self, index: usize) -> u64 {
        self.layout.head(&self.payload, index)
    }

    /// The entry at `index`, which must be below [`DataBlock::len`]: beyond, parts are empty.
    #[inline]
    #[must_use]
    pub fn entry(&self, index: usize) -> Entry<'_> {
        self.layout.entry(&self.payload, index)
    }

    /// Replaces `key` by the user key at `index`.
    #[inline]
    pub fn key_into(&self, index: usize, key: &mut Vec<u8>) {
        key.clear();
        key.extend_from_slice(self.prefix());
        self.push_suffix(&self.entry(index), key);
    }

    /// Replaces all but the first [`DataBlock::lcp`] bytes of `key`, which must be the block's prefix, so that `key`
    /// becomes the user key of `entry`: the cheap way while walking inside one block, after one [`DataBlock::key_into`].
    #[inline]
    pub fn suffix_into(&self, entry: &Entry<'_>, key: &mut Vec<u8>) {
        key.truncate(self.layout.lcp);
        self.push_suffix(entry, key);
    }

    /// The seqno of the entry at `index`.
    #[inline(always)]
    #[must_use]
    pub fn seqno(&self, index: usize) -> SeqNo {
        self.layout.seqno(&self.payload, index)
    }

    /// The kind of the entry at `index`.
    #[inline]
    #[must_use]
    pub fn kind(&self, index: usize) -> Kind {
        self.layout.kind(&self.payload, index)
    }

    /// The value of the entry at `index`.
    #[inline]
    #[must_use]
    pub fn value(&self, index: usize) -> &[u8] {
        self.entry(index).value
    }

    /// Where in the payload the value of the entry at `index` stands.
    #[inline(always)]
    #[must_use]
    pub fn value_range(&self, index: usize) -> Range<usize> {
        let parts = self.layout.parts(&self.payload, index);
        parts.value_at.min(parts.end)..parts.end
    }

    /// Checks what [`DataBlock::decode`] does not: that entries are sorted by user key and seqno, and that fingerprints are those
    /// of their keys. O(count) comparisons.
    ///
    /// # Errors
    /// Two neighbours are out of order or equal in key and seqno, or a fingerprint is another key's.
    pub fn verify_order(&self, order: &KeyOrder) -> Result<(), DecodeError> {
        let (mut previous, mut key) = (Vec::new(), Vec::new());
        let fingerprints = self.layout.fingerprints(&self.payload);
        for index in 0..self.layout.count {
            self.key_into(index, &mut key);
            if fingerprints.get(index).is_some_and(|&stored| stored != fingerprint(&key)) {
                let at = self.layout.entry_range(&self.payload, index).start as u64;
                return Err(DecodeError::invalid(STRUCTURE, at, "fingerprints are those of their keys"));
            }
            if index > 0 {
                let by_key = order.compare(&previous, &key);
                let operands = (self.kind(index - 1), self.kind(index)) == (Kind::Merge, Kind::Merge);
                let sorted = match by_key.then(self.seqno(index).cmp(&self.seqno(index - 1))) {
                    Ordering::Less => true,
                    Ordering::Equal => operands,
                    Ordering::Greater => false,
                };
                if !sorted {
                    let at = self.layout.entry_range(&self.payload, index).start as u64;
                    return Err(DecodeError::invalid(
                        STRUCTURE,
                        at,
                        "entries ascend by key and descend by seqno",
                    ));
                }
            }
            std::mem::swap(&mut previous, &mut key);
        }
        Ok(())
    }

    /// Whether it has fingerprints.
    #[inline]
    #[must_use]
    pub fn has_fingerprints(&self) -> bool {
        !self.layout.fingerprints(&self.payload).is_empty()
    }

    #[inline]
    fn push_suffix(&self, entry: &Entry<'_>, key: &mut Vec<u8>) {
        if self.layout.has_heads {
            push_head(key, entry.head, entry.suffix_len);
        }
        key.extend_from_slice(entry.remainder);
    }

    /// The first entry with this key: by heads, and where many are tied by fingerprints, if there are any.
    #[inline(always)]
    fn locate_exactly(&self, key: &[u8]) -> Option<Located> {
        let fingerprints = self.layout.fingerprints(&self.payload);
        if fingerprints.is_empty() {
            return Some(self.locate(key)).filter(|found| found.equal);
        }
        let suffix = key.strip_prefix(self.prefix())?;
        let (start, tie_end) = equal_range(self.layout.heads(&self.payload), head(suffix));
        let equal = |index: &usize| self.compare_tied(*index, suffix) == Ordering::Equal;
        let index = if tie_end - start <= SHORT_TIE {
            (start..tie_end).find(equal)
        } else {
            let tied = fingerprints.get(start..tie_end).unwrap_or_default();
            matches(tied, fingerprint(key)).map(|index| start + index).find(equal)
        }?;
        Some(Located { index, tie_end, equal: true })
    }

    /// Two-level search in byte order.
    #[inline(always)]
    fn locate(&self, key: &[u8]) -> Located {
        let suffix = match place(key, self.prefix()) {
            Place::Below => return Located { index: 0, tie_end: 0, equal: false },
            Place::Above => {
                return Located { index: self.layout.count, tie_end: self.layout.count, equal: false };
            }
            Place::Inside(suffix) => suffix,
        };
        let (mut low, tie_end) = equal_range(self.layout.heads(&self.payload), head(suffix));
        let mut high = tie_end;
        let mut equal = false;
        while low < high {
            let middle = low.midpoint(high);
            match self.compare_tied(middle, suffix) {
                Ordering::Less => low = middle + 1,
                found => {
                    // `high` ends at the lowest entry found not below the key: it decides `equal`.
                    equal = found == Ordering::Equal;
                    high = middle;
                }
            }
        }
        Located { index: low, tie_end, equal }
    }

    #[inline(always)]
    fn compare_tied(&self, index: usize, suffix: &[u8]) -> Ordering {
        let entry = self.entry(index);
        compare_tied(entry.suffix_len, entry.remainder, suffix)
    }

    /// The end of the versions of the key that was found.
    fn end_of_equals(&self, found: &Located, key: &[u8]) -> usize {
        let suffix = key.get(self.layout.lcp..).unwrap_or_default();
        let (mut low, mut high) = (found.index + 1, found.tie_end);
        while low < high {
            let middle = low.midpoint(high);
            if self.compare_tied(middle, suffix) == Ordering::Greater {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }

    /// The first entry of `versions`, whose seqnos descend, below `bound`.
    fn first_below(&self, versions: Range<usize>, bound: SeqNo) -> Option<usize> {
        let (mut low, mut high) = (versions.start, versions.end);
        while low < high {
            let middle = low.midpoint(high);
            if self.seqno(middle) < bound {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        (low < versions.end).then_some(low)
    }

    fn find_by_comparator(&self, key: &[u8], bound: SeqNo, order: &KeyOrder) -> Option<usize> {
        let start = self.lower_bound(key, order);
        let end = self.partition(start..self.layout.count, |entry_key| {
            order.compare(entry_key, key) != Ordering::Greater
        });
        self.first_below(start..end, bound)
    }

    fn same_by_comparator(&self, one: usize, other: usize, order: &KeyOrder) -> bool {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        order.same_key(self.key_ref(one, &mut first), self.key_ref(other, &mut second))
    }

    /// The first entry of `range` whose key is not `before`: plain binary search, for whole keys and foreign orders.
    fn partition(&self, range: Range<usize>, before: impl Fn(&[u8]) -> bool) -> usize {
        let mut assembled = Vec::new();
        let (mut low, mut high) = (range.start, range.end);
        while low < high {
            let middle = low.midpoint(high);
            if before(self.key_ref(middle, &mut assembled)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low
    }

    /// The key at `index`: borrowed from a block of whole keys, else assembled.
    fn key_ref<'a>(&'a self, index: usize, assembled: &'a mut Vec<u8>) -> &'a [u8] {
        if !self.layout.has_heads {
            return self.entry(index).remainder;
        }
        self.key_into(index, assembled);
        assembled
    }
}

/// Where a key was found.
struct Located {
    /// The first entry not below the key.
    index: usize,
    /// The end of the entries with the same head.
    tie_end: usize,
    /// Whether that entry has this key.
    equal: bool,
}

#[cfg(test)]
mod tests;
