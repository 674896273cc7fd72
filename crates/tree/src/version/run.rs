//! A run: tables that do not overlap, in key order, searched as one.
//!
//! A point lookup asks at most one table of a run. To find it, the heads of the tables' largest keys stand in one
//! array (byte order only), so that the search touches the tables themselves only where heads tie.

use std::cmp::Ordering;
use std::sync::Arc;

use esker_format::ids::RunId;
use esker_mem::comparator::KeyOrder;
use esker_mem::head::head;
use esker_mem::seqno::SeqNo;

use crate::range_tombstones::run::RunTombstones;
use crate::table::reader::Table;

/// The range tombstones of tables in key order.
fn tombstones_of(tables: &[Arc<Table>]) -> RunTombstones {
    RunTombstones::new(tables.iter().filter_map(|table| table.range_tombstones().cloned()))
}

/// Tables that are counted rather than searched: two cache lines of heads.
const FEW_TABLES: usize = 16;

/// Tables with disjoint key ranges, in key order.
#[derive(Clone)]
pub(crate) struct Run {
    id: RunId,
    tables: Vec<Arc<Table>>,
    /// Under byte order: the heads of the largest keys.
    heads: Vec<u64>,
    highest_seqno: SeqNo,
    tombstones: RunTombstones,
}

impl Run {
    /// A run of `tables`, in any order. They must not overlap.
    pub(crate) fn new(id: RunId, mut tables: Vec<Arc<Table>>, order: &KeyOrder) -> Self {
        tables.sort_by(|a, b| order.compare(a.smallest(), b.smallest()));
        let heads =
            if order.is_bytes() { tables.iter().map(|t| head(t.largest())).collect() } else { Vec::new() };
        let highest_seqno = tables.iter().map(|t| t.highest_seqno()).max().unwrap_or(0);
        let tombstones = tombstones_of(&tables);
        Self { id, tables, heads, highest_seqno, tombstones }
    }

    pub(crate) fn id(&self) -> RunId {
        self.id
    }

    pub(crate) fn tables(&self) -> &[Arc<Table>] {
        &self.tables
    }

    /// The highest sequence number of all its tables.
    #[inline]
    pub(crate) fn highest_seqno(&self) -> SeqNo {
        self.highest_seqno
    }

    /// The range tombstones of all its tables.
    #[inline]
    pub(crate) fn tombstones(&self) -> &RunTombstones {
        &self.tombstones
    }

    /// The index of the first table whose largest key is at or after `key`.
    #[inline]
    pub(crate) fn position(&self, key: &[u8], order: &KeyOrder) -> usize {
        if order.is_bytes() {
            let wanted = head(key);
            let from = if self.heads.len() <= FEW_TABLES {
                // No branch depends on the key.
                self.heads.iter().map(|&head| usize::from(head < wanted)).sum()
            } else {
                self.heads.partition_point(|&head| head < wanted)
            };
            let is_tied = self.heads.get(from) == Some(&wanted);
            return if is_tied { self.position_among_tied(from, key, wanted) } else { from };
        }
        self.tables.partition_point(|t| order.compare(t.largest(), key) == Ordering::Less)
    }

    /// Among tables whose largest keys have the head that is `wanted`, beginning at `from`.
    fn position_among_tied(&self, from: usize, key: &[u8], wanted: u64) -> usize {
        let tied = self.heads.get(from..).map_or(0, |rest| rest.partition_point(|&head| head == wanted));
        let tables = self.tables.get(from..from + tied).unwrap_or_default();
        from + tables.partition_point(|table| table.largest() < key)
    }

    /// The only table that may hold `key`; the key may lie before it.
    #[inline]
    pub(crate) fn table_for(&self, key: &[u8], order: &KeyOrder) -> Option<&Table> {
        self.tables.get(self.position(key, order)).map(|table| &**table)
    }

    /// The run of some of its tables.
    pub(crate) fn part(&self, range: std::ops::Range<usize>) -> Self {
        let tables = self.tables.get(range.clone()).unwrap_or_default().to_vec();
        let heads = self.heads.get(range).unwrap_or_default().to_vec();
        let tombstones = tombstones_of(&tables);
        Self { id: self.id, tables, heads, highest_seqno: self.highest_seqno, tombstones }
    }

    /// Whether the tables are in order and disjoint.
    pub(crate) fn is_disjoint(&self, order: &KeyOrder) -> bool {
        self.tables.windows(2).all(|pair| match pair {
            [a, b] => order.compare(a.largest(), b.smallest()) == Ordering::Less,
            _ => true,
        })
    }
}
