//! The folder of log segments: making them ahead of need, and removing them when nothing needs them.
//!
//! A segment is made whole before it is used: created, allocated over its full length (so that a full disk shows here
//! and not in the middle of a frame), synced, and its name synced with it (INV-WAL-1). What is left for the moment of
//! rotation is one small write, the header, which belongs to [`crate::wal::writer`]. The background prepares one
//! segment ahead ([`SegmentFolder::keep_up`]); where it comes late, rotation makes its own.
//!
//! The first segment is small and each next one four times as large, up to the size that was asked for: so a small database
//! has a small log, and a busy one rotates seldom. When nothing in the log is needed any more and nobody writes, it begins
//! anew with a small one ([`SegmentFolder::begin_small`]).
//!
//! Files are removed, not recycled. A recycled file spares the device nothing for frames of some hundred bytes, as blocks
//! are turned from allocated to written once a page and not once a frame; `docs/PERFORMANCE.md` has the figures.
//!
//! Segments are removed oldest first, each removal made durable before the next (INV-WAL-6): so after a crash the
//! remaining ones never have a gap that removal made.
//!
//! Whoever follows the log ([`crate::wal::follow`]) holds segments back from removal ([`SegmentFolder::hold`]), up to a number of
//! bytes.
//!
//! Not here: what is in a segment ([`esker_format::log`]).

use std::collections::{BTreeMap, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use esker_env::fs::{OpenOptions, SharedFs};
use esker_env::random::Random;
use esker_env::sync_mode::SyncMode;
use esker_format::file_name::FileKind;
use esker_format::ids::{LogId, SegmentId};
use esker_format::log::header::LOG_HEADER_BYTES;
use esker_mem::seqno::SeqNo;

use crate::error::{Error, Result};
use crate::options::LogMapping;
use crate::wal::file::LogFile;

/// Where the frames of a segment begin.
pub(crate) const FRAMES_START: u64 = LOG_HEADER_BYTES as u64;

/// The size of the first segment, unless a smaller one was asked for.
pub(crate) const FIRST_BYTES: u64 = 1 << 20;

/// How much larger each next segment is. A busy writer fills the small ones within milliseconds: few of them.
const GROWTH: u64 = 4;

/// The most that the writer has made ready at once.
pub(crate) const MAP_AHEAD_MAX_BYTES: u64 = 4 << 20;

/// A segment file, allocated and durable. Its header is not written yet.
#[derive(Clone, Debug)]
pub(crate) struct Segment {
    pub(crate) id: SegmentId,
    pub(crate) log_id: LogId,
    pub(crate) path: PathBuf,
    pub(crate) file: Arc<LogFile>,
    pub(crate) capacity_bytes: u64,
}

/// A segment that is no longer written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ClosedSegment {
    pub(crate) id: SegmentId,
    pub(crate) path: PathBuf,
    pub(crate) len_bytes: u64,
    /// Every operation in it has a smaller sequence number.
    pub(crate) end_seqno: SeqNo,
}

/// The folder of segments. Thread-safe; the order of its locks is removing → closed, and `ready`,
/// `anew`, `current` and `held` are leaves.
pub(crate) struct SegmentFolder {
    fs: SharedFs,
    directory: PathBuf,
    random: Arc<dyn Random>,
    /// The largest size, single frames excepted.
    segment_bytes: u64,
    /// The size of the next segment.
    next_bytes: AtomicU64,
    mapping: LogMapping,
    sync_mode: SyncMode,
    next_id: AtomicU32,
    ready: Mutex<Option<Segment>>,
    /// The segment that continues nothing, if one was made, and the first number that may be in it.
    anew: Mutex<Option<(SegmentId, SeqNo)>>,
    /// The file being written.
    current: Mutex<Option<Arc<LogFile>>>,
    /// Whether the writer asked for the next segment.
    wants_next: AtomicBool,
    closed: Mutex<VecDeque<ClosedSegment>>,
    closed_bytes: AtomicU64,
    /// One remover at a time, and none while the files are held: how many hold them.
    removing: Mutex<usize>,
    /// What followers have yet to read: from which number on, and how many of them.
    held: Mutex<BTreeMap<SeqNo, usize>>,
    /// Up to how many bytes of closed segments that counts.
    held_max_bytes: u64,
}

