//! Membership filters of any kind: "certainly not here" or "perhaps".
//!
//! The payload ends with a byte that names the kind, so that a reader needs nothing else to use it, and the kind fixes
//! everything including the hash of a key ([`crate::checksum::key_hash`]):
//!
//! | kind | |
//! |--:|---|
//! | 1 | blocked Bloom: [`bloom`] |
//! | 2 | bumped ribbon: [`burr`] |
//! | 3 | a directory of partitions, each with a filter of its own: [`crate::partitions`] |
//!
//! A reader that does not know a kind gets a typed problem and does without the filter: that costs reads and no answers.
//!
//! Prefixes of keys may be in a filter beside the keys, under hashes of their own ([`prefix_hash`]); the properties say whether they
//! are, and by whose rule.
//!
//! **Damage.** The envelope's checksum finds it. Hostile bytes can make a filter lie about what it holds, not panic.
//! Not here: which bits per key a level gets, and what is hashed into it.

pub mod bloom;
pub mod burr;

use crate::checksum::key_hash;
use crate::error::{DecodeError, Problem};
use crate::filter::bloom::{Bloom, BloomBuilder, KIND_BLOOM, STRUCTURE};
use crate::filter::burr::{Burr, BurrBuilder, KIND_BURR};
use esker_mem::slice::Slice;

/// The hash that a prefix of keys is added and asked for by: the two halves of [`key_hash`] change places, so that a
/// prefix and a key of the same bytes have nothing to do with each other.
#[inline]
#[must_use]
pub fn prefix_hash(prefix: &[u8]) -> u64 {
    key_hash(prefix).rotate_left(32)
}

/// A decoded filter.
#[derive(Debug, Clone)]
pub struct Filter {
    kind: FilterOf,
}

#[derive(Debug, Clone)]
enum FilterOf {
    Bloom(Bloom),
    Burr(Burr),
}

impl Filter {
    /// Takes a payload apart; copies it to where it can be asked fast.
    ///
    /// # Errors
    /// A kind that this build does not know, or bytes that are not of their kind.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "the payload is given up, as those of other structures are"
    )]
    pub fn decode(payload: Slice) -> Result<Self, DecodeError> {
        match payload.last() {
            Some(&KIND_BLOOM) => Ok(Self { kind: FilterOf::Bloom(Bloom::decode(&payload)?) }),
            Some(&KIND_BURR) => Ok(Self { kind: FilterOf::Burr(Burr::decode(&payload)?) }),
            Some(&id) => {
                let at = payload.len().saturating_sub(1) as u64;
                Err(DecodeError::new(
                    STRUCTURE,
                    at,
                    Problem::Unsupported { what: "filter kind", id: id.into() },
                ))
            }
            None => Err(DecodeError::new(STRUCTURE, 0, Problem::Truncated { needed: 1, available: 0 })),
        }
    }

    /// Whether a key with this hash may be there. `false` is certain.
    #[inline]
    #[must_use]
    pub fn may_contain(&self, hash: u64) -> bool {
        match &self.kind {
            FilterOf::Bloom(bloom) => bloom.may_contain(hash),
            FilterOf::Burr(burr) => burr.may_contain(hash),
        }
    }

    /// Asks the processor for what [`Filter::may_contain`] will look at.
    #[inline]
    pub fn prefetch(&self, hash: u64) {
        match &self.kind {
            FilterOf::Bloom(bloom) => bloom.prefetch(hash),
            FilterOf::Burr(burr) => burr.prefetch(hash),
        }
    }

    /// The kind's id, as on disk.
    #[must_use]
    pub const fn kind_id(&self) -> u8 {
        match &self.kind {
            FilterOf::Bloom(_) => KIND_BLOOM,
            FilterOf::Burr(_) => KIND_BURR,
        }
    }

    /// The name of the policy that builds such filters.
    #[must_use]
    pub const fn policy_name(&self) -> &'static str {
        match &self.kind {
            FilterOf::Bloom(_) => bloom::POLICY_NAME,
            FilterOf::Burr(_) => burr::POLICY_NAME,
        }
    }

    /// Bytes of memory that the filter holds on to.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        let parts = match &self.kind {
            FilterOf::Bloom(bloom) => bloom.memory_bytes(),
            FilterOf::Burr(burr) => burr.memory_bytes(),
        };
        size_of::<Self>() + parts
    }
}

/// Gathers hashes and lays down a filter of one kind.
#[derive(Debug)]
pub enum FilterBuilder {
    /// Blocked Bloom.
    Bloom(BloomBuilder),
    /// Bumped ribbon.
    Burr(BurrBuilder),
}

impl FilterBuilder {
    /// Adds the hash of a key or a prefix. A hash that repeats the last one (another version of the key) counts once.
    #[inline]
    pub fn add_hash(&mut self, hash: u64) {
        match self {
            Self::Bloom(bloom) => bloom.add_hash(hash),
            Self::Burr(burr) => burr.add_hash(hash),
        }
    }

    /// Hashes added.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Bloom(bloom) => bloom.len(),
            Self::Burr(burr) => burr.len(),
        }
    }

    /// Whether no hash was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends the payload to `out` and begins the next filter. Never fails.
    pub fn finish(&mut self, out: &mut Vec<u8>) {
        match self {
            Self::Bloom(bloom) => bloom.finish(out),
            Self::Burr(burr) => burr.finish(out),
        }
    }

    /// The id of the kind of filter that it builds.
    #[must_use]
    pub const fn kind_id(&self) -> u8 {
        match self {
            Self::Bloom(_) => KIND_BLOOM,
            Self::Burr(_) => KIND_BURR,
        }
    }

    /// The name of the policy that builds such filters.
    #[must_use]
    pub const fn policy_name(&self) -> &'static str {
        match self {
            Self::Bloom(_) => bloom::POLICY_NAME,
            Self::Burr(_) => burr::POLICY_NAME,
        }
    }
}
