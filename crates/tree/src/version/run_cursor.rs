//! The cursor over a run: its tables one after the other.
//!
//! Only the table that the cursor stands in is open. Tables of a run are disjoint and none is empty, so leaving one
//! at its end means entering the next at its start.

use std::sync::Arc;

use esker_format::data_block::walk::{Glide, Stretch};
use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;

use crate::cursor::Cursor;
use crate::error::Result;
use crate::table::cursor::{Fill, TableCursor};
use crate::table::reader::Table;
use crate::version::run::Run;

/// A position in a run.
pub(crate) struct RunCursor {
    run: Run,
    order: KeyOrder,
    fill: Fill,
    /// The index of the table that `table` stands in.
    at: usize,
    table: Option<TableCursor>,
}

impl RunCursor {
    pub(crate) fn new(run: Run, order: KeyOrder, fill: Fill) -> Self {
        Self { run, order, fill, at: 0, table: None }
    }

    /// Opens the `at`-th table, unless it is the one that is open. Beyond the ends there is none.
    fn enter(&mut self, at: Option<usize>) -> Option<&mut TableCursor> {
        let next: Option<&Arc<Table>> = at.and_then(|at| self.run.tables().get(at));
        match next {
            None => self.table = None,
            Some(table) => {
                if self.table.is_none() || at != Some(self.at) {
                    self.table = Some(TableCursor::new(Arc::clone(table), self.order.clone(), self.fill));
                }
                self.at = at.unwrap_or(0);
            }
        }
        self.table.as_mut()
    }
}

impl Cursor for RunCursor {
    #[inline]
    fn valid(&self) -> bool {
        self.table.as_ref().is_some_and(TableCursor::valid)
    }

    fn seek_to_first(&mut self) -> Result<()> {
        self.enter(Some(0)).map_or(Ok(()), TableCursor::seek_to_first)
    }

    fn seek_to_last(&mut self) -> Result<()> {
        let last = self.run.tables().len().checked_sub(1);
        self.enter(last).map_or(Ok(()), TableCursor::seek_to_last)
    }

    fn seek(&mut self, key: &[u8]) -> Result<()> {
        let at = self.run.position(key, &self.order);
        self.enter(Some(at)).map_or(Ok(()), |table| table.seek(key))
    }

    fn seek_for_prev(&mut self, key: &[u8]) -> Result<()> {
        let at = self.run.position(key, &self.order);
        if let Some(table) = self.enter(Some(at)) {
            table.seek_for_prev(key)?;
            if table.valid() {
                return Ok(());
            }
        }
        self.enter(at.checked_sub(1)).map_or(Ok(()), TableCursor::seek_to_last)
    }

    #[inline]
    fn next(&mut self) -> Result<()> {
        if let Some(table) = self.table.as_mut() {
            table.next()?;
            if table.valid() {
                return Ok(());
            }
        }
        self.enter(Some(self.at + 1)).map_or(Ok(()), TableCursor::seek_to_first)
    }

    #[inline]
    fn prev(&mut self) -> Result<()> {
        if let Some(table) = self.table.as_mut() {
            table.prev()?;
            if table.valid() {
                return Ok(());
            }
        }
        self.enter(self.at.checked_sub(1)).map_or(Ok(()), TableCursor::seek_to_last)
    }

    #[inline]
    fn key(&self) -> &[u8] {
        self.table.as_ref().map_or(&[], TableCursor::key)
    }

    #[inline]
    fn head(&self) -> u64 {
        self.table.as_ref().map_or(0, TableCursor::head)
    }

    #[inline]
    fn seqno(&self) -> SeqNo {
        self.table.as_ref().map_or(0, TableCursor::seqno)
    }

    #[inline]
    fn kind(&self) -> Kind {
        self.table.as_ref().map_or(Kind::Put, TableCursor::kind)
    }

    #[inline]
    fn value(&self) -> &[u8] {
        self.table.as_ref().map_or(&[], TableCursor::value)
    }

    #[inline]
    fn value_slice(&self) -> Slice {
        self.table.as_ref().map_or_else(Slice::empty, TableCursor::value_slice)
    }

    #[inline]
    fn key_slice(&self) -> Slice {
        self.table.as_ref().map_or_else(Slice::empty, TableCursor::key_slice)
    }

    fn open_stretch(&mut self, stretch: &Stretch<'_>) {
        if let Some(table) = &mut self.table {
            table.open_stretch(stretch);
        }
    }

    fn close_stretch(&mut self) {
        if let Some(table) = &mut self.table {
            table.close_stretch();
        }
    }

    #[inline]
    fn glide_next(&mut self) -> Glide {
        self.table.as_mut().map_or(Glide::Stopped, TableCursor::glide_next)
    }

    #[inline]
    fn glide_prev(&mut self, here: bool) -> Glide {
        self.table.as_mut().map_or(Glide::Stopped, |table| table.glide_prev(here))
    }
}
