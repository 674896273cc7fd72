//! On-disk structures of the esker storage engine: bytes ↔ structs, and nothing that reads or writes files.
//!
//! No I/O, no locks, no clock. **One file of this crate is one structure on disk, and its module text is the specification**:
//! byte table, limits, checksum scope, what a reader does with damage, version history, and an annotated example in hex
//! which a test decodes and encodes again.
//!
//! | | |
//! |---|---|
//! | words | [`error`] [`limits`] [`ids`] [`checksum`] [`varint`] [`codec`] [`reader`] [`mod@column`] [`tagged`] [`sorted_heads`] [`expiry`] |
//! | envelope | [`block`]: around every block of every file |
//! | blocks | [`data_block`] [`index_block`] [`filter`] [`range_tombstones`] [`properties`] |
//! | log | [`batch`] in frames of a [`log`] |
//! | files | [`table`] [`table_checksum`] [`manifest`] [`catalog`] [`current`] [`file_name`] |
//!
//! Every decoder takes hostile bytes: it returns a [`error::DecodeError`] and never panics, loops or takes more memory than
//! a stated multiple of its input. All numbers are little-endian unless a varint.
#![forbid(unsafe_code)]

pub mod batch;
pub mod block;
pub mod catalog;
pub mod checksum;
pub mod codec;
pub mod column;
pub mod current;
pub mod data_block;
pub mod error;
pub mod expiry;
pub mod file_name;
pub mod filter;
pub mod ids;
pub mod index_block;
pub mod limits;
pub mod log;
pub mod manifest;
pub mod partitions;
pub mod properties;
pub mod range_tombstones;
pub mod reader;
pub mod sorted_heads;
pub mod table;
pub mod table_checksum;
pub mod tagged;
#[cfg(test)]
mod test_bytes;
pub mod varint;
