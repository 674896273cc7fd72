//! Sources of a range read that are seldom there: a memtable that a recovery sorted, an overlay's, and whatever lies under the range
//! deletes of one.
//!
//! They are one source among three and not two among four, since a match with four arms becomes a jump through a table, which
//! a scan of runs would pay at every entry: 6 % (`cargo bench -p esker-tree --bench tree -- settled/scan`).

use esker_mem::kind::Kind;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;
use esker_mem::sorted_memtable::SortedCursor;

use crate::cursor::Cursor;
use crate::error::Result;
use crate::overlay::OverlayCursor;
use crate::scan::under::Under;

/// A source that is seldom there.
#[allow(clippy::large_enum_variant, reason = "it is boxed as a whole, and there are few")]
pub(crate) enum Seldom {
    Sorted(SortedCursor),
    Overlay(OverlayCursor),
    Under(Under),
}

macro_rules! on_seldom {
    ($self:ident, $cursor:ident => $call:expr) => {
        match $self {
            Seldom::Sorted($cursor) => $call,
            Seldom::Overlay($cursor) => $call,
            Seldom::Under($cursor) => $call,
        }
    };
}

impl Cursor for Seldom {
    fn valid(&self) -> bool {
        on_seldom!(self, c => c.valid())
    }

    fn seek_to_first(&mut self) -> Result<()> {
        on_seldom!(self, c => Cursor::seek_to_first(c))
    }

    fn seek_to_last(&mut self) -> Result<()> {
        on_seldom!(self, c => Cursor::seek_to_last(c))
    }

    fn seek(&mut self, key: &[u8]) -> Result<()> {
        on_seldom!(self, c => Cursor::seek(c, key))
    }

    fn seek_for_prev(&mut self, key: &[u8]) -> Result<()> {
        on_seldom!(self, c => Cursor::seek_for_prev(c, key))
    }

    fn next(&mut self) -> Result<()> {
        on_seldom!(self, c => Cursor::next(c))
    }

    fn prev(&mut self) -> Result<()> {
        on_seldom!(self, c => Cursor::prev(c))
    }

    fn skip_forward(&mut self, to: Option<&[u8]>, below: SeqNo) -> Result<bool> {
        on_seldom!(self, c => Cursor::skip_forward(c, to, below))
    }

    fn skip_backward(&mut self, to: Option<&[u8]>, below: SeqNo) -> Result<bool> {
        on_seldom!(self, c => Cursor::skip_backward(c, to, below))
    }

    fn key(&self) -> &[u8] {
        on_seldom!(self, c => c.key())
    }

    fn head(&self) -> u64 {
        on_seldom!(self, c => c.head())
    }

    fn seqno(&self) -> SeqNo {
        on_seldom!(self, c => c.seqno())
    }

    fn kind(&self) -> Kind {
        on_seldom!(self, c => c.kind())
    }

    fn value(&self) -> &[u8] {
        on_seldom!(self, c => c.value())
    }

    fn value_slice(&self) -> Slice {
        on_seldom!(self, c => c.value_slice())
    }
}
