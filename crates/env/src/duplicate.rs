//! A second file with the bytes of a first: by a link, by shared blocks, or byte by byte.
//!
//! Whoever duplicates names the [`Way`]s that will do, best first. One that the file system cannot do here (it has no such
//! thing, the two lie on different devices, the file belongs to somebody else) makes room for the next.
//!
//! The bytes of the duplicate are durable when it is made, its name is not (INV-ENV-3). What fails leaves no file behind, if
//! it can be removed.

use std::io::{self, ErrorKind};
use std::path::Path;

use crate::fs::{Fs, OpenOptions};
use crate::sync_mode::SyncMode;

/// How a duplicate comes about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A second name: one file, seen twice. For files that nobody changes.
    Link,
    /// A file of its own that shares blocks until one of the two is written.
    Reflink,
    /// A file of its own.
    Copy,
}

/// What is copied at once.
const COPY_BYTES: usize = 1 << 20;

/// Makes `dst`, which must not exist, a duplicate of `src`, by the first of `ways` that is possible, and syncs its bytes as `sync`
/// says; says which way it was.
///
/// # Errors
/// `NotFound`, `AlreadyExists`, `StorageFull`, or what the system reports; of the last way if none is possible;
/// `InvalidInput` without any.
pub fn duplicate(fs: &dyn Fs, src: &Path, dst: &Path, ways: &[Way], sync: SyncMode) -> io::Result<Way> {
    let mut outcome = Err(ErrorKind::InvalidInput.into());
    for &way in ways {
        outcome = by(fs, src, dst, way, sync).map(|()| way);
        let is_impossible = |error: &io::Error| {
            matches!(
                error.kind(),
                ErrorKind::Unsupported | ErrorKind::CrossesDevices | ErrorKind::PermissionDenied
            )
        };
        if !outcome.as_ref().is_err_and(is_impossible) {
            break;
        }
    }
    outcome
}

fn by(fs: &dyn Fs, src: &Path, dst: &Path, way: Way, sync: SyncMode) -> io::Result<()> {
    match way {
        Way::Link => fs.hard_link(src, dst)?,
        Way::Reflink => fs.reflink(src, dst)?,
        Way::Copy => return copy_start(fs, src, dst, u64::MAX, sync).map(|_| ()),
    }
    let synced = fs.open(dst, &OpenOptions::read_only()).and_then(|file| sync.sync(&*file));
    synced.inspect_err(|_| {
        let _ = fs.remove_file(dst);
    })
}

/// Copies the first `len` bytes of `src`, or as many as there are, to `dst`, which must not exist, and syncs them as `sync` says;
/// says how many.
///
/// # Errors
/// As [`duplicate`].
pub fn copy_start(fs: &dyn Fs, src: &Path, dst: &Path, len: u64, sync: SyncMode) -> io::Result<u64> {
    copy_between((fs, src), (fs, dst), len, sync)
}

/// As [`copy_start`], from one file system to another.
///
/// # Errors
/// As [`duplicate`].
pub fn copy_between(
    src: (&dyn Fs, &Path),
    dst: (&dyn Fs, &Path),
    len: u64,
    sync: SyncMode,
) -> io::Result<u64> {
    let from = src.0.open(src.1, &OpenOptions::read_only())?;
    let to = dst.0.open(dst.1, &OpenOptions::create_new())?;
    let copy = || {
        let mut buffer = vec![0; COPY_BYTES.min(usize::try_from(from.len()?.min(len)).unwrap_or(COPY_BYTES))];
        let mut copied = 0;
        while copied < len {
            let wanted = usize::try_from(len - copied).unwrap_or(usize::MAX).min(buffer.len());
            let read = match from.read_at(buffer.get_mut(..wanted).unwrap_or_default(), copied) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error),
            };
            to.write_all_at(buffer.get(..read).unwrap_or_default(), copied)?;
            copied += read as u64;
        }
        sync.sync(&*to)?;
        Ok(copied)
    };
    copy().inspect_err(|_| {
        let _ = dst.0.remove_file(dst.1);
    })
}
