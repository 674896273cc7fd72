//! Reading the log after a crash: which segments belong to it, where it ends, and whether that end is honest.
//!
//! **The chain.** Each segment's header names its predecessor and where that one ends. From the newest segment with a
//! readable header the chain is followed back to a segment whose predecessor is gone (removed, as nothing needs it) or
//! that has none. A header that names a predecessor which exists but has no readable header, or which is missing while
//! older segments exist, breaks the chain: the log goes on only up to there, and the segments behind the break count as
//! *later* ones. Segments that the chain jumps over were given up by an earlier recovery and are ignored.
//!
//! **The end.** Frames are read in order, each segment up to the end that its successor records. The first bad frame
//! (incomplete, wrong checksum, or absent before a recorded end) ends the log. Whether that is a crash's work is decided
//! by the *claims*: the first frame written after a sync says how far that reached, and so does the first one in each 4 KiB
//! ([`esker_format::log::frame`]). If anything valid behind the bad frame claims a position past it, the frame was once
//! durable, and its loss is corruption (INV-RECOVER-1). Otherwise no `Sync` write was acknowledged behind it: it is a torn
//! tail, and everything after it is dropped (INV-RECOVER-2).
//!
//! What damage does is up to the [`RecoveryMode`].
//!
//! **Reading ahead.** Whoever takes the frames may have read some before ([`Frames::ahead`]), on other threads: a stretch
//! of good frames from the beginning of a segment. The reader takes it as if it had found these frames itself, and goes
//! on behind it. Every end and every bad frame is found and judged here, in order.
//!
//! Memory: a window of 256 KiB, or one frame if that is larger.
//!
//! Not here: what frames hold ([`crate::replay`]); writing ([`crate::wal::writer`]).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use esker_env::fs::SharedFs;
use esker_format::file_name::{FileKind, FileName};
use esker_format::ids::SegmentId;
use esker_format::log::frame::{Carry, FrameMeta, LogPosition};
use esker_format::log::header::LogHeader;
use esker_mem::seqno::SeqNo;

use crate::error::{Error, Result};
use crate::options::RecoveryMode;
use crate::wal::scan::{FoundHeader, Scan, Scanned, read_header};
use crate::wal::segment::{ClosedSegment, FRAMES_START};

/// A segment file and its header.
#[derive(Clone, Debug)]
pub(crate) struct FoundSegment {
    pub(crate) path: PathBuf,
    pub(crate) len_bytes: u64,
    pub(crate) header: FoundHeader,
}

impl FoundSegment {
    /// Its header, if that can be read.
    pub(crate) fn header(&self) -> Option<&LogHeader> {
        match &self.header {
            FoundHeader::Good(header) => Some(header),
            FoundHeader::Blank | FoundHeader::Damaged => None,
        }
    }
}

/// The segment files of a database, by id.
pub(crate) type FoundSegments = BTreeMap<SegmentId, FoundSegment>;

/// A segment of the chain and where it ends, if that is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) id: SegmentId,
    pub(crate) end: Option<u64>,
}

/// The log as it was found.
#[derive(Debug)]
pub(crate) struct LogEnd {
    /// Where the next segment's header says that the log ends; none if there is no log.
    pub(crate) position: Option<LogPosition>,
    /// Every operation read has a smaller number.
    pub(crate) next_seqno: SeqNo,
    /// The segments that were read, oldest first.
    pub(crate) kept: Vec<ClosedSegment>,
    /// Files that are no part of the log any more.
    pub(crate) dropped: Vec<PathBuf>,
    /// Above every segment file.
    pub(crate) next_id: SegmentId,
    /// Whether damage was passed over: the old segments must not be read again.
    pub(crate) damaged: bool,
}

/// Takes the frames of a log.
pub(crate) trait Frames {
    /// Takes a stretch of frames from the beginning of a segment at once, if it was read ahead and its operations are
    /// numbered from `next_seqno` or above. Gives where in the segment it ends, and what its last frame carries.
    /// `rest` are the segments behind this one.
    fn ahead(&mut self, link: Link, rest: &[Link], next_seqno: SeqNo) -> Result<Option<(u64, Carry)>>;

    /// Takes one frame: the segment's path, what the frame says, and its operations.
    fn frame(&mut self, path: &Path, meta: &FrameMeta, payload: &[u8]) -> Result<()>;
}

/// Finds the segments in `directory`.
pub(crate) fn find_segments(fs: &SharedFs, directory: &Path) -> Result<FoundSegments> {
    let mut found = FoundSegments::new();
    let entries = fs.read_dir(directory).map_err(|error| Error::io("list", directory, error))?;
    for entry in entries {
        if let Some(FileName::Finished(FileKind::Segment(id))) = FileName::parse_os(&entry.name) {
            let path = directory.join(&entry.name);
            let header = read_header(fs, &path, id)?;
            found.insert(id, FoundSegment { path, len_bytes: entry.len, header });
        }
    }
    Ok(found)
}

