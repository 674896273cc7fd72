//! Which kind of file this is.
//!
//! Tables end with a magic number, logs begin with one; a damaged file is told by its name. CURRENT is text.

use std::path::Path;

use esker_format::file_name::{FileKind, FileName};

use crate::inspect::file::RawFile;

/// What a file can be dumped as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DumpKind {
    /// A table.
    Table,
    /// A segment, a manifest or a catalog: its header tells.
    Log,
    /// The pointer to a manifest or a catalog.
    Current,
    /// The lock, which holds nothing.
    Lock,
}

/// Tells the kind of the file at `path`; `None` if nothing about it is ours.
pub(crate) fn tell(path: &Path, file: &RawFile) -> std::io::Result<Option<DumpKind>> {
    let (start, end) = (file.read(0, file.len().min(8))?, file.tail(8)?);
    if start == b"eskerlog" {
        return Ok(Some(DumpKind::Log));
    }
    if end == b"eskertab" {
        return Ok(Some(DumpKind::Table));
    }
    let name = path.file_name().and_then(FileName::parse_os);
    let (Some(FileName::Finished(kind)) | Some(FileName::Temporary(kind))) = name else { return Ok(None) };
    Ok(match kind {
        FileKind::Table(_) => Some(DumpKind::Table),
        FileKind::Manifest(_) | FileKind::Segment(_) | FileKind::SpareSegment(_) | FileKind::Catalog(_) => {
            Some(DumpKind::Log)
        }
        FileKind::Current => Some(DumpKind::Current),
        FileKind::Lock => Some(DumpKind::Lock),
        _ => None,
    })
}
