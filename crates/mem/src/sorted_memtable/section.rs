//! Sections: records in the order they came, and an entry for each.
//!
//! A record is `seqno u64 | value length u32 | key length u16 | kind u8 | key | value`, all in one *chunk*. Chunks are
//! plain vectors of up to 32 MiB, or of one record that is larger. The first one grows by doubling up to 1 MiB, the second
//! has room for 4 MiB, all others for 32, most of which is address space until it is used: a section with few records is
//! small, and many records lie in huge pages.
//!
//! Not here: the order of keys, other than for sorting a finished section ([`Section::sort`]).

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use crate::comparator::KeyOrder;
use crate::huge_pages::ask_for_huge_pages;
use crate::kind::Kind;
use crate::seqno::SeqNo;
use crate::sorted_memtable::entry::{Entry, PLACE_BITS, entry, place_of};
use crate::sorted_memtable::key_code::KeyCode;
use crate::sorted_memtable::sort::sorted;

/// Bytes of a record before its key.
const HEADER_BYTES: usize = 15;
/// Bits of a position in a chunk, and with that the longest chunk that holds more than one record.
const POSITION_BITS: u32 = 25;
const CHUNK_BYTES: usize = 1 << POSITION_BITS;
/// The first chunk of a section.
const FIRST_CHUNK_BYTES: usize = 1 << 20;
/// The next one; it is touched in huge pages, and all further ones are as long as can be.
const SECOND_CHUNK_BYTES: usize = 4 << 20;
/// Room for entries in the beginning.
const FIRST_ENTRIES: usize = 256;

/// A key or value that is longer than the data model allows: 65,535 and 4,294,967,295 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the key or the value is too long")
    }
}

impl std::error::Error for TooLong {}

/// What is known of a set of entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Summary {
    pub(super) entries: usize,
    pub(super) tombstones: usize,
    /// Entries that expire.
    pub(super) expiring: usize,
    pub(super) user_bytes: usize,
    pub(super) seqnos: Option<(SeqNo, SeqNo)>,
}

impl Summary {
    fn add(&mut self, seqno: SeqNo, kind: Kind, user_bytes: usize) {
        self.entries += 1;
        self.tombstones += usize::from(kind.is_tombstone());
        self.expiring += usize::from(kind == Kind::ExpiringPut);
        self.user_bytes += user_bytes;
        let (lowest, highest) = self.seqnos.unwrap_or((seqno, seqno));
        self.seqnos = Some((lowest.min(seqno), highest.max(seqno)));
    }

    pub(super) fn join(self, other: Self) -> Self {
        let seqnos = match (self.seqnos, other.seqnos) {
            (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
            (one, other) => one.or(other),
        };
        Self {
            entries: self.entries + other.entries,
            tombstones: self.tombstones + other.tombstones,
            expiring: self.expiring + other.expiring,
            user_bytes: self.user_bytes + other.user_bytes,
            seqnos,
        }
    }
}

/// Room for entries, to be used again: memory that was touched before is cheaper than fresh memory.
#[derive(Default)]
pub struct SpareRoom(Vec<Entry>);

impl fmt::Debug for SpareRoom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SpareRoom").field(&self.0.capacity()).finish()
    }
}

/// Entries in the making: see the [module](crate::sorted_memtable).
pub struct Section {
    code: Arc<KeyCode>,
    pub(super) chunks: Vec<Vec<u8>>,
    pub(super) entries: Vec<Entry>,
    pub(super) summary: Summary,
    /// Bytes of the chunks before the last one.
    full_bytes: usize,
}

impl Section {
    /// An empty section. All sections of a memtable have the same code.
    #[must_use]
    pub const fn new(code: Arc<KeyCode>) -> Self {
        let summary = Summary { entries: 0, tombstones: 0, expiring: 0, user_bytes: 0, seqnos: None };
        Self { code, chunks: Vec::new(), entries: Vec::new(), summary, full_bytes: 0 }
    }

    /// The same, with room that another section needs no more.
    #[must_use]
    pub fn with_spare(code: Arc<KeyCode>, spare: SpareRoom) -> Self {
        Self { entries: spare.0, ..Self::new(code) }
    }

    /// Adds a version of a key, which is copied. No two versions of a key have the same sequence number.
    ///
    /// # Errors
    ///
    /// [`TooLong`], and nothing was added.
    #[inline]
    pub fn add(&mut self, key: &[u8], seqno: SeqNo, kind: Kind, value: &[u8]) -> Result<(), TooLong> {
        let key_len = u16::try_from(key.len()).map_err(|_| TooLong)?;
        let value_len = u32::try_from(value.len()).map_err(|_| TooLong)?;
        let rest = u64::from(value_len) | u64::from(key_len) << 32 | u64::from(kind as u8) << 48;
        let header = (u128::from(seqno) | u128::from(rest) << 64).to_le_bytes();
        let header = header.first_chunk::<HEADER_BYTES>().unwrap_or(&[0; HEADER_BYTES]);
        let record_bytes = HEADER_BYTES + key.len() + value.len();
        let is_room =
            |chunk: &Vec<u8>| chunk.capacity() - chunk.len() >= record_bytes && chunk.len() < CHUNK_BYTES;
        if !self.chunks.last().is_some_and(is_room) {
            self.make_room(record_bytes);
        }
        let Some(chunk) = self.chunks.last_mut() else { return Err(TooLong) };
        let position = chunk.len() as u64;
        chunk.extend_from_slice(header);
        chunk.extend_from_slice(key);
        chunk.extend_from_slice(value);
        let place = (self.chunks.len() as u64 - 1) << POSITION_BITS | position;
        if self.entries.len() == self.entries.capacity() {
            self.make_room_for_entries();
        }
        self.entries.push(entry(self.code.code(key), !place));
        self.summary.add(seqno, kind, key.len() + value.len());
        Ok(())
    }

