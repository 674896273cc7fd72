//! The cursor over a run: its tables one after the other.
//!
//! Only the table that the cursor stands in is open. Tables of a run are disjoint, so leaving one at its end means entering the
//! next at its start. A table may hold nothing but range tombstones, and is passed over.

use std::cmp::Ordering::{Greater, Less};
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

    /// Goes to the first entry of the tables from the `at`-th on.
    fn first_from(&mut self, mut at: usize) -> Result<()> {
        while let Some(table) = self.enter(Some(at)) {
            table.seek_to_first()?;
            if table.valid() {
                break;
            }
            at += 1;
        }
        Ok(())
    }

    /// Goes to the last entry of the tables up to the `at`-th.
    fn last_up_to(&mut self, mut at: Option<usize>) -> Result<()> {
        while let Some(table) = self.enter(at) {
            table.seek_to_last()?;
            if table.valid() {
                break;
            }
            at = at.and_then(|at| at.checked_sub(1));
        }
        Ok(())
    }

    /// Passes over tables, and the part of a table, that lie before `to` (behind it when going backward) and hold nothing from
    /// `below` on. Tables that are passed over are not read.
    #[cold]
    fn skip(&mut self, to: Option<&[u8]>, below: SeqNo, forward: bool) -> Result<bool> {
        let tables = self.run().map(Run::tables).unwrap_or_default();
        let is_old = |table: &Arc<Table>| table.highest_seqno() < below;
        let is_passed = |table: &Arc<Table>| {
            is_old(table)
                && to.is_none_or(|to| match forward {
                    true => self.order.compare(table.largest(), to) == Less,
                    false => self.order.compare(table.smallest(), to) == Greater,
                })
        };
        if !self.valid() || !tables.get(self.at).is_some_and(is_old) {
            return Ok(false);
        }
        let mut at = Some(self.at);
        while at.and_then(|at| tables.get(at)).is_some_and(is_passed) {
            at = at.and_then(|at| if forward { Some(at + 1) } else { at.checked_sub(1) });
        }
        let ends_here = at.and_then(|at| tables.get(at)).is_some_and(is_old);
        match (to.filter(|_| ends_here), forward) {
            (Some(to), true) => self.seek(to)?,
            (Some(to), false) => self.seek_for_prev(to)?,
            (None, true) => self.first_from(at.unwrap_or(usize::MAX))?,
            (None, false) => self.last_up_to(at)?,
        }
        Ok(true)
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
        self.first_from(0)
    }

    fn seek_to_last(&mut self) -> Result<()> {
        self.last_up_to(self.run().and_then(|run| run.tables().len().checked_sub(1)))
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
        if self.beyond {
            return Ok(());
        }
        if let Some(table) = self.table.as_mut() {
            table.land(key)?;
            if table.valid() {
                return Ok(());
            }
        }
        // Range tombstones reach beyond the last entry.
        self.first_from(self.at + 1)
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
        self.last_up_to(self.at.checked_sub(1))
    }

    #[inline]
    fn next(&mut self) -> Result<()> {
        if let Some(table) = self.table.as_mut() {
            table.next()?;
            if table.valid() {
                return Ok(());
            }
        }
        self.first_from(self.at + 1)
    }

    #[inline]
    fn prev(&mut self) -> Result<()> {
        if let Some(table) = self.table.as_mut() {
            table.prev()?;
            if table.valid() {
                return Ok(());
            }
        }
        self.last_up_to(self.at.checked_sub(1))
    }

    fn skip_forward(&mut self, to: Option<&[u8]>, below: SeqNo) -> Result<bool> {
        self.skip(to, below, true)
    }

    fn skip_backward(&mut self, to: Option<&[u8]>, below: SeqNo) -> Result<bool> {
        self.skip(to, below, false)
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
