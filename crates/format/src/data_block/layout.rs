//! Where the parts of a data block's payload are: parsing, which checks everything once (INV-FMT-3), and access by index.
//!
//! Everything but the payload's header follows from the header, so that a payload that was checked once needs no more than
//! `Layout::of_checked` to be read again.
//!
//! `Layout::parse` admits only payloads in which every later access lies inside; the accessors therefore have no errors, and
//! their fallbacks (empty bytes, the column's base) are never taken. The payload itself stays with the caller.
//!
//! Not here: search ([`crate::data_block`]), and the byte table, which is in that module's text too.

use crate::column::ColumnShape;
use crate::error::{DecodeError, Problem};
use crate::expiry::is_sound;
use crate::limits::{MAX_KEY_BYTES, MAX_VALUE_BYTES};
use crate::reader::Reader;
use crate::sorted_heads::{StoredHead, heads, load};
use crate::varint::get_varint;
use esker_mem::kind::Kind;
use esker_mem::seqno::{MAX_SEQNO, SeqNo};
use std::ops::Range;

pub(crate) const STRUCTURE: &str = "data block";
pub(crate) const HEADER_BYTES: usize = 24;

pub(crate) const FLAG_HEADS: u16 = 1;
pub(crate) const FLAG_WIDE_OFFSETS: u16 = 2;
pub(crate) const FLAG_KINDS: u16 = 4;
pub(crate) const FLAG_FINGERPRINTS: u16 = 8;
pub(crate) const FLAG_EVEN: u16 = 64;

/// The parts of one payload.
#[derive(Debug, Clone)]
pub(crate) struct Layout {
    pub(crate) count: usize,
    pub(crate) lcp: usize,
    pub(crate) has_heads: bool,
    wide_offsets: bool,
    /// Where all entries have one shape, there are no offsets, and no lengths in the entries.
    even: Option<Even>,
    /// `None` where there is a kinds column.
    pub(crate) kind: Option<Kind>,
    seqnos: ColumnShape,
    offsets_at: usize,
    fingerprints_at: usize,
    seqnos_at: usize,
    kinds_at: usize,
    prefix_at: usize,
    pub(crate) entries_at: usize,
}

/// The shape of every entry of an even block.
#[derive(Debug, Clone, Copy)]
struct Even {
    suffix_len: usize,
    remainder_len: usize,
    /// Remainder and value.
    entry_len: usize,
}

/// One entry, taken apart but not copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The head of the key after the block's prefix; 0 in a block of whole keys. Comparable within the block only.
    pub head: u64,
    /// The length of the key after the block's prefix.
    pub suffix_len: usize,
    /// The key after prefix and head; in a block of whole keys the key.
    pub remainder: &'a [u8],
    /// The value.
    pub value: &'a [u8],
}

/// Where the parts of one entry lie in the payload.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Parts {
    pub(crate) suffix_len: usize,
    pub(crate) remainder_at: usize,
    pub(crate) value_at: usize,
    pub(crate) end: usize,
}

impl Parts {
    /// Whether two entries of one payload, whose heads are equal, have the same key byte for byte.
    #[inline(always)]
    pub(crate) fn same_key(&self, other: &Self, payload: &[u8]) -> bool {
        self.suffix_len == other.suffix_len
            && payload.get(self.remainder_at..self.value_at)
                == payload.get(other.remainder_at..other.value_at)
    }
}

