//! Membership filters of any kind: "certainly not here" or "perhaps".
//!
//! The payload ends with a byte that names the kind, so that a reader needs nothing else to use it, and the kind fixes
//! everything including the hash of a key ([`crate::checksum::key_hash`]):
//!
//! | kind | |
//! |--:|---|
//! | 1 | blocked Bloom: [`bloom`] |
//! | 2 | reserved: bumped ribbon |
//! | 3 | reserved: partitioned |
//!
//! A reader that does not know a kind gets a typed problem and does without the filter: that costs reads and no answers.
//!
//! **Damage.** The envelope's checksum finds it. Hostile bytes can make a filter lie about what it holds, not panic.
//! Not here: which bits per key a level gets, and what is hashed into it.

pub mod bloom;

use crate::error::{DecodeError, Problem};
use crate::filter::bloom::{Bloom, KIND_BLOOM, STRUCTURE};
use esker_mem::slice::Slice;

/// A decoded filter.
#[derive(Debug, Clone)]
pub struct Filter {
    kind: FilterOf,
}

#[derive(Debug, Clone)]
enum FilterOf {
    Bloom(Bloom),
}

impl Filter {
    /// Takes a payload apart; copies it to where it can be asked fast.
    ///
    /// # Errors
    /// A kind that this build does not know, or bytes that are not of their kind.
    #[allow(clippy::needless_pass_by_value, reason = "the payload is given up, as those of other structures are")]
    pub fn decode(payload: Slice) -> Result<Self, DecodeError> {
        match payload.last() {
            Some(&KIND_BLOOM) => Ok(Self { kind: FilterOf::Bloom(Bloom::decode(&payload)?) }),
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
        }
    }

    /// The kind's id, as on disk.
    #[must_use]
    pub const fn kind_id(&self) -> u8 {
        match &self.kind {
            FilterOf::Bloom(_) => KIND_BLOOM,
        }
    }

    /// The name of the policy that builds such filters.
    #[must_use]
    pub const fn policy_name(&self) -> &'static str {
        match &self.kind {
            FilterOf::Bloom(_) => bloom::POLICY_NAME,
        }
    }

    /// Bytes of memory that the filter holds on to.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        match &self.kind {
            FilterOf::Bloom(bloom) => size_of::<Self>() + bloom.memory_bytes(),
        }
    }
}
