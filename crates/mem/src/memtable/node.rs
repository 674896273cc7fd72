//! One node of the tree: up to [`SLOTS`] sorted anchors with the heads of their keys.
//!
//! A node is responsible for the keys from its `low` fence up to, and without, its `high` fence; both are anchors, and
//! none stands for infinity. All keys between two fences begin with the fences' common prefix, so the heads are taken
//! after it and it need not be compared (INV-MEM-5). Where a fence is infinite, the prefix is that of the keys
//! in the node, `sample` is one of them, and whoever comes with another key compares.
//!
//! Search counts heads below the wanted one: every eighth first, whose cache lines are fetched side by side, then
//! eight in one line. Unused heads are the greatest integer, so the count needs no bounds. Keys are compared
//! only where heads are equal. Under a custom comparator heads mean nothing and all is done by comparison.
//!
//! **Concurrency.** The one writer makes `changes` odd, changes fields, makes it even again. Readers read what they
//! need, then ask whether `changes` is what it was; if not, they try again (INV-MEM-4). What they read in
//! between may be torn: a count beyond the slots or a prefix beyond the key is cut to size, and every slot always
//! holds an anchor or none, so following one is always sound (INV-MEM-3). A node never goes before the memtable does.
//!
//! Not here: how nodes hang together (`tree.rs`), how they split (`grow.rs`).

use crate::arena::Arena;
use crate::arena::region::{Cells, LINE};
use crate::comparator::KeyOrder;
use crate::head::head;
use crate::memtable::entry::AnchorAt;
use crate::sync::{AtomicU32, AtomicU64, Ordering, SLOTS, Settled32, believes_torn_reads, fence, wait};
use std::cmp::Ordering as Compared;

/// Heads counted side by side in the second step of a search: a cache line of them.
const GROUP: usize = if SLOTS < 8 { SLOTS } else { 8 };
const _: () = assert!(SLOTS.is_multiple_of(GROUP) && SLOTS.is_multiple_of(2) && SLOTS >= 4);

/// A leaf, or the part of an inner node that is like one. In an inner node the slots are separators: the first keys
/// of the children to their right.
#[repr(C, align(64))]
pub(super) struct Node {
    changes: AtomicU32,
    count: AtomicU32,
    prefix_len: AtomicU32,
    sample: AtomicU32,
    low: AtomicU32,
    high: AtomicU32,
    next: AtomicU32,
    /// The child left of all separators; none in a leaf.
    first_child: AtomicU32,
    /// Levels below it: none in a leaf. Written before anybody knows of the node.
    level: Settled32,
    /// The mark begins on a word.
    padding_before_mark: AtomicU32,
    /// More than the number of each entry that came below the node since the memtable marks (`age.rs`).
    mark: AtomicU64,
    /// Heads begin on a cache line.
    padding: [AtomicU32; 4],
    heads: [AtomicU64; SLOTS],
    slots: [AtomicU32; SLOTS],
}

/// An inner node.
#[repr(C)]
pub(super) struct Inner {
    pub(super) node: Node,
    /// `children[i]` is the child right of `slots[i]`.
    children: [AtomicU32; SLOTS],
}

// SAFETY: atomic integers only.
unsafe impl Cells for Node {}
// SAFETY: atomic integers only.
unsafe impl Cells for Inner {}

/// Where a node is, or nowhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct NodeAt(pub(super) u32);

/// What comparing keys takes.
#[derive(Clone, Copy)]
pub(super) struct Keys<'a> {
    pub(super) arena: &'a Arena,
    pub(super) order: &'a KeyOrder,
}

/// Where a key stands among the keys of a node.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Rank {
    /// How many keys are smaller.
    pub(super) below: usize,
    /// Whether the next one is the key itself.
    pub(super) found: bool,
}

/// One entry of a node, as the writer moves them about.
#[derive(Clone, Copy)]
pub(super) struct Slot {
    pub(super) head: u64,
    pub(super) anchor: AnchorAt,
    /// The child to the right; none in a leaf.
    pub(super) child: NodeAt,
}

/// The keys a node is responsible for, and what their heads are taken after.
#[derive(Clone, Copy)]
pub(super) struct Fences {
    pub(super) low: AnchorAt,
    pub(super) high: AnchorAt,
    pub(super) prefix_len: u32,
    /// A key that begins with the prefix, or none if every key that may come here does.
    pub(super) sample: AnchorAt,
}

