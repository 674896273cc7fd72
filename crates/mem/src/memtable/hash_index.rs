//! The index for point reads: hash to anchor, eight bytes a slot.
//!
//! Open addressing with linear probing. A slot holds 32 bits of mixed hash (the tag) above the anchor's offset, and is zero
//! while empty. The home of a tag is `tag * slots / 2^32`: homes are in the order of tags, so a table of any size can
//! be filled from another by walking it once, and the tag is all that it takes.
//!
//! **Growing** never stops the writer: a table of twice the size becomes current, and every insert moves a few slots of the
//! previous one, which stays as it is. Readers that find the index *draining* ask both, the current one first.
//! Which tables there are is one word, read before the first probe; it says that draining is over only after
//! everything was moved (INV-MEM-8). Tables live until the memtable is dropped: all former ones together are smaller
//! than the current one.

use crate::arena::ArenaPool;
use crate::arena::region::Region;
use crate::memtable::entry::AnchorAt;
use crate::sync::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// More doublings than memory allows.
const GENERATIONS: usize = 34;
/// The smallest table.
const LEAST_SLOTS: usize = 16;
/// Slots of the previous table that an insert moves.
const MOVED_PER_INSERT: usize = 16;
/// The most slots to begin with. An arena holds fewer than 2^30 anchors, so that no table has 2^32 slots.
const MOST_SLOTS: usize = 1 << 30;
const SLOT_BYTES: usize = size_of::<AtomicU64>();

/// The index. One writer, which passes its [`Filling`]; any number of readers.
pub(super) struct HashIndex {
    /// Twice the current generation, plus one while draining the previous one.
    state: AtomicU32,
    tables: [OnceLock<Table>; GENERATIONS],
    /// Where the tables' memory comes from and returns to.
    pool: Option<Arc<ArenaPool>>,
}

/// What the writer knows beyond what is in the index.
#[derive(Debug, Default)]
pub(super) struct Filling {
    /// Slots in use in the current table.
    used: usize,
    /// Slots of the previous table that were looked at.
    moved: usize,
}

struct Table {
    region: Region,
    slots: usize,
}

/// The tag of a hash: 32 well-mixed bits, even of a hash that is not.
#[inline]
const fn tag(hash: u64) -> u64 {
    hash.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32
}

impl Table {
    fn new(slots: usize, pool: Option<&ArenaPool>) -> Self {
        if let Some(region) = pool.and_then(|pool| pool.take_table(slots * SLOT_BYTES)) {
            return Self { region, slots };
        }
        let region = Region::new(slots * SLOT_BYTES);
        // Whoever expects so many keys touches every page soon, in no order.
        region.ask_for_huge_pages();
        Self { region, slots }
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "less than `slots`, which is a usize")]
    const fn home(&self, tag: u64) -> usize {
        ((tag * self.slots as u64) >> 32) as usize
    }

    #[inline]
    const fn after(&self, at: usize) -> usize {
        if at + 1 == self.slots { 0 } else { at + 1 }
    }

    #[inline]
    fn slot(&self, at: usize) -> &AtomicU64 {
        self.region.cells(at * SLOT_BYTES)
    }

    #[inline]
    #[allow(clippy::cast_possible_truncation, reason = "the low half is the offset")]
    fn find(&self, tag: u64, is_wanted: &impl Fn(AnchorAt) -> bool) -> AnchorAt {
        let mut at = self.home(tag);
        loop {
            let slot = self.slot(at).load(Ordering::Acquire);
            if slot == 0 {
                return AnchorAt::NONE;
            }
            if slot >> 32 == tag {
                let anchor = AnchorAt::from_cell(slot as u32);
                if is_wanted(anchor) {
                    return anchor;
                }
            }
            at = self.after(at);
        }
    }

    #[inline]
    fn insert(&self, slot: u64) {
        let mut at = self.home(slot >> 32);
        while self.slot(at).load(Ordering::Relaxed) != 0 {
            at = self.after(at);
        }
        self.slot(at).store(slot, Ordering::Release);
    }

    const fn is_crowded(&self, used: usize) -> bool {
        used >= self.slots / 16 * 10
    }
}

