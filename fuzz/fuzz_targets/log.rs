//! Log files: headers, frames, and the scan behind a bad frame, with true frames among the input's bytes.

#![no_main]

use esker_format::checksum::checksum64;
use esker_format::ids::{LogId, SegmentId};
use esker_format::log::frame::{
    FrameAt, FrameMeta, LogPosition, append_frame, append_next_frame,
};
use esker_format::log::frame::decode::{decode_frame, decode_next_frame};
use esker_format::log::header::LogHeader;
use esker_format::log::scan::LogBytes;
use libfuzzer_sys::fuzz_target;

const LOG: LogId = LogId(0x1122_3344_5566_7788);

fuzz_target!(|data: &[u8]| {
    let _ = LogHeader::decode(data);
    if let Some(covered) = data.first_chunk::<56>() {
        let forged = [covered.as_slice(), &checksum64(covered).to_le_bytes()].concat();
        if let Ok(header) = LogHeader::decode(&forged) {
            assert_eq!(header.encode().to_vec(), forged);
        }
    }
    let _ = decode_frame(data, LOG, 64);
    let log = LogBytes::new(data, 64, LOG);
    let _ = log.frames(64).count();
    let _ = log.claims_synced(64, LogPosition::default());
    // A true frame at an aligned place among the bytes is found, unless the scan gives up.
    let split = data.len() / 2 / 8 * 8;
    let meta =
        FrameMeta { first_seqno: 5, count: 1, synced: LogPosition { segment: SegmentId(9), offset: 8 } };
    let mut file = data[..split].to_vec();
    append_frame(&mut file, &meta, LOG, split as u64, data);
    let FrameAt::Frame(frame) = decode_frame(&file[split..], LOG, split as u64) else {
        panic!("a true frame")
    };
    assert_eq!((frame.payload, frame.meta), (data, meta));
    // And a short one behind it, from any bytes and from true ones.
    let (next, before) = (FrameMeta { first_seqno: 6, ..meta }, Some(frame.carry()));
    let place = file.len() as u64;
    let _ = decode_next_frame(data, LOG, place, before);
    append_next_frame(&mut file, &next, LOG, place, data, &mut before.clone());
    let FrameAt::Frame(frame) = decode_next_frame(&file[place as usize..], LOG, place, before) else {
        panic!("a true frame")
    };
    assert_eq!((frame.payload, frame.meta), (data, next));
    let found = LogBytes::new(&file, 0, LOG).claims_synced(0, LogPosition::default());
    assert!(found.is_err() || found.is_ok_and(|frame| frame.is_some()));
});
