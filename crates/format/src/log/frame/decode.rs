//! Reading a frame: what stands at a place of a log file.
//!
//! A full frame is known by itself. A short one is known only to who has read the frame before it and brings its [`Carry`]; to
//! everybody else it is bad. Nothing of a frame is believed before its checksum, but its length, as far as there are bytes.
//!
//! Not here: what frames are made of ([`crate::log::frame`]), and many of them ([`crate::log::scan`]).

use crate::error::{DecodeError, Problem};
use crate::ids::LogId;
use crate::log::frame::{
    Carry, FRAME_ALIGNMENT, FRAME_HEADER_BYTES, FRONT_BITS, FULL_FRAME_EVERY_BYTES, Fields, Frame, FrameAt,
    FrameMeta, LENGTH_LOW_BITS, LOG_TAG_AT, MAX_SHORT_PAYLOAD_BYTES, SHORT_HEADER_BYTES, STRUCTURE, aligned,
    frame_len, log_tag, low_half, synced_position,
};
use crate::reader::Reader;
use esker_mem::seqno::MAX_SEQNO;

const FRONT_MASK: u64 = (1 << FRONT_BITS) - 1;

/// What stands at the front of `bytes`, which begin at `offset` of the file of `log` and reach to its end. Only full frames are
/// known without what stands before them.
#[must_use]
pub fn decode_frame(bytes: &[u8], log: LogId, offset: u64) -> FrameAt<'_> {
    decode_next_frame(bytes, log, offset, None)
}

/// As [`decode_frame`], behind a frame that ends at `offset` and carries `before`: so that short frames are known, too.
#[inline]
#[must_use]
pub fn decode_next_frame(bytes: &[u8], log: LogId, offset: u64, before: Option<Carry>) -> FrameAt<'_> {
    let decoded = match bytes.first_chunk() {
        Some(front) => match u64::from_le_bytes(*front) {
            front if form(front) == 0 => decode_full(bytes, log, offset),
            front => decode_short(bytes, front, log, offset, before),
        },
        None => Err(Reader::new(STRUCTURE, bytes).invalid("a frame has a header")),
    };
    match decoded {
        Ok(frame) => FrameAt::Frame(frame),
        Err(_) if bytes.iter().take(FRAME_HEADER_BYTES).all(|&byte| byte == 0) => FrameAt::CleanEnd,
        Err(error) => FrameAt::Bad(error.shifted(offset)),
    }
}

/// How long the frame is that begins with `header`, as stated there: for a reader that does not hold the whole file. A short one is
/// expected only behind another frame. `None` if this is no header of a frame of this log. Nothing is verified yet.
#[must_use]
pub fn stated_frame_len(header: &[u8], log: LogId, is_behind_a_frame: bool) -> Option<u64> {
    let front = u64::from_le_bytes(*header.first_chunk()?);
    if form(front) != 0 {
        let len = SHORT_HEADER_BYTES as u64 + aligned(front & MAX_SHORT_PAYLOAD_BYTES);
        return is_behind_a_frame.then_some(len);
    }
    let whole = header.first_chunk::<FRAME_HEADER_BYTES>()?;
    let tag = whole.get(LOG_TAG_AT..).and_then(<[u8]>::first_chunk)?;
    (u32::from_le_bytes(*tag) == log_tag(log)).then(|| frame_len(full_len(front)))
}

/// Of the first word: 0 for a full frame, else the count of a short one.
#[inline]
const fn form(front: u64) -> u64 {
    (front & FRONT_MASK) >> LENGTH_LOW_BITS
}

/// The payload's length, by the first word of a full frame.
#[inline]
const fn full_len(front: u64) -> u64 {
    front & MAX_SHORT_PAYLOAD_BYTES | front >> 32 << LENGTH_LOW_BITS
}

fn decode_full(bytes: &[u8], log: LogId, offset: u64) -> Result<Frame<'_>, DecodeError> {
    let mut reader = Reader::new(STRUCTURE, bytes);
    let (front, stored, tag_and_count) = (reader.u64()?, reader.u64()?, reader.u64()?);
    if low_half(tag_and_count) != log_tag(log) {
        let rule = "the frame is of this life of the file";
        return Err(DecodeError::invalid(STRUCTURE, LOG_TAG_AT as u64, rule));
    }
    let fields = Fields { front, tag_and_count, first_seqno: reader.u64()?, synced: reader.u64()? };
    let payload = reader.bytes(full_len(front))?;
    check(stored, fields.checksum(log, offset, payload))?;
    let flags = front >> FRONT_BITS & 0xfff;
    if flags != 0 {
        return Err(DecodeError::new(STRUCTURE, 0, Problem::Unsupported { what: "frame flags", id: flags }));
    }
    finish(&fields, offset, payload, reader)
}

#[inline]
fn decode_short(
    bytes: &[u8],
    front: u64,
    log: LogId,
    offset: u64,
    before: Option<Carry>,
) -> Result<Frame<'_>, DecodeError> {
    let mut reader = Reader::new(STRUCTURE, bytes);
    let before = before.filter(|before| before.page == offset / FULL_FRAME_EVERY_BYTES);
    let Some(before) = before else {
        return Err(reader.invalid("a short frame stands behind another in its 4 KiB"));
    };
    reader.u64()?;
    let fields = Fields {
        front: front & FRONT_MASK,
        tag_and_count: u64::from(log_tag(log)) | form(front) << 32,
        first_seqno: before.next_seqno,
        synced: before.synced,
    };
    let payload = reader.bytes(front & MAX_SHORT_PAYLOAD_BYTES)?;
    check(front >> FRONT_BITS, fields.checksum(log, offset, payload) >> FRONT_BITS)?;
    finish(&fields, offset, payload, reader)
}

#[inline]
fn check(stored: u64, computed: u64) -> Result<(), DecodeError> {
    if stored == computed {
        return Ok(());
    }
    Err(DecodeError::new(STRUCTURE, 0, Problem::ChecksumMismatch { stored, computed }))
}

/// What stands behind the payload, and whether the numbers are in their limits.
#[inline]
fn finish<'a>(
    fields: &Fields,
    offset: u64,
    payload: &'a [u8],
    mut reader: Reader<'a>,
) -> Result<Frame<'a>, DecodeError> {
    let header_bytes = if form(fields.front) == 0 { FRAME_HEADER_BYTES } else { SHORT_HEADER_BYTES };
    let padding = payload.len().next_multiple_of(FRAME_ALIGNMENT) - payload.len();
    if reader.bytes(padding as u64)?.iter().any(|&byte| byte != 0) {
        return Err(reader.invalid("padding is zeros"));
    }
    let (first_seqno, count) = (fields.first_seqno, low_half(fields.tag_and_count >> 32));
    if first_seqno.checked_add(count.into()).is_none_or(|end| end > MAX_SEQNO) {
        return Err(reader.invalid("seqnos keep their limit"));
    }
    let meta = FrameMeta { first_seqno, count, synced: synced_position(fields.synced) };
    Ok(Frame { meta, offset, header_bytes, payload })
}
