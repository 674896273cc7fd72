//! `verify`: every file of a database against its specification and against the others.
//!
//! The database stays closed: only its lock is held, so that no file comes or goes meanwhile. Each kind of file has its checker;
//! each finding is a line with the file, the place and the problem, and no finding ends the verification of the rest.
//!
//! Not here: the walk over the directories ([`database`]), readers of files ([`crate::inspect`]).

pub(crate) mod database;
pub(crate) mod findings;
mod log;
mod table;
mod tree;
