//! The structures together: what no single one can show.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::cast_possible_truncation,
    reason = "tests fail by panicking, and index what they built"
)]

mod log_files;
mod whole_table;
