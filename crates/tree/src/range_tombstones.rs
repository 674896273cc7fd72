//! Range tombstones: deletions of whole spans of keys, beside the entries.
//!
//! A range tombstone at seqno `t` over `[start, end)` covers every version in that span with a *strictly smaller* seqno,
//! wherever that lies: what is compared is seqnos, never the ages of sources. So a read at bound `R` sees a key unless its
//! newest version below `R` is older than the newest tombstone below `R` that covers the key (INV-RANGE-1).
//!
//! Whoever reads asks one question: *which is the newest tombstone below a bound over this key, and how far does that answer
//! hold?* The answer is a [`Span`](span::Span). Two structures give it:
//!
//! | where | what | |
//! |---|---|---|
//! | memtable | [`Forest`](forest::Forest) | takes tombstones as they come |
//! | run of tables | [`RunTombstones`](run::RunTombstones) | the tables' fragments, one array after the other |
//!
//! A point lookup asks all of them once ([`crate::get`]); a scan keeps the answer and asks again where it ends
//! ([`Cover`](cover::Cover)). A tree without range tombstones pays one look at a flag for all this.
//!
//! Not here: what a merge does with them ([`crate::compaction::fragments`]), and how tables share them out
//! ([`crate::install`]); bytes on disk ([`esker_format::range_tombstones`]).

pub(crate) mod cover;
pub(crate) mod forest;
pub(crate) mod list;
pub(crate) mod run;
pub(crate) mod span;
pub(crate) mod steps;