/// Keeps the segments with numbers from its place on, for as long as it lives and the log is not too large.
pub(crate) struct LogHold {
    folder: Arc<SegmentFolder>,
    from: SeqNo,
}

impl LogHold {
    /// Lets go of what is below `to`; does nothing, and says so, if it has already.
    pub(crate) fn advance(&mut self, to: SeqNo) -> bool {
        if to <= self.from {
            return false;
        }
        self.folder.add_hold(to);
        self.folder.drop_hold(self.from);
        self.from = to;
        true
    }
}

impl Drop for LogHold {
    fn drop(&mut self) {
        self.folder.drop_hold(self.from);
    }
}

impl SegmentFolder {
    /// The folder at `directory`, which exists; `next_id` is above every segment file in it.
    pub(crate) fn new(
        fs: SharedFs,
        directory: PathBuf,
        random: Arc<dyn Random>,
        segment_bytes: u64,
        mapping: LogMapping,
        next_id: SegmentId,
        closed: Vec<ClosedSegment>,
    ) -> Self {
        let closed_bytes = closed.iter().map(|segment| segment.len_bytes).sum();
        Self {
            fs,
            directory,
            random,
            segment_bytes,
            next_bytes: AtomicU64::new(FIRST_BYTES.min(segment_bytes)),
            mapping,
            sync_mode: SyncMode::Normal,
            next_id: AtomicU32::new(next_id.0),
            ready: Mutex::new(None),
            anew: Mutex::new(None),
            current: Mutex::new(None),
            wants_next: AtomicBool::new(false),
            closed: Mutex::new(closed.into()),
            closed_bytes: AtomicU64::new(closed_bytes),
            removing: Mutex::new(0),
            held: Mutex::new(BTreeMap::new()),
            held_max_bytes: u64::MAX,
        }
    }

    /// The same, with as many bytes of closed segments as may be kept for followers.
    pub(crate) fn holding_at_most(self, held_max_bytes: u64) -> Self {
        Self { held_max_bytes, ..self }
    }

    /// The same, with syncs that go as far as `sync_mode` says.
    pub(crate) fn syncing(self, sync_mode: SyncMode) -> Self {
        Self { sync_mode, ..self }
    }

    pub(crate) fn fs(&self) -> &SharedFs {
        &self.fs
    }

    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// Keeps the segments with numbers from `from` on.
    pub(crate) fn hold(self: &Arc<Self>, from: SeqNo) -> LogHold {
        self.add_hold(from);
        LogHold { folder: Arc::clone(self), from }
    }

    fn add_hold(&self, from: SeqNo) {
        *self.held().entry(from).or_insert(0) += 1;
    }

    fn drop_hold(&self, from: SeqNo) {
        let mut held = self.held();
        if let Some(count) = held.get_mut(&from) {
            *count -= 1;
            if *count == 0 {
                held.remove(&from);
            }
        }
    }

    /// Whether a follower has yet to read a segment with this end.
    fn is_held(&self, end_seqno: SeqNo) -> bool {
        let lowest = self.held().keys().next().copied();
        lowest.is_some_and(|lowest| end_seqno > lowest) && self.closed_bytes() <= self.held_max_bytes
    }

    /// How many bytes are kept for followers.
    pub(crate) fn held_max_bytes(&self) -> u64 {
        self.held_max_bytes
    }

    /// Whether a follower has yet to come to the operation with this number, and the log is kept for it.
    pub(crate) fn is_awaited(&self, seqno: SeqNo) -> bool {
        self.is_held(seqno.saturating_add(1))
    }

    fn held(&self) -> MutexGuard<'_, BTreeMap<SeqNo, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that the log begins anew with `segment`: every smaller number than `next_seqno` is elsewhere, or never was.
    pub(crate) fn begin_anew(&self, segment: SegmentId, next_seqno: SeqNo) {
        // Numbers begin with 1.
        let first = if next_seqno <= 1 { 0 } else { next_seqno };
        *self.anew.lock().unwrap_or_else(PoisonError::into_inner) = Some((segment, first));
    }

