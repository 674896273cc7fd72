//! One writer over three segments, two who sync: whatever is said to be synced would survive a power loss.

use std::ops::Range;
use std::sync::Arc;

use esker_format::ids::SegmentId;
use esker_format::log::frame::LogPosition;
use esker_testkit::model::{catches, explore, schedules};

use crate::sync::{Fault, Mutex};
use crate::wal::file::LogFile;
use crate::wal::sync::{LogPoint, LogSync};

/// Frames of each segment, longest segment first: a later one lies below the end of the one before it.
const FRAMES: [u64; 3] = [3, 2, 1];
const FRAME_BYTES: u64 = 2;
/// Where the frames of a segment begin.
const START: u64 = 1;

/// A written frame: its file, where in it, and the end in `lsn`.
type Frame = (Arc<LogFile>, Range<u64>, u64);

struct Log {
    sync: LogSync,
    frames: Mutex<Vec<Frame>>,
}

impl Log {
    fn new() -> (Arc<Self>, Arc<LogFile>) {
        let first = Arc::new(LogFile::default());
        let start = point(0, 1, START);
        let log = Arc::new(Self { sync: LogSync::new(start), frames: Mutex::new(Vec::new()) });
        log.sync.started_segment(Arc::clone(&first), start);
        (log, first)
    }

    /// Writes all segments: what the writer of the log does under its lock.
    fn write(&self, first: Arc<LogFile>) {
        let mut file = first;
        let mut lsn = 0;
        for (id, frames) in (1..).zip(FRAMES) {
            let mut offset = START;
            if id > 1 {
                file = Arc::new(LogFile::default());
                self.sync.started_segment(Arc::clone(&file), point(lsn, id, offset));
            }
            for _ in 0..frames {
                let range = offset..offset + FRAME_BYTES;
                (offset, lsn) = (range.end, lsn + FRAME_BYTES);
                file.write_to(offset);
                self.frames.lock().unwrap().push((Arc::clone(&file), range, lsn));
                self.sync.wrote(point(lsn, id, offset));
            }
        }
    }

    /// Every frame up to `lsn` would survive.
    fn check(&self, lsn: u64) {
        let frames = self.frames.lock().unwrap().clone();
        for (file, range, end) in frames.iter().filter(|(_, _, end)| *end <= lsn) {
            assert!(file.is_durable(range), "the frame that ends at {end} is said to be synced");
        }
    }

    /// Syncs what is written, as a `Sync` writer or the timer does, and checks what is claimed then.
    fn sync_and_check(&self) {
        let written = self.sync.written();
        self.sync.sync_to(written.lsn).unwrap();
        self.check(written.lsn);
        let claimed = self.sync.synced();
        assert!(claimed.lsn >= written.lsn);
        self.check(claimed.lsn);
    }
}

fn point(lsn: u64, segment: u32, offset: u64) -> LogPoint {
    LogPoint { lsn, position: LogPosition { segment: SegmentId(segment), offset }, next_seqno: lsn }
}

fn model() {
    let (log, first) = Log::new();
    let syncers: Vec<_> = (0..2)
        .map(|_| {
            let log = Arc::clone(&log);
            shuttle::thread::spawn(move || {
                log.sync_and_check();
                log.sync_and_check();
            })
        })
        .collect();
    log.write(first);
    for syncer in syncers {
        syncer.join().unwrap();
    }
    log.sync_and_check();
    assert_eq!(log.sync.synced().lsn, FRAMES.iter().sum::<u64>() * FRAME_BYTES, "and nothing is left out");
}

#[test]
fn what_is_said_to_be_synced_survives_a_power_loss() {
    // INV-COMMIT-21, INV-WAL-3, INV-WAL-4
    explore(model, schedules(1000));
}

/// INV-COMMIT-21: a sync between the two steps takes the old segment's end for the new one's.
#[test]
fn the_model_catches_a_segment_that_starts_in_two_steps() {
    assert!(catches(Fault::StartsInTwoSteps, model));
}

/// INV-COMMIT-21: a sync does not cover what was written after it passed by.
#[test]
fn the_model_catches_a_sync_that_counts_for_what_came_later() {
    assert!(catches(Fault::CoversWhatCameLater, model));
}
