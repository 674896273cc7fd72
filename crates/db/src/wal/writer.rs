//! Appending to the log: one frame per commit group, into preallocated segments.
//!
//! The writer belongs to whoever holds the log lock ([`crate::commit`]); it has no lock of its own.
//!
//! * **Append.** The frame is encoded at the end of the buffer, for the place in the file where it will lie. A group
//!   with an `Os` or `Sync` write drains the buffer at once: a copy where the file's pages are ready, a `pwrite` where
//!   not. `Buffered` frames stay until there are 64 KiB or the timer comes; where they can be copied they do not wait.
//! * **Ask for pages** when the log runs ahead of its syncs by 64 KiB (or a sixteenth of a segment): then nobody waits
//!   for the device, and the system call is what a write costs. Who syncs every write never gets there. As much is
//!   asked for as the segment holds, up to 4 MiB: what is made ready counts as written, also if nothing comes to lie there,
//!   and nobody should lose a processor to the making of pages for longer than a millisecond.
//! * **Rotate.** A frame that does not fit the rest of a segment goes to the next one, whose header records where this
//!   one ends. Frames state the position known synced when they were written: the first one after each change, and the first
//!   in each 4 KiB, while those between repeat it in no bytes. So a damaged frame before a recorded
//!   end is told from one that a power loss took: the former lies before a synced position, the latter behind every one
//!   (INV-WAL-5). This is why rotation needs no sync and stalls nobody: a successor that reached the disk before its
//!   predecessor's tail does not make that tail count as corruption.
//! * **Fail.** After a failed write nobody knows what the segment holds behind the last drained frame. The failed group
//!   is taken back; acknowledged `Buffered` frames are kept; the next append opens a fresh segment, *synced* before it
//!   takes a frame, whose beginning ends the broken one at its last good frame, and puts the kept frames there first
//!   (INV-WAL-2). So a full disk fails writes, loses nothing, and needs no reopening.
//!
//! Not here: when to sync ([`crate::wal::sync`]); making and removing segment files ([`crate::wal::segment`]).

use std::sync::Arc;

use esker_format::ids::LogId;
use esker_format::log::frame::decode::decode_next_frame;
use esker_format::log::frame::{
    Carry, FULL_FRAME_EVERY_BYTES, FrameAt, FrameMeta, LogPosition, append_frame, append_next_frame,
    frame_len,
};
use esker_format::log::header::{LogHeader, LogKind, Predecessor};
use esker_mem::seqno::SeqNo;

use crate::error::{Error, Result};
use crate::options::LOG_BUFFER_BYTES;
use crate::wal::segment::{ClosedSegment, FRAMES_START, MAP_AHEAD_MAX_BYTES, Segment, SegmentFolder};
use crate::wal::sync::{LogPoint, LogSync};

/// The writing end of the log.
pub(crate) struct LogWriter {
    folder: Arc<SegmentFolder>,
    sync: Arc<LogSync>,
    /// The segment that takes frames; none after a failed write.
    active: Option<Active>,
    /// What the operating system has.
    drained: LogPoint,
    /// Frames that it does not have yet, encoded for where `drained` stands.
    buffer: Vec<u8>,
    /// Every number below it is in the log or burnt.
    next_seqno: SeqNo,
    /// What the last frame carries, if the segment has one that another may follow.
    before: Option<Carry>,
    /// The same of the last frame that the operating system has.
    drained_before: Option<Carry>,
    /// The buffer and the log id it was encoded for, when the segment broke under it.
    kept: Option<Kept>,
    /// What was known synced at the last look.
    synced: LogPoint,
    wish: bool,
}

struct Active {
    segment: Segment,
    /// Whether the next segment was asked for.
    wished: bool,
    /// Up to where ready pages were asked for; the end where they are of no use.
    asked_to: u64,
}

/// Ready pages are asked for once the log runs so far ahead of its syncs.
const MAP_AHEAD_OF_SYNC_BYTES: u64 = 64 << 10;
/// The least that is asked for at once.
const MAP_AHEAD_BYTES: u64 = 1 << 20;

