//! [`FaultFs`]: a file system in memory that fails, lies, and loses power, on demand and always the same way.
//!
//! It keeps, for each file, which bytes are synced, and for each directory, which names are. [`FaultFs::crash`]
//! makes the disk that a power loss would leave under a [`CrashPolicy`]: a new `FaultFs`, so
//! that one crash can be survived in many ways. A [`FaultPlan`] says what goes wrong before:
//! crashes, errors, a full disk, short reads, flipped bits, lost and misdirected writes, syncs that lie.
//!
//! ```
//! use std::path::Path;
//! use esker_env::fs::{Fs, OpenOptions};
//! use esker_testkit::fault_fs::{FaultFs, crash::CrashPolicy};
//!
//! let fs = FaultFs::new();
//! let file = fs.open(Path::new("log"), &OpenOptions::create_new())?;
//! file.write_all_at(b"synced", 0)?;
//! file.sync_data()?;
//! fs.sync_dir(Path::new("/"))?;
//! file.write_all_at(b"unsynced", 6)?;
//! let disk = fs.crash(CrashPolicy::LoseUnsynced);
//! assert_eq!(disk.contents(Path::new("log"))?, b"synced");
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! Clones share the machine. Everything is deterministic as long as the calls come in one order.
//!
//! Not here: running a script through every crash ([`crate::enumerate`]).

pub mod crash;
mod disk;
mod file;
mod handle;
mod machine;
pub mod plan;
mod survivors;
mod trace;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use esker_env::fs::{Capabilities, DirEntry, FileLock, Fs, FsFile, Metadata, OpenOptions, Space};

use crate::fault_fs::crash::CrashPolicy;
use crate::fault_fs::disk::{Disk, Node, components};
use crate::fault_fs::handle::{FaultFile, FaultLock};
use crate::fault_fs::machine::{DOWN, Machine, SharedMachine};
use crate::fault_fs::plan::{CallKind, Fault, FaultPlan};
use crate::fault_fs::survivors::survivors;
use crate::fault_fs::trace::{Call, Details};

/// A file system with faults.
#[derive(Clone, Debug)]
pub struct FaultFs {
    machine: SharedMachine,
}

impl FaultFs {
    /// An empty disk on which nothing goes wrong.
    #[must_use]
    pub fn new() -> Self {
        Self::with_plan(FaultPlan::default())
    }

    /// An empty disk with a plan.
    #[must_use]
    pub fn with_plan(plan: FaultPlan) -> Self {
        Self::with_disk(Disk::new(), plan)
    }

    fn with_disk(disk: Disk, plan: FaultPlan) -> Self {
        Self { machine: Arc::new(Mutex::new(Machine::new(disk, plan))) }
    }

    /// Sets a new plan; calls are counted from here on, and the trace starts anew.
    pub fn set_plan(&self, plan: FaultPlan) {
        let mut machine = machine::lock(&self.machine);
        machine.plan = plan;
        machine.ordinal = 0;
        machine.counts.clear();
        machine.trace.clear();
    }

    /// The disk after a power loss right now. This machine is left as it is.
    #[must_use]
    pub fn crash(&self, policy: CrashPolicy) -> Self {
        let machine = machine::lock(&self.machine);
        let survivor = Self::with_disk(survivors(&machine.disk, policy), FaultPlan::default());
        survivor.set_maps_logs(machine.maps_logs);
        survivor
    }

    /// Whether logs can be mapped here, and on every disk that a crash leaves. They can unless told otherwise.
    pub fn set_maps_logs(&self, yes: bool) {
        machine::lock(&self.machine).maps_logs = yes;
    }

    /// Takes the machine down: every call fails from now on.
    pub fn power_off(&self) {
        machine::lock(&self.machine).down = true;
    }

    /// Whether the machine is down.
    #[must_use]
    pub fn is_down(&self) -> bool {
        machine::lock(&self.machine).down
    }

    /// Makes everything durable without counting a call: for setting a stage.
    pub fn settle(&self) {
        machine::lock(&self.machine).disk.sync_all();
    }

    /// How many mutating calls there were: the highest ordinal.
    #[must_use]
    pub fn mutating_calls(&self) -> u64 {
        machine::lock(&self.machine).ordinal
    }

