//! What an entry means: a value, one that expires, a deletion, a merge operand, or a pointer to a separated value.
//!
//! The numbers are stored in files and never change their meaning. Range deletions are not entries of this sort;
//! they live beside the point keys.

/// What one version of a key means. The discriminant is the byte stored on disk.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
#[repr(u8)]
pub enum Kind {
    /// The key has this value.
    Put = 0,
    /// The key is absent.
    Delete = 1,
    /// The key is absent; annihilates with exactly one older `Put` when the two meet ("weak delete").
    SingleDelete = 2,
    /// An operand for the merge operator, applied to whatever is older.
    Merge = 3,
    /// The key has a value that lives in a blob file; the entry holds where.
    BlobPointer = 4,
    /// The key has this value up to a moment that stands behind the value, and is absent from then on.
    ExpiringPut = 5,
}

impl Kind {
    /// The kind stored as `byte`, or `None` if no kind is.
    #[inline]
    #[must_use]
    pub const fn from_u8(byte: u8) -> Option<Self> {
        Some(match byte {
            0 => Self::Put,
            1 => Self::Delete,
            2 => Self::SingleDelete,
            3 => Self::Merge,
            4 => Self::BlobPointer,
            5 => Self::ExpiringPut,
            _ => return None,
        })
    }

    /// Whether this kind reads as "absent".
    #[inline]
    #[must_use]
    pub const fn is_tombstone(self) -> bool {
        matches!(self, Self::Delete | Self::SingleDelete)
    }
}
