//! The memtable itself: what it consists of, and what it says about itself.
//!
//! Numbers about the contents are stored before the entry they count becomes visible, so a reader that sees an entry
//! also sees a [`Memtable::highest_seqno`] that covers it (INV-MEM-10).

use crate::arena::{Arena, ArenaPool, GRANULE, RESERVED, region_size};
use crate::comparator::KeyOrder;
use crate::kind::Kind;
use crate::memtable::age::UNMARKED;
use crate::memtable::entry::ENTRY_OVERHEAD;
use crate::memtable::grow::Growth;
use crate::memtable::hash_index::{Filling, HashIndex};
use crate::memtable::node::edit::INNER_BYTES;
use crate::memtable::node::{Keys, NodeAt};
use crate::memtable::tree::Tree;
use crate::seqno::SeqNo;
use crate::sync::{AtomicU32, Mutex};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// The next memtable's id. Zero is none's.
static NEXT_ID: AtomicU64 = AtomicU64::new(1);

/// What a memtable is made for.
#[derive(Clone, Debug)]
pub struct MemtableOptions {
    /// The order of keys.
    pub order: KeyOrder,
    /// The size of the arena, up to 32 GiB. Rounded up to whole cache lines, and to what an empty memtable takes.
    pub capacity_bytes: usize,
    /// How many distinct keys to expect: sizes the hash index, which grows if there are more.
    pub expected_entries: usize,
    /// Where the arena's memory comes from and returns to. Of use if its regions have `capacity_bytes`.
    pub pool: Option<Arc<ArenaPool>>,
}

/// The ordered index of recent writes. See the [module](crate::memtable).
pub struct Memtable {
    pub(super) arena: Arena,
    pub(super) order: KeyOrder,
    pub(super) tree: Tree,
    /// None under an order by which different bytes are the same key.
    pub(super) hash_index: Option<HashIndex>,
    pub(super) counters: Counters,
    pub(super) growth: Growth,
    /// What the last insert was, as a [`Habit`].
    pub(super) habit: AtomicU32,
    /// More than the number of each entry that came before the memtable marked; [`UNMARKED`] as long as it does not.
    pub(super) unmarked_below: AtomicU64,
    /// Tells this memtable from every other one of this process.
    pub(super) id: u64,
    pub(super) writer: Writer,
}

/// What the last insert was, and so the next probably is: what is worth fetching ahead of it.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Habit {
    /// A key somewhere between the others.
    NewKeys,
    /// Another version of a key.
    Overwrites,
    /// A key beyond all others.
    Appends,
}

/// What only the writer touches, behind its lock and on cache lines of its own.
#[repr(align(64))]
pub(super) struct Writer(pub(super) Mutex<WriterState>);

pub(super) struct WriterState {
    pub(super) filling: Filling,
    /// The rightmost leaf, while keys are being appended to it; else none.
    pub(super) appending_to: NodeAt,
    /// Whether inserts raise marks (`age.rs`).
    pub(super) marks: bool,
}

/// Numbers that the writer changes and anybody reads.
#[repr(align(64))]
#[derive(Default)]
pub(super) struct Counters {
    entries: AtomicUsize,
    tombstones: AtomicUsize,
    /// One more than the highest; zero while empty.
    above_highest: AtomicU64,
    /// The complement of the lowest; zero while empty.
    below_lowest: AtomicU64,
    /// Whether there is or was an entry that expires.
    expires: AtomicBool,
}

impl Counters {
    /// Counts an entry. Only the writer calls this, before it publishes the entry.
    #[inline]
    pub(super) fn add(&self, seqno: SeqNo, kind: Kind) {
        add(&self.entries, 1);
        add(&self.tombstones, usize::from(kind.is_tombstone()));
        if kind == Kind::ExpiringPut {
            self.expires.store(true, Ordering::Release);
        }
        if seqno >= self.above_highest.load(Ordering::Relaxed) {
            self.above_highest.store(seqno.saturating_add(1), Ordering::Release);
        }
        if !seqno > self.below_lowest.load(Ordering::Relaxed) {
            self.below_lowest.store(!seqno, Ordering::Release);
        }
    }

    /// More than every number so far.
    pub(super) fn above_highest(&self) -> u64 {
        self.above_highest.load(Ordering::Relaxed)
    }

    /// No longer counts an entry that another one with its sequence number shadows.
    pub(super) fn remove(&self, is_tombstone: bool) {
        sub(&self.entries, 1);
        sub(&self.tombstones, usize::from(is_tombstone));
    }
}

/// Adds without a locked instruction: there is one writer.
#[inline]
fn add(counter: &AtomicUsize, by: usize) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
}

fn sub(counter: &AtomicUsize, by: usize) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_sub(by), Ordering::Relaxed);
}

