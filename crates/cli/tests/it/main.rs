//! The program as people and scripts use it: every test starts the real binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests"
)]

mod harness;
mod inspection;
mod kill;
mod pipes;
mod refusals;
mod rows;
mod tour;
mod values;
