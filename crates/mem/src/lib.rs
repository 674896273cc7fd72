//! Memory structures of the esker storage engine: pinned byte slices, the arena, the memtable.
//!
//! The floor under every other crate. From the bottom up:
//!
//! * [`seqno`], [`kind`], [`comparator`], [`head`]: what a key and a version are and how they compare;
//! * [`buffer`]: bytes and their count of references in one allocation: a cached block;
//! * [`mod@slice`]: immutable byte strings that are cheap to clone;
//! * [`arena`]: fixed regions of memory, recycled, in which offsets stand for pointers;
//! * [`memtable`]: the ordered index of recent writes, with one writer at a time and lock-free readers;
//! * [`sorted_memtable`]: many entries at once, sorted by as many threads as there are, for recovery.
//!
//! Nothing here does I/O or knows of files, blocks or logs. Unsafe code is fenced into `buffer.rs`, `buffer/pool.rs`,
//! `slice.rs`, `arena/region.rs`, `memtable/entry.rs`, (hints to processor and system) `prefetch.rs` and `huge_pages.rs`, and
//! (one claim about types) `memtable/node.rs`.

pub mod arena;
pub mod buffer;
pub mod comparator;
pub mod head;
mod huge_pages;
pub mod kind;
pub mod memtable;
pub mod prefetch;
pub mod seqno;
pub mod slice;
pub mod sorted_memtable;
mod sync;
