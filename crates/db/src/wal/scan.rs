//! The frames of one segment, front to back, through a window of bounded size.
//!
//! The scanner only says what is there: a good frame, zeros, something bad, or the end. Behind something bad,
//! [`Scan::skip_to_next_frame`] looks for the next good full frame at each multiple of 8; a place that does not carry the
//! segment's log id costs one comparison, so megabytes of garbage are passed quickly, and nothing that a user stored in a
//! value is taken for a frame (the checksum covers the offset). Short frames between the damage and that one are lost: what
//! they leave out stood in what is damaged, and each 4 KiB begins with a full one.
//!
//! Not here: what a bad frame means ([`crate::wal::reader`]).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use esker_env::fs::{FsFile, OpenOptions, SharedFs};
use esker_format::ids::{LogId, SegmentId};
use esker_format::log::frame::decode::{decode_next_frame, stated_frame_len};
use esker_format::log::frame::{Carry, FRAME_ALIGNMENT, FRAME_HEADER_BYTES, FrameAt, FrameMeta};
use esker_format::log::header::{LOG_HEADER_BYTES, LogHeader, LogKind};

use crate::error::{Error, Result};
use crate::wal::segment::FRAMES_START;

/// Bytes read at once, so few that they stay in the cache until they are looked at; a longer frame gets a window of its
/// own length.
const WINDOW_BYTES: usize = 256 << 10;

/// What stands at the scanner's place.
#[derive(Debug)]
pub(crate) enum Scanned<'a> {
    /// A good frame; the scanner stands behind it now.
    Frame { meta: FrameMeta, payload: &'a [u8] },
    /// The end that was given, or of the file.
    End,
    /// Zeros, where a frame should begin.
    Blank,
    /// Anything else.
    Bad,
}

/// The header of a segment file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FoundHeader {
    Good(LogHeader),
    /// Unreadable, with no frame behind it: the segment was never used, or a power loss took its beginning.
    Blank,
    /// Unreadable, with a frame behind it. A crash does not leave that: both begin within one sector.
    Damaged,
}

/// A scanner over one segment.
pub(crate) struct Scan {
    path: PathBuf,
    file: Arc<dyn FsFile>,
    log_id: LogId,
    /// Where the frames end, if that is known; else the file's end.
    end: u64,
    offset: u64,
    /// What the frame before `offset` carries, if one was read there.
    before: Option<Carry>,
    window: Vec<u8>,
    window_offset: u64,
}

/// Reads the header of the segment at `path`, whose name says `id`.
pub(crate) fn read_header(fs: &SharedFs, path: &Path, id: SegmentId) -> Result<FoundHeader> {
    let file = open(fs, path)?;
    let mut bytes = [0; LOG_HEADER_BYTES + FRAME_HEADER_BYTES];
    match file.read_exact_at(&mut bytes, 0) {
        Err(error) if error.kind() != std::io::ErrorKind::UnexpectedEof => {
            return Err(Error::io("read", path, error));
        }
        Ok(()) | Err(_) => {}
    }
    let (header, first_frame) = bytes.split_at(LOG_HEADER_BYTES);
    let is_unused = first_frame.iter().all(|byte| *byte == 0);
    match LogHeader::decode(header) {
        Ok(header) if header.kind == LogKind::Segment && header.number == u64::from(id.0) => {
            Ok(FoundHeader::Good(header))
        }
        Err(error) if error.is_unsupported() => {
            Err(Error::Unsupported { path: path.to_path_buf(), problem: error.to_string() })
        }
        // Without a frame behind it: zeros, or the half of a header whose writing failed.
        Ok(_) | Err(_) if is_unused => Ok(FoundHeader::Blank),
        Ok(_) | Err(_) => Ok(FoundHeader::Damaged),
    }
}

impl Scan {
    /// A scanner over the frames of the segment at `path`, up to `end` if that is known.
    pub(crate) fn open(fs: &SharedFs, path: &Path, log_id: LogId, end: Option<u64>) -> Result<Self> {
        let file = open(fs, path)?;
        let len = file.len().map_err(|error| Error::io("read", path, error))?;
        Ok(Self {
            path: path.to_path_buf(),
            file,
            log_id,
            end: end.unwrap_or(len),
            offset: FRAMES_START,
            before: None,
            window: Vec::new(),
            window_offset: 0,
        })
    }

    /// The file.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The segment is known to go on to `end`, which is not below the end so far.
    pub(crate) fn extend(&mut self, end: u64) {
        self.end = end;
    }

    /// Where the scanner stands.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// What the frame before it carries, if it just read one.
    pub(crate) fn before(&self) -> Option<Carry> {
        self.before
    }

    /// Puts the scanner at `offset`: if that is no place where the segment begins or goes on with a full frame, what
    /// stands there is bad.
    pub(crate) fn go_to(&mut self, offset: u64) {
        self.go_behind(offset, None);
    }

    /// Puts the scanner at `offset`, where a frame ends that carries `before`.
    pub(crate) fn go_behind(&mut self, offset: u64, before: Option<Carry>) {
        self.offset = offset;
        self.before = before;
    }

