//! The log's operations into memory: sorted memtables, made from many segments at once.
//!
//! The reader of the log ([`crate::wal::reader`]) goes through it in order and judges it. Before it comes to a segment,
//! this reads *ahead*: the good frames at the beginning of this segment and of as many following ones as memory has room
//! for, each segment on a thread of its own, each keyspace's operations sorted by the thread that read them
//! ([`ahead`]). What the reader accepts is kept; frames that it finds behind a stretch come one by one.
//!
//! At the end of the log, or when memory is used up, a sorted memtable is made for each keyspace of what was kept, on all
//! threads. At the end they are installed sealed and flushed in the background, while the database is open; before, they
//! are flushed at once. What fits easily is inserted into the active memtable instead: a table of its own would be tiny.
//!
//! **Memory.** What was recovered counts against the block cache, which is empty as yet: up to three quarters of its
//! share (INV-RECOVER-8). Sorting takes up to 34 bytes for each operation beside that, from the share of the memtables, which are empty
//! too.
//!
//! Not here: where the log ends; making it durable.

use std::collections::VecDeque;
use std::path::Path;
use std::sync::Arc;

use esker_env::fs::SharedFs;
use esker_format::batch::{BatchOperation, BatchReader, Operation};
use esker_format::checksum::key_hash;
use esker_format::error::DecodeError;
use esker_format::ids::SegmentId;
use esker_format::log::frame::{Carry, FrameMeta};
use esker_mem::seqno::{MAX_SEQNO, SeqNo};
use esker_mem::sorted_memtable::{Assembly, KeyCode, MAX_SECTIONS, Section, SortedMemtable};
use esker_tree::RangeDelete;

use crate::catalog::CatalogFile;
use crate::error::{Error, Result};
use crate::options::{MemorySplit, PlantedBug};
use crate::parallel::Team;
use crate::replay::ahead::{
    Ahead, Goes, Spares, Target, Targets, bytes_of, range_delete, read_ahead, sample,
};
use crate::state::{KeyspaceState, Registry};
use crate::wal::reader::{FoundSegment, FoundSegments, Frames, Link};

mod ahead;

/// Memory for one byte of the log, at most, as eighths; what needs more is read on in order.
const EIGHTHS_PER_LOG_BYTE: u64 = 10;
/// Memory kept back from reading ahead, as a part of the whole: for one more frame.
const SMALL_SHARE: u64 = 16;

/// The replay of one log.
pub(crate) struct Replay<'a> {
    fs: &'a SharedFs,
    found: &'a FoundSegments,
    team: Team,
    keyspaces: Vec<Replayed>,
    targets: Arc<Targets>,
    /// Whether the codes of the targets were made for this log.
    has_codes: bool,
    /// Read ahead, in order.
    wave: VecDeque<(SegmentId, Option<Ahead>)>,
    kept_bytes: u64,
    limit_bytes: u64,
    small_bytes: u64,
    planted_bug: Option<PlantedBug>,
}

/// What was kept of a keyspace's operations.
struct Replayed {
    keyspace: Arc<KeyspaceState>,
    sections: Vec<Section>,
    /// Range deletes, which stand beside the entries.
    ranges: Vec<RangeDelete>,
    /// Operations that came one by one, not sorted yet.
    open: Option<Section>,
}

impl<'a> Replay<'a> {
    pub(crate) fn new(
        fs: &'a SharedFs,
        found: &'a FoundSegments,
        team: Team,
        registry: &Registry,
        catalog: &CatalogFile,
        split: &MemorySplit,
        planted_bug: Option<PlantedBug>,
    ) -> Self {
        let mut keyspaces: Vec<Replayed> = Vec::new();
        keyspaces.extend(registry.all().into_iter().map(|keyspace| Replayed {
            keyspace,
            sections: Vec::new(),
            ranges: Vec::new(),
            open: None,
        }));
        keyspaces.sort_unstable_by_key(|replayed| replayed.keyspace.id);
        let target = |replayed: &Replayed| Target {
            id: replayed.keyspace.id,
            floor: replayed.keyspace.tree.replay_floor(),
            order: replayed.keyspace.tree.order().clone(),
            code: Arc::new(KeyCode::flat()),
        };
        let targets =
            Targets { keyspaces: keyspaces.iter().map(target).collect(), next_id: catalog.next_id() };
        Self {
            fs,
            found,
            team,
            keyspaces,
            targets: Arc::new(targets),
            has_codes: false,
            wave: VecDeque::new(),
            kept_bytes: 0,
            limit_bytes: (split.cache_bytes / 4 * 3) as u64,
            small_bytes: (split.memtable_bytes / 16) as u64,
            planted_bug,
        }
    }

