//! Operators for what merges are mostly used for: counting, collecting, keeping the greatest. They are examples, too.
//!
//! Values and operands of each are of one sort, so all of them fold operands into one.

use esker_mem::slice::UserValue;

use crate::error::MergeError;
use crate::merge_operator::MergeOperator;

type Folded = Result<UserValue, MergeError>;

/// Adds up unsigned integers: values and operands are eight bytes, little-endian. No value counts as 0. A sum stays at
/// [`u64::MAX`] rather than beginning anew.
///
/// ```
/// # use std::sync::Arc;
/// # use esker_tree::{Config, SeqNo, SequenceNumberCounter};
/// use esker_tree::CounterOperator;
/// # let folder = tempfile::tempdir()?;
/// # let seqno = SequenceNumberCounter::default();
/// # let config = Config::new(&folder, seqno.clone(), SequenceNumberCounter::default());
/// let tree = config.with_merge_operator(Arc::new(CounterOperator)).open()?;
/// tree.merge("visits", 2u64.to_le_bytes(), seqno.next())?;
/// tree.merge("visits", 3u64.to_le_bytes(), seqno.next())?;
/// let visits = tree.get("visits", SeqNo::MAX)?.expect("two merges");
/// assert_eq!(CounterOperator::count(&visits)?, 5);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct CounterOperator;

impl CounterOperator {
    /// What a value or an operand says.
    ///
    /// # Errors
    ///
    /// It has another length than eight bytes.
    pub fn count(bytes: &[u8]) -> Result<u64, MergeError> {
        let problem = || MergeError::new(format!("a counter has 8 bytes, not {}", bytes.len()));
        bytes.try_into().map(u64::from_le_bytes).map_err(|_| problem())
    }

    fn sum(operands: &[&[u8]]) -> Result<u64, MergeError> {
        operands.iter().try_fold(0u64, |sum, operand| Ok(sum.saturating_add(Self::count(operand)?)))
    }
}

impl MergeOperator for CounterOperator {
    fn name(&self) -> &'static str {
        "esker.counter"
    }

    fn merge(&self, _key: &[u8], base: Option<&[u8]>, operands: &[&[u8]]) -> Folded {
        let base = base.map_or(Ok(0), Self::count)?;
        Ok(UserValue::new(&base.saturating_add(Self::sum(operands)?).to_le_bytes()))
    }

    fn partial_merge(&self, _key: &[u8], operands: &[&[u8]]) -> Option<UserValue> {
        // One that is no counter stays, so that reads go on to tell.
        Self::sum(operands).ok().map(|sum| UserValue::new(&sum.to_le_bytes()))
    }
}

/// Puts operands behind each other, with a separator between: a list, a text, a log.
///
/// ```
/// # use std::sync::Arc;
/// # use esker_tree::{Config, SeqNo, SequenceNumberCounter};
/// use esker_tree::AppendOperator;
/// # let folder = tempfile::tempdir()?;
/// # let seqno = SequenceNumberCounter::default();
/// # let config = Config::new(&folder, seqno.clone(), SequenceNumberCounter::default());
/// let tree = config.with_merge_operator(Arc::new(AppendOperator::new(", "))).open()?;
/// tree.insert("fruit", "apple", seqno.next())?;
/// tree.merge("fruit", "pear", seqno.next())?;
/// assert_eq!(tree.get("fruit", SeqNo::MAX)?.as_deref(), Some(b"apple, pear".as_slice()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct AppendOperator {
    separator: Vec<u8>,
}

impl AppendOperator {
    /// With `separator` between two operands, and between a value and an operand. It is no part of the stored name: after
    /// an open with another one, what was not joined yet is joined by that.
    pub fn new(separator: impl AsRef<[u8]>) -> Self {
        Self { separator: separator.as_ref().to_vec() }
    }
}

impl MergeOperator for AppendOperator {
    fn name(&self) -> &'static str {
        "esker.append"
    }

    fn merge(&self, _key: &[u8], base: Option<&[u8]>, operands: &[&[u8]]) -> Folded {
        let parts: Vec<&[u8]> = base.into_iter().chain(operands.iter().copied()).collect();
        Ok(parts.join(self.separator.as_slice()).into())
    }

    fn partial_merge(&self, _key: &[u8], operands: &[&[u8]]) -> Option<UserValue> {
        Some(operands.join(self.separator.as_slice()).into())
    }
}

/// Keeps the greatest in byte order, of the value and all operands: so the latest of timestamps, the highest of
/// big-endian numbers.
///
/// ```
/// # use std::sync::Arc;
/// # use esker_tree::{Config, SeqNo, SequenceNumberCounter};
/// use esker_tree::MaxOperator;
/// # let folder = tempfile::tempdir()?;
/// # let seqno = SequenceNumberCounter::default();
/// # let config = Config::new(&folder, seqno.clone(), SequenceNumberCounter::default());
/// let tree = config.with_merge_operator(Arc::new(MaxOperator)).open()?;
/// tree.merge("seen", "2026-11-21", seqno.next())?;
/// tree.merge("seen", "2026-03-02", seqno.next())?;
/// assert_eq!(tree.get("seen", SeqNo::MAX)?.as_deref(), Some(b"2026-11-21".as_slice()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct MaxOperator;

impl MergeOperator for MaxOperator {
    fn name(&self) -> &'static str {
        "esker.max"
    }

    fn merge(&self, _key: &[u8], base: Option<&[u8]>, operands: &[&[u8]]) -> Folded {
        let greatest = base.into_iter().chain(operands.iter().copied()).max();
        Ok(greatest.map(UserValue::new).unwrap_or_default())
    }

    fn partial_merge(&self, _key: &[u8], operands: &[&[u8]]) -> Option<UserValue> {
        operands.iter().max().map(|greatest| UserValue::new(greatest))
    }
}

#[cfg(test)]
mod tests;
