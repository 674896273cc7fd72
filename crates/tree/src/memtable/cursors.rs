//! The cursors of memtables as the tree's own kind of cursor. None of them ever fails.
//!
//! Not here: how they walk ([`esker_mem::memtable`], [`esker_mem::sorted_memtable`]).

use esker_mem::kind::Kind;
use esker_mem::memtable::MemtableCursor;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;
use esker_mem::sorted_memtable::SortedCursor;

use crate::cursor::Cursor;
use crate::error::Result;

/// Goes behind what a skip of a sorted memtable passes over; always moves.
macro_rules! skip_in_memory {
    ($cursor:ident, $to:ident, $seek:ident, $seek_to_end:ident, $leave:ident) => {{
        match $to {
            Some(key) => $cursor.$seek(key),
            None => {
                $cursor.$seek_to_end();
                $cursor.$leave();
            }
        }
        Ok(true)
    }};
}

/// A memtable's cursor never fails.
impl Cursor for MemtableCursor {
    #[inline]
    fn valid(&self) -> bool {
        MemtableCursor::valid(self)
    }

    fn seek_to_first(&mut self) -> Result<()> {
        MemtableCursor::seek_to_first(self);
        Ok(())
    }

    fn seek_to_last(&mut self) -> Result<()> {
        MemtableCursor::seek_to_last(self);
        Ok(())
    }

    fn seek(&mut self, key: &[u8]) -> Result<()> {
        MemtableCursor::seek(self, key);
        Ok(())
    }

    fn seek_for_prev(&mut self, key: &[u8]) -> Result<()> {
        MemtableCursor::seek_for_prev(self, key);
        Ok(())
    }

    fn skip_forward(&mut self, to: Option<&[u8]>, below: SeqNo) -> Result<bool> {
        Ok(MemtableCursor::skip_forward(self, to, below))
    }

    fn skip_backward(&mut self, to: Option<&[u8]>, below: SeqNo) -> Result<bool> {
        Ok(MemtableCursor::skip_backward(self, to, below))
    }

    #[inline]
    fn next(&mut self) -> Result<()> {
        MemtableCursor::next(self);
        Ok(())
    }

    #[inline]
    fn prev(&mut self) -> Result<()> {
        MemtableCursor::prev(self);
        Ok(())
    }

    #[inline]
    fn key(&self) -> &[u8] {
        MemtableCursor::key(self)
    }

    #[inline]
    fn head(&self) -> u64 {
        MemtableCursor::head(self)
    }

    #[inline]
    fn seqno(&self) -> SeqNo {
        MemtableCursor::seqno(self)
    }

    #[inline]
    fn kind(&self) -> Kind {
        MemtableCursor::kind(self)
    }

    #[inline]
    fn value(&self) -> &[u8] {
        MemtableCursor::value(self)
    }

    /// A copy: pinning the value would pin the whole arena.
    #[inline]
    fn value_slice(&self) -> Slice {
        Slice::new(MemtableCursor::value(self))
    }
}

/// A sorted memtable's cursor never fails either.
impl Cursor for SortedCursor {
    #[inline]
    fn valid(&self) -> bool {
        SortedCursor::valid(self)
    }

    fn seek_to_first(&mut self) -> Result<()> {
        SortedCursor::seek_to_first(self);
        Ok(())
    }

    fn seek_to_last(&mut self) -> Result<()> {
        SortedCursor::seek_to_last(self);
        Ok(())
    }

    fn seek(&mut self, key: &[u8]) -> Result<()> {
        SortedCursor::seek(self, key);
        Ok(())
    }

    fn seek_for_prev(&mut self, key: &[u8]) -> Result<()> {
        SortedCursor::seek_for_prev(self, key);
        Ok(())
    }

    fn skip_forward(&mut self, to: Option<&[u8]>, below: SeqNo) -> Result<bool> {
        if SortedCursor::highest_seqno(self).is_none_or(|highest| highest >= below) {
            return Ok(false);
        }
        let cursor: &mut SortedCursor = self;
        skip_in_memory!(cursor, to, seek, seek_to_last, next)
    }

    fn skip_backward(&mut self, to: Option<&[u8]>, below: SeqNo) -> Result<bool> {
        if SortedCursor::highest_seqno(self).is_none_or(|highest| highest >= below) {
            return Ok(false);
        }
        let cursor: &mut SortedCursor = self;
        skip_in_memory!(cursor, to, seek_for_prev, seek_to_first, prev)
    }

    #[inline]
    fn next(&mut self) -> Result<()> {
        SortedCursor::next(self);
        Ok(())
    }

    #[inline]
    fn prev(&mut self) -> Result<()> {
        SortedCursor::prev(self);
        Ok(())
    }

    #[inline]
    fn key(&self) -> &[u8] {
        SortedCursor::key(self)
    }

    #[inline]
    fn head(&self) -> u64 {
        SortedCursor::head(self)
    }

    #[inline]
    fn seqno(&self) -> SeqNo {
        SortedCursor::seqno(self)
    }

    #[inline]
    fn kind(&self) -> Kind {
        SortedCursor::kind(self)
    }

    #[inline]
    fn value(&self) -> &[u8] {
        SortedCursor::value(self)
    }

    /// A copy: pinning the value would pin its chunk.
    #[inline]
    fn value_slice(&self) -> Slice {
        Slice::new(SortedCursor::value(self))
    }
}
