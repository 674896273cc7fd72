//! Merge operators: how operands become a value, at the time of reading.
//!
//! A merge writes an *operand* without reading what is there. A reader who comes to an operand goes on to older versions
//! until one says the whole (a value, a deletion, or that there is nothing), and has the tree's operator fold all of it,
//! oldest first. Flushes and compactions fold as far as no reader can tell ([`crate::compaction::stream`]).
//!
//! An operator must give the same answer for the same bytes at all times, and in whatever pieces it is asked:
//! `merge(base, [a, b, c])` is `merge(merge(base, [a]), [b, c])`, and `merge(base, [partial_merge([a, b]), c])`
//! where it folds operands at all.
//!
//! Not here: collecting operands ([`crate::get`], [`crate::cursor::visible`]).

pub(crate) mod ready_made;

use std::sync::Arc;

use esker_mem::slice::{UserKey, UserValue};

use crate::error::{Error, MergeError, Result};

/// Says how operands become a value. See [`crate::Config::with_merge_operator`].
///
/// Called from any number of threads: by readers, flushes and compactions. Must not write to its tree.
///
/// ```
/// use std::sync::Arc;
/// use esker_tree::{Config, MergeError, MergeOperator, SeqNo, SequenceNumberCounter, UserValue};
///
/// /// Keeps the longest.
/// struct Longest;
///
/// impl MergeOperator for Longest {
///     fn name(&self) -> &str {
///         "longest"
///     }
///
///     fn merge(&self, _: &[u8], base: Option<&[u8]>, operands: &[&[u8]]) -> Result<UserValue, MergeError> {
///         let longest = base.into_iter().chain(operands.iter().copied()).max_by_key(|value| value.len());
///         longest.map(UserValue::new).ok_or_else(|| MergeError::new("nothing to choose from"))
///     }
/// }
///
/// let folder = tempfile::tempdir()?;
/// let seqno = SequenceNumberCounter::default();
/// let tree = Config::new(&folder, seqno.clone(), SequenceNumberCounter::default())
///     .with_merge_operator(Arc::new(Longest))
///     .open()?;
/// tree.insert("key", "abc", seqno.next())?;
/// tree.merge("key", "abcd", seqno.next())?;
/// tree.merge("key", "a", seqno.next())?;
/// assert_eq!(tree.get("key", SeqNo::MAX)?.as_deref(), Some(b"abcd".as_slice()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait MergeOperator: Send + Sync + 'static {
    /// Its name, which is stored with the tree: up to 1,024 bytes. An operator that folds otherwise needs another name.
    fn name(&self) -> &str;

    /// The value of `key` after `operands`, oldest first and at least one, on top of `base`; without a base if the
    /// key had no value.
    ///
    /// # Errors
    ///
    /// What makes folding impossible, say an operand that it cannot read. A read of the key fails with
    /// [`Error::MergeFailed`] then; a flush or compaction keeps the operands as they are.
    fn merge(
        &self,
        key: &[u8],
        base: Option<&[u8]>,
        operands: &[&[u8]],
    ) -> std::result::Result<UserValue, MergeError>;

    /// `operands`, oldest first and at least two, as one operand; `None` to keep them apart, which is the default. What
    /// is under them is not known.
    fn partial_merge(&self, _key: &[u8], _operands: &[&[u8]]) -> Option<UserValue> {
        None
    }
}

/// A merge operator that several trees may share.
pub type SharedMergeOperator = Arc<dyn MergeOperator>;

/// The value of `key` after `operands`, oldest first, on top of `base`.
#[cold]
pub(crate) fn fold<'a>(
    operator: Option<&SharedMergeOperator>,
    key: &[u8],
    base: Option<&[u8]>,
    operands: impl Iterator<Item = &'a [u8]>,
) -> Result<UserValue> {
    let operator = operator.ok_or(Error::NoMergeOperator)?;
    let operands: Vec<&[u8]> = operands.collect();
    operator.merge(key, base, &operands).map_err(|source| Error::MergeFailed {
        key: UserKey::new(key),
        operator: operator.name().to_owned(),
        source,
    })
}
