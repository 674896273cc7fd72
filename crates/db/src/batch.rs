//! Operations being collected: encoded at once, counted per keyspace, refused before anything is written.
//!
//! Every write of the database, a single put as well as a batch over ten keyspaces, becomes [`Operations`]: the bytes
//! that go into the log's frame, back to back, and for each keyspace touched how much room its memtable must have.
//! Lengths are checked as operations come in; the first refusal is kept and reported when the batch is written.
//!
//! Not here: the encoding itself ([`esker_format::batch`]); the batch that users fill ([`crate::write_batch`]).

use esker_format::batch::{Operation, put_operation};
use esker_format::expiry::put_expiring;
use esker_format::ids::KeyspaceId;

use crate::error::{Error, Result};
use crate::options::{MAX_KEY_BYTES, MAX_VALUE_BYTES};

/// How much goes into one keyspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Share {
    pub(crate) id: KeyspaceId,
    pub(crate) entries: usize,
    pub(crate) key_value_bytes: usize,
}

/// Encoded operations.
#[derive(Debug, Default)]
pub(crate) struct Operations {
    pub(crate) payload: Vec<u8>,
    pub(crate) count: u32,
    pub(crate) shares: Vec<Share>,
    refused: Option<Error>,
}

impl Operations {
    /// Adds one operation, or remembers why it cannot be written.
    pub(crate) fn push(&mut self, keyspace: KeyspaceId, operation: Operation, key: &[u8], value: &[u8]) {
        if self.refused.is_some() {
            return;
        }
        let lengths = match operation {
            // The value is the end, a key.
            Operation::RangeDelete => check_lengths(key, &[]).and_then(|()| check_lengths(value, &[])),
            _ => check_lengths(key, value),
        };
        if let Err(error) = lengths {
            self.refused = Some(error);
            return;
        }
        put_operation(&mut self.payload, keyspace, operation, key, value);
        self.count += 1;
        let bytes = key.len() + value.len();
        match self.shares.iter_mut().rev().find(|share| share.id == keyspace) {
            Some(share) => {
                share.entries += 1;
                share.key_value_bytes += bytes;
            }
            None => self.shares.push(Share { id: keyspace, entries: 1, key_value_bytes: bytes }),
        }
    }

    /// Remembers a refusal that only the caller can see.
    pub(crate) fn refuse(&mut self, error: Error) {
        self.refused.get_or_insert(error);
    }

    /// Whether everything may be written. A single operation may be larger than `limit_bytes`; several together may
    /// not (INV-COMMIT-9).
    pub(crate) fn check(&self, limit_bytes: usize) -> Result<()> {
        if let Some(error) = &self.refused {
            return Err(Error::clone(error));
        }
        if self.count > 1 && self.payload.len() > limit_bytes {
            return Err(Error::BatchTooLarge { len_bytes: self.payload.len(), limit_bytes });
        }
        Ok(())
    }

    /// Empties the batch and keeps its buffers.
    pub(crate) fn clear(&mut self) {
        self.payload.clear();
        self.count = 0;
        self.shares.clear();
        self.refused = None;
    }
}

/// What an expiring put stores for its value.
pub(crate) fn stored(value: &[u8], expires_at: u64) -> Vec<u8> {
    let mut stored = Vec::new();
    put_expiring(&mut stored, value, expires_at);
    stored
}

/// Refuses keys and values that are too long.
#[inline]
pub(crate) fn check_lengths(key: &[u8], value: &[u8]) -> Result<()> {
    if key.len() > MAX_KEY_BYTES {
        return Err(Error::KeyTooLong { len: key.len() });
    }
    if value.len() as u64 > MAX_VALUE_BYTES {
        return Err(Error::ValueTooLong { len: value.len() });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
