//! One frame: what a commit group, or an edit of a manifest, is in its log.
//!
//! | at | bytes | field | |
//! |---|---|---|---|
//! | 0 | 8 | checksum | below |
//! | 8 | 6 | payload length | |
//! | 14 | 2 | flags | 0; reserved |
//! | 16 | 8 | first seqno | of the payload's operations |
//! | 24 | 4 | count | of operations |
//! | 28 | 4 | log tag | low half of the log id |
//! | 32 | 4 | synced segment | up to where the log was known synced when this was written |
//! | 36 | 4 | synced offset | in units of 8 bytes |
//! | 40 | | payload | |
//! | | 0..=7 | padding | zeros, to a multiple of 8 |
//!
//! **Checksum scope.** xxh3-64 of the 56 bytes `header from byte 8 ‖ offset of the frame in its file ‖ log id ‖ xxh3-64 of the
//! payload`. Header and payload need not lie beside each other, so a frame goes around a payload without a copy of it.
//!
//! **Limits.** Payloads below 2⁴⁸ bytes and within the file; offsets to 32 GiB in the synced position, which is a hint: a
//! position beyond is recorded as the last one that fits. Seqnos keep [`MAX_SEQNO`].
//! **Damage.** [`decode_frame`] tells a frame, a clean end and anything else; the caller decides what that means.
//! **Versions.** The log's header carries the version. 1: as above.
//!
//! Example, a frame at offset 64 of log 0x1122334455667788, one operation at seqno 7, payload "put", synced up to byte 64 of segment 3:
//!
//! ```text
//! d1 77 3e 39 bc 44 75 42   checksum
//! 03 00 00 00 00 00 00 00   3 bytes of payload, no flags
//! 07 00 00 00 00 00 00 00   first seqno
//! 01 00 00 00               1 operation
//! 88 77 66 55               log tag
//! 03 00 00 00 08 00 00 00   synced: segment 3, 8 × 8 bytes
//! 70 75 74                  payload
//! 00 00 00 00 00            padding
//! ```

use crate::checksum::checksum64;
use crate::error::{DecodeError, Problem};
use crate::ids::{LogId, SegmentId};
use crate::reader::Reader;
use esker_mem::seqno::{MAX_SEQNO, SeqNo};

pub(crate) const STRUCTURE: &str = "log frame";

/// The bytes before each payload.
pub const FRAME_HEADER_BYTES: usize = 40;

/// Frames begin at multiples of this.
pub const FRAME_ALIGNMENT: usize = 8;

/// Where the log tag is in the header: the scan looks there first.
pub(crate) const LOG_TAG_AT: usize = 28;

const CHECKSUM_BYTES: usize = 8;
const MAX_PAYLOAD_BYTES: u64 = (1 << 48) - 1;

/// A place in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LogPosition {
    /// The segment.
    pub segment: SegmentId,
    /// The offset in its file.
    pub offset: u64,
}

/// What a frame says beside its payload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FrameMeta {
    /// The seqno of the first operation of the payload.
    pub first_seqno: SeqNo,
    /// The number of operations.
    pub count: u32,
    /// Up to where the log was known synced when the frame was written.
    pub synced: LogPosition,
}

/// A frame read back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it says.
    pub meta: FrameMeta,
    /// The offset of the frame in its file.
    pub offset: u64,
    /// The payload.
    pub payload: &'a [u8],
}

impl Frame<'_> {
    /// The offset after the frame: where the next one begins.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.offset + frame_len(self.payload.len() as u64)
    }
}

/// What stands at a place where a frame may begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FrameAt<'a> {
    /// A frame.
    Frame(Frame<'a>),
    /// The end of the file, or a header's length of zeros: nothing was written here.
    CleanEnd,
    /// Something else: a torn or damaged frame, or the remains of a former life of the file.
    Bad(DecodeError),
}

