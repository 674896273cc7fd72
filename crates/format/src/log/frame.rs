//! One frame: what a commit group, or an edit of a manifest, is in its log.
//!
//! | at | bytes | field | |
//! |---|---|---|---|
//! | 0 | 2 | payload length | its low 16 bits |
//! | 2 | 2 | form | low 4 bits: 0, a full frame; the others 0, reserved |
//! | 4 | 4 | payload length | its high 32 bits |
//! | 8 | 8 | checksum | below |
//! | 16 | 4 | log tag | low half of the log id |
//! | 20 | 4 | count | of operations |
//! | 24 | 8 | first seqno | of the payload's operations |
//! | 32 | 4 | synced segment | up to where the log was known synced when this was written |
//! | 36 | 4 | synced offset | in units of 8 bytes |
//! | 40 | | payload | |
//! | | 0..=7 | padding | zeros, to a multiple of 8 |
//!
//! **Short frames.** A frame that has nothing new to say has a header of one word: what is above in its low 20 bits, with the count
//! (1..=15) as its form, and in the others the high 44 bits of its checksum. All else follows from the frame before it
//! ([`Carry`]): its first seqno is the end of that one's, and the synced position is the same. Its payload is shorter than 64 KiB,
//! and it begins in the same 4 KiB of the file; so each 4 KiB in which a frame begins has one that can be found and understood by
//! itself. Reading begins anew there behind damage, and claims of synced positions stand there.
//!
//! **Checksum scope.** xxh3-64 of 56 bytes: `header without checksum ‖ offset of the frame in its file ‖ log id ‖ xxh3-64 of the
//! payload`, where the header has all its fields, stored or not: so a short frame counts only behind the frame that it was written
//! behind (INV-FMT-11). Damage to a full frame passes unnoticed with probability 2⁻⁶⁴, to a short one with 2⁻⁴⁴. Header and payload
//! need not lie beside each other, so a frame goes around a payload without a copy of it.
//!
//! **Limits.** Payloads below 2⁴⁸ bytes and within the file; offsets to 32 GiB in the synced position, which is a hint: a
//! position beyond is recorded as the last one that fits. Seqnos keep [`esker_mem::seqno::MAX_SEQNO`].
//! **Damage.** [`decode::decode_frame`] tells a frame, a clean end and anything else; the caller decides what that means.
//! **Versions.** The log's header carries the version. 1: as above.
//!
//! Example, a full frame at offset 64 of log 0x1122334455667788, one operation at seqno 7, payload "put", synced up to byte 64 of
//! segment 3; and a short one behind it, two operations, payload "and so on":
//!
//! ```text
//! 03 00 00 00 00 00 00 00   3 bytes of payload, a full frame
//! 42 9d b6 24 db 7f 17 53   checksum
//! 88 77 66 55               log tag
//! 01 00 00 00               1 operation
//! 07 00 00 00 00 00 00 00   first seqno
//! 03 00 00 00 08 00 00 00   synced: segment 3, 8 × 8 bytes
//! 70 75 74                  payload
//! 00 00 00 00 00            padding
//! 09 00 d2 84 24 ef 92 f0   9 bytes of payload, 2 operations, 44 bits of checksum
//! 61 6e 64 20 73 6f 20 6f 6e   payload
//! 00 00 00 00 00 00 00      padding
//! ```
//!
//! Not here: reading frames ([`decode`]).

use crate::checksum::checksum64;
use crate::error::DecodeError;
use crate::ids::{LogId, SegmentId};
use esker_mem::seqno::SeqNo;

pub mod decode;

pub(crate) const STRUCTURE: &str = "log frame";

/// The bytes before the payload of a full frame.
pub const FRAME_HEADER_BYTES: usize = 40;

/// The bytes before the payload of a short frame.
pub const SHORT_HEADER_BYTES: usize = 8;

/// Frames begin at multiples of this.
pub const FRAME_ALIGNMENT: usize = 8;

/// The first frame that begins in so many bytes of a file is a full one.
pub const FULL_FRAME_EVERY_BYTES: u64 = 4096;

/// Where the log tag is in the header: the scan looks there first.
pub(crate) const LOG_TAG_AT: usize = 16;

