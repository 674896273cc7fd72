//! A version: the tables that make up a tree at one moment.
//!
//! A version is immutable. Level 0 holds any number of runs, newest first, which may overlap each other; every deeper
//! level of a levelled tree holds one run. Within and across levels, newer data stands before older data
//! (INV-TREE-1), so a reader asks the runs in order.
//!
//! [`Version::apply`] makes the next version from an edit; whoever still reads the old one keeps its tables.
//!
//! Not here: how versions are written down ([`manifest_log`]).

pub(crate) mod manifest_log;
pub(crate) mod replay;
pub(crate) mod run;
pub(crate) mod run_cursor;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use esker_format::ids::{RunId, TableId};
use esker_format::manifest::RemovedTable;
use esker_mem::comparator::KeyOrder;
use esker_mem::seqno::SeqNo;

use crate::table::reader::Table;
use crate::version::run::Run;

/// The number of levels.
pub(crate) const LEVELS: usize = 7;

/// The tables of a tree at one moment.
#[derive(Clone)]
pub(crate) struct Version {
    /// Counts up with every change of the tables since the tree was opened.
    id: u64,
    /// For each level its runs, newest first.
    levels: Vec<Vec<Run>>,
    /// All of them again, newest first: what a point lookup walks.
    runs: Box<[Run]>,
    /// The highest sequence number of all tables.
    highest_seqno: Option<SeqNo>,
    /// Bytes of all tables.
    file_bytes: u64,
    has_range_tombstones: bool,
    has_expiring: bool,
}

/// A table and its place.
#[derive(Clone)]
pub(crate) struct Placed {
    pub(crate) level: usize,
    pub(crate) run: RunId,
    pub(crate) table: Arc<Table>,
}

impl Placed {
    /// What takes the table out of the version.
    pub(crate) fn removal(&self) -> RemovedTable {
        let level = u8::try_from(self.level).unwrap_or(u8::MAX);
        RemovedTable { level, run: self.run, table: self.table.id() }
    }
}

impl Version {
    pub(crate) fn empty() -> Self {
        Self {
            id: 0,
            levels: vec![Vec::new(); LEVELS],
            runs: Box::default(),
            highest_seqno: None,
            file_bytes: 0,
            has_range_tombstones: false,
            has_expiring: false,
        }
    }

    /// The version with `removed` taken out and `added` put in.
    pub(crate) fn apply(&self, removed: &HashSet<TableId>, added: &[Placed], order: &KeyOrder) -> Self {
        let mut levels = Vec::with_capacity(LEVELS);
        for level in 0..LEVELS {
            let old = self.levels.get(level).map(Vec::as_slice).unwrap_or_default();
            let touched = added.iter().any(|p| p.level == level)
                || old.iter().any(|run| run.tables().iter().any(|t| removed.contains(&t.id())));
            if !touched {
                levels.push(old.to_vec());
                continue;
            }
            let mut runs: BTreeMap<RunId, Vec<Arc<Table>>> = BTreeMap::new();
            for run in old {
                let kept = run.tables().iter().filter(|t| !removed.contains(&t.id()));
                runs.entry(run.id()).or_default().extend(kept.cloned());
            }
            for placed in added.iter().filter(|p| p.level == level) {
                runs.entry(placed.run).or_default().push(Arc::clone(&placed.table));
            }
            let newest_first = runs.into_iter().rev().filter(|(_, tables)| !tables.is_empty());
            levels.push(newest_first.map(|(id, tables)| Run::new(id, tables, order)).collect());
        }
        let highest_seqno =
            levels.iter().flatten().flat_map(Run::tables).map(|table| table.highest_seqno()).max();
        let runs: Box<[Run]> = levels.iter().flatten().cloned().collect();
        let tables = levels.iter().flatten().flat_map(Run::tables);
        let file_bytes = tables.clone().map(|table| table.meta().file_bytes).sum();
        let has_expiring = tables.into_iter().any(|table| table.properties().expiring_puts > 0);
        let has_range_tombstones = runs.iter().any(|run| !run.tombstones().is_empty());
        Self { id: self.id + 1, levels, runs, highest_seqno, file_bytes, has_range_tombstones, has_expiring }
    }

    /// How many changes of the tables led to it, counted from the opening of the tree, which is the first.
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// Of this version the runs that `narrow` makes of its runs, for a read that needs no more. It knows no levels.
    pub(crate) fn narrowed(&self, narrow: impl FnMut(&Run) -> Option<Run>) -> Self {
        let runs = self.runs.iter().filter_map(narrow).collect();
        Self { levels: Vec::new(), runs, ..*self }
    }

    /// For each level its runs, newest first.
    pub(crate) fn levels(&self) -> &[Vec<Run>] {
        &self.levels
    }

    /// All runs, newest first.
    #[inline]
    pub(crate) fn runs(&self) -> &[Run] {
        &self.runs
    }

    /// All tables with their places.
    pub(crate) fn placed(&self) -> impl Iterator<Item = Placed> {
        self.levels.iter().enumerate().flat_map(|(level, runs)| {
            runs.iter().flat_map(move |run| {
                run.tables().iter().map(move |table| Placed {
                    level,
                    run: run.id(),
                    table: Arc::clone(table),
                })
            })
        })
    }

    /// Whether a table is where it was.
    pub(crate) fn has(&self, placed: &Placed) -> bool {
        let mut runs = self.levels.get(placed.level).into_iter().flatten();
        let run = runs.find(|run| run.id() == placed.run);
        run.is_some_and(|run| run.tables().iter().any(|table| table.id() == placed.table.id()))
    }

    /// The highest sequence number of all tables.
    #[inline]
    pub(crate) fn highest_seqno(&self) -> Option<SeqNo> {
        self.highest_seqno
    }

    /// Bytes of all tables.
    pub(crate) fn file_bytes(&self) -> u64 {
        self.file_bytes
    }

    /// Whether any table holds range tombstones.
    #[inline]
    pub(crate) fn has_range_tombstones(&self) -> bool {
        self.has_range_tombstones
    }

    /// Whether any table holds entries that expire.
    #[inline]
    pub(crate) fn has_expiring(&self) -> bool {
        self.has_expiring
    }

    /// Whether every run is in order and disjoint (INV-TREE-2).
    pub(crate) fn is_consistent(&self, order: &KeyOrder) -> bool {
        self.runs().iter().all(|run| run.is_disjoint(order))
    }
}
