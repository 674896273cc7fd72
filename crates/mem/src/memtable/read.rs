//! Point reads.
//!
//! 1. Find the key's anchor: by hash, or through the tree under an order by which different bytes are the same key.
//! 2. Walk its versions, newest first, to the first one below the bound.
//!
//! No lock, no wait, no allocation. A miss usually costs one cache miss, in the hash index; a hit three.
//!
//! Not here: ranges ([`crate::memtable::cursor`]).

use crate::arena::Arena;
use crate::kind::Kind;
use crate::memtable::entry::{AnchorAt, VersionAt};
use crate::memtable::state::Memtable;
use crate::seqno::SeqNo;

/// One version of a key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Version<'a> {
    /// When it was written.
    pub seqno: SeqNo,
    /// What it means.
    pub kind: Kind,
    /// Its value, or operand, or pointer; empty for tombstones.
    pub value: &'a [u8],
}

impl Memtable {
    /// The newest version of `key` with `seqno < bound`, tombstones included.
    ///
    /// `hash` is the hash of `key` that it was inserted with.
    #[inline]
    #[must_use]
    pub fn get(&self, key: &[u8], hash: u64, bound: SeqNo) -> Option<Version<'_>> {
        self.versions(key, hash, bound).next()
    }

    /// The versions of `key` with `seqno < bound`, newest first.
    ///
    /// `hash` is the hash of `key` that it was inserted with.
    #[inline]
    pub fn versions<'a>(
        &'a self,
        key: &[u8],
        hash: u64,
        bound: SeqNo,
    ) -> impl Iterator<Item = Version<'a>> + use<'a> {
        let arena = &self.arena;
        let mut at = self.find(key, hash).newest(arena);
        while !at.is_none() && at.seqno(arena) >= bound {
            at = at.older(arena);
        }
        Versions { arena, at }
    }

    /// The anchor of `key`, or none.
    #[inline]
    pub(super) fn find(&self, key: &[u8], hash: u64) -> AnchorAt {
        match &self.hash_index {
            // Equal keys are equal bytes wherever there is a hash index.
            Some(index) => index.find(hash, |anchor| anchor.key(&self.arena) == key),
            None => self.tree.find(self.keys(), key),
        }
    }
}

/// The rest of a chain.
struct Versions<'a> {
    arena: &'a Arena,
    at: VersionAt,
}

impl<'a> Iterator for Versions<'a> {
    type Item = Version<'a>;

    #[inline]
    fn next(&mut self) -> Option<Version<'a>> {
        let (arena, at) = (self.arena, self.at);
        if at.is_none() {
            return None;
        }
        self.at = at.older(arena);
        Some(Version { seqno: at.seqno(arena), kind: at.kind(arena), value: at.value(arena) })
    }
}
