//! Inserting: one writer at a time, under a short lock.
//!
//! 1. Find the key's anchor, where somebody looked for it before the lock was taken ([`crate::memtable::Place`]), or now.
//!    A key beyond the last one, while keys are being appended, needs no search.
//! 2. If there is one, this is an overwrite: write the version and link it into the chain, by sequence number. Neither tree
//!    nor hash index changes.
//! 3. Otherwise make sure of room for the record *and* for every node that could split, find the place in the tree, write
//!    the record, insert its anchor into the tree and the hash index.
//!
//! Every step that makes something visible is a release store of an offset whose record is complete (INV-MEM-2), and all
//! that can fail, a user's comparator included, comes before anything is changed (INV-MEM-7).

use crate::kind::Kind;
use crate::memtable::entry::{AnchorAt, NewVersion, VersionAt, new_key_bytes, version_bytes};
use crate::memtable::grow::Way;
use crate::memtable::look::Place;
use crate::memtable::state::{Habit, Memtable, WriterState};
use crate::seqno::SeqNo;
use crate::sync::{MutexGuard, Ordering, SLOTS};
use std::cmp::Ordering as Compared;
use std::fmt;
use std::sync::PoisonError;

/// The longest key.
const MAX_KEY_BYTES: usize = u16::MAX as usize;
/// The longest value.
const MAX_VALUE_BYTES: usize = u32::MAX as usize;

/// The arena has no room for an entry. Nothing was inserted; seal the memtable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ArenaFull;

impl fmt::Display for ArenaFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the memtable's arena is full")
    }
}

impl std::error::Error for ArenaFull {}

/// The right to insert. Holds the memtable's writer lock; readers do not notice.
pub struct MemtableWriter<'a> {
    memtable: &'a Memtable,
    state: MutexGuard<'a, WriterState>,
}

impl Memtable {
    /// Takes the writer's lock, waiting for another writer.
    #[inline]
    pub fn write(&self) -> MemtableWriter<'_> {
        // A writer that panicked did so in a user's comparator, before it changed anything.
        let state = self.writer.0.lock().unwrap_or_else(PoisonError::into_inner);
        MemtableWriter { memtable: self, state }
    }
}

