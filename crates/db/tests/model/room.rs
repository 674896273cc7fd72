//! Writers that reserve under one lock and apply under another: nobody is promised room that is not there.

use std::sync::Arc;

use esker_testkit::model::{catches, explore, schedules};

use crate::library::reserved::Reserved;
use crate::sync::{AtomicUsize, Fault, Mutex, Ordering, is_planted};

/// Entries that the memtable takes, and how many each writer brings: three of the four groups fit.
const CAPACITY: usize = 6;
const GROUP: usize = 2;
const GROUPS: usize = 4;

/// The two locks of the pipeline, and a memtable that counts.
#[derive(Default)]
struct Stage {
    log: Mutex<()>,
    apply: Mutex<()>,
    reserved: Reserved,
    filled: AtomicUsize,
}

impl Stage {
    /// One group; whether there was room for it. One without room gives up, as the next memtable is not modelled.
    fn commit(&self) -> bool {
        let log = self.log.lock().unwrap();
        let early = self.filled.load(Ordering::Acquire);
        let (others, _) = self.reserved.take(GROUP, GROUP * 10);
        let filled =
            if is_planted(Fault::AsksForRoomFirst) { early } else { self.filled.load(Ordering::Acquire) };
        if filled + others + GROUP > CAPACITY {
            self.reserved.cancel(GROUP, GROUP * 10);
            return false;
        }
        let applying = self.apply.lock().unwrap();
        drop(log);
        if is_planted(Fault::ReleasesBeforeApplying) {
            self.reserved.release(GROUP, GROUP * 10);
        }
        for _ in 0..GROUP {
            let filled = self.filled.load(Ordering::Acquire) + 1;
            assert!(filled <= CAPACITY, "an entry without room");
            self.filled.store(filled, Ordering::Release);
        }
        if !is_planted(Fault::ReleasesBeforeApplying) {
            self.reserved.release(GROUP, GROUP * 10);
        }
        drop(applying);
        true
    }
}

fn model() {
    let stage = Arc::new(Stage::default());
    let writers: Vec<_> = (0..2)
        .map(|_| {
            let stage = Arc::clone(&stage);
            shuttle::thread::spawn(move || (0..GROUPS / 2).filter(|_| stage.commit()).count())
        })
        .collect();
    let committed: usize = writers.into_iter().map(|writer| writer.join().unwrap()).sum();
    assert_eq!(stage.filled.load(Ordering::Acquire), committed * GROUP);
    assert_eq!(stage.reserved.take(0, 0), (0, 0), "nothing stays promised");
    assert!(committed < GROUPS);
}

#[test]
fn room_is_promised_once() {
    // INV-COMMIT-1, INV-COMMIT-22
    explore(model, schedules(2000));
}

/// INV-COMMIT-22: a group that applies and releases between the two questions counts in neither answer.
#[test]
fn the_model_catches_asking_for_room_before_what_is_reserved() {
    assert!(catches(Fault::AsksForRoomFirst, model));
}

/// INV-COMMIT-22: room that is released before it is filled looks free.
#[test]
fn the_model_catches_room_released_before_it_is_filled() {
    assert!(catches(Fault::ReleasesBeforeApplying, model));
}
