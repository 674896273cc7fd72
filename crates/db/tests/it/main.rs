//! Tests of the database as its users see it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests may fail loudly"
)]

mod basics;
mod changes;
mod checkpoint;
mod concurrency;
mod crash;
mod deletions;
mod erase;
mod expiry;
mod ingest;
mod kill;
mod merges;
mod model;
mod observability;
mod prefixes;
mod range_deletes;
mod reads;
mod recovery;
mod refusals;
mod replay;
mod replica;
mod routes;
mod settings;
mod states;
mod sync_mode;
