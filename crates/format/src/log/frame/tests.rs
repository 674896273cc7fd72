use super::*;
use crate::test_bytes::{damaged, example};

const LOG: LogId = LogId(0x1122_3344_5566_7788);

fn meta() -> FrameMeta {
    FrameMeta { first_seqno: 7, count: 1, synced: LogPosition { segment: SegmentId(3), offset: 64 } }
}

#[test]
fn example_decodes_and_encodes_again() {
    let golden = example(include_str!("../frame.rs"));
    let mut out = Vec::new();
    append_frame(&mut out, &meta(), LOG, 64, b"put");
    assert_eq!(out, golden, "{:02x?}", &out[..8]);
    let frame = Frame { meta: meta(), offset: 64, payload: b"put" };
    assert_eq!(decode_frame(&golden, LOG, 64), FrameAt::Frame(frame));
    assert_eq!(frame.end(), 64 + golden.len() as u64);
    let mut in_place = b"before".to_vec();
    let start = begin_frame(&mut in_place);
    in_place.extend_from_slice(b"put");
    finish_frame(&mut in_place, start, &meta(), LOG, 64);
    assert_eq!(in_place[6..], golden);
}

#[test]
fn random_frames_round_trip() {
    let mut random = fastrand::Rng::with_seed(61);
    for len in (0..40).chain([255, 256, 4_000, 100_001]) {
        let payload: Vec<u8> = (0..len).map(|_| random.u8(..)).collect();
        let meta = FrameMeta {
            first_seqno: random.u64(..MAX_SEQNO >> 1),
            count: random.u32(..),
            synced: LogPosition { segment: SegmentId(random.u32(..)), offset: u64::from(random.u32(..)) * 8 },
        };
        let (log, offset) = (LogId(random.u64(..)), u64::from(random.u32(..)) * 8);
        let mut out = Vec::new();
        append_frame(&mut out, &meta, log, offset, &payload);
        assert_eq!(out.len() as u64, frame_len(payload.len() as u64));
        out.extend_from_slice(b"what follows");
        assert_eq!(
            decode_frame(&out, log, offset),
            FrameAt::Frame(Frame { meta, offset, payload: &payload })
        );
    }
}

/// INV-FMT-8: a frame counts only in its own log and at its own place.
#[test]
fn another_place_or_log_is_bad() {
    let mut out = Vec::new();
    append_frame(&mut out, &meta(), LOG, 64, b"put");
    for (log, offset) in [(LOG, 72), (LOG, 0), (LogId(LOG.0 ^ 1), 64), (LogId(LOG.0 ^ 1 << 63), 64)] {
        assert!(matches!(decode_frame(&out, log, offset), FrameAt::Bad(_)));
    }
}

/// INV-FMT-8: every changed bit and every missing byte of a frame is noticed.
#[test]
fn damage_is_noticed() {
    let mut sample = Vec::new();
    append_frame(&mut sample, &meta(), LOG, 64, b"a payload of 23 bytes..");
    damaged(&sample, |bytes| match decode_frame(bytes, LOG, 64) {
        FrameAt::Frame(_) => assert!(bytes.starts_with(&sample), "only what follows the frame differs"),
        FrameAt::CleanEnd => assert!(bytes.iter().take(FRAME_HEADER_BYTES).all(|&byte| byte == 0)),
        FrameAt::Bad(_) => {}
    });
}

#[test]
fn ends_are_told_from_damage() {
    assert_eq!(decode_frame(&[], LOG, 64), FrameAt::CleanEnd);
    assert_eq!(decode_frame(&[0; 1000], LOG, 64), FrameAt::CleanEnd);
    assert_eq!(decode_frame(&[0; 8], LOG, 64), FrameAt::CleanEnd);
    assert!(matches!(decode_frame(&[1; 8], LOG, 64), FrameAt::Bad(_)));
}

#[test]
fn a_synced_position_that_does_not_fit_is_a_lower_one() {
    let far = FrameMeta { synced: LogPosition { segment: SegmentId(1), offset: 1 << 40 }, ..meta() };
    let mut out = Vec::new();
    append_frame(&mut out, &far, LOG, 64, b"");
    let FrameAt::Frame(frame) = decode_frame(&out, LOG, 64) else { panic!("a frame") };
    assert_eq!(frame.meta.synced.offset, u64::from(u32::MAX) * 8);
}

#[test]
fn the_stated_length_is_that_of_the_frame() {
    let mut out = Vec::new();
    append_frame(&mut out, &meta(), LOG, 64, b"a payload of 23 bytes..");
    assert_eq!(stated_frame_len(&out, LOG), Some(out.len() as u64));
    assert_eq!(stated_frame_len(&out, LogId(LOG.0 + 1)), None, "of another life");
    assert_eq!(stated_frame_len(&out[..31], LOG), None, "cut short");
}
