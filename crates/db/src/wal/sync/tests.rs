//! One sync in flight, shared by all who waited; final failure.

use std::io;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use esker_env::fs::{Access, FsFile};
use esker_env::sync_mode::SyncMode;
use esker_format::ids::SegmentId;
use esker_format::log::frame::LogPosition;

use crate::error::Error;
use crate::options::LogMapping;
use crate::wal::file::LogFile;
use crate::wal::sync::{LogPoint, LogSync};

/// A file that counts syncs and how many run at once.
#[derive(Debug, Default)]
struct CountingFile {
    syncs: AtomicU64,
    running: AtomicUsize,
    most_running: AtomicUsize,
    fails: bool,
}

impl FsFile for CountingFile {
    fn read_at(&self, _: &mut [u8], _: u64) -> io::Result<usize> {
        Ok(0)
    }
    fn write_all_at(&self, _: &[u8], _: u64) -> io::Result<()> {
        Ok(())
    }
    fn sync_data(&self) -> io::Result<()> {
        let running = self.running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_running.fetch_max(running, Ordering::SeqCst);
        thread::yield_now();
        self.syncs.fetch_add(1, Ordering::SeqCst);
        self.running.fetch_sub(1, Ordering::SeqCst);
        if self.fails { Err(io::Error::other("broken")) } else { Ok(()) }
    }
    fn sync_all(&self) -> io::Result<()> {
        self.sync_data()
    }
    fn len(&self) -> io::Result<u64> {
        Ok(0)
    }
    fn set_len(&self, _: u64) -> io::Result<()> {
        Ok(())
    }
    fn preallocate(&self, _: u64, _: u64) -> io::Result<()> {
        Ok(())
    }
    fn punch_hole(&self, _: u64, _: u64) -> io::Result<()> {
        Ok(())
    }
    fn advise(&self, _: Access) -> io::Result<()> {
        Ok(())
    }
}

fn log_file(file: Arc<dyn FsFile>) -> Arc<LogFile> {
    Arc::new(LogFile::new(file, 4096, LogMapping::Auto, SyncMode::Normal))
}

fn point(lsn: u64) -> LogPoint {
    LogPoint { lsn, position: LogPosition { segment: SegmentId(1), offset: lsn }, next_seqno: lsn }
}

#[test]
fn one_sync_is_in_flight_and_shared() {
    // INV-WAL-3
    let file = Arc::new(CountingFile::default());
    let sync = LogSync::new(point(0));
    sync.started_segment(log_file(Arc::clone(&file) as Arc<dyn FsFile>), point(0));
    let written = Mutex::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..200 {
                    let lsn = {
                        let mut written = written.lock().unwrap_or_else(PoisonError::into_inner);
                        *written += 1;
                        sync.wrote(point(*written));
                        *written
                    };
                    assert!(sync.sync_to(lsn).is_ok());
                    assert!(sync.synced().lsn >= lsn);
                }
            });
        }
    });
    assert_eq!(file.most_running.load(Ordering::SeqCst), 1);
    assert!(file.syncs.load(Ordering::SeqCst) <= 1600);
    assert_eq!(sync.synced(), point(1600));
}

#[test]
fn a_sync_covers_earlier_segments() {
    // INV-WAL-4
    let files: Vec<_> = (0..3).map(|_| Arc::new(CountingFile::default())).collect();
    let sync = LogSync::new(point(0));
    for (file, lsn) in files.iter().zip([3, 6, 10]) {
        sync.started_segment(log_file(Arc::clone(file) as Arc<dyn FsFile>), sync.written());
        sync.wrote(point(lsn));
    }
    assert!(sync.sync_to(10).is_ok());
    assert!(files.iter().all(|file| file.syncs.load(Ordering::SeqCst) == 1));
    sync.wrote(point(20));
    assert!(sync.sync_to(20).is_ok());
    let counts: Vec<_> = files.iter().map(|file| file.syncs.load(Ordering::SeqCst)).collect();
    assert_eq!(counts, [1, 1, 2], "complete segments are synced once");
    assert!(sync.sync_to(15).is_ok());
    assert_eq!(sync.syncs(), 2, "what is synced needs no sync");
}

/// A sync between the start of a segment and its first frame took the old segment's end for the new one's: nothing that
/// was written below it in the new segment was synced any more.
#[test]
fn a_sync_right_after_a_rotation_leaves_nothing_out() {
    // INV-WAL-8
    let (old, new) = (Arc::new(CountingFile::default()), Arc::new(CountingFile::default()));
    let sync = LogSync::new(point(0));
    sync.started_segment(log_file(Arc::clone(&old) as Arc<dyn FsFile>), point(0));
    sync.wrote(point(3000));
    let in_new = |lsn: u64, offset| LogPoint {
        lsn,
        position: LogPosition { segment: SegmentId(2), offset },
        next_seqno: lsn,
    };
    sync.started_segment(log_file(Arc::clone(&new) as Arc<dyn FsFile>), in_new(3000, 40));
    assert!(sync.sync_to(3000).is_ok());
    let before = new.syncs.load(Ordering::SeqCst);
    sync.wrote(in_new(3100, 140));
    assert!(sync.sync_to(3100).is_ok());
    assert_eq!(new.syncs.load(Ordering::SeqCst), before + 1, "what lies below the old end is synced too");
}

#[test]
fn a_failed_sync_is_told_to_everyone_for_ever() {
    // INV-LIFE-2
    let sync = LogSync::new(point(0));
    let broken = CountingFile { fails: true, ..CountingFile::default() };
    sync.started_segment(log_file(Arc::new(broken)), point(0));
    sync.wrote(point(10));
    assert!(matches!(sync.sync_to(10), Err(Error::Indeterminate { .. })));
    assert!(matches!(sync.sync_to(5), Err(Error::Indeterminate { .. })));
    assert!(sync.check().is_err());
    assert_eq!(sync.syncs(), 1, "it is not tried again");
}
