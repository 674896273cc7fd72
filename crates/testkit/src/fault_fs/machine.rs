//! The machine: a disk, a plan of what shall go wrong, and the count of calls so far.
//!
//! Every call comes through [`Machine::mutate`] or [`Machine::read`]: count it, ask the plan, let it do (part of)
//! its work on the disk, trace it. One mutex guards it all, so calls have one order.
//!
//! Not here: which calls there are ([`crate::fault_fs`], [`crate::fault_fs::handle`]).

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::fault_fs::disk::{Disk, Inode};
use crate::fault_fs::plan::{CallKind, Fault, FaultPlan};
use crate::fault_fs::trace::{Call, Trace};

/// The message of every call on a machine that is down.
pub(super) const DOWN: &str = "the machine is down";

/// What the mutex guards.
#[derive(Debug)]
pub(super) struct Machine {
    pub(super) disk: Disk,
    pub(super) plan: FaultPlan,
    pub(super) ordinal: u64,
    pub(super) counts: BTreeMap<CallKind, u64>,
    pub(super) down: bool,
    /// Whether logs can be mapped.
    pub(super) maps_logs: bool,
    pub(super) trace: Trace,
}

/// A machine that a file system and its open files share.
pub(super) type SharedMachine = Arc<Mutex<Machine>>;

pub(super) fn lock(machine: &SharedMachine) -> MutexGuard<'_, Machine> {
    machine.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Machine {
    pub(super) fn new(disk: Disk, plan: FaultPlan) -> Self {
        Self {
            disk,
            plan,
            ordinal: 0,
            counts: BTreeMap::new(),
            down: false,
            maps_logs: true,
            trace: Trace::default(),
        }
    }

    pub(super) fn check_up(&self) -> io::Result<()> {
        if self.down { Err(io::Error::other(DOWN)) } else { Ok(()) }
    }

    /// Runs one mutating call. `work` does what the fault leaves of it; a crash or an injected error then hides its
    /// result from the caller.
    pub(super) fn mutate<T>(
        &mut self,
        call: Call,
        work: impl FnOnce(&mut Self, Fault) -> io::Result<T>,
    ) -> io::Result<T> {
        self.check_up()?;
        self.ordinal += 1;
        let ordinal = self.ordinal;
        let nth = self.count(call.kind);
        let fault = self.plan.fault(call.kind, nth, Some(ordinal));
        let worked = work(self, fault);
        let result = match fault {
            Fault::Crash => {
                self.down = true;
                Err(io::Error::other(DOWN))
            }
            Fault::Error(error) => Err(error.to_io()),
            Fault::None | Fault::Skip | Fault::Write(_) => worked,
        };
        self.trace.add(ordinal, call, fault, result.as_ref().err().map(ToString::to_string));
        result
    }

    /// Counts one read and says whether it fails.
    pub(super) fn read(&mut self) -> io::Result<()> {
        self.check_up()?;
        let nth = self.count(CallKind::Read);
        match self.plan.fault(CallKind::Read, nth, None) {
            Fault::Error(error) => Err(error.to_io()),
            _ => Ok(()),
        }
    }

    fn count(&mut self, kind: CallKind) -> u64 {
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        *count
    }

    /// How many more bytes files may hold.
    pub(super) fn room(&self) -> u64 {
        let Some(budget) = self.plan.budget_bytes else { return u64::MAX };
        budget.saturating_sub(self.disk.used_bytes())
    }

    /// Whether a file may grow to a length.
    pub(super) fn check_room(&self, inode: Inode, len: usize) -> io::Result<()> {
        let grown = len.saturating_sub(self.disk.file(inode)?.len());
        if grown as u64 > self.room() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

/// Takes as long as the plan says, without the machine's lock.
pub(super) fn delay(machine: &SharedMachine, kind: CallKind) {
    let delay = lock(machine).plan.delay(kind);
    if let Some((clock, duration)) = delay {
        clock.sleep(duration);
    }
}