    /// Above every number that a tree has ever recorded.
    pub(crate) fn lowest_unused(&self) -> SeqNo {
        let highest = self.keyspaces.iter().filter_map(|Replayed { keyspace, .. }| {
            keyspace.tree.get_highest_seqno().map(|seqno| seqno + 1).max(Some(keyspace.tree.replay_floor()))
        });
        highest.max().unwrap_or(0)
    }

    /// The log has been read: what was kept becomes readable.
    pub(crate) fn finish(&mut self) -> Result<()> {
        for (index, memtable) in self.build() {
            let Some(Replayed { keyspace, ranges, .. }) = self.keyspaces.get_mut(index) else { continue };
            let ranges = std::mem::take(ranges);
            let bytes = memtable.memory_bytes() + ranges.iter().map(bytes_of).sum::<usize>();
            if bytes as u64 <= self.small_bytes {
                insert_all(keyspace, memtable, &ranges)?;
            } else {
                install(keyspace, memtable, ranges)?;
            }
        }
        Ok(())
    }

    /// Makes room: what was kept goes to tables. The log is durable (INV-RECOVER-4).
    fn flush(&mut self) -> Result<()> {
        for (index, memtable) in self.build() {
            let Some(Replayed { keyspace, ranges, .. }) = self.keyspaces.get_mut(index) else { continue };
            install(keyspace, memtable, std::mem::take(ranges))?;
            flush_all(keyspace)?;
        }
        Ok(())
    }

    /// Makes memtables of what was kept: the index of the keyspace with each.
    fn build(&mut self) -> Vec<(usize, SortedMemtable)> {
        self.kept_bytes = 0;
        let mut assemblies = Vec::new();
        for ((index, replayed), target) in self.keyspaces.iter_mut().enumerate().zip(&self.targets.keyspaces)
        {
            close(replayed, target);
            let sections = std::mem::take(&mut replayed.sections);
            if self.planted_bug == Some(PlantedBug::ForgetRangeDeletes) {
                replayed.ranges.clear();
            }
            if !sections.is_empty() || !replayed.ranges.is_empty() {
                let assembly = Assembly::new(target.order.clone(), Arc::clone(&target.code), sections);
                assemblies.push((index, assembly));
            }
        }
        let assemblies = Arc::new(assemblies);
        let all = assemblies.iter().enumerate();
        let portions: Vec<(usize, usize)> = all
            .flat_map(|(at, (_, assembly))| (0..assembly.portions()).map(move |portion| (at, portion)))
            .collect();
        let shared = (Arc::clone(&assemblies), portions.clone());
        let sorted = self.team.map(portions.len(), move |item| {
            let (assemblies, portions) = &shared;
            let (at, portion) = portions.get(item)?;
            Some(assemblies.get(*at)?.1.sort_portion(*portion))
        });
        let mut sorted = sorted.into_iter().flatten();
        let build = |(index, assembly): &(usize, Assembly)| {
            (*index, assembly.finish(sorted.by_ref().take(assembly.portions()).collect()))
        };
        assemblies.iter().map(build).collect()
    }