/// Of the first word: the low bits of the length, then the form, then what depends on the form.
pub(crate) const LENGTH_LOW_BITS: u32 = 16;
pub(crate) const FRONT_BITS: u32 = 20;
pub(crate) const MAX_SHORT_PAYLOAD_BYTES: u64 = (1 << LENGTH_LOW_BITS) - 1;
const MAX_SHORT_COUNT: u32 = (1 << (FRONT_BITS - LENGTH_LOW_BITS)) - 1;
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
    /// What it says, or leaves to the frame before it to say.
    pub meta: FrameMeta,
    /// The offset of the frame in its file.
    pub offset: u64,
    /// How many bytes stand before the payload.
    pub header_bytes: usize,
    /// The payload.
    pub payload: &'a [u8],
}

impl Frame<'_> {
    /// The offset after the frame: where the next one begins.
    #[must_use]
    pub const fn end(&self) -> u64 {
        self.offset + self.header_bytes as u64 + aligned(self.payload.len() as u64)
    }

    /// What the next frame may leave out.
    #[inline]
    #[must_use]
    pub fn carry(&self) -> Carry {
        Carry::new(&self.meta, self.offset)
    }
}

/// What a frame leaves to the one behind it, which then need not say it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Carry {
    next_seqno: SeqNo,
    synced: u64,
    /// The 4 KiB of the file in which the frame began.
    page: u64,
}

impl Carry {
    #[inline]
    fn new(meta: &FrameMeta, offset: u64) -> Self {
        Self {
            next_seqno: meta.first_seqno.saturating_add(u64::from(meta.count)),
            synced: synced_word(meta.synced),
            page: offset / FULL_FRAME_EVERY_BYTES,
        }
    }

    /// The number after the frame's last operation.
    #[inline]
    #[must_use]
    pub const fn next_seqno(&self) -> SeqNo {
        self.next_seqno
    }

    /// Whether a frame that says this may be a short one.
    #[inline]
    fn covers(&self, meta: &FrameMeta, offset: u64, payload_len: u64) -> bool {
        self.next_seqno == meta.first_seqno
            && self.synced == synced_word(meta.synced)
            && self.page == offset / FULL_FRAME_EVERY_BYTES
            && matches!(meta.count, 1..=MAX_SHORT_COUNT)
            && payload_len <= MAX_SHORT_PAYLOAD_BYTES
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

/// How many bytes a full frame takes around so many bytes of payload; a short one takes fewer.
#[must_use]
pub const fn frame_len(payload_len: u64) -> u64 {
    FRAME_HEADER_BYTES as u64 + aligned(payload_len)
}

pub(crate) const fn aligned(payload_len: u64) -> u64 {
    payload_len.next_multiple_of(FRAME_ALIGNMENT as u64)
}

/// What a header says beside its checksum, as it is stored in a full frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fields {
    /// Lengths and form.
    pub(crate) front: u64,
    /// Log tag and count.
    pub(crate) tag_and_count: u64,
    pub(crate) first_seqno: SeqNo,
    pub(crate) synced: u64,
}

impl Fields {
    #[inline]
    fn new(meta: &FrameMeta, front: u64, log: LogId) -> Self {
        Self {
            front,
            tag_and_count: u64::from(log_tag(log)) | u64::from(meta.count) << 32,
            first_seqno: meta.first_seqno,
            synced: synced_word(meta.synced),
        }
    }

