//! What a table says of itself: the properties block.
//!
//! A record of tagged fields ([`crate::tagged`]): odd tags are required knowledge, even ones may be skipped by a
//! reader that does not know them. All integers are varints.
//!
//! | tag | field | |
//! |--:|---|---|
//! | 1 | comparator | its name; always there |
//! | 3 | format version | of the table; always there |
//! | 5 | expiring puts | who does not know what they are must not read the table |
//! | 2 | entries | all point entries |
//! | 4, 6, 8, 10, 12 | puts, deletes, single deletes, merges, blob pointers | |
//! | 14 | range tombstones | as written by the user, before fragmentation |
//! | 16, 18 | smallest, largest key | user keys of entries and tombstones; the largest may be a tombstone's exclusive end |
//! | 20, 22 | lowest, highest seqno | of entries and tombstones |
//! | 24, 26 | raw key bytes, raw value bytes | before prefixes and compression |
//! | 28 | data blocks | |
//! | 30 | data bytes | of the data blocks as stored |
//! | 32 | codec | id of the policy; single blocks may differ |
//! | 34 | created | milliseconds since 1970 |
//! | 36, 38 | filter kind and policy name | absent without a filter |
//! | 40 | prefix extractor | name; prefixes are in the filter only if present |
//! | 42 | index kind | |
//! | 44 | merge operator | name, if the tree had one |
//! | 46, 48 | earliest, latest expiry | of expiring puts, as [`crate::expiry`] has it |
//!
//! Zero counts and absent names are not written. **Limits.** Names to 1,024 bytes, keys to 65,535. **Checksum scope.** The
//! envelope's. **Damage.** A missing comparator, a repeated or malformed field and an unknown odd tag are errors.
//! **Versions.** 1: as above. Tags 5,
//! 46 and 48 came later, and are there only where they say something.
//!
//! Example, a table of one put:
//!
//! ```text
//! 01 0b 65 73 6b 65 72 2e 62 79 74 65 73   comparator "esker.bytes"
//! 03 01 01                                 format version 1
//! 02 01 01                                 1 entry
//! 04 01 01                                 1 put
//! 10 01 6b                                 smallest key "k"
//! 12 01 6b                                 largest key "k"
//! 14 01 07                                 lowest seqno 7
//! 16 01 07                                 highest seqno 7
//! ```
//!
//! Not here: the checksum of the file, which cannot be inside it: the manifest has it ([`crate::manifest`]).

use crate::error::DecodeError;
use crate::limits::MAX_KEY_BYTES;
use crate::tagged::{Field, Fields, put_bytes, put_optional_name, put_u64, required, set_once};
use esker_mem::kind::Kind;
use esker_mem::seqno::{MAX_SEQNO, SeqNo};
use esker_mem::slice::Slice;

const STRUCTURE: &str = "properties";

const COMPARATOR: u64 = 1;
const FORMAT_VERSION: u64 = 3;
const SMALLEST_KEY: u64 = 16;
const LARGEST_KEY: u64 = 18;
const LOWEST_SEQNO: u64 = 20;
const HIGHEST_SEQNO: u64 = 22;
const FILTER_POLICY: u64 = 38;
const PREFIX_EXTRACTOR: u64 = 40;
const MERGE_OPERATOR: u64 = 44;
const EXPIRING_PUTS: u64 = 5;
/// Tags of numbers, in the order in which they are written, apart from those that stand amid others.
const LATE_NUMBERS: [u64; 3] = [EXPIRING_PUTS, 46, 48];