    /// Reads ahead in the segment of `link` and as many of `rest` as there is room for.
    fn begin_wave(&mut self, link: Link, rest: &[Link]) -> Result<()> {
        let segments = std::iter::once(&link).chain(rest);
        let upcoming: Vec<(FoundSegment, Link)> =
            segments.filter_map(|link| Some((self.found.get(&link.id)?.clone(), *link))).collect();
        let most_bytes = self.limit_bytes - self.limit_bytes / SMALL_SHARE;
        let wanted = |(segment, link): &(FoundSegment, Link)| {
            link.end.unwrap_or(segment.len_bytes).min(segment.len_bytes) / 8 * EIGHTHS_PER_LOG_BYTE + 4096
        };
        let first = upcoming.first().map_or(0, wanted);
        if self.kept_bytes > 0 && self.kept_bytes + first > most_bytes {
            self.flush()?;
        }
        if !self.has_codes {
            self.make_codes(&upcoming);
        }
        let room = most_bytes.saturating_sub(self.kept_bytes);
        let mut taken = 0;
        let wave: Vec<(FoundSegment, Link, u64)> = upcoming
            .into_iter()
            .map(|(segment, link)| {
                let wants = wanted(&(segment.clone(), link));
                (segment, link, wants)
            })
            .take_while(|(_, _, wants)| {
                taken += wants;
                taken <= room || taken == *wants
            })
            .map(|(segment, link, wants)| (segment, link, wants.min(room)))
            .collect();
        let ids: Vec<SegmentId> = wave.iter().map(|(_, link, _)| link.id).collect();
        let (fs, targets) = (Arc::clone(self.fs), Arc::clone(&self.targets));
        let spares = Spares::default();
        let ahead = self.team.map(wave.len(), move |item| {
            let (segment, link, limit_bytes) = wave.get(item)?;
            read_ahead(&fs, segment, *link, &targets, *limit_bytes, &spares)
        });
        self.wave = ids.into_iter().zip(ahead).collect();
        Ok(())
    }

    /// Makes codes for keys such as stand in these segments. Nothing has been kept yet, or it would have other codes.
    fn make_codes(&mut self, segments: &[(FoundSegment, Link)]) {
        let mut targets = Targets::clone(&self.targets);
        let keys = sample(self.fs, segments, &targets);
        for (target, keys) in targets.keyspaces.iter_mut().zip(&keys) {
            if target.order.is_bytes() {
                target.code = Arc::new(KeyCode::of_sample(keys.iter().map(Vec::as_slice)));
            }
        }
        self.targets = Arc::new(targets);
        self.has_codes = true;
    }

    fn keep_ahead(&mut self, ahead: Ahead) {
        let kept = ahead.sections.into_iter().zip(ahead.ranges);
        for ((replayed, target), (section, ranges)) in
            self.keyspaces.iter_mut().zip(&self.targets.keyspaces).zip(kept)
        {
            self.kept_bytes += ranges.iter().map(|range| bytes_of(range) as u64).sum::<u64>();
            replayed.ranges.extend(ranges);
            if !section.is_empty() {
                close(replayed, target);
                self.kept_bytes += section.memory_bytes() as u64;
                replayed.sections.push(section);
            }
        }
    }

    /// Keeps one operation of the keyspace with this index.
    fn keep(
        &mut self,
        path: &Path,
        index: usize,
        seqno: SeqNo,
        operation: &BatchOperation<'_>,
    ) -> Result<()> {
        let (Some(replayed), Some(target)) =
            (self.keyspaces.get_mut(index), self.targets.keyspaces.get(index))
        else {
            return Ok(());
        };
        match (operation.operation.kind(), operation.operation) {
            (Some(kind), _) => {
                let section = replayed.open.get_or_insert_with(|| Section::new(Arc::clone(&target.code)));
                let before = section.memory_bytes();
                section
                    .add(operation.key, seqno, kind, operation.value)
                    .map_err(|error| Error::corruption(path, 0, error.to_string()))?;
                self.kept_bytes += (section.memory_bytes() - before) as u64;
            }
            // Its tables were installed with it, or a crash came in between and there are none.
            (None, Operation::Ingested) => {}
            (None, Operation::Clear) if self.planted_bug == Some(PlantedBug::ForgetClears) => {}
            (None, Operation::Clear) => {
                self.kept_bytes = self.kept_bytes.saturating_sub(clear(replayed, seqno)?);
            }
            (None, _) => {
                let range = range_delete(operation, seqno);
                self.kept_bytes += bytes_of(&range) as u64;
                replayed.ranges.push(range);
            }
        }
        Ok(())
    }

    /// Flushes if there is no room for `bytes` more, or for more sections.
    fn make_room(&mut self, bytes: u64) -> Result<()> {
        let is_full = |replayed: &Replayed| replayed.sections.len() + 2 >= MAX_SECTIONS;
        if self.kept_bytes + bytes > self.limit_bytes && self.kept_bytes > 0
            || self.keyspaces.iter().any(is_full)
        {
            self.flush()?;
        }
        Ok(())
    }
}