    #[inline]
    pub(crate) fn checksum(&self, log: LogId, offset: u64, payload: &[u8]) -> u64 {
        let words = [
            self.front,
            self.tag_and_count,
            self.first_seqno,
            self.synced,
            offset,
            log.0,
            checksum64(payload),
        ];
        let mut covered = [0; 56];
        for (covered, word) in covered.as_chunks_mut::<8>().0.iter_mut().zip(words) {
            *covered = word.to_le_bytes();
        }
        checksum64(&covered)
    }
}

/// The header of a full frame at `offset` of `log` around a payload that is elsewhere.
#[inline]
fn header(meta: &FrameMeta, log: LogId, offset: u64, payload: &[u8]) -> [u8; FRAME_HEADER_BYTES] {
    debug_assert!(offset.is_multiple_of(FRAME_ALIGNMENT as u64), "frames are aligned");
    let len = payload.len() as u64;
    debug_assert!(len <= MAX_PAYLOAD_BYTES, "48 bits of length");
    let front = (len & MAX_SHORT_PAYLOAD_BYTES) | len >> LENGTH_LOW_BITS << 32;
    let fields = Fields::new(meta, front, log);
    let checksum = fields.checksum(log, offset, payload);
    let words = [front, checksum, fields.tag_and_count, fields.first_seqno, fields.synced];
    let mut header = [0; FRAME_HEADER_BYTES];
    for (stored, word) in header.as_chunks_mut::<8>().0.iter_mut().zip(words) {
        *stored = word.to_le_bytes();
    }
    header
}

/// The header of a short frame: of a payload and a count that one has.
#[inline]
fn short_header(meta: &FrameMeta, log: LogId, offset: u64, payload: &[u8]) -> [u8; SHORT_HEADER_BYTES] {
    debug_assert!(offset.is_multiple_of(FRAME_ALIGNMENT as u64), "frames are aligned");
    let front = payload.len() as u64 | u64::from(meta.count) << LENGTH_LOW_BITS;
    let checksum = Fields::new(meta, front, log).checksum(log, offset, payload);
    (front | checksum >> FRONT_BITS << FRONT_BITS).to_le_bytes()
}

/// Appends a whole full frame to `out`, copying the payload once.
pub fn append_frame(out: &mut Vec<u8>, meta: &FrameMeta, log: LogId, offset: u64, payload: &[u8]) {
    out.reserve(payload.len() + FRAME_HEADER_BYTES + FRAME_ALIGNMENT);
    out.extend_from_slice(&header(meta, log, offset, payload));
    out.extend_from_slice(payload);
    push_padding(out, payload.len());
}

/// Appends a whole frame to `out`, copying the payload once: a short one, if the frame before it, which ends at `offset`, lets it
/// leave out the rest. `before` is what that frame carries, if there is one; it becomes what this one carries.
#[inline]
pub fn append_next_frame(
    out: &mut Vec<u8>,
    meta: &FrameMeta,
    log: LogId,
    offset: u64,
    payload: &[u8],
    before: &mut Option<Carry>,
) {
    let is_short = before.is_some_and(|before| before.covers(meta, offset, payload.len() as u64));
    *before = Some(Carry::new(meta, offset));
    if !is_short {
        return append_frame(out, meta, log, offset, payload);
    }
    out.reserve(payload.len() + SHORT_HEADER_BYTES + FRAME_ALIGNMENT);
    out.extend_from_slice(&short_header(meta, log, offset, payload));
    out.extend_from_slice(payload);
    push_padding(out, payload.len());
}

/// Leaves room for a header at the end of `out`, where the caller then appends the payload; [`finish_frame`] makes a full frame of
/// it. The payload is encoded straight into the buffer that will be written.
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
    let Some((room, payload)) = frame.split_first_chunk_mut::<FRAME_HEADER_BYTES>() else { return };
    *room = header(meta, log, offset, payload);
    let payload_len = payload.len();
    push_padding(out, payload_len);
}

/// Headers are multiples of the alignment.
fn push_padding(out: &mut Vec<u8>, payload_len: usize) {
    let padding = payload_len.next_multiple_of(FRAME_ALIGNMENT) - payload_len;
    out.extend_from_slice([0; FRAME_ALIGNMENT].get(..padding).unwrap_or_default());
}

#[inline]
fn synced_word(synced: LogPosition) -> u64 {
    let words = u32::try_from(synced.offset / FRAME_ALIGNMENT as u64).unwrap_or(u32::MAX);
    u64::from(synced.segment.0) | u64::from(words) << 32
}

#[inline]
pub(crate) const fn synced_position(word: u64) -> LogPosition {
    LogPosition { segment: SegmentId(low_half(word)), offset: (word >> 32) * FRAME_ALIGNMENT as u64 }
}

/// The low half of the log id: what a full frame stores of it.
#[inline]
pub(crate) const fn log_tag(log: LogId) -> u32 {
    low_half(log.0)
}

#[inline]
pub(crate) const fn low_half(word: u64) -> u32 {
    let [a, b, c, d, ..] = word.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests;