/// Frames that were acknowledged and not written when their segment broke.
struct Kept {
    frames: Vec<u8>,
    log_id: LogId,
    offset: u64,
    before: Option<Carry>,
}

impl LogWriter {
    /// Starts a log, or goes on with one that ends at `predecessor`, in a fresh segment that is durable when this
    /// returns (INV-RECOVER-3).
    pub(crate) fn create(
        folder: Arc<SegmentFolder>,
        predecessor: Option<LogPosition>,
        next_seqno: SeqNo,
    ) -> Result<Self> {
        let segment = folder.take(0)?;
        // Whoever recovered the predecessor made it durable up to its end.
        let start = begin_durably(&segment, predecessor, next_seqno).inspect_err(|_| {
            // If not now, then at the next open: it holds no frame.
            let _ = folder.discard(&segment);
        })?;
        if predecessor.is_none() {
            folder.begin_anew(segment.id, next_seqno);
        }
        let point = LogPoint { lsn: 0, position: start, next_seqno };
        let sync = Arc::new(LogSync::new(point));
        sync.started_segment(Arc::clone(&segment.file), point);
        folder.set_current(Arc::clone(&segment.file));
        Ok(Self {
            folder,
            sync,
            active: Some(Active::new(segment)),
            drained: point,
            buffer: Vec::with_capacity(LOG_BUFFER_BYTES * 2),
            next_seqno,
            before: None,
            drained_before: None,
            kept: None,
            synced: point,
            wish: false,
        })
    }

    /// The written and the synced end.
    pub(crate) fn sync(&self) -> &Arc<LogSync> {
        &self.sync
    }

    /// The end, the buffer included.
    pub(crate) fn end_lsn(&self) -> u64 {
        self.drained.lsn + self.buffer.len() as u64
    }

    /// Whether the folder was asked for something ([`SegmentFolder::keep_up`]); says so once.
    #[inline]
    pub(crate) fn take_wish(&mut self) -> bool {
        std::mem::take(&mut self.wish)
    }

    /// Appends one frame of `count` operations numbered from `first_seqno`; returns the end of the log behind it.
    ///
    /// After an error the frame is not in the log, and its numbers must not be used again.
    pub(crate) fn append(
        &mut self,
        first_seqno: SeqNo,
        count: u32,
        payload: &[u8],
        write_through: bool,
    ) -> Result<u64> {
        // Of a full frame; a short one leaves the difference to the next.
        let len = frame_len(payload.len() as u64);
        self.make_room(len, first_seqno)?;
        let start = self.drained.position.offset + self.buffer.len() as u64;
        self.look_ahead(start + len);
        let Some(active) = &self.active else { unreachable!("make_room leaves an active segment or fails") };
        let meta = FrameMeta { first_seqno, count, synced: self.synced.position };
        let (log_id, end) = (active.segment.log_id, self.buffer.len());
        append_next_frame(&mut self.buffer, &meta, log_id, start, payload, &mut self.before);
        let earlier_seqno = std::mem::replace(&mut self.next_seqno, first_seqno + u64::from(count));
        let is_due = write_through || self.buffer.len() >= LOG_BUFFER_BYTES || self.is_copied();
        if is_due && let Err(error) = self.write_buffer() {
            // Take the group back, keep what was acknowledged before it.
            self.buffer.truncate(end);
            self.abandon_segment(earlier_seqno);
            return Err(error);
        }
        Ok(self.end_lsn())
    }

    /// Whether draining is a copy.
    #[inline]
    fn is_copied(&self) -> bool {
        let (offset, len) = (self.drained.position.offset, self.buffer.len() as u64);
        self.active.as_ref().is_some_and(|active| active.segment.file.is_ready(offset, len))
    }

