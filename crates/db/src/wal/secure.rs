//! Making durable what a recovery is about to rely on, whatever happened to earlier syncs.
//!
//! After a failed sync the operating system may hold pages that it will never write and reports no more errors for: the
//! log *reads* complete, a further sync succeeds, and the next power loss takes it all the same. A recovery cannot know
//! whether a process before it met such a failure. So everything behind the last position that the log itself claims as
//! synced is written again, byte for byte, and then synced (INV-RECOVER-3). That is what was appended in the last
//! moments before the crash, not the whole log.
//!
//! Not here: reading ([`crate::wal::reader`]).

use std::collections::BTreeMap;

use esker_env::fs::{OpenOptions, SharedFs};
use esker_env::sync_mode::SyncMode;
use esker_format::ids::SegmentId;
use esker_format::log::frame::LogPosition;

use crate::error::{Error, Result};
use crate::wal::reader::{FoundSegment, FoundSegments, Link};
use crate::wal::scan::{Scan, Scanned};

/// Bytes copied at once.
const CHUNK_BYTES: u64 = 1 << 20;

/// Makes the frames of a chain durable.
pub(crate) fn secure(fs: &SharedFs, found: &FoundSegments, links: &[Link], sync: SyncMode) -> Result<()> {
    let Tail { claim, ends } = tail(fs, found, links)?;
    for link in links.iter().filter(|link| link.id >= claim.segment) {
        let Some(segment) = found.get(&link.id) else { continue };
        let from = if link.id == claim.segment { claim.offset } else { 0 };
        // Whatever stands before a recorded end may be written over itself, good or bad: it need not be read for that.
        let recorded = link.end.map_or(0, |end| end.min(segment.len_bytes));
        rewrite(fs, segment, from, ends.get(&link.id).copied().unwrap_or(recorded), sync)?;
    }
    Ok(())
}

/// What the end of the log says.
#[derive(Default)]
struct Tail {
    /// The last position that is claimed as synced.
    claim: LogPosition,
    /// Where the good frames end of the segments that were read to know it.
    ends: BTreeMap<SegmentId, u64>,
}

/// Reads back to the newest segment with a frame: claims rise, so it knows the last one.
fn tail(fs: &SharedFs, found: &FoundSegments, links: &[Link]) -> Result<Tail> {
    let mut tail = Tail::default();
    for link in links.iter().rev() {
        let Some(mut scan) = scan(fs, found.get(&link.id), *link)? else { continue };
        let mut claim = None;
        while let Scanned::Frame { meta, .. } = scan.next()? {
            claim = Some(meta.synced);
        }
        tail.ends.insert(link.id, scan.offset());
        if let Some(claim) = claim {
            tail.claim = claim;
            break;
        }
    }
    Ok(tail)
}

fn scan(fs: &SharedFs, segment: Option<&FoundSegment>, link: Link) -> Result<Option<Scan>> {
    let Some((segment, header)) = segment.and_then(|segment| Some((segment, segment.header()?))) else {
        return Ok(None);
    };
    Scan::open(fs, &segment.path, header.log, link.end).map(Some)
}

/// Writes a part of a file over itself, and syncs it.
fn rewrite(fs: &SharedFs, segment: &FoundSegment, from: u64, to: u64, sync: SyncMode) -> Result<()> {
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
    sync.sync(&*file).map_err(|error| Error::io("sync", path, error))
}
