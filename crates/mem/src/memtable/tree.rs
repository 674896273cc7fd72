//! The ordered index as readers see it: a B+tree of anchors that grows while they walk it.
//!
//! A descent compares, at each node, the node's `high` fence with the one its parent promised. They are the same unless the
//! node split after the parent was read, or before the parent learnt of it; then the key may have gone to the right,
//! and the reader compares it with the fence and follows `next` (INV-MEM-6). So a split needs no lock over two
//! nodes, and the usual descent never looks at a fence's key. Splits only move keys to the right, and nothing is removed:
//! whatever was in a node is in it or to the right of it.
//!
//! Not here: one node ([`crate::memtable::node`]), growth (`grow.rs`).

use crate::arena::Arena;
use crate::memtable::entry::AnchorAt;
use crate::memtable::node::{Keys, Node, NodeAt, Rank};
use crate::sync::{AtomicU32, Ordering, SLOTS, stays_left};
use std::cmp::Ordering as Compared;

/// The tree. Its nodes are in the arena.
pub(super) struct Tree {
    pub(super) root: AtomicU32,
    /// Splits make nodes to the right only, so the leftmost leaf is always the first one.
    pub(super) first_leaf: NodeAt,
}

/// Which leaf is wanted for a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// The one that has the key, or would.
    At,
    /// The one that has the greatest smaller key.
    Before,
}

/// What a cursor remembers of a leaf: its anchors at one moment, and the leaf to the right at that moment.
pub(super) struct LeafView {
    pub(super) anchors: [AnchorAt; SLOTS],
    pub(super) count: usize,
    pub(super) next: NodeAt,
}

impl LeafView {
    /// A view of nothing.
    pub(super) const fn empty() -> Self {
        Self { anchors: [AnchorAt::NONE; SLOTS], count: 0, next: NodeAt::NONE }
    }

    /// The anchor at position `at`, or none beyond the end.
    #[inline]
    pub(super) fn anchor(&self, at: usize) -> AnchorAt {
        match self.anchors.get(at) {
            Some(anchor) if at < self.count => *anchor,
            _ => AnchorAt::NONE,
        }
    }

    /// Asks for the first records of the view to be fetched, and for the leaf to the right.
    pub(super) fn prefetch_forward(&self, arena: &Arena, records: usize) {
        for anchor in self.anchors.iter().take(records.min(self.count)) {
            anchor.prefetch(arena);
        }
        self.next.prefetch_slots(arena);
    }

    #[inline]
    fn take(&mut self, node: &Node) {
        self.count = node.copy_slots(&mut self.anchors);
        self.next = node.next();
    }
}

impl Tree {
    /// Where the root is.
    #[inline]
    pub(super) fn root(&self) -> NodeAt {
        NodeAt(self.root.load(Ordering::Acquire))
    }

    /// The anchor of `key`, if there is one.
    pub(super) fn find(&self, keys: Keys<'_>, key: &[u8]) -> AnchorAt {
        self.read_leaf(
            keys,
            key,
            Side::At,
            |leaf, rank| {
                if rank.found { leaf.anchor(rank.below) } else { AnchorAt::NONE }
            },
        )
    }

    /// Views the leaf for `key` and returns how many of its keys are below it.
    pub(super) fn view_for(&self, keys: Keys<'_>, key: &[u8], side: Side, view: &mut LeafView) -> Rank {
        self.read_leaf(keys, key, side, |leaf, rank| {
            view.take(leaf);
            rank
        })
    }

    /// Descends to the leaf for `key` and returns what `read` made of it while nobody changed it. `read` may be called
    /// several times, and may see torn fields whenever its result is then thrown away.
    #[inline]
    fn read_leaf<T>(
        &self,
        keys: Keys<'_>,
        key: &[u8],
        side: Side,
        mut read: impl FnMut(&Node, Rank) -> T,
    ) -> T {
        let mut at = self.root();
        let mut promised = AnchorAt::NONE;
        loop {
            let node = at.node(keys.arena);
            let changes = node.begin_read();
            let high = node.high();
            if high != promised && !stays_left() && is_beyond(keys, high, key, side) {
                let next = node.next();
                if node.unchanged(changes) {
                    at = next;
                }
                continue;
            }
            let rank = node.rank(keys, key);
            if node.first_child().is_none() {
                let result = read(node, rank);
                if node.unchanged(changes) {
                    return result;
                }
                continue;
            }
            let left = rank.below + usize::from(rank.found && side == Side::At);
            let child = at.inner(keys.arena).child(left);
            let child_high = if left < node.count() { node.anchor(left) } else { high };
            if node.unchanged(changes) {
                child.prefetch(keys.arena);
                at = child;
                promised = child_high;
            }
        }
    }

