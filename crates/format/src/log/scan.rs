//! Reading the frames of a log file, and judging what comes after a bad one.
//!
//! A bad frame is a torn tail, the ordinary end after a crash, unless a *later* valid frame claims that its position was synced: then
//! bytes that had reached the disk are gone, and that is corruption. [`LogBytes::claims_synced`] looks for such a claim at every
//! aligned place, since the length of a bad frame cannot be trusted. Behind something bad only full frames are frames: a short one
//! repeats the claim of a full one before it in the same 4 KiB, so there is nothing in it that is not found there.
//!
//! Only frames with this log's random id pass, so a user's value cannot pose as one. **Cost.** A place is first judged by its
//! log tag; checksums of false candidates are bounded to [`SCAN_BUDGET`] times the file, beyond which the file is called
//! corrupt (INV-FMT-1).

use crate::error::DecodeError;
use crate::ids::LogId;
use crate::log::frame::decode::{decode_frame, decode_next_frame, stated_frame_len};
use crate::log::frame::{
    Carry, FRAME_ALIGNMENT, FRAME_HEADER_BYTES, Frame, FrameAt, LOG_TAG_AT, LogPosition, STRUCTURE, log_tag,
};

/// How many times a file's length a scan may spend on the payloads of false candidates.
pub const SCAN_BUDGET: u64 = 4;

/// The bytes of a log file from some offset on.
#[derive(Debug, Clone, Copy)]
pub struct LogBytes<'a> {
    bytes: &'a [u8],
    base: u64,
    log: LogId,
}

impl<'a> LogBytes<'a> {
    /// `bytes` begin at `base` of the file of `log`, a multiple of [`FRAME_ALIGNMENT`], and reach to its end.
    #[must_use]
    pub const fn new(bytes: &'a [u8], base: u64, log: LogId) -> Self {
        Self { bytes, base, log }
    }

    /// What stands at `offset` of the file; a short frame is known only behind the one before it ([`LogBytes::frames`]).
    #[must_use]
    pub fn at(&self, offset: u64) -> FrameAt<'a> {
        decode_frame(self.from(offset), self.log, offset)
    }

    /// The frames from `offset` on, up to the first place without one; and then what stands there.
    #[must_use]
    pub const fn frames(self, offset: u64) -> Frames<'a> {
        Frames { log: self, offset, before: None }
    }

    /// Whether nothing but zeros follows from `offset` on: the rest of a preallocated file.
    #[must_use]
    pub fn is_zero_from(&self, offset: u64) -> bool {
        self.from(offset).iter().all(|&byte| byte == 0)
    }

    /// The first frame at or after `offset` which says that the log was synced beyond `position`.
    ///
    /// # Errors
    /// The bytes imitate frames so often that looking on would take too long.
    pub fn claims_synced(
        &self,
        offset: u64,
        position: LogPosition,
    ) -> Result<Option<Frame<'a>>, DecodeError> {
        let tag = log_tag(self.log).to_le_bytes();
        let mut budget = SCAN_BUDGET * self.bytes.len() as u64 + FRAME_HEADER_BYTES as u64;
        let aligned = offset.max(self.base).checked_next_multiple_of(FRAME_ALIGNMENT as u64);
        let Some(mut offset) = aligned else { return Ok(None) };
        loop {
            let rest = self.from(offset);
            let Some(header) = rest.first_chunk::<FRAME_HEADER_BYTES>() else { return Ok(None) };
            let mut next = offset + FRAME_ALIGNMENT as u64;
            if header.get(LOG_TAG_AT..).is_some_and(|from_tag| from_tag.starts_with(&tag)) {
                match decode_frame(rest, self.log, offset) {
                    FrameAt::Frame(frame) if frame.meta.synced > position => return Ok(Some(frame)),
                    FrameAt::Frame(frame) => next = frame.end(),
                    FrameAt::CleanEnd => {}
                    FrameAt::Bad(error) => {
                        let Some(left) = budget.checked_sub(candidate_cost(header, self.log, rest)) else {
                            return Err(error);
                        };
                        budget = left;
                    }
                }
            }
            offset = next;
        }
    }

    fn from(&self, offset: u64) -> &'a [u8] {
        let start = offset.checked_sub(self.base).and_then(|start| usize::try_from(start).ok());
        start.and_then(|start| self.bytes.get(start..)).unwrap_or_default()
    }
}

/// About how many bytes judging a false candidate took: what it states, if that is there.
fn candidate_cost(header: &[u8; FRAME_HEADER_BYTES], log: LogId, rest: &[u8]) -> u64 {
    let stated = stated_frame_len(header, log, false).filter(|len| *len <= rest.len() as u64);
    stated.unwrap_or(0).max(FRAME_HEADER_BYTES as u64)
}

/// The frames of a log, in order. After the last one, [`Frames::end`] says why there are no more.
#[derive(Debug, Clone)]
pub struct Frames<'a> {
    log: LogBytes<'a>,
    offset: u64,
    before: Option<Carry>,
}

impl<'a> Frames<'a> {
    /// The offset of the next frame: after the iteration, the end of the last good one.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.offset
    }

    /// What stands where the iteration is: after it, a clean end or something bad.
    #[must_use]
    pub fn end(&self) -> FrameAt<'a> {
        decode_next_frame(self.log.from(self.offset), self.log.log, self.offset, self.before)
    }

    /// An error that names this place.
    #[must_use]
    pub const fn invalid(&self, rule: &'static str) -> DecodeError {
        DecodeError::invalid(STRUCTURE, self.offset, rule)
    }
}

impl<'a> Iterator for Frames<'a> {
    type Item = Frame<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        let FrameAt::Frame(frame) = self.end() else { return None };
        self.offset = frame.end();
        self.before = Some(frame.carry());
        Some(frame)
    }
}

#[cfg(test)]
mod tests;
