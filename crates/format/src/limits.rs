//! Limits of the data model, checked by every decoder before it allocates.

/// The longest user key.
pub const MAX_KEY_BYTES: usize = 65_535;

/// The longest value.
pub const MAX_VALUE_BYTES: u64 = 4_294_967_295;

/// The longest name of a comparator, merge operator, prefix extractor, filter policy or keyspace.
pub const MAX_NAME_BYTES: usize = 1_024;
