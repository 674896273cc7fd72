//! What the tests of the log share: a log on a disk with faults, opened as a database opens it.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use esker_env::fs::{Fs, SharedFs};
use esker_env::random::SeededRandom;
use esker_env::sync_mode::SyncMode;
use esker_format::log::frame::{Carry, FrameMeta};
use esker_mem::seqno::SeqNo;
use esker_testkit::fault_fs::FaultFs;

use crate::error::Result;
use crate::options::{LogMapping, RecoveryMode};
use crate::wal::reader::{Frames, Link, LogEnd, chain, find_segments, read_log};
use crate::wal::secure::secure;
use crate::wal::segment::SegmentFolder;
use crate::wal::writer::LogWriter;

pub(crate) const SEGMENT_BYTES: u64 = 4096;

/// What was read from a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) seqno: SeqNo,
    pub(crate) payload: Vec<u8>,
}

/// An open log.
pub(crate) struct TestLog {
    pub(crate) fs: FaultFs,
    pub(crate) folder: Arc<SegmentFolder>,
    pub(crate) writer: LogWriter,
    pub(crate) found: Vec<Entry>,
    pub(crate) next_seqno: SeqNo,
}

pub(crate) fn directory() -> PathBuf {
    PathBuf::from("/db")
}

/// A disk with the log's directory on it.
pub(crate) fn new_disk() -> FaultFs {
    let fs = FaultFs::new();
    assert!(fs.create_dir_all(&directory()).is_ok());
    fs.settle();
    fs
}

/// Reads the log without changing anything.
pub(crate) fn read(fs: &FaultFs, mode: RecoveryMode) -> Result<(Vec<Entry>, LogEnd)> {
    let shared: SharedFs = Arc::new(fs.clone());
    let found = find_segments(&shared, &directory())?;
    let mut collected = Collected(Vec::new());
    let end = read_log(&shared, &found, mode, &mut collected)?;
    Ok((collected.0, end))
}

/// Takes frames one by one.
struct Collected(Vec<Entry>);

impl Frames for Collected {
    fn ahead(&mut self, _: Link, _: &[Link], _: SeqNo) -> Result<Option<(u64, Carry)>> {
        Ok(None)
    }

    fn frame(&mut self, _: &Path, meta: &FrameMeta, payload: &[u8]) -> Result<()> {
        self.0.push(Entry { seqno: meta.first_seqno, payload: payload.to_vec() });
        Ok(())
    }
}

/// Opens the log as a database does: read, start the next segment, remove what no longer counts.
pub(crate) fn open(fs: &FaultFs, mode: RecoveryMode) -> Result<TestLog> {
    open_with(fs, mode, SEGMENT_BYTES, LogMapping::Auto)
}

/// As [`open`], with other segments.
pub(crate) fn open_with(
    fs: &FaultFs,
    mode: RecoveryMode,
    segment_bytes: u64,
    mapping: LogMapping,
) -> Result<TestLog> {
    let shared: SharedFs = Arc::new(fs.clone());
    let segments = find_segments(&shared, &directory())?;
    secure(&shared, &segments, &chain(&segments).0, SyncMode::Normal)?;
    let (found, end) = read(fs, mode)?;
    let folder = Arc::new(SegmentFolder::new(
        shared,
        directory(),
        Arc::new(SeededRandom::new(u64::from(end.next_id.0))),
        segment_bytes,
        mapping,
        end.next_id,
        end.kept,
    ));
    let next_seqno = end.next_seqno.max(1);
    let writer = LogWriter::create(Arc::clone(&folder), end.position, next_seqno)?;
    for path in end.dropped {
        let _ = fs.remove_file(&path);
    }
    let _ = fs.sync_dir(&directory());
    Ok(TestLog { fs: fs.clone(), folder, writer, found, next_seqno })
}

impl TestLog {
    /// A log on a fresh disk.
    pub(crate) fn fresh() -> Self {
        open(&new_disk(), RecoveryMode::default()).expect("a fresh log opens")
    }

    /// A log on a fresh disk whose segments hold 64 KiB.
    pub(crate) fn mapped(mapping: LogMapping) -> Self {
        open_with(&new_disk(), RecoveryMode::default(), 64 << 10, mapping).expect("a fresh log opens")
    }

    /// Appends one operation's worth of payload.
    pub(crate) fn append(&mut self, payload: &[u8], write_through: bool) -> Result<u64> {
        let seqno = self.next_seqno;
        self.next_seqno += 1;
        self.writer.append(seqno, 1, payload, write_through)
    }

    /// Appends and makes durable.
    pub(crate) fn append_sync(&mut self, payload: &[u8]) -> Result<()> {
        let lsn = self.append(payload, true)?;
        self.writer.sync().sync_to(lsn)
    }
}

/// The payloads of entries.
pub(crate) fn payloads(entries: &[Entry]) -> Vec<&[u8]> {
    entries.iter().map(|entry| entry.payload.as_slice()).collect()
}
