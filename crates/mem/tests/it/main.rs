//! Behaviour of the memtable as its users see it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::semicolon_if_nothing_returned,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

mod arena;
mod common;
mod concurrent;
mod model;
mod room;
mod scenarios;
mod skip;
mod sorted;
