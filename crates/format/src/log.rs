//! Log files: the write-ahead log, manifests and catalogs share one framing.
//!
//! A log file is a [`header`] of 64 bytes and then [`frame`]s, each 8-byte aligned, up to the first place where none is.
//! The file may be longer than its frames: preallocated (zeros follow) or recycled (frames of a former life follow). Each
//! life of a file has a random [`crate::ids::LogId`], which every checksum covers together with the frame's offset, so
//! that only frames of this life at their own place count (INV-FMT-8).
//!
//! [`scan`] reads a file's bytes and finds what recovery needs to tell corruption from a torn tail.
//!
//! Not here: what the payloads are ([`crate::batch`], [`crate::manifest`], [`crate::catalog`]), files, and the decisions of
//! recovery.

pub mod frame;
pub mod header;
pub mod scan;
