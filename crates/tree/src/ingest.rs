//! Ingestion: sorted data becomes tables at once, past log and memtables.
//!
//! ```text
//! AnyIngestion (load) ─────────┐
//!                              ├─► PreparedIngestion ─ a place, a number, one edit ─► part of the tree
//! TableWriter ─ file ─ files ──┘
//! ```
//!
//! All of it is read at once when it is installed, and durable; a crash finds all of it or nothing (INV-INGEST-1).

pub(crate) mod ascending;
pub(crate) mod files;
pub(crate) mod load;
pub(crate) mod prepared;
mod ranges;
pub(crate) mod writer;
