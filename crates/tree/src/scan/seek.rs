//! Seeking within a range, both ways, and looking at the key that comes next.
//!
//! A key that was looked at is *pending*: the end stands on it, and the next step yields it without moving.
//!
//! Not here: stepping ([`super`]).

use std::cmp::Ordering;
use std::ops::Bound;

use crate::error::Result;
use crate::scan::{Range, Stand};

/// Seeking. A seek begins anew: it also takes the other end back to its bound, and what was yielded may be yielded
/// again. After an error of a seek the range is at its end; another seek may succeed.
impl Range {
    /// Makes [`Iterator::next`] yield the first key of the range at or after `key`.
    ///
    /// ```
    /// # use esker_tree::{Config, SeqNo, SequenceNumberCounter};
    /// # let folder = tempfile::tempdir()?;
    /// # let seqno = SequenceNumberCounter::default();
    /// # let tree = Config::new(&folder, seqno.clone(), SequenceNumberCounter::default()).open()?;
    /// for key in ["a", "c", "e"] {
    ///     tree.insert(key, "value", seqno.next())?;
    /// }
    /// let mut range = tree.iter(SeqNo::MAX)?;
    /// range.seek_to(b"b")?;
    /// assert_eq!(range.peek_key()?, Some(b"c".as_slice()));
    /// range.seek_to_for_prev(b"d")?;
    /// assert_eq!(&*range.next_back().expect("c").key()?, b"c");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Damage and I/O errors of the tables that are read.
    pub fn seek_to(&mut self, key: &[u8]) -> Result<()> {
        self.done = true;
        self.back = None;
        let below = match &self.lower {
            Bound::Unbounded => false,
            Bound::Included(lower) | Bound::Excluded(lower) => {
                self.order.compare(key, lower) != Ordering::Greater
            }
        };
        let cursor = match self.front.take() {
            _ if below => self.at_first()?,
            front => {
                let mut cursor = front.map_or_else(|| self.end(), |front| front.cursor);
                cursor.seek(key)?;
                cursor
            }
        };
        self.front = Some(Box::new(Stand { cursor, pending: true }));
        self.done = false;
        Ok(())
    }

    /// Makes [`DoubleEndedIterator::next_back`] yield the last key of the range at or before `key`.
    ///
    /// # Errors
    ///
    /// As [`Self::seek_to`].
    pub fn seek_to_for_prev(&mut self, key: &[u8]) -> Result<()> {
        self.done = true;
        self.front = None;
        let above = match &self.upper {
            Bound::Unbounded => false,
            Bound::Included(upper) | Bound::Excluded(upper) => {
                self.order.compare(key, upper) != Ordering::Less
            }
        };
        let cursor = match self.back.take() {
            _ if above => self.at_last()?,
            back => {
                let mut cursor = back.map_or_else(|| self.end(), |back| back.cursor);
                cursor.seek_for_prev(key)?;
                cursor
            }
        };
        self.back = Some(Box::new(Stand { cursor, pending: true }));
        self.done = false;
        Ok(())
    }

    /// The key that [`Iterator::next`] would yield. Its value is not touched.
    ///
    /// # Errors
    ///
    /// As [`Self::seek_to`].
    pub fn peek_key(&mut self) -> Result<Option<&[u8]>> {
        if self.done {
            return Ok(None);
        }
        let inside = self.walk_front()?;
        match &mut self.front {
            Some(front) if inside => {
                front.pending = true;
                Ok(Some(front.cursor.key()))
            }
            _ => Ok(None),
        }
    }

    /// The key that [`DoubleEndedIterator::next_back`] would yield. Its value is not touched.
    ///
    /// # Errors
    ///
    /// As [`Self::seek_to`].
    pub fn peek_back_key(&mut self) -> Result<Option<&[u8]>> {
        if self.done {
            return Ok(None);
        }
        let inside = self.walk_back()?;
        match &mut self.back {
            Some(back) if inside => {
                back.pending = true;
                Ok(Some(back.cursor.key()))
            }
            _ => Ok(None),
        }
    }
}
