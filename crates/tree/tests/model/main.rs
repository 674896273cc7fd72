//! The slots of cached blocks and the store that weighs the blocks, under every interleaving that a scheduler comes up with.
//!
//! This crate compiles the very file of the slots (`src/cache/slots.rs`), but against a [`cache::slot`] in which each access is
//! a point where shuttle may switch threads, and a [`cache::store`] of one block that lets the older one go.
//!
//! ```text
//! cargo test -p esker-tree --test model
//! MODEL_SCHEDULES=20000 cargo test --release -p esker-tree --test model
//! ```
#![allow(
    dead_code,
    unreachable_pub,
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests, and files of the library that are compiled a second time"
)]

/// The files under test.
#[path = "../../src"]
mod library {
    pub(crate) mod cache {
        pub(crate) mod key;
        pub(crate) mod part;
        pub(crate) mod slots;
        pub(crate) mod stored;
    }
}

mod cache;
mod slots;
