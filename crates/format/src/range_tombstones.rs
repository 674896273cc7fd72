//! The range tombstones of a table, fragmented.
//!
//! A fragment is a span of keys `[start, end)` and the seqnos of all tombstones that cover it, newest first; fragments
//! ascend and do not overlap, so a search is binary. A tombstone covers the entries in its span with a strictly smaller seqno.
//!
//! | bytes | field | |
//! |---|---|---|
//! | 1 | version | 1 |
//! | varint | fragments | |
//! | | per fragment: | |
//! | 1 | adjacency | 1 = it starts where the last one ended, and its start is left out; else 0 |
//! | varint + n | start | only with adjacency 0 |
//! | varint + n | end | |
//! | varint | seqnos | at least 1 |
//! | varint | newest seqno | |
//! | varint each | distances | from each seqno to the next older one, at least 1 |
//!
//! **Limits.** Keys to 65,535 bytes. **Checksum scope.** The envelope's. **Damage.** Order of spans and seqnos is checked when
//! decoding, with the table's comparator. **Memory.** 80 bytes per fragment and 8 per seqno, for at least 5 bytes and 1 of payload.
//! **Versions.** 1: as above.
//!
//! Example, `["a", "c")` deleted at 9 and 4, `["c", "d")` at 4:
//!
//! ```text
//! 01        version
//! 02        2 fragments
//! 00 01 61  starts at "a"
//! 01 63     ends before "c"
//! 02 09 05  2 seqnos: 9, 9-5
//! 01        starts there
//! 01 64     ends before "d"
//! 01 04     1 seqno: 4
//! ```
//!
//! Not here: the fragmenting, and the clipping to a table.

use crate::error::{DecodeError, Problem};
use crate::limits::MAX_KEY_BYTES;
use crate::reader::{Reader, put_prefixed};
use crate::varint::put_varint;
use esker_mem::comparator::KeyOrder;
use esker_mem::seqno::{MAX_SEQNO, SeqNo};
use esker_mem::slice::Slice;
use std::cmp::Ordering;
use std::ops::Range;

const STRUCTURE: &str = "range tombstones";
const VERSION: u8 = 1;
/// Adjacency, the length of an end, the number of seqnos, one seqno.
const LEAST_FRAGMENT_BYTES: usize = 4;

/// Lays down fragments as they come.
#[derive(Debug, Default)]
pub struct RangeTombstonesBuilder {
    fragments: Vec<u8>,
    count: u64,
    last_end: Vec<u8>,
}

impl RangeTombstonesBuilder {
    /// An empty builder.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the span `[start, end)`, not before the end of the last one, and its seqnos, of which there is at least one,
    /// descending and distinct.
    pub fn add(&mut self, start: &[u8], end: &[u8], seqnos: &[SeqNo]) {
        debug_assert!(!seqnos.is_empty() && seqnos.is_sorted_by(|a, b| a > b), "seqnos descend");
        let is_adjacent = self.count > 0 && self.last_end == start;
        self.fragments.push(u8::from(is_adjacent));
        if !is_adjacent {
            put_prefixed(&mut self.fragments, start);
        }
        put_prefixed(&mut self.fragments, end);
        put_varint(&mut self.fragments, seqnos.len() as u64);
        let mut newer = None;
        for &seqno in seqnos {
            put_varint(&mut self.fragments, newer.map_or(seqno, |newer: SeqNo| newer.wrapping_sub(seqno)));
            newer = Some(seqno);
        }
        self.last_end.clear();
        self.last_end.extend_from_slice(end);
        self.count += 1;
    }

    /// Whether nothing was added.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Fragments added.
    #[must_use]
    pub const fn len(&self) -> u64 {
        self.count
    }

    /// About how many bytes the payload has now.
    #[must_use]
    pub fn size_estimate(&self) -> usize {
        self.fragments.len() + 11
    }

    /// Appends the payload to `out` and begins the next block.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        out.push(VERSION);
        put_varint(out, self.count);
        out.append(&mut self.fragments);
        self.count = 0;
        self.last_end.clear();
    }
}

/// A span of keys and the tombstones over it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fragment {
    /// The first key covered.
    pub start: Slice,
    /// The first key after it that is not.
    pub end: Slice,
    seqnos: Range<usize>,
}

/// Decoded range tombstones. Keys are slices of the payload.
#[derive(Debug, Clone, Default)]
pub struct RangeTombstones {
    fragments: Vec<Fragment>,
    seqnos: Vec<SeqNo>,
    payload_bytes: usize,
}

