//! The life of an open database: shared by every handle, ended by `close` or by dropping the last of them.
//!
//! Ending (INV-LIFE-3): writes are refused from the first moment; background work is asked to stop, and waited for (a
//! compaction stops within a thousand entries, so this is short); the log is drained, and synced unless the default
//! durability is `Buffered`; the directory's lock is released. Scans and snapshots that live on keep their files.
//!
//! Not here: opening ([`crate::recover`]).

use std::sync::{Arc, PoisonError};

use crate::background;
use crate::core::Core;
use crate::error::Result;
use crate::options::Durability;

/// Owns the open database; background tasks hold only the core.
pub(crate) struct Handle {
    pub(crate) core: Arc<Core>,
}

impl Handle {
    /// Ends the database; does nothing the second time.
    pub(crate) fn close(&self) -> Result<()> {
        let core = &self.core;
        if !core.health.close() {
            return Ok(());
        }
        core.backpressure.wake();
        background::stop(core);
        let timer = core.timer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(timer) = timer {
            timer.join();
        }
        core.trees.deletions().close();
        let wanted = core.options.durability.max(Durability::Os);
        // Also after a failure: what was acknowledged and still sits in the buffer can perhaps be written now.
        let drained = core.pipeline.persist(sync_of(wanted));
        // A segment prepared in vain; left behind, the next open removes it.
        let _ = core.folder.discard_prepared();
        drop(core.lock.lock().unwrap_or_else(PoisonError::into_inner).take());
        drained
    }
}

/// A database that promises to reach the operating system promises to sync in the background, too: so at its end.
fn sync_of(durability: Durability) -> Durability {
    match durability {
        Durability::Buffered => Durability::Os,
        Durability::Os | Durability::Sync => Durability::Sync,
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        // There is nobody to tell: what was acknowledged is as durable as it was promised to be.
        let _ = self.close();
    }
}