impl NodeAt {
    /// No node.
    pub(super) const NONE: Self = Self(0);

    /// Whether there is none.
    #[inline]
    pub(super) const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// The node.
    #[inline]
    pub(super) fn node(self, arena: &Arena) -> &Node {
        arena.region().cells(self.0 as usize * crate::arena::GRANULE)
    }

    /// The node, which is an inner one.
    #[inline]
    pub(super) fn inner(self, arena: &Arena) -> &Inner {
        arena.region().cells(self.0 as usize * crate::arena::GRANULE)
    }

    /// Asks the processor to fetch what a search in the node needs.
    #[inline]
    pub(super) fn prefetch(self, arena: &Arena) {
        let at = self.0 as usize * crate::arena::GRANULE;
        for line in 0..=SLOTS / GROUP {
            arena.region().prefetch(at + line * LINE);
        }
    }

    /// Asks the processor to fetch what a view of the leaf needs.
    pub(super) fn prefetch_slots(self, arena: &Arena) {
        let at = self.0 as usize * crate::arena::GRANULE;
        arena.region().prefetch(at);
        let slots = at + std::mem::offset_of!(Node, slots);
        for line in 0..(SLOTS * size_of::<AtomicU32>()).div_ceil(LINE) {
            arena.region().prefetch(slots + line * LINE);
        }
    }
}

impl<'a> Keys<'a> {
    /// How the key of `anchor` stands to `key`.
    #[inline]
    pub(super) fn compare(self, anchor: AnchorAt, key: &[u8]) -> Compared {
        self.order.compare(anchor.key(self.arena), key)
    }
}

impl Node {
    /// Waits until nobody changes the node, and returns what to ask [`unchanged`](Self::unchanged) about.
    #[inline]
    pub(super) fn begin_read(&self) -> u32 {
        let mut attempt = 0;
        loop {
            let changes = self.changes.load(Ordering::Acquire);
            if changes.is_multiple_of(2) || believes_torn_reads() {
                return changes;
            }
            wait(attempt);
            attempt += 1;
        }
    }

    /// Whether all that was read since `begin_read` returned `changes` belongs together.
    #[inline]
    pub(super) fn unchanged(&self, changes: u32) -> bool {
        fence(Ordering::Acquire);
        self.changes.load(Ordering::Relaxed) == changes || believes_torn_reads()
    }