/// The chain that counts, oldest first, and the segments behind a break in it.
pub(crate) fn chain(found: &FoundSegments) -> (Vec<Link>, Vec<SegmentId>) {
    let mut later = Vec::new();
    let mut below = None;
    loop {
        let newest = found
            .range(..below.unwrap_or(SegmentId(u32::MAX)))
            .rev()
            .find_map(|(id, segment)| segment.header().map(|header| (*id, header)));
        let Some((mut id, mut header)) = newest else { return (Vec::new(), later) };
        let mut links = vec![Link { id, end: None }];
        while let Some(predecessor) = header.predecessor.map(|predecessor| predecessor.end) {
            match found.get(&predecessor.segment).map(FoundSegment::header) {
                Some(Some(earlier)) if predecessor.segment < id => {
                    links.push(Link { id: predecessor.segment, end: Some(predecessor.offset) });
                    (id, header) = (predecessor.segment, earlier);
                }
                // Removed, and so was everything older: the log begins here.
                None if is_oldest(found, predecessor.segment) => break,
                _ => {
                    later.extend(links.drain(..).map(|link| link.id));
                    break;
                }
            }
        }
        if !links.is_empty() {
            links.reverse();
            later.sort_unstable();
            return (links, later);
        }
        below = Some(id);
    }
}

/// Whether no segment that was ever used is older.
fn is_oldest(found: &FoundSegments, id: SegmentId) -> bool {
    found.range(..id).all(|(_, segment)| segment.header().is_none())
}

/// Reads the log and gives each frame to `frames`, in order.
pub(crate) fn read_log(
    fs: &SharedFs,
    found: &FoundSegments,
    mode: RecoveryMode,
    frames: &mut dyn Frames,
) -> Result<LogEnd> {
    let (links, later) = chain(found);
    check_headers(found, &links, mode)?;
    let mut reading = Reading { fs, found, mode, frames, later, next_seqno: 0, damaged: false };
    let mut kept: Vec<ClosedSegment> = Vec::new();
    let mut position = None;
    for (index, link) in links.iter().enumerate() {
        let Some(segment) = found.get(&link.id) else { continue };
        let (end, is_torn) = reading.segment(segment, *link, links.get(index + 1..).unwrap_or_default())?;
        position = Some(LogPosition { segment: link.id, offset: end });
        kept.push(ClosedSegment {
            id: link.id,
            path: segment.path.clone(),
            len_bytes: segment.len_bytes,
            end_seqno: reading.next_seqno,
        });
        if is_torn {
            break;
        }
    }
    reading.check_beginning(&links)?;
    let dropped = found
        .iter()
        .filter(|(id, _)| kept.iter().all(|segment| segment.id != **id))
        .map(|(_, segment)| segment.path.clone())
        .collect();
    let next_id = found.last_key_value().map_or(SegmentId(1), |(id, _)| id.next());
    Ok(LogEnd { position, next_seqno: reading.next_seqno, kept, dropped, next_id, damaged: reading.damaged })
}

/// A header is written within one sector, so a crash leaves it whole or blank: anything else is corruption, unless the
/// chain jumps over the segment (INV-RECOVER-1).
fn check_headers(found: &FoundSegments, links: &[Link], mode: RecoveryMode) -> Result<()> {
    if matches!(mode, RecoveryMode::PointInTime | RecoveryMode::SkipCorrupted) {
        return Ok(());
    }
    let damaged = found.iter().filter(|(_, segment)| segment.header == FoundHeader::Damaged);
    for (id, segment) in damaged {
        let is_jumped_over = links.iter().any(|link| link.id < *id) && links.iter().any(|link| link.id > *id);
        if !is_jumped_over {
            return Err(Error::corruption(&segment.path, 0, "the header of this log segment is damaged"));
        }
    }
    Ok(())
}

struct Reading<'a> {
    fs: &'a SharedFs,
    found: &'a FoundSegments,
    mode: RecoveryMode,
    frames: &'a mut dyn Frames,
    /// Segments behind a break in the chain.
    later: Vec<SegmentId>,
    next_seqno: SeqNo,
    damaged: bool,
}

