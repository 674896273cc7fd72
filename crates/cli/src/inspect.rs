//! Reading the files of a database without opening it: for `dump` and `verify`.
//!
//! Nothing here takes a lock, writes, or trusts a byte. Each reader hands out the parts of one kind of file, and for each part
//! either what it holds or what is wrong with it ([`flaw::Flaw`]), so that damage in one part does not hide the others.
//!
//! Not here: what is printed ([`crate::dump`]), and what is compared ([`crate::verify`]).

pub(crate) mod file;
pub(crate) mod flaw;
pub(crate) mod log;
pub(crate) mod table;
