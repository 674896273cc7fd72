//! Test support for the esker storage engine. Private: never published, never in a build of the engine.
//!
//! | module | what it gives |
//! |---|---|
//! | [`conformance`] | one suite of file system behaviour, run against every `Fs` |
//! | [`fault_fs`] | a file system that fails, lies and loses power, deterministically |
//! | [`oracle`] | models of a database: states, versions, what a recovery may find |
//! | [`enumerate`] | drives an engine through a crash at every call, and through what follows |
//! | [`workload`] | seeded keys, values and operations |
//! | `model` (with the feature of that name) | code under every interleaving of its threads |
//! | [`histogram`], [`process`] | latencies; memory and bytes written |
//!
//! Nothing here knows the engine: it is driven through a small trait of this crate's own, so that the engine's
//! crates can take this one as a dev-dependency.

#![forbid(unsafe_code)]

pub mod conformance;
pub mod enumerate;
pub mod fault_fs;
pub mod histogram;
#[cfg(feature = "model")]
pub mod model;
pub mod oracle;
pub mod process;
pub mod workload;
