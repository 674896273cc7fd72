//! A key whose newest version is an operand: everything that counts is collected, and folded (INV-MERGE-1).
//!
//! Sources are asked newest first, as for any key, but each for all versions of the key down to the first that says the
//! whole: a value or a tombstone. That ends the search if no source that was not asked yet holds anything newer
//! (INV-READ-2). Values in tables stay pinned in their blocks.
//!
//! Cost: as a lookup that asks every source down to the last one, a cursor for each that has the key, and the operator.
//! Flushes and compactions fold, so that there is little to be collected.

use std::cmp::Reverse;
use std::sync::Arc;

use esker_mem::comparator::KeyOrder;
use esker_mem::kind::Kind;
use esker_mem::seqno::SeqNo;
use esker_mem::slice::Slice;

use crate::core::Core;
use crate::cursor::Cursor;
use crate::error::Result;
use crate::expiry::{ReadTime, live};
use crate::found::Found;
use crate::merge_operator;
use crate::scan::source::Source;
use crate::state::View;
use crate::table::cursor::Fill;
use crate::version::run_cursor::RunCursor;

/// Versions of one key, newest first, down to the first that says the whole.
#[derive(Default)]
struct Chain {
    versions: Vec<Found>,
}

/// What is looked for.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'k> {
    pub(crate) key: &'k [u8],
    pub(crate) hash: u64,
    /// Only what is below counts.
    pub(crate) bound: SeqNo,
}

/// The value of a key whose newest version is an operand.
#[cold]
#[inline(never)]
pub(crate) fn fold(core: &Core, view: &View, wanted: Wanted<'_>, time: ReadTime) -> Result<Slice> {
    let chain = collect(core, view, wanted)?;
    let base = chain.versions.last().and_then(|version| match version.kind {
        Kind::Put => Some(version.value.clone()),
        Kind::ExpiringPut => live(&version.value, core.time_of_read(wanted.bound, time)),
        _ => None,
    });
    let base = base.as_deref();
    let operands = chain.versions.iter().rev().filter(|version| version.kind == Kind::Merge);
    merge_operator::fold(core.merge_operator(), wanted.key, base, operands.map(|version| &*version.value))
}

fn collect(core: &Core, view: &View, wanted: Wanted<'_>) -> Result<Chain> {
    let order = core.order();
    let mut chain = Chain::default();
    if let Some(cover) = view.newest_covering(wanted.key, wanted.bound, order) {
        chain.take_cover(cover);
    }
    for generation in view.generations() {
        let highest = generation.memtable.highest_seqno();
        if highest.is_some_and(|highest| !chain.is_settled_by(highest)) {
            chain.take_all(order, wanted, Source::from(&generation.memtable))?;
        }
    }
    for (at, run) in view.version.runs().iter().enumerate() {
        let holds = || {
            run.table_for(wanted.key, order).is_some_and(|table| table.may_contain(wanted.key, wanted.hash))
        };
        if !chain.is_settled_by(run.highest_seqno()) && holds() {
            let cursor = RunCursor::new(Arc::clone(&view.version), at, order.clone(), Fill::Cache);
            chain.take_all(order, wanted, Source::Run(cursor))?;
        }
    }
    Ok(chain)
}

impl Chain {
    /// Whether nothing up to `highest_seqno` counts.
    fn is_settled_by(&self, highest_seqno: SeqNo) -> bool {
        self.versions.last().is_some_and(|last| last.kind != Kind::Merge && last.seqno >= highest_seqno)
    }

    /// Takes note of a range tombstone over the key, as a deletion just below it: it covers strictly smaller numbers
    /// (INV-RANGE-1).
    fn take_cover(&mut self, seqno: SeqNo) {
        let deleted = |seqno| Found { seqno, kind: Kind::Delete, value: Slice::empty() };
        self.versions.extend(seqno.checked_sub(1).map(deleted));
    }

    /// Takes what `source` has of the key.
    fn take_all(&mut self, order: &KeyOrder, wanted: Wanted<'_>, mut source: Source) -> Result<()> {
        source.seek(wanted.key)?;
        while source.valid() && order.same_key(source.key(), wanted.key) {
            if source.seqno() < wanted.bound {
                let (seqno, kind) = (source.seqno(), source.kind());
                self.versions.push(Found { seqno, kind, value: source.value_slice() });
                if kind != Kind::Merge {
                    break;
                }
            }
            source.next()?;
        }
        // Sources may hold older versions than those after them. The order of equal numbers is that of the source.
        self.versions.sort_by_key(|version| Reverse(version.seqno));
        if let Some(whole) = self.versions.iter().position(|version| version.kind != Kind::Merge) {
            self.versions.truncate(whole + 1);
        }
        Ok(())
    }
}
