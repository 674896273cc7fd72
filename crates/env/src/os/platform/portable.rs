//! What `std` lacks, where only `std` is at hand: `Unsupported`, or nothing where doing nothing is true to the
//! contract (hints).

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::fs::{Access, Capabilities, MappedLog, Space};

#[cfg(unix)]
pub(in crate::os) fn sync_dir(path: &Path) -> io::Result<()> {
    let dir = File::open(path)?;
    if !dir.metadata()?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    dir.sync_all()
}

/// Windows offers no directory sync. NTFS journals names in order, so a rename survives no earlier than its
/// journal is flushed, which a later `sync_data` of any file on the volume forces; see `docs/ASSUMPTIONS.md`.
#[cfg(not(unix))]
pub(in crate::os) fn sync_dir(path: &Path) -> io::Result<()> {
    if std::fs::metadata(path)?.is_dir() { Ok(()) } else { Err(io::ErrorKind::NotADirectory.into()) }
}

pub(in crate::os) fn reflink(_src: &Path, _dst: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(unix)]
pub(in crate::os) fn space(path: &Path) -> io::Result<Space> {
    let stat = rustix::fs::statvfs(path)?;
    Ok(Space {
        total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
        available_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
    })
}

#[cfg(not(unix))]
pub(in crate::os) fn space(_path: &Path) -> io::Result<Space> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(in crate::os) fn capabilities(_path: &Path) -> Capabilities {
    Capabilities::default()
}

/// No file system here is known to copy on write and to be able to do without.
pub(in crate::os) fn write_in_place(_file: &File) {}

/// The caller falls back to writing zeros.
pub(in crate::os) fn preallocate(_file: &File, _offset: u64, _len: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(in crate::os) fn punch_hole(_file: &File, _offset: u64, _len: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(in crate::os) fn advise(_file: &File, _access: Access) -> io::Result<()> {
    Ok(())
}

pub(in crate::os) fn map_log(_file: &File, _len: u64) -> io::Result<Arc<dyn MappedLog>> {
    Err(io::ErrorKind::Unsupported.into())
}
