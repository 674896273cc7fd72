//! The name of every file and folder that we make, both ways.
//!
//! In the folder of a tree:
//!
//! | name | |
//! |---|---|
//! | `000123.table` | table 123 |
//! | `000123.blob` | separated values, file 123 |
//! | `000007.manifest` | a manifest: [`crate::manifest`] |
//! | `CURRENT` | which manifest counts: [`crate::current`] |
//! | `LOCK` | held by whoever has the tree open |
//! | `OWNER` | in a folder that a level route leads to: whose it is |
//!
//! In the folder of a database, beside `CURRENT` and `LOCK` (and one tree folder per keyspace under `keyspaces`):
//!
//! | name | |
//! |---|---|
//! | `000042.log` | segment 42 of the write-ahead log |
//! | `000042.spare` | a former segment, kept to be recycled |
//! | `000003.catalog` | the keyspaces: [`crate::catalog`] |
//! | `keyspaces/000005` | the tree of keyspace 5 |
//!
//! In both, `<name>.tmp` is such a file being written: after a crash it may be deleted. Numbers are decimal, padded with
//! zeros to six digits, longer where they must be. **Every other name is foreign**: parsing gives `None`, and the file is left alone
//! (INV-FMT-9). Parsing is strict: a name parses only if formatting gives it back, so no two names mean one file.

use crate::ids::{BlobFileId, CatalogId, KeyspaceId, ManifestId, SegmentId, TableId};
use std::ffi::OsStr;
use std::fmt;

/// The folder, in that of a database, which holds the keyspaces' folders.
pub const KEYSPACES_FOLDER: &str = "keyspaces";

const TEMPORARY_SUFFIX: &str = ".tmp";

/// A file of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FileName {
    /// A finished file.
    Finished(FileKind),
    /// The same file being written.
    Temporary(FileKind),
}

/// What a file of ours is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum FileKind {
    /// A table.
    Table(TableId),
    /// A file of separated values.
    Blob(BlobFileId),
    /// A manifest.
    Manifest(ManifestId),
    /// The pointer to the manifest or the catalog that counts.
    Current,
    /// The lock.
    Lock,
    /// Which tree a folder belongs to.
    Owner,
    /// A segment of the write-ahead log.
    Segment(SegmentId),
    /// A former segment, kept to be recycled.
    SpareSegment(SegmentId),
    /// A catalog.
    Catalog(CatalogId),
}

impl FileName {
    /// What the name says, `None` for a foreign one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name.strip_suffix(TEMPORARY_SUFFIX) {
            Some(name) => FileKind::parse(name).map(Self::Temporary),
            None => FileKind::parse(name).map(Self::Finished),
        }
    }

    /// What the name of a directory entry says, `None` for a foreign one.
    #[must_use]
    pub fn parse_os(name: &OsStr) -> Option<Self> {
        name.to_str().and_then(Self::parse)
    }
}

impl FileKind {
    /// The kind of a finished file with this name, `None` for a foreign one.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "CURRENT" => return Some(Self::Current),
            "LOCK" => return Some(Self::Lock),
            "OWNER" => return Some(Self::Owner),
            _ => {}
        }
        let (number, extension) = name.split_once('.')?;
        let number = parse_number(number)?;
        match extension {
            "table" => Some(Self::Table(TableId(number))),
            "blob" => Some(Self::Blob(BlobFileId(number))),
            "manifest" => Some(Self::Manifest(ManifestId(number))),
            "catalog" => Some(Self::Catalog(CatalogId(number))),
            "log" => Some(Self::Segment(SegmentId(u32::try_from(number).ok()?))),
            "spare" => Some(Self::SpareSegment(SegmentId(u32::try_from(number).ok()?))),
            _ => None,
        }
    }

    /// The name of the finished file; the same as `to_string`.
    #[must_use]
    pub fn name(self) -> String {
        self.to_string()
    }

    /// The name of the file while it is written.
    #[must_use]
    pub fn temporary_name(self) -> String {
        FileName::Temporary(self).to_string()
    }
}

impl fmt::Display for FileName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Finished(kind) => kind.fmt(f),
            Self::Temporary(kind) => write!(f, "{kind}{TEMPORARY_SUFFIX}"),
        }
    }
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Table(id) => write!(f, "{:06}.table", id.0),
            Self::Blob(id) => write!(f, "{:06}.blob", id.0),
            Self::Manifest(id) => write!(f, "{:06}.manifest", id.0),
            Self::Current => f.write_str("CURRENT"),
            Self::Lock => f.write_str("LOCK"),
            Self::Owner => f.write_str("OWNER"),
            Self::Segment(id) => write!(f, "{:06}.log", id.0),
            Self::SpareSegment(id) => write!(f, "{:06}.spare", id.0),
            Self::Catalog(id) => write!(f, "{:06}.catalog", id.0),
        }
    }
}

/// The name of a keyspace's folder inside [`KEYSPACES_FOLDER`].
#[must_use]
pub fn keyspace_folder(id: KeyspaceId) -> String {
    format!("{:06}", id.0)
}

/// The keyspace whose folder has this name, `None` for a foreign one.
#[must_use]
pub fn parse_keyspace_folder(name: &str) -> Option<KeyspaceId> {
    u32::try_from(parse_number(name)?).ok().map(KeyspaceId)
}

/// A number as we write it: six digits, or more without a leading zero.
fn parse_number(digits: &str) -> Option<u64> {
    let canonical = digits.bytes().all(|byte| byte.is_ascii_digit())
        && digits.len() >= 6
        && (digits.len() == 6 || !digits.starts_with('0'));
    if canonical { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests;