    /// Where `key` belongs: its leaf, and the fence that promised it. Asks for the leaf to be fetched without looking into
    /// it. As long as the leaf's high fence is the one that was promised, the key belongs there: a leaf's low fence
    /// never changes, and its high fence only sinks.
    #[inline]
    pub(super) fn leaf_for(&self, keys: Keys<'_>, key: &[u8]) -> (NodeAt, AnchorAt) {
        let mut at = self.root();
        let mut promised = AnchorAt::NONE;
        if at.node(keys.arena).level() == 0 {
            return (at, promised);
        }
        loop {
            let node = at.node(keys.arena);
            let changes = node.begin_read();
            let high = node.high();
            if high != promised && !stays_left() && is_beyond(keys, high, key, Side::At) {
                let next = node.next();
                if node.unchanged(changes) {
                    at = next;
                }
                continue;
            }
            let rank = node.rank(keys, key);
            let left = rank.below + usize::from(rank.found);
            let child = at.inner(keys.arena).child(left);
            let child_high = if left < node.count() { node.anchor(left) } else { high };
            if node.unchanged(changes) {
                child.prefetch(keys.arena);
                if node.level() == 1 {
                    child.prefetch_slots(keys.arena);
                    return (child, child_high);
                }
                at = child;
                promised = child_high;
            }
        }
    }

    /// The node above the leaf where `key` belongs, and how many of its children lie before that leaf. The root must not be a
    /// leaf.
    pub(super) fn parent_for(&self, keys: Keys<'_>, key: &[u8]) -> (NodeAt, usize) {
        let mut at = self.root();
        loop {
            let node = at.node(keys.arena);
            let changes = node.begin_read();
            let (high, next) = (node.high(), node.next());
            let beyond = !next.is_none() && is_beyond(keys, high, key, Side::At);
            let rank = node.rank(keys, key);
            let left = rank.below + usize::from(rank.found);
            let (child, level) = (at.inner(keys.arena).child(left), node.level());
            if !node.unchanged(changes) {
                continue;
            }
            if beyond {
                at = next;
            } else if level <= 1 {
                return (at, left);
            } else {
                at = child;
            }
        }
    }

    /// Views one leaf.
    pub(super) fn view(&self, keys: Keys<'_>, leaf: NodeAt, view: &mut LeafView) {
        let node = leaf.node(keys.arena);
        loop {
            let changes = node.begin_read();
            view.take(node);
            if node.unchanged(changes) {
                return;
            }
        }
    }

    /// Views the rightmost leaf.
    pub(super) fn view_last(&self, keys: Keys<'_>, view: &mut LeafView) {
        let mut at = self.root();
        loop {
            let node = at.node(keys.arena);
            let changes = node.begin_read();
            let next = node.next();
            let is_leaf = node.first_child().is_none();
            let child = if is_leaf { NodeAt::NONE } else { at.inner(keys.arena).child(node.count()) };
            if is_leaf {
                view.take(node);
            }
            if !node.unchanged(changes) {
                continue;
            }
            if !next.is_none() {
                at = next;
            } else if is_leaf {
                return;
            } else {
                at = child;
            }
        }
    }
}

/// Whether what is wanted for `key` is not below the fence `high`.
#[cold]
pub(super) fn is_beyond(keys: Keys<'_>, high: AnchorAt, key: &[u8], side: Side) -> bool {
    if high.is_none() {
        return false;
    }
    match keys.compare(high, key) {
        Compared::Less => true,
        Compared::Equal => side == Side::At,
        Compared::Greater => false,
    }
}
