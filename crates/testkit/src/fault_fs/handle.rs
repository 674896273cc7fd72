//! An open file, a mapped log and a held lock on a [`FaultFs`](crate::fault_fs::FaultFs).

use std::io;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use esker_env::fs::{Access, FileLock, FsFile, MappedLog, OpenOptions};

use crate::fault_fs::disk::Inode;
use crate::fault_fs::machine::{self, Machine, SharedMachine};
use crate::fault_fs::plan::{CallKind, Fault, WriteFault};
use crate::fault_fs::trace::{Call, Details};

/// An open file.
#[derive(Debug)]
pub(super) struct FaultFile {
    machine: SharedMachine,
    inode: Inode,
    /// As it was opened: for traces and bit flips.
    path: PathBuf,
    readable: bool,
    writable: bool,
}

impl FaultFile {
    /// The caller has counted the handle on the file.
    pub(super) fn new(machine: SharedMachine, inode: Inode, path: PathBuf, options: &OpenOptions) -> Self {
        Self { machine, inode, path, readable: options.read, writable: options.write }
    }

    fn mutate(
        &self,
        kind: CallKind,
        details: Details,
        work: impl FnOnce(&mut Machine, Fault) -> io::Result<()>,
    ) -> io::Result<()> {
        if !self.writable && kind != CallKind::Sync {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        machine::delay(&self.machine, kind);
        machine::lock(&self.machine).mutate(Call { kind, path: self.path.clone(), details }, work)
    }

    fn sync(&self, details: Details) -> io::Result<()> {
        self.mutate(CallKind::Sync, details, |machine, fault| {
            let file = machine.disk.file_mut(self.inode)?;
            match fault {
                Fault::None | Fault::Write(_) => file.sync(),
                Fault::Error(_) => file.doom(),
                Fault::Crash | Fault::Skip => {}
            }
            Ok(())
        })
    }

    fn write(&self, machine: &mut Machine, fault: Fault, buf: &[u8], offset: usize) -> io::Result<()> {
        let (bytes, offset) = match fault {
            Fault::Write(WriteFault::Lost) | Fault::Skip => return Ok(()),
            Fault::Write(WriteFault::Misdirected(offset)) => (buf, index(offset)?),
            Fault::Error(_) => (buf.get(..buf.len() / 2).unwrap_or_default(), offset),
            Fault::None | Fault::Crash => (buf, offset),
        };
        let end = offset.checked_add(bytes.len()).ok_or(io::ErrorKind::FileTooLarge)?;
        let result = machine.check_room(self.inode, end);
        let bytes = if result.is_ok() {
            bytes
        } else {
            let room = usize::try_from(machine.room()).unwrap_or(usize::MAX);
            let fits = (machine.disk.file(self.inode)?.len() + room).saturating_sub(offset);
            bytes.get(..fits).unwrap_or_default()
        };
        machine.disk.file_mut(self.inode)?.write(bytes, offset);
        result
    }
}

impl FsFile for FaultFile {
    fn read_at(&self, buf: &mut [u8], offset: u64) -> io::Result<usize> {
        if !self.readable {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        machine::delay(&self.machine, CallKind::Read);
        let mut machine = machine::lock(&self.machine);
        machine.read()?;
        let wanted =
            if machine.plan.short_reads && buf.len() > 1 { buf.len().div_ceil(2) } else { buf.len() };
        let bytes = machine.disk.file(self.inode)?.bytes();
        let rest = usize::try_from(offset).ok().and_then(|start| bytes.get(start..)).unwrap_or_default();
        let read = rest.len().min(wanted);
        let (Some(target), Some(source)) = (buf.get_mut(..read), rest.get(..read)) else { return Ok(0) };
        target.copy_from_slice(source);
        for flip in machine.plan.bit_flips.iter().filter(|flip| self.path.ends_with(&flip.file)) {
            let position = flip.offset.checked_sub(offset).and_then(|at| usize::try_from(at).ok());
            if let Some(byte) = position.and_then(|at| target.get_mut(at)) {
                *byte ^= flip.mask;
            }
        }
        Ok(read)
    }

    fn write_all_at(&self, buf: &[u8], offset: u64) -> io::Result<()> {
        let start = index(offset)?;
        self.mutate(CallKind::Write, Details::Range { offset, len: buf.len() as u64 }, |machine, fault| {
            self.write(machine, fault, buf, start)
        })
    }

    fn sync_data(&self) -> io::Result<()> {
        self.sync(Details::Nothing)
    }

    fn sync_all(&self) -> io::Result<()> {
        self.sync(Details::Note("all"))
    }

    fn len(&self) -> io::Result<u64> {
        let machine = machine::lock(&self.machine);
        machine.check_up()?;
        Ok(machine.disk.file(self.inode)?.len() as u64)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let new_len = index(len)?;
        self.mutate(CallKind::Truncate, Details::Len(len), |machine, fault| {
            if matches!(fault, Fault::Error(_)) {
                return Ok(());
            }
            machine.check_room(self.inode, new_len)?;
            machine.disk.file_mut(self.inode)?.set_len(new_len);
            Ok(())
        })
    }

    fn preallocate(&self, offset: u64, len: u64) -> io::Result<()> {
        let end = index(offset.checked_add(len).ok_or(io::ErrorKind::InvalidInput)?)?;
        self.mutate(CallKind::Preallocate, Details::Range { offset, len }, |machine, fault| {
            if len == 0 || matches!(fault, Fault::Error(_)) {
                return Ok(());
            }
            machine.check_room(self.inode, end)?;
            let file = machine.disk.file_mut(self.inode)?;
            if end > file.len() {
                file.set_len(end);
            }
            Ok(())
        })
    }

    fn punch_hole(&self, offset: u64, len: u64) -> io::Result<()> {
        let start = index(offset)?;
        let hole = usize::try_from(len).unwrap_or(usize::MAX);
        self.mutate(CallKind::Truncate, Details::Range { offset, len }, |machine, fault| {
            if !matches!(fault, Fault::Error(_)) {
                machine.disk.file_mut(self.inode)?.zero(start, hole);
            }
            Ok(())
        })
    }

    fn advise(&self, _access: Access) -> io::Result<()> {
        machine::lock(&self.machine).check_up()
    }

    fn map_log(&self, len: u64) -> io::Result<Arc<dyn MappedLog>> {
        if !self.readable || !self.writable {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let mut machine = machine::lock(&self.machine);
        machine.check_up()?;
        if !machine.maps_logs {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let file = machine.disk.file_mut(self.inode)?;
        if !len.is_multiple_of(8) || len > file.len() as u64 {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        file.handles += 1;
        let file = Self {
            machine: Arc::clone(&self.machine),
            inode: self.inode,
            path: self.path.clone(),
            readable: true,
            writable: true,
        };
        Ok(Arc::new(FaultMap { file, len }))
    }
}

/// The mapped beginning of a file. A copy into it is a call like any other, so that a crash may come at each.
#[derive(Debug)]
struct FaultMap {
    file: FaultFile,
    len: u64,
}

impl FaultMap {
    fn range(&self, range: &Range<u64>) -> io::Result<Range<usize>> {
        if range.start > range.end || range.end > self.len {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        Ok(index(range.start)?..index(range.end)?)
    }
}

impl MappedLog for FaultMap {
    fn populate(&self, range: Range<u64>) -> io::Result<()> {
        self.range(&range)?;
        machine::lock(&self.file.machine).check_up()
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let len = bytes.len() as u64;
        if !offset.is_multiple_of(8) || !len.is_multiple_of(8) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let range = self.range(&(offset..offset.checked_add(len).ok_or(io::ErrorKind::InvalidInput)?))?;
        self.file.mutate(CallKind::Copy, Details::Range { offset, len }, |machine, _| {
            machine.disk.file_mut(self.file.inode)?.copy(bytes, range.start);
            Ok(())
        })
    }

    fn sync(&self, range: Range<u64>) -> io::Result<()> {
        let within = self.range(&range)?;
        let details = Details::Range { offset: range.start, len: range.end - range.start };
        self.file.mutate(CallKind::Sync, details, |machine, fault| {
            let ignored = machine.plan.ignore_map_sync;
            let file = machine.disk.file_mut(self.file.inode)?;
            match fault {
                Fault::None if ignored => {}
                Fault::None | Fault::Write(_) => file.sync_range(within),
                Fault::Error(_) => file.doom(),
                Fault::Crash | Fault::Skip => {}
            }
            Ok(())
        })
    }
}

impl Drop for FaultFile {
    fn drop(&mut self) {
        if let Ok(file) = machine::lock(&self.machine).disk.file_mut(self.inode) {
            file.handles = file.handles.saturating_sub(1);
        }
    }
}

/// A held lock.
#[derive(Debug)]
pub(super) struct FaultLock {
    machine: SharedMachine,
    inode: Inode,
}

impl FileLock for FaultLock {}

impl FaultLock {
    /// The caller has marked the file as locked and counted a handle.
    pub(super) fn new(machine: SharedMachine, inode: Inode) -> Self {
        Self { machine, inode }
    }
}

impl Drop for FaultLock {
    fn drop(&mut self) {
        if let Ok(file) = machine::lock(&self.machine).disk.file_mut(self.inode) {
            file.locked = false;
            file.handles = file.handles.saturating_sub(1);
        }
    }
}

fn index(offset: u64) -> io::Result<usize> {
    // Half of memory is far beyond any test, and leaves room to add two of them.
    usize::try_from(offset).ok().filter(|&at| at <= usize::MAX / 4).ok_or(io::ErrorKind::FileTooLarge.into())
}
