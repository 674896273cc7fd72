//! A batch of writes to one tree, to be applied under one sequence number.
//!
//! Keys and values are copied into one buffer, so that a batch costs no allocation per operation. A batch belongs to no tree
//! and knows no order of keys: what is wrong with it is said when it is applied.
//!
//! Not here: applying it ([`crate::apply`]).

use esker_mem::kind::Kind;

use crate::expiry::stored;

/// Writes that become visible together: see [`crate::Tree::apply_batch`].
///
/// All get the same sequence number, so there is no order among them: a key may be written once, or merged any number of
/// times, in the order of the batch. A range delete takes what was there before the batch; what the batch itself writes
/// stays, wherever in the batch it stands.
///
/// ```
/// # use esker_tree::{Config, SeqNo, SequenceNumberCounter, WriteBatch};
/// # let folder = tempfile::tempdir()?;
/// # let seqno = SequenceNumberCounter::default();
/// # let tree = Config::new(&folder, seqno.clone(), SequenceNumberCounter::default()).open()?;
/// let mut batch = WriteBatch::new();
/// batch.insert("alice", "90");
/// batch.insert("bob", "110");
/// batch.remove("pending");
/// tree.apply_batch(batch, seqno.next())?;
/// assert_eq!(tree.len(SeqNo::MAX)?, 2);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct WriteBatch {
    /// Keys and values, one after the other.
    bytes: Vec<u8>,
    operations: Vec<Operation>,
    ranges: Vec<RangeOperation>,
}

/// One range delete: its start begins at `at`, and its end behind that.
#[derive(Clone, Copy, Debug)]
struct RangeOperation {
    at: usize,
    start_len: usize,
    end_len: usize,
}

/// One operation: its key and its value begin at `at`.
#[derive(Clone, Copy, Debug)]
struct Operation {
    kind: Kind,
    at: usize,
    key_len: usize,
    value_len: usize,
}

impl WriteBatch {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty batch with room for `operations` whose keys and values take `bytes` bytes in total.
    #[must_use]
    pub fn with_capacity(operations: usize, bytes: usize) -> Self {
        Self {
            bytes: Vec::with_capacity(bytes),
            operations: Vec::with_capacity(operations),
            ranges: Vec::new(),
        }
    }

    /// Sets `key` to `value`.
    pub fn insert(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>) {
        self.push(Kind::Put, key.as_ref(), value.as_ref());
    }

    /// Sets `key` to `value` until `expires_at`, in milliseconds since 1970: as [`crate::Tree::insert_with_expiry`].
    pub fn insert_with_expiry(&mut self, key: impl AsRef<[u8]>, value: impl AsRef<[u8]>, expires_at: u64) {
        self.push(Kind::ExpiringPut, key.as_ref(), &stored(value.as_ref(), expires_at));
    }

    /// Deletes `key`, as [`crate::Tree::remove`].
    pub fn remove(&mut self, key: impl AsRef<[u8]>) {
        self.push(Kind::Delete, key.as_ref(), &[]);
    }

    /// Deletes `key`, as [`crate::Tree::remove_weak`].
    pub fn remove_weak(&mut self, key: impl AsRef<[u8]>) {
        self.push(Kind::SingleDelete, key.as_ref(), &[]);
    }

    /// Writes an operand for `key`, as [`crate::Tree::merge`]. Several of one key are folded in the order of the batch.
    pub fn merge(&mut self, key: impl AsRef<[u8]>, operand: impl AsRef<[u8]>) {
        self.push(Kind::Merge, key.as_ref(), operand.as_ref());
    }

    /// Deletes the keys from `start` up to and without `end`, as [`crate::Tree::remove_range`]: of what is older than the batch.
    pub fn remove_range(&mut self, start: impl AsRef<[u8]>, end: impl AsRef<[u8]>) {
        let (start, end) = (start.as_ref(), end.as_ref());
        self.ranges.push(RangeOperation { at: self.bytes.len(), start_len: start.len(), end_len: end.len() });
        self.bytes.extend_from_slice(start);
        self.bytes.extend_from_slice(end);
    }

    /// The number of operations.
    #[must_use]
    pub fn len(&self) -> usize {
        self.operations.len() + self.ranges.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of all keys and values.
    #[must_use]
    pub fn key_value_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Takes everything out; the memory stays, for the next operations.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.operations.clear();
        self.ranges.clear();
    }

    /// The range deletes: start, end.
    pub(crate) fn ranges(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.ranges.iter().map(|range| {
            let RangeOperation { at, start_len, end_len } = *range;
            let (start, rest) =
                self.bytes.get(at..).unwrap_or_default().split_at_checked(start_len).unwrap_or_default();
            (start, rest.get(..end_len).unwrap_or_default())
        })
    }

    /// The other operations in the order in which they were added: kind, key, value.
    pub(crate) fn operations(&self) -> impl Iterator<Item = (Kind, &[u8], &[u8])> {
        self.operations.iter().map(|operation| {
            let Operation { kind, at, key_len, value_len } = *operation;
            let rest = self.bytes.get(at..).unwrap_or_default();
            let (key, rest) = rest.split_at_checked(key_len).unwrap_or_default();
            (kind, key, rest.get(..value_len).unwrap_or_default())
        })
    }

    fn push(&mut self, kind: Kind, key: &[u8], value: &[u8]) {
        let at = self.bytes.len();
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value);
        self.operations.push(Operation { kind, at, key_len: key.len(), value_len: value.len() });
    }
}