impl Layout {
    pub(crate) fn parse(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(STRUCTURE, payload);
        let count = reader.u32()? as usize;
        let lcp = usize::from(reader.u16()?);
        let flags = reader.u16()?;
        let [kind, seqno_width] = reader.array()?;
        let (suffix_len, value_len) = (reader.u16()?, reader.u32()?);
        reader.u64()?;
        let known = FLAG_HEADS | FLAG_WIDE_OFFSETS | FLAG_KINDS | FLAG_FINGERPRINTS | FLAG_EVEN;
        let unknown = flags & !known;
        if unknown != 0 {
            return Err(reader.error(Problem::Unsupported { what: "data block flags", id: unknown.into() }));
        }
        let kinds_in_column = flags & FLAG_KINDS != 0;
        match (kinds_in_column, kind) {
            (true, 0) => {}
            (true, _) => return Err(reader.invalid("the header's kind is 0 beside a kinds column")),
            (false, id) if Kind::from_u8(id).is_none() => {
                return Err(reader.error(Problem::Unsupported { what: "kind of entries", id: id.into() }));
            }
            (false, _) => {}
        }
        let needs_heads = lcp > 0 || flags & FLAG_FINGERPRINTS != 0;
        let is_even = flags & FLAG_EVEN != 0;
        let shape_is_sound = if is_even {
            usize::from(suffix_len) <= MAX_KEY_BYTES - lcp && flags & FLAG_WIDE_OFFSETS == 0
        } else {
            suffix_len == 0 && value_len == 0
        };
        if count == 0 || seqno_width > 8 || !shape_is_sound || (flags & FLAG_HEADS == 0 && needs_heads) {
            return Err(reader.invalid("the header describes a block that a builder makes"));
        }
        // Sizes as u64: the largest count times the largest width cannot overflow it.
        let n = count as u64;
        reader.bytes(if flags & FLAG_HEADS != 0 { 8 * n } else { 0 })?;
        reader.bytes(offset_width(flags) as u64 * n)?;
        reader.bytes(if flags & FLAG_FINGERPRINTS != 0 { n } else { 0 })?;
        reader.bytes(u64::from(seqno_width) * n)?;
        let kinds = reader.bytes(if kinds_in_column { n } else { 0 })?;
        if let Some(&id) = kinds.iter().find(|&&id| Kind::from_u8(id).is_none()) {
            return Err(reader.error(Problem::Unsupported { what: "kind of an entry", id: id.into() }));
        }
        let expires = kind == Kind::ExpiringPut as u8 || kinds.contains(&(Kind::ExpiringPut as u8));
        reader.bytes(lcp as u64)?;
        let layout = Self::of_checked(payload);
        layout.check_heads(payload)?;
        layout.check_seqnos(payload)?;
        match &layout.even {
            Some(even) => layout.check_even_entries(even, payload, reader.rest().len())?,
            None => layout.check_entries(payload)?,
        }
        if expires {
            layout.check_expiries(payload)?;
        }
        Ok(layout)
    }

    /// The layout of a payload that [`Layout::parse`] admitted: nothing is checked again. Of other bytes it is a layout
    /// whose accessors take their fallbacks.
    #[inline]
    pub(crate) fn of_checked(payload: &[u8]) -> Self {
        let header = payload.first_chunk().unwrap_or(&[0; HEADER_BYTES]);
        let &[
            a,
            b,
            c,
            d,
            lcp_low,
            lcp_high,
            flags_low,
            flags_high,
            kind,
            width,
            shape @ ..,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
            _,
        ] = header;
        let count = u32::from_le_bytes([a, b, c, d]) as usize;
        let lcp = usize::from(u16::from_le_bytes([lcp_low, lcp_high]));
        let flags = u16::from_le_bytes([flags_low, flags_high]);
        let base = header.last_chunk().map_or(0, |&base| u64::from_le_bytes(base));
        let has_heads = flags & FLAG_HEADS != 0;
        let wide_offsets = flags & FLAG_WIDE_OFFSETS != 0;
        let offsets_at = HEADER_BYTES + if has_heads { 8 * count } else { 0 };
        let fingerprints_at = offsets_at + offset_width(flags) * count;
        let seqnos_at = fingerprints_at + if flags & FLAG_FINGERPRINTS != 0 { count } else { 0 };
        let kinds_at = seqnos_at + usize::from(width) * count;
        let prefix_at = kinds_at + if flags & FLAG_KINDS != 0 { count } else { 0 };
        Self {
            count,
            lcp,
            has_heads,
            wide_offsets,
            even: (flags & FLAG_EVEN != 0).then(|| Even::new(shape, has_heads)),
            // Without a column of kinds, every entry has the one in the header.
            kind: if flags & FLAG_KINDS == 0 { Kind::from_u8(kind) } else { None },
            seqnos: ColumnShape { base, width },
            offsets_at,
            fingerprints_at,
            seqnos_at,
            kinds_at,
            prefix_at,
            entries_at: prefix_at + lcp,
        }
    }

