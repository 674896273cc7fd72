//! Looking for the next good frame behind damage, over any stretch of zeros.

use std::path::Path;
use std::sync::Arc;

use esker_env::fs::{Fs, OpenOptions, SharedFs};
use esker_env::memory::MemFs;
use esker_format::ids::LogId;
use esker_format::log::frame::{FrameMeta, append_frame};

use super::{FRAMES_START, Scan, Scanned, WINDOW_BYTES};

const LOG: LogId = LogId(0x1234_5678_9abc_def0);

/// A segment with `damage` at the start, then zeros, then a frame at `at`, then zeros.
fn segment(at: u64, damage: &[u8]) -> SharedFs {
    let fs = Arc::new(MemFs::new());
    let file = fs.open(Path::new("1.log"), &OpenOptions::create_new()).unwrap();
    file.set_len(at + 5000).unwrap();
    file.write_all_at(damage, FRAMES_START).unwrap();
    let mut frame = Vec::new();
    append_frame(&mut frame, &FrameMeta::default(), LOG, at, b"payload");
    file.write_all_at(&frame, at).unwrap();
    fs
}

#[test]
fn a_frame_behind_zeros_is_found_wherever_it_begins() {
    let window = WINDOW_BYTES as u64;
    let near_windows = [window, 2 * window].into_iter().flat_map(|end| (end - 80..end + 80).step_by(8));
    let near_start = (FRAMES_START + 8..FRAMES_START + 96).step_by(8);
    for at in near_start.chain(near_windows).chain([window / 2 + 1024 * 8]) {
        for damage in [b"x".as_slice(), b"12345678"] {
            let fs = segment(at, damage);
            let mut scan = Scan::open(&fs, Path::new("1.log"), LOG, None).unwrap();
            assert!(matches!(scan.next().unwrap(), Scanned::Bad), "at {at}");
            assert!(scan.skip_to_next_frame().unwrap(), "at {at}");
            assert_eq!(scan.offset(), at);
            assert!(matches!(scan.next().unwrap(), Scanned::Frame { payload: b"payload", .. }));
            assert!(!scan.skip_to_next_frame().unwrap(), "nothing behind it");
            assert_eq!(scan.offset(), at + 5000);
        }
    }
}
