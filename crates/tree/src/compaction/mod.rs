//! Compaction: deciding what to merge, and what a merge may leave out.
//!
//! ```text
//! Shape ──CompactionStrategy::pick──► Plan ──(a job)──► entries ──DropStream──► tables cut by OutputCutter
//! ```
//!
//! 1. [`picker`]: the [`Shape`](picker::Shape) of a tree, the [`Plan`](picker::Plan) and the trait between them.
//! 2. [`leveled`]: the default strategy.
//!    [`major`]: the one for a compaction of everything; `within`: for one of a key range.
//! 3. [`check`]: the rules that every plan obeys.
//! 4. [`limits`]: what a plan leaves beside and below its inputs, hence what its output may forget.
//! 5. [`stream`]: the one place that decides which entries are left out.
//!    [`filter`]: what the owner of the tree has left out, or changed.
//!    [`readers`]: who can still read; [`fragments`]: the range tombstones of a merge.
//! 6. [`cut`]: where an output table ends.
//!
//! Everything here is a pure function of its arguments: no I/O, no locks, no clock.
//!
//! Not here: running a plan and installing its outcome.

pub mod check;
pub mod cut;
pub mod filter;
pub mod fragments;
pub mod leveled;
pub mod limits;
pub mod major;
pub mod picker;
pub mod readers;
pub mod stream;
pub(crate) mod within;
