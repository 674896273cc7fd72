//! Reading ahead in one segment: its good frames from the beginning, sorted for each keyspace.
//!
//! This is what recovery does on many threads at once, so it decides nothing (INV-RECOVER-9). It stops at the first place that is not
//! plainly a good frame of known keyspaces with rising numbers, or where its memory is used up, or at an error; all that
//! is judged by the one reader that then goes on from there, in order ([`crate::wal::reader`]). A segment that turns out
//! to lie behind the end of the log was read in vain.

use std::sync::{Arc, Mutex, PoisonError};

use esker_env::fs::SharedFs;
use esker_format::batch::{BatchOperation, BatchReader, Operation};
use esker_format::ids::KeyspaceId;
use esker_format::log::frame::{Carry, FRAME_ALIGNMENT, FrameMeta};
use esker_mem::comparator::KeyOrder;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;
use esker_mem::sorted_memtable::{KeyCode, Section, SpareRoom};
use esker_tree::RangeDelete;

use crate::wal::reader::{FoundSegment, Link};
use crate::wal::scan::{Scan, Scanned};
use crate::wal::segment::FRAMES_START;

/// What an operation takes in memory beside its bytes in the log, at most.
const OPERATION_BYTES: u64 = 31;

/// What a range delete takes in a memtable beside its keys.
const RANGE_BYTES: usize = 640;

/// Keys of one keyspace to make a code of.
const SAMPLED_KEYS: usize = 4096;
/// Frames and bytes looked at in one place for them.
const SAMPLED_FRAMES: usize = 64;
const SAMPLED_BYTES: u64 = 128 << 10;

/// A keyspace as far as its operations need it.
#[derive(Clone)]
pub(crate) struct Target {
    pub(crate) id: KeyspaceId,
    /// Smaller numbers are in tables already (INV-RECOVER-5).
    pub(crate) floor: SeqNo,
    pub(crate) order: KeyOrder,
    pub(crate) code: Arc<KeyCode>,
}

/// Where operations go: keyspaces by id, and the first id that was never given out.
#[derive(Clone)]
pub(crate) struct Targets {
    pub(crate) keyspaces: Vec<Target>,
    pub(crate) next_id: KeyspaceId,
}

/// Where one operation goes.
pub(crate) enum Goes {
    /// To the keyspace with this index.
    To(usize),
    /// Nowhere: it is in tables, or its keyspace was dropped.
    Nowhere,
    /// The catalog does not know the keyspace.
    Unknown,
}

impl Targets {
    /// Where an operation of `keyspace` with this number goes; `near` is the index of the one before it.
    #[inline]
    pub(crate) fn find(&self, keyspace: KeyspaceId, seqno: SeqNo, near: usize) -> Goes {
        let index = match self.keyspaces.get(near) {
            Some(target) if target.id == keyspace => Ok(near),
            _ => self.keyspaces.binary_search_by_key(&keyspace, |target| target.id),
        };
        match index {
            Ok(index) => match self.keyspaces.get(index) {
                Some(target) if seqno >= target.floor => Goes::To(index),
                _ => Goes::Nowhere,
            },
            Err(_) if keyspace < self.next_id => Goes::Nowhere,
            Err(_) => Goes::Unknown,
        }
    }
}

/// The good frames at the beginning of a segment.
pub(crate) struct Ahead {
    /// The number of the first operation.
    pub(crate) first_seqno: SeqNo,
    /// Where the frames end, and what the last one carries.
    pub(crate) end: u64,
    pub(crate) carry: Carry,
    /// For each keyspace its operations, sorted.
    pub(crate) sections: Vec<Section>,
    /// And its range deletes.
    pub(crate) ranges: Vec<Vec<RangeDelete>>,
}

impl Ahead {
    pub(crate) fn memory_bytes(&self) -> u64 {
        let ranges = self.ranges.iter().flatten().map(|range| bytes_of(range) as u64);
        self.sections.iter().map(|section| section.memory_bytes() as u64).chain(ranges).sum()
    }
}

/// Room that sections no longer need, for the ones to come.
#[derive(Debug, Default)]
pub(crate) struct Spares(Mutex<Vec<SpareRoom>>);

impl Spares {
    fn take(&self) -> SpareRoom {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default()
    }

    fn give(&self, spare: SpareRoom) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(spare);
    }
}

