//! What `/proc/self` tells: peak anonymous memory, sampled, and bytes written.

use std::fs;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

/// A thread that watches anonymous memory every 20 ms.
pub struct Sampler {
    stop: Arc<AtomicBool>,
    peak: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

impl Sampler {
    /// Starts watching.
    pub fn start() -> Sampler {
        let stop = Arc::new(AtomicBool::new(false));
        let peak = Arc::new(AtomicU64::new(0));
        let thread = spawn({
            let (stop, peak) = (Arc::clone(&stop), Arc::clone(&peak));
            move || {
                while !stop.load(Ordering::Relaxed) {
                    peak.fetch_max(anonymous_bytes().unwrap_or(0), Ordering::Relaxed);
                    sleep(Duration::from_millis(20));
                }
            }
        });
        Sampler { stop, peak, thread }
    }

    /// Ends it and gives the peak in bytes.
    pub fn stop(self) -> u64 {
        self.stop.store(true, Ordering::Relaxed);
        let _ended = self.thread.join();
        self.peak.load(Ordering::Relaxed)
    }
}

fn anonymous_bytes() -> io::Result<u64> {
    Ok(field(&fs::read_to_string("/proc/self/status")?, "RssAnon:") * 1024)
}

/// Bytes that this process caused to be sent to storage so far.
pub fn bytes_written() -> io::Result<u64> {
    Ok(field(&fs::read_to_string("/proc/self/io")?, "write_bytes:"))
}

fn field(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    line.and_then(|rest| rest.split_whitespace().next()).and_then(|number| number.parse().ok()).unwrap_or(0)
}