    /// The first number that may be in `segment`, if the log was begun anew with it since the database was opened.
    pub(crate) fn begun_anew(&self, segment: SegmentId) -> Option<SeqNo> {
        let anew = *self.anew.lock().unwrap_or_else(PoisonError::into_inner);
        anew.filter(|(id, _)| *id == segment).map(|(_, first)| first)
    }

    /// Notes that `file` is being written now.
    pub(crate) fn set_current(&self, file: Arc<LogFile>) {
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(file);
    }

    /// Asks for the next segment to be prepared.
    pub(crate) fn ask_next(&self) {
        self.wants_next.store(true, Ordering::Release);
    }

    /// Whether there is something to [`Self::keep_up`] with.
    pub(crate) fn wants_upkeep(&self) -> bool {
        self.wants_next.load(Ordering::Acquire) || self.current().is_some_and(|file| file.wants_pages())
    }

    /// Does what the writer asked for, on a thread that may wait for the device; called by one at a time.
    pub(crate) fn keep_up(&self) -> Result<()> {
        let current = self.current();
        if let Some(current) = &current {
            current.make_ready();
        }
        if self.wants_next.swap(false, Ordering::AcqRel) {
            self.prepare()?;
            // A log that is copied into now will be so in the next segment. The rest comes when it is asked for: a
            // segment's worth at once keeps a processor from the writers for some ten milliseconds.
            let next = self.ready().as_ref().map(|segment| Arc::clone(&segment.file));
            if let Some(next) = next.filter(|_| current.is_some_and(|current| current.asked_to() > 0)) {
                next.ask_ready(MAP_AHEAD_MAX_BYTES);
                next.make_ready();
            }
        }
        Ok(())
    }

    /// Makes the next segment ahead of need, unless one is ready.
    pub(crate) fn prepare(&self) -> Result<()> {
        if self.ready().is_some() {
            return Ok(());
        }
        let segment = self.create(self.next_bytes.load(Ordering::Relaxed))?;
        let surplus = {
            let mut ready = self.ready();
            // Rotation may have overtaken this one and used a higher id: ids in the log only rise.
            let is_next = segment.id.0.checked_add(1) == Some(self.next_id.load(Ordering::Acquire));
            if is_next && ready.is_none() { ready.replace(segment) } else { Some(segment) }
        };
        surplus.map_or(Ok(()), |surplus| self.discard(&surplus))
    }

    /// A segment with room for at least `min_bytes`: the prepared one if it will do.
    pub(crate) fn take(&self, min_bytes: u64) -> Result<Segment> {
        // Held throughout, so that a segment prepared meanwhile sees that its id was overtaken.
        let mut ready = self.ready();
        let next_bytes = self.next_bytes.load(Ordering::Relaxed);
        let segment = match ready.take() {
            Some(segment) if segment.capacity_bytes >= min_bytes => segment,
            Some(segment) => {
                self.discard(&segment)?;
                self.create(min_bytes)?
            }
            None => self.create(min_bytes.max(next_bytes))?,
        };
        self.next_bytes.store((next_bytes * GROWTH).min(self.segment_bytes), Ordering::Relaxed);
        Ok(segment)
    }

    /// Whether the segment being written is larger than the first one of a log.
    pub(crate) fn has_grown(&self) -> bool {
        self.current().is_some_and(|file| file.capacity_bytes() > FIRST_BYTES)
    }

    /// Makes a small segment the next one, in place of a larger one that was prepared.
    pub(crate) fn begin_small(&self) -> Result<()> {
        let prepared = {
            let mut ready = self.ready();
            self.next_bytes.store(FIRST_BYTES.min(self.segment_bytes), Ordering::Relaxed);
            ready.take()
        };
        prepared.map_or(Ok(()), |segment| self.discard(&segment))?;
        self.prepare()
    }

    /// Removes a segment that was never used.
    pub(crate) fn discard(&self, segment: &Segment) -> Result<()> {
        self.remove_file(&segment.path)
    }

    /// Notes that a segment is complete.
    pub(crate) fn close(&self, segment: ClosedSegment) {
        self.closed_bytes.fetch_add(segment.len_bytes, Ordering::Relaxed);
        self.closed().push_back(segment);
    }

