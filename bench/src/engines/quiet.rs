//! Waiting for engines that cannot say whether they work in the background: until nothing has gone on for a while.
//!
//! What goes on is seen from outside, in the bytes that the process writes and the processor time that it takes, and in what
//! the engine itself can tell. An engine that is never quiet is waited for as long as patience lasts.

use std::thread::sleep;
use std::time::{Duration, Instant};

use esker_testkit::process::written_bytes;

use crate::engine::Settled;

/// Quiet for this long means settled.
const QUIET: Duration = Duration::from_millis(300);
/// Time between two looks.
const LOOK: Duration = Duration::from_millis(5);
/// A processor that worked for less than this in a quiet interval did no compaction.
const IDLE: Duration = Duration::from_millis(60);
/// Nobody is waited for longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// Waits until nothing is written, hardly any time is taken and `is_busy` says no, all for a while.
pub fn wait(mut is_busy: impl FnMut() -> bool) -> Settled {
    let started = Instant::now();
    let (mut since, mut written, mut taken) = (started, written_bytes(), processor_time());
    loop {
        sleep(LOOK);
        let (now_written, now_taken) = (written_bytes(), processor_time());
        if is_busy() || now_written != written || now_taken.saturating_sub(taken) > IDLE {
            (since, written, taken) = (Instant::now(), now_written, now_taken);
        }
        let overhead = since.elapsed();
        if overhead >= QUIET || started.elapsed() >= PATIENCE {
            return Settled { overhead, idle: overhead >= QUIET };
        }
    }
}

/// Processor time of this process.
fn processor_time() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::from_secs(now.tv_sec.unsigned_abs()) + Duration::from_nanos(now.tv_nsec.unsigned_abs())
}
