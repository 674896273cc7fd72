//! How the tree grows: the one writer inserts an anchor, splits full nodes, raises the root.
//!
//! A split fills the right node first, while nobody knows it; then, in one change of the left node, cuts it short and
//! links the right one; only then tells the parent, which may split in turn. In between, readers find the right
//! node through the left one (INV-MEM-6). A node splits in halves, except the rightmost leaf when it is
//! appended to, which stays full: keys inserted in order fill their leaves.
//!
//! INV-MEM-7: every node except the rightmost of its level has at least `SLOTS / 2` keys or children, hence
//! [`most_nodes`] bounds the nodes of a tree by its keys. That is what makes room a question that can be answered before an
//! insert begins; an insert that has begun cannot fail.

use crate::arena::Arena;
use crate::memtable::entry::AnchorAt;
use crate::memtable::node::edit::{INNER_BYTES, LEAF_BYTES};
use crate::memtable::node::{Fences, Keys, NodeAt, Slot};
use crate::memtable::tree::Tree;
use crate::sync::{AtomicU32, Ordering, SLOTS};

/// More levels than a tree of 2^30 keys can have, which is more than an arena holds.
const MAX_HEIGHT: usize = 8;

/// How large the tree is. Only the writer changes it; whoever asks for room reads it without the writer's lock.
///
/// A node is counted after its memory is taken, so whoever reads `nodes`, then `keys` and `height`, then how much of the
/// arena is free, may count what is being inserted meanwhile twice, as yet to come and as done, but never as neither.
#[derive(Debug)]
pub(super) struct Growth {
    keys: AtomicU32,
    nodes: AtomicU32,
    height: AtomicU32,
}

/// A node on the way from the root, and which child the way took.
#[derive(Clone, Copy)]
struct Step {
    at: NodeAt,
    child: usize,
}

/// The leaf where a key belongs, and the way there.
pub(super) struct Way {
    leaf: NodeAt,
    path: [Step; MAX_HEIGHT],
    depth: usize,
}

/// What a split gives to the parent.
struct Risen {
    separator: AnchorAt,
    right: NodeAt,
}

/// No prefix has this length: heads are to be taken anew.
const NO_PREFIX: u32 = u32::MAX;

/// The most nodes, and the most levels, that a tree of so many keys can have.
pub(super) fn most_nodes(keys: usize) -> (usize, usize) {
    let mut level = keys / (SLOTS / 2) + 1;
    let (mut nodes, mut height) = (level, 1);
    while level > 1 {
        level = level / (SLOTS / 2) + 1;
        nodes += level;
        height += 1;
    }
    (nodes, height)
}

impl Growth {
    /// The most bytes of arena that the nodes of a whole tree of `keys` keys can take.
    pub(super) fn most_bytes(keys: usize) -> usize {
        most_nodes(keys).0.saturating_mul(INNER_BYTES)
    }

    /// The most bytes of arena that inserting `keys` more can take for nodes: bounded by how many nodes a tree of
    /// that many keys can have, and by every insert splitting every level.
    ///
    /// If this much is free before several inserts, it is before each of them: neither bound grows as they proceed.
    #[inline]
    pub(super) fn bytes_for(&self, keys: usize) -> usize {
        let present = self.nodes.load(Ordering::Acquire) as usize;
        let (nodes, height) = most_nodes(self.keys().saturating_add(keys));
        let by_splits = keys.saturating_mul(height.max(self.height()) + 1);
        nodes.saturating_sub(present).min(by_splits).saturating_mul(INNER_BYTES)
    }

    /// The same for one insert, without the arithmetic.
    #[inline]
    pub(super) fn bytes_for_one(&self) -> usize {
        (self.height() + 1) * INNER_BYTES
    }

    #[inline]
    fn keys(&self) -> usize {
        self.keys.load(Ordering::Acquire) as usize
    }

    #[inline]
    fn height(&self) -> usize {
        self.height.load(Ordering::Acquire) as usize
    }
}

