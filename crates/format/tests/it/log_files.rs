//! A log file with a header, groups of batches in frames, and every place where a crash may have cut it.

use esker_format::batch::{BatchBuilder, BatchReader, Operation};
use esker_format::ids::{KeyspaceId, LogId, SegmentId};
use esker_format::log::frame::{FrameAt, FrameMeta, LogPosition, begin_frame, finish_frame};
use esker_format::log::header::{LOG_HEADER_BYTES, LogHeader, LogKind};
use esker_format::log::scan::LogBytes;

const LOG: LogId = LogId(0x0bad_cafe_0123_4567);

/// A segment of `groups` commit groups of two batches each; also where each frame ends.
fn segment(groups: u64) -> (Vec<u8>, Vec<u64>) {
    let header = LogHeader { kind: LogKind::Segment, number: 1, log: LOG, predecessor: None };
    let mut file = header.encode().to_vec();
    let mut ends = Vec::new();
    let mut seqno = 1;
    for group in 0..groups {
        let offset = file.len() as u64;
        let start = begin_frame(&mut file);
        let mut count = 0;
        for part in 0..2 {
            let mut batch = BatchBuilder::new();
            batch.add(KeyspaceId(1), Operation::Put, format!("key {group} {part}").as_bytes(), b"value");
            batch.add(KeyspaceId(2), Operation::Delete, b"gone", b"");
            file.extend_from_slice(batch.as_bytes());
            count += batch.len();
        }
        // As if a background sync had reached the frame before the last one.
        let synced = ends.len().checked_sub(2).map_or(0, |frame: usize| ends[frame]);
        let meta = FrameMeta {
            first_seqno: seqno,
            count,
            synced: LogPosition { segment: SegmentId(1), offset: synced },
        };
        finish_frame(&mut file, start, &meta, LOG, offset);
        ends.push(file.len() as u64);
        seqno += u64::from(count);
    }
    (file, ends)
}

/// Frames read up to the first bad place, each with all its operations.
fn replay(file: &[u8]) -> (usize, u64) {
    let log = LogBytes::new(file, 0, LOG);
    let mut frames = log.frames(LOG_HEADER_BYTES as u64);
    let mut read = 0;
    for frame in frames.by_ref() {
        let operations = BatchReader::new(frame.payload, frame.meta.count).verify().unwrap();
        assert_eq!(operations.count(), 4);
        assert_eq!(frame.meta.first_seqno, 1 + 4 * read as u64);
        read += 1;
    }
    (read, frames.offset())
}

#[test]
fn groups_of_batches_come_back_with_their_seqnos() {
    let (file, ends) = segment(20);
    assert_eq!(LogHeader::decode(&file).unwrap().log, LOG);
    assert_eq!(replay(&file), (20, ends[19]));
}

/// A power loss leaves a prefix of the file, then zeros, or rubbish: always exactly the whole frames of the prefix come back, and
/// never is the tail taken for corruption.
#[test]
fn a_cut_at_any_byte_is_a_torn_tail() {
    let (file, ends) = segment(6);
    for cut in LOG_HEADER_BYTES..=file.len() {
        let whole = ends.iter().take_while(|&&end| end <= cut as u64).count();
        for rest in [vec![], vec![0; 500], vec![0xa5; 500]] {
            let torn = [&file[..cut], rest.as_slice()].concat();
            let (read, end) = replay(&torn);
            // Zeros after a cut may happen to be the missing padding.
            assert!(read == whole || (read == whole + 1 && rest.first() == Some(&0)), "cut at {cut}");
            let bad = LogPosition { segment: SegmentId(1), offset: end };
            assert_eq!(LogBytes::new(&torn, 0, LOG).claims_synced(end, bad).unwrap(), None, "cut at {cut}");
        }
    }
}

/// A frame damaged before the synced position is corruption: a later frame claims what is missing.
#[test]
fn damage_before_the_synced_position_is_told_from_a_torn_tail() {
    let (file, ends) = segment(8);
    for frame in 0..8usize {
        let mut damaged = file.clone();
        damaged[ends[frame] as usize - 9] ^= 4;
        let (read, end) = replay(&damaged);
        assert_eq!(read, frame);
        assert!(matches!(LogBytes::new(&damaged, 0, LOG).at(end), FrameAt::Bad(_)));
        let bad = LogPosition { segment: SegmentId(1), offset: end };
        let claim = LogBytes::new(&damaged, 0, LOG).claims_synced(end, bad).unwrap();
        // Frame n + 2 is the first to say that frame n was synced.
        assert_eq!(claim.is_some(), frame + 2 < 8, "frame {frame}");
    }
}
