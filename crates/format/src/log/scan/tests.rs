use super::*;
use crate::ids::SegmentId;
use crate::log::frame::{FrameMeta, append_frame, append_next_frame, frame_len};

const LOG: LogId = LogId(0xfeed_beef_1234_5678);

fn position(offset: u64) -> LogPosition {
    LogPosition { segment: SegmentId(1), offset }
}

/// Frames of 100 bytes from offset 64 on; each claims everything before itself as synced.
fn log_of(frames: u64) -> Vec<u8> {
    let mut file = vec![0; 64];
    for number in 0..frames {
        let offset = file.len() as u64;
        let meta = FrameMeta { first_seqno: number, count: 1, synced: position(offset) };
        append_frame(&mut file, &meta, LOG, offset, &[7; 100]);
    }
    file
}

#[test]
fn frames_are_read_in_order_up_to_a_clean_end() {
    let mut file = log_of(10);
    let end = file.len() as u64;
    for zeros in [0, 1, 39, 40, 5_000] {
        file.truncate(usize::try_from(end).unwrap());
        file.resize(file.len() + zeros, 0);
        let log = LogBytes::new(&file, 0, LOG);
        let mut frames = log.frames(64);
        let seqnos: Vec<_> = frames.by_ref().map(|frame| frame.meta.first_seqno).collect();
        assert_eq!(seqnos, (0..10).collect::<Vec<_>>());
        assert_eq!((frames.offset(), frames.end()), (end, FrameAt::CleanEnd));
        assert!(log.is_zero_from(end));
    }
    let log = LogBytes::new(&file[64..], 64, LOG);
    assert_eq!(log.frames(64).count(), 10, "bytes may begin after the header");
}

/// The bug this tells apart: a bad frame in the middle of what was synced is corruption and no end.
#[test]
fn a_later_claim_is_found_behind_a_bad_frame() {
    let mut file = log_of(10);
    let step = usize::try_from(frame_len(100)).unwrap();
    file[64 + 4 * step + 50] ^= 1;
    // The damaged frame's own length is not to be trusted either.
    file[64 + 5 * step + 8] ^= 0x10;
    let log = LogBytes::new(&file, 0, LOG);
    let mut frames = log.frames(64);
    assert_eq!(frames.by_ref().count(), 4);
    assert!(matches!(frames.end(), FrameAt::Bad(_)));
    let bad = frames.offset();
    let claim = log.claims_synced(bad, position(bad)).unwrap().expect("frame 6 claims it");
    assert_eq!(claim.meta.first_seqno, 6);
}

/// Behind damage short frames are passed over; the full one that begins the next 4 KiB repeats the claim.
#[test]
fn a_claim_is_found_in_the_next_full_frame() {
    let (mut file, mut carry) = (vec![0; 64], None);
    for number in 0..100 {
        let offset = file.len() as u64;
        // Frame 20 is the first to know that frame 10 is synced.
        let synced = if number < 20 { position(64) } else { position(2_000) };
        let meta = FrameMeta { first_seqno: number, count: 1, synced };
        append_next_frame(&mut file, &meta, LOG, offset, &[7; 100], &mut carry);
    }
    let places: Vec<_> = LogBytes::new(&file, 0, LOG).frames(64).map(|frame| frame.offset).collect();
    assert_eq!(places.len(), 100);
    let damage_at = |numbers: &[usize]| {
        let mut damaged = file.clone();
        for number in numbers {
            damaged[usize::try_from(places[*number]).unwrap() + 60] ^= 1;
        }
        let log = LogBytes::new(&damaged, 0, LOG);
        let bad = log.frames(64).by_ref().count();
        assert_eq!(bad, numbers[0]);
        log.claims_synced(places[bad], position(places[bad])).unwrap().map(|frame| frame.meta.first_seqno)
    };
    assert_eq!(damage_at(&[5]), Some(20), "the first that knows");
    let next_page = places.iter().position(|place| *place >= 4096).unwrap() as u64;
    assert_eq!(damage_at(&[5, 20]), Some(next_page), "and if that is gone, the next that begins 4 KiB");
    assert_eq!(damage_at(&[50]), None, "nobody says that it was synced");
}

#[test]
fn a_torn_tail_has_no_claim_behind_it() {
    let mut file = log_of(10);
    file.truncate(file.len() - 30);
    let log = LogBytes::new(&file, 0, LOG);
    let mut frames = log.frames(64);
    assert_eq!(frames.by_ref().count(), 9);
    assert!(matches!(frames.end(), FrameAt::Bad(_)));
    let torn = frames.offset();
    assert_eq!(log.claims_synced(torn, position(torn)).unwrap(), None);
    // A later frame that was written out of order, without a claim to what is missing before it.
    let meta = FrameMeta { first_seqno: 50, count: 1, synced: position(64) };
    file.resize(file.len().next_multiple_of(8) + 4096, 0);
    let offset = file.len() as u64;
    append_frame(&mut file, &meta, LOG, offset, b"later");
    let log = LogBytes::new(&file, 0, LOG);
    assert_eq!(log.claims_synced(torn, position(torn)).unwrap(), None);
}

/// A recycled file: frames of the former life neither are read nor make claims.
#[test]
fn a_former_life_is_not_read() {
    let mut file = log_of(20);
    let meta = FrameMeta { first_seqno: 100, count: 1, synced: position(64) };
    let mut fresh = Vec::new();
    append_frame(&mut fresh, &meta, LogId(99), 64, &[1; 30]);
    file[64..64 + fresh.len()].copy_from_slice(&fresh);
    let log = LogBytes::new(&file, 0, LogId(99));
    let mut frames = log.frames(64);
    assert_eq!(frames.by_ref().count(), 1);
    assert!(matches!(frames.end(), FrameAt::Bad(_)));
    assert_eq!(log.claims_synced(frames.offset(), position(0)).unwrap(), None);
}

/// INV-FMT-1: a file full of false headers does not make the scan quadratic.
#[test]
fn a_scan_is_bounded() {
    let mut file = Vec::new();
    let mut header = [0u8; FRAME_HEADER_BYTES];
    header[LOG_TAG_AT..LOG_TAG_AT + 4].copy_from_slice(&log_tag(LOG).to_le_bytes());
    header[..2].copy_from_slice(&50_000u16.to_le_bytes());
    while file.len() < 400_000 {
        file.extend_from_slice(&header);
    }
    assert!(LogBytes::new(&file, 0, LOG).claims_synced(0, position(0)).is_err());
}

/// INV-FMT-1: any bytes, any offset.
#[test]
fn damage_is_survived() {
    crate::test_bytes::damaged(&log_of(2), |bytes| {
        let log = LogBytes::new(bytes, 0, LOG);
        assert!(log.frames(64).count() <= 2);
        for offset in [0, 3, 64, 1 << 40, u64::MAX] {
            let _ = log.claims_synced(offset, position(0));
            let _ = log.is_zero_from(offset);
        }
    });
}
