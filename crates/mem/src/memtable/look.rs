//! Looking ahead: where a key will go, asked before the writer's lock is taken.
//!
//! An insert spends its time waiting for memory: the slot of the hash index, the leaf, the key's record if there is one,
//! the end of the arena. A writer asks for all of it with [`Memtable::look`], which reads as any reader does, and goes
//! on to write its log; when it comes to insert, under the lock, the memory is there and the way is known.
//!
//! A [`Place`] is advice that the insert checks:
//!
//! * an anchor that was found stays the key's anchor for as long as the memtable lives;
//! * that there was none says nothing later on, so the hash index is asked again, whose slot is in the cache by now;
//! * a leaf is still the right one if its high fence is the one that was promised (INV-MEM-11).
//!
//! What is worth fetching depends on what the last insert was: an overwrite needs no leaf, an append neither.
//!
//! Not here: the insert ([`crate::memtable::MemtableWriter`]).

use crate::arena::Arena;
use crate::memtable::entry::AnchorAt;
use crate::memtable::node::NodeAt;
use crate::memtable::state::{Habit, Memtable};
use crate::sync::{Ordering, SLOTS, trusts_old_leaves};

/// Where a key was or would have been when somebody looked. Good for one memtable and one key.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    hash: u64,
    /// The memtable that was looked at; zero if none was.
    memtable: u64,
    /// The key's anchor, if it had one.
    anchor: AnchorAt,
    /// The leaf for a new key, if it was looked for, and its high fence.
    leaf: NodeAt,
    high: AnchorAt,
}

impl Place {
    /// Of a key with this hash nothing else is known.
    #[inline]
    #[must_use]
    pub const fn of_hash(hash: u64) -> Self {
        Self { hash, memtable: 0, anchor: AnchorAt::NONE, leaf: NodeAt::NONE, high: AnchorAt::NONE }
    }

    /// The key's hash.
    #[inline]
    #[must_use]
    pub const fn hash(&self) -> u64 {
        self.hash
    }

    /// Whether it is `memtable` that was looked at.
    #[inline]
    pub(super) const fn is_in(&self, memtable: &Memtable) -> bool {
        self.memtable == memtable.id
    }

    /// The anchor that was found, or none.
    #[inline]
    pub(super) const fn anchor(&self) -> AnchorAt {
        self.anchor
    }

    /// The leaf, if a new key still belongs there and it has room. Only the writer may believe it.
    #[inline]
    pub(super) fn leaf_with_room(&self, arena: &Arena) -> Option<NodeAt> {
        if self.leaf.is_none() {
            return None;
        }
        let node = self.leaf.node(arena);
        // INV-MEM-11
        ((node.high() == self.high || trusts_old_leaves()) && node.count() < SLOTS).then_some(self.leaf)
    }
}

impl Memtable {
    /// Looks for the place of `key`, and has fetched what inserting it there will take. Takes no lock.
    ///
    /// `hash` is the hash of `key`, as for [`get`](Self::get).
    #[inline]
    #[must_use]
    pub fn look(&self, key: &[u8], hash: u64) -> Place {
        let mut place = Place { memtable: self.id, ..Place::of_hash(hash) };
        let Some(index) = &self.hash_index else {
            place.anchor = self.find(key, hash);
            return place;
        };
        index.prefetch(hash);
        self.arena.prefetch_free(256);
        let habit = self.habit.load(Ordering::Relaxed);
        if habit == Habit::Appends as u32 {
            // Whether the key is beyond all others is known under the lock at once.
            return Place::of_hash(hash);
        }
        if habit == Habit::NewKeys as u32 {
            // That there is no such key yet is asked under the lock, when the slot has come: nothing waits for it here.
            (place.leaf, place.high) = self.tree.leaf_for(self.keys(), key);
            return place;
        }
        place.anchor = self.find(key, hash);
        if !place.anchor.is_none() {
            place.anchor.newest(&self.arena).prefetch(&self.arena);
        }
        place
    }

    /// Remembers what the last insert was.
    #[inline]
    pub(super) fn remember(&self, habit: Habit) {
        if self.habit.load(Ordering::Relaxed) != habit as u32 {
            self.habit.store(habit as u32, Ordering::Relaxed);
        }
    }
}
