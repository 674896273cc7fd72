//! Threads that take and give back while pages are closed: no run is given out twice, and whatever is in use is held.

use std::ops::Range;
use std::sync::Arc;

use esker_testkit::model::{catches, explore, schedules};

use crate::buffer::pool::BufferPool;
use crate::buffer::{give_back, take};
use crate::huge_pages::HUGE_PAGE;
use crate::sync::{Fault, Mutex};

/// In use throughout, so that the region stays while its other page comes and goes.
const KEPT: usize = HUGE_PAGE / 5 * 4;
/// One finds room beside another of its size in a page, three do not.
const LARGE: usize = HUGE_PAGE / 5 * 2;
const SMALL: usize = 128;

/// The pool, and what is in use of it.
struct Pool {
    pool: BufferPool,
    live: Mutex<Vec<Range<usize>>>,
}

impl Pool {
    /// Takes room, checks that nobody else has it, and gives it back.
    fn use_once(&self, bytes: usize) {
        let Some((address, taken)) = take(&self.pool, bytes) else { return };
        let here = address.addr().get()..address.addr().get() + taken;
        {
            let mut live = self.live.lock().unwrap();
            let is_shared = live.iter().any(|other| other.start < here.end && here.start < other.end);
            assert!(!is_shared, "two buffers share bytes");
            live.push(here.clone());
            let in_use: usize = live.iter().map(Range::len).sum();
            assert!(in_use <= self.pool.held_bytes(), "a page went back to the system that is in use");
        }
        self.live.lock().unwrap().retain(|other| *other != here);
        give_back(&self.pool, address, taken);
    }
}

fn model() {
    let pool = Arc::new(Pool { pool: BufferPool::new(2 * HUGE_PAGE), live: Mutex::new(Vec::new()) });
    let (kept, kept_bytes) = take(&pool.pool, KEPT).unwrap();
    let users: Vec<_> = [[LARGE, SMALL], [SMALL, LARGE]]
        .into_iter()
        .map(|sizes| {
            let pool = Arc::clone(&pool);
            shuttle::thread::spawn(move || sizes.into_iter().for_each(|bytes| pool.use_once(bytes)))
        })
        .collect();
    pool.pool.close_emptiest_page();
    pool.use_once(LARGE);
    for user in users {
        user.join().unwrap();
    }
    give_back(&pool.pool, kept, kept_bytes);
    assert_eq!((pool.pool.held_bytes(), pool.pool.closing_bytes()), (0, 0), "what is empty is given back");
}

/// INV-MEM-15.
#[test]
fn no_run_is_given_out_twice_and_what_is_in_use_is_held() {
    explore(model, schedules(400));
}

/// INV-MEM-15: a page that was empty a moment ago may be in use again.
#[test]
fn the_model_catches_a_page_that_is_seen_empty_and_given_back_later() {
    assert!(catches(Fault::FreesInTwoSteps, model));
}

/// A page that was in use a moment ago may be gone: it would count as closing for ever.
#[test]
fn the_model_catches_a_page_that_is_picked_and_closed_later() {
    assert!(catches(Fault::ClosesInTwoSteps, model));
}
