//! What the writer does to one node: create it, fill it, put a slot into it, shorten its prefix.
//!
//! All of it runs under the writer's lock. A node that readers may know is changed between `begin_change` and
//! `end_change`; a new one is filled before anybody knows of it.

use crate::arena::region::LINE;
use crate::head::head;
use crate::memtable::entry::AnchorAt;
use crate::memtable::node::{Fences, Inner, Keys, Node, NodeAt, Slot};
use crate::sync::{Ordering, SLOTS};

/// Bytes of a leaf in the arena.
pub(crate) const LEAF_BYTES: usize = size_of::<Node>().next_multiple_of(LINE);
/// Bytes of an inner node in the arena, the larger of the two.
pub(crate) const INNER_BYTES: usize = size_of::<Inner>().next_multiple_of(LINE);

impl Fences {
    /// The fences of a node for the keys from `low` up to `high` that holds `slots`.
    pub(crate) fn new(keys: Keys<'_>, low: AnchorAt, high: AnchorAt, slots: &[Slot]) -> Self {
        let open = Self { low, high, prefix_len: 0, sample: AnchorAt::NONE };
        if !keys.order.is_bytes() {
            return open;
        }
        if !low.is_none() && !high.is_none() {
            return Self { prefix_len: common_prefix(keys, low, high), ..open };
        }
        match (slots.first(), slots.last()) {
            (Some(first), Some(last)) => Self {
                prefix_len: common_prefix(keys, first.anchor, last.anchor),
                sample: first.anchor,
                ..open
            },
            _ => open,
        }
    }
}

/// The length of the common prefix of two keys.
fn common_prefix(keys: Keys<'_>, a: AnchorAt, b: AnchorAt) -> u32 {
    shared(a.key(keys.arena), b.key(keys.arena))
}

fn shared(a: &[u8], b: &[u8]) -> u32 {
    let len = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    u32::try_from(len).unwrap_or(u32::MAX)
}

/// The head of the anchor's key after a prefix.
#[inline]
fn head_after(keys: Keys<'_>, anchor: AnchorAt, prefix_len: u32) -> u64 {
    head(anchor.key(keys.arena).get(prefix_len as usize..).unwrap_or_default())
}

impl Node {
    /// The fences as they are.
    pub(crate) fn fences(&self) -> Fences {
        Fences {
            low: AnchorAt::from_cell(self.low.load(Ordering::Relaxed)),
            high: self.high(),
            prefix_len: self.prefix_len.load(Ordering::Relaxed),
            sample: AnchorAt::from_cell(self.sample.load(Ordering::Relaxed)),
        }
    }

    /// The slot for a new `anchor` with this key in this node.
    #[inline]
    pub(crate) fn slot_for(&self, keys: Keys<'_>, key: &[u8], anchor: AnchorAt, child: NodeAt) -> Slot {
        let prefix_len = self.prefix_len.load(Ordering::Relaxed) as usize;
        let head = if keys.order.is_bytes() { head(key.get(prefix_len..).unwrap_or_default()) } else { 0 };
        Slot { head, anchor, child }
    }

    /// Makes sure that the prefix is one of `key` too, so that it may be inserted.
    #[inline]
    pub(crate) fn admit(&self, keys: Keys<'_>, key: &[u8]) {
        let sample = AnchorAt::from_cell(self.sample.load(Ordering::Relaxed));
        if sample.is_none() {
            return;
        }
        let prefix_len = self.prefix_len.load(Ordering::Relaxed);
        let shared = shared(sample.key(keys.arena), key);
        if shared < prefix_len {
            self.shorten_prefix(keys, shared);
        }
    }

    #[cold]
    fn shorten_prefix(&self, keys: Keys<'_>, prefix_len: u32) {
        self.begin_change();
        self.prefix_len.store(prefix_len, Ordering::Relaxed);
        for (to, slot) in self.heads.iter().zip(&self.slots).take(self.count()) {
            let anchor = AnchorAt::from_cell(slot.load(Ordering::Relaxed));
            to.store(head_after(keys, anchor, prefix_len), Ordering::Relaxed);
        }
        self.end_change();
    }

    /// Takes a first key into an empty leaf: it is the sample, and all of it is the prefix.
    pub(crate) fn set_sample(&self, keys: Keys<'_>, anchor: AnchorAt) {
        if keys.order.is_bytes() {
            self.begin_change();
            self.sample.store(anchor.cell(), Ordering::Relaxed);
            self.prefix_len.store(count_cell(anchor.key(keys.arena).len()), Ordering::Relaxed);
            self.end_change();
        }
    }

    /// Puts `slot` at position `at` of a leaf with room.
    #[inline]
    pub(crate) fn insert(&self, at: usize, slot: &Slot) {
        self.begin_change();
        self.shift(at, slot);
        self.end_change();
    }

