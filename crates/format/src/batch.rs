//! A write batch: operations as the log carries them.
//!
//! A batch is its operations, one after the other, without header: the number of operations stands beside it (in a
//! frame: [`crate::log`]), so a commit group is its batches appended to each other. The builder writes straight into the bytes
//! that will be logged.
//!
//! | bytes | field | |
//! |---|---|---|
//! | 1 | tag | the operation; the high four bits are reserved and 0 |
//! | varint | keyspace | id |
//! | varint + n | key | of a range delete, the start |
//! | varint + n | value | put: value; expiring put: value and expiry ([`crate::expiry`]); merge: operand; range delete: the exclusive end; ingestion: how many tables, a varint; absent from the others |
//!
//! | tag | operation |
//! |--:|---|
//! | 0 | put |
//! | 1 | delete |
//! | 2 | single delete |
//! | 3 | merge |
//! | 4 | reserved (a blob pointer is made by a flush and never logged) |
//! | 5 | range delete |
//! | 6 | clear: everything of the keyspace so far is forgotten; the key is empty |
//! | 7 | ingestion: tables came into the keyspace, past the log, and their entries have this number; the key is empty |
//! | 8 | expiring put |
//!
//! Clears and ingestions are events that other operations cannot share a number or a fate with: each is a batch by itself.
//!
//! **Limits.** Keys to 65,535 bytes (both of a range delete), values to 2³²−1 with their expiry, 2³²−1 operations. **Checksum scope.** The frame's.
//! **Damage.** A reader yields operations that are sound and then one error; [`BatchReader::verify`] walks the whole batch first, and
//! a batch with another number of operations than stated is refused (INV-FMT-7), so that none is applied in part. So is an expiring
//! put without an expiry (INV-TTL-5).
//! **Versions.** 1: as above. Builds that know no expiring put refuse its tag as unsupported.
//!
//! Example, put "k" = "v" and delete "d" in keyspace 1, and put "e" = "w" until 2²⁴ milliseconds after the epoch:
//!
//! ```text
//! 00 01 01 6b 01 76   put, keyspace 1, "k", "v"
//! 01 01 01 64         delete, keyspace 1, "d"
//! 08 01 01 65 09 77   expiring put, keyspace 1, "e", 9 bytes: "w" ...
//! 00 00 00 01 00 00 00 00   ... and its expiry
//! ```
//!
//! Not here: sequence numbers. The frame gives the first one and each operation takes the next.

use crate::error::{DecodeError, Problem};
use crate::expiry::is_sound;
use crate::ids::KeyspaceId;
use crate::limits::{MAX_KEY_BYTES, MAX_VALUE_BYTES};
use crate::reader::{Reader, put_prefixed};
use crate::varint::{MAX_VARINT_BYTES, put_varint};
use esker_mem::kind::Kind;

const STRUCTURE: &str = "write batch";
const OPERATION_MASK: u8 = 0x0f;

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Operation {
    /// Sets a key to a value.
    Put = 0,
    /// Deletes a key.
    Delete = 1,
    /// Deletes a key that was put exactly once.
    SingleDelete = 2,
    /// Adds an operand for the merge operator.
    Merge = 3,
    /// Deletes the keys from `key` up to and without `value`.
    RangeDelete = 5,
    /// Forgets everything of the keyspace so far. Alone in its batch.
    Clear = 6,
    /// Tables came into the keyspace, past the log: see [`BatchOperation::ingested_tables`]. Alone in its batch.
    Ingested = 7,
    /// Sets a key to a value that expires: `value` holds both ([`crate::expiry`]).
    ExpiringPut = 8,
}

impl Operation {
    /// The operation with this id on disk.
    #[must_use]
    pub const fn from_u8(id: u8) -> Option<Self> {
        match id {
            0 => Some(Self::Put),
            1 => Some(Self::Delete),
            2 => Some(Self::SingleDelete),
            3 => Some(Self::Merge),
            5 => Some(Self::RangeDelete),
            6 => Some(Self::Clear),
            7 => Some(Self::Ingested),
            8 => Some(Self::ExpiringPut),
            _ => None,
        }
    }

    /// The kind of the entry that it becomes; `None` for a range delete, a clear and an ingestion.
    #[inline]
    #[must_use]
    pub const fn kind(self) -> Option<Kind> {
        match self {
            Self::Put => Some(Kind::Put),
            Self::Delete => Some(Kind::Delete),
            Self::SingleDelete => Some(Kind::SingleDelete),
            Self::Merge => Some(Kind::Merge),
            Self::RangeDelete | Self::Clear | Self::Ingested => None,
            Self::ExpiringPut => Some(Kind::ExpiringPut),
        }
    }

    /// Whether it is a batch by itself.
    #[must_use]
    pub const fn stands_alone(self) -> bool {
        matches!(self, Self::Clear | Self::Ingested)
    }

    const fn has_value(self) -> bool {
        matches!(self, Self::Put | Self::Merge | Self::RangeDelete | Self::Ingested | Self::ExpiringPut)
    }
}

/// One operation of a batch, borrowed from its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BatchOperation<'a> {
    /// The keyspace it goes to.
    pub keyspace: KeyspaceId,
    /// What it does.
    pub operation: Operation,
    /// The key; of a range delete, the first one deleted.
    pub key: &'a [u8],
    /// The value, with its expiry if it has one, or the operand; of a range delete, the first key after it that stays; empty for deletes.
    pub value: &'a [u8],
}

impl BatchOperation<'_> {
    /// Of an ingestion, how many tables it brought in.
    ///
    /// # Errors
    /// The value is no number.
    pub fn ingested_tables(&self) -> Result<u64, DecodeError> {
        let mut reader = Reader::new(STRUCTURE, self.value);
        let tables = reader.varint()?;
        if reader.is_empty() { Ok(tables) } else { Err(reader.invalid("a number of tables ends")) }
    }
}