    /// The writer begins to change the node. Nothing until `end_change` may panic or call a user's code.
    #[inline]
    pub(super) fn begin_change(&self) {
        self.changes.store(self.changes.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
        fence(Ordering::Release);
    }

    /// The writer is done.
    #[inline]
    pub(super) fn end_change(&self) {
        self.changes.store(self.changes.load(Ordering::Relaxed).wrapping_add(1), Ordering::Release);
    }

    /// How many slots are in use.
    #[inline]
    pub(super) fn count(&self) -> usize {
        (self.count.load(Ordering::Relaxed) as usize).min(SLOTS)
    }

    /// The fence that no key here is below, or none. It never changes.
    #[inline]
    pub(super) fn low(&self) -> AnchorAt {
        AnchorAt::from_cell(self.low.load(Ordering::Acquire))
    }

    /// More than the number of each entry that came below the node since the memtable marks.
    #[inline]
    pub(super) fn mark(&self) -> u64 {
        self.mark.load(Ordering::Acquire)
    }

    /// Makes the mark at least `above`: before the entry is published.
    #[inline]
    pub(super) fn raise_mark(&self, above: u64) {
        if self.mark.load(Ordering::Relaxed) < above {
            self.mark.store(above, Ordering::Release);
        }
    }

    /// The fence that all keys here are below, or none.
    #[inline]
    pub(super) fn high(&self) -> AnchorAt {
        AnchorAt::from_cell(self.high.load(Ordering::Acquire))
    }

    /// The node to the right, or none.
    #[inline]
    pub(super) fn next(&self) -> NodeAt {
        NodeAt(self.next.load(Ordering::Acquire))
    }

    /// The leftmost child; none in a leaf.
    #[inline]
    pub(super) fn first_child(&self) -> NodeAt {
        NodeAt(self.first_child.load(Ordering::Acquire))
    }

    /// How many levels are below the node.
    #[inline]
    pub(super) fn level(&self) -> u32 {
        self.level.load(Ordering::Relaxed)
    }

    /// The anchor in slot `at`, or none beyond the slots.
    #[inline]
    pub(super) fn anchor(&self, at: usize) -> AnchorAt {
        AnchorAt::from_cell(self.slots.get(at).map_or(0, |slot| slot.load(Ordering::Acquire)))
    }

    /// Where `key`, which is between the fences, stands among the keys here.
    #[inline]
    pub(super) fn rank(&self, keys: Keys<'_>, key: &[u8]) -> Rank {
        let count = self.count();
        if !keys.order.is_bytes() {
            return self.rank_within(keys, key, 0, count);
        }
        let sample = AnchorAt::from_cell(self.sample.load(Ordering::Acquire));
        let prefix_len = self.prefix_len.load(Ordering::Relaxed) as usize;
        if !sample.is_none() {
            match compare_prefix(sample.key(keys.arena), key, prefix_len) {
                Compared::Less => return Rank { below: count, found: false },
                Compared::Greater => return Rank { below: 0, found: false },
                Compared::Equal => {}
            }
        }
        let wanted = head(key.get(prefix_len..).unwrap_or_default());
        let from = self.heads_below(wanted).min(count);
        if from == count || self.head(from) != wanted {
            return Rank { below: from, found: false };
        }
        let to = match wanted.checked_add(1) {
            Some(above) if from + 1 < count && self.head(from + 1) == wanted => {
                self.heads_below(above).min(count)
            }
            Some(_) => from + 1,
            None => count,
        };
        self.rank_within(keys, key, from, to)
    }

    /// Binary search by whole keys, given that the answer is in `from..=to`.
    fn rank_within(&self, keys: Keys<'_>, key: &[u8], mut from: usize, mut to: usize) -> Rank {
        while from < to {
            let middle = from.midpoint(to);
            match keys.compare(self.anchor(middle), key) {
                Compared::Less => from = middle + 1,
                Compared::Equal => return Rank { below: middle, found: true },
                Compared::Greater => to = middle,
            }
        }
        Rank { below: from, found: false }
    }

    #[inline]
    fn head(&self, at: usize) -> u64 {
        self.heads.get(at).map_or(u64::MAX, |head| head.load(Ordering::Relaxed))
    }

    /// How many heads are below `wanted`. They are sorted, and unused ones are the maximum.
    #[inline]
    #[allow(
        clippy::indexing_slicing,
        reason = "g < SLOTS / GROUP, and groups was found to be less; the compiler sees it"
    )]
    fn heads_below(&self, wanted: u64) -> usize {
        let mut groups = 0;
        for g in 0..SLOTS / GROUP {
            groups += usize::from(self.heads[g * GROUP + GROUP - 1].load(Ordering::Relaxed) < wanted);
        }
        if groups == SLOTS / GROUP {
            return SLOTS;
        }
        let from = groups * GROUP;
        let mut below = from;
        for i in 0..GROUP {
            below += usize::from(self.heads[from + i].load(Ordering::Relaxed) < wanted);
        }
        below
    }

    /// Copies the slots in use to `out` and returns how many they are.
    #[inline]
    pub(super) fn copy_slots(&self, out: &mut [AnchorAt; SLOTS]) -> usize {
        let count = self.count();
        for (to, from) in out.iter_mut().zip(&self.slots).take(count) {
            *to = AnchorAt::from_cell(from.load(Ordering::Acquire));
        }
        count
    }
}

/// How the first `len` bytes of `sample` stand to those of `key`.
#[inline]
fn compare_prefix(sample: &[u8], key: &[u8], len: usize) -> Compared {
    let sample = sample.get(..len).unwrap_or(sample);
    let key = key.get(..len).unwrap_or(key);
    sample.cmp(key)
}

impl Inner {
    /// The child for a key with `below` separators to its left.
    #[inline]
    pub(super) fn child(&self, below: usize) -> NodeAt {
        match below.checked_sub(1).and_then(|at| self.children.get(at)) {
            Some(child) => NodeAt(child.load(Ordering::Acquire)),
            None => self.node.first_child(),
        }
    }
}

pub(super) mod edit;
