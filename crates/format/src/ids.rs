//! A newtype for every id of the format, so that a table's number is never taken for a run's.
//!
//! Ids are handed out in ascending order and never reused, except [`LogId`], which is drawn at random for every life
//! of a log file. On disk they are plain integers; `Display` prints the bare number.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($repr:ty)) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $repr);

        impl $name {
            /// The id after this one. Ids end long after the hardware: at the maximum it stays.
            #[must_use]
            pub const fn next(self) -> Self {
                Self(self.0.saturating_add(1))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

id! {
    /// A table file of one tree.
    TableId(u64)
}
id! {
    /// A run: a sequence of tables with disjoint key ranges. A newer run of a level has the higher id.
    RunId(u64)
}
id! {
    /// A file of separated values of one tree.
    BlobFileId(u64)
}
id! {
    /// A manifest file of one tree.
    ManifestId(u64)
}
id! {
    /// A catalog file of a database.
    CatalogId(u64)
}
id! {
    /// A segment of the write-ahead log.
    SegmentId(u32)
}
id! {
    /// A keyspace of a database.
    KeyspaceId(u32)
}
id! {
    /// One life of one log file (segment, manifest or catalog): drawn at random when the file is created or recycled, and
    /// part of each frame's checksum, so that neither a former life's frames nor a user's value that imitates a frame is
    /// taken for the log.
    LogId(u64)
}
