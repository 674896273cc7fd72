//! A table: one immutable file of sorted entries. Written once ([`writer`]), looked up ([`reader`]) and walked
//! ([`cursor`]) any number of times. The file's layout is [`esker_format::table`].

pub(crate) mod checksum;
pub(crate) mod cursor;
pub(crate) mod cuts;
pub(crate) mod deletion;
pub(crate) mod describe;
pub(crate) mod filter_keys;
pub(crate) mod parts;
pub(crate) mod reader;
pub(crate) mod sequence;
pub(crate) mod writer;
