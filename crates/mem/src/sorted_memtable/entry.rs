//! An entry of a sorted memtable: the code of a key over the complement of where its record is, 16 bytes.
//!
//! From its top bit: 64 bits of code, then the complement of 16 bits of section, 23 of chunk and 25 of position. So sorting
//! entries as integers sorts by code, and puts what came later first.
//!
//! Not here: what a place means ([`section`](super::section)).

/// Bits of a record's place in its section: 23 of them say which chunk.
pub(super) const PLACE_BITS: u32 = 48;

/// The code of a key over the complement of where its record is.
pub(super) type Entry = u128;

/// The code in an entry.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "the upper half")]
pub(super) const fn code_of(entry: Entry) -> u64 {
    (entry >> 64) as u64
}

/// The lower half of an entry: the complement of where its record is.
#[inline]
#[allow(clippy::cast_possible_truncation, reason = "the lower half")]
pub(super) const fn place_of(entry: Entry) -> u64 {
    entry as u64
}

#[inline]
pub(super) fn entry(code: u64, place: u64) -> Entry {
    u128::from(code) << 64 | u128::from(place)
}

/// The same entry in a memtable where its section is the one with this index.
#[inline]
pub(super) fn in_section(entry: Entry, section: usize) -> Entry {
    entry ^ u128::from(section as u64) << PLACE_BITS
}
