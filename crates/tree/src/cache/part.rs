//! Parts of tables as the cache has them: an index or a filter, decoded, with what the store needs to know.
//!
//! Unlike blocks, parts are kept decoded: to take one apart is too dear for each use.
//!
//! Not here: how they get into the cache ([`crate::cache::place`]).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::ArcSwapOption;
use esker_format::filter::Filter;
use esker_format::index_block::Index;

/// An index or a filter.
#[derive(Clone)]
pub(crate) enum Decoded {
    Index(Arc<Index>),
    Filter(Arc<Filter>),
}

/// A part as it is cached.
pub(crate) struct Part {
    pub(crate) decoded: Decoded,
    pub(crate) bytes: u64,
    /// Whether it was found since the store's hand came by.
    used: AtomicBool,
    /// Bytes of all parts of the cache.
    total: Arc<AtomicU64>,
}

impl Part {
    /// A part of `bytes`, which are counted in `total` as long as it lives.
    pub(crate) fn new(decoded: Decoded, bytes: u64, total: &Arc<AtomicU64>) -> Self {
        total.fetch_add(bytes, Ordering::Relaxed);
        Self { decoded, bytes, used: AtomicBool::new(false), total: Arc::clone(total) }
    }

    /// Takes note that it was found; says whether that is the first time since the hand came by.
    pub(crate) fn note_use(&self) -> bool {
        // Most finds write nothing that other readers use.
        !self.used.load(Ordering::Relaxed) && !self.used.swap(true, Ordering::Relaxed)
    }

    /// The hand of the store comes by: from now on the next use counts again.
    pub(crate) fn forget_use(&self) {
        self.used.store(false, Ordering::Relaxed);
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Where a part is while it is cached.
pub(crate) type PartSlot = ArcSwapOption<Part>;