impl MemtableWriter<'_> {
    /// [`Memtable::has_room`], asked by the one who inserts.
    #[must_use]
    pub fn has_room(&self, entries: usize, key_value_bytes: usize) -> bool {
        self.memtable.has_room(entries, key_value_bytes)
    }

    /// Inserts one version and returns the bytes that the arena grew by.
    ///
    /// `hash` is any hash of the key's bytes, the same that reads will pass. Sequence numbers may come in any order; a
    /// second version with the same key and sequence number replaces the first, but of merge operands each counts, the one
    /// that is inserted later as the newer (INV-MERGE-4).
    ///
    /// # Errors
    ///
    /// [`ArenaFull`]; then nothing was inserted.
    ///
    /// # Panics
    ///
    /// If the key is longer than 65,535 bytes or the value longer than `u32::MAX`: whoever calls refuses those before
    /// anything is written.
    #[inline]
    pub fn insert(
        &mut self,
        key: &[u8],
        hash: u64,
        seqno: SeqNo,
        kind: Kind,
        value: &[u8],
    ) -> Result<usize, ArenaFull> {
        self.insert_at(key, &Place::of_hash(hash), seqno, kind, value)
    }

    /// Inserts one version as [`insert`](Self::insert) does, where [`Memtable::look`] saw its place.
    ///
    /// # Errors
    ///
    /// As [`insert`](Self::insert).
    ///
    /// # Panics
    ///
    /// As [`insert`](Self::insert).
    #[inline]
    pub fn insert_at(
        &mut self,
        key: &[u8],
        place: &Place,
        seqno: SeqNo,
        kind: Kind,
        value: &[u8],
    ) -> Result<usize, ArenaFull> {
        assert!(key.len() <= MAX_KEY_BYTES && value.len() <= MAX_VALUE_BYTES, "the key or value is too long");
        let memtable = self.memtable;
        if self.state.marks {
            self.raise_marks(key, seqno);
        }
        let before = memtable.arena.free_bytes();
        let version = NewVersion { seqno, kind, value, own_key: None };
        if let Some(end) = self.end_for(key) {
            self.insert_key(key, place.hash(), &version, &end)?;
            return Ok(before - memtable.arena.free_bytes());
        }
        let looked = if place.is_in(memtable) { *place } else { memtable.look(key, place.hash()) };
        let mut anchor = looked.anchor();
        if anchor.is_none() {
            anchor = memtable.find(key, place.hash());
        }
        if anchor.is_none() {
            let way = match looked.leaf_with_room(&memtable.arena) {
                Some(leaf) => Way::to(leaf),
                None => memtable.tree.approach(memtable.keys(), &memtable.growth, key),
            };
            self.insert_key(key, place.hash(), &version, &way)?;
        } else {
            self.insert_version(anchor, key, version)?;
            memtable.remember(Habit::Overwrites);
        }
        Ok(before - memtable.arena.free_bytes())
    }

    /// From now on it is noted how new the parts of the memtable are, so that cursors can pass over old ones
    /// ([`crate::memtable::MemtableCursor::skip_forward`]). Each insert costs a descent more from then on.
    pub fn mark_from_now(&mut self) {
        if !self.state.marks {
            self.memtable.unmarked_below.store(self.memtable.counters.above_highest(), Ordering::Release);
            self.state.marks = true;
        }
    }

    /// INV-MEM-16: before the entry can be seen.
    #[cold]
    fn raise_marks(&self, key: &[u8], seqno: SeqNo) {
        self.memtable.tree.raise_marks(self.memtable.keys(), key, seqno);
    }

    /// The way to the end of the tree if keys are being appended and `key` is one more: then it is new, without a search.
    #[inline]
    fn end_for(&self, key: &[u8]) -> Option<Way> {
        let leaf = self.state.appending_to;
        if leaf.is_none() {
            return None;
        }
        let keys = self.memtable.keys();
        let node = leaf.node(keys.arena);
        let last = node.anchor(node.count().wrapping_sub(1));
        let is_beyond = !last.is_none() && node.count() < SLOTS && keys.compare(last, key) == Compared::Less;
        is_beyond.then(|| Way::to(leaf))
    }

    /// The first version of a key.
    #[inline]
    fn insert_key(
        &mut self,
        key: &[u8],
        hash: u64,
        version: &NewVersion<'_>,
        way: &Way,
    ) -> Result<(), ArenaFull> {
        let Memtable { arena, tree, hash_index, counters, growth, .. } = self.memtable;
        let record_bytes = new_key_bytes(key, version);
        let free = arena.free_bytes();
        if record_bytes.saturating_add(growth.bytes_for_one()) > free
            && record_bytes.saturating_add(growth.bytes_for(1)) > free
        {
            return Err(ArenaFull);
        }
        let keys = self.memtable.keys();
        let at = way.rank(keys, key);
        let anchor = AnchorAt::create(arena, key, version).ok_or(ArenaFull)?;
        counters.add(version.seqno, version.kind);
        let end = tree.insert(keys, growth, key, anchor, (way, at));
        self.state.appending_to = end;
        self.memtable.remember(if end.is_none() { Habit::NewKeys } else { Habit::Appends });
        if let Some(index) = hash_index {
            index.insert(&mut self.state.filling, hash, anchor);
        }
        Ok(())
    }

    /// A further version of the key of `anchor`, as `key` spells it.
    #[inline]
    fn insert_version<'k>(
        &mut self,
        anchor: AnchorAt,
        key: &'k [u8],
        mut version: NewVersion<'k>,
    ) -> Result<(), ArenaFull> {
        let Memtable { arena, counters, .. } = self.memtable;
        if self.memtable.hash_index.is_none() && anchor.key(arena) != key {
            version.own_key = Some(key);
        }
        if version_bytes(&version) > arena.free_bytes() {
            return Err(ArenaFull);
        }
        // The chain is newest first: find the last version that is newer.
        let (mut newer, mut older) = (VersionAt::NONE, anchor.newest(arena));
        while !older.is_none() && older.seqno(arena) > version.seqno {
            (newer, older) = (older, older.older(arena));
        }
        while !older.is_none() && older.seqno(arena) == version.seqno {
            if (older.kind(arena), version.kind) == (Kind::Merge, Kind::Merge) {
                break;
            }
            // Readers that stand on it go on from there; nobody new finds it.
            counters.remove(older.kind(arena).is_tombstone());
            older = older.older(arena);
        }
        let new = VersionAt::create(arena, &version, older).ok_or(ArenaFull)?;
        counters.add(version.seqno, version.kind);
        if newer.is_none() {
            anchor.set_newest(arena, new);
        } else {
            newer.set_older(arena, new);
        }
        Ok(())
    }
}

impl fmt::Debug for MemtableWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemtableWriter").field("memtable", &self.memtable).finish_non_exhaustive()
    }
}
