//! The protocol between the memtable's writer and its readers, and the book-keeping of the pool of buffers, under every
//! interleaving that a scheduler comes up with.
//!
//! This crate compiles the very files of the arena, the memtable and the pool, but against a [`sync`] of its own: each
//! atomic access is a point where shuttle may switch threads, and nodes have four slots, so that a dozen keys make a
//! tree of three levels. It runs with the other tests:
//!
//! ```text
//! cargo test -p esker-mem --test model
//! MODEL_SCHEDULES=20000 cargo test --release -p esker-mem --test model
//! ```
//!
//! The memtable's check is one and the strongest: the writer inserts operation `i` with sequence number `i` and then publishes
//! `i + 1`; a reader takes the published bound and must find exactly what the first so many operations amount to, by get, by
//! seek, and by scans in both directions, whatever is inserted meanwhile.
//!
//! Shuttle's memory is sequentially consistent: what it explores is the protocol, not the orderings of single
//! accesses, which `tests/it/concurrent.rs` can only sample on the processor at hand.
#![allow(
    dead_code,
    unreachable_pub,
    unused_imports,
    missing_docs,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::semicolon_if_nothing_returned,
    reason = "tests, and files of the library that are compiled a second time"
)]

mod sync;

/// The files under test.
#[path = "../../src"]
mod library {
    pub(crate) mod arena;
    pub(crate) mod buffer {
        use std::ptr::NonNull;

        use pool::BufferPool;

        pub(crate) mod pool;

        /// As a buffer takes memory.
        pub(crate) fn take(pool: &BufferPool, bytes: usize) -> Option<(NonNull<u8>, usize)> {
            pool.take(bytes)
        }

        /// As a buffer gives it back.
        pub(crate) fn give_back(pool: &BufferPool, address: NonNull<u8>, bytes: usize) {
            pool.give_back(address, bytes);
        }
    }
    pub(crate) mod huge_pages;
    pub(crate) mod memtable;
}

pub(crate) use esker_mem::{comparator, head, kind, prefetch, seqno};
pub(crate) use library::{arena, buffer, huge_pages, memtable};

mod pool;
mod protocol;