/// How many bytes a frame takes around so many bytes of payload.
#[must_use]
pub const fn frame_len(payload_len: u64) -> u64 {
    (FRAME_HEADER_BYTES as u64 + payload_len).next_multiple_of(FRAME_ALIGNMENT as u64)
}

/// The header of a frame at `offset` of `log` around a payload that is elsewhere. After the payload come zeros to a multiple of
/// [`FRAME_ALIGNMENT`].
#[inline]
#[must_use]
pub fn frame_header(meta: &FrameMeta, log: LogId, offset: u64, payload: &[u8]) -> [u8; FRAME_HEADER_BYTES] {
    debug_assert!(offset.is_multiple_of(FRAME_ALIGNMENT as u64), "frames are aligned");
    debug_assert!(payload.len() as u64 <= MAX_PAYLOAD_BYTES, "48 bits of length");
    let synced_words = u32::try_from(meta.synced.offset / FRAME_ALIGNMENT as u64).unwrap_or(u32::MAX);
    let mut header = [0; FRAME_HEADER_BYTES];
    let (_, words) = header.as_chunks_mut::<8>().0.split_first_mut().unwrap_or((&mut [0; 8], &mut []));
    let fields = [
        payload.len() as u64,
        meta.first_seqno,
        u64::from(meta.count) | u64::from(log_tag(log)) << 32,
        u64::from(meta.synced.segment.0) | u64::from(synced_words) << 32,
    ];
    for (word, field) in words.iter_mut().zip(fields) {
        *word = field.to_le_bytes();
    }
    let checksum = frame_checksum(&header, log, offset, payload);
    for (byte, of_checksum) in header.iter_mut().zip(checksum.to_le_bytes()) {
        *byte = of_checksum;
    }
    header
}

/// Appends a whole frame to `out`, copying the payload once.
pub fn append_frame(out: &mut Vec<u8>, meta: &FrameMeta, log: LogId, offset: u64, payload: &[u8]) {
    out.reserve(payload.len() + FRAME_HEADER_BYTES + FRAME_ALIGNMENT);
    out.extend_from_slice(&frame_header(meta, log, offset, payload));
    out.extend_from_slice(payload);
    push_padding(out, payload.len());
}

/// Leaves room for a header at the end of `out`, where the caller then appends the payload; [`finish_frame`] makes a frame of it. The
/// payload is encoded straight into the buffer that will be written.
#[must_use]
pub fn begin_frame(out: &mut Vec<u8>) -> FrameStart {
    let start = FrameStart(out.len());
    out.extend_from_slice(&[0; FRAME_HEADER_BYTES]);
    start
}

/// Where in a buffer [`begin_frame`] left room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameStart(usize);

/// Finishes the frame that began at `start` and whose payload is everything after it: writes the header, pads. `offset` is where in
/// the log's file the frame will stand.
pub fn finish_frame(out: &mut Vec<u8>, start: FrameStart, meta: &FrameMeta, log: LogId, offset: u64) {
    let frame = out.get_mut(start.0..).unwrap_or_default();
    let Some((header, payload)) = frame.split_first_chunk_mut::<FRAME_HEADER_BYTES>() else { return };
    *header = frame_header(meta, log, offset, payload);
    let payload_len = payload.len();
    push_padding(out, payload_len);
}

fn push_padding(out: &mut Vec<u8>, payload_len: usize) {
    let padding = payload_len.next_multiple_of(FRAME_ALIGNMENT) - payload_len;
    out.extend_from_slice([0; FRAME_ALIGNMENT].get(..padding).unwrap_or_default());
}

/// How long the frame is that begins with `header`, as stated there: for a reader that does not hold the whole file. `None` if
/// this is no header of a frame of this log. Nothing is verified yet.
#[must_use]
pub fn stated_frame_len(header: &[u8], log: LogId) -> Option<u64> {
    let mut fields = Reader::new(STRUCTURE, header.get(CHECKSUM_BYTES..)?);
    let (length_and_flags, _first_seqno) = (fields.u64().ok()?, fields.u64().ok()?);
    let (_count, tag) = (fields.u32().ok()?, fields.u32().ok()?);
    (tag == log_tag(log)).then(|| frame_len(length_and_flags & MAX_PAYLOAD_BYTES))
}

