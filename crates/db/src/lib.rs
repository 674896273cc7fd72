//! An embedded, ordered key-value database: fast, crash-safe, pure Rust.
//!
//! ```
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("my.db");
//! let db = esker::Database::open(&path)?;
//! db.put(b"user:1", b"alice")?;
//! assert_eq!(db.get(b"user:1")?.as_deref(), Some(b"alice".as_slice()));
//! for entry in db.scan(b"user:".as_slice()..b"user;".as_slice()) {
//!     let (key, value) = entry?;
//!     println!("{key:?} = {value:?}");
//! }
//! db.delete(b"user:1")?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What there is
//!
//! * [`Database`]: open, read, write, close. Its methods act on the *default keyspace*.
//! * [`Keyspace`]: a named map of its own, with its own options ([`Database::keyspace`]).
//! * [`WriteBatch`]: writes over any keyspaces that happen together or not at all.
//! * [`Snapshot`]: all keyspaces as they were at one moment.
//! * [`Database::changes_since`]: every operation from a moment on, and then as they are committed.
//! * [`Database::report`] and [`Database::prometheus`]: what there is and what was done, for people and for monitors.
//! * [`Keyspace::ingestion`] and [`TableWriter`]: sorted data in bulk, past the log.
//! * [`Database::checkpoint`]: a second database of this moment, for little more than names.
//! * [`Durability`]: how long an acknowledged write is sure to live; one per write, or a default for all.
//! * [`Error`], with [`Error::kind`] for code that reacts.
//!
//! All handles are cheap to clone and may be used from any number of threads. The database is closed when the last
//! of them is dropped, or by [`Database::close`], which can report.
//!
//! # What is promised
//!
//! What was acknowledged is there after a crash, to the level asked for: `Sync` survives a power loss, `Os` a killed
//! process. What is found is a prefix of the order of commits: no holes, no half batches. A reader never sees half a batch
//! either. Damage on disk is reported with file and offset, and never served as data.
//!
//! # How it works, and where to read
//!
//! A write goes `database.rs` → `write.rs` → `commit.rs` (the protocol in prose, then the code in its order) →
//! `wal/writer.rs` for the log and `esker_tree` for the memtable. A read goes `database.rs` → `keyspace.rs` →
//! `esker_tree`. Opening is `recover.rs`; flushes, compactions and the sync timer are `background.rs`.

#![forbid(unsafe_code)]
#![cfg_attr(
    test,
    allow(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::cast_possible_truncation,
        reason = "tests may fail loudly"
    )
)]

mod background;
mod backpressure;
mod batch;
mod builder;
mod catalog;
mod changes;
mod checkpoint;
mod commit;
mod core;
mod database;
mod deletions;
mod erase;
mod error;
mod handle;
mod health;
mod history;
mod ingest;
mod ingested;
mod keyspace;
mod keyspaces;
mod limits;
mod options;
mod parallel;
mod prometheus;
mod range_deletes;
mod recover;
mod replay;
mod report;
mod reserved;
mod routes;
mod scan;
mod signal;
mod snapshot;
mod state;
mod stats;
mod sync;
mod trees;
mod upkeep;
mod wal;
mod write;
mod write_batch;

pub use esker_env::clock::{Clock, ManualClock, SystemClock};
pub use esker_env::fs::SharedFs;
pub use esker_env::os::OsFs;
pub use esker_env::sync_mode::SyncMode;
pub use esker_mem::comparator::{ByteOrder, SharedComparator, UserComparator};
pub use esker_mem::slice::{Slice, UserKey, UserValue};
pub use esker_tree::{
    AppendOperator, BackpressureThresholds, BlockSizePolicy, CacheStats, Codec, CompactionFilter,
    CompactionFilterFactory, CompressionPolicy, CounterOperator, CounterValue, DelimitedPrefix, DroppedRange,
    FilterContext, FilterItem, FilterPolicy, FilterPolicyEntry, FixedPrefix, HashRatioPolicy, IngestMode,
    IngestOptions, IngestOutcome, LevelPolicy, LevelRoute, LevelStats, MaxOperator, MemtableStats,
    MergeError, MergeOperator, PartitioningPolicy, PinnableSlice, PinningPolicy, PrefixExtractor, RunId,
    RuntimeConfig, SegmentStats, SharedCompactionFilterFactory, SharedMergeOperator, SharedPrefixExtractor,
    StorageStats, StorageStatus, TableFileInfo, TableId, TableInfo, TableProperties, TableWriter, Threshold,
    Verdict,
};

pub use crate::builder::Builder;
pub use crate::changes::Changes;
pub use crate::changes::change::{Change, ChangeOperation};
pub use crate::checkpoint::CheckpointInfo;
pub use crate::database::Database;
pub use crate::error::{Error, ErrorKind, Result};
pub use crate::ingest::Ingestion;
pub use crate::keyspace::Keyspace;
pub use crate::keyspace::snapshot::Snapshot;
#[doc(hidden)]
pub use crate::options::PlantedBug;
pub use crate::options::{Durability, KeyspaceOptions, LogMapping, RecoveryMode};
pub use crate::scan::Scan;
pub use crate::stats::{KeyspaceStats, Stats};
pub use crate::write_batch::WriteBatch;
