//! Fixed regions of memory and the pool that recycles them.

/// Keeps the regions of dropped arenas for the next ones.
#[derive(Debug, Default)]
pub struct ArenaPool {
    region_bytes: usize,
    kept: usize,
}

impl ArenaPool {
    /// A pool that keeps at most `kept` regions of `region_bytes` each.
    #[must_use]
    pub const fn new(region_bytes: usize, kept: usize) -> Self {
        Self { region_bytes, kept }
    }

    /// The size of the regions that are worth keeping.
    #[must_use]
    pub const fn region_bytes(&self) -> usize {
        self.region_bytes
    }

    /// The memory held by regions that nobody uses at the moment.
    #[must_use]
    pub const fn idle_bytes(&self) -> usize {
        self.kept
    }
}
