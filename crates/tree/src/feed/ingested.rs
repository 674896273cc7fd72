//! What one ingestion brought in, as long as its tables are as they came.
//!
//! A table that was ingested has a number for all that is in it, which no other table has. It goes whole when a compaction reads
//! it, and nothing leaves it before. So if there are as many tables of that number as came, they are all of what came, whatever
//! became of other history (INV-FEED-7).
//!
//! Not here: the events ([`crate::feed`]).

use std::sync::Arc;

use esker_mem::seqno::SeqNo;

use crate::core::Core;
use crate::feed::{self, ScanSince};
use crate::table::reader::Table;

/// The tables of one ingestion, found by [`crate::Tree::ingested_tables`]. Their files stay as long as this does.
pub struct IngestedTables {
    core: Arc<Core>,
    tables: Vec<Arc<Table>>,
    seqno: SeqNo,
}

impl IngestedTables {
    /// The tables that came under `seqno`, if all `count` of them are there.
    pub(crate) fn find(core: &Arc<Core>, seqno: SeqNo, count: u64) -> Option<Self> {
        let view = core.state.view_owned();
        let tables = view.version.placed().map(|placed| placed.table);
        let tables: Vec<_> = tables.filter(|table| table.meta().global_seqno == Some(seqno)).collect();
        (tables.len() as u64 == count).then(|| Self { core: Arc::clone(core), tables, seqno })
    }

    /// Bytes of their files.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.tables.iter().map(|table| table.meta().file_bytes).sum()
    }

    /// What came in: range tombstones first, then the rest in no order of keys. All of it has the ingestion's number.
    ///
    /// # Errors
    ///
    /// As of [`crate::Tree::scan_seqnos`], but that nothing of it can be gone.
    #[must_use]
    pub fn events(&self) -> ScanSince {
        feed::scan_tables(&self.core, &self.tables, self.seqno..self.seqno.saturating_add(1))
    }
}

impl std::fmt::Debug for IngestedTables {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IngestedTables")
            .field("seqno", &self.seqno)
            .field("tables", &self.tables.len())
            .finish_non_exhaustive()
    }
}