    /// Bytes in closed segments.
    pub(crate) fn closed_bytes(&self) -> u64 {
        self.closed_bytes.load(Ordering::Relaxed)
    }

    /// How many closed segments there are.
    pub(crate) fn closed_count(&self) -> usize {
        self.closed().len()
    }

    /// Removes the closed segments whose every operation is below `floor` (INV-WAL-6), but for those that followers hold.
    pub(crate) fn retire(&self, floor: SeqNo) -> Result<()> {
        let holders = self.removing.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if *holders > 0 {
                return Ok(());
            }
            let oldest = self.closed().front().cloned();
            let is_free = |end_seqno| end_seqno <= floor && !self.is_held(end_seqno);
            let Some(oldest) = oldest.filter(|oldest| is_free(oldest.end_seqno)) else { return Ok(()) };
            self.remove_file(&oldest.path)?;
            self.closed().pop_front();
            self.closed_bytes.fetch_sub(oldest.len_bytes, Ordering::Relaxed);
        }
    }

    /// Keeps all closed segments as long as the guard lives, however large the log. What could have been removed meanwhile is for the next
    /// [`Self::retire`].
    pub(crate) fn pin(&self) -> PinnedSegments<'_> {
        *self.removing.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        PinnedSegments { folder: self }
    }

    /// The closed segments, oldest first: id, file, and its length.
    pub(crate) fn closed_files(&self) -> Vec<(SegmentId, PathBuf, u64)> {
        self.closed().iter().map(|segment| (segment.id, segment.path.clone(), segment.len_bytes)).collect()
    }

    /// The file of a segment.
    pub(crate) fn path_of(&self, id: SegmentId) -> PathBuf {
        self.directory.join(FileKind::Segment(id).name())
    }

    /// Removes the segment that was prepared and not needed.
    pub(crate) fn discard_prepared(&self) -> Result<()> {
        let prepared = self.ready().take();
        prepared.map_or(Ok(()), |segment| self.discard(&segment))
    }

    fn create(&self, capacity_bytes: u64) -> Result<Segment> {
        let id = SegmentId(self.next_id.fetch_add(1, Ordering::AcqRel));
        let path = self.path_of(id);
        let file = self
            .fs
            .open(&path, &OpenOptions::create_new())
            .map_err(|error| Error::io("create", &path, error))?;
        let allocated = file
            .preallocate(0, capacity_bytes)
            .map_err(|error| Error::io("allocate", &path, error))
            .and_then(|()| file.sync_all().map_err(|error| Error::io("sync", &path, error)))
            .and_then(|()| self.sync_directory());
        if let Err(error) = allocated {
            // Best effort: an unused segment is removed at the next open as well.
            let _ = self.fs.remove_file(&path);
            return Err(error);
        }
        let file = Arc::new(LogFile::new(file, capacity_bytes, self.mapping, self.sync_mode));
        if self.mapping == LogMapping::Always {
            file.ask_ready(u64::MAX);
            file.make_ready();
        }
        Ok(Segment { id, log_id: LogId(self.random.next_u64()), path, file, capacity_bytes })
    }

    fn remove_file(&self, path: &Path) -> Result<()> {
        match self.fs.remove_file(path) {
            Ok(()) => self.sync_directory(),
            // A removal whose directory sync failed is tried again.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => self.sync_directory(),
            Err(error) => Err(Error::io("remove", path, error)),
        }
    }

    fn sync_directory(&self) -> Result<()> {
        self.fs.sync_dir(&self.directory).map_err(|error| Error::io("sync", &self.directory, error))
    }

    fn ready(&self) -> MutexGuard<'_, Option<Segment>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn current(&self) -> Option<Arc<LogFile>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn closed(&self) -> MutexGuard<'_, VecDeque<ClosedSegment>> {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Closed segments stay as long as it lives.
pub(crate) struct PinnedSegments<'a> {
    folder: &'a SegmentFolder,
}

impl Drop for PinnedSegments<'_> {
    fn drop(&mut self) {
        *self.folder.removing.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
    }
}

#[cfg(test)]
mod tests;
