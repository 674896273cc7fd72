//! How new the entries under each node are: for cursors that pass over whatever is older than some number.
//!
//! Off until asked for ([`MemtableWriter::mark_from_now`]), since it costs each insert a descent. From then on an insert first
//! goes down to where its key belongs, and raises the *mark* of each node on its way above its number. What was there before lies
//! below one bound for the whole memtable. A split hands the mark on to the new node, and a new root takes the old one's. So
//! every entry under a node is below its mark or below that bound (INV-MEM-16).
//!
//! A mark rises before the entry is published, so whoever may see the entry sees the mark. Marks are too high where what raised
//! them went to the other half of a split; then less is passed over than could be.
//!
//! Not here: the passing over ([`crate::memtable::MemtableCursor::skip_forward`]).
//!
//! [`MemtableWriter::mark_from_now`]: crate::memtable::MemtableWriter::mark_from_now

use crate::memtable::entry::AnchorAt;
use crate::memtable::node::{Keys, Node};
use crate::memtable::tree::{Side, Tree, is_beyond};
use crate::seqno::SeqNo;
use crate::sync::forgets_marks;

/// A bound that stands for a memtable that does not mark.
pub(super) const UNMARKED: u64 = u64::MAX;

/// The keys that one node is responsible for: from `low` up to, and without, `high`.
#[derive(Clone, Copy)]
pub(super) struct Part {
    pub(super) low: AnchorAt,
    pub(super) high: AnchorAt,
}

impl Node {
    /// A new node takes the mark of the one that it takes keys of.
    pub(super) fn inherit_mark(&self, of: &Self) {
        if !forgets_marks() {
            self.raise_mark(of.mark());
        }
    }
}

impl Tree {
    /// The writer is about to insert `key` with this number.
    pub(super) fn raise_marks(&self, keys: Keys<'_>, key: &[u8], seqno: SeqNo) {
        let mut at = self.root();
        loop {
            let node = at.node(keys.arena);
            node.raise_mark(seqno.saturating_add(1));
            if node.first_child().is_none() {
                return;
            }
            let rank = node.rank(keys, key);
            at = at.inner(keys.arena).child(rank.below + usize::from(rank.found));
        }
    }

    /// The part of the largest node for `key` that is marked no higher than `below`; none if its leaf is.
    pub(super) fn old_part(&self, keys: Keys<'_>, key: &[u8], side: Side, below: SeqNo) -> Option<Part> {
        let mut at = self.root();
        let mut promised = AnchorAt::NONE;
        loop {
            let node = at.node(keys.arena);
            let changes = node.begin_read();
            let high = node.high();
            if high != promised && is_beyond(keys, high, key, side) {
                let next = node.next();
                if node.unchanged(changes) {
                    at = next;
                }
                continue;
            }
            let is_old = node.mark() <= below;
            if is_old || node.first_child().is_none() {
                let part = Part { low: node.low(), high };
                if node.unchanged(changes) {
                    return is_old.then_some(part);
                }
                continue;
            }
            let rank = node.rank(keys, key);
            let left = rank.below + usize::from(rank.found && side == Side::At);
            let child = at.inner(keys.arena).child(left);
            let child_high = if left < node.count() { node.anchor(left) } else { high };
            if node.unchanged(changes) {
                at = child;
                promised = child_high;
            }
        }
    }
}