/// Reads ahead in `segment`, with `limit_bytes` of memory.
pub(crate) fn read_ahead(
    fs: &SharedFs,
    segment: &FoundSegment,
    link: Link,
    targets: &Targets,
    limit_bytes: u64,
    spares: &Spares,
) -> Option<Ahead> {
    let header = segment.header()?;
    let mut scan = Scan::open(fs, &segment.path, header.log, link.end).ok()?;
    let sections =
        targets.keyspaces.iter().map(|target| Section::with_spare(Arc::clone(&target.code), spares.take()));
    let mut sections: Vec<Section> = sections.collect();
    let mut ranges = vec![Vec::new(); targets.keyspaces.len()];
    let mut used_bytes = 0;
    let mut first_seqno = None;
    let mut taken = None;
    while let Ok(Scanned::Frame { meta, payload }) = scan.next() {
        used_bytes += payload.len() as u64 + u64::from(meta.count) * OPERATION_BYTES;
        let rises = taken.is_none_or(|(_, carry): (u64, Carry)| meta.first_seqno >= carry.next_seqno());
        let is_welcome = used_bytes <= limit_bytes && rises;
        if !is_welcome || take(targets, &mut sections, &mut ranges, &meta, payload).is_none() {
            break;
        }
        first_seqno.get_or_insert(meta.first_seqno);
        taken = scan.before().map(|carry| (scan.offset(), carry));
    }
    let (end, carry) = taken?;
    for (section, target) in sections.iter_mut().zip(&targets.keyspaces) {
        spares.give(section.sort(&target.order));
    }
    Some(Ahead { first_seqno: first_seqno?, end, carry, sections, ranges })
}

/// Adds the operations of a frame to the sections. None if anything about them is wrong: then some may be added, and
/// the open will fail at this frame.
#[inline]
fn take(
    targets: &Targets,
    sections: &mut [Section],
    ranges: &mut [Vec<RangeDelete>],
    meta: &FrameMeta,
    payload: &[u8],
) -> Option<()> {
    let mut near = 0;
    for (seqno, operation) in (meta.first_seqno..).zip(BatchReader::new(payload, meta.count)) {
        let operation = operation.ok()?;
        match targets.find(operation.keyspace, seqno, near) {
            Goes::To(index) => {
                match (operation.operation.kind(), operation.operation) {
                    (Some(kind), _) => {
                        let section = sections.get_mut(index)?;
                        section.add(operation.key, seqno, kind, operation.value).ok()?;
                    }
                    (None, Operation::Ingested) => {}
                    // Of all that lies before, in other segments, too: for the one that reads in order.
                    (None, Operation::Clear) => return None,
                    (None, _) => ranges.get_mut(index)?.push(range_delete(&operation, seqno)),
                }
                near = index;
            }
            Goes::Nowhere => {}
            Goes::Unknown => return None,
        }
    }
    Some(())
}

/// A range delete as the log has it.
pub(crate) fn range_delete(operation: &BatchOperation<'_>, seqno: SeqNo) -> RangeDelete {
    RangeDelete { start: Slice::new(operation.key), end: Slice::new(operation.value), seqno }
}

/// About what a range delete takes in memory.
pub(crate) fn bytes_of(range: &RangeDelete) -> usize {
    size_of::<RangeDelete>() + range.start.len() + range.end.len() + RANGE_BYTES
}

/// Keys that stand here and there in the log, for each keyspace of `targets`.
pub(crate) fn sample(
    fs: &SharedFs,
    segments: &[(FoundSegment, Link)],
    targets: &Targets,
) -> Vec<Vec<Vec<u8>>> {
    let mut keys = vec![Vec::new(); targets.keyspaces.len()];
    // A few places in each of few segments, one in each of many.
    let places = (64 / segments.len().max(1)).clamp(1, 8) as u64;
    for (segment, link) in segments {
        let known_end = link.end.unwrap_or(segment.len_bytes);
        for place in 0..places {
            let offset = (FRAMES_START + known_end / places * place).next_multiple_of(FRAME_ALIGNMENT as u64);
            // What cannot be read now is reported when it is read in earnest.
            let _ = sample_at(fs, segment, *link, offset, targets, &mut keys);
        }
    }
    keys
}

fn sample_at(
    fs: &SharedFs,
    segment: &FoundSegment,
    link: Link,
    offset: u64,
    targets: &Targets,
    keys: &mut [Vec<Vec<u8>>],
) -> Option<()> {
    let mut scan = Scan::open(fs, &segment.path, segment.header()?.log, link.end).ok()?;
    scan.go_to(offset);
    // Where there are zeros, nothing was written yet.
    if matches!(scan.next().ok()?, Scanned::Bad) && !scan.skip_to_next_frame().ok()? {
        return None;
    }
    for _ in 0..SAMPLED_FRAMES {
        let Scanned::Frame { meta, payload } = scan.next().ok()? else { return None };
        for operation in BatchReader::new(payload, meta.count).take(SAMPLED_FRAMES) {
            let operation = operation.ok()?;
            if !operation.operation.stands_alone()
                && let Goes::To(index) = targets.find(operation.keyspace, SeqNo::MAX, 0)
                && let Some(keys) = keys.get_mut(index).filter(|keys| keys.len() < SAMPLED_KEYS)
            {
                keys.push(operation.key.to_vec());
            }
        }
        if scan.offset() > offset + SAMPLED_BYTES {
            return Some(());
        }
    }
    Some(())
}