    /// Moves the slots from `at` on one to the right and stores `slot` there.
    #[inline]
    #[allow(clippy::indexing_slicing, reason = "at <= count < SLOTS, checked once by the assertion")]
    fn shift(&self, at: usize, slot: &Slot) {
        let count = self.count();
        assert!(at <= count && count < SLOTS);
        for i in (at..count).rev() {
            self.heads[i + 1].store(self.heads[i].load(Ordering::Relaxed), Ordering::Relaxed);
        }
        for i in (at..count).rev() {
            self.slots[i + 1].store(self.slots[i].load(Ordering::Relaxed), Ordering::Relaxed);
        }
        self.heads[at].store(slot.head, Ordering::Relaxed);
        self.slots[at].store(slot.anchor.cell(), Ordering::Relaxed);
        self.count.store(count_cell(count + 1), Ordering::Relaxed);
    }

    /// Replaces everything but the links to the right and down: slots, heads, fences.
    pub(crate) fn fill(&self, keys: Keys<'_>, slots: &[Slot], old_prefix_len: u32, fences: &Fences) {
        self.count.store(count_cell(slots.len()), Ordering::Relaxed);
        self.prefix_len.store(fences.prefix_len, Ordering::Relaxed);
        self.sample.store(fences.sample.cell(), Ordering::Relaxed);
        self.low.store(fences.low.cell(), Ordering::Relaxed);
        self.high.store(fences.high.cell(), Ordering::Relaxed);
        for (at, (to_head, to_slot)) in self.heads.iter().zip(&self.slots).enumerate() {
            let Some(slot) = slots.get(at) else {
                to_head.store(u64::MAX, Ordering::Relaxed);
                to_slot.store(AnchorAt::NONE.cell(), Ordering::Relaxed);
                continue;
            };
            let head = if fences.prefix_len == old_prefix_len {
                slot.head
            } else {
                head_after(keys, slot.anchor, fences.prefix_len)
            };
            to_head.store(head, Ordering::Relaxed);
            to_slot.store(slot.anchor.cell(), Ordering::Relaxed);
        }
    }

    /// Sets the node to the right and, in an inner node, the leftmost child.
    pub(crate) fn link(&self, next: NodeAt, first_child: NodeAt) {
        self.next.store(next.0, Ordering::Relaxed);
        self.first_child.store(first_child.0, Ordering::Relaxed);
    }

    /// Initialises what recycled memory may hold. Only for a node that nobody knows.
    pub(crate) fn clear(&self, level: u32) {
        self.changes.store(0, Ordering::Relaxed);
        self.level.store(level, Ordering::Relaxed);
        self.mark.store(0, Ordering::Relaxed);
        self.link(NodeAt::NONE, NodeAt::NONE);
    }

    /// All slots, with `new` among them at position `at`. The node is full.
    #[allow(
        clippy::indexing_slicing,
        reason = "i < SLOTS, and at most SLOTS slots precede a slot of the result"
    )]
    pub(crate) fn gather(&self, at: usize, new: Slot, children: Option<&Inner>) -> [Slot; SLOTS + 1] {
        let mut all = [new; SLOTS + 1];
        for i in 0..SLOTS {
            let child =
                children.map_or(NodeAt::NONE, |inner| NodeAt(inner.children[i].load(Ordering::Relaxed)));
            let anchor = AnchorAt::from_cell(self.slots[i].load(Ordering::Relaxed));
            let slot = Slot { head: self.heads[i].load(Ordering::Relaxed), anchor, child };
            all[i + usize::from(i >= at)] = slot;
        }
        all
    }
}

impl Inner {
    /// Puts `slot`, with the child to its right, at position `at` of a node with room.
    #[allow(clippy::indexing_slicing, reason = "at <= count < SLOTS, checked by the assertion in shift")]
    pub(crate) fn insert(&self, at: usize, slot: &Slot) {
        let count = self.node.count();
        self.node.begin_change();
        self.node.shift(at, slot);
        for i in (at..count).rev() {
            self.children[i + 1].store(self.children[i].load(Ordering::Relaxed), Ordering::Relaxed);
        }
        self.children[at].store(slot.child.0, Ordering::Relaxed);
        self.node.end_change();
    }

    /// Replaces the children right of the separators.
    pub(crate) fn fill_children(&self, slots: &[Slot]) {
        for (at, to) in self.children.iter().enumerate() {
            to.store(slots.get(at).map_or(NodeAt::NONE, |slot| slot.child).0, Ordering::Relaxed);
        }
    }
}

fn count_cell(count: usize) -> u32 {
    u32::try_from(count).unwrap_or(0)
}
