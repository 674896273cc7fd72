//! The first 64 bytes of a log file.
//!
//! | at | bytes | field | |
//! |---|---|---|---|
//! | 0 | 8 | magic | `"eskerlog"` |
//! | 8 | 4 | version | 1 |
//! | 12 | 1 | kind | 1 segment of the write-ahead log, 2 manifest, 3 catalog |
//! | 13 | 1 | predecessor | 1 = the three fields below count, 0 = they are zero |
//! | 14 | 2 | flags | 0; reserved |
//! | 16 | 8 | number | the file's id: segment, manifest or catalog |
//! | 24 | 8 | log id | random for each life of the file |
//! | 32 | 4 | predecessor's segment | |
//! | 36 | 4 | reserved | 0 |
//! | 40 | 8 | predecessor's end | offset: nothing at or after it counts |
//! | 48 | 8 | next seqno | the first one that is not in the predecessor |
//! | 56 | 8 | checksum | xxh3-64 of the 56 bytes before it |
//!
//! **Predecessor.** Where the log that this file continues ends: everything there after the end is ignored. Before the end, a
//! bad frame is corruption if it lies before a position that a frame claims as synced. A segment that recovery begins, or
//! that follows a failed write, claims all of its predecessor in its first frame, synced before any write goes in; one
//! of an ordinary rotation is not synced by itself, so a power loss may still tear the end of its predecessor.
//! **Damage.** Any changed bit is an error; a file of zeros (preallocated, its header not yet written) is
//! [`Problem::BadMagic`] with 0. **Versions.** 1: as above.
//!
//! Example, segment 4 after 1,000 bytes of segment 3:
//!
//! ```text
//! 65 73 6b 65 72 6c 6f 67   "eskerlog"
//! 01 00 00 00               version 1
//! 01 01 00 00               a segment with a predecessor
//! 04 00 00 00 00 00 00 00   number 4
//! 88 77 66 55 44 33 22 11   log id
//! 03 00 00 00 00 00 00 00   segment 3
//! e8 03 00 00 00 00 00 00   ends at 1000
//! 2a 00 00 00 00 00 00 00   the next seqno is 42
//! 9b 93 65 a3 d8 1b 74 8b   checksum
//! ```

use crate::checksum::checksum64;
use crate::error::{DecodeError, Problem};
use crate::ids::{LogId, SegmentId};
use crate::log::frame::LogPosition;
use crate::reader::Reader;
use esker_mem::seqno::{MAX_SEQNO, SeqNo};

const STRUCTURE: &str = "log header";

/// The length of the header: where the first frame begins.
pub const LOG_HEADER_BYTES: usize = 64;

/// The version of logs that this build writes, and the highest that it reads.
pub const LOG_VERSION: u32 = 1;

const MAGIC: [u8; 8] = *b"eskerlog";
const CHECKSUM_BYTES: usize = 8;

/// What a log file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum LogKind {
    /// A segment of the write-ahead log.
    Segment = 1,
    /// A manifest of a tree.
    Manifest = 2,
    /// A catalog of a database.
    Catalog = 3,
}

/// Where the log that a segment continues ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Predecessor {
    /// The segment, and the end of its last good frame.
    pub end: LogPosition,
    /// The first seqno that is not in it or in what it continues.
    pub next_seqno: SeqNo,
}

/// The header of a log file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogHeader {
    /// What the file is.
    pub kind: LogKind,
    /// Its number, which its name has too.
    pub number: u64,
    /// This life of the file.
    pub log: LogId,
    /// What it continues; `None` for a first segment, manifests and catalogs.
    pub predecessor: Option<Predecessor>,
}

impl LogHeader {
    /// The header's bytes.
    #[must_use]
    pub fn encode(&self) -> [u8; LOG_HEADER_BYTES] {
        let predecessor =
            self.predecessor.unwrap_or(Predecessor { end: LogPosition::default(), next_seqno: 0 });
        let mut covered = Vec::with_capacity(LOG_HEADER_BYTES);
        covered.extend_from_slice(&MAGIC);
        covered.extend_from_slice(&LOG_VERSION.to_le_bytes());
        covered.extend_from_slice(&[self.kind as u8, u8::from(self.predecessor.is_some()), 0, 0]);
        covered.extend_from_slice(&self.number.to_le_bytes());
        covered.extend_from_slice(&self.log.0.to_le_bytes());
        covered.extend_from_slice(&u64::from(predecessor.end.segment.0).to_le_bytes());
        covered.extend_from_slice(&predecessor.end.offset.to_le_bytes());
        covered.extend_from_slice(&predecessor.next_seqno.to_le_bytes());
        let mut header = [0; LOG_HEADER_BYTES];
        let (front, checksum) = header.split_at_mut(LOG_HEADER_BYTES - CHECKSUM_BYTES);
        front.copy_from_slice(&covered);
        checksum.copy_from_slice(&checksum64(&covered).to_le_bytes());
        header
    }

    /// Reads the header at the front of a file's bytes.
    ///
    /// # Errors
    /// Not a log, one of a later version, or damaged.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(STRUCTURE, bytes);
        let magic = reader.array()?;
        if magic != MAGIC {
            let problem = Problem::BadMagic { found: u64::from_le_bytes(magic) };
            return Err(DecodeError::new(STRUCTURE, 0, problem));
        }
        let version = reader.u32()?;
        if version > LOG_VERSION {
            let problem = Problem::UnsupportedVersion { found: version, supported: LOG_VERSION };
            return Err(reader.error(problem));
        }
        let [kind, has_predecessor, flags @ ..]: [u8; 4] = reader.array()?;
        let (number, log) = (reader.u64()?, LogId(reader.u64()?));
        let (segment, reserved) = (reader.u32()?, reader.u32()?);
        let (offset, next_seqno) = (reader.u64()?, reader.u64()?);
        let stored = reader.u64()?;
        let computed = checksum64(bytes.get(..LOG_HEADER_BYTES - CHECKSUM_BYTES).unwrap_or_default());
        if stored != computed {
            return Err(DecodeError::new(STRUCTURE, 0, Problem::ChecksumMismatch { stored, computed }));
        }
        let kind = match kind {
            1 => LogKind::Segment,
            2 => LogKind::Manifest,
            3 => LogKind::Catalog,
            id => return Err(reader.error(Problem::Unsupported { what: "log kind", id: id.into() })),
        };
        if version == 0 || flags != [0; 2] || reserved != 0 || has_predecessor > 1 || next_seqno > MAX_SEQNO {
            return Err(reader.invalid("the header is one that this version writes"));
        }
        let end = LogPosition { segment: SegmentId(segment), offset };
        if has_predecessor == 0 && (end != LogPosition::default() || next_seqno != 0) {
            return Err(reader.invalid("no predecessor has no end"));
        }
        let predecessor = (has_predecessor == 1).then_some(Predecessor { end, next_seqno });
        Ok(Self { kind, number, log, predecessor })
    }
}

#[cfg(test)]
mod tests;
