//! Log files: pointers to them, manifests and catalogs record by record, and the segments of the write-ahead log.
//!
//! Segments form a chain: each header says where the segment before it ends. Before that end every frame must be good; behind it
//! nothing counts, nor do segments that no header continues. The newest segment has no recorded end: an incomplete frame there is what
//! a killed process leaves, unless a later frame says that its place was synced.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use esker_format::batch::BatchReader;
use esker_format::current::decode_current;
use esker_format::error::DecodeError;
use esker_format::file_name::FileKind;
use esker_format::ids::{KeyspaceId, SegmentId};
use esker_format::log::header::{LOG_HEADER_BYTES, LogKind};
use esker_mem::seqno::SeqNo;

use crate::inspect::file::RawFile;
use crate::inspect::log::{Ending, FIRST_FRAME, LogFile};
use crate::verify::findings::Findings;

/// The number that `CURRENT` in `folder` names.
pub(crate) fn current(folder: &Path, findings: &mut Findings<'_>) -> Option<u64> {
    let path = folder.join(FileKind::Current.name());
    let bytes = read(&path, findings)?;
    decode_current(&bytes).map_err(|error| findings.problem(&path, error)).ok()
}

/// Checks a manifest or catalog frame by frame; `take` decodes and applies each payload.
pub(crate) fn records(
    path: &Path,
    kind: LogKind,
    number: u64,
    findings: &mut Findings<'_>,
    mut take: impl FnMut(&[u8]) -> Result<(), DecodeError>,
) {
    findings.seen.manifests += 1;
    let Some(bytes) = read(path, findings) else { return };
    let log = match LogFile::of(&bytes) {
        Ok(log) => log,
        Err(error) => return findings.problem(path, error),
    };
    identity(path, &log, kind, number, findings);
    let mut end = FIRST_FRAME;
    for frame in log.frames(FIRST_FRAME) {
        if let Err(error) = take(frame.payload) {
            findings.problem(path, format_args!("frame at byte {}: {error}", frame.offset));
        }
        end = frame.end();
    }
    tail(path, &log, end, findings);
}

fn identity(path: &Path, log: &LogFile<'_>, kind: LogKind, number: u64, findings: &mut Findings<'_>) {
    if (log.header().kind, log.header().number) != (kind, number) {
        findings.problem(path, "log header at byte 0: kind or number is not that of the file's name");
    }
}

fn tail(path: &Path, log: &LogFile<'_>, end: u64, findings: &mut Findings<'_>) {
    if let Ending::Damaged { error, synced, claimed_at } = log.ending(end) {
        findings.problem(
            path,
            format_args!(
                "{error}; the frame at byte {claimed_at} says that all was synced up to segment {}, byte {}",
                synced.segment, synced.offset
            ),
        );
    }
}

fn read(path: &Path, findings: &mut Findings<'_>) -> Option<Vec<u8>> {
    let bytes = RawFile::open(path).and_then(|file| file.all());
    let bytes = bytes.map_err(|error| {
        findings.problem(path, format_args!("cannot be read: {}", crate::failure::reason(&error)));
    });
    let bytes = bytes.ok()?;
    findings.seen.bytes += bytes.len() as u64;
    Some(bytes)
}

/// Checks the write-ahead log. `next_keyspace` is the first keyspace id that was never given out, if the catalog could be read.
pub(crate) fn segments(
    paths: &BTreeMap<SegmentId, PathBuf>,
    next_keyspace: Option<KeyspaceId>,
    findings: &mut Findings<'_>,
) {
    let mut wanted = paths.keys().next_back().copied();
    // Where the segment at hand ends, as the one behind it says; `None` for the newest.
    let mut recorded_end = None;
    while let Some((id, path)) = wanted.and_then(|id| paths.get_key_value(&id)) {
        let Some(bytes) = read(path, findings) else { return };
        findings.seen.segments += 1;
        let log = match LogFile::of(&bytes) {
            Ok(log) => log,
            Err(_) if recorded_end.is_none() && is_unfinished(&bytes) => {
                findings.note(path, "a segment that was being made: it holds nothing");
                wanted = paths.range(..id).next_back().map(|(id, _)| *id);
                continue;
            }
            Err(error) => return findings.problem(path, error),
        };
        identity(path, &log, LogKind::Segment, id.0.into(), findings);
        segment(path, &log, recorded_end, next_keyspace, findings);
        let Some(predecessor) = log.header().predecessor else { return };
        recorded_end = Some(predecessor.end.offset);
        wanted = Some(predecessor.end.segment).filter(|before| before < id);
    }
}

/// A file that a crash left before its header was written.
fn is_unfinished(bytes: &[u8]) -> bool {
    let header = bytes.get(..LOG_HEADER_BYTES);
    header.is_none_or(|header| header.iter().all(|byte| *byte == 0))
}

fn segment(
    path: &Path,
    log: &LogFile<'_>,
    recorded_end: Option<u64>,
    next_keyspace: Option<KeyspaceId>,
    findings: &mut Findings<'_>,
) {
    let mut end = FIRST_FRAME;
    let mut least_seqno: SeqNo = 0;
    for frame in log.frames(FIRST_FRAME) {
        if recorded_end.is_some_and(|recorded| frame.end() > recorded) {
            break;
        }
        if frame.meta.first_seqno < least_seqno {
            findings.problem(path, format_args!("frame at byte {}: sequence numbers ascend", frame.offset));
        }
        least_seqno = frame.meta.first_seqno.saturating_add(frame.meta.count.into());
        findings.seen.operations += u64::from(frame.meta.count);
        for operation in BatchReader::new(frame.payload, frame.meta.count) {
            let problem = match operation {
                Ok(operation) if next_keyspace.is_some_and(|next| operation.keyspace >= next) => {
                    format!("keyspace {} was never created", operation.keyspace)
                }
                Ok(_) => continue,
                Err(error) => error.to_string(),
            };
            findings.problem(path, format_args!("frame at byte {}: {problem}", frame.offset));
            break;
        }
        end = frame.end();
    }
    match recorded_end {
        None => tail(path, log, end, findings),
        Some(recorded) if end < recorded => findings.problem(
            path,
            format_args!(
                "no frame at byte {end}, and the next segment says that frames go on to byte {recorded}"
            ),
        ),
        Some(_) => {}
    }
}
