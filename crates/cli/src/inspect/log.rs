//! The parts of a log file (a segment of the write-ahead log, a manifest, a catalog): header, frames, and what ends them.

use esker_format::error::DecodeError;
use esker_format::ids::SegmentId;
use esker_format::log::frame::{FRAME_ALIGNMENT, Frame, FrameAt, LogPosition};
use esker_format::log::header::{LOG_HEADER_BYTES, LogHeader};
use esker_format::log::scan::LogBytes;

/// Where the first frame of a log file begins.
pub(crate) const FIRST_FRAME: u64 = LOG_HEADER_BYTES as u64;

/// The bytes of a log file whose header could be read.
#[derive(Debug)]
pub(crate) struct LogFile<'a> {
    bytes: &'a [u8],
    header: LogHeader,
}

/// What stands behind the last frame.
#[derive(Debug)]
pub(crate) enum Ending {
    /// Nothing: the end of the file, or zeros.
    Clean,
    /// An incomplete frame, or the remains of a former life of the file: the ordinary end after a crash.
    Torn(DecodeError),
    /// Frames that had reached the disk are gone: a later one says so.
    Damaged {
        /// What is wrong with the first bad frame.
        error: DecodeError,
        /// The place up to which a later frame says that all was synced.
        synced: LogPosition,
        /// Where that later frame is.
        claimed_at: u64,
    },
}

impl<'a> LogFile<'a> {
    /// Reads the header.
    pub(crate) fn of(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        Ok(Self { bytes, header: LogHeader::decode(bytes)? })
    }

    /// The header.
    pub(crate) fn header(&self) -> &LogHeader {
        &self.header
    }

    /// The length of the file.
    pub(crate) fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// The frames from `offset` on, up to the first place without one.
    pub(crate) fn frames(&self, offset: u64) -> impl Iterator<Item = Frame<'a>> + use<'a> {
        self.log().frames(offset)
    }

    /// The first frame behind the bad place at `offset`.
    pub(crate) fn next_frame(&self, offset: u64) -> Option<u64> {
        let places = (offset..self.len()).step_by(FRAME_ALIGNMENT).skip(1);
        places.into_iter().find(|place| matches!(self.log().at(*place), FrameAt::Frame(_)))
    }

    /// What stands at `end`, where the frames end.
    pub(crate) fn ending(&self, end: u64) -> Ending {
        let log = self.log();
        let error = match log.at(end) {
            FrameAt::Bad(error) => error,
            FrameAt::CleanEnd | FrameAt::Frame(_) if log.is_zero_from(end) => return Ending::Clean,
            FrameAt::CleanEnd | FrameAt::Frame(_) => {
                DecodeError::invalid("log frame", end, "a frame is not zeros while others follow")
            }
        };
        let position = LogPosition { segment: self.segment(), offset: end };
        match log.claims_synced(end, position) {
            Ok(None) => Ending::Torn(error),
            Ok(Some(claim)) => Ending::Damaged { error, synced: claim.meta.synced, claimed_at: claim.offset },
            Err(error) => Ending::Damaged { error, synced: position, claimed_at: end },
        }
    }

    fn segment(&self) -> SegmentId {
        SegmentId(u32::try_from(self.header.number).unwrap_or(u32::MAX))
    }

    fn log(&self) -> LogBytes<'a> {
        LogBytes::new(self.bytes, 0, self.header.log)
    }
}
