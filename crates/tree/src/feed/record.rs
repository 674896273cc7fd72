//! One write in the external sort of a change feed, and pieces of many in a temporary file.
//!
//! A record, all integers little-endian:
//!
//! | bytes | |
//! |--:|---|
//! | 1 | what it is: the byte of a [`Kind`], or 255 for a range tombstone |
//! | 8 | sequence number |
//! | 8 | ordinal: how many records were pushed before |
//! | 4 | length of the key, or of a range's first key |
//! | 4 | length of the value, or of a range's end |
//! | | key, value |
//!
//! Records are ordered by sequence number; among equals, range tombstones come first, as they hide nothing of their own number;
//! then the one pushed later: sources are read newest first, so of one key's operands of one batch the oldest comes first.
//!
//! A piece of a file is the length of its records (4 bytes), their xxh3-64 (8 bytes), and the records. The file lives no longer
//! than the feed; the checksum is there because a disk may lie within an hour, too.
//!
//! Not here: sorting ([`super::sort`]).

use std::cmp::Reverse;

use esker_format::error::DecodeError;
use esker_format::reader::Reader;
use esker_mem::kind::Kind;
use esker_mem::seqno::SeqNo;

const STRUCTURE: &str = "feed record";
const RANGE_TOMBSTONE: u8 = 255;

/// Bytes of a record without key and value.
pub(crate) const RECORD_HEADER_BYTES: usize = 25;

/// What a record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum What {
    Point(Kind),
    Range,
}

/// By what records are ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    pub(crate) seqno: SeqNo,
    pub(crate) is_point: bool,
    pub(crate) ordinal: Reverse<u64>,
}

/// One write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record<'a> {
    pub(crate) what: What,
    pub(crate) rank: Rank,
    /// The key, or the first key of a range.
    pub(crate) key: &'a [u8],
    /// The value, or the end of a range.
    pub(crate) value: &'a [u8],
}

impl Record<'_> {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        out.push(match self.what {
            What::Point(kind) => kind as u8,
            What::Range => RANGE_TOMBSTONE,
        });
        out.extend_from_slice(&self.rank.seqno.to_le_bytes());
        out.extend_from_slice(&self.rank.ordinal.0.to_le_bytes());
        for part in [self.key, self.value] {
            // Keys and values are within their limits, which fit.
            out.extend_from_slice(&u32::try_from(part.len()).unwrap_or(u32::MAX).to_le_bytes());
        }
        out.extend_from_slice(self.key);
        out.extend_from_slice(self.value);
    }
}

/// The record at the beginning of `bytes`, and its length.
pub(crate) fn decode(bytes: &[u8]) -> Result<(Record<'_>, usize), DecodeError> {
    let mut reader = Reader::new(STRUCTURE, bytes);
    let what = match reader.u8()? {
        RANGE_TOMBSTONE => What::Range,
        byte => What::Point(Kind::from_u8(byte).ok_or(reader.invalid("a record has a kind"))?),
    };
    let is_point = what != What::Range;
    let rank = Rank { seqno: reader.u64()?, is_point, ordinal: Reverse(reader.u64()?) };
    let (key_len, value_len) = (reader.u32()?, reader.u32()?);
    let key = reader.bytes(key_len.into())?;
    let value = reader.bytes(value_len.into())?;
    Ok((Record { what, rank, key, value }, bytes.len() - reader.rest().len()))
}

#[cfg(test)]
mod tests;
