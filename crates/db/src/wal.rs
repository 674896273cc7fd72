//! The write-ahead log: what makes an acknowledged write survive.
//!
//! | file | |
//! |---|---|
//! | [`file`] | the file of a segment: copying into its map, or writing |
//! | [`segment`] | the files: made ahead of need, removed when nothing needs them |
//! | [`sync`] | how far the log is written and synced; the one sync in flight |
//! | [`writer`] | appending frames, rotating, going on after a failed write |
//! | [`follow`] | reading the log on while it is written |
//! | [`scan`] | the frames of one segment, front to back |
//! | [`secure`] | making durable what a recovery is about to rely on |
//! | [`reader`] | which segments count, where the log ends, torn tail or corruption |

pub(crate) mod file;
pub(crate) mod follow;
pub(crate) mod reader;
pub(crate) mod scan;
pub(crate) mod secure;
pub(crate) mod segment;
pub(crate) mod sync;
pub(crate) mod writer;

// Not declared in `sync.rs`, which the model test compiles without them.
#[cfg(test)]
#[path = "wal/sync/tests.rs"]
mod sync_tests;
#[cfg(test)]
pub(crate) mod testing;
