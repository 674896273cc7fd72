//! The sorted memtable: many entries that are known at once, sorted once and never changed.
//!
//! It is what recovery makes of a log: sorting a vector costs a fraction of inserting into a tree, and most of the work
//! is done by as many threads as there are. Readers use it like a sealed [`Memtable`](crate::memtable::Memtable).
//!
//! ```text
//!   Section ─┐                       ┌─ Portion (codes 0 .. a)  ─┐
//!   Section ─┼─ sorted ─► Assembly ──┼─ Portion (codes a .. b)  ─┼─► SortedMemtable
//!   Section ─┘                       └─ Portion (codes b ..)    ─┘
//! ```
//!
//! 1. Each thread fills [`Section`]s of its own: a record is copied behind the one before it, and an *entry* of 16 bytes
//!    says where it is and holds the [code](KeyCode) of its key. Sections are sorted as they are finished.
//! 2. An [`Assembly`] cuts all sections at the same codes. Each [`Portion`] between two cuts is merged and settled on its
//!    own: entries with equal codes are put in order by their keys, and those of one key newest first.
//! 3. The portions, side by side, are the memtable.
//!
//! Sorting goes into buckets by codes first: those of keys that are spread evenly are spread evenly, too. Beside the records,
//! entries are all the memory that a sorted memtable takes.
//!
//! Copying each record out of the window that a log is read through is cheaper than keeping the log: frames and the
//! entries of others are left behind, less fresh memory is touched, and nothing is shared between keyspaces.
//!
//! Not here: threads; reading logs.

mod assembly;
mod cursor;
mod entry;
mod key_code;
mod section;
mod sort;
mod table;

pub use assembly::{Assembly, MAX_SECTIONS};
pub use cursor::SortedCursor;
pub use key_code::KeyCode;
pub use section::{Section, SpareRoom, TooLong};
pub use table::{Portion, SortedMemtable};