impl Memtable {
    /// An empty memtable.
    #[must_use]
    pub fn new(options: MemtableOptions) -> Self {
        let MemtableOptions { order, capacity_bytes, expected_entries, pool } = options;
        let arena = Arena::new(capacity_bytes.max(Self::bytes_needed(0, 0)), pool.clone());
        let Some((tree, growth)) = Tree::new(Keys { arena: &arena, order: &order }) else {
            unreachable!("the arena is larger than an empty tree");
        };
        let hash_index = order.identity().then(|| HashIndex::new(expected_entries, pool));
        let state = WriterState { filling: Filling::default(), appending_to: NodeAt::NONE, marks: false };
        Self {
            arena,
            order,
            tree,
            hash_index,
            counters: Counters::default(),
            growth,
            habit: AtomicU32::new(Habit::NewKeys as u32),
            unmarked_below: AtomicU64::new(UNMARKED),
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            writer: Writer(Mutex::new(state)),
        }
    }

    /// Whether `entries` inserts with `key_value_bytes` of keys and values in total cannot fail, if nobody else inserts
    /// meanwhile, or they include what others are about to. Conservative: a no does not mean that they would.
    ///
    /// Takes no lock. What is being inserted at this moment may count twice, never not at all (see `Growth`).
    #[must_use]
    pub fn has_room(&self, entries: usize, key_value_bytes: usize) -> bool {
        let records = entries.saturating_mul(ENTRY_OVERHEAD).saturating_add(key_value_bytes);
        let nodes = self.growth.bytes_for(entries);
        records.saturating_add(nodes) <= self.arena.free_bytes()
    }

    /// The capacity that a fresh memtable needs so that [`has_room`](Self::has_room) says yes to
    /// `entries` inserts of `key_value_bytes` in total.
    #[must_use]
    pub fn bytes_needed(entries: usize, key_value_bytes: usize) -> usize {
        let records = entries.saturating_mul(ENTRY_OVERHEAD).saturating_add(key_value_bytes);
        let nodes = Growth::most_bytes(entries).saturating_add(INNER_BYTES);
        region_size(records.saturating_add(nodes).saturating_add(RESERVED + GRANULE))
    }

    #[inline]
    pub(super) const fn keys(&self) -> Keys<'_> {
        Keys { arena: &self.arena, order: &self.order }
    }

    /// The order of keys.
    #[must_use]
    pub const fn order(&self) -> &KeyOrder {
        &self.order
    }

    /// The number of entries: versions, not keys.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.counters.entries.load(Ordering::Relaxed)
    }

    /// Whether there are no entries.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The highest sequence number of an entry. Covers every entry that the caller can see.
    #[must_use]
    pub fn highest_seqno(&self) -> Option<SeqNo> {
        self.counters.above_highest.load(Ordering::Acquire).checked_sub(1)
    }

    /// The lowest sequence number of an entry.
    #[must_use]
    pub fn lowest_seqno(&self) -> Option<SeqNo> {
        match self.counters.below_lowest.load(Ordering::Acquire) {
            0 => None,
            complement => Some(!complement),
        }
    }

    /// Whether an entry may expire. Covers every entry that the caller can see.
    #[inline]
    #[must_use]
    pub fn has_expiring(&self) -> bool {
        self.counters.expires.load(Ordering::Acquire)
    }

    /// How many entries are tombstones.
    #[must_use]
    pub fn tombstones(&self) -> usize {
        self.counters.tombstones.load(Ordering::Relaxed)
    }

    /// The bytes of the arena in use. The rest of the arena has not been touched, unless it is recycled.
    #[must_use]
    pub fn allocated_bytes(&self) -> usize {
        self.arena.allocated_bytes()
    }

    /// Whether [`populate`](Self::populate) has something to do.
    #[must_use]
    pub fn wants_memory(&self, ahead_bytes: usize) -> bool {
        self.arena.wants_memory(ahead_bytes)
    }

    /// Has the system provide memory for the next `ahead_bytes` of inserts, so that the writer does not wait for it. For a
    /// background thread; does nothing while the memtable holds next to nothing, or where its memory is recycled.
    pub fn populate(&self, ahead_bytes: usize) {
        self.arena.populate(ahead_bytes);
    }

    /// The size of the arena.
    #[must_use]
    pub const fn capacity_bytes(&self) -> usize {
        self.arena.capacity_bytes()
    }

    /// All heap memory of this memtable, used or not: the arena and the hash index.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.capacity_bytes() + self.hash_index.as_ref().map_or(0, HashIndex::memory_bytes)
    }
}

impl fmt::Debug for Memtable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memtable")
            .field("order", &self.order)
            .field("entries", &self.len())
            .field("lowest_seqno", &self.lowest_seqno())
            .field("highest_seqno", &self.highest_seqno())
            .field("allocated_bytes", &self.allocated_bytes())
            .field("capacity_bytes", &self.capacity_bytes())
            .finish_non_exhaustive()
    }
}