/// What stands at the front of `bytes`, which begin at `offset` of the file of `log` and reach to its end.
#[must_use]
pub fn decode_frame(bytes: &[u8], log: LogId, offset: u64) -> FrameAt<'_> {
    // Frames first, since almost all that is asked about are.
    match decode(bytes, log, offset) {
        Ok(frame) => FrameAt::Frame(frame),
        Err(_) if bytes.iter().take(FRAME_HEADER_BYTES).all(|&byte| byte == 0) => FrameAt::CleanEnd,
        Err(error) => FrameAt::Bad(error.shifted(offset)),
    }
}

fn decode(bytes: &[u8], log: LogId, offset: u64) -> Result<Frame<'_>, DecodeError> {
    let mut reader = Reader::new(STRUCTURE, bytes);
    let header: [u8; FRAME_HEADER_BYTES] = reader.array()?;
    let mut fields = Reader::new(STRUCTURE, &header);
    let stored = fields.u64()?;
    let length_and_flags = fields.u64()?;
    let (payload_len, flags) = (length_and_flags & MAX_PAYLOAD_BYTES, length_and_flags >> 48);
    let first_seqno = fields.u64()?;
    let (count, tag) = (fields.u32()?, fields.u32()?);
    let synced_segment = SegmentId(fields.u32()?);
    let synced_offset = u64::from(fields.u32()?) * FRAME_ALIGNMENT as u64;
    if tag != log_tag(log) {
        return Err(DecodeError::invalid(
            STRUCTURE,
            LOG_TAG_AT as u64,
            "the frame is of this life of the file",
        ));
    }
    let payload = reader.bytes(payload_len)?;
    let computed = frame_checksum(&header, log, offset, payload);
    if stored != computed {
        return Err(DecodeError::new(STRUCTURE, 0, Problem::ChecksumMismatch { stored, computed }));
    }
    if flags != 0 {
        return Err(DecodeError::new(STRUCTURE, 0, Problem::Unsupported { what: "frame flags", id: flags }));
    }
    let padding = reader.bytes(payload_len.next_multiple_of(FRAME_ALIGNMENT as u64) - payload_len)?;
    if padding.iter().any(|&byte| byte != 0) {
        return Err(reader.invalid("padding is zeros"));
    }
    if first_seqno.checked_add(count.into()).is_none_or(|end| end > MAX_SEQNO) {
        return Err(reader.invalid("seqnos keep their limit"));
    }
    let synced = LogPosition { segment: synced_segment, offset: synced_offset };
    Ok(Frame { meta: FrameMeta { first_seqno, count, synced }, offset, payload })
}

/// The low half of the log id: what a frame stores of it.
#[inline]
pub(crate) const fn log_tag(log: LogId) -> u32 {
    let [a, b, c, d, ..] = log.0.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[inline]
fn frame_checksum(header: &[u8; FRAME_HEADER_BYTES], log: LogId, offset: u64, payload: &[u8]) -> u64 {
    let mut covered = [0; FRAME_HEADER_BYTES - CHECKSUM_BYTES + 24];
    let (of_header, rest) = covered.split_at_mut(FRAME_HEADER_BYTES - CHECKSUM_BYTES);
    of_header
        .copy_from_slice(header.last_chunk::<{ FRAME_HEADER_BYTES - CHECKSUM_BYTES }>().unwrap_or(&[0; 32]));
    for (word, value) in rest.as_chunks_mut::<8>().0.iter_mut().zip([offset, log.0, checksum64(payload)]) {
        *word = value.to_le_bytes();
    }
    checksum64(&covered)
}

#[cfg(test)]
mod tests;
