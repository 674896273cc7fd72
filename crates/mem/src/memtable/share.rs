//! About how many entries lie in a range of keys: an estimate without looking at them.
//!
//! The nodes just above the leaves are walked from left to right, one in some hundred entries. Each counts for the number of its
//! leaves times the keys in one of them: leaves are between half full and full, and neighbours are alike. What splits meanwhile
//! may be counted on one side or the other.
//!
//! Not here: exact counts (walk a [`crate::memtable::MemtableCursor`]).

use crate::memtable::node::NodeAt;
use crate::memtable::state::Memtable;

/// A place between two leaves: a node above leaves, and how many of its children lie before.
#[derive(Clone, Copy)]
struct Place {
    parent: NodeAt,
    before: u64,
}

impl Memtable {
    /// About how many entries have keys from `from` up to `to`; without a bound, to that end. All or none in a memtable of
    /// few entries. O(number of entries / some hundred).
    #[must_use]
    pub fn approximate_len(&self, from: Option<&[u8]>, to: Option<&[u8]>) -> usize {
        let Some(first) = self.first_parent() else { return self.len() };
        let (from, to) = (from.map(|key| self.place_of(key)), to.map(|key| self.place_of(key)));
        let (mut keys, mut start, mut end) = (0, 0, None);
        let mut at = first;
        while !at.is_none() {
            let node = at.node(&self.arena);
            // A torn count is one leaf too many or too few.
            let (leaves, next) = (node.count() as u64 + 1, node.next());
            let sample = at.inner(&self.arena).child(node.count() / 2);
            let in_leaf = if sample.is_none() { 1 } else { sample.node(&self.arena).count().max(1) as u64 };
            if let Some(place) = from.filter(|place| place.parent == at) {
                start = keys + place.before * in_leaf;
            }
            if let Some(place) = to.filter(|place| place.parent == at) {
                end = Some(keys + place.before * in_leaf);
            }
            keys += leaves * in_leaf;
            at = next;
        }
        let within = end.unwrap_or(keys).saturating_sub(start);
        // A memtable holds less than four billion entries and keys: the product fits.
        (self.len() as u64 * within / keys.max(1)).try_into().unwrap_or(usize::MAX)
    }

    /// The leftmost node above leaves; none while the only node is a leaf.
    fn first_parent(&self) -> Option<NodeAt> {
        let mut at = self.tree.root();
        loop {
            let node = at.node(&self.arena);
            match node.level() {
                0 => return None,
                1 => return Some(at),
                _ => at = node.first_child(),
            }
        }
    }

    /// Where `key` belongs. The tree has a node above leaves.
    fn place_of(&self, key: &[u8]) -> Place {
        let (parent, before) = self.tree.parent_for(self.keys(), key);
        Place { parent, before: before as u64 }
    }
}