/// Facts of one table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Properties {
    /// The comparator's name.
    pub comparator: String,
    /// The table's format version: [`crate::table::FORMAT_VERSION`] when written by this build.
    pub format_version: u32,
    /// Point entries of any kind.
    pub entries: u64,
    /// Puts.
    pub puts: u64,
    /// Deletes.
    pub deletes: u64,
    /// Single deletes.
    pub single_deletes: u64,
    /// Merge operands.
    pub merges: u64,
    /// Values that are elsewhere.
    pub blob_pointers: u64,
    /// Puts that expire.
    pub expiring_puts: u64,
    /// The earliest of their expiries, in milliseconds since 1970; 0 without any, or if one is always expired.
    pub earliest_expiry: u64,
    /// The latest of their expiries; 0 without any.
    pub latest_expiry: u64,
    /// Range tombstones, before fragmentation.
    pub range_tombstones: u64,
    /// The smallest user key of entries and tombstones.
    pub smallest_key: Slice,
    /// The largest user key of entries and tombstones, where a tombstone counts with its exclusive end.
    pub largest_key: Slice,
    /// The lowest seqno of entries and tombstones.
    pub lowest_seqno: SeqNo,
    /// The highest seqno of entries and tombstones.
    pub highest_seqno: SeqNo,
    /// Bytes of all user keys, before prefixes and compression.
    pub raw_key_bytes: u64,
    /// Bytes of all values, before compression.
    pub raw_value_bytes: u64,
    /// Data blocks.
    pub data_blocks: u64,
    /// Bytes of the data blocks as stored.
    pub data_bytes: u64,
    /// The codec of the table's policy, as an id: single blocks may differ, and the id may be one that this build lacks.
    pub codec_id: u8,
    /// When the table was written, in milliseconds since 1970.
    pub created_unix_millis: u64,
    /// The filter's kind; 0 without one.
    pub filter_kind: u8,
    /// The name of the filter's policy.
    pub filter_policy: Option<String>,
    /// The name of the prefix extractor whose prefixes are in the filter.
    pub prefix_extractor: Option<String>,
    /// The index's kind; 0 without one.
    pub index_kind: u8,
    /// The name of the merge operator that the tree had.
    pub merge_operator: Option<String>,
}

impl Properties {
    /// Counts one point entry.
    pub fn count(&mut self, kind: Kind, key_bytes: usize, value_bytes: usize) {
        let of_kind = match kind {
            Kind::Put => &mut self.puts,
            Kind::Delete => &mut self.deletes,
            Kind::SingleDelete => &mut self.single_deletes,
            Kind::Merge => &mut self.merges,
            Kind::BlobPointer => &mut self.blob_pointers,
            Kind::ExpiringPut => &mut self.expiring_puts,
        };
        *of_kind += 1;
        self.entries += 1;
        self.raw_key_bytes += key_bytes as u64;
        self.raw_value_bytes += value_bytes as u64;
    }

    /// Takes note of the expiry of a put that [`Self::count`] has counted.
    pub fn note_expiry(&mut self, expires_at: u64) {
        let is_first = self.expiring_puts <= 1;
        self.earliest_expiry = if is_first { expires_at } else { self.earliest_expiry.min(expires_at) };
        self.latest_expiry = self.latest_expiry.max(expires_at);
    }

    /// Point tombstones: deletes and single deletes.
    #[must_use]
    pub const fn point_tombstones(&self) -> u64 {
        self.deletes.saturating_add(self.single_deletes)
    }

