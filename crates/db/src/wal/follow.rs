//! Following the log while it is written: its frames in order, from some sequence number on, without end.
//!
//! A follower reads the files, never the writer's memory. In the segment that is being written it goes as far as the writer
//! says that the system has it; in a complete one as far as the next segment's header says. What lies behind is no part
//! of the log: the half of a frame, or one whose append failed and whose numbers are burnt (INV-FEED-5).
//!
//! Segments that it has yet to read are held back from removal ([`SegmentFolder::hold`]), as long as the log does not grow
//! too large by that. If it did, the follower finds that what it wants is gone.
//!
//! Memory: the window of [`Scan`], or one frame if that is larger.
//!
//! Not here: what frames hold ([`crate::changes`]).

use std::sync::Arc;

use esker_format::file_name::{FileKind, FileName};
use esker_format::ids::SegmentId;
use esker_format::log::frame::FrameMeta;
use esker_mem::seqno::SeqNo;

use crate::error::{Error, Result};
use crate::wal::reader::{FoundSegment, FoundSegments, chain};
use crate::wal::scan::{FoundHeader, Scan, Scanned, read_header};
use crate::wal::segment::SegmentFolder;
use crate::wal::sync::LogSync;

/// A position in the log.
pub(crate) struct Follower {
    folder: Arc<SegmentFolder>,
    segment: SegmentId,
    scan: Scan,
}

/// What a follower came to.
pub(crate) enum Followed<'a> {
    /// A frame: the number of its first operation, how many there are, and the operations.
    Frame { meta: FrameMeta, payload: &'a [u8] },
    /// The end, for now.
    CaughtUp,
    /// What comes next was removed.
    Gone,
}

impl Follower {
    /// At the segment that has `since`, or the number would go to; `None` if the log does not reach back so far. The caller
    /// holds the segments from there on.
    pub(crate) fn start(folder: &Arc<SegmentFolder>, since: SeqNo) -> Result<Option<Self>> {
        let found = find(folder)?;
        let (links, _) = chain(&found);
        // A segment that continues nothing is the first one, or the log was begun anew, after damage or a crash that left no frame:
        // then the segment does not say what came before. Who has begun it knows.
        let begins = |id: SegmentId, segment: &FoundSegment| match segment.header()?.predecessor {
            Some(predecessor) => Some(predecessor.next_seqno),
            None => folder.begun_anew(id).or((id == SegmentId(1)).then_some(0)),
        };
        let reached = links.iter().rev().find_map(|link| {
            let segment = found.get(&link.id)?;
            (begins(link.id, segment)? <= since).then_some((link.id, segment))
        });
        let Some((id, segment)) = reached else { return Ok(None) };
        let folder = Arc::clone(folder);
        Ok(open(&folder, id, segment)?.map(|scan| Self { folder, segment: id, scan }))
    }

    /// The next frame; `sync` says how far the log is written.
    pub(crate) fn next(&mut self, sync: &LogSync) -> Result<Followed<'_>> {
        loop {
            let written = sync.written().position;
            let is_current = written.segment == self.segment;
            let successor = if is_current { None } else { self.successor()? };
            let end = match &successor {
                Some((_, _, end)) => *end,
                None if is_current => written.offset,
                None => return Ok(Followed::Gone),
            };
            self.scan.extend(end);
            if self.scan.offset() < end {
                break;
            }
            let Some((id, segment, _)) = successor else { return Ok(Followed::CaughtUp) };
            let Some(scan) = open(&self.folder, id, &segment)? else { return Ok(Followed::Gone) };
            self.scan = scan;
            self.segment = id;
        }
        let (path, offset) = (self.scan.path().to_path_buf(), self.scan.offset());
        match self.scan.next()? {
            Scanned::Frame { meta, payload } => Ok(Followed::Frame { meta, payload }),
            Scanned::End | Scanned::Blank | Scanned::Bad => {
                Err(Error::corruption(&path, offset, "the log has no frame where it was written"))
            }
        }
    }

    /// The segment that goes on where this one ends, and where that is.
    fn successor(&self) -> Result<Option<(SegmentId, FoundSegment, u64)>> {
        let mut found = find(&self.folder)?;
        let (links, _) = chain(&found);
        let end_of = |link: SegmentId| {
            let predecessor = found.get(&link)?.header()?.predecessor?;
            (predecessor.end.segment == self.segment).then_some((link, predecessor.end.offset))
        };
        let next = links.iter().find_map(|link| end_of(link.id));
        Ok(next.and_then(|(id, end)| Some((id, found.remove(&id)?, end))))
    }
}

/// A scanner over a segment; `None` if it was removed meanwhile.
fn open(folder: &SegmentFolder, id: SegmentId, segment: &FoundSegment) -> Result<Option<Scan>> {
    let Some(header) = segment.header() else { return Ok(None) };
    debug_assert_eq!(header.number, u64::from(id.0), "read_header has compared them");
    match Scan::open(folder.fs(), &segment.path, header.log, Some(0)) {
        Ok(scan) => Ok(Some(scan)),
        Err(error) if error.is_missing_file() => Ok(None),
        Err(error) => Err(error),
    }
}

/// The segments that are there; those that go while they are looked at are left out.
fn find(folder: &SegmentFolder) -> Result<FoundSegments> {
    let (fs, directory) = (folder.fs(), folder.directory());
    let entries = fs.read_dir(directory).map_err(|error| Error::io("list", directory, error))?;
    let mut found = FoundSegments::new();
    for entry in entries {
        let Some(FileName::Finished(FileKind::Segment(id))) = FileName::parse_os(&entry.name) else {
            continue;
        };
        let path = directory.join(&entry.name);
        let header = match read_header(fs, &path, id) {
            Ok(header) => header,
            Err(error) if error.is_missing_file() => continue,
            // The next segment, as its header is being written.
            Err(Error::Unsupported { .. }) => FoundHeader::Blank,
            Err(error) => return Err(error),
        };
        found.insert(id, FoundSegment { path, len_bytes: entry.len, header });
    }
    Ok(found)
}
