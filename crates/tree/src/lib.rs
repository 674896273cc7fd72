//! An embedded log-structured merge tree: an ordered map of bytes to bytes with versions, kept in sorted files.
//!
//! This is the bare tree, for those who bring their own log and their own sequence numbers. It keeps what was flushed and
//! nothing else over a crash. For a database that keeps every acknowledged write, take the crate `esker`.
//!
//! # Quick start
//!
//! ```
//! use esker_tree::{Config, SeqNo, SequenceNumberCounter};
//!
//! let folder = tempfile::tempdir()?;
//! let seqno = SequenceNumberCounter::default();
//! let tree = Config::new(&folder, seqno.clone(), SequenceNumberCounter::default()).open()?;
//! tree.insert("key", "value", seqno.next())?;
//! let value = tree.get("key", SeqNo::MAX)?;
//! assert_eq!(value.as_deref(), Some(b"value".as_slice()));
//! tree.flush_active_memtable(0)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # How it works
//!
//! Writes go to the *active memtable*. When it is full it is *sealed* and a new one takes its place. A *flush* writes the
//! oldest sealed memtable to a *table* of level 0; *compactions* merge tables downwards and drop what nobody can see any
//! more. All this happens when the caller says so: [`Tree::flush_oldest`], [`Tree::pick_compaction`].
//!
//! A read at bound `R` sees, of each key, the newest version with a sequence number below `R`. What may be dropped is
//! decided by the *watermark*, the highest number that the caller, the visible counter and the snapshots
//! allow: see [`Tree::snapshot`].
//!
//! Sorted data comes in past the memtables ([`Tree::ingestion`], [`TableWriter`]); a whole tree is forgotten by one edit
//! ([`Tree::clear`]), and doubled for little more than names ([`Tree::create_checkpoint`]).
//!
//! Read the source from [`Tree`]: every method names the file of its verb.

#![forbid(unsafe_code)]

mod admission;
mod apply;
mod batch;
mod cache;
mod checkpoint;
mod compact;
mod compact_all;
mod compact_range;
pub mod compaction;
mod core;
mod cursor;
mod erase;
mod error;
mod estimate;
mod expiry;
mod feed;
mod flush;
mod found;
mod get;
mod history;
mod ingest;
mod install;
mod key_range;
mod memtable;
mod merge_operator;
mod metrics;
mod multi_get;
mod names;
mod open;
mod options;
mod overlaid;
mod overlay;
mod pinnable;
mod policy;
mod prefix_extractor;
mod pressure;
mod range_tombstones;
mod remove_range;
mod routed;
mod routes;
mod runtime;
mod scan;
mod seqno;
mod shape;
mod snapshot;
mod state;
mod stats;
mod table;
mod trace;
mod tree;
mod verify;
mod version;
mod write;

pub use esker_env::clock::{Clock, ManualClock, SystemClock};
pub use esker_env::spawn::{JoinHandle, Spawn, Task};
pub use esker_env::sync_mode::SyncMode;
pub use esker_format::codec::Codec;
pub use esker_format::ids::{RunId, TableId};
pub use esker_format::properties::Properties as TableProperties;
pub use esker_mem::comparator::{ByteOrder, KeyOrder, SharedComparator, UserComparator};
pub use esker_mem::kind::Kind;
pub use esker_mem::memtable::Place;
pub use esker_mem::seqno::{MAX_SEQNO, SeqNo};
pub use esker_mem::slice::{Slice, UserKey, UserValue};

pub use crate::admission::{StorageStats, StorageStatus};
pub use crate::batch::WriteBatch;
pub use crate::cache::descriptors::DescriptorTable;
pub use crate::cache::{Cache, CacheStats};
pub use crate::checkpoint::{CheckpointInfo, PendingCheckpoint};
pub use crate::compact::{CancelToken, CompactionJob, CompactionOutcome};
pub use crate::compaction::filter::{
    CompactionFilter, CompactionFilterFactory, FilterContext, FilterItem, SharedCompactionFilterFactory,
    Verdict,
};
pub use crate::compaction::leveled::Leveled;
pub use crate::compaction::picker::CompactionStrategy;
pub use crate::erase::{DroppedRange, PendingClear};
pub use crate::error::{Error, ErrorKind, MergeError, Result};
pub use crate::estimate::{ApproximateRangeStats, RangeCardinality};
pub use crate::expiry::expires_after;
pub use crate::feed::ScanSince;
pub use crate::feed::cursor::FeedCursor;
pub use crate::feed::event::ScanSinceEvent;
pub use crate::feed::ingested::IngestedTables;
pub use crate::flush::{FlushLock, FlushOutcome};
pub use crate::ingest::files::{IngestMode, IngestOptions};
pub use crate::ingest::load::AnyIngestion;
pub use crate::ingest::prepared::{IngestOutcome, PreparedIngestion};
pub use crate::ingest::writer::{TableFileInfo, TableWriter};
pub use crate::memtable::{Apply, Reservation};
pub use crate::merge_operator::ready_made::{AppendOperator, CounterOperator, MaxOperator};
pub use crate::merge_operator::{MergeOperator, SharedMergeOperator};
pub use crate::metrics::{Counter, CounterValue, Metrics};
pub use crate::options::{Config, ManifestRecoveryMode};
pub use crate::overlay::{Overlay, OverlayMemtable};
pub use crate::pinnable::PinnableSlice;
pub use crate::policy::{
    BlockSizePolicy, CompressionPolicy, FilterPolicy, FilterPolicyEntry, HashRatioPolicy, LevelPolicy,
    PartitioningPolicy, PinningPolicy,
};
pub use crate::prefix_extractor::{
    DelimitedPrefix, FixedPrefix, MAX_PREFIX_BYTES, MAX_PREFIXES, PrefixExtractor, SharedPrefixExtractor,
    ready_made_extractor,
};
pub use crate::pressure::Backpressure;
pub use crate::range_tombstones::span::RangeDelete;
pub use crate::remove_range::{PrefixRange, prefix_range};
pub use crate::routed::owner::routed_folders;
pub use crate::routes::LevelRoute;
pub use crate::runtime::{BackpressureThresholds, RuntimeConfig, Threshold};
pub use crate::scan::Range;
pub use crate::scan::batch_range::BatchRange;
pub use crate::scan::guard::{EntryGuard, Guard, KvPair};
pub use crate::seqno::{SequenceNumberCounter, SequenceNumberGenerator, SharedSequenceNumberGenerator};
pub use crate::snapshot::Snapshot;
pub use crate::stats::{LevelStats, MemtableStats, SegmentStats, TableInfo};
pub use crate::table::deletion::FileDeletion;
pub use crate::trace::{Trace, TracedRangeTombstone, TracedVersion, VersionPlace};
pub use crate::tree::Tree;
pub use crate::tree::overlaid::Overlaid;
pub use crate::verify::{Damage, VerifyReport};