impl Frames for Replay<'_> {
    fn ahead(&mut self, link: Link, rest: &[Link], next_seqno: SeqNo) -> Result<Option<(u64, Carry)>> {
        self.make_room(0)?;
        if self.wave.is_empty() {
            self.begin_wave(link, rest)?;
        }
        // The wave is of this segment and the following ones, and the reader takes them in turn.
        let ahead = self.wave.pop_front().filter(|(id, _)| *id == link.id).and_then(|(_, ahead)| ahead);
        let Some(ahead) = ahead.filter(|ahead| ahead.first_seqno >= next_seqno) else { return Ok(None) };
        let end = (ahead.end, ahead.carry);
        self.keep_ahead(ahead);
        Ok(Some(end))
    }

    fn frame(&mut self, path: &Path, meta: &FrameMeta, payload: &[u8]) -> Result<()> {
        let damaged = |error: DecodeError| Error::corruption(path, error.offset, error.to_string());
        // Whole or not at all: a batch is verified before any of it is applied.
        let operations = BatchReader::new(payload, meta.count).verify().map_err(damaged)?;
        // Frames of this segment come one by one from here on; what was read ahead of other segments stays.
        let waiting: u64 =
            self.wave.iter().filter_map(|(_, ahead)| ahead.as_ref()).map(Ahead::memory_bytes).sum();
        self.make_room(waiting + payload.len() as u64)?;
        let targets = Arc::clone(&self.targets);
        for (seqno, operation) in (meta.first_seqno..).zip(operations) {
            let operation = operation.map_err(damaged)?;
            match targets.find(operation.keyspace, seqno, 0) {
                Goes::To(index) => self.keep(path, index, seqno, &operation)?,
                Goes::Nowhere => {}
                Goes::Unknown => {
                    let problem = format!(
                        "a frame names keyspace {}, which the catalog does not know; the catalog is older than the log",
                        operation.keyspace
                    );
                    return Err(Error::corruption(path, 0, problem));
                }
            }
        }
        Ok(())
    }
}

/// Clears a keyspace whose manifest does not know of it yet: a crash came between the two (INV-ERASE-9). Says how many bytes
/// are no longer kept.
fn clear(replayed: &mut Replayed, seqno: SeqNo) -> Result<u64> {
    let Replayed { keyspace, sections, ranges, open } = replayed;
    let kept = sections.drain(..).chain(open.take()).map(|section| section.memory_bytes()).sum::<usize>()
        + ranges.drain(..).map(|range| bytes_of(&range)).sum::<usize>();
    let cleared = keyspace.tree.begin_clear().and_then(|clear| clear.finish(seqno));
    cleared.map_err(|error| keyspace.error(error))?;
    Ok(kept as u64)
}

/// Sorts what came one by one.
fn close(replayed: &mut Replayed, target: &Target) {
    if let Some(mut section) = replayed.open.take() {
        section.sort(&target.order);
        replayed.sections.push(section);
    }
}

fn install(keyspace: &KeyspaceState, memtable: SortedMemtable, ranges: Vec<RangeDelete>) -> Result<()> {
    keyspace.tree.install_sealed_with(memtable, ranges).map_err(|error| keyspace.error(error))
}

/// Inserts everything into the active memtable.
fn insert_all(keyspace: &KeyspaceState, memtable: SortedMemtable, ranges: &[RangeDelete]) -> Result<()> {
    for range in ranges {
        keyspace.tree.check_range(&range.start, &range.end).map_err(|error| keyspace.error(error))?;
    }
    let range_bytes: usize = ranges.iter().map(bytes_of).sum();
    let room = keyspace.tree.reserve(memtable.len() + ranges.len(), memtable.user_bytes() + range_bytes);
    let mut active = room.apply();
    for range in ranges {
        active.remove_range(&range.start, &range.end, range.seqno);
    }
    let mut cursor = Arc::new(memtable).cursor();
    cursor.seek_to_first();
    while cursor.valid() {
        active.insert(cursor.key(), key_hash(cursor.key()), cursor.seqno(), cursor.kind(), cursor.value());
        cursor.next();
    }
    Ok(())
}

/// Flushes what is sealed. The log is durable: it was secured before.
pub(crate) fn flush_all(keyspace: &KeyspaceState) -> Result<()> {
    let error = |error| keyspace.error(error);
    while keyspace.tree.flush_oldest(MAX_SEQNO, |_| Ok(())).map_err(error)?.is_some() {}
    Ok(())
}
