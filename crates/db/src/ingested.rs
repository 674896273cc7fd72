//! Tables of ingestions that change feeds have yet to tell.
//!
//! What an ingestion brought in stands in no frame of the log: who follows the log asks the tree for it. By then a compaction may
//! have merged the tables with others. So where a feed holds the log from before an ingestion, its tables are kept as they came,
//! files and all, for as long as the log's segments would be: until all feeds are past, or the log has grown too large. As
//! many bytes of tables are kept as of segments; of the newest ingestion, all.
//!
//! Thread-safety: one mutex, held while the folder's list of holds is asked.
//!
//! Not here: how they are told ([`crate::changes`]).

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use esker_mem::seqno::SeqNo;
use esker_tree::IngestedTables;

use crate::state::KeyspaceState;
use crate::wal::segment::SegmentFolder;

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Ingested {
    kept: Mutex<BTreeMap<SeqNo, Arc<IngestedTables>>>,
}

impl Ingested {
    /// Keeps the tables that came under `seqno`, if a feed is to tell them.
    pub(crate) fn keep(&self, folder: &SegmentFolder, keyspace: &KeyspaceState, seqno: SeqNo, tables: u64) {
        if folder.is_awaited(seqno)
            && let Some(tables) = keyspace.tree.ingested_tables(seqno, tables)
        {
            self.kept().insert(seqno, Arc::new(tables));
        }
        self.let_go(folder);
    }

    /// The tables that came under `seqno`, if they were kept.
    pub(crate) fn find(&self, seqno: SeqNo) -> Option<Arc<IngestedTables>> {
        self.kept().get(&seqno).map(Arc::clone)
    }

    /// Lets go of what no feed waits for any more.
    pub(crate) fn let_go(&self, folder: &SegmentFolder) {
        let mut kept = self.kept();
        let mut done = Vec::new();
        kept.retain(|&seqno, tables| {
            let is_awaited = folder.is_awaited(seqno);
            if !is_awaited {
                done.push(Arc::clone(tables));
            }
            is_awaited
        });
        let mut bytes: u64 = kept.values().map(|tables| tables.file_bytes()).sum();
        while bytes > folder.held_max_bytes()
            && kept.len() > 1
            && let Some((_, oldest)) = kept.pop_first()
        {
            bytes -= oldest.file_bytes();
            done.push(oldest);
        }
        // With the last of them files go: not under the lock.
        drop(kept);
        drop(done);
    }

    fn kept(&self) -> MutexGuard<'_, BTreeMap<SeqNo, Arc<IngestedTables>>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
