//! Integration tests of the bare tree.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "tests fail by panicking"
)]

mod admission;
mod api;
mod batches;
mod block_copies;
mod checkpoint;
mod checksums;
mod comparators;
mod concurrency;
mod dense_deletes;
mod erase;
mod expiry;
mod faults;
mod feed;
mod files;
mod filters;
mod ingest;
mod introspection;
mod jobs;
mod merges;
mod model;
mod names;
mod overlays;
mod own_log;
mod partitions;
mod prefixes;
mod ranges;
mod reads;
mod routes;
mod sealed;
mod settings;
mod snapshots;
mod tables;
mod upkeep;
mod weak_deletes;