    #[inline]
    pub(crate) fn prefix<'a>(&self, payload: &'a [u8]) -> &'a [u8] {
        payload.get(self.prefix_at..self.entries_at).unwrap_or_default()
    }

    /// The heads; none in a block of whole keys.
    #[inline]
    pub(crate) fn heads<'a>(&self, payload: &'a [u8]) -> &'a [StoredHead] {
        let end = if self.has_heads { self.offsets_at } else { HEADER_BYTES };
        heads(payload.get(HEADER_BYTES..end).unwrap_or_default(), self.count)
    }

    #[inline(always)]
    pub(crate) fn head(&self, payload: &[u8], index: usize) -> u64 {
        if !self.has_heads || index >= self.count {
            return 0;
        }
        payload.get(HEADER_BYTES + 8 * index..).and_then(<[u8]>::first_chunk).map_or(0, |&head| load(head))
    }

    /// The kind of all entries, if they have one in common without being asked.
    #[inline]
    pub(crate) fn uniform_kind(&self) -> Option<Kind> {
        self.kind
    }

    /// Where the parts of the entry at `index` lie in the payload.
    #[inline]
    pub(crate) fn parts(&self, payload: &[u8], index: usize) -> Parts {
        self.parts_from(payload, index, self.entry_start(payload, index))
    }

    /// Where the parts of the entry at `index` lie, which begins at `start`: where the entry before it ends.
    #[inline(always)]
    pub(crate) fn parts_from(&self, payload: &[u8], index: usize, start: usize) -> Parts {
        if let Some(even) = &self.even {
            // As the start is given, all is known but for the end of a payload that nobody checked.
            let (value_at, end) = (start + even.remainder_len, (start + even.entry_len).min(payload.len()));
            return Parts { suffix_len: even.suffix_len, remainder_at: start, value_at, end };
        }
        let end = self.entry_start(payload, index + 1);
        let (suffix_len, varint_len) = match payload.get(start) {
            Some(&short) if short < 0x80 => (usize::from(short), 1),
            _ => suffix_len(payload.get(start..end).unwrap_or_default()),
        };
        let remainder_at = start + varint_len;
        Parts { suffix_len, remainder_at, value_at: remainder_at + self.remainder_len(suffix_len), end }
    }

    /// Where the entry at `index` begins; the payload's end for the index behind the last.
    #[inline(always)]
    fn entry_start(&self, payload: &[u8], index: usize) -> usize {
        if let Some(even) = &self.even {
            // In a payload that was checked, this is inside, and the end for the index behind the last.
            let offset = even.entry_len.saturating_mul(index);
            return offset.saturating_add(self.entries_at).min(payload.len());
        }
        let offsets = payload.get(self.offsets_at..self.fingerprints_at).unwrap_or_default();
        let offset = if self.wide_offsets {
            offsets.as_chunks::<4>().0.get(index).map(|&offset| u32::from_le_bytes(offset) as usize)
        } else {
            offsets.as_chunks::<2>().0.get(index).map(|&offset| usize::from(u16::from_le_bytes(offset)))
        };
        offset.map_or(payload.len(), |offset| self.entries_at + offset)
    }

    /// The fingerprints; none in a block without them.
    #[inline]
    pub(crate) fn fingerprints<'a>(&self, payload: &'a [u8]) -> &'a [u8] {
        payload.get(self.fingerprints_at..self.seqnos_at).unwrap_or_default()
    }

    /// Where the entry at `index` lies in the payload.
    #[inline]
    pub(crate) fn entry_range(&self, payload: &[u8], index: usize) -> Range<usize> {
        self.entry_start(payload, index)..self.entry_start(payload, index + 1)
    }

    #[inline(always)]
    pub(crate) fn entry<'a>(&self, payload: &'a [u8], index: usize) -> Entry<'a> {
        let bytes = payload.get(self.entry_range(payload, index)).unwrap_or_default();
        let (suffix_len, varint_len) = match &self.even {
            Some(even) => (even.suffix_len, 0),
            None => suffix_len(bytes),
        };
        let rest = bytes.get(varint_len..).unwrap_or_default();
        let (remainder, value) = rest.split_at_checked(self.remainder_len(suffix_len)).unwrap_or_default();
        Entry { head: self.head(payload, index), suffix_len, remainder, value }
    }

    #[inline]
    pub(crate) fn seqno(&self, payload: &[u8], index: usize) -> SeqNo {
        self.seqnos.get(payload.get(self.seqnos_at..).unwrap_or_default(), index)
    }

    /// Whether all entries have the same seqno.
    #[inline]
    pub(crate) const fn has_one_seqno(&self) -> bool {
        self.seqnos.is_empty()
    }

    #[inline]
    pub(crate) fn kind(&self, payload: &[u8], index: usize) -> Kind {
        match self.kind {
            Some(kind) => kind,
            None => payload.get(self.kinds_at + index).and_then(|&id| Kind::from_u8(id)).unwrap_or(Kind::Put),
        }
    }

    /// What of a suffix stands in the entry: all but the head.
    #[inline(always)]
    fn remainder_len(&self, suffix_len: usize) -> usize {
        if self.has_heads { suffix_len.saturating_sub(8) } else { suffix_len }
    }

    fn check_heads(&self, payload: &[u8]) -> Result<(), DecodeError> {
        if self.heads(payload).is_sorted_by_key(|&head| load(head)) {
            return Ok(());
        }
        Err(DecodeError::invalid(STRUCTURE, HEADER_BYTES as u64, "heads ascend"))
    }

    fn check_seqnos(&self, payload: &[u8]) -> Result<(), DecodeError> {
        let (base, width) = (self.seqnos.base, u32::from(self.seqnos.width));
        // The usual case without a loop: no difference of this width can carry the base over the limit.
        let greatest_difference = if width == 0 { 0 } else { u64::MAX >> (64 - 8 * width) };
        if base.checked_add(greatest_difference).is_some_and(|greatest| greatest <= MAX_SEQNO) {
            return Ok(());
        }
        // A sum that wrapped lies below the base.
        let is_sound = |seqno: SeqNo| seqno >= base && seqno <= MAX_SEQNO;
        if (0..self.count).all(|index| is_sound(self.seqno(payload, index))) {
            return Ok(());
        }
        Err(DecodeError::invalid(STRUCTURE, self.seqnos_at as u64, "seqnos keep their limit"))
    }

    /// That there are as many entries of this shape as stated, in O(1), and that short suffixes pad their heads with zeros.
    fn check_even_entries(&self, even: &Even, payload: &[u8], held: usize) -> Result<(), DecodeError> {
        // Entries without a byte of their own would be one entry many times, and any number of them.
        let is_nothing = even.entry_len == 0 && self.prefix_at == HEADER_BYTES && self.count > 1;
        if is_nothing || even.entry_len.checked_mul(self.count) != Some(held) {
            let rule = "an even block holds entries of its shape and nothing else";
            return Err(DecodeError::invalid(STRUCTURE, self.entries_at as u64, rule));
        }
        let padding = if self.has_heads { padding_mask(even.suffix_len) } else { 0 };
        if padding != 0 && (0..self.count).any(|index| self.head(payload, index) & padding != 0) {
            return Err(DecodeError::invalid(STRUCTURE, HEADER_BYTES as u64, "heads are padded with zeros"));
        }
        Ok(())
    }

    fn check_entries(&self, payload: &[u8]) -> Result<(), DecodeError> {
        let mut start = self.entries_at;
        for index in 0..self.count {
            let range = self.entry_range(payload, index);
            // Each entry begins where the one before ended; the first one follows the prefix.
            let entry = payload.get(range.clone()).filter(|_| range.start == start);
            let Some(entry) = entry else {
                return Err(DecodeError::invalid(
                    STRUCTURE,
                    start as u64,
                    "offsets ascend and lie inside the block",
                ));
            };
            if !self.entry_is_sound(entry, self.head(payload, index)) {
                return Err(DecodeError::invalid(
                    STRUCTURE,
                    start as u64,
                    "an entry holds its key and keeps the limits",
                ));
            }
            start = range.end;
        }
        Ok(())
    }

    /// That what expires says when (INV-TTL-5). The entries have been checked.
    #[cold]
    fn check_expiries(&self, payload: &[u8]) -> Result<(), DecodeError> {
        let says_when = |index| {
            self.kind(payload, index) != Kind::ExpiringPut || is_sound(self.entry(payload, index).value)
        };
        if (0..self.count).all(says_when) {
            return Ok(());
        }
        Err(DecodeError::invalid(STRUCTURE, self.entries_at as u64, "an expiring put ends with its expiry"))
    }

    fn entry_is_sound(&self, entry: &[u8], head: u64) -> bool {
        let (suffix_len, varint_len) = suffix_len(entry);
        let key_part = varint_len.saturating_add(self.remainder_len(suffix_len));
        let Some(value_len) = entry.len().checked_sub(key_part) else { return false };
        varint_len > 0
            && (!self.has_heads || head & padding_mask(suffix_len) == 0)
            && suffix_len <= MAX_KEY_BYTES - self.lcp
            && value_len as u64 <= MAX_VALUE_BYTES
    }
}

