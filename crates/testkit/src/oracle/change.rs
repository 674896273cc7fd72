//! What is written to a database, and how durably.

/// A key.
pub type Key = Vec<u8>;

/// A value.
pub type Value = Vec<u8>;

/// A keyspace by number; whoever drives an engine gives them names.
pub type Keyspace = u32;

/// Folds merge operands, oldest first, onto what was there.
pub type MergeFn = fn(existing: Option<&[u8]>, operands: &[&[u8]]) -> Value;

/// Appends operands, separated by commas: order and number of operands show in the result.
#[must_use]
pub fn append_merge(existing: Option<&[u8]>, operands: &[&[u8]]) -> Value {
    let parts: Vec<&[u8]> = existing.into_iter().chain(operands.iter().copied()).collect();
    parts.join(&b',')
}

/// One change of one keyspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Where.
    pub keyspace: Keyspace,
    /// What.
    pub op: Op,
}

/// What a change does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Sets a key.
    Put(Key, Value),
    /// Removes a key.
    Delete(Key),
    /// Removes a key that was put exactly once since it was last removed. On any other key engines may differ.
    SingleDelete(Key),
    /// Adds a merge operand to a key.
    Merge(Key, Value),
    /// Removes every key from the first one, inclusive, to the second, exclusive.
    DeleteRange(Key, Key),
}

impl Change {
    /// Sets a key of keyspace 0.
    #[must_use]
    pub fn put(key: impl Into<Key>, value: impl Into<Value>) -> Self {
        Self { keyspace: 0, op: Op::Put(key.into(), value.into()) }
    }

    /// Removes a key of keyspace 0.
    #[must_use]
    pub fn delete(key: impl Into<Key>) -> Self {
        Self { keyspace: 0, op: Op::Delete(key.into()) }
    }
}

/// What an acknowledgement promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Durability {
    /// Nothing but to be there while the process lives.
    Buffered,
    /// To survive the death of the process.
    Os,
    /// To survive the loss of power.
    Sync,
}

/// What became of a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ack {
    /// It is committed, and as durable as asked for.
    Acknowledged,
    /// It failed, and may or may not be there.
    Unknown,
    /// It failed, and is not there.
    Refused,
}

/// A batch as it was committed, or not.
#[derive(Clone, Debug)]
pub struct Commit {
    /// What it changes, in order.
    pub changes: Vec<Change>,
    /// What was asked for.
    pub durability: Durability,
    /// What was answered.
    pub ack: Ack,
}

impl Commit {
    /// A promise without a change: everything before it was made this durable.
    #[must_use]
    pub fn barrier(durability: Durability) -> Self {
        Self { changes: Vec::new(), durability, ack: Ack::Acknowledged }
    }
}