impl Reading<'_> {
    /// Reads one segment; gives where its good frames end, and whether the log ends there too.
    fn segment(&mut self, segment: &FoundSegment, link: Link, rest: &[Link]) -> Result<(u64, bool)> {
        let Some(log_id) = segment.header().map(|header| header.log) else { return Ok((FRAMES_START, true)) };
        let mut scan = Scan::open(self.fs, &segment.path, log_id, link.end)?;
        if let Some((end, carry)) = self.frames.ahead(link, rest, self.next_seqno)? {
            scan.go_behind(end, Some(carry));
            self.next_seqno = carry.next_seqno();
        }
        loop {
            let at = scan.offset();
            match scan.next()? {
                Scanned::Frame { meta, payload } if meta.first_seqno >= self.next_seqno => {
                    // A frame without operations only carries a claim.
                    if meta.count > 0 {
                        self.frames.frame(&segment.path, &meta, payload)?;
                    }
                    self.next_seqno = meta.first_seqno.saturating_add(u64::from(meta.count));
                }
                Scanned::End if link.end.is_some() => return Ok((at, false)),
                // In the last segment of the chain, nothing was being written where frames end in zeros.
                Scanned::End | Scanned::Blank
                    if link.end.is_none() && !self.is_claimed(at, link, rest)? =>
                {
                    return Ok((at, true));
                }
                Scanned::End | Scanned::Blank | Scanned::Bad | Scanned::Frame { .. } => {
                    if self.judge(&segment.path, at, link, rest)? {
                        return Ok((at, true));
                    }
                    if !scan.skip_to_next_frame()? {
                        return Ok((scan.offset(), false));
                    }
                }
            }
        }
    }

    /// What a bad frame at `at` means: true ends the log there, false passes over it, an error fails the open.
    fn judge(&mut self, path: &Path, at: u64, link: Link, rest: &[Link]) -> Result<bool> {
        let claimed = self.is_claimed(at, link, rest)?;
        match self.mode {
            RecoveryMode::TolerateTornTail if !claimed => Ok(true),
            RecoveryMode::TolerateTornTail => Err(Error::corruption(
                path,
                at,
                "this frame of the log was durable and is damaged; restore the file from a backup, or open with \
                 RecoveryMode::PointInTime (keeps what is before it) or SkipCorrupted (keeps what can be read)",
            )),
            RecoveryMode::AbsoluteConsistency => Err(Error::corruption(
                path,
                at,
                "the log ends in an incomplete frame, as a crash leaves it; RecoveryMode::TolerateTornTail accepts that",
            )),
            RecoveryMode::PointInTime => {
                self.damaged |= claimed;
                Ok(true)
            }
            RecoveryMode::SkipCorrupted => {
                self.damaged = true;
                Ok(false)
            }
        }
    }

    /// Whether anything valid behind `at` claims that the log was synced past it.
    fn is_claimed(&self, at: u64, link: Link, rest: &[Link]) -> Result<bool> {
        let doubtful = LogPosition { segment: link.id, offset: at };
        let behind = rest.iter().map(|link| link.id).chain(self.later.iter().copied());
        for id in behind.filter(|id| *id > link.id) {
            if let Some(segment) = self.found.get(&id)
                && self.claims(segment, FRAMES_START, None, doubtful)?
            {
                return Ok(true);
            }
        }
        match self.found.get(&link.id) {
            Some(segment) => self.claims(segment, at, link.end, doubtful),
            None => Ok(false),
        }
    }

    /// Whether a frame of `segment` from `from` on claims that the log was synced past `doubtful`.
    fn claims(
        &self,
        segment: &FoundSegment,
        from: u64,
        end: Option<u64>,
        doubtful: LogPosition,
    ) -> Result<bool> {
        let Some(header) = segment.header() else { return Ok(false) };
        let mut scan = Scan::open(self.fs, &segment.path, header.log, end)?;
        scan.go_to(from);
        loop {
            match scan.next()? {
                Scanned::Frame { meta, .. } if meta.synced > doubtful => return Ok(true),
                Scanned::Frame { .. } => {}
                Scanned::End => return Ok(false),
                Scanned::Blank | Scanned::Bad => {
                    if !scan.skip_to_next_frame()? {
                        return Ok(false);
                    }
                }
            }
        }
    }

    /// A break in the chain with nothing before it is judged like a bad frame at its place.
    fn check_beginning(&mut self, links: &[Link]) -> Result<()> {
        if !links.is_empty() {
            return Ok(());
        }
        let first = self.later.first().copied();
        let Some(segment) = first.and_then(|id| self.found.get(&id)) else { return Ok(()) };
        let predecessor = segment.header().and_then(|header| header.predecessor);
        let Some(predecessor) = predecessor else { return Ok(()) };
        let (path, id) = (segment.path.clone(), predecessor.end.segment);
        self.judge(&path, FRAMES_START, Link { id, end: None }, &[]).map(|_| ())
    }
}

#[cfg(test)]
mod tests;