    /// How many calls of a kind there were.
    #[must_use]
    pub fn calls(&self, kind: CallKind) -> u64 {
        machine::lock(&self.machine).counts.get(&kind).copied().unwrap_or_default()
    }

    /// The last few thousand mutating calls, one line each: ordinal, kind, path, details, fault, outcome. A sync of all metadata
    /// is marked `(all)`, the creation of a file to be written in place `(in place)`.
    #[must_use]
    pub fn trace(&self) -> Vec<String> {
        machine::lock(&self.machine).trace.lines()
    }

    /// A file's bytes as the living see them, without counting a read.
    ///
    /// # Errors
    /// `NotFound`, `IsADirectory`.
    pub fn contents(&self, path: &Path) -> io::Result<Vec<u8>> {
        let machine = machine::lock(&self.machine);
        let inode = machine.disk.find_file(path)?;
        Ok(machine.disk.file(inode)?.bytes().to_vec())
    }

    /// Replaces a file's bytes, durably and without counting a call: damage on the device.
    ///
    /// # Errors
    /// `NotFound`, `IsADirectory`.
    pub fn set_contents(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut machine = machine::lock(&self.machine);
        let inode = machine.disk.find_file(path)?;
        let file = machine.disk.file_mut(inode)?;
        file.set_len(bytes.len());
        file.write(bytes, 0);
        file.sync();
        Ok(())
    }

    fn call<T>(
        &self,
        kind: CallKind,
        path: &Path,
        details: Details,
        work: impl FnOnce(&mut Disk) -> io::Result<T>,
    ) -> io::Result<T>
    where
        T: Default,
    {
        machine::delay(&self.machine, kind);
        let call = Call { kind, path: path.to_owned(), details };
        machine::lock(&self.machine).mutate(call, |machine, fault| match fault {
            Fault::Error(_) | Fault::Skip => Ok(T::default()),
            Fault::None | Fault::Crash | Fault::Write(_) => work(&mut machine.disk),
        })
    }

    /// Creates a file if need be, counting the call only then.
    fn ensure_file(&self, path: &Path, options: &OpenOptions) -> io::Result<()> {
        let found = {
            let machine = machine::lock(&self.machine);
            machine.check_up()?;
            machine.disk.find(path).map(|inode| matches!(machine.disk.node(inode), Ok(Node::Dir(_))))
        };
        match found {
            Ok(_) if options.create_new => Err(io::ErrorKind::AlreadyExists.into()),
            Ok(true) => Err(io::ErrorKind::IsADirectory.into()),
            Ok(false) if options.truncate => self.call(CallKind::Truncate, path, Details::Len(0), |disk| {
                let inode = disk.find_file(path)?;
                disk.file_mut(inode)?.set_len(0);
                Ok(())
            }),
            Ok(false) => Ok(()),
            Err(error)
                if error.kind() == io::ErrorKind::NotFound && (options.create || options.create_new) =>
            {
                let details = if options.in_place { Details::Note("in place") } else { Details::Nothing };
                self.call(CallKind::Create, path, details, |disk| disk.create_file(path).map(|_| ()))
            }
            Err(error) => Err(error),
        }
    }
}

impl Default for FaultFs {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether an error only says that the machine is down.
#[must_use]
pub fn is_machine_down(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inside| inside.to_string() == DOWN)
}

impl Fs for FaultFs {
    fn open(&self, path: &Path, options: &OpenOptions) -> io::Result<Arc<dyn FsFile>> {
        options.validate()?;
        self.ensure_file(path, options)?;
        let mut machine = machine::lock(&self.machine);
        let inode = machine.disk.find_file(path)?;
        machine.disk.file_mut(inode)?.handles += 1;
        Ok(Arc::new(FaultFile::new(Arc::clone(&self.machine), inode, path.to_owned(), options)))
    }

