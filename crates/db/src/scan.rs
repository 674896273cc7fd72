//! Range reads: an iterator over one keyspace, from both ends.
//!
//! A [`Scan`] owns the point in time that it shows: flushes, compactions, even dropping the keyspace or closing the
//! database leave it alone, and its files live until it is dropped (INV-KEYSPACE-4).
//!
//! Not here: merging memtables and tables (`esker_tree`).

use std::sync::Arc;

use esker_mem::slice::{UserKey, UserValue};

use crate::error::{Error, Result};
use crate::snapshot::Guards;
use crate::state::KeyspaceState;

/// The entries of a range, ascending from the front, descending from the back.
///
/// An error is the last item.
pub struct Scan {
    keyspace: Arc<KeyspaceState>,
    source: Source,
    _guards: Option<Arc<Guards>>,
}

enum Source {
    Range(Box<esker_tree::Range>),
    Failed(Error),
    Ended,
}

impl Scan {
    pub(crate) fn new(keyspace: Arc<KeyspaceState>, opened: Result<esker_tree::Range>) -> Self {
        let source = match opened {
            Ok(range) => Source::Range(Box::new(range)),
            Err(error) => Source::Failed(error),
        };
        Self { keyspace, source, _guards: None }
    }

    /// A scan of nothing.
    pub(crate) fn empty(keyspace: Arc<KeyspaceState>) -> Self {
        Self { keyspace, source: Source::Ended, _guards: None }
    }

    /// The scan keeps a snapshot alive.
    pub(crate) fn holding(mut self, guards: Arc<Guards>) -> Self {
        self._guards = Some(guards);
        self
    }

    /// Makes `next` yield the first key of the range at or after `key`; the back end starts anew at its bound.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let db = esker::Database::open(folder.path())?;
    /// for key in ["a", "c", "e"] {
    ///     db.put(key, "value")?;
    /// }
    /// let mut scan = db.iter();
    /// scan.seek("b")?;
    /// assert_eq!(&*scan.next().expect("c")?.0, b"c");
    /// scan.seek_for_prev("d")?;
    /// assert_eq!(&*scan.next_back().expect("c")?.0, b"c");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of reading; the error with which the scan failed to begin.
    pub fn seek(&mut self, key: impl AsRef<[u8]>) -> Result<()> {
        self.reposition(|range| range.seek_to(key.as_ref()))
    }

    /// Makes `next_back` yield the last key of the range at or before `key`; the front end starts anew at its bound.
    ///
    /// # Errors
    /// As [`Scan::seek`].
    pub fn seek_for_prev(&mut self, key: impl AsRef<[u8]>) -> Result<()> {
        self.reposition(|range| range.seek_to_for_prev(key.as_ref()))
    }

    fn reposition(
        &mut self,
        seek: impl FnOnce(&mut esker_tree::Range) -> esker_tree::Result<()>,
    ) -> Result<()> {
        match &mut self.source {
            Source::Range(range) => seek(range).map_err(|error| self.keyspace.error(error)),
            Source::Failed(_) => match std::mem::replace(&mut self.source, Source::Ended) {
                Source::Failed(error) => Err(error),
                _ => Ok(()),
            },
            Source::Ended => Ok(()),
        }
    }

    #[inline]
    fn step(
        &mut self,
        step: impl FnOnce(&mut esker_tree::Range) -> Option<esker_tree::EntryGuard>,
    ) -> Option<Result<(UserKey, UserValue)>> {
        match &mut self.source {
            Source::Range(range) => {
                let entry = step(range)?.into_inner();
                Some(entry.map_err(|error| self.keyspace.error(error)))
            }
            Source::Failed(_) | Source::Ended => match std::mem::replace(&mut self.source, Source::Ended) {
                Source::Failed(error) => Some(Err(error)),
                _ => None,
            },
        }
    }
}

impl Iterator for Scan {
    type Item = Result<(UserKey, UserValue)>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        self.step(Iterator::next)
    }
}

impl DoubleEndedIterator for Scan {
    #[inline]
    fn next_back(&mut self) -> Option<Self::Item> {
        self.step(DoubleEndedIterator::next_back)
    }
}

impl std::iter::FusedIterator for Scan {}

impl std::fmt::Debug for Scan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Scan").field("keyspace", &self.keyspace.name).finish_non_exhaustive()
    }
}
