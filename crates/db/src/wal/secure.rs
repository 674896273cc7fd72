//! Making durable what a recovery is about to rely on, whatever happened to earlier syncs.
//!
//! After a failed sync the operating system may hold pages that it will never write and reports no more errors for: the
//! log *reads* complete, a further sync succeeds, and the next power loss takes it all the same. A recovery cannot know
//! whether a process before it met such a failure. So everything behind the last position that the log itself claims as
//! synced is written again, byte for byte, and then synced (INV-RECOVER-3). That is what was appended in the last
//! moments before the crash, not the whole log.
//!
//! This waits for the device for most of its time, so it runs beside the reading ([`Securing`]): the bytes that it writes
//! are the ones that stand there, so a reader sees the same before, during and after. Whoever relies on the log being
//! durable waits for it: a flush, and the opening itself.
//!
//! Not here: reading ([`crate::wal::reader`]).

use std::sync::{Arc, Mutex, PoisonError};

use esker_env::fs::{OpenOptions, SharedFs};
use esker_env::spawn::{JoinHandle, Spawn};
use esker_format::log::frame::LogPosition;

use crate::error::{Error, Result};
use crate::wal::reader::{FoundSegment, FoundSegments, Link, chain};
use crate::wal::scan::{Scan, Scanned};

/// Bytes copied at once.
const CHUNK_BYTES: u64 = 1 << 20;

/// The log being made durable. Ended before it is dropped, so that nothing is written after an open that failed.
pub(crate) struct Securing {
    running: Option<Box<dyn JoinHandle>>,
    outcome: Arc<Mutex<Result<()>>>,
}

impl Securing {
    /// Begins: on a thread of `spawn` if it has one, or else all of it now.
    pub(crate) fn begin(spawn: Option<&Arc<dyn Spawn>>, fs: &SharedFs, found: &FoundSegments) -> Self {
        let outcome = Arc::new(Mutex::new(Ok(())));
        let running = spawn.and_then(|spawn| {
            let (fs, found, outcome) = (Arc::clone(fs), found.clone(), Arc::clone(&outcome));
            let task = move || {
                let secured = secure(&fs, &found, &chain(&found).0);
                *outcome.lock().unwrap_or_else(PoisonError::into_inner) = secured;
            };
            spawn.spawn("esker-secure", Box::new(task)).ok()
        });
        if running.is_none() {
            *outcome.lock().unwrap_or_else(PoisonError::into_inner) = secure(fs, found, &chain(found).0);
        }
        Self { running, outcome }
    }

    /// Waits until it is durable. Says once what went wrong.
    pub(crate) fn wait(&mut self) -> Result<()> {
        if let Some(running) = self.running.take() {
            running.join();
        }
        std::mem::replace(&mut *self.outcome.lock().unwrap_or_else(PoisonError::into_inner), Ok(()))
    }
}

impl Drop for Securing {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            running.join();
        }
    }
}

/// Makes the frames of a chain durable.
pub(crate) fn secure(fs: &SharedFs, found: &FoundSegments, links: &[Link]) -> Result<()> {
    let claim = last_claim(fs, found, links)?;
    for link in links.iter().filter(|link| link.id >= claim.segment) {
        let Some(segment) = found.get(&link.id) else { continue };
        let from = if link.id == claim.segment { claim.offset } else { 0 };
        rewrite(fs, segment, from, good_end(fs, segment, *link)?)?;
    }
    Ok(())
}

/// The last position that is claimed as synced. Claims rise, so the newest segment with a frame knows it.
fn last_claim(fs: &SharedFs, found: &FoundSegments, links: &[Link]) -> Result<LogPosition> {
    for link in links.iter().rev() {
        let Some(mut scan) = scan(fs, found.get(&link.id), *link)? else { continue };
        let mut claim = None;
        while let Scanned::Frame { meta, .. } = scan.next()? {
            claim = Some(meta.synced);
        }
        if let Some(claim) = claim {
            return Ok(claim);
        }
    }
    Ok(LogPosition::default())
}

/// Where the good frames of a segment end.
fn good_end(fs: &SharedFs, segment: &FoundSegment, link: Link) -> Result<u64> {
    let Some(mut scan) = scan(fs, Some(segment), link)? else { return Ok(0) };
    while let Scanned::Frame { .. } = scan.next()? {}
    Ok(scan.offset())
}

fn scan(fs: &SharedFs, segment: Option<&FoundSegment>, link: Link) -> Result<Option<Scan>> {
    let Some((segment, header)) = segment.and_then(|segment| Some((segment, segment.header()?))) else {
        return Ok(None);
    };
    Scan::open(fs, &segment.path, header.log, link.end).map(Some)
}

/// Writes a part of a file over itself, and syncs it.
fn rewrite(fs: &SharedFs, segment: &FoundSegment, from: u64, to: u64) -> Result<()> {
    let path = &segment.path;
    let file = fs.open(path, &OpenOptions::read_write()).map_err(|error| Error::io("open", path, error))?;
    let mut offset = from;
    while offset < to {
        let len = CHUNK_BYTES.min(to - offset);
        let mut chunk = vec![0; usize::try_from(len).unwrap_or_default()];
        file.read_exact_at(&mut chunk, offset).map_err(|error| Error::io("read", path, error))?;
        file.write_all_at(&chunk, offset).map_err(|error| Error::io("write", path, error))?;
        offset += len;
    }
    file.sync_data().map_err(|error| Error::io("sync", path, error))
}
