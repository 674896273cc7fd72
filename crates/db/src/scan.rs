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
    Range(esker_tree::Range),
    Failed(Error),
    Ended,
}

impl Source {
    /// What a scan that did not begin has to say: its error, once.
    #[cold]
    fn take_failure(&mut self) -> Option<Error> {
        match std::mem::replace(self, Self::Ended) {
            Self::Failed(error) => Some(error),
            _ => None,
        }
    }
}

impl Scan {
    pub(crate) fn new(keyspace: Arc<KeyspaceState>, opened: Result<esker_tree::Range>) -> Self {
        let source = match opened {
            Ok(range) => Source::Range(range),
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

    /// The next key and its value, lent until the scan moves; `None` is the end. For who looks at entries and lets them go
    /// this is the cheapest way: nothing is counted, allocated or copied for it, and the iterator's slices are not made.
    ///
    /// ```
    /// # let folder = tempfile::tempdir()?;
    /// # let db = esker::Database::open(folder.path())?;
    /// # for key in ["a", "c", "e"] { db.put(key, "value")?; }
    /// let mut scan = db.scan("b"..);
    /// let mut bytes = 0;
    /// while let Some((key, value)) = scan.next_ref()? {
    ///     bytes += key.len() + value.len();
    /// }
    /// assert_eq!(bytes, 12);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of reading, the error with which the scan failed to begin included. After one there is nothing more.
    #[inline(always)]
    pub fn next_ref(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        match &mut self.source {
            Source::Range(range) => match range.advance() {
                Ok(true) => Ok(range.front()),
                Ok(false) => Ok(None),
                Err(error) => Err(self.keyspace.error(error)),
            },
            other => other.take_failure().map_or(Ok(None), Err),
        }
    }

    /// The next key from the back, and its value, as [`Scan::next_ref`].
    ///
    /// # Errors
    /// As there.
    #[inline(always)]
    pub fn next_back_ref(&mut self) -> Result<Option<(&[u8], &[u8])>> {
        match &mut self.source {
            Source::Range(range) => match range.advance_back() {
                Ok(true) => Ok(range.back()),
                Ok(false) => Ok(None),
                Err(error) => Err(self.keyspace.error(error)),
            },
            other => other.take_failure().map_or(Ok(None), Err),
        }
    }

    /// The key that `next` would yield; its value is not touched. `None` is the end.
    ///
    /// # Errors
    /// Those of reading; the error with which the scan failed to begin.
    pub fn peek_key(&mut self) -> Result<Option<&[u8]>> {
        match &mut self.source {
            Source::Range(range) => range.peek_key().map_err(|error| self.keyspace.error(error)),
            other => other.take_failure().map_or(Ok(None), Err),
        }
    }

    /// The key that `next_back` would yield, as [`Scan::peek_key`].
    ///
    /// # Errors
    /// As there.
    pub fn peek_back_key(&mut self) -> Result<Option<&[u8]>> {
        match &mut self.source {
            Source::Range(range) => range.peek_back_key().map_err(|error| self.keyspace.error(error)),
            other => other.take_failure().map_or(Ok(None), Err),
        }
    }

    fn reposition(
        &mut self,
        seek: impl FnOnce(&mut esker_tree::Range) -> esker_tree::Result<()>,
    ) -> Result<()> {
        match &mut self.source {
            Source::Range(range) => seek(range).map_err(|error| self.keyspace.error(error)),
            other => other.take_failure().map_or(Ok(()), Err),
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
            other => other.take_failure().map(Err),
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