    /// Looks at what stands here, and goes behind it if it is a good frame.
    pub(crate) fn next(&mut self) -> Result<Scanned<'_>> {
        if self.offset >= self.end {
            return Ok(Scanned::End);
        }
        let (log_id, offset, before) = (self.log_id, self.offset, self.before);
        // Most frames lie in the window, which never reaches past the end. What looks bad may only be cut off there.
        let at = usize::try_from(offset.wrapping_sub(self.window_offset)).unwrap_or(usize::MAX);
        let held = self.window.get(at..).unwrap_or_default();
        if let FrameAt::Frame(frame) = decode_next_frame(held, log_id, offset, before) {
            self.offset = frame.end();
            self.before = Some(frame.carry());
            // As a place, since what follows fills the window again.
            let (meta, from) = (frame.meta, at + frame.header_bytes);
            let payload = from..from + frame.payload.len();
            return Ok(Scanned::Frame { meta, payload: self.window.get(payload).unwrap_or_default() });
        }
        let room = self.end - self.offset;
        let head = self.bytes(FRAME_HEADER_BYTES)?;
        if head.iter().all(|byte| *byte == 0) {
            return Ok(Scanned::Blank);
        }
        // A frame that claims to reach past the end is bad before a byte of it is read.
        let stated = stated_frame_len(head, log_id, before.is_some()).filter(|len| *len <= room);
        let Some(len) = stated.and_then(|len| usize::try_from(len).ok()) else {
            return Ok(Scanned::Bad);
        };
        self.bytes(len)?;
        let from = usize::try_from(offset - self.window_offset).unwrap_or(usize::MAX);
        let held = self.window.get(from..).unwrap_or_default();
        let FrameAt::Frame(frame) = decode_next_frame(held, log_id, offset, before) else {
            return Ok(Scanned::Bad);
        };
        self.offset = frame.end();
        self.before = Some(frame.carry());
        Ok(Scanned::Frame { meta: frame.meta, payload: frame.payload })
    }

    /// From something bad, goes on to the next good full frame; false if there is none, at the end then.
    pub(crate) fn skip_to_next_frame(&mut self) -> Result<bool> {
        loop {
            self.go_to(self.offset.saturating_add(FRAME_ALIGNMENT as u64));
            self.pass_zeros()?;
            if self.offset >= self.end {
                self.offset = self.end;
                return Ok(false);
            }
            let at = self.offset;
            if matches!(self.next()?, Scanned::Frame { .. }) {
                self.go_to(at);
                return Ok(true);
            }
        }
    }

    /// Goes over zeros, at most to the first place where a header that has a byte behind them may begin: most of a
    /// preallocated segment can be zeros.
    fn pass_zeros(&mut self) -> Result<()> {
        loop {
            self.bytes(FRAME_HEADER_BYTES)?;
            let from = usize::try_from(self.offset - self.window_offset).unwrap_or(usize::MAX);
            let held = self.window.get(from..).unwrap_or_default();
            let zeros = zeros_in_front(held);
            let passed = zeros.saturating_sub(FRAME_HEADER_BYTES - 1).next_multiple_of(FRAME_ALIGNMENT);
            self.offset += passed as u64;
            if passed == 0 || zeros < held.len() {
                return Ok(());
            }
        }
    }

    /// The next `len` bytes from here on, fewer at the end.
    fn bytes(&mut self, len: usize) -> Result<&[u8]> {
        let held = self.window_offset + self.window.len() as u64;
        let is_held = self.offset >= self.window_offset && self.offset + len as u64 <= held.min(self.end);
        let reaches_end = held >= self.end && self.offset >= self.window_offset;
        if !is_held && !reaches_end {
            let wanted = (len.max(WINDOW_BYTES) as u64).min(self.end.saturating_sub(self.offset));
            self.fill(usize::try_from(wanted).unwrap_or(usize::MAX))?;
        }
        let from = usize::try_from(self.offset - self.window_offset).unwrap_or(usize::MAX);
        let rest = self.window.get(from..).unwrap_or_default();
        Ok(rest.get(..len).unwrap_or(rest))
    }

    /// Reads a window from here on; it is shorter where the file ends first.
    fn fill(&mut self, len: usize) -> Result<()> {
        // Not cleared first: what is not overwritten is cut off.
        self.window.resize(len, 0);
        self.window_offset = self.offset;
        let mut filled = 0;
        while let Some(rest) = self.window.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let read = self.file.read_at(rest, self.offset + filled as u64);
            match read.map_err(|error| Error::io("read", &self.path, error))? {
                0 => break,
                read => filled += read,
            }
        }
        self.window.truncate(filled);
        Ok(())
    }
}

/// How many zeros `bytes` begin with.
fn zeros_in_front(bytes: &[u8]) -> usize {
    const ZEROS: [u8; 1024] = [0; 1024];
    let (chunks, _) = bytes.as_chunks::<1024>();
    let whole = chunks.iter().take_while(|chunk| **chunk == ZEROS).count() * ZEROS.len();
    whole + bytes.iter().skip(whole).take_while(|byte| **byte == 0).count()
}

fn open(fs: &SharedFs, path: &Path) -> Result<Arc<dyn FsFile>> {
    fs.open(path, &OpenOptions::read_write()).map_err(|error| Error::io("open", path, error))
}

#[cfg(test)]
mod tests;