    /// Sees how far the log is synced, and asks for what a segment filled up to `end` will need next.
    #[inline]
    fn look_ahead(&mut self, end: u64) {
        if self.sync.synced_lsn() != self.synced.lsn {
            self.synced = self.sync.synced();
        }
        let Some(active) = &mut self.active else { return };
        let capacity = active.segment.capacity_bytes;
        if !active.wished && end > capacity / 4 {
            active.wished = true;
            self.wish = true;
            self.folder.ask_next();
        }
        let ahead = end.clamp(MAP_AHEAD_BYTES, MAP_AHEAD_MAX_BYTES);
        if active.asked_to < capacity && end + ahead / 2 > active.asked_to {
            let unsynced = self.drained.lsn - self.synced.lsn;
            if unsynced >= MAP_AHEAD_OF_SYNC_BYTES.min(capacity / 16) {
                active.asked_to = end + ahead;
                active.segment.file.ask_ready(active.asked_to);
                self.wish = true;
            }
        }
    }

    /// Goes on in the next segment although this one has room.
    pub(crate) fn leave_segment(&mut self) -> Result<()> {
        if self.active.is_some() { self.rotate(0, self.next_seqno) } else { Ok(()) }
    }

    /// Hands everything to the operating system; returns the end of the log.
    pub(crate) fn drain(&mut self) -> Result<LogPoint> {
        if self.kept.is_some() {
            self.make_room(0, self.next_seqno)?;
        }
        if let Err(error) = self.write_buffer() {
            self.abandon_segment(self.next_seqno);
            return Err(error);
        }
        Ok(self.drained)
    }

    /// Writes the buffer behind what is drained.
    fn write_buffer(&mut self) -> Result<()> {
        let Some(active) = &self.active else { return Ok(()) };
        if self.buffer.is_empty() {
            return Ok(());
        }
        active
            .segment
            .file
            .write(&self.buffer, self.drained.position.offset)
            .map_err(|error| Error::io("write", &active.segment.path, error))?;
        let len = self.buffer.len() as u64;
        self.drained.lsn += len;
        self.drained.position.offset += len;
        self.drained.next_seqno = self.next_seqno;
        self.drained_before = self.before;
        self.buffer.clear();
        if self.buffer.capacity() > LOG_BUFFER_BYTES * 16 {
            // One huge batch should not hold its size for ever.
            self.buffer.shrink_to(LOG_BUFFER_BYTES * 2);
        }
        self.sync.wrote(self.drained);
        Ok(())
    }

    /// Sees to an active segment with room for `len` bytes of a frame that begins with `first_seqno`.
    fn make_room(&mut self, len: u64, first_seqno: SeqNo) -> Result<()> {
        if self.active.is_none() {
            self.replace_broken_segment(len)?;
        }
        let used = self.drained.position.offset + self.buffer.len() as u64;
        match &self.active {
            Some(active) if used + len <= active.segment.capacity_bytes => Ok(()),
            _ => self.rotate(len, first_seqno),
        }
    }

    /// Ends the active segment, which is full, and starts the next one.
    #[cold]
    fn rotate(&mut self, len: u64, first_seqno: SeqNo) -> Result<()> {
        self.drain()?;
        let next = self.folder.take(FRAMES_START + len)?;
        let predecessor = Predecessor { end: self.drained.position, next_seqno: first_seqno };
        if let Err(error) = write_at_start(&next, &header(&next, Some(predecessor)).encode()) {
            let _ = self.folder.discard(&next);
            return Err(error);
        }
        let start = LogPosition { segment: next.id, offset: FRAMES_START };
        self.start(next, start, first_seqno);
        Ok(())
    }

    /// After a failed write: a fresh segment that ends the broken one at its last good frame (INV-WAL-2). It takes
    /// the frames that were kept.
    #[cold]
    fn replace_broken_segment(&mut self, len: u64) -> Result<()> {
        let kept_len = self.kept.as_ref().map_or(0, |kept| kept.frames.len() as u64);
        // The fresh segment claims that everything before the end is synced.
        self.sync.sync_to(self.drained.lsn)?;
        // At another place other frames begin a 4 KiB, and are full ones there.
        let fuller = (kept_len / FULL_FRAME_EVERY_BYTES * 2 + 2) * frame_len(0);
        let segment = self.folder.take(FRAMES_START + frame_len(0) + kept_len + fuller + len)?;
        let end = Some(self.drained.position);
        let start = match begin_durably(&segment, end, self.drained.next_seqno) {
            Ok(start) => start,
            Err(error) => {
                let _ = self.folder.discard(&segment);
                return Err(error);
            }
        };
        let log_id = segment.log_id;
        self.start(segment, start, self.drained.next_seqno);
        if let Some(kept) = self.kept.take() {
            self.reframe(&kept, log_id);
        }
        Ok(())
    }