/// Counts one more: there is one writer.
#[inline]
fn count(counter: &AtomicU32) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Release);
}

impl Tree {
    /// An empty tree: one leaf. `None` if the arena has no room for it.
    pub(super) fn new(keys: Keys<'_>) -> Option<(Self, Growth)> {
        let leaf = NodeAt(keys.arena.allocate_lines(LEAF_BYTES)?);
        let node = leaf.node(keys.arena);
        node.clear(0);
        node.fill(keys, &[], NO_PREFIX, &Fences::new(keys, AnchorAt::NONE, AnchorAt::NONE, &[]));
        let tree = Self { root: AtomicU32::new(leaf.0), first_leaf: leaf };
        let growth = Growth { keys: AtomicU32::new(0), nodes: AtomicU32::new(1), height: AtomicU32::new(1) };
        Some((tree, growth))
    }

    /// Walks down to the leaf for `key`, and asks for the leaf to be fetched without looking into it.
    #[inline]
    pub(super) fn approach(&self, keys: Keys<'_>, growth: &Growth, key: &[u8]) -> Way {
        let Way { mut path, .. } = Way::to(NodeAt::NONE);
        let mut at = self.root();
        let depth = growth.height() - 1;
        assert!(depth <= MAX_HEIGHT);
        for step in path.iter_mut().take(depth) {
            let inner = at.inner(keys.arena);
            let rank = inner.node.rank(keys, key);
            let child = rank.below + usize::from(rank.found);
            *step = Step { at, child };
            at = inner.child(child);
            at.prefetch(keys.arena);
        }
        Way { leaf: at, path, depth }
    }

    /// Inserts the anchor of `key` at position `at` of the leaf at the end of the way. Returns the leaf if it is the last
    /// one and the key the last in it. The caller has made sure of room for the nodes, and compared all that there is
    /// to compare: a user's comparator may panic, and nothing here does.
    #[inline]
    pub(super) fn insert(
        &self,
        keys: Keys<'_>,
        growth: &Growth,
        key: &[u8],
        anchor: AnchorAt,
        (way, at): (&Way, usize),
    ) -> NodeAt {
        let node = way.leaf.node(keys.arena);
        if node.count() == 0 {
            node.set_sample(keys, anchor);
        } else {
            node.admit(keys, key);
        }
        let slot = node.slot_for(keys, key, anchor, NodeAt::NONE);
        count(&growth.keys);
        let is_end = at == node.count() && node.next().is_none();
        if node.count() < SLOTS {
            node.insert(at, &slot);
        } else {
            self.insert_by_split(keys, growth, (way, at), slot);
        }
        match is_end {
            true if node.next().is_none() => way.leaf,
            // It was split: the key is in the leaf to the right.
            true => node.next(),
            false => NodeAt::NONE,
        }
    }

    /// Splits the leaf and as many nodes above it as are full.
    #[cold]
    fn insert_by_split(&self, keys: Keys<'_>, growth: &Growth, (way, at): (&Way, usize), slot: Slot) {
        let mut risen = split_leaf(keys, growth, way.leaf, at, slot);
        for step in way.path.iter().take(way.depth).rev() {
            let inner = step.at.inner(keys.arena);
            let separator = risen.separator.key(keys.arena);
            inner.node.admit(keys, separator);
            let slot = inner.node.slot_for(keys, separator, risen.separator, risen.right);
            if inner.node.count() < SLOTS {
                inner.insert(step.child, &slot);
                return;
            }
            risen = split_inner(keys, growth, step.at, step.child, slot);
        }
        self.raise(keys, growth, &risen);
    }

