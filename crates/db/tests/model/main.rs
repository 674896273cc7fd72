//! The bookkeeping of the write path under every interleaving that a scheduler comes up with: who leads and in which order groups
//! go on, what the log says is durable, and what room memtables have left.
//!
//! This crate compiles the very files of the commit queue (`src/commit/line.rs` and `ticket.rs`), of the log's written and synced
//! end (`src/wal/sync.rs`) and of the reserved room (`src/reserved.rs`), but against a [`sync`] of its own, in which each access is a point where shuttle may switch threads,
//! and against a [`wal::file`] that knows which of its bytes a power loss would leave. No thread of a model tries again
//! until something changes: a scheduler that favours it would never let that happen.
//!
//! ```text
//! cargo test -p esker --test model
//! MODEL_SCHEDULES=20000 cargo test --release -p esker --test model
//! ```
//!
//! Its story: a sync between the start of a segment and the move of the written end took the old segment's end for the new
//! one's, and no test that did not look for just that saw it.
#![allow(
    dead_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests, and files of the library that are compiled a second time"
)]

mod sync;

/// The files under test.
#[path = "../../src"]
mod library {
    pub(crate) mod commit {
        pub(crate) mod line;
        pub(crate) mod ticket;
    }
    pub(crate) mod reserved;
    pub(crate) mod wal {
        pub(crate) mod sync;
    }
}

/// As much of the errors as the file under test makes.
mod error {
    use std::sync::Arc;

    #[derive(Clone, Debug)]
    pub(crate) enum Error {
        Indeterminate { source: Arc<std::io::Error> },
    }

    pub(crate) type Result<T> = std::result::Result<T, Error>;
}

/// As much of the options as tickets name.
mod options {
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub(crate) enum Durability {
        Buffered,
        Os,
        Sync,
    }
}

pub(crate) use library::commit;

mod wal {
    pub(crate) use crate::library::wal::sync;

    /// The file of a segment, as the device has it.
    pub(crate) mod file {
        use std::io;
        use std::ops::Range;

        use crate::sync::Mutex;

        #[derive(Debug, Default)]
        pub(crate) struct LogFile {
            bytes: Mutex<Bytes>,
        }

        #[derive(Debug, Default)]
        struct Bytes {
            /// The operating system has it up to here.
            written: u64,
            /// These the device has.
            durable: Vec<Range<u64>>,
        }

        impl LogFile {
            pub(crate) fn write_to(&self, end: u64) {
                self.bytes.lock().unwrap().written = end;
            }

            /// Makes durable what is written of the range, at some moment after the call.
            pub(crate) fn sync(&self, range: Range<u64>) -> io::Result<()> {
                shuttle::thread::yield_now();
                let mut bytes = self.bytes.lock().unwrap();
                let end = range.end.min(bytes.written);
                bytes.durable.push(range.start..end);
                Ok(())
            }

            /// Whether a power loss would leave the whole range.
            pub(crate) fn is_durable(&self, range: &Range<u64>) -> bool {
                let durable = &self.bytes.lock().unwrap().durable;
                range.clone().all(|byte| durable.iter().any(|range| range.contains(&byte)))
            }
        }
    }
}

mod line;
mod protocol;
mod room;