/// The batch that a clear of a keyspace is.
#[must_use]
pub fn clear_batch(keyspace: KeyspaceId) -> Vec<u8> {
    let mut out = Vec::new();
    put_operation(&mut out, keyspace, Operation::Clear, &[], &[]);
    out
}

/// The batch that an ingestion of so many tables into a keyspace is.
#[must_use]
pub fn ingested_batch(keyspace: KeyspaceId, tables: u64) -> Vec<u8> {
    let (mut out, mut value) = (Vec::new(), Vec::new());
    put_varint(&mut value, tables);
    put_operation(&mut out, keyspace, Operation::Ingested, &[], &value);
    out
}

/// Appends one operation to `out`. The caller has checked the limits of the data model; `value` is ignored where the operation has
/// none.
#[inline]
pub fn put_operation(
    out: &mut Vec<u8>,
    keyspace: KeyspaceId,
    operation: Operation,
    key: &[u8],
    value: &[u8],
) {
    debug_assert!(
        key.len() <= MAX_KEY_BYTES && value.len() as u64 <= MAX_VALUE_BYTES,
        "the limits of the data model"
    );
    out.reserve(key.len() + value.len() + 16);
    out.push(operation as u8);
    put_varint(out, u64::from(keyspace.0));
    put_prefixed(out, key);
    if operation.has_value() {
        put_prefixed(out, value);
    }
}

/// A batch being built: bytes to log, and how many operations they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BatchBuilder {
    bytes: Vec<u8>,
    count: u32,
}

impl BatchBuilder {
    /// An empty batch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an operation; see [`put_operation`]. At most 2³²−1.
    #[inline]
    pub fn add(&mut self, keyspace: KeyspaceId, operation: Operation, key: &[u8], value: &[u8]) {
        put_operation(&mut self.bytes, keyspace, operation, key, value);
        self.count += 1;
    }

    /// The bytes so far.
    #[inline]
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The number of operations so far.
    #[inline]
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.count
    }

    /// Whether there are no operations.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Forgets the operations, keeps the memory.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.count = 0;
    }

    /// The operations so far.
    #[must_use]
    pub fn operations(&self) -> BatchReader<'_> {
        BatchReader::new(&self.bytes, self.count)
    }
}

/// Iterates over the operations of a batch. After an error it ends.
#[derive(Debug, Clone)]
pub struct BatchReader<'a> {
    reader: Reader<'a>,
    left: u32,
    failed: bool,
}

impl<'a> BatchReader<'a> {
    /// A reader of `bytes`, which are meant to be exactly `count` operations.
    #[must_use]
    pub const fn new(bytes: &'a [u8], count: u32) -> Self {
        Self { reader: Reader::new(STRUCTURE, bytes), left: count, failed: false }
    }

    /// Walks a copy of this reader to its end, and hands back an equal one whose every operation is sound.
    ///
    /// # Errors
    /// The first thing that is wrong with the batch.
    pub fn verify(self) -> Result<Self, DecodeError> {
        self.clone().try_for_each(|operation| operation.map(|_| ()))?;
        Ok(self)
    }

    /// Operations not yet yielded, as stated.
    #[must_use]
    pub const fn remaining(&self) -> u32 {
        self.left
    }

    fn read(&mut self) -> Result<BatchOperation<'a>, DecodeError> {
        let tag = self.reader.u8()?;
        let operation = if tag & !OPERATION_MASK == 0 { Operation::from_u8(tag) } else { None };
        let Some(operation) = operation else {
            return Err(self.reader.error(Problem::Unsupported { what: "operation", id: tag.into() }));
        };
        if operation.stands_alone() {
            return self.read_event(operation);
        }
        let keyspace = KeyspaceId(self.reader.varint_u32("keyspace id")?);
        let key = self.reader.prefixed("key", MAX_KEY_BYTES as u64)?;
        let value = match operation {
            Operation::RangeDelete => self.reader.prefixed("end of a range", MAX_KEY_BYTES as u64)?,
            _ if operation.has_value() => self.reader.prefixed("value", MAX_VALUE_BYTES)?,
            _ => &[],
        };
        if operation == Operation::ExpiringPut && !is_sound(value) {
            return Err(self.reader.invalid("an expiring put ends with its expiry"));
        }
        Ok(BatchOperation { keyspace, operation, key, value })
    }

    /// Reads what is a batch by itself, behind its tag.
    #[cold]
    fn read_event(&mut self, operation: Operation) -> Result<BatchOperation<'a>, DecodeError> {
        if self.reader.at() != 1 || self.left != 1 {
            return Err(self.reader.invalid("a clear or an ingestion is a batch by itself"));
        }
        let keyspace = KeyspaceId(self.reader.varint_u32("keyspace id")?);
        let key = self.reader.prefixed("key", 0)?;
        let value = match operation {
            Operation::Ingested => self.reader.prefixed("number of tables", MAX_VARINT_BYTES as u64)?,
            _ => &[],
        };
        Ok(BatchOperation { keyspace, operation, key, value })
    }
}

impl<'a> Iterator for BatchReader<'a> {
    type Item = Result<BatchOperation<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let read = match (self.left, self.reader.is_empty()) {
            (0, true) => return None,
            (0, false) => Err(self.reader.invalid("a batch has no more operations than stated")),
            (_, true) => Err(self.reader.invalid("a batch has no fewer operations than stated")),
            (_, false) => self.read(),
        };
        self.failed = read.is_err();
        self.left = self.left.saturating_sub(1);
        Some(read)
    }
}

#[cfg(test)]
mod tests;