    /// Puts a new root over the old one and its new sibling.
    #[cold]
    fn raise(&self, keys: Keys<'_>, growth: &Growth, risen: &Risen) {
        let root = allocate(keys.arena, growth, INNER_BYTES);
        let slots = [Slot { head: 0, anchor: risen.separator, child: risen.right }];
        let inner = root.inner(keys.arena);
        inner.node.clear(self.root().node(keys.arena).level() + 1);
        inner.node.fill(keys, &slots, NO_PREFIX, &Fences::new(keys, AnchorAt::NONE, AnchorAt::NONE, &slots));
        inner.node.inherit_mark(self.root().node(keys.arena));
        inner.node.link(NodeAt::NONE, self.root());
        inner.fill_children(&slots);
        self.root.store(root.0, Ordering::Release);
        count(&growth.height);
    }
}

impl Way {
    /// A way of which only the end is known: enough for a leaf with room.
    #[inline]
    pub(super) const fn to(leaf: NodeAt) -> Self {
        Self { leaf, path: [Step { at: NodeAt::NONE, child: 0 }; MAX_HEIGHT], depth: 0 }
    }

    /// Where `key` belongs in the leaf.
    #[inline]
    pub(super) fn rank(&self, keys: Keys<'_>, key: &[u8]) -> usize {
        self.leaf.node(keys.arena).rank(keys, key).below
    }
}

/// Splits a full leaf, with `slot` inserted at position `at`.
#[cold]
fn split_leaf(keys: Keys<'_>, growth: &Growth, leaf: NodeAt, at: usize, slot: Slot) -> Risen {
    let node = leaf.node(keys.arena);
    let all = node.gather(at, slot, None);
    let appended = at == SLOTS && node.next().is_none();
    let (left, right) = all.split_at(if appended { SLOTS } else { SLOTS / 2 });
    let separator = right.first().map_or(AnchorAt::NONE, |slot| slot.anchor);

    let fences = node.fences();
    let right_fences = Fences::new(keys, separator, fences.high, right);
    let left_fences = Fences::new(keys, fences.low, separator, left);
    let sibling = allocate(keys.arena, growth, LEAF_BYTES);
    let new = sibling.node(keys.arena);
    new.clear(0);
    new.fill(keys, right, fences.prefix_len, &right_fences);
    new.inherit_mark(node);
    new.link(node.next(), NodeAt::NONE);

    node.begin_change();
    node.fill(keys, left, fences.prefix_len, &left_fences);
    node.link(sibling, NodeAt::NONE);
    node.end_change();
    Risen { separator, right: sibling }
}

/// Splits a full inner node, with `slot` inserted at position `at`. The middle separator rises.
#[cold]
fn split_inner(keys: Keys<'_>, growth: &Growth, at_node: NodeAt, at: usize, slot: Slot) -> Risen {
    let inner = at_node.inner(keys.arena);
    let node = &inner.node;
    let all = node.gather(at, slot, Some(inner));
    let (left, rest) = all.split_at(SLOTS / 2);
    let (middle, right) = match rest.split_first() {
        Some((middle, right)) => (*middle, right),
        None => (slot, rest),
    };

    let fences = node.fences();
    let right_fences = Fences::new(keys, middle.anchor, fences.high, right);
    let left_fences = Fences::new(keys, fences.low, middle.anchor, left);
    let sibling = allocate(keys.arena, growth, INNER_BYTES);
    let new = sibling.inner(keys.arena);
    new.node.clear(node.level());
    new.node.fill(keys, right, fences.prefix_len, &right_fences);
    new.node.inherit_mark(node);
    new.node.link(node.next(), middle.child);
    new.fill_children(right);

    node.begin_change();
    node.fill(keys, left, fences.prefix_len, &left_fences);
    node.link(sibling, node.first_child());
    inner.fill_children(left);
    node.end_change();
    Risen { separator: middle.anchor, right: sibling }
}

/// A node from the arena.
fn allocate(arena: &Arena, growth: &Growth, len: usize) -> NodeAt {
    match arena.allocate_lines(len) {
        Some(at) => {
            count(&growth.nodes);
            NodeAt(at)
        }
        None => unreachable!("INV-MEM-7: room for nodes was made sure of before the insert began"),
    }
}
