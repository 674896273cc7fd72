//! The entry guard: one entry of a range read, of which the caller takes what is wanted.
//!
//! Not here: entries that are only lent ([`super::Range::next_ref`]).

use esker_mem::slice::{UserKey, UserValue};

use crate::error::{Error, Result};

/// A key and its value.
pub type KvPair = (UserKey, UserValue);

/// The name by which entries of range reads are known elsewhere.
pub type Guard = EntryGuard;

/// One entry of a range read, or the error that ended it.
#[derive(Debug)]
pub struct EntryGuard(pub(super) Result<KvPair>);

impl EntryGuard {
    /// The error that ended a range read.
    pub(super) const fn failed(error: Error) -> Self {
        Self(Err(error))
    }

    /// The key.
    ///
    /// # Errors
    ///
    /// The error that ended the range read; so for all methods.
    pub fn key(self) -> Result<UserKey> {
        self.0.map(|(key, _)| key)
    }

    /// The value.
    ///
    /// # Errors
    ///
    /// As [`Self::key`].
    pub fn value(self) -> Result<UserValue> {
        self.0.map(|(_, value)| value)
    }

    /// The length of the value in bytes.
    ///
    /// # Errors
    ///
    /// As [`Self::key`].
    pub fn size(self) -> Result<usize> {
        self.0.map(|(_, value)| value.len())
    }

    /// Key and value.
    ///
    /// # Errors
    ///
    /// As [`Self::key`].
    pub fn into_inner(self) -> Result<KvPair> {
        self.0
    }

    /// The key, and the value if `wanted` says so.
    ///
    /// # Errors
    ///
    /// As [`Self::key`].
    pub fn into_inner_if(
        self,
        wanted: impl FnOnce(&UserKey) -> bool,
    ) -> Result<(UserKey, Option<UserValue>)> {
        self.0.map(|(key, value)| {
            let value = wanted(&key).then_some(value);
            (key, value)
        })
    }
}