impl RangeTombstones {
    /// Reads a payload whose keys are in `order`.
    ///
    /// # Errors
    /// The payload is not of this version, or spans or seqnos are out of order.
    pub fn decode(payload: &Slice, order: &KeyOrder) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(STRUCTURE, payload);
        let version = reader.u8()?;
        if version != VERSION {
            let (found, supported) = (version.into(), VERSION.into());
            return Err(reader.error(Problem::UnsupportedVersion { found, supported }));
        }
        let count = count(&mut reader, LEAST_FRAGMENT_BYTES)?;
        let mut tombstones =
            Self { fragments: Vec::with_capacity(count), seqnos: Vec::new(), payload_bytes: payload.len() };
        for _ in 0..count {
            let previous_end = tombstones.fragments.last().map(|fragment| fragment.end.clone());
            let start = match (reader.u8()?, &previous_end) {
                (0, _) => key(&mut reader, payload)?,
                (1, Some(end)) => end.clone(),
                _ => return Err(reader.invalid("adjacency is 0, or 1 after another fragment")),
            };
            let end = key(&mut reader, payload)?;
            let follows =
                previous_end.is_none_or(|previous| order.compare(&previous, &start) != Ordering::Greater);
            if !follows || order.compare(&start, &end) != Ordering::Less {
                return Err(reader.invalid("spans are not empty, ascend and do not overlap"));
            }
            let seqnos = seqnos(&mut reader, &mut tombstones.seqnos)?;
            tombstones.fragments.push(Fragment { start, end, seqnos });
        }
        reader.finish()?;
        Ok(tombstones)
    }

    /// The same with `base` added to every seqno: those of an ingested table, which has its number as a whole.
    #[must_use]
    pub fn counting_from(mut self, base: SeqNo) -> Self {
        for seqno in &mut self.seqnos {
            *seqno = seqno.saturating_add(base);
        }
        self
    }

    /// The fragments in key order.
    #[must_use]
    pub fn fragments(&self) -> &[Fragment] {
        &self.fragments
    }

    /// The seqnos of a fragment of this block, newest first.
    #[must_use]
    pub fn seqnos(&self, fragment: &Fragment) -> &[SeqNo] {
        self.seqnos.get(fragment.seqnos.clone()).unwrap_or_default()
    }

    /// The first fragment that ends after `key`: it covers `key`, or is the next to cover anything.
    #[must_use]
    pub fn first_ending_after(&self, key: &[u8], order: &KeyOrder) -> usize {
        self.fragments.partition_point(|fragment| order.compare(&fragment.end, key) != Ordering::Greater)
    }

    /// The newest tombstone over `key` that a read at `bound` sees.
    #[must_use]
    pub fn newest_covering(&self, key: &[u8], bound: SeqNo, order: &KeyOrder) -> Option<SeqNo> {
        let fragment = self.fragments.get(self.first_ending_after(key, order))?;
        if order.compare(&fragment.start, key) == Ordering::Greater {
            return None;
        }
        let seqnos = self.seqnos(fragment);
        seqnos.get(seqnos.partition_point(|&seqno| seqno >= bound)).copied()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.fragments.is_empty()
    }

    /// Bytes of memory held on to.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let seqnos = self.seqnos.capacity() * size_of::<SeqNo>();
        size_of::<Self>() + self.payload_bytes + seqnos + self.fragments.capacity() * size_of::<Fragment>()
    }
}

/// A count of things that take at least `least_bytes` each (INV-FMT-1).
fn count(reader: &mut Reader<'_>, least_bytes: usize) -> Result<usize, DecodeError> {
    let limit = reader.rest().len() / least_bytes;
    let found = reader.varint_up_to("count", limit as u64)?;
    Ok(usize::try_from(found).unwrap_or(limit))
}

fn key(reader: &mut Reader<'_>, payload: &Slice) -> Result<Slice, DecodeError> {
    let len = reader.prefixed("key", MAX_KEY_BYTES as u64)?.len();
    // The key ends where the reader is.
    let end = payload.len() - reader.rest().len();
    Ok(payload.slice(end - len..end))
}

fn seqnos(reader: &mut Reader<'_>, seqnos: &mut Vec<SeqNo>) -> Result<Range<usize>, DecodeError> {
    let count = count(reader, 1)?;
    let start = seqnos.len();
    let mut newer = None;
    for _ in 0..count {
        let number = reader.varint_up_to("seqno", MAX_SEQNO)?;
        let seqno = match newer {
            None => Some(number),
            Some(newer) if number > 0 => SeqNo::checked_sub(newer, number),
            Some(_) => None,
        };
        let Some(seqno) = seqno else { return Err(reader.invalid("seqnos descend and are distinct")) };
        seqnos.push(seqno);
        newer = Some(seqno);
    }
    if count == 0 {
        return Err(reader.invalid("a fragment has a seqno"));
    }
    Ok(start..seqnos.len())
}

#[cfg(test)]
mod tests;