impl Even {
    /// As the header says it: suffix length and value length.
    #[inline]
    fn new(shape: [u8; 6], has_heads: bool) -> Self {
        let [suffix_low, suffix_high, a, b, c, d] = shape;
        let suffix_len = usize::from(u16::from_le_bytes([suffix_low, suffix_high]));
        let remainder_len = if has_heads { suffix_len.saturating_sub(8) } else { suffix_len };
        Self {
            suffix_len,
            remainder_len,
            entry_len: remainder_len + u32::from_le_bytes([a, b, c, d]) as usize,
        }
    }
}

/// Bytes of offsets for each entry.
#[inline]
const fn offset_width(flags: u16) -> usize {
    match (flags & FLAG_EVEN != 0, flags & FLAG_WIDE_OFFSETS != 0) {
        (true, _) => 0,
        (false, false) => 2,
        (false, true) => 4,
    }
}

/// The bits of a head that a suffix of so many bytes leaves zero.
#[inline]
const fn padding_mask(suffix_len: usize) -> u64 {
    if suffix_len < 8 { u64::MAX >> (8 * suffix_len) } else { 0 }
}

/// The suffix length at the front of an entry, and the bytes it takes; no bytes where there is none.
#[inline]
fn suffix_len(entry: &[u8]) -> (usize, usize) {
    let (len, varint_len) = get_varint(entry).unwrap_or_default();
    (usize::try_from(len).unwrap_or(usize::MAX), varint_len)
}
