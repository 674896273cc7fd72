//! The facade: every verb of a tree, one line each.
//!
//! | to | open |
//! |---|---|
//! | ask for room, set limits, change settings while open | `tree/admission.rs` |
//! | write, reserve room, take a memtable over | `tree/write.rs` |
//! | read keys | `tree/read.rs` |
//! | read ranges | `tree/range.rs` |
//! | read with a write set on top | `tree/overlaid.rs` |
//! | write what expires, read as of a time | `tree/expiry.rs` |
//! | flush and compact | `tree/maintain.rs` |
//! | forget or rewrite a part of it | `tree/erase.rs` |
//! | bring sorted data in | `tree/ingest.rs` |
//! | make a second one of it | `tree/checkpoint.rs` |
//! | look at it | `tree/inspect.rs` |
//! | follow changes | `tree/feed.rs` |
//! | estimate a range, see the versions of a key | `tree/estimate.rs` |
//!
//! Not here: any logic. Each method names the file that does the work.

mod admission;
mod checkpoint;
mod erase;
mod estimate;
mod expiry;
mod feed;
mod ingest;
mod inspect;
mod maintain;
pub(crate) mod overlaid;
mod range;
mod read;
mod write;

use std::sync::Arc;

use crate::core::Core;
use crate::error::Result;
use crate::expiry::ReadTime;
use crate::open;
use crate::options::Config;

/// An ordered map of bytes to bytes, in memory and in files, with versions.
///
/// Clones are handles to the same tree. All methods may be called from any number of threads. A read at bound `R` sees
/// the entries with a smaller sequence number; [`crate::SeqNo::MAX`] reads the latest.
///
/// Open one with [`crate::Config::open`].
#[derive(Clone)]
pub struct Tree(pub(crate) Arc<Core>, pub(crate) ReadTime);

impl std::fmt::Debug for Tree {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tree").field("path", &self.0.path()).finish_non_exhaustive()
    }
}

impl Config {
    /// Opens the tree, or makes a new one in an empty or missing folder.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Locked`] if it is open elsewhere, [`crate::Error::NotATree`] if the folder holds other files,
    /// [`crate::Error::WrongComparator`] under another order, [`crate::Error::WrongMergeOperator`] with another operator, [`crate::Error::Corrupt`] or [`crate::Error::MissingFile`]
    /// for damage, and what the file system says. A failed open deletes nothing.
    pub fn open(self) -> Result<Tree> {
        Ok(Tree(Arc::new(open::open(self)?), ReadTime::OF_BOUND))
    }
}
