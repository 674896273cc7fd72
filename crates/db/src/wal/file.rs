//! The file of one segment: written by copying where its pages were made ready, else by a system call.
//!
//! A frame that must reach the operating system costs a `write`, or, through a map of the file ([`MappedLog`]), a copy:
//! a fiftieth. Both see the same bytes, so a segment takes either, frame by frame. A copy into a page that is not there
//! would cost a page fault, which is dearer than a `write`; so the background makes pages ready ahead of the writer
//! ([`LogFile::make_ready`]), and where it has not come yet, the writer writes.
//!
//! **When pages are made ready** is the writer's to ask ([`LogFile::ask_ready`]): when the log runs ahead of its syncs
//! ([`crate::wal::writer`]). Those who sync every write gain nothing from it: their time goes into the device.
//!
//! **Syncing** a mapped file syncs the range that was written and nothing else (INV-WAL-8): the pages made ready ahead
//! count as changed, and a sync of the whole file would write all those zeros. [`SyncMode::Full`] pays for just that.
//!
//! The first page of a file is always written by system calls: its header and the frames behind it share a sector, and
//! recovery concludes from a frame that the header before it was there (INV-WAL-9).
//!
//! Not here: which bytes ([`crate::wal::writer`]), when to sync ([`crate::wal::sync`]).

use std::io;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use esker_env::fs::{FsFile, MappedLog};
use esker_env::sync_mode::SyncMode;

use crate::options::LogMapping;

/// Copies go behind this; as long as any sector, and a page of most machines.
const MAPPED_FROM: u64 = 4096;
/// Pages are made ready so much at a time: whoever else changes this process's mappings waits for one of these.
const STEP_BYTES: u64 = 256 << 10;

/// A segment's file. Thread-safe: one writer, and the background beside it.
#[derive(Debug)]
pub(crate) struct LogFile {
    file: Arc<dyn FsFile>,
    map: Option<Arc<dyn MappedLog>>,
    sync_mode: SyncMode,
    capacity_bytes: u64,
    /// Pages from [`MAPPED_FROM`] to here are ready.
    ready_to: AtomicU64,
    /// Up to where they should be.
    asked_to: AtomicU64,
}

impl LogFile {
    /// The file of a segment, allocated up to `capacity_bytes`. Where it cannot be mapped, it is only written.
    pub(crate) fn new(
        file: Arc<dyn FsFile>,
        capacity_bytes: u64,
        mapping: LogMapping,
        sync_mode: SyncMode,
    ) -> Self {
        let map = match mapping {
            LogMapping::Never => None,
            LogMapping::Auto | LogMapping::Always => file.map_log(capacity_bytes).ok(),
        };
        let (ready_to, asked_to) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { file, map, sync_mode, capacity_bytes, ready_to, asked_to }
    }

    /// Up to where it is allocated.
    pub(crate) fn capacity_bytes(&self) -> u64 {
        self.capacity_bytes
    }

    /// Whether writing into this range is a copy.
    #[inline]
    pub(crate) fn is_ready(&self, offset: u64, len: u64) -> bool {
        offset >= MAPPED_FROM && offset + len <= self.ready_to.load(Ordering::Acquire)
    }

    /// Hands bytes to the operating system.
    #[inline]
    pub(crate) fn write(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        match &self.map {
            Some(map) if self.is_ready(offset, bytes.len() as u64) => map.write_at(bytes, offset),
            _ => self.file.write_all_at(bytes, offset),
        }
    }

    /// Makes what was written to a range durable.
    pub(crate) fn sync(&self, range: Range<u64>) -> io::Result<()> {
        match &self.map {
            Some(map) => map.sync(range)?,
            None => return self.sync_mode.sync(&*self.file),
        }
        match self.sync_mode {
            SyncMode::Normal => Ok(()),
            SyncMode::Full => self.file.sync_all(),
        }
    }

    /// Whether it is worth asking for ready pages.
    #[inline]
    pub(crate) fn is_mapped(&self) -> bool {
        self.map.is_some()
    }

    /// Asks for pages to be ready up to `to`.
    pub(crate) fn ask_ready(&self, to: u64) {
        self.asked_to.fetch_max(to.min(self.capacity_bytes), Ordering::AcqRel);
    }

    /// Up to where pages were asked for.
    pub(crate) fn asked_to(&self) -> u64 {
        self.asked_to.load(Ordering::Acquire)
    }

    /// Whether pages were asked for that are not ready.
    pub(crate) fn wants_pages(&self) -> bool {
        self.asked_to.load(Ordering::Acquire) > self.ready_to.load(Ordering::Acquire)
    }

    /// Makes pages ready as far as asked. Called by one thread at a time. Where it cannot be done, the file is written
    /// by system calls and nobody asks again.
    pub(crate) fn make_ready(&self) {
        let Some(map) = &self.map else { return self.stop_asking() };
        while self.wants_pages() {
            let from = self.ready_to.load(Ordering::Acquire).max(MAPPED_FROM);
            let to = (from + STEP_BYTES).min(self.capacity_bytes);
            if from >= to || map.populate(from..to).is_err() {
                return self.stop_asking();
            }
            self.ready_to.store(to, Ordering::Release);
        }
    }

    fn stop_asking(&self) {
        self.asked_to.store(0, Ordering::Release);
    }
}

#[cfg(test)]
mod tests;
