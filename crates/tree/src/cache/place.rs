//! Where indexes and filters that are not pinned to their table are cached.
//!
//! A table has a [`PartPlace`] for each, with a slot that holds the part while it is cached; the store of blocks weighs it and
//! empties the slot before it lets the part go, by the rule of blocks (INV-CACHE-1). Parts are used much more often than any
//! block, which is what keeps them in.
//!
//! A part that is large beside a shard of the store would push out everything else, or never stay and be read again by every
//! lookup. Such a part must be kept by its table ([`BlockStore::is_too_large`]).
//!
//! Not here: when a table has its parts here ([`crate::table::parts`]).

use std::sync::Arc;

use crate::cache::key::{BlockKey, FileKey};
use crate::cache::part::{Decoded, Part, PartSlot};
use crate::cache::store::BlockStore;
use crate::cache::stored::Stored;

/// The place of one part of one table.
pub(crate) struct PartPlace {
    store: Arc<BlockStore>,
    key: BlockKey,
    slot: Arc<PartSlot>,
}

impl PartPlace {
    /// An empty place for a part of the table `file`; `number` tells its parts apart.
    pub(crate) fn new(store: &Arc<BlockStore>, file: FileKey, number: usize) -> Self {
        // Blocks are counted from the other end.
        let key = BlockKey { file, ordinal: usize::MAX - number };
        Self { store: Arc::clone(store), key, slot: Arc::new(PartSlot::empty()) }
    }

    /// The part, if it is cached.
    pub(crate) fn get(&self) -> Option<Decoded> {
        let part = self.slot.load();
        let part = part.as_ref()?;
        if part.note_use() {
            self.store.note_use(self.key);
        }
        Some(part.decoded.clone())
    }

    /// Caches the part, which takes `bytes` of memory.
    pub(crate) fn insert(&self, decoded: Decoded, bytes: u64) {
        let part = Arc::new(Part::new(decoded, bytes, &self.store.part_bytes));
        let before = self.slot.compare_and_swap(&None::<Arc<Part>>, Some(Arc::clone(&part)));
        if before.is_some() {
            // Another reader was first; its part is the cached one (INV-CACHE-1).
            return;
        }
        self.store.insert(self.key, Stored::Part { part, slot: Arc::clone(&self.slot) });
    }
}

impl Drop for PartPlace {
    fn drop(&mut self) {
        // Nobody else can fill the slot any more.
        if self.slot.swap(None).is_some() {
            self.store.remove(self.key);
        }
    }
}
