//! What a range read merges: memtables and runs, told apart by a match and not by a table of functions.

use esker_format::data_block::walk::{Glide, Stretch};
use esker_mem::kind::Kind;
use esker_mem::memtable::MemtableCursor;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;

use crate::cursor::Cursor;
use crate::error::Result;
use crate::memtable::EitherMemtable;
use crate::overlay::OverlayCursor;
use crate::scan::seldom::Seldom;
use crate::scan::under::Under;
use crate::version::run_cursor::RunCursor;

/// One source of a range read.
#[allow(clippy::large_enum_variant, reason = "most sources are runs, and boxes would be an allocation each")]
pub(crate) enum Source {
    /// Apart, since it is large: the others are moved with it when a scan begins.
    Memtable(Box<MemtableCursor>),
    /// Whatever is seldom there.
    Seldom(Box<Seldom>),
    Run(RunCursor),
}

impl From<OverlayCursor> for Source {
    fn from(cursor: OverlayCursor) -> Self {
        Self::Seldom(Box::new(Seldom::Overlay(cursor)))
    }
}

impl From<Under> for Source {
    fn from(cursor: Under) -> Self {
        Self::Seldom(Box::new(Seldom::Under(cursor)))
    }
}

impl From<&EitherMemtable> for Source {
    fn from(memtable: &EitherMemtable) -> Self {
        match memtable {
            EitherMemtable::Growing(memtable) => Self::Memtable(Box::new(memtable.cursor())),
            EitherMemtable::Sorted { memtable, .. } => {
                Self::Seldom(Box::new(Seldom::Sorted(memtable.cursor())))
            }
        }
    }
}

macro_rules! on_source {
    (&$self:ident, $cursor:ident => $call:expr) => {
        on_source!($self, $cursor, &**$cursor, $call)
    };
    (&mut $self:ident, $cursor:ident => $call:expr) => {
        on_source!($self, $cursor, &mut **$cursor, $call)
    };
    ($self:ident, $cursor:ident, $unboxed:expr, $call:expr) => {
        match $self {
            Source::Memtable($cursor) => {
                let $cursor = $unboxed;
                $call
            }
            Source::Seldom($cursor) => {
                let $cursor = $unboxed;
                $call
            }
            Source::Run($cursor) => $call,
        }
    };
}

impl Cursor for Source {
    #[inline]
    fn valid(&self) -> bool {
        on_source!(&self, c => c.valid())
    }

    fn seek_to_first(&mut self) -> Result<()> {
        on_source!(&mut self, c => Cursor::seek_to_first(c))
    }

    fn seek_to_last(&mut self) -> Result<()> {
        on_source!(&mut self, c => Cursor::seek_to_last(c))
    }

    fn seek(&mut self, key: &[u8]) -> Result<()> {
        on_source!(&mut self, c => Cursor::seek(c, key))
    }

    fn seek_for_prev(&mut self, key: &[u8]) -> Result<()> {
        on_source!(&mut self, c => Cursor::seek_for_prev(c, key))
    }

    #[inline]
    fn aim(&mut self, key: &[u8]) {
        on_source!(&mut self, c => Cursor::aim(c, key));
    }

    #[inline]
    fn pin(&mut self) -> Result<()> {
        on_source!(&mut self, c => Cursor::pin(c))
    }

    fn land(&mut self, key: &[u8]) -> Result<()> {
        on_source!(&mut self, c => Cursor::land(c, key))
    }

    fn land_for_prev(&mut self, key: &[u8]) -> Result<()> {
        on_source!(&mut self, c => Cursor::land_for_prev(c, key))
    }

    #[inline]
    fn next(&mut self) -> Result<()> {
        on_source!(&mut self, c => Cursor::next(c))
    }

    #[inline]
    fn prev(&mut self) -> Result<()> {
        on_source!(&mut self, c => Cursor::prev(c))
    }

    #[inline(always)]
    fn key(&self) -> &[u8] {
        on_source!(&self, c => c.key())
    }

    #[inline]
    fn head(&self) -> u64 {
        on_source!(&self, c => c.head())
    }

    #[inline]
    fn seqno(&self) -> SeqNo {
        on_source!(&self, c => c.seqno())
    }

    #[inline]
    fn kind(&self) -> Kind {
        on_source!(&self, c => c.kind())
    }

    #[inline(always)]
    fn value(&self) -> &[u8] {
        on_source!(&self, c => c.value())
    }

    #[inline]
    fn value_slice(&self) -> Slice {
        on_source!(&self, c => c.value_slice())
    }

    #[inline]
    fn key_slice(&self) -> Slice {
        on_source!(&self, c => Cursor::key_slice(c))
    }

    fn skip_forward(&mut self, to: Option<&[u8]>, below: SeqNo) -> Result<bool> {
        on_source!(&mut self, c => Cursor::skip_forward(c, to, below))
    }

    fn skip_backward(&mut self, to: Option<&[u8]>, below: SeqNo) -> Result<bool> {
        on_source!(&mut self, c => Cursor::skip_backward(c, to, below))
    }

    fn open_stretch(&mut self, stretch: &Stretch<'_>) {
        on_source!(&mut self, c => c.open_stretch(stretch));
    }

    fn close_stretch(&mut self) {
        on_source!(&mut self, c => c.close_stretch());
    }

    #[inline(always)]
    fn glide_next(&mut self) -> Glide {
        on_source!(&mut self, c => c.glide_next())
    }

    #[inline(always)]
    fn glide_prev(&mut self, here: bool) -> Glide {
        on_source!(&mut self, c => c.glide_prev(here))
    }
}