    /// Makes room for a record in the last chunk.
    #[cold]
    fn make_room(&mut self, record_bytes: usize) {
        let filled = self.chunks.last().map_or(0, Vec::len);
        if let [first] = self.chunks.as_mut_slice()
            && filled + record_bytes <= FIRST_CHUNK_BYTES
        {
            first.reserve_exact(filled.max(record_bytes).min(FIRST_CHUNK_BYTES - filled));
            return;
        }
        self.full_bytes += filled;
        let wanted = match self.chunks.len() {
            0 => record_bytes,
            1 => SECOND_CHUNK_BYTES,
            _ => CHUNK_BYTES,
        };
        let chunk: Vec<u8> = Vec::with_capacity(wanted.max(record_bytes));
        ask_for_huge_pages(chunk.as_ptr(), chunk.capacity());
        self.chunks.push(chunk);
    }

    /// Makes room for as many entries as there are.
    #[cold]
    fn make_room_for_entries(&mut self) {
        self.entries.reserve_exact(self.entries.len().max(FIRST_ENTRIES));
        ask_for_huge_pages(self.entries.as_ptr(), self.entries.capacity() * size_of::<Entry>());
    }

    /// Bytes of memory in use. Sorting and assembling take up to 34 bytes for each entry beside them for a while.
    #[inline]
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.full_bytes + self.chunks.last().map_or(0, Vec::len) + self.entries.len() * size_of::<Entry>()
    }

    /// The number of entries.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there are no entries.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Sorts the entries, as [`Assembly::new`](crate::sorted_memtable::Assembly::new) needs them, into room of just their
    /// size; gives the room that they had. Under byte order no key is looked at.
    pub fn sort(&mut self, order: &KeyOrder) -> SpareRoom {
        if let Some(last) = self.chunks.last_mut() {
            last.shrink_to_fit();
        }
        let sorted = if order.is_bytes() {
            sorted(&[&self.entries], |_, entry| entry)
        } else {
            let (mut entries, chunks) = (self.entries.clone(), &self.chunks);
            entries.sort_by(|a, b| compare(order, record(chunks, *a), record(chunks, *b)));
            entries
        };
        let mut spare = std::mem::replace(&mut self.entries, sorted);
        spare.clear();
        SpareRoom(spare)
    }
}

impl fmt::Debug for Section {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Section").field("summary", &self.summary).finish_non_exhaustive()
    }
}

/// A record, read in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) seqno: SeqNo,
    pub(super) kind: Kind,
    pub(super) key: &'a [u8],
    pub(super) value: &'a [u8],
}

/// Where the bytes of a record are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) seqno: SeqNo,
    pub(super) kind: Kind,
    pub(super) chunk: usize,
    pub(super) key_at: usize,
    pub(super) value_at: usize,
    pub(super) end: usize,
}

/// Which chunk of its section holds the record of an entry, and where that begins.
#[inline]
fn chunk_and_position(entry: Entry) -> Option<(usize, usize)> {
    let place = !place_of(entry) & ((1 << PLACE_BITS) - 1);
    let chunk = usize::try_from(place >> POSITION_BITS).ok()?;
    Some((chunk, usize::try_from(place).ok()? & (CHUNK_BYTES - 1)))
}

/// The first byte of an entry's record, read to fetch it.
#[inline]
pub(super) fn first_byte(chunks: &[Vec<u8>], entry: Entry) -> Option<u8> {
    let (chunk, position) = chunk_and_position(entry)?;
    chunks.get(chunk)?.get(position).copied()
}

/// Where the record of an entry is within the chunks of its section; none only if the entry is not of this section.
#[inline]
pub(super) fn layout(chunks: &[Vec<u8>], entry: Entry) -> Option<Layout> {
    let (chunk, position) = chunk_and_position(entry)?;
    let header = chunks.get(chunk)?.get(position..)?.first_chunk::<HEADER_BYTES>()?;
    let (seqno, rest) = header.split_first_chunk::<8>()?;
    let (value_len, rest) = rest.split_first_chunk::<4>()?;
    let (key_len, kind) = rest.split_first_chunk::<2>()?;
    let kind = Kind::from_u8(*kind.first()?)?;
    let key_at = position + HEADER_BYTES;
    let value_at = key_at + usize::from(u16::from_le_bytes(*key_len));
    let end = value_at + usize::try_from(u32::from_le_bytes(*value_len)).ok()?;
    Some(Layout { seqno: SeqNo::from_le_bytes(*seqno), kind, chunk, key_at, value_at, end })
}

/// The record of an entry.
#[inline]
pub(super) fn record(chunks: &[Vec<u8>], entry: Entry) -> Record<'_> {
    let found = layout(chunks, entry).and_then(|layout| {
        let bytes = chunks.get(layout.chunk)?;
        let key = bytes.get(layout.key_at..layout.value_at)?;
        let value = bytes.get(layout.value_at..layout.end)?;
        Some(Record { seqno: layout.seqno, kind: layout.kind, key, value })
    });
    debug_assert!(found.is_some(), "an entry of another section");
    found.unwrap_or(Record { seqno: 0, kind: Kind::Delete, key: &[], value: &[] })
}

/// Internal order: by key, then newest first.
#[inline]
pub(super) fn compare(order: &KeyOrder, a: Record<'_>, b: Record<'_>) -> Ordering {
    order.compare(a.key, b.key).then(b.seqno.cmp(&a.seqno))
}
