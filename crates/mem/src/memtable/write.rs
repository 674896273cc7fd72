//! Inserting: one writer at a time, under a short lock.
//!
//! 1. Find the key's anchor.
//! 2. If there is one, this is an overwrite: write the version and link it into the chain, by sequence number. Neither tree
//!    nor hash index changes.
//! 3. Otherwise make sure of room for the record *and* for every node that could split, find the place in the tree, write
//!    the record, insert its anchor into the tree and the hash index.
//!
//! Every step that makes something visible is a release store of an offset whose record is complete (INV-MEM-2), and all
//! that can fail, a user's comparator included, comes before anything is changed (INV-MEM-7).

use crate::kind::Kind;
use crate::memtable::entry::{AnchorAt, ENTRY_OVERHEAD, NewVersion, VersionAt, new_key_bytes, version_bytes};
use crate::memtable::grow::Way;
use crate::memtable::state::{Memtable, WriterState};
use crate::seqno::SeqNo;
use crate::sync::MutexGuard;
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
    /// Whether `entries` inserts with `key_value_bytes` of keys and values in total cannot fail, if this writer (or whoever
    /// asks) makes them. Conservative: a no does not mean that they would.
    #[must_use]
    pub fn has_room(&self, entries: usize, key_value_bytes: usize) -> bool {
        let records = entries.saturating_mul(ENTRY_OVERHEAD).saturating_add(key_value_bytes);
        records.saturating_add(self.state.growth.bytes_for(entries)) <= self.memtable.arena.free_bytes()
    }

    /// Inserts one version and returns the bytes that the arena grew by.
    ///
    /// `hash` is any hash of the key's bytes, the same that reads will pass. Sequence numbers may come in any order; a
    /// second version with the same key and sequence number replaces the first.
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
        assert!(key.len() <= MAX_KEY_BYTES && value.len() <= MAX_VALUE_BYTES, "the key or value is too long");
        let before = self.memtable.arena.free_bytes();
        let version = NewVersion { seqno, kind, value, own_key: None };
        // A new key needs a slot of the hash index and a leaf, neither of which is in a cache: fetch both at once. An
        // overwrite does not need the leaf, so this is for whoever writes new keys.
        let way = self.state.expects_new_key.then(|| {
            if let Some(index) = &self.memtable.hash_index {
                index.prefetch(hash);
            }
            self.memtable.tree.approach(self.memtable.keys(), &self.state.growth, key)
        });
        let anchor = self.memtable.find(key, hash);
        self.state.expects_new_key = anchor.is_none();
        if anchor.is_none() {
            self.insert_key(key, hash, &version, way)?;
        } else {
            self.insert_version(anchor, key, version)?;
        }
        Ok(before - self.memtable.arena.free_bytes())
    }

    /// The first version of a key.
    #[inline]
    fn insert_key(
        &mut self,
        key: &[u8],
        hash: u64,
        version: &NewVersion<'_>,
        way: Option<Way>,
    ) -> Result<(), ArenaFull> {
        let Memtable { arena, tree, hash_index, counters, .. } = self.memtable;
        let WriterState { growth, filling, .. } = &mut *self.state;
        let record_bytes = new_key_bytes(key, version);
        let free = arena.free_bytes();
        if record_bytes.saturating_add(growth.bytes_for_one()) > free
            && record_bytes.saturating_add(growth.bytes_for(1)) > free
        {
            return Err(ArenaFull);
        }
        let keys = self.memtable.keys();
        let way = way.unwrap_or_else(|| tree.approach(keys, growth, key));
        let at = way.rank(keys, key);
        let anchor = AnchorAt::create(arena, key, version).ok_or(ArenaFull)?;
        counters.add(version.seqno, version.kind.is_tombstone(), key.len() + version.value.len());
        tree.insert(keys, growth, key, anchor, (&way, at));
        if let Some(index) = hash_index {
            index.insert(filling, hash, anchor);
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
        let shadowed = !older.is_none() && older.seqno(arena) == version.seqno;
        if shadowed {
            // Readers that stand on it go on from there; nobody new finds it.
            let key_len = older.own_key(arena).map_or(anchor.key(arena).len(), <[u8]>::len);
            counters.remove(older.kind(arena).is_tombstone(), key_len + older.value(arena).len());
            older = older.older(arena);
        }
        let new = VersionAt::create(arena, &version, older).ok_or(ArenaFull)?;
        counters.add(version.seqno, version.kind.is_tombstone(), key.len() + version.value.len());
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
