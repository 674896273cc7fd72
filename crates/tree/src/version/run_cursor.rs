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
use crate::version::Version;
use crate::version::run::Run;

/// A position in a run.
pub(crate) struct RunCursor {
    version: Arc<Version>,
    /// The index of the run in the version.
    run: usize,
    order: KeyOrder,
    fill: Fill,
    /// The index of the table that `table` stands in.
    at: usize,
    /// Whether the key that was aimed at lies after the last table.
    beyond: bool,
    table: Option<TableCursor>,
}

impl RunCursor {
    #[inline]
    pub(crate) fn new(version: Arc<Version>, run: usize, order: KeyOrder, fill: Fill) -> Self {
        Self { version, run, order, fill, at: 0, beyond: false, table: None }
    }

    /// Opens the `at`-th table, unless it is the one that is open. Beyond the ends there is none, and the cursor stands
    /// nowhere.
    fn enter(&mut self, at: Option<usize>) -> Option<&mut TableCursor> {
        let tables = self.version.runs().get(self.run).map(Run::tables).unwrap_or_default();
        let Some((at, table)) = at.and_then(|at| Some((at, tables.get(at)?))) else {
            if let Some(table) = &mut self.table {
                table.leave();
            }
            return None;
        };
        match &mut self.table {
            Some(_) if self.at == at => {}
            Some(cursor) => cursor.change_to(table),
            none => *none = Some(TableCursor::new(Arc::clone(table), self.order.clone(), self.fill)),
        }
        self.at = at;
        self.table.as_mut()
    }

    #[inline]
    fn run(&self) -> Option<&Run> {
        self.version.runs().get(self.run)
    }

    /// The index of the table that `key` belongs to, beyond the last if it lies after all of them.
    #[inline]
    fn position(&self, key: &[u8]) -> usize {
        self.run().map_or(0, |run| run.position(key, &self.order))
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
        let last = self.run().and_then(|run| run.tables().len().checked_sub(1));
        self.enter(last).map_or(Ok(()), TableCursor::seek_to_last)
    }

    fn seek(&mut self, key: &[u8]) -> Result<()> {
        self.aim(key);
        self.pin()?;
        self.land(key)
    }

    fn seek_for_prev(&mut self, key: &[u8]) -> Result<()> {
        self.aim(key);
        self.pin()?;
        self.land_for_prev(key)
    }

    fn aim(&mut self, key: &[u8]) {
        let at = self.position(key);
        self.beyond = self.enter(Some(at)).map(|table| table.aim(key)).is_none();
    }

    fn pin(&mut self) -> Result<()> {
        if self.beyond { Ok(()) } else { self.table.as_mut().map_or(Ok(()), TableCursor::pin) }
    }

    fn land(&mut self, key: &[u8]) -> Result<()> {
        if self.beyond { Ok(()) } else { self.table.as_mut().map_or(Ok(()), |table| table.land(key)) }
    }

    fn land_for_prev(&mut self, key: &[u8]) -> Result<()> {
        if self.beyond {
            return self.seek_to_last();
        }
        if let Some(table) = self.table.as_mut() {
            table.land_for_prev(key)?;
            if table.valid() {
                return Ok(());
            }
        }
        self.enter(self.at.checked_sub(1)).map_or(Ok(()), TableCursor::seek_to_last)
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

    #[inline(always)]
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

    #[inline(always)]
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

    #[inline(always)]
    fn glide_next(&mut self) -> Glide {
        self.table.as_mut().map_or(Glide::Stopped, TableCursor::glide_next)
    }

    #[inline(always)]
    fn glide_prev(&mut self, here: bool) -> Glide {
        self.table.as_mut().map_or(Glide::Stopped, |table| table.glide_prev(here))
    }
}
