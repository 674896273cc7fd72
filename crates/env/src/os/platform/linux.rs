//! What `std` lacks, on Linux, through `rustix`.
//!
//! The kernel has several ways to say "this file system cannot"; all of them become `Unsupported`, so that a
//! caller has one thing to test.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::{
    Advice, FallocateFlags, IFlags, fadvise, fallocate, fstatfs, ioctl_ficlone, ioctl_getflags,
    ioctl_setflags, statfs, statvfs,
};
use rustix::io::Errno;

use crate::fs::{Access, Capabilities, MappedLog, Space};
use crate::os::mapped_log::MappedRegion;

/// `f_type` of the file systems whose behaviour we know.
mod magic {
    pub(super) const EXT: u32 = 0xEF53;
    pub(super) const XFS: u32 = 0x5846_5342;
    pub(super) const TMPFS: u32 = 0x0102_1994;
    pub(super) const BTRFS: u32 = 0x9123_683E;
}

pub(in crate::os) fn sync_dir(path: &Path) -> io::Result<()> {
    let dir = File::open(path)?;
    if !dir.metadata()?.is_dir() {
        return Err(io::ErrorKind::NotADirectory.into());
    }
    dir.sync_all()
}

pub(in crate::os) fn reflink(src: &Path, dst: &Path) -> io::Result<()> {
    let src = File::open(src)?;
    let copy = File::options().write(true).create_new(true).open(dst)?;
    if is_in_place(&src) {
        // Blocks are only shared between files that are alike in this.
        write_in_place(&copy);
    }
    let result = retry(|| ioctl_ficlone(&copy, &src));
    if result.is_err() {
        // The empty file is ours: `create_new` made it. Its removal is best effort, the first error is the answer.
        let _ = std::fs::remove_file(dst);
    }
    result
}

pub(in crate::os) fn space(path: &Path) -> io::Result<Space> {
    let stat = statvfs(path)?;
    Ok(Space {
        total_bytes: stat.f_blocks.saturating_mul(stat.f_frsize),
        available_bytes: stat.f_bavail.saturating_mul(stat.f_frsize),
    })
}

pub(in crate::os) fn capabilities(path: &Path) -> Capabilities {
    let Ok(stat) = statfs(path) else { return Capabilities::default() };
    let kind = u32::try_from(stat.f_type).unwrap_or(0);
    Capabilities {
        // Not btrfs: it copies on write, so a preallocated range may still run out of space at a later overwrite.
        preallocate: is_mappable(kind),
        punch_hole: matches!(kind, magic::EXT | magic::XFS | magic::TMPFS | magic::BTRFS),
        reflink: matches!(kind, magic::XFS | magic::BTRFS),
        hard_link: matches!(kind, magic::EXT | magic::XFS | magic::TMPFS | magic::BTRFS),
        mapped_log: is_mappable(kind),
    }
}

/// Whether a write into allocated space can neither fail for want of space nor move elsewhere.
fn is_mappable(kind: u32) -> bool {
    matches!(kind, magic::EXT | magic::XFS | magic::TMPFS)
}

pub(in crate::os) fn map_log(file: &File, len: u64) -> io::Result<Arc<dyn MappedLog>> {
    if !is_mappable(u32::try_from(fstatfs(file)?.f_type).unwrap_or(0)) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    Ok(Arc::new(MappedRegion::new(file, len)?))
}

/// Only btrfs can write files in place that it would else copy on write, and only files that are still empty. Where it cannot
/// be done, the file is written as any other.
pub(in crate::os) fn write_in_place(file: &File) {
    if fstatfs(file).is_ok_and(|stat| u32::try_from(stat.f_type) == Ok(magic::BTRFS)) {
        let set = ioctl_getflags(file).and_then(|flags| ioctl_setflags(file, flags | IFlags::NOCOW));
        // A hint: a file that has content already, or lies in a compressed folder, stays as it is.
        let _ = set;
    }
}

/// Whether the file is one that [`write_in_place`] has made so.
fn is_in_place(file: &File) -> bool {
    ioctl_getflags(file).is_ok_and(|flags| flags.contains(IFlags::NOCOW))
}

pub(in crate::os) fn preallocate(file: &File, offset: u64, len: u64) -> io::Result<()> {
    retry(|| fallocate(file, FallocateFlags::empty(), offset, len))
}

pub(in crate::os) fn punch_hole(file: &File, offset: u64, len: u64) -> io::Result<()> {
    retry(|| fallocate(file, FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE, offset, len))
}

pub(in crate::os) fn advise(file: &File, access: Access) -> io::Result<()> {
    let advice = match access {
        Access::Random => Advice::Random,
        Access::Sequential => Advice::Sequential,
        Access::WillNeed => Advice::WillNeed,
        Access::DontNeed => Advice::DontNeed,
    };
    retry(|| fadvise(file, 0, None, advice))
}

/// Starts again after a signal, and gives the ways of saying "cannot" one name.
fn retry(mut call: impl FnMut() -> rustix::io::Result<()>) -> io::Result<()> {
    loop {
        match call() {
            Ok(()) => return Ok(()),
            Err(Errno::INTR) => {}
            Err(errno @ (Errno::OPNOTSUPP | Errno::NOSYS | Errno::NOTTY)) => {
                return Err(io::Error::new(io::ErrorKind::Unsupported, io::Error::from(errno)));
            }
            Err(errno) => return Err(errno.into()),
        }
    }
}