    fn create_dir_all(&self, path: &Path) -> io::Result<()> {
        let mut prefix = PathBuf::from("/");
        for name in components(path) {
            prefix.push(name);
            let found = {
                let machine = machine::lock(&self.machine);
                machine.check_up()?;
                machine.disk.find(&prefix).and_then(|inode| machine.disk.dir(inode).map(|_| ()))
            };
            match found {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    self.call(CallKind::Create, &prefix, Details::Nothing, |disk| {
                        disk.create_dir(&prefix).map(|_| ())
                    })?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn read_dir(&self, path: &Path) -> io::Result<Vec<DirEntry>> {
        let machine = machine::lock(&self.machine);
        machine.check_up()?;
        let mut entries = Vec::new();
        for (name, &inode) in &machine.disk.dir(machine.disk.find(path)?)?.live {
            let Metadata { len, is_dir } = metadata(machine.disk.node(inode)?);
            entries.push(DirEntry { name: name.clone(), is_dir, len });
        }
        Ok(entries)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call(CallKind::Rename, from, Details::To(to.to_owned()), |disk| disk.rename(from, to))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.call(CallKind::Unlink, path, Details::Nothing, |disk| disk.remove_file(path))
    }

    fn remove_dir(&self, path: &Path) -> io::Result<()> {
        self.call(CallKind::Unlink, path, Details::Nothing, |disk| disk.remove_dir(path))
    }

    fn metadata(&self, path: &Path) -> io::Result<Metadata> {
        let machine = machine::lock(&self.machine);
        machine.check_up()?;
        Ok(metadata(machine.disk.node(machine.disk.find(path)?)?))
    }

    fn sync_dir(&self, path: &Path) -> io::Result<()> {
        machine::delay(&self.machine, CallKind::SyncDir);
        let call = Call { kind: CallKind::SyncDir, path: path.to_owned(), details: Details::Nothing };
        machine::lock(&self.machine).mutate(call, |machine, fault| {
            let dir = machine.disk.find(path)?;
            machine.disk.dir(dir)?;
            if fault == Fault::None {
                machine.disk.sync_dir(dir);
            }
            Ok(())
        })
    }

    fn hard_link(&self, src: &Path, dst: &Path) -> io::Result<()> {
        self.call(CallKind::Link, src, Details::To(dst.to_owned()), |disk| {
            let inode = disk.find_file(src)?;
            disk.link(inode, dst)
        })
    }

    fn reflink(&self, src: &Path, dst: &Path) -> io::Result<()> {
        machine::delay(&self.machine, CallKind::Link);
        let call = Call { kind: CallKind::Link, path: src.to_owned(), details: Details::To(dst.to_owned()) };
        machine::lock(&self.machine).mutate(call, |machine, fault| {
            if matches!(fault, Fault::Error(_)) {
                return Ok(());
            }
            let src = machine.disk.find_file(src)?;
            let bytes = machine.disk.file(src)?.bytes().to_vec();
            if bytes.len() as u64 > machine.room() {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let copy = machine.disk.create_file(dst)?;
            machine.disk.file_mut(copy)?.write(&bytes, 0);
            Ok(())
        })
    }

    fn lock(&self, path: &Path) -> io::Result<Box<dyn FileLock>> {
        self.ensure_file(path, &OpenOptions::create())?;
        let mut machine = machine::lock(&self.machine);
        let inode = machine.disk.find_file(path)?;
        let file = machine.disk.file_mut(inode)?;
        if file.locked {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        file.locked = true;
        file.handles += 1;
        Ok(Box::new(FaultLock::new(Arc::clone(&self.machine), inode)))
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        let machine = machine::lock(&self.machine);
        machine.check_up()?;
        machine.disk.find(path)?;
        let total_bytes = machine.plan.budget_bytes.unwrap_or(u64::MAX);
        Ok(Space { total_bytes, available_bytes: machine.room() })
    }

    fn capabilities(&self, _path: &Path) -> Capabilities {
        Capabilities {
            preallocate: true,
            punch_hole: true,
            reflink: true,
            hard_link: true,
            mapped_log: machine::lock(&self.machine).maps_logs,
        }
    }
}

fn metadata(node: &Node) -> Metadata {
    match node {
        Node::File(file) => Metadata { len: file.len() as u64, is_dir: false },
        Node::Dir(_) => Metadata { len: 0, is_dir: true },
    }
}

#[cfg(test)]
mod tests;