impl HashIndex {
    /// An empty index with room for `expected` keys before it grows.
    pub(super) fn new(expected: usize, pool: Option<Arc<ArenaPool>>) -> Self {
        let index = Self { state: AtomicU32::new(0), tables: [const { OnceLock::new() }; GENERATIONS], pool };
        let slots = expected.saturating_mul(2).clamp(LEAST_SLOTS, MOST_SLOTS);
        // Few sizes, so that the next memtable's table is as large as the last one's and takes its memory.
        let step = (slots.next_power_of_two() / 4).max(LEAST_SLOTS);
        index.make(0, slots.next_multiple_of(step));
        index
    }

    fn make(&self, generation: usize, slots: usize) -> Option<&Table> {
        let table = || Table::new(slots, self.pool.as_deref());
        self.tables.get(generation).map(|place| place.get_or_init(table))
    }

    /// The current table and, while it is being drained, the previous one.
    #[inline]
    fn current(&self) -> (Option<&Table>, Option<&Table>) {
        let state = self.state.load(Ordering::Acquire);
        let generation = (state >> 1) as usize;
        let draining = if state & 1 == 0 { None } else { self.table(generation.wrapping_sub(1)) };
        (self.table(generation), draining)
    }

    #[inline]
    fn table(&self, generation: usize) -> Option<&Table> {
        self.tables.get(generation)?.get()
    }

    /// The anchor with this hash that `is_wanted`, or none.
    #[inline]
    pub(super) fn find(&self, hash: u64, is_wanted: impl Fn(AnchorAt) -> bool) -> AnchorAt {
        let tag = tag(hash);
        let (table, previous) = self.current();
        let found = table.map_or(AnchorAt::NONE, |table| table.find(tag, &is_wanted));
        match previous {
            Some(previous) if found.is_none() => previous.find(tag, &is_wanted),
            _ => found,
        }
    }

    /// Asks the processor to fetch the slot where a search for `hash` begins.
    #[inline]
    pub(super) fn prefetch(&self, hash: u64) {
        if let (Some(table), _) = self.current() {
            table.region.prefetch(table.home(tag(hash)) * SLOT_BYTES);
        }
    }

    /// Publishes `anchor`, which is not in the index.
    #[inline]
    pub(super) fn insert(&self, filling: &mut Filling, hash: u64, anchor: AnchorAt) {
        if let (_, Some(previous)) = self.current() {
            self.drain(filling, previous, MOVED_PER_INSERT);
        }
        if let (Some(table), previous) = self.current() {
            table.insert(tag(hash) << 32 | u64::from(anchor.cell()));
            filling.used += 1;
            if table.is_crowded(filling.used) {
                self.grow(filling, table, previous);
            }
        }
    }

    /// Moves up to `slots` slots of the previous table.
    #[cold]
    fn drain(&self, filling: &mut Filling, previous: &Table, slots: usize) {
        let (Some(table), _) = self.current() else { return };
        let end = filling.moved.saturating_add(slots).min(previous.slots);
        for at in filling.moved..end {
            let slot = previous.slot(at).load(Ordering::Relaxed);
            if slot != 0 {
                table.insert(slot);
                filling.used += 1;
            }
        }
        filling.moved = end;
        if end == previous.slots {
            self.state.store(self.state.load(Ordering::Relaxed) & !1, Ordering::Release);
        }
    }

    /// Makes a table of twice the size current.
    #[cold]
    fn grow(&self, filling: &mut Filling, table: &Table, previous: Option<&Table>) {
        if let Some(previous) = previous {
            // Draining ends long before the next doubling, but the order matters: never three tables at once.
            self.drain(filling, previous, usize::MAX);
        }
        let generation = (self.state.load(Ordering::Relaxed) >> 1) as usize + 1;
        if self.make(generation, table.slots * 2).is_none() {
            return;
        }
        *filling = Filling::default();
        let state = u32::try_from(generation * 2 + 1).unwrap_or(u32::MAX);
        self.state.store(state, Ordering::Release);
    }

    /// The memory of all tables.
    pub(super) fn memory_bytes(&self) -> usize {
        self.tables.iter().filter_map(OnceLock::get).map(|table| table.region.len()).sum()
    }
}

impl Drop for HashIndex {
    /// The current table's memory goes to the next memtable.
    fn drop(&mut self) {
        let last = self.tables.iter_mut().rev().find_map(OnceLock::take);
        if let (Some(pool), Some(table)) = (&self.pool, last) {
            pool.put_table(table.region);
        }
    }
}
