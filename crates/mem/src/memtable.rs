//! The memtable: the signatures; the index follows.
#![allow(
    dead_code,
    unused_variables,
    clippy::unused_self,
    clippy::needless_pass_by_value,
    reason = "signatures first"
)]

use crate::arena::ArenaPool;
use crate::comparator::KeyOrder;
use crate::kind::Kind;
use crate::seqno::SeqNo;
use std::fmt;
use std::sync::Arc;

/// What a memtable is made for.
#[derive(Clone, Debug)]
pub struct MemtableOptions {
    /// The order of keys.
    pub order: KeyOrder,
    /// The size of the arena.
    pub capacity_bytes: usize,
    /// How many distinct keys to expect: sizes the hash index, which grows if there are more.
    pub expected_entries: usize,
    /// Where the arena's memory comes from and returns to.
    pub pool: Option<Arc<ArenaPool>>,
}

/// The ordered index of recent writes.
#[derive(Debug)]
pub struct Memtable {
    capacity_bytes: usize,
}

/// The arena has no room for an entry; nothing was inserted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ArenaFull;

impl fmt::Display for ArenaFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the memtable's arena is full")
    }
}

impl std::error::Error for ArenaFull {}

/// One version of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Version<'a> {
    /// When it was written.
    pub seqno: SeqNo,
    /// What it means.
    pub kind: Kind,
    /// Its value.
    pub value: &'a [u8],
}

/// The right to insert: one at a time.
#[derive(Debug)]
pub struct MemtableWriter<'a> {
    memtable: &'a Memtable,
}

/// A position in a memtable.
#[derive(Debug)]
pub struct MemtableCursor {
    memtable: Arc<Memtable>,
}

impl Memtable {
    /// An empty memtable.
    #[must_use]
    pub fn new(options: MemtableOptions) -> Self {
        Self { capacity_bytes: options.capacity_bytes }
    }

    /// The capacity that a fresh memtable needs for [`MemtableWriter::has_room`] to hold.
    #[must_use]
    pub fn bytes_needed(entries: usize, key_value_bytes: usize) -> usize {
        0
    }

    /// Takes the writer's lock.
    pub fn write(&self) -> MemtableWriter<'_> {
        MemtableWriter { memtable: self }
    }

    /// The newest version of `key` with `seqno < bound`.
    #[must_use]
    pub fn get(&self, key: &[u8], hash: u64, bound: SeqNo) -> Option<Version<'_>> {
        None
    }

    /// The versions of `key` with `seqno < bound`, newest first.
    pub fn versions<'a>(&'a self, key: &[u8], hash: u64, bound: SeqNo) -> impl Iterator<Item = Version<'a>> {
        std::iter::empty()
    }

    /// A cursor, not yet positioned.
    #[must_use]
    pub fn cursor(self: &Arc<Self>) -> MemtableCursor {
        MemtableCursor { memtable: Arc::clone(self) }
    }

    /// The number of entries.
    #[must_use]
    pub fn len(&self) -> usize {
        0
    }

    /// Whether there are no entries.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        true
    }

    /// The highest sequence number inserted.
    #[must_use]
    pub fn highest_seqno(&self) -> Option<SeqNo> {
        None
    }

    /// The lowest sequence number inserted.
    #[must_use]
    pub fn lowest_seqno(&self) -> Option<SeqNo> {
        None
    }

    /// The bytes of the arena in use.
    #[must_use]
    pub fn allocated_bytes(&self) -> usize {
        0
    }

    /// The size of the arena.
    #[must_use]
    pub fn capacity_bytes(&self) -> usize {
        self.capacity_bytes
    }

    /// All heap memory of this memtable: arena and hash index.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        0
    }

    /// How many entries are tombstones.
    #[must_use]
    pub fn tombstones(&self) -> usize {
        0
    }

    /// Bytes of keys and values of all entries.
    #[must_use]
    pub fn user_bytes(&self) -> usize {
        0
    }
}

impl MemtableWriter<'_> {
    /// Whether `entries` inserts with `key_value_bytes` of keys and values in total cannot fail.
    #[must_use]
    pub fn has_room(&self, entries: usize, key_value_bytes: usize) -> bool {
        true
    }

    /// Inserts one version and returns the bytes that the arena grew by.
    ///
    /// # Errors
    ///
    /// [`ArenaFull`]; then nothing was inserted.
    pub fn insert(
        &mut self,
        key: &[u8],
        hash: u64,
        seqno: SeqNo,
        kind: Kind,
        value: &[u8],
    ) -> Result<usize, ArenaFull> {
        Err(ArenaFull)
    }
}

impl MemtableCursor {
    /// Whether the cursor stands on an entry.
    #[must_use]
    pub fn valid(&self) -> bool {
        false
    }

    /// Moves to the first entry.
    pub fn seek_to_first(&mut self) {}

    /// Moves to the last entry.
    pub fn seek_to_last(&mut self) {}

    /// Moves to the first entry (newest version) whose user key is `key` or greater.
    pub fn seek(&mut self, key: &[u8]) {}

    /// Moves to the last entry (oldest version) whose user key is `key` or less.
    pub fn seek_for_prev(&mut self, key: &[u8]) {}

    /// Moves one entry forward.
    pub fn next(&mut self) {}

    /// Moves one entry backward.
    pub fn prev(&mut self) {}

    /// The user key here; empty when not valid.
    #[must_use]
    pub fn key(&self) -> &[u8] {
        &[]
    }

    /// The sequence number here.
    #[must_use]
    pub fn seqno(&self) -> SeqNo {
        0
    }

    /// The kind here.
    #[must_use]
    pub fn kind(&self) -> Kind {
        Kind::Put
    }

    /// The value here.
    #[must_use]
    pub fn value(&self) -> &[u8] {
        &[]
    }

    /// The head of the key here.
    #[must_use]
    pub fn head(&self) -> u64 {
        crate::head::head(self.key())
    }
}
