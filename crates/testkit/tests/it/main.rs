//! Tests of the test kit as its users see it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

mod conformance;
mod enumeration;
mod toy;
