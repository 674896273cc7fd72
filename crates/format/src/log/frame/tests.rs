use super::*;
use crate::log::frame::decode::{decode_frame, decode_next_frame, stated_frame_len};
use crate::test_bytes::{damaged, example};
use esker_mem::seqno::MAX_SEQNO;

const LOG: LogId = LogId(0x1122_3344_5566_7788);

fn meta() -> FrameMeta {
    FrameMeta { first_seqno: 7, count: 1, synced: LogPosition { segment: SegmentId(3), offset: 64 } }
}

#[test]
fn example_decodes_and_encodes_again() {
    let golden = example(include_str!("../frame.rs"));
    let mut out = Vec::new();
    let mut carry = None;
    append_next_frame(&mut out, &meta(), LOG, 64, b"put", &mut carry);
    let next = FrameMeta { first_seqno: 8, count: 2, ..meta() };
    append_next_frame(&mut out, &next, LOG, 112, b"and so on", &mut carry);
    assert_eq!(out, golden, "{:02x?} {:02x?}", &out[..8], &out[48..56]);
    let full = Frame { meta: meta(), offset: 64, header_bytes: 40, payload: b"put" };
    assert_eq!(decode_frame(&golden, LOG, 64), FrameAt::Frame(full));
    assert_eq!(full.end(), 112);
    let short = Frame { meta: next, offset: 112, header_bytes: 8, payload: b"and so on" };
    assert_eq!(decode_next_frame(&golden[48..], LOG, 112, Some(full.carry())), FrameAt::Frame(short));
    assert_eq!(short.end(), 64 + golden.len() as u64);
    let mut in_place = b"before".to_vec();
    let start = begin_frame(&mut in_place);
    in_place.extend_from_slice(b"put");
    finish_frame(&mut in_place, start, &meta(), LOG, 64);
    assert_eq!(in_place[6..], golden[..48]);
}

/// What frames carry from each other, written and read: a full frame wherever something new is to be said, or 4 KiB begin.
#[test]
fn frames_say_what_is_new_and_leave_out_the_rest() {
    let mut random = fastrand::Rng::with_seed(62);
    let (mut file, mut written) = (Vec::new(), Vec::new());
    let (mut carry, mut next_seqno, mut synced) = (None, 5, meta().synced);
    for _ in 0..2_000 {
        let offset = file.len() as u64;
        let mut says_more = written.last().is_none_or(|(_, before, _)| before / 4096 != offset / 4096);
        if random.u8(..20) == 0 {
            // Numbers were burnt.
            (next_seqno, says_more) = (next_seqno + 3, true);
        }
        if random.u8(..20) == 0 {
            (synced.offset, says_more) = (synced.offset + 8, true);
        }
        let count = *random.choice(&[1, 1, 1, 1, 2, 15, 0, 16]).unwrap();
        let meta = FrameMeta { first_seqno: next_seqno, count, synced };
        let payload: Vec<u8> = (0..random.usize(..200)).map(|_| random.u8(..)).collect();
        append_next_frame(&mut file, &meta, LOG, offset, &payload, &mut carry);
        next_seqno += u64::from(count);
        let header_bytes = if says_more || !(1..=15).contains(&count) { 40 } else { 8 };
        written.push((Frame { meta, offset, header_bytes, payload: &[] }, offset, payload));
    }
    let mut before = None;
    for (frame, offset, payload) in &written {
        let at = usize::try_from(*offset).unwrap();
        let frame = Frame { payload, ..*frame };
        assert_eq!(decode_next_frame(&file[at..], LOG, *offset, before), FrameAt::Frame(frame));
        let alone = decode_frame(&file[at..], LOG, *offset);
        assert_eq!(matches!(alone, FrameAt::Frame(_)), frame.header_bytes == 40, "alone at {offset}");
        before = Some(frame.carry());
    }
    let short = written.iter().filter(|(frame, ..)| frame.header_bytes == 8).count();
    assert!((400..1500).contains(&short), "{short}");
}

/// INV-FMT-11: behind any other frame than its own a short one says nothing.
#[test]
fn a_short_frame_counts_only_behind_the_frame_it_was_written_behind() {
    let mut carry = Some(Carry::new(&meta(), 64));
    let mut out = Vec::new();
    append_next_frame(&mut out, &FrameMeta { first_seqno: 8, ..meta() }, LOG, 112, b"next", &mut carry);
    assert_eq!(out.len(), 16);
    let at = |before: FrameMeta, from| decode_next_frame(&out, LOG, 112, Some(Carry::new(&before, from)));
    assert!(matches!(at(meta(), 64), FrameAt::Frame(_)));
    let later = FrameMeta { first_seqno: 8, ..meta() };
    let synced = FrameMeta { synced: LogPosition { segment: SegmentId(3), offset: 72 }, ..meta() };
    assert!(matches!(at(later, 64), FrameAt::Bad(_)), "another seqno");
    assert!(matches!(at(synced, 64), FrameAt::Bad(_)), "another synced position");
    assert!(matches!(at(meta(), 4096), FrameAt::Bad(_)), "another 4 KiB");
    assert!(matches!(decode_frame(&out, LOG, 112), FrameAt::Bad(_)), "no frame");
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
            FrameAt::Frame(Frame { meta, offset, header_bytes: FRAME_HEADER_BYTES, payload: &payload })
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

/// INV-FMT-8: and of a short one.
#[test]
fn damage_to_a_short_frame_is_noticed() {
    let mut carry = Some(Carry::new(&meta(), 64));
    let mut sample = Vec::new();
    append_next_frame(&mut sample, &FrameMeta { first_seqno: 8, ..meta() }, LOG, 112, b"payload", &mut carry);
    let before = Some(Carry::new(&meta(), 64));
    damaged(&sample, |bytes| match decode_next_frame(bytes, LOG, 112, before) {
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
    assert_eq!(stated_frame_len(&out, LOG, false), Some(out.len() as u64));
    assert_eq!(stated_frame_len(&out, LogId(LOG.0 + 1), false), None, "of another life");
    assert_eq!(stated_frame_len(&out[..31], LOG, false), None, "cut short");
    let (mut short, mut carry) = (Vec::new(), Some(Carry::new(&meta(), 64)));
    append_next_frame(&mut short, &FrameMeta { first_seqno: 8, ..meta() }, LOG, 112, b"next!", &mut carry);
    assert_eq!(stated_frame_len(&short, LOG, true), Some(16));
    assert_eq!(stated_frame_len(&short, LOG, false), None, "behind nothing");
}