    /// Encodes kept frames anew for where they lie now.
    fn reframe(&mut self, kept: &Kept, log_id: LogId) {
        let mut rest = kept.frames.as_slice();
        let (mut offset, mut before) = (kept.offset, kept.before);
        while let FrameAt::Frame(frame) = decode_next_frame(rest, kept.log_id, offset, before) {
            let place = self.drained.position.offset + self.buffer.len() as u64;
            append_next_frame(&mut self.buffer, &frame.meta, log_id, place, frame.payload, &mut self.before);
            before = Some(frame.carry());
            let len = usize::try_from(frame.end() - offset).unwrap_or(usize::MAX);
            offset = frame.end();
            rest = rest.get(len..).unwrap_or_default();
        }
        assert!(rest.is_empty(), "frames of our own buffer decode");
    }

    /// Gives the active segment up; what is in the buffer is kept for the next one.
    #[cold]
    fn abandon_segment(&mut self, next_seqno: SeqNo) {
        let Some(broken) = self.active.take() else { return };
        self.next_seqno = next_seqno;
        let frames = std::mem::take(&mut self.buffer);
        if !frames.is_empty() {
            let offset = self.drained.position.offset;
            let before = self.drained_before;
            self.kept = Some(Kept { frames, log_id: broken.segment.log_id, offset, before });
        }
        self.close(&broken.segment);
    }

    /// Frames go to `segment` from now on.
    fn start(&mut self, segment: Segment, start: LogPosition, next_seqno: SeqNo) {
        if let Some(full) = self.active.take() {
            self.close(&full.segment);
        }
        self.drained.position = start;
        (self.before, self.drained_before) = (None, None);
        self.drained.next_seqno = self.drained.next_seqno.max(next_seqno);
        self.sync.started_segment(Arc::clone(&segment.file), self.drained);
        self.folder.set_current(Arc::clone(&segment.file));
        self.active = Some(Active::new(segment));
    }

    fn close(&self, segment: &Segment) {
        self.folder.close(ClosedSegment {
            id: segment.id,
            path: segment.path.clone(),
            len_bytes: segment.capacity_bytes,
            end_seqno: self.drained.next_seqno,
        });
    }
}

impl Active {
    fn new(segment: Segment) -> Self {
        // Nobody asks for pages of a file without a map.
        let asked_to =
            if segment.file.is_mapped() { segment.file.asked_to() } else { segment.capacity_bytes };
        Self { segment, wished: false, asked_to }
    }
}

/// Begins a segment that ends its predecessor for good: header and, if there is a predecessor, a frame without
/// operations which claims that it is synced up to its end. Durable when this returns; gives where frames go on.
fn begin_durably(segment: &Segment, end: Option<LogPosition>, next_seqno: SeqNo) -> Result<LogPosition> {
    let mut bytes = header(segment, end.map(|end| Predecessor { end, next_seqno })).encode().to_vec();
    if let Some(synced) = end {
        let claim = FrameMeta { first_seqno: next_seqno, count: 0, synced };
        append_frame(&mut bytes, &claim, segment.log_id, FRAMES_START, &[]);
    }
    write_at_start(segment, &bytes)?;
    let end = bytes.len() as u64;
    segment.file.sync(0..end).map_err(|error| Error::io("sync", &segment.path, error))?;
    Ok(LogPosition { segment: segment.id, offset: end })
}

fn header(segment: &Segment, predecessor: Option<Predecessor>) -> LogHeader {
    LogHeader { kind: LogKind::Segment, number: u64::from(segment.id.0), log: segment.log_id, predecessor }
}

fn write_at_start(segment: &Segment, bytes: &[u8]) -> Result<()> {
    segment.file.write(bytes, 0).map_err(|error| Error::io("write", &segment.path, error))
}

#[cfg(test)]
mod tests;