    /// Appends the payload to `out`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        put_bytes(out, COMPARATOR, self.comparator.as_bytes());
        put_u64(out, FORMAT_VERSION, self.format_version.into());
        let mut copy = self.clone();
        for tag in (2..=42).step_by(2) {
            match tag {
                SMALLEST_KEY => put_bytes(out, tag, &self.smallest_key),
                LARGEST_KEY => put_bytes(out, tag, &self.largest_key),
                LOWEST_SEQNO => put_u64(out, tag, self.lowest_seqno),
                HIGHEST_SEQNO => put_u64(out, tag, self.highest_seqno),
                FILTER_POLICY => put_optional_name(out, tag, self.filter_policy.as_deref()),
                PREFIX_EXTRACTOR => put_optional_name(out, tag, self.prefix_extractor.as_deref()),
                _ => put_number(out, tag, copy.number(tag)),
            }
        }
        put_optional_name(out, MERGE_OPERATOR, self.merge_operator.as_deref());
        for tag in LATE_NUMBERS {
            put_number(out, tag, copy.number(tag));
        }
    }

    /// Reads a payload.
    ///
    /// # Errors
    /// The payload is not a record of properties that this build understands.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let mut properties = Self::default();
        let (mut comparator, mut version, mut smallest, mut largest) = (None, None, None, None);
        let (mut lowest, mut highest) = (None, None);
        let mut seen = 0u64;
        let mut fields = Fields::new(STRUCTURE, payload);
        while let Some(field) = fields.next_field()? {
            match field.tag {
                COMPARATOR => set_once(&mut comparator, &field, field.name()?)?,
                FORMAT_VERSION => set_once(&mut version, &field, field.u32("format version")?)?,
                SMALLEST_KEY => set_once(&mut smallest, &field, key(&field)?)?,
                LARGEST_KEY => set_once(&mut largest, &field, key(&field)?)?,
                LOWEST_SEQNO => set_once(&mut lowest, &field, field.u64_up_to("seqno", MAX_SEQNO)?)?,
                HIGHEST_SEQNO => set_once(&mut highest, &field, field.u64_up_to("seqno", MAX_SEQNO)?)?,
                FILTER_POLICY => set_once(&mut properties.filter_policy, &field, field.name()?)?,
                PREFIX_EXTRACTOR => set_once(&mut properties.prefix_extractor, &field, field.name()?)?,
                MERGE_OPERATOR => set_once(&mut properties.merge_operator, &field, field.name()?)?,
                tag => match properties.number(tag) {
                    None => field.skip_unknown()?,
                    Some(place) => {
                        // Tags of numbers are below 64.
                        let bit = 1u64 << (tag & 63);
                        if seen & bit != 0 {
                            return Err(field.invalid("a field comes once"));
                        }
                        seen |= bit;
                        place.set(&field)?;
                    }
                },
            }
        }
        properties.comparator = required(STRUCTURE, "comparator", comparator)?;
        properties.format_version = required(STRUCTURE, "format version", version)?;
        properties.smallest_key = smallest.unwrap_or_default();
        properties.largest_key = largest.unwrap_or_default();
        properties.lowest_seqno = lowest.unwrap_or_default();
        properties.highest_seqno = highest.unwrap_or_default();
        Ok(properties)
    }

    /// The number with this tag, `None` if no number has it: the one table that both directions use.
    fn number(&mut self, tag: u64) -> Option<Number<'_>> {
        Some(Number::Wide(match tag {
            2 => &mut self.entries,
            4 => &mut self.puts,
            6 => &mut self.deletes,
            8 => &mut self.single_deletes,
            10 => &mut self.merges,
            12 => &mut self.blob_pointers,
            14 => &mut self.range_tombstones,
            24 => &mut self.raw_key_bytes,
            26 => &mut self.raw_value_bytes,
            28 => &mut self.data_blocks,
            30 => &mut self.data_bytes,
            EXPIRING_PUTS => &mut self.expiring_puts,
            46 => &mut self.earliest_expiry,
            48 => &mut self.latest_expiry,
            32 => return Some(Number::Byte(&mut self.codec_id)),
            34 => &mut self.created_unix_millis,
            36 => return Some(Number::Byte(&mut self.filter_kind)),
            42 => return Some(Number::Byte(&mut self.index_kind)),
            _ => return None,
        }))
    }
}

/// Appends a number; zero is not written.
fn put_number(out: &mut Vec<u8>, tag: u64, number: Option<Number<'_>>) {
    match number {
        Some(Number::Wide(0)) | Some(Number::Byte(0)) | None => {}
        Some(Number::Wide(value)) => put_u64(out, tag, *value),
        Some(Number::Byte(value)) => put_u64(out, tag, u64::from(*value)),
    }
}

enum Number<'a> {
    Wide(&'a mut u64),
    Byte(&'a mut u8),
}

impl Number<'_> {
    fn set(self, field: &Field<'_>) -> Result<(), DecodeError> {
        match self {
            Self::Wide(place) => *place = field.u64()?,
            Self::Byte(place) => {
                *place = u8::try_from(field.u64()?).map_err(|_| field.invalid("an id is one byte"))?;
            }
        }
        Ok(())
    }
}

fn key(field: &Field<'_>) -> Result<Slice, DecodeError> {
    field.bytes_up_to("key", MAX_KEY_BYTES).map(Slice::new)
}

#[cfg(test)]
mod tests;
