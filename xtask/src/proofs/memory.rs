//! The peak of this process's resident memory, sampled by a thread.
//!
//! Anonymous memory is what a budget can bound; file-backed memory is the kernel's to drop and is told beside it.
//! Where the system does not tell, both stay zero.
//!
//! The benchmark takes this file as it stands.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use esker_testkit::process::resident_memory;

/// How often the thread looks.
const INTERVAL: Duration = Duration::from_millis(10);

/// Peaks of resident memory in bytes.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Peak {
    /// Heap, stacks and other memory with no file behind it.
    pub(crate) anonymous: u64,
    /// Mapped files.
    pub(crate) file: u64,
}

/// A thread that watches resident memory.
pub(crate) struct Sampler {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    anonymous: AtomicU64,
    file: AtomicU64,
}

impl Sampler {
    /// Starts watching.
    pub(crate) fn start() -> Sampler {
        let shared = Arc::new(Shared::default());
        let thread = spawn({
            let shared = Arc::clone(&shared);
            move || {
                while !shared.stop.load(Ordering::Relaxed) {
                    shared.look();
                    sleep(INTERVAL);
                }
                shared.look();
            }
        });
        Sampler { shared, thread }
    }

    /// Stops watching and tells the peaks.
    pub(crate) fn stop(self) -> Peak {
        self.shared.stop.store(true, Ordering::Relaxed);
        let _ended = self.thread.join();
        Peak {
            anonymous: self.shared.anonymous.load(Ordering::Relaxed),
            file: self.shared.file.load(Ordering::Relaxed),
        }
    }
}

impl Shared {
    fn look(&self) {
        if let Some(memory) = resident_memory() {
            self.anonymous.fetch_max(memory.anonymous_bytes, Ordering::Relaxed);
            self.file.fetch_max(memory.file_bytes, Ordering::Relaxed);
        }
    }
}
